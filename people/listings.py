"""Lists: one description of rows and columns gives a page, a call, a file.

Rows come in the order of their key, a page at a time from where the last one ended (keyset), so
that a page costs the same however far down it is. Filters are bound values, never part of the SQL.
"""

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, LiteralString, NamedTuple

from psycopg import sql
from psycopg.rows import dict_row

from database.connection import Connection

Form = Literal["text", "count", "qty", "day", "at", "word", "name"]

PAGE = 100  # rows of a page
COUNTED = 10_000  # rows that are counted and summed; beyond that there are "more than" so many
MOST = 100_000  # rows of a file


class CursorError(ValueError):
    """A cursor that no page of this list has given."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `form` says how it is written, `noun` whose document it opens.

    `word` is the group in which its values have words; `unit` the column with its unit. `total`:
    it is summed over the filter.
    """

    name: str
    form: Form = "text"
    noun: str | None = None
    word: str | None = None
    unit: str | None = None
    total: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """A list: `rows` is a select that gives every column and the key, without an order.

    It may use `%(lines)s`, the lines that the person sees (null: all of them). `key` makes an order
    that is total; none of it is null. `find`: columns in which a text is looked for. `exact`:
    columns that are filtered by a value. `deeds`: acts that make what it lists;
    `sheet`: the act that reads it in. `row_deeds`: acts on a row, `noun.verb{noun: first of key}`;
    the row's `deeds` (no shown column) are those possible now.
    """

    name: str
    right: str
    rows: LiteralString
    columns: Sequence[Column]
    key: Sequence[str]
    find: Sequence[str] = ()
    exact: Sequence[str] = ()
    newest_first: bool = False
    deeds: Sequence[str] = ()
    row_deeds: Sequence[str] = ()
    sheet: str | None = None

    def column(self, name: str) -> Column:
        """The column of that name."""
        return next(column for column in self.columns if column.name == name)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody asks of a list: a text, values of columns, where to go on, how many rows."""

    lines: Sequence[str] | None = None
    q: str = ""
    exact: Mapping[str, str] | None = None
    after: str | None = None
    size: int = PAGE


class Total(NamedTuple):
    """The sum of one column over the filter, in one unit ('' where it has none)."""

    column: str
    unit: str
    sum: Decimal


@dataclass(frozen=True, slots=True)
class Found:
    """A page: its rows, the cursor of the next one (None: it is the last), count and sums.

    `count` is None where there are more than COUNTED; sums are left out then.
    """

    rows: list[dict[str, Any]]
    next: str | None
    count: int | None
    totals: Sequence[Total]


def page(connection: Connection, listing: Listing, wanted: Wanted) -> Found:
    """A page of the list; raises CursorError."""
    rows = _rows(connection, listing, wanted, wanted.size + 1)
    more = len(rows) > wanted.size
    shown = rows[: wanted.size]
    count = _count(connection, listing, wanted)
    totals = _totals(connection, listing, wanted) if count is not None else []
    return Found(shown, _cursor(listing, shown[-1]) if more else None, count, totals)


def first(connection: Connection, listing: Listing, wanted: Wanted) -> list[dict[str, Any]]:
    """The first rows alone, neither counted nor summed."""
    return _rows(connection, listing, wanted, wanted.size)


def all_rows(connection: Connection, listing: Listing, wanted: Wanted) -> list[dict[str, Any]]:
    """The whole list under a filter, at most MOST rows, for a file."""
    return _rows(connection, listing, wanted, MOST)


def _rows(
    connection: Connection, listing: Listing, wanted: Wanted, size: int
) -> list[dict[str, Any]]:
    key = sql.SQL(", ").join(sql.Identifier(name) for name in listing.key)
    down = sql.SQL(" desc" if listing.newest_first else "")
    order = sql.SQL(", ").join(sql.Identifier(name) + down for name in listing.key)
    beyond, place = _beyond(listing, key, wanted.after)
    query = sql.SQL("select * from ({rows}) l where {filter}{beyond} order by {order} limit %(n)s")
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            query.format(rows=sql.SQL(listing.rows), filter=_filter(listing, wanted),
                         beyond=beyond, order=order),
            {**_values(listing, wanted), **place, "n": size},
        ).fetchall()  # fmt: skip


def _beyond(
    listing: Listing, key: sql.Composable, after: str | None
) -> tuple[sql.Composable, dict[str, Any]]:
    if after is None:
        return sql.SQL(""), {}
    place = {f"after_{n}": value for n, value in enumerate(_place(listing, after))}
    names = sql.SQL(", ").join(sql.Placeholder(name) for name in place)
    sign = sql.SQL("<" if listing.newest_first else ">")
    return sql.SQL(" and ({}) {} ({})").format(key, sign, names), place


def _filter(listing: Listing, wanted: Wanted) -> sql.Composable:
    terms: list[sql.Composable] = [sql.SQL("true")]
    if wanted.q and listing.find:
        texts = sql.SQL(" || ' ' || ").join(
            sql.SQL("coalesce({}::text, '')").format(sql.Identifier(name)) for name in listing.find
        )
        terms.append(sql.SQL("position(lower(%(q)s) in lower({})) > 0").format(texts))
    for name in _asked(listing, wanted):
        terms.append(sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(f"is_{name}")))  # noqa: PERF401 - one after another reads better
    return sql.SQL(" and ").join(terms)


def _asked(listing: Listing, wanted: Wanted) -> list[str]:
    given = wanted.exact or {}
    return [name for name in listing.exact if given.get(name)]


def _values(listing: Listing, wanted: Wanted) -> dict[str, Any]:
    given = wanted.exact or {}
    values = {f"is_{name}": given[name] for name in _asked(listing, wanted)}
    lines = None if wanted.lines is None else list(wanted.lines)
    return {"lines": lines, "q": wanted.q, **values}


def _count(connection: Connection, listing: Listing, wanted: Wanted) -> int | None:
    """How many rows there are; None beyond COUNTED: the list is cut before it is counted."""
    query = sql.SQL("select count(*) from ({cut}) cut").format(cut=_cut(listing, wanted))
    row = connection.execute(query, _bound(listing, wanted)).fetchone()
    assert row is not None
    return row[0] if row[0] <= COUNTED else None


def _totals(connection: Connection, listing: Listing, wanted: Wanted) -> list[Total]:
    """The sums of columns that have one, each unit by itself: kilograms and pieces make nothing."""
    found: list[Total] = []
    for column in listing.columns:
        if column.total:
            query = sql.SQL(
                "select {unit}, sum({name}) from ({cut}) cut group by 1 order by 1"
            ).format(unit=sql.Identifier(column.unit) if column.unit else sql.SQL("''"),
                     name=sql.Identifier(column.name), cut=_cut(listing, wanted))  # fmt: skip
            rows = connection.execute(query, _bound(listing, wanted))
            found += [Total(column.name, unit, qty) for unit, qty in rows]
    return found


def _cut(listing: Listing, wanted: Wanted) -> sql.Composable:
    """The rows of the filter, at most one more than are counted."""
    query = sql.SQL("select * from ({rows}) l where {filter} limit %(most)s")
    return query.format(rows=sql.SQL(listing.rows), filter=_filter(listing, wanted))


def _bound(listing: Listing, wanted: Wanted) -> dict[str, Any]:
    return {**_values(listing, wanted), "most": COUNTED + 1}


def _cursor(listing: Listing, row: Mapping[str, Any]) -> str:
    """Where a page ended: the key of its last row, each value with its type."""
    place = [[type(row[name]).__name__, _written(row[name])] for name in listing.key]
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def _written(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


_READ = {
    "str": str,
    "int": int,
    "Decimal": Decimal,
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
}


def _place(listing: Listing, cursor: str) -> list[Any]:
    try:
        read = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        place = [_READ[kind](text) for kind, text in read]
    except (ValueError, KeyError, TypeError, ArithmeticError):
        place = []
    if len(place) != len(listing.key):
        raise CursorError(f"{cursor!r} is no place in {listing.name}: ask for its first page")
    return place


def by_name(listings: Iterable[Listing]) -> dict[str, Listing]:
    """Listings by their name."""
    return {listing.name: listing for listing in listings}
