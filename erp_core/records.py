"""Documents that are one row of one table: made, changed as their person saw them, taken back.

What is particular to a noun is its model (the columns) and its rule; the rest is the same for all.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

from psycopg import errors, sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from database.connection import Connection
from erp_core.codes import like
from erp_core.refusal import Refused
from people.acts import Deed, Done, Kind, Kinds, Outcome, check_undo
from people.arguments import Arguments, partly, whole

Row = dict[str, Any]
Broken = tuple[str, Refused]  # the field, and why it cannot be so
Rule = Callable[[Connection, Row | None, Row], Iterator[Broken]]


def no_rule(_connection: Connection, _before: Row | None, _after: Row) -> Iterator[Broken]:
    """Nothing beyond what the model says."""
    yield from ()


@dataclass(frozen=True, slots=True)
class Record:
    """A noun whose documents are rows of `table`, with a `code` and a `version`.

    `model`: the columns that people give. `rule`: what may not be, before (None: it is new) and
    after.
    """

    noun: str
    table: tuple[str, str]
    model: type[Arguments]
    rule: Rule = no_rule

    @property
    def name(self) -> sql.Identifier:
        """The table in SQL."""
        return sql.Identifier(*self.table)


def acts(record: Record) -> Kinds:
    """`noun.create` and `noun.change`, both with undo."""
    back = partial(undo, record=record)
    return {
        f"{record.noun}.create": Kind(record.model, partial(_create, record=record), back),
        f"{record.noun}.change": Kind(
            partly(record.model, record.noun), partial(_change, record=record), back
        ),
    }


def _create(deed: Deed, given: Arguments, record: Record) -> Outcome:
    make(deed, record, given.model_dump())
    return told(deed, record, given.model_dump()["code"], None, "created")


def _change(deed: Deed, given: Arguments, record: Record) -> Outcome:
    before = seen(deed, record, getattr(given, record.noun), getattr(given, "version", None))
    was = write(deed.connection, record, before, whole(given, record.model, before))
    if not was:
        raise Refused("nothing_changes", name=before["code"])
    return told(deed, record, before["code"], was, "changed")


def find(connection: Connection, record: Record, code: str, *, lock: bool = False) -> Row | None:
    """The row of that code; with `lock`, nobody else changes it until the transaction ends."""
    query = sql.SQL("select * from {} where code = %s {}").format(
        record.name, sql.SQL("for no key update" if lock else "")
    )
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, [code]).fetchone()


def make(deed: Deed, record: Record, given: Row) -> None:
    """Insert a row; raises Refused code_there, code_like and what the noun's rule says."""
    code = given["code"]
    other = like(code, codes(deed.connection, record))
    if other == code:
        raise Refused("code_there", name=code)
    if other is not None:
        raise Refused("code_like", name=code, other=other)
    _keep(deed.connection, record, None, given)
    values = {name: given[name] for name in record.model.model_fields}
    try:
        _insert(deed.connection, record, values)
    except errors.UniqueViolation:  # somebody was faster by a blink
        raise Refused("code_there", name=code) from None


def codes(connection: Connection, record: Record) -> list[str]:
    """All codes of the noun."""
    rows = connection.execute(sql.SQL("select code from {} order by 1").format(record.name))
    return [code for (code,) in rows]


def seen(deed: Deed, record: Record, code: str, version: int | None) -> Row:
    """The row, locked, as the person saw it; raises Refused."""
    row = find(deed.connection, record, code, lock=True)
    if row is None:
        raise Refused("document_not_there", name=code)
    if version is not None and version != row["version"]:
        who, at = deed.last_change(record.noun, code)
        raise Refused("changed_meanwhile", name=code, who=who, at=at)
    return row


def write(connection: Connection, record: Record, before: Row, after: Row) -> Row:
    """Write what differs; returns what it was before. Raises Refused by the noun's rule."""
    was = {n: before[n] for n in record.model.model_fields if before[n] != after[n]}
    if was:
        _keep(connection, record, before, after)
        put(connection, record, before["code"], {name: after[name] for name in was})
    return was


def _keep(connection: Connection, record: Record, before: Row | None, after: Row) -> None:
    for _, refused in record.rule(connection, before, after):
        raise refused


def _insert(connection: Connection, record: Record, values: Row) -> None:
    names = sql.SQL(", ").join(map(sql.Identifier, values))
    query = sql.SQL(
        "insert into {0} ({1}) select {1} from jsonb_populate_record(null::{0}, %s)"
    ).format(record.name, names)
    with connection.transaction():
        connection.execute(query, [Jsonb(plain(values))])


def put(connection: Connection, record: Record, code: str, values: Mapping[str, Any]) -> None:
    """Set these columns, also from values as an outcome tells them."""
    names = sql.SQL(", ").join(map(sql.Identifier, values))
    query = sql.SQL(
        "update {0} set ({1}) = (select {1} from jsonb_populate_record(null::{0}, %s)) "
        "where code = %s"
    ).format(record.name, names)
    connection.execute(query, [Jsonb(plain(values)), code])


def count_version(connection: Connection, record: Record, code: str) -> None:
    """Something that belongs to the document but stands beside its row was changed."""
    query = sql.SQL("update {} set version = version + 1 where code = %s").format(record.name)
    connection.execute(query, [code])


def told(
    deed: Deed, record: Record, code: str, before: Mapping[str, Any] | None, message: str
) -> Outcome:
    """What became of it; `before`: the values that were changed, None when it was made."""
    deed.touches(record.noun, code)
    row = find(deed.connection, record, code)
    return {
        "message": f"{record.noun}_{message}", record.noun: code,
        "version": row["version"] if row else None,
        "before": None if before is None else plain(before),
    }  # fmt: skip


def plain(values: Mapping[str, Any]) -> Row:
    """Values as JSON holds them, every digit kept."""
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if isinstance(value, date) else value


def undo(deed: Deed, done: Done, reason: str | None, record: Record) -> Outcome:
    """The document is as it was before, if nothing was changed of it since."""
    check_undo(deed, done, reason)
    code, was = str(done.outcome[record.noun]), done.outcome["before"]
    as_left(deed.connection, record, code, done.outcome["version"])
    if was is None:
        remove(deed.connection, record, code)
    else:
        put(deed.connection, record, code, was)
    return {**told(deed, record, code, None, "changed"), "message": "undone"}


def as_left(connection: Connection, record: Record, code: str, version: int) -> None:
    """Lock the row; raises Refused undo_stands when it was changed since."""
    row = find(connection, record, code, lock=True)
    if row is None or row["version"] != version:
        raise Refused("undo_stands", name=code)


def remove(connection: Connection, record: Record, code: str) -> None:
    """Take a row back that nothing names yet; raises Refused undo_used."""
    try:
        with connection.transaction():
            connection.execute(
                sql.SQL("delete from {} where code = %s").format(record.name), [code]
            )
    except errors.ForeignKeyViolation:
        raise Refused("undo_used", name=code) from None
