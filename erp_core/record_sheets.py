"""Sheets of nouns that are one row each: written in bulk, taken back by their versions."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, LiteralString

from psycopg import sql
from psycopg.types.json import Jsonb

from database.connection import Connection
from erp_core import records
from erp_core.records import Record, Row
from erp_core.refusal import Refused
from people.acts import Deed
from people.codes import alike
from people.sheets import Broken, Change, Key, Sheet, plain


def of(record: Record, name: str, rows: LiteralString) -> Sheet:
    """The sheet of a record beside the list of that name; `rows` selects the model's columns."""
    return Sheet(
        name, record.noun, record.model, ("code",), rows,
        partial(_lock, record), partial(_rule, record), partial(_write, record),
        partial(_undo, record),
    )  # fmt: skip


def _lock(record: Record, connection: Connection, codes: Sequence[str]) -> None:
    query = sql.SQL("select from {} where code = any(%s) order by code for no key update")
    connection.execute(query.format(record.name), [list(codes)])


def _rule(record: Record, connection: Connection, changes: Sequence[Change]) -> Iterator[Broken]:
    """Codes that a reader takes for others, also within the file; then the noun's own rule."""
    like = {alike(code): code for code in records.codes(connection, record)}
    for change in changes:
        code = change.after["code"]
        other = like.setdefault(alike(code), code)
        if change.before is None and other != code:
            yield change, "code", Refused("code_like", name=code, other=other)
        for name, broken in record.rule(connection, change.before, change.after):
            yield change, name, broken


def _write(record: Record, deed: Deed, changes: Sequence[Change]) -> None:
    new = [plain(change.after) for change in changes if change.before is None]
    old = [plain(change.after) for change in changes if change.before is not None]
    versions = {**_run(record, deed, _INSERT, new), **_run(record, deed, _UPDATE, old)}
    for change in changes:
        change.version = versions[change.after["code"]]


_INSERT = sql.SQL("""
insert into {table} ({names}) select {names} from jsonb_populate_recordset(null::{table}, %s)
returning code, version
""")
_UPDATE = sql.SQL("""
update {table} t set ({names}) = row({given})
from jsonb_populate_recordset(null::{table}, %s) g where t.code = g.code
returning t.code, t.version
""")


def _run(record: Record, deed: Deed, query: sql.SQL, rows: list[Row]) -> dict[str, int]:
    if not rows:
        return {}
    names = list(record.model.model_fields)
    composed = query.format(
        table=record.name,
        names=sql.SQL(", ").join(map(sql.Identifier, names)),
        given=sql.SQL(", ").join(sql.Identifier("g", name) for name in names),
    )
    return dict(deed.connection.execute(composed, [Jsonb(rows)]).fetchall())


def _undo(record: Record, deed: Deed, rows: Sequence[tuple[Key, int, Any]]) -> None:
    _lock(record, deed.connection, [code for (code,), _, _ in rows])
    for (code,), version, _ in rows:
        records.as_left(deed.connection, record, code, version)
    for (code,), _, before in rows:
        if before is None:
            records.remove(deed.connection, record, code)
        else:
            records.put(deed.connection, record, code, before)
