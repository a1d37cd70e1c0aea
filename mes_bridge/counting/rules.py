"""Which channels are counted on, and by which rules: the plant file is changed, its past is not.

The rules of a channel are its newest row in `mes.counter_rule`; they hold from that row's record
on. What the plant wants (`mes.counter_plan`) becomes a rule with the next readings, but never
between a reading that waits and the one that settles it.

A press or meter gets another channel when the plant file names another, another node reads it, or
its channel is declared with another unit or scale. The old channel counts until the new one is
read, and no further: nothing counts twice. Where both tell the same numbers under the same name,
the new one goes on where the old one stood; else its first reading is its baseline.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import LiteralString

import structlog
from psycopg.rows import class_row

from database.connection import Connection
from mes_bridge.tail import TailReading

log = structlog.get_logger()

Batch = dict[int, Sequence[TailReading]]  # of each channel, in the order of the tail


@dataclass(frozen=True, slots=True)
class _Channel:
    """A channel of a machine that is counted on (has a `line`) or should be (is `wanted`)."""

    channel: int
    owner: str
    node: str
    name: str
    factor: float
    wanted: bool
    line: int | None
    changed: bool
    waits: bool


def follow(connection: Connection, told: Mapping[int, Sequence[TailReading]]) -> Batch:
    """Bring the rules up to date with the plant; returns the readings that are to be counted."""
    batch: Batch = {}
    with connection.cursor(row_factory=class_row(_Channel)) as cursor:
        channels = cursor.execute(_CHANNELS, {"told": list(told)}).fetchall()
    for _, machine in groupby(channels, lambda one: one.owner):
        batch |= _Succession(connection, list(machine), told).settle()
    return batch


class _Succession:
    """The channels of one press or meter: those that stay, come and go."""

    def __init__(
        self,
        connection: Connection,
        channels: Sequence[_Channel],
        told: Mapping[int, Sequence[TailReading]],
    ) -> None:
        self._connection, self._told = connection, told
        self._stay = [one for one in channels if one.wanted and one.line is not None]
        self._come = [one for one in channels if one.wanted and one.line is None]
        self._go = [one for one in channels if not one.wanted and one.line is not None]

    def settle(self) -> Batch:
        """Write what rules there are to write; returns the readings that are to be counted."""
        stay = {one.channel: self._told[one.channel] for one in self._stay if self._is_told(one)}
        for one in self._stay:
            if one.changed and not one.waits and self._is_told(one):
                self._rule(_FROM_PLAN, one, one.line, stay[one.channel][0])
        come = dict(self._begin())
        return stay | come | dict(self._end(begun=bool(come)))

    def _begin(self) -> Iterator[tuple[int, Sequence[TailReading]]]:
        """Those that come, from the last reading of those that go: one poll may have read both."""
        going = [_place(self._told[one.channel][-1]) for one in self._go if self._is_told(one)]
        for one in self._come:
            readings = [
                each for each in self._told.get(one.channel, ())
                if not going or _place(each) >= max(going)
            ]  # fmt: skip
            if readings:
                yield one.channel, [*self._open(one, readings[0]), *readings]

    def _open(self, one: _Channel, first: TailReading) -> Sequence[TailReading]:
        """Begin to count on a channel; what is still to be counted of the one it goes on from."""
        key = one.node, one.name, one.factor
        before = next((old for old in self._go if (old.node, old.name, old.factor) == key), None)
        if before is None:
            self._connection.execute(_BEGIN, {"channel": one.channel})
            self._rule(_FROM_PLAN, one, self._new_line(), first)
            for old in self._go:
                log.warning("counted on another channel from here on", machine=one.owner,
                            was=f"{old.node}/{old.name}", now=f"{one.node}/{one.name}")  # fmt: skip
            return ()
        self._connection.execute(_GO_ON, {"channel": one.channel, "before": before.channel})
        self._rule(_FROM_PLAN, one, before.line, first)
        self._rule(_AS_BEFORE, before, None, first)
        self._go.remove(before)
        return self._told.get(before.channel, ())

    def _end(self, *, begun: bool) -> Iterator[tuple[int, Sequence[TailReading]]]:
        """Those that go count until another one does, and not once it did."""
        for one in self._go:
            readings = self._told.get(one.channel)
            if readings and self._stay:
                self._rule(_AS_BEFORE, one, None, readings[0])
            elif readings:
                if begun:
                    self._rule(_AS_BEFORE, one, None, readings[-1], behind=1)
                yield one.channel, readings

    def _is_told(self, one: _Channel) -> bool:
        return one.channel in self._told

    def _new_line(self) -> int:
        row = self._connection.execute("select nextval('mes.counter_line')").fetchone()
        assert row is not None
        return row[0]

    def _rule(
        self,
        rule: LiteralString,
        one: _Channel,
        line: int | None,
        reading: TailReading,
        behind: int = 0,
    ) -> None:
        """Write the rule that holds from a reading on, or from the record behind it."""
        since = {"outbox": reading.outbox, "number": reading.number + behind}
        self._connection.execute(rule, {"channel": one.channel, "line": line, **since})


def _place(reading: TailReading) -> tuple[object, ...]:
    return reading.arrived, reading.outbox, reading.number


# Of every machine that the batch tells about, each channel that is counted on or should be.
_CHANNELS = """
with plan as materialized (
  select * from mes.counter_plan
  where coalesce(press, meter) = any(
    array(select device from signal.channel where id = any(%(told)s)))
), candidate as (
  select channel, press, meter from plan
  union select channel, press, meter from mes.counter
  where coalesce(press, meter) = any(
    array(select device from signal.channel where id = any(%(told)s)))
)
select k.channel, coalesce(k.press, k.meter) as owner, c.node, c.name,
       coalesce(p.factor, r.factor, 1) as factor, p.channel is not null as wanted, r.line,
       (p.of_press, p.factor, p.modulus, p.top_rate, p.silence)
         is distinct from (r.of_press, r.factor, r.modulus, r.top_rate, r.silence) as changed,
       coalesce(old.pend_at is not null, false) as waits
from candidate k
join signal.channel c on c.id = k.channel
left join plan p on p.channel = k.channel
left join mes.counter old on old.channel = k.channel
left join mes.rule_in_force r on r.channel = k.channel
order by k.press, k.meter, k.channel
"""

_FROM_PLAN = """
insert into mes.counter_rule
  (channel, outbox, number, line, of_press, factor, modulus, top_rate, silence)
select channel, %(outbox)s, %(number)s, %(line)s, of_press, factor, modulus, top_rate, silence
from mes.counter_plan where channel = %(channel)s
"""

_AS_BEFORE = """
insert into mes.counter_rule
  (channel, outbox, number, line, of_press, factor, modulus, top_rate, silence)
select channel, %(outbox)s, %(number)s, %(line)s, of_press, factor, modulus, top_rate, silence
from mes.rule_in_force where channel = %(channel)s
"""

_BEGIN = """
insert into mes.counter (channel, press, meter, measure)
select channel, press, meter, measure from mes.counter_plan where channel = %(channel)s
on conflict (channel) do update
set base_value = null, base_at = null, pend_value = null, pend_at = null, pend_unseen = false,
    unseen = false, told_by = null
"""

_GO_ON = """
insert into mes.counter (channel, press, meter, measure, base_value, base_at, pend_value, pend_at,
                         pend_unseen, unseen, told_by, outbox, number)
select %(channel)s, press, meter, measure, base_value, base_at, pend_value, pend_at, pend_unseen,
       unseen, told_by, outbox, number
from mes.counter where channel = %(before)s
on conflict (channel) do update
set base_value = excluded.base_value, base_at = excluded.base_at,
    pend_value = excluded.pend_value, pend_at = excluded.pend_at,
    pend_unseen = excluded.pend_unseen, unseen = excluded.unseen,
    told_by = excluded.told_by, outbox = excluded.outbox, number = excluded.number
"""
