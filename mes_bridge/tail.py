"""The tail of the readings: what came behind the bridge's marks, of the channels it derives from.

A plant stores many more channels than presses and meters count on: only theirs are asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import LiteralString

from database.connection import Connection
from mes_bridge import readings
from mes_bridge.readings import Reading, Stretch
from mes_bridge.states.press_state import Meanings, signal_of
from plant.layout import Signal

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
    `owner` is that press, or the meter of more than one. `unlisted` is a value of the run signal
    that the plant file does not explain: such a reading is not `good`.
    """

    reading: TailReading
    good: bool
    press: str | None
    decides: bool
    signal: Signal | None
    concerns: str | None
    owner: str
    unlisted: int | None = None


Mark = tuple[int, int, datetime, int, bool]  # outbox, number, arrived, how far to read, and more
Reached = dict[int, tuple[int, datetime]]  # by outbox: number and its arrival


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
    return _read(connection, _marks(connection, limit or UNLIMITED), None)


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
    return _read(connection, marks, owner)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a channel's readings tell about; see Told."""

    press: str | None
    decides: bool
    signals: bool | None
    concerns: str | None
    owner: str
    states: Meanings | None


def _read(connection: Connection, marks: Sequence[Mark], owner: str | None) -> Tail:
    """What lies within the marks: they are moved on, unless an `owner` catches up with them."""
    if not marks:
        return Tail([], 0)
    wanted = _wanted(connection, owner)
    stretches = [Stretch(*mark[:4]) for mark in marks]
    seen = readings.behind(connection, stretches, list(wanted))
    if owner is None:
        taken, reached = _cut(connection, marks, stretches, seen)
        _move(connection, reached)
    else:
        taken, reached = seen, {one.outbox: (one.reach, one.arrived) for one in stretches}
    passed = sum(reached[one.outbox][0] - one.number for one in stretches)
    return Tail([_told(one, wanted[one.channel]) for one in taken], passed, marks)


def _cut(
    connection: Connection,
    marks: Sequence[Mark],
    stretches: Sequence[Stretch],
    seen: Sequence[Reading],
) -> tuple[list[Reading], Reached]:
    """What is taken now, and how far that moves each mark: what lies behind the cut waits."""
    came = _came(connection, stretches, seen)
    reached: Reached = {one.outbox: (one.reach, came[one.outbox]) for one in stretches}
    cut = min(((came[outbox], outbox) for outbox, *_, more in marks if more), default=None)
    if cut is None:
        return list(seen), reached
    later = [one for one in seen if (one.arrived, one.outbox) > cut and one.outbox != cut[1]]
    for one in reversed(later):  # by arrival: the first of each outbox is set last
        reached[one.outbox] = (one.number - 1, one.arrived)
    now = [one for one in seen if (one.arrived, one.outbox) <= cut or one.outbox == cut[1]]
    return now, reached


def _came(
    connection: Connection, stretches: Sequence[Stretch], seen: Sequence[Reading]
) -> dict[int, datetime]:
    """When the last record of each stretch arrived: often it was seen, else it is asked for."""
    last = {one.outbox: one.reach for one in stretches}
    came = {one.outbox: one.arrived for one in seen if one.number == last[one.outbox]}
    unseen = [one for one in stretches if one.outbox not in came]
    return came | (readings.arrivals(connection, unseen) if unseen else {})


def _told(one: Reading, of: _Wanted) -> Told:
    shown = (one.value if one.whole is None else one.whole) if one.good else None
    reading = TailReading(one.channel, one.at, shown, one.outbox, one.number, one.arrived)
    told = Told(reading, one.good, of.press, of.decides, None, of.concerns, of.owner)
    if not of.signals or one.whole is None:
        return told
    signal = signal_of(of.states, one.whole)
    if signal is None and one.good:
        return replace(told, good=False, unlisted=one.whole)
    return replace(told, signal=signal)


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


def _wanted(connection: Connection, owner: str | None) -> dict[int, _Wanted]:
    rows = connection.execute(_WANTED, {"owner": owner}).fetchall()
    return {channel: _Wanted(*row) for channel, *row in rows}


def _move(connection: Connection, reached: Reached) -> None:
    numbers, arrived = zip(*reached.values(), strict=True)
    connection.execute(
        """
        update mes.mark m set number = r.number, arrived = r.arrived
        from unnest(%s::int[], %s::bigint[], %b::timestamptz[]) as r(outbox, number, arrived)
        where m.outbox = r.outbox
        """,
        [list(reached), list(numbers), list(arrived)],
    )


_WANTED: LiteralString = """
with own as (
  select c.id as channel, p.name as press,
         c.name = coalesce(p.run_channel, p.stroke_channel) as decides,
         c.name = p.run_channel as signals, p.name as concerns, p.name as owner,
         p.run_states as states
  from plant.press p
  join mes.own_channel c on c.device = p.name and c.name in (p.stroke_channel, p.run_channel)
  union all
  select c.id, null, false, false, m.press, coalesce(m.press, m.name), null
  from plant.meter m join mes.own_channel c on c.device = m.name and c.name = m.energy_channel
), counted as (
  select * from own
  union all  -- counted on before the plant file was changed
  select k.channel, null, false, false, coalesce(k.press, m.press),
         coalesce(k.press, m.press, k.meter), null
  from mes.counter k left join plant.meter m on m.name = k.meter
  where not exists (select from own where own.channel = k.channel)
)  -- of those not set aside, or of the one that catches up
select c.channel, c.press, c.decides, c.signals, c.concerns, c.owner, c.states
from counted c
where c.owner = %(owner)s
   or %(owner)s::text is null and c.owner not in (select owner from mes.press_behind)
"""
