"""What a message means: births, deaths and data of every node, in order of arrival."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import psycopg
import structlog
from google.protobuf.message import DecodeError

from database.connection import Connection
from edge_agent.sample import GOOD, STALE, Sample
from edge_agent.sparkplug_pb2 import Metric, Payload
from edge_agent.wire import (
    CLOCK_STEP,
    GIVEN_UP,
    SOURCE_AT,
    Ack,
    DataType,
    GivenUp,
    Topic,
    parse_topic,
    write_property,
)
from ingest import metrics, store
from ingest.births import Device, Message, Node, NodeBirth, declared, read_death, read_node_birth
from ingest.dating import shown
from ingest.group import REORDER_S, Group
from ingest.quarantine import Quarantine
from ingest.readings import DAY, LAST_TIME, YEAR_2000, Batch, Signal, sample_of
from ingest.stream import Stream, Verdict

log = structlog.get_logger()

T = TypeVar("T")
Known = tuple[Metric, Signal]

MOST_TOPICS = 10_000  # remembered; rubbish must not fill the memory
MOST_NODES = 10_000  # with more, those that were never born are forgotten


class Writer(Protocol):
    """Does work on the database in the order given, until it succeeded; see ingest.writer."""

    def run(self, work: Callable[[Connection], T]) -> T:
        """The result of `work`, which may be called again after an outage."""
        ...

    def start(self, work: Callable[[Connection], T]) -> "Future[T]":
        """The same without waiting for the result."""
        ...


@dataclass
class Answers:
    """What goes back to the nodes after a commit."""

    acks: list[tuple[Node, Ack]] = field(default_factory=list[tuple[Node, Ack]])
    rebirths: list[Node] = field(default_factory=list[Node])


class Intake:
    """Takes messages into a batch and hands full ones to the writer, one at a time.

    A batch is open (messages go in), then handed over (the writer's alone), then settled: in the
    database, its streams moved on, its records to be acknowledged. The next one fills meanwhile.
    `wall_ms` is the time of day (ms since 1970), `steady` a clock that never goes back (seconds).
    With a `group`, nodes that another live host serves are left to it.
    """

    def __init__(
        self,
        writer: Writer,
        wall_ms: Callable[[], int],
        steady: Callable[[], float],
        group: Group | None = None,
    ) -> None:
        self._writer, self._wall_ms, self._steady, self._group = writer, wall_ms, steady, group
        self._reorder_s = group.reorder_s if group else REORDER_S
        self._nodes: dict[tuple[str, str], Node] = {}
        self._topics: dict[str, Topic | None] = {}
        self._batch = Batch()
        self._handed: tuple[Batch, Future[None]] | None = None
        self._quarantine = Quarantine()
        self._ask: list[Node] = []
        self._waiting: list[Node] = []  # foreign ones, for a message that should have come
        self._now = self._latest_at = 0  # ms
        self._recall()

    def take(self, topic: str, payload: bytes) -> None:
        """Take one message in; what it carries is written with the open batch."""
        self._now = self._wall_ms()
        self._latest_at = min(self._now + DAY, LAST_TIME)
        self._batch.messages += 1
        self._batch.size += len(payload)
        if topic not in self._topics:
            if len(self._topics) >= MOST_TOPICS:
                self._topics.clear()
            self._topics[topic] = parse_topic(topic)
        parsed = self._topics[topic]
        if parsed is None:
            return
        try:
            self._dispatch(parsed, payload)
        except DecodeError as error:
            self._quarantine.take(self._batch, topic, payload, f"no Sparkplug payload: {error}")
        except (ValueError, TypeError, psycopg.DataError, psycopg.ProgrammingError) as error:
            self._quarantine.take(self._batch, topic, payload, f"not understood: {error}")

    def give_up_overdue(self) -> bool:
        """Go on over holes that foreign nodes' messages waited at long enough; whether any was."""
        now = self._steady()
        overdue = [n for n in self._waiting if n.order.overdue(now, self._reorder_s)]
        for node in overdue:
            self._give_up(node)
        self._waiting = [node for node in self._waiting if node.order.waiting]
        return bool(overdue)

    @property
    def open(self) -> Batch:
        """The batch that messages go into."""
        return self._batch

    @property
    def writing(self) -> bool:
        """Whether the writer is at a batch."""
        return self._handed is not None and not self._handed[1].done()

    def hand_over(self) -> "Future[None] | None":
        """Give the open batch to the writer, after what it has is settled; None: nothing to write.

        Raises what `settle` raises.
        """
        self.settle()
        batch, self._batch = self._batch, Batch()
        if not batch:
            return None
        written = self._writer.start(lambda connection: _commit(connection, batch))
        self._handed = batch, written
        return written

    def settle(self) -> None:
        """Wait until what was handed over is in the database; its streams move on.

        Raises what kept it out of there, again at each call: such an intake is at its end.
        """
        if self._handed is None:
            return
        batch, written = self._handed
        written.result()
        self._handed = None
        for node in self._nodes.values():
            if node.stream is not None and node.stream.outbox in batch.runs:
                node.stream.commit(batch.runs[node.stream.outbox][1])

    def answers(self) -> Answers:
        """What there is to tell the nodes now, of what is settled."""
        now = self._steady()
        answers = Answers(rebirths=self._ask)
        self._ask = []
        for node in self._nodes.values():
            stream = node.stream
            if stream is not None and not node.foreign and stream.answer(now):
                answers.acks.append((node, Ack(stream.uuid, stream.committed, stream.lacks_next)))
        return answers

    def commit(self) -> Answers:
        """Write what was taken, wait for it, and say what to answer."""
        self.give_up_overdue()
        self.flush()
        return self.answers()

    def flush(self) -> None:
        """Write what was taken, so that a birth finds the watermark where the stream has it."""
        self.hand_over()
        self.settle()

    # -- by type ----------------------------------------------------------------------------------

    def _dispatch(self, topic: Topic, raw: bytes) -> None:
        message = Message(topic, Payload.FromString(raw), raw)
        if topic.type != "NDEATH":  # a will was written long before it is sent
            self._hear(topic, message.payload.timestamp)
        if topic.type in ("NDATA", "DDATA"):
            self._data(message)
        elif topic.type == "NBIRTH":
            self._node_birth(message)
        elif topic.type == "DBIRTH":
            self._device_birth(message)
        elif topic.type == "NDEATH":
            self._node_death(topic, message.payload)
        elif topic.type == "DDEATH":
            self._device_death(message)

    def _node_birth(self, message: Message) -> None:
        topic, payload, raw = message.topic, message.payload, message.raw
        birth = read_node_birth(payload)
        if birth.bdseq is None:  # an empty message, as clears a retained one, is no birth
            self._refuse(message, "an NBIRTH without bdSeq: the standard demands it")
            return
        node = self._node(topic)
        if not self._is_ours(node):
            return
        uuid = birth.outbox or f"{topic.site}/{topic.node}"
        if not self._leave_to(node, uuid):
            self._refuse(message, f"outbox {uuid} is another live node's: give this one its own")
            return
        if node.stream is not None and node.foreign:
            self._reborn(node, birth)
        self.flush()
        node.born(birth)
        node.order.start(payload.seq)
        if node.stream is None or node.stream.uuid != uuid:
            node.stream = self._writer.run(
                lambda connection: store.open_outbox(connection, uuid, topic.site, topic.node)
            )
        stream = node.stream
        stream.due = True
        stream.newest = max(stream.newest, birth.last)
        if birth.outbox is not None and birth.first > stream.committed + 1:
            first, last = stream.committed + 1, birth.first - 1
            log.warning("records can never come", node=topic.node, first=first, last=last)
            self._writer.run(lambda c: store.skip_to(c, stream, birth.first))
        self._writer.run(lambda c: store.node_born(c, topic.site, topic.node, birth.bdseq, raw))
        self._declare(node, message)

    def _leave_to(self, node: Node, uuid: str) -> bool:
        """Whether an outbox is this node's: a renamed node keeps it, a copied disk gets none."""
        for other in self._nodes.values():
            if other is not node and other.stream is not None and other.stream.uuid == uuid:
                if other.online:
                    return False
                self.flush()
                other.stream = None
        return True

    def _device_birth(self, message: Message) -> None:
        node = self._node(message.topic)
        if not node.online:
            self._want_birth(node, node.device(message.topic.device))
        elif node.foreign:
            self._in_turn(node, message)
        else:
            self._device_born(node, message)

    def _device_born(self, node: Node, message: Message) -> None:
        topic, raw = message.topic, message.raw
        self._writer.run(
            lambda c: store.device_born(c, topic.site, topic.node, topic.device, raw)
        )  # fmt: skip
        self._declare(node, message)

    def _declare(self, node: Node, message: Message) -> None:
        topic, payload = message.topic, message.payload
        channels = declared(payload)
        signals = self._writer.run(
            lambda c: store.register(c, topic.site, topic.node, topic.device, channels)
        ) if channels else dict[str, Signal]()  # fmt: skip
        node.device_born(topic.device, payload, signals)
        if node.foreign:
            self._foreign_birth(node, message)
        else:
            self._note_current(node.device(topic.device), payload)

    def _note_current(self, device: Device, payload: Payload) -> None:
        for metric in payload.metrics:
            signal = device.signal(metric)
            if signal is not None:
                try:
                    sample = sample_of(metric, signal, payload.timestamp, self._latest_at)
                except ValueError:
                    continue  # its reading, if there is one, will tell
                value = sample.value if sample.quality == GOOD else None
                at = shown(sample.at, payload.timestamp, self._now)
                self._batch.note(signal, at, value, sample.quality)

    def _node_death(self, topic: Topic, payload: Payload) -> None:
        node = self._node(topic)
        if node.stream is None:
            return
        bdseq = read_death(payload)
        if bdseq != node.bdseq:
            log.info("a late death is ignored", node=topic.node, bdseq=bdseq, current=node.bdseq)
            return
        if node.foreign:
            self._give_up(node)
            self._unseen(node, list(node.devices.values()), self._its_time(node))
        node.online = False
        node.order.start(None)
        self._writer.run(lambda c: store.node_died(c, topic.site, topic.node))

    def _device_death(self, message: Message) -> None:
        node = self._node(message.topic)
        if node.stream is not None and node.foreign:
            self._in_turn(node, message)
        elif node.stream is not None:
            self._device_died(message.topic)

    def _device_died(self, topic: Topic) -> None:
        self._writer.run(lambda c: store.device_died(c, topic.site, topic.node, topic.device))

    # -- data -------------------------------------------------------------------------------------

    def _data(self, message: Message) -> None:
        node = self._node(message.topic)
        device = node.device(message.topic.device)
        if node.stream is None:
            self._want_birth(node, device)
        elif node.foreign:
            self._in_turn(node, message)
        else:
            self._numbered_record(node, message)

    def _numbered_record(self, node: Node, message: Message) -> None:
        device, stream = node.device(message.topic.device), node.stream
        assert stream is not None
        known, records = device.aliases.get, node.records
        number, sent_by, found, unknown = None, 0, list[Known](), list[Metric]()
        for metric in message.payload.metrics:
            signal = known(metric.alias)
            if signal is not None:
                found.append((metric, signal))
            elif metric.alias in records:
                number, sent_by = metric.long_value, metric.timestamp
            else:
                unknown.append(metric)
        if (number is None or unknown) and not device.settled:
            self._want_birth(node, device)
        elif number is None:
            self._refuse(message, "no outbox/record, although its NBIRTH declares an outbox")
        elif stream.judge(number) is Verdict.TAKE:
            if found:
                self._put_right(stream, message, found, sent_by)
            record = self._batch.extend_run(stream.outbox, number)
            self._add(message, found, unknown, record)
            if not message.topic.device:
                self._note_given_up(stream, found)

    def _note_given_up(self, stream: Stream, found: Sequence[tuple[Metric, Signal | None]]) -> None:
        """What an edge gave up is a gap; whole records are one already, by `outbox/first`."""
        for metric, signal in found:
            if signal is None or signal.name != GIVEN_UP:
                continue
            told = GivenUp.parse(metric.string_value)
            if told is None or told.what == "dropped":
                continue
            if told.what == "damaged" and told.outbox:
                lost = (stream.outbox, told.outbox, told.first, told.last, told.reason)
                self._batch.lost.append(lost)
            elif told.what == "damaged":  # not even its name could be read
                self._batch.gaps.append((stream.outbox, stream.taken, stream.taken, told.reason))
            elif told.last <= stream.taken:
                self._batch.gaps.append((stream.outbox, told.first, told.last, told.reason))

    def _put_right(
        self, stream: Stream, message: Message, found: list[Known], sent_by: int
    ) -> None:
        """Times that cannot be: the record is dated anew, what its node said stays beside."""
        # `sent_by` is the time of publishing, too, by the clock that the record was captured with.
        sent_at, dating = message.payload.timestamp, stream.dating
        at = max(found[0][0].timestamp, found[-1][0].timestamp) or sent_at
        if at > self._latest_at:
            return  # no clock is that wrong: it will be refused
        if not message.topic.device:
            for metric, signal in found:
                if signal.name == CLOCK_STEP:
                    dating.stepped(_whole(metric))
        before, by = dating.by, dating.add(at, sent_at, self._now, sent_at - (sent_by or sent_at))
        if bool(by) != bool(before):
            said = "the clock of a node is wrong" if by else "the clock of a node is right again"
            log.warning(said, node=message.topic.node, added_ms=by)
        if by:
            for metric, _ in found:
                date_anew(metric, metric.timestamp or sent_at, by)

    # -- foreign nodes ----------------------------------------------------------------------------

    def _in_turn(self, node: Node, message: Message) -> None:
        """Take a foreign node's message, or let it wait for those before it."""
        seq = message.payload.seq
        if not message.payload.HasField("seq"):
            self._foreign(node, message)
            return
        if node.order.expected is None:
            before = message.payload.timestamp - 1
            reason = f"seq {seq} came first after a silence: what was said in it is lost"
            self._lost(node, reason, before)
        waited = node.order.waiting
        for ready in node.order.arrived(seq, message, len(message.raw), self._steady()):
            self._foreign(node, ready)
        if node.order.waiting and not waited:
            self._waiting.append(node)

    def _foreign(self, node: Node, message: Message) -> None:
        node.sent_at, node.heard_at = message.payload.timestamp, self._steady()
        if message.topic.type == "DBIRTH":
            self._device_born(node, message)
        elif message.topic.type == "DDEATH":
            died = node.device(message.topic.device)
            self._unseen(node, [died], self._its_time(node))
            self._device_died(message.topic)
        else:
            self._foreign_record(node, message)

    def _give_up(self, node: Node) -> None:
        """Wait no longer for a foreign node's messages: what they said is lost."""
        given_up = node.order.give_up()
        if given_up is None:
            return
        for seq, message in given_up.late:
            self._refuse(message, f"seq {seq} came when its place was passed: out of order")
        if given_up.ready:
            came = given_up.ready[0][0]
            reason = f"seq {came} where {given_up.expected} was next: what lay between is lost"
            self._lost(node, reason, node.sent_at + 1)
        for _, message in given_up.ready:
            self._foreign(node, message)

    def _lost(self, node: Node, reason: str, at: int) -> None:
        """Messages of a foreign node will never come: a gap on its channels; ask for births."""
        assert node.stream is not None
        number = self._unseen(node, list(node.devices.values()), at)
        self._batch.gaps.append((node.stream.outbox, number, number, reason))
        log.warning("messages of a foreign node are lost", node=node.node, reason=reason)
        if node.may_ask(self._steady()):
            self._ask.append(node)

    def _unseen(self, node: Node, devices: Sequence[Device], at: int) -> int:
        """A stale reading on each channel, so that nobody draws a line over time unseen."""
        assert node.stream is not None
        number, _ = self._next_number(node)
        possible = at if YEAR_2000 <= at <= self._latest_at else self._wall_ms()
        for device in devices:
            for signal in device.names.values():
                stale = Sample(signal.name, possible, None, STALE)
                self._batch.add(signal, stale, node.stream.outbox, number)
        return number

    def _its_time(self, node: Node) -> int:
        """Now by the clock of a node, whatever ours says: after all that it said (ms)."""
        return node.sent_at + round((self._steady() - node.heard_at) * 1000) + 1

    def _reborn(self, node: Node, birth: NodeBirth) -> None:
        """A foreign node's NBIRTH: what it said last is over, and perhaps its death unheard."""
        self._give_up(node)
        unheard = birth.bdseq != node.bdseq or node.order.expected is None
        if node.online and unheard:
            self._unseen(node, list(node.devices.values()), self._its_time(node))

    def _foreign_record(self, node: Node, message: Message) -> None:
        device = node.device(message.topic.device)
        found, unknown = sorted_out(device, message.payload)
        if unknown and not device.settled:
            self._want_birth(node, device)
        self._add(message, found, unknown, self._next_number(node)[1])

    def _foreign_birth(self, node: Node, message: Message) -> None:
        """The values of a foreign birth are readings: it has no other way to catch up."""
        found, _ = sorted_out(node.device(message.topic.device), message.payload)
        node.sent_at, node.heard_at = message.payload.timestamp, self._steady()
        for metric, _ in found:
            _date(metric, message.payload.timestamp)
        if found:
            self._add(message, found, [], self._next_number(node)[1])

    def _next_number(self, node: Node) -> tuple[int, bytes]:
        """A foreign node's messages are numbered here: the number, and what begins its rows."""
        stream = node.stream
        assert stream is not None
        stream.taken += 1
        return stream.taken, self._batch.extend_run(stream.outbox, stream.taken)

    def _add(
        self, message: Message, found: list[Known], unknown: list[Metric], record: bytes
    ) -> None:
        faults = self._batch.add_metrics(
            found, record, sent_at=message.payload.timestamp, latest_at=self._latest_at
        )
        for metric in unknown:
            name = metric.name if metric.HasField("name") else f"alias {metric.alias}"
            faults.append(f"{name} is in no birth")
        if faults:
            self._refuse(message, "; ".join(faults))

    # -- the rest ---------------------------------------------------------------------------------

    @property
    def nodes(self) -> list[Node]:
        """Every node heard of, with its stream and how it was heard."""
        return list(self._nodes.values())

    def _hear(self, topic: Topic, sent: int) -> None:
        node = self._nodes.get((topic.site, topic.node))
        if node is None or node.stream is None or not node.hearing.take(self._now, sent):
            return
        newest = None if node.foreign else node.stream.newest or None
        self._batch.heard[topic.site, topic.node] = node.hearing.heard(newest)

    def _node(self, topic: Topic) -> Node:
        key = (topic.site, topic.node)
        known = self._nodes.get(key)
        if known is None:
            if len(self._nodes) >= MOST_NODES:
                born = {key: node for key, node in self._nodes.items() if node.stream is not None}
                self._nodes = born
            known = self._nodes[key] = Node(*key)
        return known

    def _want_birth(self, node: Node, device: Device) -> None:
        if node.may_ask(self._steady()) and self._is_ours(node):
            device.asked += 1
            self._ask.append(node)

    def _is_ours(self, node: Node) -> bool:
        """Whether this host serves the node: no other live one may, and every birth asks."""
        if self._group is None:
            return True
        host = self._group.host
        other = self._writer.run(lambda c: store.claim(c, host, node.site, node.node)) or ""
        if other != node.elsewhere and other:
            log.error(
                "another host serves this node: not taken here; give each host its own --nodes",
                node=f"{node.site}/{node.node}",
                served_by=other,
                this_host=host,
            )
        node.elsewhere = other
        if other:
            node.stream = None
        return not other

    def _refuse(self, message: Message, reason: str) -> None:
        self._quarantine.take(self._batch, str(message.topic), message.raw, reason)

    def _recall(self) -> None:
        """Know again what the database knows, so that a restart needs no rebirths."""
        group = self._group
        if group is not None:
            for site, name in self._writer.run(lambda c: store.served(c, group.host)):
                if not group.has(site, name):
                    self._writer.run(lambda c, site=site, name=name: store.let_go(c, site, name))
        for known in self._writer.run(store.known_nodes):
            node = self._node(Topic("NBIRTH", known.site, known.node))
            if group is None or (group.has(known.site, known.node) and self._is_ours(node)):
                self._remember(node, known)

    def _remember(self, node: Node, known: store.KnownNode) -> None:
        birth = read_node_birth(Payload.FromString(known.birth))
        node.born(birth)
        uuid = birth.outbox or f"{known.site}/{known.node}"
        node.stream = self._writer.run(
            lambda c: store.open_outbox(c, uuid, known.site, known.node)
        )  # fmt: skip
        for device, raw in {"": known.birth, **known.devices}.items():
            born = Payload.FromString(raw)
            signals = self._writer.run(
                lambda c, device=device, born=born: store.register(
                    c, known.site, known.node, device, declared(born)
                )
            )
            node.device_born(device, born, signals)


def _whole(metric: Metric) -> int:
    number = metric.long_value  # of an Int64, sent unsigned
    return number - (1 << 64) if number >> 63 else number


def date_anew(metric: Metric, at: int, by: int) -> None:
    """Add to a time that cannot be; it stays beside unless the device told one (ms)."""
    metric.timestamp = at + by
    if SOURCE_AT not in metric.properties.keys:
        write_property(metric, SOURCE_AT, DataType.DATETIME, at)


def _date(metric: Metric, sent_at: int) -> None:
    """A birth says what is true when it is sent; since when it has been so is the device's time."""
    if 0 < metric.timestamp < sent_at:
        write_property(metric, SOURCE_AT, DataType.DATETIME, metric.timestamp)
        metric.timestamp = sent_at


def sorted_out(device: Device, payload: Payload) -> tuple[list[Known], list[Metric]]:
    """The metrics whose channels are known, and the others."""
    found, unknown = list[Known](), list[Metric]()
    for metric in payload.metrics:
        signal = device.signal(metric)
        if signal is None:
            unknown.append(metric)
        else:
            found.append((metric, signal))
    return found, unknown


def _commit(connection: Connection, batch: Batch) -> None:
    began = time.perf_counter()
    store.commit(connection, batch)
    metrics.committed(batch, time.perf_counter() - began)
