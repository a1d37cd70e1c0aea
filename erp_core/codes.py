"""Codes as they are printed, typed and scanned, and the one on file that is meant.

Scanners and keyboards in another mode send full-width characters or another case, and labels carry
the prefix of their kind (`WO:1001`) or leave it out. What is written exactly like a code on file is
that code; anything else is taken only where it can mean one alone.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal

from psycopg import sql

from database.connection import Connection
from people.codes import LONGEST, alike, without_prefix

Kind = Literal["work_order", "die", "lot", "reason"]

PREFIXES: Mapping[str, str] = MappingProxyType(
    {"work_order": "WO", "die": "DIE", "reason": "RSN", "lot": "LOT"}
)

_MEANT = sql.SQL("""
select t.code from (select distinct code from {table}) t
where upper(normalize(t.code, nfkc)) = any (
  select upper(normalize(form, nfkc)) from unnest(%(forms)s::text[]) form)
order by t.code <> all (%(forms)s::text[]), t.code limit 2
""")


def meant(connection: Connection, kind: Kind, given: str) -> str | None:
    """The code on file that was printed, typed or scanned as given; None when there is none.

    None, too, when it is written like several and exactly like none of them.
    """
    text = given.strip()[:LONGEST]
    forms = [form for form in (text, without_prefix(PREFIXES[kind], text)) if form]
    found = connection.execute(
        _MEANT.format(table=sql.Identifier("erp", kind)), {"forms": forms}
    ).fetchall()
    codes = [code for (code,) in found]
    return codes[0] if len(codes) == 1 or (codes and codes[0] in forms) else None


def like(code: str, there: Iterable[str]) -> str | None:
    """A code that is there and that a reader takes for this one: itself before any other."""
    shown = alike(code)
    found = [other for other in there if alike(other) == shown]
    return code if code in found else min(found, default=None)


def read(connection: Connection, text: str) -> list[tuple[str, str]]:
    """What a scanned text can mean here: prefix of the kind and code, likeliest first."""
    found = ((PREFIXES[kind], meant(connection, kind, text)) for kind in _KINDS)
    return [(prefix, code) for prefix, code in found if code is not None]


_KINDS: tuple[Kind, ...] = ("work_order", "die", "reason", "lot")
