"""Sheets of nouns that are one row each: written in bulk, taken back by their versions."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, LiteralString

from psycopg import errors, sql
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


def _run(
    record: Record, deed: Deed, query: sql.SQL, rows: list[Row], only: Sequence[str] = ()
) -> dict[str, int]:
    """Write these columns of rows (all, where none are named) in one statement; their versions."""
    if not rows:
        return {}
    names = only or list(record.model.model_fields)
    composed = query.format(
        table=record.name,
        names=sql.SQL(", ").join(map(sql.Identifier, names)),
        given=sql.SQL(", ").join(sql.Identifier("g", name) for name in names),
    )
    return dict(deed.connection.execute(composed, [Jsonb(rows)]).fetchall())


def _undo(record: Record, deed: Deed, rows: Sequence[tuple[Key, int, Any]]) -> None:
    codes = [code for (code,), _, _ in rows]
    _lock(record, deed.connection, codes)
    query = sql.SQL("select code, version from {} where code = any(%s)").format(record.name)
    there = dict(deed.connection.execute(query, [codes]).fetchall())
    for (code,), version, _ in rows:
        if there.get(code) != version:
            raise Refused("undo_stands", name=code)
    _remove(record, deed.connection, [code for (code,), _, before in rows if before is None])
    for names, group in _alike_in(rows).items():
        _run(record, deed, _UPDATE, group, ["code", *names])


def _alike_in(rows: Sequence[tuple[Key, int, Any]]) -> dict[tuple[str, ...], list[Row]]:
    """Rows to put back by the columns that are put back in them."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for (code,), _, before in rows:
        if before:
            groups.setdefault(tuple(sorted(before)), []).append({"code": code, **before})
    return groups


def _remove(record: Record, connection: Connection, codes: Sequence[str]) -> None:
    """Take rows back that nothing names yet; raises Refused undo_used."""
    try:
        with connection.transaction():
            query = sql.SQL("delete from {} where code = any(%s)").format(record.name)
            connection.execute(query, [list(codes)])
    except errors.ForeignKeyViolation:
        for code in codes:  # which of them it is
            records.remove(connection, record, code)
