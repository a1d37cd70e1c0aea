"""The history of a document: what people did to it, and what the database saw change."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import class_row

from database.connection import Connection


@dataclass(frozen=True, slots=True)
class Step:
    """An act about a document, or (without one) a change that the program made by itself.

    `changes`: column, before and after of the document's own row. `undone`: it was taken back.
    """

    at: datetime
    act: UUID | None
    what: str | None
    who: str | None
    reason: str | None
    changes: list[tuple[str, Any, Any]]
    undone: bool


@dataclass(frozen=True, slots=True)
class _Row:
    at: datetime
    act: UUID | None
    what: str | None
    who: str | None
    reason: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    undone: bool


def of(connection: Connection, noun: str, table: str, key: str, most: int = 50) -> list[Step]:
    """The newest `most` steps of one document, newest first; `table` is where its row stands."""
    with connection.cursor(row_factory=class_row(_Row)) as cursor:
        rows = cursor.execute(
            STEPS, {"document": f"{noun}/{key}", "table": table, "key": key, "most": most}
        ).fetchall()
    return [
        Step(
            row.at,
            row.act,
            row.what,
            row.who,
            row.reason,
            _differing(row.before, row.after),
            row.undone,
        )
        for row in _one_an_act(rows)
    ]


def _one_an_act(rows: list[_Row]) -> list[_Row]:
    """Several changes by one act are one step, from what was before the first to after the last."""
    steps: dict[object, _Row] = {}
    for n, row in enumerate(rows):
        key = row.act or n
        later = steps.get(key)
        steps[key] = row if later is None else _joined(row, later)
    return list(steps.values())


def _joined(earlier: _Row, later: _Row) -> _Row:
    before = earlier.before and {**(later.before or {}), **earlier.before}
    after = later.after and {**(earlier.after or {}), **later.after}
    return replace(later, before=before, after=after)


def _differing(
    before: dict[str, Any] | None, after: dict[str, Any] | None
) -> list[tuple[str, Any, Any]]:
    if before is None or after is None:
        return []  # made or gone: the act says so
    return [(name, before[name], after.get(name)) for name in before if name not in COUNTED]


COUNTED = frozenset({"version", "row_version"})  # columns that count changes

STEPS = """
with done as (
  select a.recorded_at as at, a.id as act, a.act as what, a.who,
         a.args ->> 'reason' as reason, a.token
  from people.act_about d join people.act a on a.id = d.act
  where d.document = %(document)s
  order by a.recorded_at desc limit %(most)s
), changed as (
  select id, at, act, before, after
  from people.change where "table" = %(table)s and key = %(key)s order by id desc limit %(most)s
)
select coalesce(d.at, c.at) as at, coalesce(d.act, c.act) as act, d.what,
       nullif(concat_ws(' · ', coalesce(e.name, d.who), t.name), '') as who, d.reason,
       c.before, c.after,
       exists (select from people.act u where u.undoes = d.act)
         as undone
from done d
full join changed c on c.act = d.act
left join people.person e on e.code = d.who
left join people.token t on t.id = d.token
order by 1 desc, c.id desc limit %(most)s
"""
