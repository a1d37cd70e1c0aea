"""Shift instances from the pattern, in plant time; a night shift belongs to the date it began.

Or to the date it ended, where the plant has it so (`shift_date` of the plant file).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from psycopg.types.range import TimestamptzRange

from database.connection import Connection
from plant import clock
from plant.errors import PlantNotLoadedError
from plant.layout import Dated, ShiftPattern

DAY = timedelta(days=1)
QUARTER = timedelta(minutes=15)
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Span:
    """Half-open, from `start` up to and not including `end`; both aware, UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Shift:
    """One shift on one date, with its breaks; `date` is the one that it belongs to."""

    date: date
    code: str
    span: Span
    breaks: tuple[Span, ...] = ()


def on(pattern: ShiftPattern, day: date, zone: ZoneInfo, dated: Dated = "began") -> Shift:
    """The shift of this pattern that begins on `day`; as long as the clocks make it that day.

    It belongs to the date on which it `began`, or on which its last instant was (`ended`).

    Built on instants that exist: a clock time that is skipped that night is the instant of the
    skip, one that comes twice is its first. Breaks that touch are one break.
    """
    end = day if pattern.end > pattern.start else day + DAY
    breaks = (_break(pattern, one, day, zone) for one in pattern.breaks)
    span = Span(_instant(day, pattern.start, zone), _instant(end, pattern.end, zone))
    last = end if pattern.end > time() else end - DAY  # at midnight the day before ends
    return Shift(last if dated == "ended" else day, pattern.code, span, merged(breaks))


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The time in any of these spans, as spans apart from each other; empty ones are left out."""
    found: list[Span] = []
    for span in sorted((one for one in spans if one.end > one.start), key=lambda one: one.start):
        if found and span.start <= found[-1].end:
            found[-1] = Span(found[-1].start, max(span.end, found[-1].end))
        else:
            found.append(span)
    return tuple(found)


def ensure(connection: Connection, start: datetime, end: datetime) -> int:
    """Make the shift instances that touch [start, end) where they are missing; returns how many.

    Where an older pattern's shift still lasts, the new one begins at its end; one of the same date
    and code goes on instead. What is over is not made up for. Raises PlantNotLoadedError.
    """
    calendar = _calendar(connection)
    there = _there(connection, start - 2 * DAY, end + 2 * DAY)
    made = 0
    for shift in _wanted(calendar, start, end):
        made += _make(connection, shift, there, calendar.since)
    return made


def at(connection: Connection, instant: datetime) -> int | None:
    """Id of the shift that owns this instant; None outside every shift."""
    row = connection.execute(
        "select id from plant.shift where span @> %s::timestamptz", [instant]
    ).fetchone()
    return row[0] if row else None


def boundary_after(connection: Connection, instant: datetime) -> datetime:
    """When reports are made next after `instant`: the plant's unit or a shift end is over."""
    unit = _unit(connection)
    last = (instant if unit >= DAY else _unit_begin(connection, instant, unit)) + unit
    row = connection.execute(
        """
        select min(upper(span)) from plant.shift
        where span && tstzrange(%(after)s, %(last)s) and upper(span) > %(after)s
          and upper(span) < %(last)s
        """,
        {"after": instant, "last": last},
    ).fetchone()
    return row[0] if row and row[0] else last


def boundary_before(connection: Connection, instant: datetime) -> datetime:
    """When reports were made last, not after `instant`."""
    unit = _unit(connection)
    first = instant - unit if unit >= DAY else _unit_begin(connection, instant, unit)
    row = connection.execute(
        "select max(upper(span)) from plant.shift "
        "where upper(span) > %(first)s and upper(span) <= %(at)s "
        "and span && tstzrange(%(first)s - interval '1 us', %(at)s)",
        {"first": first, "at": instant},
    ).fetchone()
    return row[0] if row and row[0] else first


def _unit(connection: Connection) -> timedelta:
    """Reports are made this often at least; of a day or more: at shift ends only."""
    row = connection.execute("select report_every from plant.site").fetchone()
    return row[0] if row else QUARTER


def _unit_begin(connection: Connection, instant: datetime, unit: timedelta) -> datetime:
    """When the quarter hour or hour of `instant` began, by the plant's own clock."""
    offset = instant.astimezone(clock.time_zone(connection) or UTC).utcoffset()
    ahead = offset or timedelta()
    return EPOCH + (instant - EPOCH + ahead) // unit * unit - ahead


def _days(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + number * DAY


def _instant(day: date, clock: time, zone: ZoneInfo) -> datetime:
    return _instants(day, clock, zone)[0]


def _instants(day: date, clock: time, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """When the plant's clock shows this time: its first and its second instant, mostly the same.

    Both are the instant of the skip where the clock never shows it.
    """
    first, second = (datetime.combine(day, clock, zone).replace(fold=fold) for fold in (0, 1))
    a, b = first.astimezone(UTC), second.astimezone(UTC)
    if a <= b:
        return a, b
    skip = _skip(b, a, zone)
    return skip, skip


def _skip(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The instant between these two at which the clock is set forward, to the second."""
    old = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) / 2
        before, after = (
            (middle, after) if middle.astimezone(zone).utcoffset() == old else (before, middle)
        )
    return after.replace(microsecond=0)


def _break(pattern: ShiftPattern, clocks: tuple[time, time], day: date, zone: ZoneInfo) -> Span:
    """The break as near to its usual length as the clock times allow that have two instants."""
    start, end = clocks
    start_day = day if start >= pattern.start else day + DAY
    end_day = start_day if end > start else start_day + DAY
    usual = datetime.combine(end_day, end) - datetime.combine(start_day, start)
    spans = [
        Span(a, b) for a in _instants(start_day, start, zone) for b in _instants(end_day, end, zone)
    ]
    return min(spans, key=lambda span: abs(span.end - span.start - usual))


@dataclass(frozen=True, slots=True)
class _Calendar:
    """What shifts are made from: `since` the pattern is this one, `dated` by 'began' or 'ended'."""

    zone: ZoneInfo
    dated: Dated
    since: datetime
    patterns: Sequence[ShiftPattern]


@dataclass(frozen=True, slots=True)
class _There:
    """A shift that is in the database."""

    number: int
    date: date
    code: str
    start: datetime
    end: datetime


def _calendar(connection: Connection) -> _Calendar:
    row = connection.execute(
        "select time_zone, shift_date, greatest(pattern_since, '2000-01-01') from plant.site"
    ).fetchone()
    if row is None:
        raise PlantNotLoadedError(
            "The database knows no plant, so no shifts: run `pressline plant load FILE` first."
        )
    zone, dated, since = row
    return _Calendar(ZoneInfo(zone), dated, since, _patterns(connection))


def _patterns(connection: Connection) -> list[ShiftPattern]:
    return [
        ShiftPattern(
            code, start, end, [(time.fromisoformat(a), time.fromisoformat(b)) for a, b in breaks]
        )
        for code, start, end, breaks in connection.execute(
            "select code, start_time, end_time, breaks from plant.shift_pattern order by start_time"
        )
    ]


def _wanted(calendar: _Calendar, start: datetime, end: datetime) -> list[Shift]:
    """The pattern's shifts that touch [start, end), in order of time."""
    days = _days(start.astimezone(calendar.zone).date() - DAY, end.astimezone(calendar.zone).date())
    found = (on(p, day, calendar.zone, calendar.dated) for day in days for p in calendar.patterns)
    wanted = [shift for shift in found if shift.span.end > start and shift.span.start < end]
    return sorted(wanted, key=lambda shift: shift.span.start)


def _there(connection: Connection, start: datetime, end: datetime) -> list[_There]:
    rows = connection.execute(
        """
        select id, date, code, lower(span), upper(span) from plant.shift
        where span && tstzrange(%s, %s) order by span
        """,
        [start, end],
    ).fetchall()
    return [_There(*row) for row in rows]


def _make(connection: Connection, shift: Shift, there: list[_There], since: datetime) -> int:
    """Make a shift, or what older ones leave of it after `since`; 0 where nothing is left."""
    beside = [one for one in there if one.start < shift.span.end and one.end > shift.span.start]
    free = shift.span if not beside else _rest(shift, beside, since)
    if free is None:
        return 0
    same = next((one for one in beside if one.end == free.start and _same(one, shift)), None)
    if same is None:
        number = _insert(connection, shift, free)
    else:
        number = same.number
        _lengthen(connection, number, free.end)
        there.remove(same)
    if number is None:
        return 0
    _give_breaks(connection, number, shift, free)
    there.append(
        _There(number, shift.date, shift.code, same.start if same else free.start, free.end)
    )
    return int(same is None)


def _same(one: _There, shift: Shift) -> bool:
    return (one.date, one.code) == (shift.date, shift.code)


def _rest(shift: Shift, beside: Sequence[_There], since: datetime) -> Span | None:
    """What those that are there leave at the end of the shift, if that is still to come."""
    start = max(one.end for one in beside)
    return Span(start, shift.span.end) if since <= start < shift.span.end else None


def _lengthen(connection: Connection, number: int, end: datetime) -> None:
    connection.execute(
        "update plant.shift set span = tstzrange(lower(span), %s) where id = %s", [end, number]
    )


def _insert(connection: Connection, shift: Shift, span: Span) -> int | None:
    row = connection.execute(
        "insert into plant.shift (date, code, span) values (%s, %s, %s) "
        "on conflict do nothing returning id",
        [shift.date, shift.code, TimestamptzRange(span.start, span.end)],
    ).fetchone()
    if row is None:  # another bridge was faster
        return None
    return row[0]


def _give_breaks(connection: Connection, number: int, shift: Shift, span: Span) -> None:
    """The shift's breaks within that span."""
    within = (Span(max(b.start, span.start), min(b.end, span.end)) for b in shift.breaks)
    connection.cursor().executemany(
        "insert into plant.shift_break (shift, span) values (%s, %s)",
        [(number, TimestamptzRange(pause.start, pause.end)) for pause in merged(within)],
    )
