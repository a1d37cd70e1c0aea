"""The tail of the readings: what came behind the bridge's marks, of the channels it derives from.

A plant stores many more channels than presses and meters count on. The others are passed over where
they lie: they cost a look at their row in the database, and never leave it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from database.connection import Connection

UNLIMITED = 2**62


@dataclass(frozen=True, slots=True)
class TailReading:
    """One reading as the bridge takes it in: `value` as stored (unscaled), None unless good."""

    channel: int
    at: datetime
    value: float | None
    outbox: int
    number: int
    arrived: datetime


@dataclass(frozen=True, slots=True)
class Told:
    """A reading behind the marks; `press` is the one whose states it tells about, if it does.

    `concerns` is the press whose figures it may change: of a meter, the press that it measures;
    `owner` is that press, or the meter of more than one.
    """

    reading: TailReading
    good: bool
    press: str | None
    decides: bool
    running: bool | None
    concerns: str | None
    owner: str


Mark = tuple[int, int, datetime, int, bool]  # outbox, number, arrived, how far to read, and more


@dataclass(frozen=True, slots=True)
class Tail:
    """What a transaction takes in: all that is `told` within the records that the marks passed."""

    told: Sequence[Told]
    passed: int
    marks: Sequence[Mark] = ()

    @property
    def before(self) -> list[tuple[int, int, datetime]]:
        """Outbox, number, arrival of each mark before it was moved."""
        return [mark[:3] for mark in self.marks]


def take(connection: Connection, limit: int | None) -> Tail:
    """Move the marks on; returns what they passed, by arrival and, within an outbox, by number.

    Of each outbox at most `limit` records. What lies behind an outbox that has more waits for it,
    so that arrival orders what several outboxes say.
    """
    return _read(connection, _marks(connection, limit or UNLIMITED), _TAKE, None)


def take_behind(connection: Connection, owner: str) -> Tail:
    """What came of an owner that is set aside, up to the marks of the others, which stay."""
    marks = connection.execute(
        """
        select m.outbox, coalesce(p.number, 0), greatest(p.arrived, '2000-01-01'), m.number, false
        from mes.mark m
        left join mes.press_mark p on p.outbox = m.outbox and p.owner = %s
        where m.number > coalesce(p.number, 0)
        order by m.outbox for update of m
        """,
        [owner],
    ).fetchall()
    return _read(connection, marks, _TAKE_BEHIND, owner)


def _read(
    connection: Connection, marks: Sequence[Mark], query: LiteralString, owner: str | None
) -> Tail:
    if not marks:
        return Tail([], 0)
    names = ("outbox", "number", "arrived", "reach", "more")
    columns = dict(zip(names, map(list, zip(*marks, strict=True)), strict=True))
    asked = {**columns, "since": min(columns["arrived"]), "owner": owner}
    rows = connection.execute(query, asked).fetchall()
    passed = sum({outbox: records for outbox, records, *_ in rows}.values())
    told = [_told(outbox, *row) for outbox, _, *row in rows if row[0] is not None]
    return Tail(told, passed, marks)


def _told(
    outbox: int, number: int, arrived: datetime, at: datetime, channel: int, good: bool,
    whole: int | None, value: float | None, press: str | None, decides: bool, signals: bool | None,
    concerns: str | None, owner: str,
) -> Told:  # fmt: skip
    shown = (value if whole is None else whole) if good else None
    running = whole != 0 if signals and whole is not None else None
    reading = TailReading(channel, at, shown, outbox, number, arrived)
    return Told(reading, good, press, decides, running, concerns, owner)


def _marks(connection: Connection, limit: int) -> list[tuple[int, int, datetime, int, bool]]:
    """Each outbox with news: its mark, how far to read, and whether there is more beyond.

    Up to the watermark: whatever is not there by then never comes. Locked, so that no two bridges
    take the same reading.
    """
    connection.execute(
        "insert into mes.mark (outbox, number, arrived) "
        "select id, 0, '2000-01-01' from signal.outbox "
        "where id not in (select outbox from mes.mark) on conflict do nothing"
    )
    return connection.execute(
        "select m.outbox, m.number, greatest(m.arrived, '2000-01-01'), "
        "least(o.number, m.number + %(limit)s), o.number > m.number + %(limit)s "
        "from mes.mark m join signal.outbox o on o.id = m.outbox where o.number > m.number "
        "order by m.outbox for update of m",
        {"limit": limit},
    ).fetchall()


_TOLD: LiteralString = """
select m.outbox, m.passed, s.number, s.arrived, s.at, s.channel, s.good, s.count, s.value,
       s.press, s.decides, s.signals, s.concerns, s.owner
from moved m
left join seen s on s.outbox = m.outbox and not s.later
order by s.arrived, m.outbox, s.number, s.at
"""

# `since` says once more what `arrived` says of each outbox: a constant, by which the database
# leaves chunks out when it plans. Within an outbox arrival never goes back (ingest sees to it).
_SEEN: LiteralString = """
with own as (
  select c.id as channel, p.name as press,
         c.name = coalesce(p.run_channel, p.stroke_channel) as decides,
         c.name = p.run_channel as signals, p.name as concerns, p.name as owner
  from mes.press p
  join mes.own_channel c on c.device = p.name and c.name in (p.stroke_channel, p.run_channel)
  union all
  select c.id, null, false, false, m.press, coalesce(m.press, m.name)
  from mes.meter m join mes.own_channel c on c.device = m.name and c.name = m.energy_channel
), counted as (
  select * from own
  union all  -- counted on before the plant file was changed
  select k.channel, null, false, false, coalesce(k.press, m.press),
         coalesce(k.press, m.press, k.meter)
  from mes.counter k left join mes.meter m on m.name = k.meter
  where not exists (select from own where own.channel = k.channel)
), wanted as materialized (  -- of those not set aside, or of the one that catches up
  select * from counted c
  where c.owner = %(owner)s
     or %(owner)s::text is null and c.owner not in (select owner from mes.press_behind)
), mark as materialized (
  select m.*, coalesce((
    select max(r.arrived) from signal.reading r
    where r.outbox = m.outbox and r.number = m.reach and r.arrived >= m.arrived
      and r.arrived >= %(since)s), m.arrived) as came
  from unnest(%(outbox)s::int[], %(number)s::bigint[], %(arrived)s::timestamptz[],
              %(reach)s::bigint[], %(more)s::bool[]) as m(outbox, number, arrived, reach, more)
), cut as (
  select came, outbox from mark where more order by came, outbox limit 1
), seen as materialized (
  select r.*, w.press, w.decides, w.signals, w.concerns, w.owner,
         coalesce(r.outbox <> cut.outbox
                  and (r.arrived, r.outbox) > (cut.came, cut.outbox), false) as later
  from mark
  cross join lateral (
    select outbox, number, arrived, at, channel, quality = 192 as good, count,
           coalesce(wide, gauge::float8) as value
    from signal.reading r
    where r.outbox = mark.outbox and r.number > mark.number and r.number <= mark.reach
      and r.arrived >= mark.arrived and r.arrived >= %(since)s
  ) r
  join wanted w on w.channel = r.channel
  left join cut on true
)"""
_MOVED: LiteralString = """, waiting as (
  select outbox, min(number) - 1 as number, min(arrived) as arrived
  from seen where later group by outbox
), moved as (
  update mes.mark m
  set number = coalesce(w.number, mark.reach), arrived = coalesce(w.arrived, mark.came)
  from mark left join waiting w on w.outbox = mark.outbox
  where m.outbox = mark.outbox
  returning m.outbox, m.number - mark.number as passed
)
"""
_STAYED: LiteralString = """, moved as (
  select outbox, reach - number as passed from mark
)
"""
_TAKE = _SEEN + _MOVED + _TOLD
_TAKE_BEHIND = _SEEN + _STAYED + _TOLD
