"""The counting machines of a plant, kept in the database: counters, their events, what they count.

The caller holds the locks of the presses concerned (`select … from plant.press … for update`) and
owns the transaction.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Literal
from uuid import UUID

from psycopg.rows import class_row

from database.connection import Connection
from mes_bridge import readings
from mes_bridge.counting import counting, rules
from mes_bridge.counting.counting import Pair, Point, Rules, State
from mes_bridge.errors import (
    DecidedEventError,
    DecisionTooLargeError,
    SwapError,
    UnknownCounterError,
    UnknownEventError,
)
from mes_bridge.readings import Part
from mes_bridge.states import facts
from mes_bridge.tail import TailReading

MOST = 2**62  # beyond this a value is no count
FAR_BACK = timedelta(hours=1)  # what waited longer on its way is looked at by people
LOSSES_APART = timedelta(hours=1)  # at most, of short gaps that are one event
LOSSES_LAST = timedelta(hours=8)  # at most, from the first to the last of them


@dataclass(frozen=True, slots=True)
class Counter:
    """A counting machine, and the press or meter it belongs to.

    `press` is also set for the meter of one press; `factor` turns stored values into strokes or Wh.
    Channels of one `line` are counted as one counter, one after the other.
    """

    channel: int
    owner: str
    press: str | None
    measure: Literal["stroke", "wh"]
    rules: Rules
    factor: float
    line: int
    state: State

    def reading(self, one: TailReading) -> counting.Reading:
        """The reading in counted units."""
        return counting.Reading(one.at, self.counted(one.value), one.outbox)

    def counted(self, value: float | None) -> int | None:
        """A stored value in strokes or Wh; None where it is no number."""
        if value is None or not math.isfinite(value) or abs(value * self.factor) > MOST:
            return None
        whole = isinstance(value, int) and self.factor == 1
        return int(value) if whole else round(value * self.factor)


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the query in `load`."""

    channel: int
    press: str | None
    meter: str | None
    of_press: str | None
    measure: Literal["stroke", "wh"]
    modulus: int | None
    top_rate: float
    silence: timedelta
    factor: float
    line: int
    base_value: int | None
    base_at: datetime | None
    pend_value: int | None
    pend_at: datetime | None
    pend_unseen: bool
    unseen: bool
    told_by: int | None


@dataclass(frozen=True, slots=True)
class Booking:
    """A settled pair with the counter it belongs to and the record that settled it."""

    counter: Counter
    pair: Pair
    outbox: int | None
    number: int | None


def load(connection: Connection, channels: Sequence[int]) -> dict[int, Counter]:
    """The counters among these channels, locked until the transaction ends."""
    with connection.cursor(row_factory=class_row(_Row)) as cursor:
        rows = cursor.execute(
            """
            select k.channel, k.press, k.meter, r.of_press, k.measure, r.modulus, r.top_rate,
                   r.silence, r.factor, r.line, k.base_value, k.base_at, k.pend_value, k.pend_at,
                   k.pend_unseen, k.unseen, k.told_by
            from mes.counter k
            join lateral (  -- one that goes with this batch is counted to its end
              select * from mes.counter_rule r
              where r.channel = k.channel and r.line is not null order by r.id desc limit 1
            ) r on true
            where k.channel = any(%s)
            order by k.channel
            for update of k
            """,
            [list(channels)],
        ).fetchall()
    return {row.channel: _counter(row) for row in rows}


def count(connection: Connection, tail: Iterable[TailReading]) -> list[Booking]:
    """Take readings in, in the order given per channel; books what they settle and returns it.

    Channels that nobody counts on are passed over.
    """
    by_channel = {
        channel: list(readings)
        for channel, readings in groupby(
            sorted(tail, key=lambda one: one.channel), key=lambda one: one.channel
        )
    }
    by_channel = rules.follow(connection, by_channel)
    bookings: list[Booking] = []
    states: list[tuple[object, ...]] = []
    for channel, counter in load(connection, list(by_channel)).items():
        looking_back = _looking_back(connection, counter)
        state, found = _run(counter, looking_back, by_channel[channel])
        states.append(_saved(channel, state, by_channel[channel][-1]))
        bookings += found
    _save(connection, states)
    book(connection, bookings)
    return bookings


def book(connection: Connection, bookings: Sequence[Booking], act: UUID | None = None) -> None:
    """Write events and counts; `act` is the act of the person who declared them, if one did."""
    rows: list[tuple[object, ...]] = []
    for one in bookings:
        event = None if one.pair.kind == "step" else _event(connection, one, act)
        if one.pair.booked:
            rows.append(_count_row(one, event))
    if not rows:
        return
    connection.execute(
        """
        insert into mes.count
          (channel, press, measure, from_at, at, amount, kind, event, unseen, outbox, number)
        select * from unnest(
          %s::int[], %s::text[], %s::text[], %b::timestamptz[], %b::timestamptz[], %s::bigint[],
          %s::text[], %s::bigint[], %s::bool[], %s::int[], %s::bigint[])
        """,
        [list(column) for column in zip(*rows, strict=True)],
    )


def decide(
    connection: Connection, press: str, n: int, count: int, act_id: UUID, now: datetime
) -> datetime:
    """A person says how many strokes held event `<press>/<n>` was: counted at its later reading.

    Refreshes the facts; returns the instant from which figures changed.
    A jump cannot count for more than its readings show; a fall shows no number, and any will do.
    Raises UnknownEventError, DecidedEventError, DecisionTooLargeError.
    """
    event, from_at = _held_event(connection, press, n, count)
    connection.execute(
        "update mes.counter_event set held = false, decided_act = %s, decided_count = %s "
        "where id = %s",
        [act_id, count, event],
    )
    connection.execute(
        """
        insert into mes.count
          (channel, press, measure, from_at, at, amount, kind, event, unseen, outbox, number)
        select e.channel, coalesce(e.press, m.press), k.measure, e.from_at, e.at, e.decided_count,
               'decided', e.id, e.unseen, e.outbox, e.number
        from mes.counter_event e
        join mes.counter k on k.channel = e.channel
        left join plant.meter m on m.name = e.meter
        where e.id = %s and e.decided_count > 0
        """,
        [event],
    )
    facts.refresh(connection, press, from_at, now)
    return from_at


def swap(
    connection: Connection, press: str, channel_name: str, old: float, new: float, at: datetime,
    act_id: UUID, now: datetime,
) -> datetime:  # fmt: skip
    """A counter of the press (or of its meter) was exchanged at `at`: it showed `old`, then `new`.

    Books what the old one counted since its last reading. `old` and `new` are values as the
    machine shows them, in the channel's own steps. Refreshes the facts; returns the instant from
    which figures changed. Raises UnknownCounterError, SwapError.
    """
    counter = _counter_named(connection, press, channel_name)
    shown, replaced = counter.counted(old), counter.counted(new)
    if shown is None or replaced is None:
        raise SwapError(f"{press}/{channel_name}: {old} or {new} is no count; read it off again")
    result = counting.exchange(counter.state, Point(at, shown), replaced, counter.rules)
    if result is None:
        raise SwapError(_why_no_swap(counter, press, channel_name, shown, at))
    state, pairs = result
    outbox, number = _position(connection, counter.channel)
    _save(connection, [_saved(counter.channel, state, None)])
    found = [Booking(counter, pair, outbox, number) for pair in pairs]
    first = Booking(counter, Pair("swap", Point(at, shown), Point(at, shown), 0), outbox, number)
    swapped = next((one for one in found if one.pair.kind == "swap"), first)
    _book_swap(connection, found, swapped, replaced, act_id)
    start = min([pair.old.at for pair in pairs], default=at)
    facts.refresh(connection, press, start, now)
    return start


def _book_swap(
    connection: Connection, found: Sequence[Booking], swapped: Booking, new: int, act_id: UUID
) -> None:
    """Book what the swap settled, the swap itself under its act, and what follows it.

    The swap's event holds what both counters showed: from the old one's value to the new one's.
    """
    shown = swapped.pair.new
    others = [one for one in found if one.pair.kind != "swap"]
    book(connection, [one for one in others if one.pair.new.at <= shown.at])
    book(connection, [swapped], act_id)
    connection.execute(
        "update mes.counter_event set old_value = %s, new_value = %s "
        "where decided_act = %s and kind = 'swap'",
        [shown.value, new, act_id],
    )
    book(connection, [one for one in others if one.pair.new.at > shown.at])


def _run(
    counter: Counter, rules: Rules, readings: Sequence[TailReading]
) -> tuple[State, list[Booking]]:
    state, found = counter.state, list[Booking]()
    for one in readings:
        state, pairs = counting.step(state, counter.reading(one), rules)
        found += [Booking(counter, pair, one.outbox, one.number) for pair in pairs]
    return state, [one for one in found if one.pair.kind != "step" or one.pair.amount]


def _looking_back(connection: Connection, counter: Counter) -> Rules:
    """The counter's rules, able to look at the readings before: rarely needed."""

    def before(at: datetime) -> Point | None:
        parts = _parts(connection, counter.line)
        found = readings.last_in_time(connection, parts, at - FAR_BACK, at - counting.WAY)
        value = found and counter.counted(found[1])
        return None if found is None or value is None else Point(found[0], value)

    own = counter.rules
    return Rules(own.top_rate, own.silence, own.modulus, before)


def _parts(connection: Connection, line: int) -> list[Part]:
    rows = connection.execute(
        "select channel, outbox, number from mes.counter_rule where line = %s", [line]
    )
    return [Part(*row) for row in rows]


def _counter(row: _Row) -> Counter:
    return Counter(
        channel=row.channel,
        owner=row.press or row.meter or "",
        press=row.of_press,
        measure=row.measure,
        rules=Rules(row.top_rate, row.silence, row.modulus),
        factor=row.factor,
        line=row.line,
        state=State(
            _point(row.base_at, row.base_value),
            _point(row.pend_at, row.pend_value),
            row.pend_unseen,
            row.unseen,
            row.told_by,
        ),
    )


def _point(at: datetime | None, value: int | None) -> Point | None:
    return None if at is None or value is None else Point(at, value)


def _save(connection: Connection, states: Sequence[tuple[object, ...]]) -> None:
    if not states:
        return
    connection.execute(
        """
        update mes.counter k
        set base_value = s.base, base_at = s.base_at, pend_value = s.pend, pend_at = s.pend_at,
            pend_unseen = s.pend_unseen, unseen = s.unseen, told_by = s.told_by,
            outbox = coalesce(s.outbox, k.outbox), number = coalesce(s.number, k.number)
        from unnest(
          %s::int[], %s::bigint[], %b::timestamptz[], %s::bigint[], %b::timestamptz[],
          %s::bool[], %s::bool[], %s::int[], %s::int[], %s::bigint[]
        ) as s(channel, base, base_at, pend, pend_at, pend_unseen, unseen, told_by, outbox, number)
        where k.channel = s.channel
        """,
        [list(column) for column in zip(*states, strict=True)],
    )


def _saved(channel: int, state: State, last: TailReading | None) -> tuple[object, ...]:
    """A counter's state as it is written; `last` is the reading that brought it there."""
    base, pend = state.base, state.pend
    return (
        channel, base and base.value, base and base.at, pend and pend.value, pend and pend.at,
        state.pend_unseen, state.unseen, state.told_by, last and last.outbox, last and last.number,
    )  # fmt: skip


def _event(connection: Connection, one: Booking, act: UUID | None) -> int:
    """The event of a pair: a short gap that follows another one goes on with its event."""
    pair, short = one.pair, one.counter.rules.silence
    if pair.kind == "gap" and pair.new.at - pair.old.at <= short:
        row = connection.execute(
            """
            update mes.counter_event e
            set at = %(at)s, new_value = %(new)s, amount = e.amount + %(amount)s,
                gaps = e.gaps + 1, outbox = %(outbox)s, number = %(number)s
            where e.id = (select id from mes.counter_event
                          where coalesce(press, meter) = coalesce(%(press)s::text, %(meter)s::text)
                            and press is not distinct from %(press)s::text
                          order by n desc limit 1)
              and e.kind = 'gap' and e.channel = %(channel)s
              and (e.gaps > 1 or e.at - e.from_at <= %(short)s)
              and %(from_at)s between e.at and e.at + %(apart)s
              and %(at)s - e.from_at <= %(last)s
            returning e.id
            """,
            _event_values(one, act) | {"short": short, "apart": LOSSES_APART, "last": LOSSES_LAST},
        ).fetchone()
        if row is not None:
            return row[0]
    return _insert_event(connection, one, act)


def _event_values(one: Booking, act: UUID | None) -> dict[str, object]:
    counter, pair = one.counter, one.pair
    press, meter = (counter.owner, None) if counter.measure == "stroke" else (None, counter.owner)
    return {
        "press": press, "meter": meter, "channel": counter.channel, "kind": pair.kind,
        "from_at": pair.old.at, "at": pair.new.at, "old": pair.old.value,
        "new": pair.new.value, "amount": pair.amount, "unseen": pair.unseen,
        "held": pair.held, "act": act, "outbox": one.outbox, "number": one.number,
    }  # fmt: skip


def _insert_event(connection: Connection, one: Booking, act: UUID | None) -> int:
    """Write one event under the next number of its press or meter; returns its id."""
    row = connection.execute(
        """
        insert into mes.counter_event
          (press, meter, n, channel, kind, from_at, at, old_value, new_value, amount, unseen, held,
           decided_act, outbox, number)
        select %(press)s::text, %(meter)s::text, coalesce(max(n), 0) + 1, %(channel)s, %(kind)s,
               %(from_at)s, %(at)s, %(old)s, %(new)s, %(amount)s, %(unseen)s, %(held)s, %(act)s,
               %(outbox)s, %(number)s
        from mes.counter_event
        where coalesce(press, meter) = coalesce(%(press)s::text, %(meter)s::text)
          and press is not distinct from %(press)s::text
        returning id
        """,
        _event_values(one, act),
    ).fetchone()
    assert row is not None
    return row[0]


def _count_row(one: Booking, event: int | None) -> tuple[object, ...]:
    counter, pair = one.counter, one.pair
    return (
        counter.channel, counter.press, counter.measure, pair.old.at, pair.new.at, pair.amount,
        pair.kind, event, pair.unseen, one.outbox, one.number,
    )  # fmt: skip


def _held_event(connection: Connection, press: str, n: int, count: int) -> tuple[int, datetime]:
    row = connection.execute(
        "select id, from_at, held, kind, amount from mes.counter_event "
        "where coalesce(press, meter) = %s and n = %s for update",
        [press, n],
    ).fetchone()
    if row is None:
        raise UnknownEventError(
            f"Press {press} has no counter event {n}. Choose one of the events it lists."
        )
    event, from_at, held, kind, amount = row
    if not held:
        raise DecidedEventError(
            f"Counter event {press}/{n} ({kind}) waits for no decision. Choose one that is held."
        )
    if 0 < amount < count:
        raise DecisionTooLargeError(
            f"Counter event {press}/{n}: {count} is more than the {amount} its readings show. "
            "Count what was made, at most that."
        )
    return event, from_at


def _counter_named(connection: Connection, press: str, channel_name: str) -> Counter:
    rows = connection.execute(
        """
        select k.channel from mes.counter k
        join signal.channel c on c.id = k.channel
        join mes.rule_in_force r on r.channel = k.channel
        where r.of_press = %s and c.name = %s
        order by r.line is null, k.base_at desc nulls last limit 1
        """,
        [press, channel_name],
    ).fetchall()
    if not rows:
        raise UnknownCounterError(
            f"Press {press} counts nothing on a channel '{channel_name}'. "
            "Name its stroke counter or the energy register of its meter."
        )
    return next(iter(load(connection, [rows[0][0]]).values()))


def _position(connection: Connection, channel: int) -> tuple[int | None, int | None]:
    row = connection.execute(
        "select outbox, number from mes.counter where channel = %s", [channel]
    ).fetchone()
    return row if row else (None, None)


def _why_no_swap(counter: Counter, press: str, name: str, shown: int, at: datetime) -> str:
    base = counter.state.base
    assert base is not None  # without a baseline every exchange fits
    if base.at > at:
        return (
            f"{press}/{name} was read at {base.at:%H:%M:%S} and counted, after the exchange at "
            f"{at:%H:%M:%S}. Decide its held events instead."
        )
    return (
        f"{press}/{name} showed {base.value} before, and cannot have shown {shown} at the "
        "exchange. Read the old counter again."
    )
