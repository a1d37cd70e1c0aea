"""Reasons that this plant knows: why a press stood, parts are scrap, a cavity is closed.

The standard ones come with the program; a plant adds its own with `[[reason]]` in its masters.
"""

from collections.abc import Iterable
from typing import Literal

from database.connection import Connection
from erp_core import codes as printed

Kind = Literal["stop", "scrap", "close", "reject"]


def codes(connection: Connection, kind: Kind) -> list[str]:
    """The codes of one kind, the standard ones first."""
    rows = connection.execute(
        "select code from erp.reason where kind = %s order by position", [kind]
    )
    return [code for (code,) in rows]


def kinds(connection: Connection, code: str) -> list[Kind]:
    """What a reason explains; nothing when the plant does not know it."""
    rows = connection.execute("select kind from erp.reason where code = %s order by kind", [code])
    return [kind for (kind,) in rows]


def meant(connection: Connection, kind: Kind, given: str) -> str | None:
    """The reason of this kind that was scanned or chosen; None when there is none."""
    code = printed.meant(connection, "reason", given)
    return code if code is not None and kind in kinds(connection, code) else None


def plan(connection: Connection, planned: Iterable[tuple[str, bool]]) -> None:
    """Say of stop reasons whether such a stop is planned: no loss, as a break."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "update erp.reason set planned = %s where kind = 'stop' and code = %s",
            [(is_planned, code) for code, is_planned in planned],
        )


def add(connection: Connection, added: Iterable[tuple[Kind, str]]) -> None:
    """Let the plant have these reasons, too; one that it has already stays where it is."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into erp.reason (kind, code) values (%s, %s) on conflict do nothing",
            list(added),
        )
