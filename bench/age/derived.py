"""One day of one press: what the bridge derives from readings, beside what was written by SQL."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from bench.age.size import BEGAN, EVERY_S, FIRST, LAST, Size
from database.connection import Connection
from mes_bridge.bridge import Bridge

PRESS = "P001"
DAY = timedelta(days=1)


def day_of(size: Size) -> datetime:
    """The day that is compared: in the middle of those with facts by the minute."""
    return BEGAN + (size.days - max(size.minute_days // 2, 1)) * DAY


def derive(connection: Connection, size: Size) -> None:
    """Let the bridge count a plant without history from readings of that day, half a day more each.

    An hour of readings at a time.
    """
    day = day_of(size)
    bridge = Bridge(connection)
    connection.execute("delete from mes.mark")
    connection.execute("update signal.outbox set number = 0")
    number = 0
    for hour in range(-12, 36):
        until = day + timedelta(hours=hour + 1)
        for at, count in _readings(until - timedelta(hours=1), until):
            number += 1
            connection.execute(
                "insert into signal.reading (arrived, at, channel, count, quality, outbox, number) "
                "values (%s, %s, 1, %s, 192, 1, %s)",
                [at, at, count, number],
            )
        connection.execute("update signal.outbox set number = %s, arrived = %s", [number, until])
        bridge.advance(until)


def _readings(since: datetime, until: datetime) -> Iterator[tuple[datetime, int]]:
    """Instant and count of each reading: a stroke of every one from FIRST to LAST of a day."""
    days = (since - BEGAN) // DAY
    start = BEGAN + days * DAY
    for k in range(24 * 3600 // EVERY_S + 1):
        at = start + timedelta(seconds=k * EVERY_S)
        if since <= at < until:
            done = min(max(k - FIRST + 1, 0), LAST - FIRST + 1)
            yield at, days * (LAST - FIRST + 1) + done


def told(connection: Connection, size: Size) -> dict[str, set[tuple[object, ...]]]:
    """What the books say of that day and press, by table."""
    places = {"press": PRESS, "day": day_of(size), "until": day_of(size) + DAY}
    return {
        table: set(connection.execute(query.encode(), places).fetchall())
        for table, query in BOOKS.items()
    }


BOOKS = {
    "mes.count": """
    select at, amount, kind, unseen, from_at, segment, run from mes.owned_count
    where press = %(press)s and measure = 'stroke' and at >= %(day)s and at < %(until)s
    """,
    "mes.press_state": """
    select lower(cut), upper(cut), state
    from (select span * tstzrange(%(day)s, %(until)s) as cut, state from mes.press_state
          where press = %(press)s and span && tstzrange(%(day)s, %(until)s)) s
    """,
    "mes.fact_minute": """
    select minute, segment, strokes, running_s::float8, stopped_s::float8, unknown_s::float8
    from mes.fact_minute where press = %(press)s and minute >= %(day)s and minute < %(until)s
    """,
    "board.minute": """
    select minute, strokes, running_s::float8, run_wh from board.minute
    where press = %(press)s and minute >= %(day)s and minute < %(until)s
    """,
}
