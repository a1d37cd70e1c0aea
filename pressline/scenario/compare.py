"""Compares expected tables with what was found, and tells the difference row by row."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from pressline.scenario.expected import TABLES, Cell, Row, Table

Frozen = tuple[tuple[str, Cell], ...]  # a row that can be counted


def differences(
    expected: Mapping[str, Sequence[Row]], found: Mapping[str, Sequence[Row]], zone: ZoneInfo
) -> list[str]:
    """What differs, one line per row, times in the plant's zone; nothing where all is equal."""
    return [
        f"{name:<12} {line}"
        for name, rows in expected.items()
        for wanted, there in _parts(name, rows, found[name])
        for line in _table(TABLES[name], wanted, there, zone)
    ]


def _parts(
    name: str, wanted: Sequence[Row], there: Sequence[Row]
) -> Iterator[tuple[Sequence[Row], Sequence[Row]]]:
    """What is compared with what: a table as a whole, but figures each with their own."""
    if name == "kpi":  # figures exist for every press and shift; each row names its own columns
        for row in wanted:
            asked = (row.get("press"), row.get("line"), row["shift"])
            own = [r for r in there if (r["press"], r["line"], r["shift"]) == asked]
            yield [row], own
    elif name == "stock":  # by lot for items whose rows name lots, else in all
        by_lot = {row["item"] for row in wanted if "lot" in row}
        yield wanted, [row if row["item"] in by_lot else {**row, "lot": None} for row in there]
    else:
        yield wanted, there


def _table(
    table: Table, wanted: Sequence[Row], there: Sequence[Row], zone: ZoneInfo
) -> Iterator[str]:
    columns = _columns(table, wanted)
    expected = Counter(_rows(table, columns, wanted))
    found = Counter(_rows(table, columns, there))
    extra = list((found - expected).elements())
    for row in (expected - found).elements():
        partner = next((other for other in extra if _same(table, row, other)), None)
        if partner is not None:
            extra.remove(partner)
        yield _told(table, row, partner, zone)
    yield from (f"{_cells(row, zone)}: found, not expected" for row in extra)


def _columns(table: Table, wanted: Sequence[Row]) -> tuple[str, ...]:
    """The columns that any expected row names; where none is expected, those that name a row."""
    named = dict.fromkeys(column for row in wanted for column in row)
    return tuple(named) or (*table.key, *table.sums)


def _rows(table: Table, columns: Sequence[str], rows: Sequence[Row]) -> list[Frozen]:
    """The rows with these columns only, added up where they are sums; all-zero rows left out."""
    sums = [column for column in columns if column in table.sums]
    if not sums:
        return [tuple((column, _plain(row.get(column))) for column in columns) for row in rows]
    rest = [column for column in columns if column not in sums]
    totals: dict[Frozen, list[Decimal]] = {}
    for row in rows:
        key = tuple((column, _plain(row.get(column))) for column in rest)
        total = totals.setdefault(key, [Decimal(0)] * len(sums))
        for n, column in enumerate(sums):
            total[n] += Decimal(str(row.get(column) or 0))
    return [
        (*key, *((column, _plain(cell)) for column, cell in zip(sums, total, strict=True)))
        for key, total in totals.items()
        if any(total)
    ]


def _plain(cell: Cell) -> Cell:
    """A cell that was left out is 0 or an empty text."""
    return cell or None


def _same(table: Table, row: Frozen, other: Frozen) -> bool:
    """Whether two rows are about the same thing."""
    mine, yours = dict(row), dict(other)
    return all(mine[column] == yours[column] for column in table.key if column in mine)


def _told(table: Table, row: Frozen, instead: Frozen | None, zone: ZoneInfo) -> str:
    if instead is None:
        return f"{_cells(row, zone)}: expected, not found"
    key = tuple(cell for cell in row if cell[0] in table.key)
    apart = [
        f"{column} expected {_cell(wanted, zone)}, found {_cell(there, zone)}"
        for (column, wanted), (_, there) in zip(row, instead, strict=True)
        if wanted != there
    ]
    return f"{_cells(key, zone)}: {'; '.join(apart)}"


def _cells(row: Frozen, zone: ZoneInfo) -> str:
    return "  ".join(f"{column} {_cell(cell, zone)}" for column, cell in row if cell is not None)


def _cell(cell: Cell, zone: ZoneInfo) -> str:
    if isinstance(cell, datetime):
        return cell.astimezone(zone).isoformat(" ", "seconds" if not cell.microsecond else "auto")
    if isinstance(cell, Decimal):
        return f"{cell.normalize():f}"
    return "0" if cell is None else str(cell)
