"""Shift instances from the pattern, in plant time: a night shift belongs to the date it began."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from psycopg.types.range import TimestamptzRange

from database.connection import Connection
from mes_bridge.errors import PlantNotLoadedError
from mes_bridge.plant import ShiftPattern

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
    """One shift on one date, with its breaks; `date` is the one on which it began."""

    date: date
    code: str
    span: Span
    breaks: tuple[Span, ...] = ()


def on(pattern: ShiftPattern, day: date, zone: ZoneInfo) -> Shift:
    """The shift of this pattern that begins on `day`; as long as the clocks make it that day.

    Built on instants that exist: a clock time that is skipped that night is the instant of the
    skip, one that comes twice is its first. Breaks that touch are one break.
    """
    end = day if pattern.end > pattern.start else day + DAY
    breaks = (_break(pattern, one, day, zone) for one in pattern.breaks)
    span = Span(_instant(day, pattern.start, zone), _instant(end, pattern.end, zone))
    return Shift(day, pattern.code, span, merged(breaks))


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

    Where an older pattern's shift still lasts, the new one begins at its end; one that would run
    into a shift that is there is left out. Raises PlantNotLoadedError.
    """
    zone, patterns = _zone(connection), _patterns(connection)
    return sum(
        _insert(connection, shift)
        for day in _days(start.astimezone(zone).date() - DAY, end.astimezone(zone).date())
        for shift in sorted((on(p, day, zone) for p in patterns), key=lambda s: s.span.start)
        if shift.span.end > start and shift.span.start < end
    )


def at(connection: Connection, instant: datetime) -> int | None:
    """Id of the shift that owns this instant; None outside every shift."""
    row = connection.execute(
        "select id from mes.shift where span @> %s::timestamptz", [instant]
    ).fetchone()
    return row[0] if row else None


def boundary_after(connection: Connection, instant: datetime) -> datetime:
    """When reports are made next after `instant`: the plant's unit or a shift end is over."""
    unit = _unit(connection)
    last = (instant if unit >= DAY else _unit_begin(connection, instant, unit)) + unit
    row = connection.execute(
        """
        select min(upper(span)) from mes.shift
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
        "select max(upper(span)) from mes.shift "
        "where upper(span) > %(first)s and upper(span) <= %(at)s "
        "and span && tstzrange(%(first)s - interval '1 us', %(at)s)",
        {"first": first, "at": instant},
    ).fetchone()
    return row[0] if row and row[0] else first


def _unit(connection: Connection) -> timedelta:
    """Reports are made this often at least; of a day or more: at shift ends only."""
    row = connection.execute("select report_every from mes.plant").fetchone()
    return row[0] if row else QUARTER


def _unit_begin(connection: Connection, instant: datetime, unit: timedelta) -> datetime:
    """When the quarter hour or hour of `instant` began, by the plant's own clock."""
    row = connection.execute("select time_zone from mes.plant").fetchone()
    offset = instant.astimezone(ZoneInfo(row[0])).utcoffset() if row else None
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


def _zone(connection: Connection) -> ZoneInfo:
    row = connection.execute("select time_zone from mes.plant").fetchone()
    if row is None:
        raise PlantNotLoadedError(
            "The database knows no plant, so no shifts: run `pressline plant load FILE` first."
        )
    return ZoneInfo(row[0])


def _patterns(connection: Connection) -> list[ShiftPattern]:
    return [
        ShiftPattern(
            code, start, end, [(time.fromisoformat(a), time.fromisoformat(b)) for a, b in breaks]
        )
        for code, start, end, breaks in connection.execute(
            "select code, start_time, end_time, breaks from mes.shift_pattern order by start_time"
        )
    ]


def _insert(connection: Connection, shift: Shift) -> int:
    row = connection.execute(
        """
        insert into mes.shift (date, code, span)
        select %(date)s, %(code)s, tstzrange(free.start, %(end)s)
        from (select coalesce(max(upper(s.span)), %(start)s) as start
              from mes.shift s where s.span @> %(start)s::timestamptz) free
        where free.start < %(end)s
        on conflict do nothing returning id, lower(span)
        """,
        {"date": shift.date, "code": shift.code, "start": shift.span.start, "end": shift.span.end},
    ).fetchone()
    if row is None:
        return 0
    number, start = row
    within = (Span(max(one.start, start), min(one.end, shift.span.end)) for one in shift.breaks)
    connection.cursor().executemany(
        "insert into mes.shift_break (shift, span) values (%s, %s)",
        [(number, TimestamptzRange(pause.start, pause.end)) for pause in merged(within)],
    )
    return 1
