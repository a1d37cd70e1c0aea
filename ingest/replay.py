"""What lies in quarantine is handed to intake again: after an upgrade, after the missing birth.

A replayed message becomes a record of quarantine's own outbox: its edge's record is acknowledged
long since, and who reads the tail of the readings would never look there again. Births and deaths
are not replayed: they tell what was true then.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from database.connection import Connection
from edge_agent.sparkplug_pb2 import Payload
from edge_agent.wire import Topic
from ingest import store
from ingest.births import Known, Message, Node
from ingest.clock_repair import ForeignClock, date_anew, put_right
from ingest.intake import Intake
from ingest.latest import LatestRows
from ingest.quarantine_bounds import Quarantine
from ingest.readings import Batch, Refused

OWN_OUTBOX = "quarantine"  # its readings came from no edge's outbox
CUT = "only its first bytes were kept: what is missing cannot be taken"
OUTDATED = "a birth or death tells what was true then; its node's next one tells it anew"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one message: `taken` is the number of readings written, None: it stays."""

    id: int
    taken: int | None
    reason: str = ""

    def __str__(self) -> str:
        if self.taken is None:
            return f"{self.id}: stays: {self.reason}"
        if self.taken == 0:
            return f"{self.id}: removed: all its readings are there already"
        return f"{self.id}: taken, {self.taken} reading{'s' if self.taken > 1 else ''}"


def replay(
    connection: Connection, ids: Sequence[int] | None = None, *, who: str
) -> Iterator[Outcome]:
    """Take these messages in again, or all where that may change anything, the oldest first.

    Each has a transaction of its own. Births are those in force when it begins. A message with
    anything faulty stays whole. Who asked for it and what became of it is kept in signal.replay.
    """
    wanted = _all(connection) if ids is None else sorted(set(ids))
    if not wanted:
        return
    reader = Reader(connection)
    for each in wanted:
        yield _replay_one(connection, reader, each, who)


def _all(connection: Connection) -> list[int]:
    rows = connection.execute("select id from signal.quarantine where again order by id")
    return [each for (each,) in rows]


def _replay_one(connection: Connection, reader: "Reader", each: int, who: str) -> Outcome:
    with connection.transaction():
        record = _lock_own_outbox(connection)
        kept = connection.execute(
            "select topic, payload, size, arrived from signal.quarantine where id = %s for update",
            [each],
        ).fetchone()
        if kept is None:
            return Outcome(each, None, _gone(connection, each))
        outcome = _taken(connection, reader, each, (*kept, record))
        connection.execute(
            "insert into signal.replay (at, who, message, topic, arrived, why, taken, stays) "
            "select clock_timestamp(), %s, id, topic, arrived, reason, %s, %s "
            "from signal.quarantine where id = %s",
            [who, outcome.taken, outcome.reason or None, each],
        )
        if outcome.taken is not None:
            connection.execute("delete from signal.quarantine where id = %s", [each])
        return outcome


def _taken(
    connection: Connection,
    reader: "Reader",
    each: int,
    kept: tuple[str, bytes, int | None, datetime, tuple[int, int]],
) -> Outcome:
    topic, payload, size, arrived, (outbox, number) = kept
    if size is not None:
        return Outcome(each, None, CUT)
    batch = reader.read(topic, payload, arrived, (outbox, number + 1))
    if batch.quarantine:
        return Outcome(each, None, batch.quarantine[0].reason)
    return Outcome(each, store.add_missing(connection, batch, LatestRows()))


def _gone(connection: Connection, each: int) -> str:
    row = connection.execute(
        "select who, at from signal.replay where message = %s and taken is not null", [each]
    ).fetchone()
    if row is None:
        return "no such message in quarantine"
    return f"{row[0]} took it out already, at {row[1].isoformat(timespec='seconds')}"


def _lock_own_outbox(connection: Connection) -> tuple[int, int]:
    """Quarantine's outbox and its last record; two replays never run at once."""
    stream = store.open_outbox(connection, OWN_OUTBOX, "", "")  # its upsert locks the row
    return stream.outbox, stream.committed


@dataclass
class _Writer:
    connection: Connection

    def run(self, work: Callable[[Connection], T]) -> T:
        return work(self.connection)

    def start(self, work: Callable[[Connection], T]) -> "Future[T]":
        done: Future[T] = Future()
        done.set_result(self.run(work))
        return done


@dataclass
class _Reasons(Quarantine):
    """Tells why a message cannot be taken; it is in quarantine already."""

    def take(self, batch: Batch, topic: str, payload: bytes, reason: str, *, own: bool) -> None:
        batch.quarantine.append(Refused(topic, payload, reason))


@dataclass
class _Kept:
    """The message at hand: when it came, and the record that it becomes."""

    arrived: datetime
    record: tuple[int, int]


class Reader(Intake):
    """Intake of what came before: decodes and checks as live messages are, judges no sequence."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(
            _Writer(connection),
            lambda: time.time_ns() // 1_000_000,
            time.monotonic,
            quarantine=_Reasons(),
        )
        self._connection = connection
        self._kept = _Kept(datetime.min.replace(tzinfo=UTC), (0, 0))

    def read(self, topic: str, payload: bytes, arrived: datetime, record: tuple[int, int]) -> Batch:
        """The message as a batch of one record; its `quarantine` tells why it cannot be taken."""
        self._kept = _Kept(arrived, record)
        self.take(topic, payload)
        batch = self._taking.closed()
        if not batch.rows and not batch.quarantine:
            batch.quarantine.append(Refused(topic, payload, "nothing in it is a reading"))
        return batch

    def _dispatch(self, topic: Topic, raw: bytes) -> None:
        if topic.type in ("NDATA", "DDATA"):
            super()._dispatch(topic, raw)
        else:
            self._taking.refuse_bytes(str(topic), raw, OUTDATED)

    def _data(self, message: Message) -> None:
        topic = message.topic
        node = self._node(topic)
        device = node.device(topic.device)
        found, others = device.sorted_out(message.payload)
        numbers = [metric.long_value for metric in others if metric.alias in node.records]
        unknown = [metric for metric in others if metric.alias not in node.records]
        number = numbers[-1] if numbers else None
        reason = self._obstacle(node, number, message.payload)
        if reason:
            self._taking.refuse(message, reason)
            return
        if number is not None and node.stream is not None:
            self._date_as_then(node.stream.outbox, number, message, found)
        if node.foreign:
            then = round(self._kept.arrived.timestamp() * 1000)
            put_right(message.payload, ForeignClock(), then)
        record = self._taking.batch.extend_run(*self._kept.record)
        self._taking.add(message, found, unknown, record)

    def _date_as_then(
        self, outbox: int, number: int, message: Message, found: Sequence[Known]
    ) -> None:
        """What was taken of a record by a wrong clock was dated anew: the rest is, by as much."""
        sent_at = message.payload.timestamp
        row = self._connection.execute(
            "select (extract(epoch from at - source_at) * 1000)::bigint from signal.reading "
            "where (outbox, number) = (%s, %s) and abs(extract(epoch from at - source_at)) > 2 "
            "and (extract(epoch from source_at) * 1000)::bigint = any(%s) limit 1",
            [outbox, number, [metric.timestamp or sent_at for metric, _ in found]],
        ).fetchone()
        for metric, _ in found if row else ():
            date_anew(metric, metric.timestamp or sent_at, row[0] if row else 0)

    def _obstacle(self, node: Node, number: int | None, payload: Payload) -> str:
        """Why a message that can be decoded must not be taken (yet); empty: it may."""
        if node.stream is None:
            return f"no birth of node {node.site}/{node.node} is in force: wait until it is online"
        if node.foreign:
            return self._foreign_obstacle(node, payload)
        if number is None:
            return "no outbox/record, although its NBIRTH declares an outbox"
        row = self._connection.execute(
            "select number from signal.outbox where id = %s", [node.stream.outbox]
        ).fetchone()
        if row is None or number > row[0]:
            return f"record {number} is not acknowledged: its edge still has it and sends it again"
        return ""

    def _foreign_obstacle(self, node: Node, payload: Payload) -> str:
        """A foreign node may give an alias to another metric with each birth; ours never do."""
        if not any(metric.HasField("alias") for metric in payload.metrics):
            return ""
        row = self._connection.execute(
            "select birth_at from signal.node where (site, node) = (%s, %s)", [node.site, node.node]
        ).fetchone()
        if row is None or row[0] is None or row[0] > self._kept.arrived:
            return "its node was born again since: the aliases may mean other metrics now"
        return ""
