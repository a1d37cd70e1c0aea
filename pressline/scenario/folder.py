"""Reads a scenario folder and checks all of it before anything is played."""

import csv
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from pydantic import ValidationError

from edge_agent.errors import PlantError
from edge_agent.plantfile.entries import Plant, Shift
from edge_agent.plantfile.faults import Faults
from edge_agent.plantfile.plant import load_plant
from edge_agent.plantfile.profile import Channel
from edge_agent.plantfile.tomlfile import read_toml
from edge_agent.sample import BAD, GOOD, STALE, Sample
from erp_core.masters import file as masters_file
from erp_core.masters.errors import MastersError
from mes_bridge.acts import KINDS, Act
from pressline.scenario.errors import RefusedFolderError, fault
from pressline.scenario.expected import Expected, check_names, read_expected

READINGS = "readings.csv"
ACT_FILE = "acts.csv"
QUALITIES = {"good": GOOD, "bad": BAD, "stale": STALE}
READING_COLUMNS = ("arrived", "node", "number", "at", "press", "channel", "value", "quality")
ACT_COLUMNS = ("at", "id", "who", "press", "act", "args")
Line = tuple[int, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Reading:
    """A row of readings.csv: one record of a node's outbox."""

    line: int
    arrived: datetime
    node: str
    number: int
    device: str
    sample: Sample


@dataclass(frozen=True, slots=True)
class Sent:
    """A row of acts.csv and when it came."""

    line: int
    arrived: datetime
    act: Act


@dataclass(frozen=True, slots=True)
class Story:
    """A folder, read and checked. `refusal`: lines of refused.txt, None where there is none."""

    path: Path
    plant: Plant
    orders: Path
    readings: Sequence[Reading]
    acts: Sequence[Sent]
    expected: Expected | None
    refusal: Sequence[str] | None

    @property
    def start(self) -> datetime:
        """Before everything that happens."""
        instants = [min(r.arrived, instant_of(r.sample)) for r in self.readings]
        return min([*instants, *(sent.act.at for sent in self.acts), self.as_of])

    @property
    def as_of(self) -> datetime:
        """When the clock stops: of expected.toml, else when the last row came."""
        if self.expected is not None:
            return self.expected.as_of
        came = [row.arrived for row in (*self.readings, *self.acts)]
        return max(came, default=datetime(2000, 1, 1, tzinfo=UTC))


def instant_of(sample: Sample) -> datetime:
    """The capture time of a sample."""
    return datetime.fromtimestamp(sample.at / 1000, UTC)


def read_refusal(folder: Path) -> Sequence[str] | None:
    """Lines that the refusal of this folder must contain; None where it is to be played."""
    path = folder / "refused.txt"
    if not path.is_file():
        return None
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def read_story(folder: Path) -> Story:
    """Read and check a folder; raises RefusedFolderError with file, line and cure."""
    refusal = read_refusal(folder)
    _require(folder, "plant.toml", "orders.toml", READINGS, ACT_FILE)
    if refusal is None:
        _require(folder, "expected.toml")
    plant = _read_plant(folder)
    expected = None if refusal is not None else read_expected(folder / "expected.toml")
    if expected:
        check_names(expected, plant)
    readings = list(_readings(folder, plant))
    _check_order(readings)
    _check_numbers(readings)
    acts = list(_acts(folder))
    story = Story(folder, plant, folder / "orders.toml", readings, acts, expected, refusal)
    _check_end(story)
    return story


def _require(folder: Path, *names: str) -> None:
    if not folder.is_dir():
        raise fault(str(folder), None, "is no folder", "give the path of a scenario folder")
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        cure = "add it; docs/scenarios.md says what stands in it"
        raise RefusedFolderError([f"{name}: is missing; {cure}" for name in missing])


def _read_plant(folder: Path) -> Plant:
    """plant.toml, with the shifts of orders.toml added; orders.toml is checked in its form."""
    try:
        plant = load_plant(folder / "plant.toml", addresses=False)
        _, masters = masters_file.read(folder / "orders.toml")
        more = _shifts(folder / "orders.toml") if masters.shift else ()
    except PlantError as error:
        raise RefusedFolderError(error.problems) from error
    except MastersError as error:
        raise RefusedFolderError(error.problems) from error
    if not plant.presses:
        raise fault("plant.toml", None, "has no press", "add [[press]]")
    return plant.model_copy(update={"shifts": (*plant.shifts, *more)})


def _shifts(path: Path) -> tuple[Shift, ...]:
    file, faults, found = read_toml(path), Faults(), list[Shift]()
    for n, entry in enumerate(cast("list[object]", file.data["shift"])):
        try:
            found.append(Shift.model_validate(entry))
        except ValidationError as error:
            faults.add_all(file, ("shift", n), error, Shift)
    if faults.found:
        raise PlantError(faults.in_order())
    return tuple(found)


def _table(path: Path, columns: Sequence[str], optional: Sequence[str] = ()) -> Iterator[Line]:
    """Rows of a CSV file with the line on which each ends, checked against its columns."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file, strict=True)
        header = next(rows, list[str]())
        wrong = [*(set(columns) - set(header)), *(set(header) - {*columns, *optional})]
        if wrong or len(set(header)) < len(header):
            raise fault(path.name, 1, f"wrong columns {','.join(header)}",
                        f"write {','.join(columns)}")  # fmt: skip
        try:
            for row in rows:
                if row and len(row) != len(header):
                    raise fault(
                        path.name, rows.line_num, f"{len(row)} cells", f"write {len(header)}"
                    )
                if row:
                    yield rows.line_num, dict(zip(header, map(str.strip, row), strict=True))
        except csv.Error as error:
            raise fault(path.name, rows.line_num, str(error), "write it as RFC 4180 CSV") from error


def _instant(file: str, line: int, column: str, text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise fault(file, line, f"{column} {text!r} is not a time with an offset",
                    "write it as 2026-03-02T08:00:00+08:00")  # fmt: skip
    return instant.astimezone(UTC)


def _readings(folder: Path, plant: Plant) -> Iterator[Reading]:
    channels = {(d.name, c.name): c for d in plant.devices for c in d.channels}
    nodes: dict[str, str] = {}
    for line, row in _table(folder / READINGS, READING_COLUMNS):
        at = _instant(READINGS, line, "at", row["at"])
        arrived = _instant(READINGS, line, "arrived", row["arrived"]) if row["arrived"] else at
        channel = channels.get((row["press"], row["channel"]))
        if channel is None:
            raise fault(READINGS, line, f"{row['press']!r} has no channel {row['channel']!r}",
                        "write a press or meter and a channel of plant.toml")  # fmt: skip
        if not row["node"] or nodes.setdefault(row["press"], row["node"]) != row["node"]:
            raise fault(READINGS, line, f"node {row['node']!r} is not the one that told of "
                        f"{row['press']} before", "a machine belongs to one node")  # fmt: skip
        if not row["number"].isdecimal() or not int(row["number"]):
            raise fault(READINGS, line, f"number {row['number']!r} is not a whole number from 1",
                        "write the number of the record in the node's outbox")  # fmt: skip
        sample = _sample(line, row, channel, at)
        yield Reading(line, arrived, row["node"], int(row["number"]), row["press"], sample)


def _sample(line: int, row: Mapping[str, str], channel: Channel, at: datetime) -> Sample:
    quality = QUALITIES.get(row["quality"])
    if quality is None:
        raise fault(READINGS, line, f"quality {row['quality']!r} is not known",
                    "write good, bad or stale")  # fmt: skip
    if not row["value"] and quality == GOOD:
        raise fault(READINGS, line, "a good reading without a value",
                    "write the value, or quality bad or stale")  # fmt: skip
    value = _value(line, row["value"], channel) if row["value"] else None
    return Sample(channel.name, round(at.timestamp() * 1000), value, quality)


def _value(line: int, text: str, channel: Channel) -> int | float | str:
    """A counter or state is a whole number (true and false: 1 and 0), a gauge any number."""
    if channel.kind == "text":
        return text
    plain = {"true": "1", "false": "0"}.get(text, text) if channel.kind == "state" else text
    try:
        number = float(plain) if channel.kind == "gauge" else int(plain)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise fault(READINGS, line, f"value {text!r} cannot be a {channel.kind}",
                    "write a number, a whole one for a counter or a state")  # fmt: skip
    return number


def _check_order(readings: Sequence[Reading]) -> None:
    for before, after in pairwise(readings):
        if after.arrived < before.arrived:
            raise fault(READINGS, after.line, "arrived before the row above it",
                        "write the rows in order of arrival")  # fmt: skip


def _check_numbers(readings: Sequence[Reading]) -> None:
    """Each node's records must all come: what comes too early is not taken and must come again."""
    first = {r.node: r.number for r in sorted(readings, key=lambda r: -r.number)}
    marks = {node: number - 1 for node, number in first.items()}
    for reading in readings:
        marks[reading.node] += reading.number == marks[reading.node] + 1
    for reading in readings:
        if reading.number > marks[reading.node]:
            missing = marks[reading.node] + 1
            raise fault(READINGS, reading.line, f"number {reading.number} of {reading.node} cannot "
                        f"be taken: {missing} does not come before it", f"add number {missing}, or "
                        "let this row come again after it")  # fmt: skip


def _acts(folder: Path) -> Iterator[Sent]:
    clock = datetime.min.replace(tzinfo=UTC)
    for line, row in _table(folder / ACT_FILE, ACT_COLUMNS, ("arrived",)):
        at = _instant(ACT_FILE, line, "at", row["at"])
        given = row.get("arrived", "")
        arrived = _instant(ACT_FILE, line, "arrived", given) if given else max(at, clock)
        if arrived < clock:
            raise fault(ACT_FILE, line, "came before the row above it",
                        "write the rows in order of arrival")  # fmt: skip
        clock = arrived
        yield Sent(line, arrived, _act(line, row, at))


def _act(line: int, row: Mapping[str, str], at: datetime) -> Act:
    if row["act"] not in KINDS:
        raise fault(ACT_FILE, line, f"act {row['act']!r} is not known", f"use {', '.join(KINDS)}")
    try:
        number = UUID(row["id"])
    except ValueError:
        raise fault(ACT_FILE, line, f"id {row['id']!r} is not a UUID",
                    "write one such as 00000000-0000-4000-8000-000000000001") from None  # fmt: skip
    return Act(number, row["who"], row["press"] or None, at, row["act"], _args(line, row["args"]))


def _args(line: int, text: str) -> Mapping[str, Any]:
    try:
        args = json.loads(text or "{}")
    except ValueError:
        args = None
    if not isinstance(args, dict):
        raise fault(ACT_FILE, line, f"args {text!r} is not a JSON object",
                    'write {"die": "D-100"}, quotes doubled in a quoted cell')  # fmt: skip
    return cast("dict[str, Any]", args)


def _check_end(story: Story) -> None:
    for file, rows in ((READINGS, story.readings), (ACT_FILE, story.acts)):
        for row in rows:
            if row.arrived > story.as_of:
                raise fault(
                    file, row.line, "comes after as_of", "let as_of of expected.toml be later"
                )
