"""expected.toml: the tables that can be expected, their columns, and how a file of them is read.

An expected row names the columns that it wants compared; docs/scenarios.md says what each means.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, cast

from pydantic import AfterValidator, Field, ValidationError, model_validator

from edge_agent.errors import PlantError
from edge_agent.plantfile.entries import Plant
from edge_agent.plantfile.faults import Faults
from edge_agent.plantfile.profile import Entry
from edge_agent.plantfile.tomlfile import TomlFile, read_toml
from pressline.scenario.errors import RefusedFolderError

Cell = str | int | Decimal | datetime | None
Row = Mapping[str, Cell]


def _aware(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError("has no offset; write it as 2026-03-02T08:00:00+08:00")
    return instant.astimezone(UTC)


Instant = Annotated[datetime, AfterValidator(_aware)]
Number = Annotated[int | float, Field(allow_inf_nan=False)]
Share = Number | Literal["null"]


class CountRow(Entry):
    """Strokes of a press: all that were read, those of nobody, those held for review."""

    press: str
    strokes: int | None = None
    unattributed: int | None = None
    held: int | None = None


class EventRow(Entry):
    """A pair of readings that was not a plain step; `press` may be a meter."""

    press: str
    n: int | None = None
    kind: str
    strokes: int | None = None
    held: bool | None = None
    decided: int | None = None


class PostingRow(Entry):
    """Parts posted, added up; no work order is an empty text."""

    work_order: str
    item: str | None = None
    kind: str
    shift: str | None = None
    reason: str | None = None
    qty: int


class ReportRow(Entry):
    """A report of an operation of a work order."""

    work_order: str
    item: str | None = None
    n: int | None = None
    good: int | None = None
    excess: int | None = None
    surplus: int | None = None
    transferred: int | None = None
    to_order: str | None = None
    other: int | None = None
    state: Literal["waiting", "accepted", "rejected", "reversed", "withdrawn"] | None = None


class StockRow(Entry):
    """Stock on hand; no lot is an empty text."""

    item: str
    location: str | None = None
    lot: str | None = None
    qty: Number


class StateRow(Entry):
    """A span of a press in one state."""

    press: str
    state: Literal["running", "stopped", "alarm", "unknown"]
    since: Instant = Field(alias="from")
    to: Instant | None = None
    reason: str | None = None


class DieRow(Entry):
    """Strokes in the life of a die."""

    die: str
    strokes: int


class EnergyRow(Entry):
    """Energy of a work order in Wh."""

    work_order: str
    wh: Number | None = None
    run_wh: Number | None = None
    idle_wh: Number | None = None
    unknown_wh: Number | None = None


class KpiRow(Entry):
    """Figures of a press or a line in one shift; "null" where nothing is divided by nothing."""

    press: str | None = None
    line: str | None = None
    shift: str
    pbt_s: Number | None = None
    apt_s: Number | None = None
    availability: Share | None = None
    performance: Share | None = None
    quality: Share | None = None
    oee: Share | None = None
    coverage: Share | None = None
    too_fast: str | None = None

    @model_validator(mode="after")
    def _one_owner(self) -> "KpiRow":
        if (self.press is None) == (self.line is None):
            raise ValueError('names neither or both; give either press = "…" or line = "…"')
        return self


class RefusedRow(Entry):
    """An act that was refused."""

    act: str
    code: str | None = None


class NotificationRow(Entry):
    """What was put before someone."""

    kind: str
    press: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table that can be expected.

    `key`: the columns by which a person names a row. `sums`: columns that are added up over what
    the row does not name; a row whose sums are all zero is the same as no row.
    """

    row: type[Entry]
    key: tuple[str, ...]
    sums: tuple[str, ...] = ()


TABLES: Mapping[str, Table] = {
    "count": Table(CountRow, ("press",), ("strokes", "unattributed", "held")),
    "event": Table(EventRow, ("press", "n", "kind")),
    "posting": Table(PostingRow, ("work_order", "item", "kind", "shift", "reason"), ("qty",)),
    "report": Table(ReportRow, ("work_order", "item", "n")),
    "stock": Table(StockRow, ("item", "location", "lot"), ("qty",)),
    "state": Table(StateRow, ("press", "from")),
    "die": Table(DieRow, ("die",), ("strokes",)),
    "energy": Table(EnergyRow, ("work_order",), ("wh", "run_wh", "idle_wh", "unknown_wh")),
    "kpi": Table(KpiRow, ("press", "line", "shift")),
    "refused": Table(RefusedRow, ("act",)),
    "notification": Table(NotificationRow, ("kind", "press")),
}


@dataclass(frozen=True, slots=True)
class Expected:
    """What must be found when the clock shows `as_of`; only the tables that the file names."""

    as_of: datetime
    tables: Mapping[str, Sequence[Row]]


class Head(Entry):
    """The keys outside of tables."""

    as_of: Instant


E = TypeVar("E", bound=Entry)


def read_expected(path: Path) -> Expected:
    """Read expected.toml; raises RefusedFolderError with every fault."""
    try:
        file = read_toml(path)
    except PlantError as error:
        raise RefusedFolderError(error.problems) from error
    faults = Faults()
    known = {key: value for key, value in file.data.items() if key in Head.model_fields}
    head = _entry(file, (), known, Head, faults)
    for name in file.data.keys() - known.keys() - TABLES.keys():
        place: tuple[str | int, ...] = (name,) if (name,) in file.lines else (name, 0)
        close = get_close_matches(name, TABLES, 1)
        cure = f"did you mean {close[0]}?" if close else f"use {', '.join(TABLES)}"
        faults.add(file, place, f"there is no table {name!r}", cure)
    tables = {name: _rows(file, name, faults) for name in TABLES if name in file.data}
    if faults.found or head is None:
        raise RefusedFolderError(faults.in_order())
    return Expected(head.as_of, tables)


def _rows(file: TomlFile, name: str, faults: Faults) -> list[Row]:
    given = file.data[name]
    if not isinstance(given, list):
        faults.add(file, (name,), "must be tables", f"write each row below [[{name}]]")
        return []
    rows = cast("list[object]", given)
    entries = [_entry(file, (name, n), row, TABLES[name].row, faults) for n, row in enumerate(rows)]
    return [_cells(entry) for entry in entries if entry is not None]


def _entry(
    file: TomlFile, keys: tuple[str | int, ...], given: object, model: type[E], faults: Faults
) -> E | None:
    try:
        return model.model_validate(given)
    except ValidationError as error:
        faults.add_all(file, keys, error, model)
        return None


def _cells(entry: Entry) -> Row:
    """The columns that the row names."""
    return {
        name: _cell(value)
        for name, value in entry.model_dump(by_alias=True, exclude_unset=True).items()
    }


def _cell(value: Any) -> Cell:
    """Numbers as they stand in the file, exactly; "null" stands for no number."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float):
        return Decimal(str(value))
    return None if value == "null" else value


def check_names(expected: Expected, plant: Plant) -> None:
    """Refuse rows of presses, meters and lines that the plant has not."""
    devices = {device.name for device in plant.devices}
    lines = {line.name for line in plant.lines}
    problems = [
        f"expected.toml: {name}: there is no {column} {row[column]!r}; "
        f"plant.toml has {', '.join(sorted(there))}"
        for name, rows in expected.tables.items()
        for row in rows
        for column, there in (("press", devices), ("line", lines))
        if row.get(column) and row[column] not in there
    ]
    if problems:
        raise RefusedFolderError(list(dict.fromkeys(problems)))
