"""What the plant is: its lines, presses and meters, and the pattern of its shifts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Literal

from psycopg.types.json import Jsonb

from database.connection import Connection

Signal = Literal["running", "stopped", "alarm"]
Break = tuple[time, time]
Dated = Literal["began", "ended"]


@dataclass(frozen=True, slots=True)
class ShiftPattern:
    """A shift of every day, in plant time; an end not after its start is on the next day."""

    code: str
    start: time
    end: time
    breaks: Sequence[Break] = ()


@dataclass(frozen=True, slots=True)
class Press:
    """`top_spm`: strokes per minute; stopped after `stop_after` without a stroke.

    `stroke_channel` and `run_channel` are channel names of the press; without a run channel the
    strokes say whether it runs. `run_states`: what each value of the run channel means; without it
    0 is stopped and everything else running. `node` is the edge node that reads it (None: any).
    """

    name: str
    line: str
    top_spm: float
    stop_after: timedelta
    stroke_channel: str
    run_channel: str | None = None
    node: str | None = None
    run_states: Mapping[int, Signal] | None = None


@dataclass(frozen=True, slots=True)
class Meter:
    """An energy meter of one press, or of more than one (`press` None); `top_kw` bounds it."""

    name: str
    press: str | None
    top_kw: float
    energy_channel: str
    node: str | None = None


@dataclass(frozen=True, slots=True)
class Plant:
    """`silence`: without a reading for this long, a press is unknown (three heartbeats).

    `report_every`: a quarter hour, an hour, or two days for whole shifts (a shift end is always
    one).
    """

    site: str
    time_zone: str
    silence: timedelta
    report_every: timedelta = timedelta(minutes=15)
    lines: Sequence[str] = ()
    presses: Sequence[Press] = ()
    meters: Sequence[Meter] = ()
    shifts: Sequence[ShiftPattern] = field(default=())
    shift_date: Dated = "began"


def store(connection: Connection, plant: Plant) -> None:
    """Take over settings, lines, presses and meters; again with the same plant changes nothing.

    Presses and meters that the plant no longer names stay, with their history.
    """
    _store_plant(connection, plant)
    _store_lines(connection, plant.lines)
    _store_presses(connection, plant.presses)
    _store_meters(connection, plant.meters)


def _store_plant(connection: Connection, plant: Plant) -> None:
    connection.execute(
        """
        insert into plant.site (site, time_zone, silence, report_every) values (%s, %s, %s, %s)
        on conflict (one) do update
        set site = excluded.site, time_zone = excluded.time_zone, silence = excluded.silence,
          report_every = excluded.report_every
        """,
        [plant.site, plant.time_zone, plant.silence, plant.report_every],
    )


def _store_lines(connection: Connection, lines: Sequence[str]) -> None:
    connection.cursor().executemany(
        """
        insert into plant.line (name, position) values (%s, %s)
        on conflict (name) do update set position = excluded.position
        """,
        [(name, position) for position, name in enumerate(lines)],
    )


def _store_presses(connection: Connection, presses: Sequence[Press]) -> None:
    connection.cursor().executemany(
        """
        insert into plant.press (name, line, position, top_spm, stop_after, stroke_channel,
                               run_channel, node, run_states)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
        on conflict (name) do update
        set line = excluded.line, position = excluded.position, top_spm = excluded.top_spm,
            stop_after = excluded.stop_after, stroke_channel = excluded.stroke_channel,
            run_channel = excluded.run_channel, node = excluded.node,
            run_states = excluded.run_states
        """,
        [
            (
                p.name,
                p.line,
                position,
                p.top_spm,
                p.stop_after,
                p.stroke_channel,
                p.run_channel,
                p.node,
                None if p.run_states is None else Jsonb(p.run_states),
            )
            for position, p in enumerate(presses)
        ],
    )


def _store_meters(connection: Connection, meters: Sequence[Meter]) -> None:
    connection.cursor().executemany(
        """
        insert into plant.meter (name, press, top_kw, energy_channel, node)
        values (%s, %s, %s, %s, %s)
        on conflict (name) do update
        set press = excluded.press, top_kw = excluded.top_kw,
            energy_channel = excluded.energy_channel, node = excluded.node
        """,
        [(m.name, m.press, m.top_kw, m.energy_channel, m.node) for m in meters],
    )


LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
PatternRow = tuple[str, time, time, list[list[str]]]


def pattern_rows(shifts: Sequence[ShiftPattern]) -> list[PatternRow]:
    """The pattern as rows, in an order of its own: two patterns are the same if these are."""
    return sorted(
        (s.code, s.start, s.end, [[a.isoformat("minutes"), b.isoformat("minutes")]
                                  for a, b in s.breaks])
        for s in shifts
    )  # fmt: skip


def _pattern(connection: Connection) -> list[PatternRow]:
    return sorted(
        connection.execute(
            "select code, start_time, end_time, breaks from plant.shift_pattern"
        ).fetchall()
    )


def calendar(connection: Connection) -> tuple[str, str, list[PatternRow]] | None:
    """What shifts are made from: zone, date setting and pattern; None before there is a plant."""
    row = connection.execute("select time_zone, shift_date from plant.site").fetchone()
    return row and (row[0], row[1], _pattern(connection))


def store_pattern(connection: Connection, plant: Plant, now: datetime) -> None:
    """Replace the pattern: it holds for shifts that begin after `now`."""
    first = connection.execute("select from plant.shift limit 1").fetchone() is None
    connection.execute(
        "update plant.site set shift_date = %s, pattern_since = %s",
        [plant.shift_date, LONG_AGO if first else now],
    )
    connection.execute("delete from plant.shift_pattern")
    connection.cursor().executemany(
        "insert into plant.shift_pattern (code, start_time, end_time, breaks) "
        "values (%s, %s, %s, %s)",
        [
            (code, start, end, Jsonb(breaks))
            for code, start, end, breaks in pattern_rows(plant.shifts)
        ],
    )
