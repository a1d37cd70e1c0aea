"""What cannot be taken goes to quarantine, which is bounded: what it does not keep is counted.

    a refused message --> allowance of its minute --> signal.quarantine --> (age, room) --> gone
                                |                                                            |
                                +------------> signal.unkept: how many, why, from when to when

Whoever reaches the broker can send rubbish for ever. So others than the plant's own nodes share one
allowance, and what is kept of them goes first; what an own node sent and a person may want to take
in again goes last.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import LiteralString

import structlog

from database.connection import Connection
from ingest import metrics
from ingest.readings import Batch, Refused
from ingest.reasons import NEVER_AGAIN, UNDECODABLE, kind_of

log = structlog.get_logger()

LONGEST = 1 << 20  # bytes kept of one message
LONGEST_RUBBISH = 1 << 14  # bytes kept of what cannot be decoded
LONGEST_TOPIC = 500  # letters kept of one
REASON = 2000  # letters kept of a reason: it may quote what came
ROW = 200  # bytes that a row needs beside what came
NAMED = 50  # senders that are named in a day when not all of theirs is kept


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much quarantine keeps, and how much of it may come in a minute.

    `per_minute` messages of one topic, but for an own node's data that may be taken in again; ten
    times as many of all others together, a hundred times as many of all own nodes. In bytes those
    two are 1/64 and 1/16 of all.
    """

    megabytes: float = 512
    days: float = 90
    per_minute: int = 100

    @property
    def size(self) -> int:
        """Bytes in all."""
        return round(self.megabytes * 1_000_000)


@dataclass
class Allowance:
    """What may still be kept of a minute: messages and bytes."""

    messages: int
    size: int

    def take(self, size: int) -> bool:
        """Use it for a message; False: it is used up."""
        if self.messages < 1 or self.size < size:
            return False
        self.messages -= 1
        self.size -= size
        return True


@dataclass
class Quarantine:
    """Takes faulty messages into a batch, as far as their minute's allowance goes.

    `grown` counts the bytes that went in. `steady` is a clock that never goes back (seconds).
    """

    bounds: Bounds = field(default_factory=Bounds)
    steady: Callable[[], float] = time.monotonic
    grown: int = 0
    _minute: int = -1
    _day: int = -1
    _topics: Counter[str] = field(default_factory=Counter[str])
    _allowed: dict[bool, Allowance] = field(default_factory=dict[bool, Allowance])
    _named: set[str] = field(default_factory=set[str])

    def take(self, batch: Batch, topic: str, payload: bytes, reason: str, *, own: bool) -> None:
        """Keep a message of an own node or another with its reason, or count it as not kept."""
        self._begin_minute()
        kind = kind_of(reason)
        longest = LONGEST_RUBBISH if kind == UNDECODABLE else LONGEST
        kept = Refused(
            _storable(topic)[:LONGEST_TOPIC],
            payload[:longest],
            _storable(reason)[:REASON],
            len(payload) if len(payload) > longest else None,
        )
        size = _room(kept)
        seen = self._topics[topic]
        all_of_it = own and kind not in NEVER_AGAIN
        enough = seen >= self.bounds.per_minute and not all_of_it
        if enough or not self._allowed[own].take(size):
            batch.not_kept(self._name(_sender(kept.topic)), kind, len(payload))
            return
        self._topics[topic] += 1
        self.grown += size
        batch.quarantine.append(kept)
        if not seen:
            log.warning("a message went to quarantine", topic=kept.topic, reason=kept.reason)

    def _begin_minute(self) -> None:
        minute = int(self.steady() // 60)
        if minute == self._minute:
            return
        self._minute = minute
        self._topics.clear()
        many, size = self.bounds.per_minute, self.bounds.size
        self._allowed = {False: Allowance(10 * many, size // 64)}
        self._allowed[True] = Allowance(100 * many, size // 16)
        if minute // 1440 != self._day:
            self._day = minute // 1440
            self._named.clear()

    def _name(self, sender: str) -> str:
        """The sender, or nobody when too many are to be named."""
        if len(self._named) < NAMED:
            self._named.add(sender)
        return sender if sender in self._named else ""


def _sender(topic: str) -> str:
    """Site and node, as the table splits them."""
    levels = topic.split("/")
    return "/".join(levels[place] if place < len(levels) else "" for place in (1, 3))


def _storable(text: str) -> str:
    return text.replace("\0", "\\0").encode(errors="backslashreplace").decode()


def _room(kept: Refused) -> int:
    return len(kept.payload) + len(kept.topic.encode()) + len(kept.reason.encode()) + ROW


# -- what lies there ------------------------------------------------------------------------------

TIDY_EVERY_S = 60.0
AT_ONCE = 10_000  # messages that one look removes: commits wait meanwhile
UNKEPT_DAYS = 400  # the counts of what was not kept

SIZE = """
select coalesce(sum(length(payload) + octet_length(topic) + octet_length(reason) + 200), 0)::bigint
from signal.quarantine
"""

TOO_OLD: LiteralString = """
with gone as (
  delete from signal.quarantine where id in (
    select id from signal.quarantine
    where arrived < clock_timestamp() - %(days)s * interval '1 day' order by id limit %(most)s)
  returning node, kind, coalesce(size, length(payload)) as size, arrived
)
"""

# The most precious first; what lies beyond the room, seen from there, goes.
NO_ROOM: LiteralString = """
with precious as (
  select id, sum(length(payload) + octet_length(topic) + octet_length(reason) + 200)
             over (order by (own.node is not null)::int + again::int desc,
                            own.node is not null desc, id desc) as room
  from signal.quarantine q
  left join (select distinct site || '/' || node as node from signal.outbox
             where uuid <> site || '/' || node) own on own.node = q.node
), gone as (
  delete from signal.quarantine where id in (
    select id from precious where room > %(room)s order by room desc limit %(most)s)
  returning node, kind, coalesce(size, length(payload)) as size, arrived
)
"""

# Strangers are told together: they may have any number of names.
TOLD: LiteralString = """
, told as (
  insert into signal.unkept as u (day, node, kind, why, messages, bytes, first, last)
  select (clock_timestamp() at time zone 'UTC')::date, coalesce(n.site || '/' || n.node, ''), kind,
         %(why)s, count(*), sum(size), min(arrived), max(arrived)
  from gone left join signal.node n on n.site || '/' || n.node = gone.node
  group by 2, 3
  on conflict (day, node, kind, why) do update set messages = u.messages + excluded.messages,
    bytes = u.bytes + excluded.bytes, first = least(u.first, excluded.first),
    last = greatest(u.last, excluded.last)
)
select count(*) from gone
"""


@dataclass
class Keeping:
    """Looks every minute whether quarantine is within its bounds, and removes what is beyond.

    `due` and `tidy` may be called in two threads, one after the other.
    """

    quarantine: Quarantine
    _next: float = float("-inf")
    _size: int | None = None  # bytes when they were last counted, and how much had come by then
    _by_then: int = 0

    def due(self, now: float) -> bool:
        """Whether it is time to look (steady seconds)."""
        if now < self._next:
            return False
        self._next = now + TIDY_EVERY_S
        return True

    def tidy(self, connection: Connection) -> None:
        """Remove what is too old or has no room; all that went is counted in signal.unkept."""
        bounds = self.quarantine.bounds
        gone = _remove(connection, TOO_OLD, "age", days=bounds.days)
        if self._size is None or gone or self._estimate > bounds.size:
            self._count(connection)
        if self._estimate > bounds.size:
            gone = _remove(connection, NO_ROOM, "room", room=bounds.size * 9 // 10)
            self._count(connection)
        if gone == AT_ONCE:
            self._next = float("-inf")  # there is more
        connection.execute(
            "delete from signal.unkept where day < clock_timestamp() - %s * interval '1 day'",
            [UNKEPT_DAYS],
        )
        metrics.QUARANTINE_BYTES.set(self._estimate)

    @property
    def _estimate(self) -> int:
        """Bytes that are there at most: what people took out meanwhile is not known."""
        return (self._size or 0) + self.quarantine.grown - self._by_then

    def _count(self, connection: Connection) -> None:
        grown = self.quarantine.grown
        row = connection.execute(SIZE).fetchone()
        self._size, self._by_then = row[0] if row else 0, grown


def _remove(connection: Connection, what: LiteralString, why: str, **places: float) -> int:
    """How many were removed."""
    row = connection.execute(what + TOLD, {"most": AT_ONCE, "why": why, **places}).fetchone()
    gone = row[0] if row else 0
    if gone:
        log.warning("quarantine keeps these no longer", messages=gone, why=why)
        metrics.UNKEPT.labels(why).inc(gone)
    return gone
