"""Readings as they are stored: the bridge, the pages and the demo ask for them here.

No other file of these rooms names their table (a test says so), so that the way they are stored is
known in one place. Two are apart: `ingest` writes them, and the audit (`proof/recount.py`) recounts
with SQL of its own, or it would prove nothing.

Instants are capture times, unless called arrival, which is the database's clock at their commit. A
reading is found by its outbox and the number of its record, or by its channel and time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from psycopg.rows import dict_row

from database.connection import Connection

GOOD = 192  # Sparkplug quality
ON_ITS_WAY = timedelta(days=1)  # a reading arrives at most so long before its capture time


class Reading(NamedTuple):
    """A reading as stored: `whole` is a whole number, `value` any other, both unscaled."""

    outbox: int
    number: int
    arrived: datetime
    at: datetime
    channel: int
    good: bool
    whole: int | None
    value: float | None


class Seen(NamedTuple):
    """What a channel said at an instant; `whole` None: no whole number, or nothing at all."""

    at: datetime
    channel: int
    quality: int
    whole: int | None


@dataclass(frozen=True, slots=True)
class Stretch:
    """Records of an outbox behind `number`, which arrived at `arrived`, up to `reach`."""

    outbox: int
    number: int
    arrived: datetime
    reach: int


@dataclass(frozen=True, slots=True)
class Part:
    """A channel from a record on; `outbox` None: all of it."""

    channel: int
    outbox: int | None
    number: int


# -- by outbox and number -------------------------------------------------------------------------


def behind(
    connection: Connection, stretches: Sequence[Stretch], channels: Sequence[int]
) -> list[Reading]:
    """Readings of these channels in the stretches, by arrival and, within an outbox, by number.

    The others are passed over where they lie: they cost a look at their row, and never leave it.
    """
    rows = connection.execute(
        # `since` says once more what `arrived` says of each outbox: a constant, by which the
        # database leaves chunks out when it plans. Within an outbox arrival never goes back.
        """
        select r.outbox, r.number, r.arrived, r.at, r.channel, r.quality = 192, r.count,
               coalesce(r.wide, r.gauge::float8)
        from unnest(%(outbox)s::int[], %(number)s::bigint[], %(arrived)b::timestamptz[],
                    %(reach)s::bigint[]) as m(outbox, number, arrived, reach)
        cross join lateral (
          select * from signal.reading r
          where r.outbox = m.outbox and r.number > m.number and r.number <= m.reach
            and r.arrived >= m.arrived and r.arrived >= %(since)s
            and r.channel = any(%(channels)s::int[])
        ) r
        order by r.arrived, r.outbox, r.number, r.at
        """,
        {**_columns(stretches), "channels": list(channels)},
    )
    return [Reading(*row) for row in rows]


def arrivals(connection: Connection, stretches: Sequence[Stretch]) -> dict[int, datetime]:
    """When the last record of each stretch arrived, by outbox; without readings `arrived`."""
    rows = connection.execute(
        """
        select m.outbox, coalesce((
          select max(r.arrived) from signal.reading r
          where r.outbox = m.outbox and r.number = m.reach and r.arrived >= m.arrived
            and r.arrived >= %(since)s), m.arrived)
        from unnest(%(outbox)s::int[], %(arrived)b::timestamptz[], %(reach)s::bigint[])
          as m(outbox, arrived, reach)
        """,
        _columns(stretches),
    )
    return dict(rows.fetchall())


def _columns(stretches: Sequence[Stretch]) -> Mapping[str, object]:
    return {
        "outbox": [one.outbox for one in stretches],
        "number": [one.number for one in stretches],
        "arrived": [one.arrived for one in stretches],
        "reach": [one.reach for one in stretches],
        "since": min((one.arrived for one in stretches), default=None),
    }


def waiting(connection: Connection, stretches: Sequence[Stretch]) -> dict[int, float]:
    """How long the first reading of each stretch has been there, in s by the database's clock."""
    rows = connection.execute(
        """
        select m.outbox, extract(epoch from clock_timestamp() - first.arrived)::float
        from unnest(%(outbox)s::int[], %(number)s::bigint[], %(arrived)b::timestamptz[],
                    %(reach)s::bigint[]) as m(outbox, number, arrived, reach)
        cross join lateral (
          select r.arrived from signal.reading r
          where r.outbox = m.outbox and r.number > m.number and r.number <= m.reach
            and r.arrived >= m.arrived
          order by r.number limit 1
        ) first
        """,
        _columns(stretches),
    )
    return dict(rows.fetchall())


def last_captures(
    connection: Connection, heads: Sequence[tuple[int, int, datetime]]
) -> dict[int, datetime]:
    """When the newest reading of each outbox was taken, up to its watermark.

    A head is the outbox, its watermark and when that arrived.
    """
    rows = connection.execute(
        """
        select m.outbox, last.at
        from unnest(%s::int[], %s::bigint[], %b::timestamptz[]) as m(outbox, number, arrived)
        cross join lateral (
          select r.at from signal.reading r
          where r.outbox = m.outbox and r.number <= m.number and r.arrived >= m.arrived
          order by r.number desc, r.at desc limit 1
        ) last
        """,
        [[head[place] for head in heads] for place in range(3)],
    )
    return dict(rows.fetchall())


# -- by channel and time --------------------------------------------------------------------------


def since(connection: Connection, channels: Sequence[int], start: datetime | None) -> list[Seen]:
    """What these channels said from `start` on (None: ever), in order of capture."""
    rows = connection.execute(
        """
        select r.at, r.channel, r.quality, r.count from signal.reading r
        where r.channel = any(%(channels)s::int[])
          and r.at >= coalesce(%(start)s, '-infinity'::timestamptz)
          and r.arrived >= coalesce(%(start)s, '2000-01-02'::timestamptz) - %(way)s::interval
        order by r.at, r.arrived, r.outbox, r.number
        """,
        {"channels": list(channels), "start": start, "way": ON_ITS_WAY},
    )
    return [Seen(*row) for row in rows]


def last_whole(
    connection: Connection, channels: Sequence[int], before: datetime
) -> tuple[datetime, int] | None:
    """The last good whole number that these channels said before an instant."""
    return connection.execute(
        """
        select r.at, r.count from signal.reading r
        where r.channel = any(%s::int[]) and r.at < %s and r.quality = 192 and r.count is not null
        order by r.at desc limit 1
        """,
        [list(channels), before],
    ).fetchone()


def last_in_time(
    connection: Connection, parts: Sequence[Part], first: datetime, last: datetime
) -> tuple[datetime, float] | None:
    """The newest good value from `first` to `last`; of several at one instant the least.

    One that arrived after a younger one of its channel is late, and not looked at.
    """
    row = connection.execute(
        """
        select r.at, coalesce(r.count, r.wide, r.gauge::float8) as value, r.count
        from unnest(%(channel)s::int[], %(outbox)s::int[], %(number)s::bigint[])
          as u(channel, outbox, number)
        cross join lateral (
          select r.at, r.count, r.wide, r.gauge from signal.reading r
          where r.channel = u.channel
            and (r.outbox is distinct from u.outbox or r.number >= u.number)
            and r.quality = 192 and r.at <= %(last)s and r.at >= %(first)s
            and r.arrived >= %(first)s - %(way)s::interval
            and (  -- a subquery, so that it is asked of the newest ones alone
              select true from signal.reading e
              where e.channel = r.channel and e.quality = 192 and e.at > r.at
                and (e.outbox is distinct from u.outbox or e.number >= u.number)
                and e.arrived >= %(first)s - %(way)s::interval
                and (e.arrived, e.outbox, e.number) < (r.arrived, r.outbox, r.number)
              order by e.at limit 1) is null
          order by r.at desc, coalesce(r.count, r.wide, r.gauge::float8) limit 1
        ) r
        order by r.at desc, value limit 1
        """,
        {
            "channel": [one.channel for one in parts],
            "outbox": [one.outbox for one in parts],
            "number": [one.number for one in parts],
            "first": first,
            "last": last,
            "way": ON_ITS_WAY,
        },
    ).fetchone()
    return row and (row[0], row[1] if row[2] is None else row[2])


def span(
    connection: Connection, channels: Sequence[int], begin: datetime, end: datetime, most: int
) -> list[dict[str, Any]]:
    """Readings from `begin` until before `end`, and the one before them: at most `most`.

    `before` is the whole number that the same channel said before.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """
            select r.at, r.source_at, r.arrived, r.count as value, r.quality, r.outbox, r.number,
                   lag(r.count) over (partition by r.channel order by r.at, r.outbox, r.number)
                     as before
            from signal.reading r
            where r.channel = any(%(channels)s::int[]) and r.at < %(end)s
              and r.arrived >= %(begin)s - %(way)s::interval
              and r.at >= coalesce((select max(x.at) from signal.reading x
                                    where x.channel = any(%(channels)s::int[]) and x.at < %(begin)s
                                      and x.arrived >= %(begin)s - %(way)s::interval), %(begin)s)
            order by r.at, r.outbox, r.number limit %(most)s
            """,
            {
                "channels": list(channels),
                "begin": begin,
                "end": end,
                "way": ON_ITS_WAY,
                "most": most,
            },
        ).fetchall()


def newest(
    connection: Connection, channels: Sequence[int], arrived: datetime, most: int
) -> list[tuple[datetime, float]]:
    """When and what these channels said last, of good values that arrived after an instant."""
    return connection.execute(
        """
        select r.at, coalesce(r.count::float8, r.wide, r.gauge::float8) from signal.reading r
        where r.channel = any(%s::int[]) and r.arrived > %s and r.quality = 192
        order by r.arrived desc, r.at desc limit %s
        """,
        [list(channels), arrived, most],
    ).fetchall()


def first_good(
    connection: Connection, channels: Sequence[int], after: datetime | None = None
) -> dict[int, tuple[int, int]]:
    """Outbox and number of the first good reading of each channel after an instant."""
    rows = connection.execute(
        """
        select c.channel, first.outbox, first.number
        from unnest(%s::int[]) as c(channel)
        cross join lateral (
          select r.outbox, r.number from signal.reading r
          where r.channel = c.channel and r.quality = 192
            and r.at > coalesce(%s, '-infinity'::timestamptz)
          order by r.at limit 1
        ) first
        """,
        [list(channels), after],
    )
    return {channel: (outbox, number) for channel, outbox, number in rows}
