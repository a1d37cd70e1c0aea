"""Roles and their rights, as rows: a right is the name of an act, or `<noun>.see` of a list."""

from collections.abc import Collection, Sequence
from difflib import get_close_matches

from database.connection import Connection
from people import staff
from people.refusal import Refused

_known: set[str] = set()


def know(rights: Collection[str]) -> None:
    """The house says once which rights there are: its acts and its lists."""
    _known.update(rights)


def known() -> list[str]:
    """Every right there is."""
    return sorted(_known)


def rights(connection: Connection) -> dict[str, list[str]]:
    """Role -> its rights, in the order of the roles."""
    rows = connection.execute(
        """
        select r.code, array(select g.may from people.role_right g where g.role = r.code
                             order by g.may)
        from people.role r order by r.position, r.code
        """
    )
    return dict(rows.fetchall())


def change(
    connection: Connection,
    role: str,
    may: Sequence[str],
) -> list[str]:
    """Give a role these rights and no others; returns those it had.

    Somebody stays who may change rights.
    Raises Refused role_unknown, right_unknown, role_locks_out.
    """
    _check(may)
    held = connection.execute("select from people.role where code = %s for update", [role])
    if held.fetchone() is None:
        raise Refused("role_unknown", role=role)
    before = rights(connection)[role]
    connection.execute(
        "delete from people.role_right where role = %s and may <> all (%s)", [role, list(may)]
    )
    connection.execute(
        "insert into people.role_right select %s, unnest(%s::text[]) on conflict do nothing",
        [role, sorted(set(may))],
    )
    if not _somebody_may(connection, "role.change"):
        raise Refused("role_locks_out")
    staff.somebody_binds(connection)
    return before


def _check(may: Sequence[str]) -> None:
    for right in may:
        if right not in _known:
            near = get_close_matches(right, sorted(_known), 1, 0.5)
            raise Refused("right_unknown", right=right, near=near[0] if near else "–")


def _somebody_may(connection: Connection, right: str) -> bool:
    row = connection.execute(
        "select from people.person p join people.role_right g on g.role = p.role "
        "where p.active and g.may = %s limit 1",
        [right],
    )
    return row.fetchone() is not None
