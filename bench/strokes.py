"""Stroke by stroke: each count of the books against the stroke that its reading had seen.

A sum for each press would let a stroke lost in one minute and one doubled in the next cancel out.
Every count ends with a reading, the value of that reading is in the ground truth once per life of
the counter's memory, and so the ground truth says how many strokes the press had made by then.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import LiteralString

from database.connection import Connection
from pressline.demo.reconcile import Truth

SLACK_NS = 15 * 10**9  # a halted agent dates what it had read when it goes on; see `misdated`
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Count:
    """A count of the books: capture time (ns) and value of its reading, all strokes up to it."""

    at: int
    value: int
    total: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of the strokes of one press.

    `lost` and `doubled` are summed over the counts, so that they never cancel out. `misdated`:
    counts whose reading bears a time more than SLACK_NS away from when it can have been made.
    """

    made: int
    lost: int
    doubled: int
    misdated: int


def read_counts(connection: Connection, press: str) -> list[Count]:
    """The stroke counts of a press in the order of their readings."""
    total, found = 0, list[Count]()
    for at, amount, value in connection.execute(COUNTS, [press]):
        total += int(amount)
        found.append(Count((at - EPOCH) // timedelta(microseconds=1) * 1000, value, total))
    return found


def readings_twice(connection: Connection) -> int:
    """Rows of `signal.reading` that are there already, by record, channel, time and value."""
    return _one(connection, TWICE)


def records_missing(connection: Connection) -> int:
    """Record numbers up to an outbox's watermark that left no reading and are in no known gap."""
    return _one(connection, MISSING)


def _one(connection: Connection, query: LiteralString) -> int:
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])


def judge(truth: Truth, counts: Sequence[Count]) -> Verdict:
    """Hold the counts of a press against its ground truth."""
    places = defaultdict[int, list[int]](list)
    for number, value in enumerate(truth.counter, 1):
        places[value].append(number)
    lost = doubled = misdated = missing = 0
    for now, dated in _missing(truth, places, counts):
        lost, doubled = lost + max(0, now - missing), doubled + max(0, missing - now)
        misdated, missing = misdated + (not dated), now
    return Verdict(len(truth.at), lost, doubled, misdated)


def _missing(
    truth: Truth, places: dict[int, list[int]], counts: Sequence[Count]
) -> Iterator[tuple[int, bool]]:
    """After each count, and at the end: strokes made but not counted; whether the time fits."""
    for one in counts:
        seen = [number for number in places[one.value] if _fits(truth, number, one.at)]
        made = min(seen, key=lambda number: abs(number - one.total), default=None)
        yield (bisect_right(truth.at, one.at) if made is None else made) - one.total, bool(seen)
    yield len(truth.at) - (counts[-1].total if counts else 0), True


def _fits(truth: Truth, number: int, at: int) -> bool:
    """Whether a reading made between this stroke and the next one can bear that time."""
    after = truth.at[number] if number < len(truth.at) else at
    return truth.at[number - 1] - SLACK_NS <= at <= after + SLACK_NS


COUNTS = """
select c.at, c.amount, r.count from mes.count c
left join lateral (
  select count from signal.reading r
  where r.channel = c.channel and r.at = c.at and r.quality = 192 limit 1
) r on true
where c.press = %s and c.measure = 'stroke' order by c.at, c.id
"""
TWICE: LiteralString = """
select count(*) - count(distinct (outbox, number, channel, at, source_at, quality, count, gauge,
                                  wide, word))
from signal.reading
"""
MISSING: LiteralString = """
select count(*) from signal.outbox o cross join lateral generate_series(1, o.number) as n
where not exists (select from signal.reading r where r.outbox = o.id and r.number = n)
  and not exists (select from signal.gap g where g.outbox = o.id and n between g.first and g.last)
"""
