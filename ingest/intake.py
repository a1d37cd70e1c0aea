"""What a message means: births, deaths and data of every node, in order of arrival.

births, deaths ----------> Lives: written at once
numbered records --------> Taking: the open batch --> writer
what is not numbered ----> Foreign: in its turn --> Taking
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import psycopg
import structlog
from google.protobuf.message import DecodeError

from database.connection import Connection
from edge_agent.sample import GOOD
from edge_agent.sparkplug_pb2 import Metric, Payload
from edge_agent.wire import (
    CLOCK_STEP,
    GIVEN_UP,
    Ack,
    GivenUp,
    Topic,
    parse_topic,
)
from ingest import metrics, store
from ingest.births import (
    LONGEST_NAME,
    Device,
    Known,
    Message,
    Node,
    NodeBirth,
    not_taken,
    read_death,
    read_node_birth,
    unkeepable,
)
from ingest.clock_repair import date_anew, in_ms, shown
from ingest.compressed import whole
from ingest.foreign import Foreign
from ingest.group import REORDER_S, Group
from ingest.latest import LatestRows
from ingest.open_batch import Taking
from ingest.quarantine_bounds import Quarantine
from ingest.readings import Batch, Signal, sample_of
from ingest.registry import Lives, Writer
from ingest.stream import Stream, Verdict

log = structlog.get_logger()

NOT_UNDERSTOOD = (
    ValueError, TypeError, psycopg.DataError, psycopg.ProgrammingError,
    psycopg.errors.ProgramLimitExceeded,
)  # fmt: skip
NO_ROOM = "one more node than may be: it is not taken (ingest run --most-nodes)"
TOO_MANY = "one more node born at once than is taken in a second: its data asks for it again"
NEWCOMERS = 50  # births a second of nodes that are not known yet: each is several transactions
MOST_METRICS = 50_000  # of a birth: commits wait while its channels are declared
MOST_TOPICS = 10_000  # remembered; rubbish must not fill the memory
MOST_NODES = 10_000  # with more, those that were never born are forgotten


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
        quarantine: Quarantine | None = None,
    ) -> None:
        self._writer, self._steady = writer, steady
        self._lives = Lives(writer, group)
        kept = quarantine or Quarantine(steady=steady)
        self._taking = Taking(wall_ms, steady, self._lives.serves, self._own, kept)
        reorder_s = group.reorder_s if group else REORDER_S
        self._foreign = Foreign(self._taking, self._lives, reorder_s)
        self._latest = LatestRows()
        self._topics: dict[str, Topic] = {}
        self._second = self._came = 0  # unknown nodes that were born in that second
        self._handed: tuple[Batch, Future[None]] | None = None
        self._nodes = {(node.site, node.node): node for node in self._lives.recalled()}

    def take(self, topic: str, payload: bytes) -> None:
        """Take one message in; what it carries is written with the open batch."""
        self._taking.begin(len(payload))
        parsed = self._topics.get(topic) or self._parsed(topic, payload)
        if parsed is None:
            return
        try:
            self._dispatch(parsed, payload)
        except DecodeError as error:
            self._taking.refuse_bytes(topic, payload, f"no Sparkplug payload: {error}")
        except NOT_UNDERSTOOD as error:
            self._taking.refuse_bytes(topic, payload, f"not understood: {error}")

    def _parsed(self, topic: str, payload: bytes) -> Topic | None:
        if len(topic.encode()) > LONGEST_NAME:
            reason = f"its topic is longer than {LONGEST_NAME} bytes: no name here is that long"
            self._taking.refuse_bytes(topic, payload, reason)
            return None
        parsed = parse_topic(topic)
        if parsed is not None:
            if len(self._topics) >= MOST_TOPICS:
                self._topics.clear()
            self._topics[topic] = parsed
        return parsed

    def give_up_overdue(self) -> bool:
        """See to foreign nodes: holes that were waited at long enough, and what stands still.

        Returns whether anything is to be written.
        """
        given_up = self._foreign.give_up_overdue()
        return self._foreign.look_after(self._nodes.values()) or given_up

    @property
    def open(self) -> Batch:
        """The batch that messages go into."""
        return self._taking.batch

    @property
    def writing(self) -> bool:
        """Whether the writer is at a batch."""
        return self._handed is not None and not self._handed[1].done()

    def hand_over(self) -> "Future[None] | None":
        """Give the open batch to the writer, after what it has is settled; None: nothing to write.

        Raises what `settle` raises.
        """
        self.settle()
        batch = self._taking.closed()
        if not batch:
            return None
        latest = self._latest
        written = self._writer.start(lambda connection: _commit(connection, batch, latest))
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
        answers = Answers(rebirths=self._taking.asked())
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
        came = Payload.FromString(raw)
        payload = whole(came)
        kept = raw if payload is came else payload.SerializeToString()
        message = Message(topic, payload, kept)
        if topic.type != "NDEATH":  # a will was written long before it is sent
            self._hear(topic, message.payload.timestamp)
        if topic.type in ("NDATA", "DDATA"):
            self._data(message)
        elif len(message.payload.metrics) > MOST_METRICS:
            self._taking.refuse(message, f"more than {MOST_METRICS} metrics in a birth or death")
        elif topic.type == "NBIRTH":
            self._node_birth(message)
        elif topic.type == "DBIRTH":
            self._device_birth(message)
        elif topic.type == "NDEATH":
            self._node_death(message)
        elif topic.type == "DDEATH":
            self._device_death(message)

    def _node_birth(self, message: Message) -> None:
        payload = message.payload
        birth, node = read_node_birth(payload), self._node(message.topic)
        if birth.fault:
            node.birth_refused()
            self._taking.refuse(message, birth.fault)
            return
        if node.stream is None and not self._may_come():
            node.asked = 0  # it did answer
            self._taking.refuse(message, TOO_MANY)
            return
        if not self._lives.has_room(node):
            node.birth_refused()
            self._taking.refuse(message, NO_ROOM)
            return
        if not self._lives.claim(node):
            return
        uuid = birth.outbox or node.name
        if not self._leave_to(node, uuid):
            node.birth_refused()
            reason = f"outbox {uuid} is another live node's: give this one its own"
            self._taking.refuse(message, reason)
            return
        if node.stream is not None and node.foreign:
            self._foreign.over(node, birth)
        self.flush()
        node.born(birth)
        if node.stream is None or node.stream.uuid != uuid:
            node.stream = self._lives.stream(node, uuid)
        self._go_on(node.stream, birth)
        self._refuse_unkeepable(message)
        self._lives.node_born(node, message)
        if node.foreign:
            self._foreign.born(node, message)
        else:
            self._note_current(node.device(""), payload)

    def _may_come(self) -> bool:
        """Whether one more unknown node may be born in this second."""
        second = int(self._steady())
        if second != self._second:
            self._second, self._came = second, 0
        self._came += 1
        return self._came <= NEWCOMERS

    def _go_on(self, stream: Stream, birth: NodeBirth) -> None:
        """From the watermark, or from the first record that is still kept."""
        stream.due = True
        stream.newest = max(stream.newest, birth.last)
        if birth.outbox is not None and birth.first > stream.committed + 1:
            first, last = stream.committed + 1, birth.first - 1
            log.warning("records can never come", outbox=stream.uuid, first=first, last=last)
            self._lives.skip(stream, birth.first)

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
        node, name = self._node(message.topic), message.topic.device
        if not node.online:
            self._taking.ask(node, node.device(name))
            return
        self._refuse_unkeepable(message)
        if node.foreign:
            self._foreign.take(node, message)
        else:
            self._lives.device_born(node, message)
            self._note_current(node.device(name), message.payload)

    def _refuse_unkeepable(self, message: Message) -> None:
        """Channels of a birth that the database cannot hold are left out, and told."""
        faults = [*unkeepable(message.payload), *filter(None, [not_taken(message.payload)])]
        if faults:
            self._taking.refuse(message, "; ".join(faults))

    def _note_current(self, device: Device, payload: Payload) -> None:
        for metric in payload.metrics:
            signal = device.signal(metric)
            if signal is not None:
                try:
                    sample = sample_of(metric, signal, payload.timestamp, self._taking.latest_at)
                except ValueError:
                    continue  # its reading, if there is one, will tell
                value = sample.value if sample.quality == GOOD else None
                at = shown(sample.at, payload.timestamp, self._taking.now)
                self._taking.batch.note(signal, at, value, sample.quality)

    def _node_death(self, message: Message) -> None:
        node = self._node(message.topic)
        if node.stream is None:
            return
        bdseq = read_death(message.payload, node.bdseq_alias)
        if bdseq is None and node.foreign and not node.owed_death:
            bdseq = node.bdseq  # no earlier life is left that it could end
        if bdseq != node.bdseq:
            log.info("a late death is ignored", node=node.node, bdseq=bdseq, current=node.bdseq)
            if node.foreign:
                self._foreign.doubt(node, message, bdseq)
            return
        if node.foreign:
            self._foreign.died(node)
        node.online = False
        self._lives.node_died(node)

    def _device_death(self, message: Message) -> None:
        node = self._node(message.topic)
        if node.stream is not None and node.foreign:
            self._foreign.take(node, message)
        elif node.stream is not None:
            self._lives.device_died(message.topic)

    # -- data -------------------------------------------------------------------------------------

    def _data(self, message: Message) -> None:
        node = self._node(message.topic)
        device = node.device(message.topic.device)
        if node.stream is None:
            self._taking.ask(node, device)
            if node.unanswered:
                self._taking.refuse(
                    message, f"its node {node.name} is in no birth{node.unanswered}"
                )
        elif node.foreign:
            self._foreign.take(node, message)
        else:
            self._numbered_record(node, message)

    def _numbered_record(self, node: Node, message: Message) -> None:
        taking, device, stream = self._taking, node.device(message.topic.device), node.stream
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
            taking.ask(node, device)
        elif number is None:
            taking.refuse(message, "no outbox/record, although its NBIRTH declares an outbox")
        elif stream.judge(number) is Verdict.TAKE:
            if found:
                self._put_right(stream, message, found, sent_by)
            record = taking.batch.extend_run(stream.outbox, number)
            taking.add(message, found, unknown, record, node.unanswered)
            if not message.topic.device:
                self._note_given_up(stream, found)

    def _note_given_up(self, stream: Stream, found: Sequence[tuple[Metric, Signal | None]]) -> None:
        """What an edge gave up is a gap; whole records are one already, by `outbox/first`."""
        batch = self._taking.batch
        for metric, signal in found:
            if signal is None or signal.name != GIVEN_UP:
                continue
            told = GivenUp.parse(metric.string_value)
            if told is None or told.what == "dropped":
                continue
            if told.what == "damaged" and told.outbox:
                lost = (stream.outbox, told.outbox, told.first, told.last, told.reason)
                batch.lost.append(lost)
            elif told.what == "damaged":  # not even its name could be read
                batch.gaps.append((stream.outbox, stream.taken, stream.taken, told.reason))
            elif told.last <= stream.taken:
                batch.gaps.append((stream.outbox, told.first, told.last, told.reason))

    def _put_right(
        self, stream: Stream, message: Message, found: list[Known], sent_by: int
    ) -> None:
        """Times that cannot be: the record is dated anew, what its node said stays beside."""
        # `sent_by` is the time of publishing, too, by the clock that the record was captured with.
        sent_at, dating = message.payload.timestamp, stream.dating
        at = max(found[0][0].timestamp, found[-1][0].timestamp) or sent_at
        if at > self._taking.latest_at:
            return  # no clock is that wrong: it will be refused
        if not message.topic.device:
            for metric, signal in found:
                if signal.name == CLOCK_STEP:
                    dating.stepped(_whole(metric))
        set_since = sent_at - (sent_by or sent_at)
        before, by = dating.by, dating.add(at, sent_at, self._taking.now, set_since)
        if bool(by) != bool(before):
            said = "the clock of a node is wrong" if by else "the clock of a node is right again"
            log.warning(said, node=message.topic.node, added_ms=by)
        if by:
            for metric, _ in found:
                date_anew(metric, metric.timestamp or sent_at, by)

    # -- the rest ---------------------------------------------------------------------------------

    @property
    def nodes(self) -> list[Node]:
        """Every node heard of, with its stream and how it was heard."""
        return list(self._nodes.values())

    def _own(self, topic: str) -> bool:
        """Whether the node of a topic is one that numbers its records, and was born."""
        parsed = self._topics.get(topic)
        node = self._nodes.get((parsed.site, parsed.node)) if parsed else None
        return node is not None and node.stream is not None and not node.foreign

    def _hear(self, topic: Topic, sent: int) -> None:
        node = self._nodes.get((topic.site, topic.node))
        if (
            node is None
            or node.stream is None
            or not node.hearing.take(self._taking.now, in_ms(sent))
        ):
            return
        newest = None if node.foreign else node.stream.newest or None
        self._taking.batch.heard[topic.site, topic.node] = node.hearing.heard(newest)

    def _node(self, topic: Topic) -> Node:
        key = (topic.site, topic.node)
        known = self._nodes.get(key)
        if known is None:
            if len(self._nodes) >= MOST_NODES:
                born = {key: node for key, node in self._nodes.items() if node.stream is not None}
                self._nodes = born
            known = self._nodes[key] = Node(*key)
        return known


def _whole(metric: Metric) -> int:
    number = metric.long_value  # of an Int64, sent unsigned
    return number - (1 << 64) if number >> 63 else number


def _commit(connection: Connection, batch: Batch, latest: LatestRows) -> None:
    began = time.perf_counter()
    store.commit(connection, batch, latest)
    metrics.committed(batch, time.perf_counter() - began)
