"""Shift instances from the pattern, in plant time: a night shift belongs to the date it began."""

from collections.abc import Iterator
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
    """The shift of this pattern that begins on `day`; as long as the clocks make it that day."""
    end = day if pattern.end > pattern.start else day + DAY
    breaks = tuple(_break(pattern, one, day, zone) for one in pattern.breaks)
    span = Span(_instant(day, pattern.start, zone), _instant(end, pattern.end, zone))
    return Shift(day, pattern.code, span, breaks)


def ensure(connection: Connection, start: datetime, end: datetime) -> int:
    """Make the shift instances that touch [start, end) where they are missing; returns how many.

    A shift that would overlap an existing one (made from an older pattern) is left out.
    Raises PlantNotLoadedError.
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
    """The next quarter hour or shift end after `instant`, whichever comes first.

    Every zone's clock shows quarter hours at the same instants as UTC.
    """
    quarter = EPOCH + ((instant - EPOCH) // QUARTER + 1) * QUARTER
    row = connection.execute(
        """
        select min(upper(span)) from mes.shift
        where span && tstzrange(%(after)s, %(quarter)s) and upper(span) > %(after)s
          and upper(span) < %(quarter)s
        """,
        {"after": instant, "quarter": quarter},
    ).fetchone()
    return row[0] if row and row[0] else quarter


def _days(first: date, last: date) -> Iterator[date]:
    for number in range((last - first).days + 1):
        yield first + number * DAY


def _instant(day: date, clock: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, clock, zone).astimezone(UTC)


def _break(pattern: ShiftPattern, clocks: tuple[time, time], day: date, zone: ZoneInfo) -> Span:
    start, end = clocks
    start_day = day if start >= pattern.start else day + DAY
    end_day = start_day if end > start else start_day + DAY
    return Span(_instant(start_day, start, zone), _instant(end_day, end, zone))


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
        insert into mes.shift (date, code, span) values (%s, %s, %s)
        on conflict do nothing returning id
        """,
        [shift.date, shift.code, _range(shift.span)],
    ).fetchone()
    if row is None:
        return 0
    connection.cursor().executemany(
        "insert into mes.shift_break (shift, span) values (%s, %s) on conflict do nothing",
        [(row[0], _range(pause)) for pause in shift.breaks],
    )
    return 1


def _range(span: Span) -> TimestamptzRange:
    return TimestamptzRange(span.start, span.end, "[)")
