"""Nodes that number no records: what they say is taken in its order, and what is lost is told.

    take --> Order (waits for what is missing) --> its turn --> readings, numbered here
                     |
                     +--> given up: a gap, and a stale reading on each channel

The standard gives such a node a `seq` per message and nothing else: it sends once. docs/wire.md,
Foreign edge nodes, tells the rules.
"""

from collections.abc import Iterable

import structlog

from edge_agent.sample import GOOD, STALE, Sample
from edge_agent.sparkplug_pb2 import Metric
from edge_agent.wire import SOURCE_AT, DataType, write_property
from ingest.births import ASKS_BEFORE_QUARANTINE, Device, Known, Message, Node, NodeBirth
from ingest.clock_repair import in_ms, put_right
from ingest.open_batch import Taking
from ingest.readings import YEAR_2000
from ingest.registry import Lives

log = structlog.get_logger()

REPEAT_S = 10.0  # the heartbeat of our own nodes, for what stands still
ON_ITS_WAY = 2_000  # ms: what the node says just now may come as late, and is newer


class Foreign:
    """Takes what foreign nodes say after their births; each has a stream that is numbered here.

    A message that comes too early waits `reorder_s` seconds for those before it.
    """

    def __init__(self, taking: Taking, lives: Lives, reorder_s: float) -> None:
        self._taking, self._lives, self._reorder_s = taking, lives, reorder_s
        self._waiting: list[Node] = []  # for a message that should have come
        self._looked_at = float("-inf")

    # -- from birth to death ----------------------------------------------------------------------

    def over(self, node: Node, birth: NodeBirth) -> None:
        """Another NBIRTH: what the node said last is over, and perhaps its death unheard."""
        self._give_up(node)
        unheard = birth.bdseq != node.bdseq or node.order.expected is None
        if node.online and unheard:
            self._unseen(node, node.devices.values(), self._its_time(node))

    def born(self, node: Node, message: Message) -> None:
        """An NBIRTH: the sequence begins with it."""
        self._put_right(node, message)
        node.order.start(message.payload.seq)
        self._birth_values(node, message)

    def take(self, node: Node, message: Message) -> None:
        """Data, DBIRTH or DDEATH: taken when its turn comes."""
        self._put_right(node, message)
        seq = message.payload.seq
        if not message.payload.HasField("seq"):
            self._in_turn(node, message)
            return
        if node.order.expected is None:
            reason = f"seq {seq} came first after a silence: what was said in it is lost"
            self._lost(node, reason, message.payload.timestamp - 1)
        waited = node.order.waiting
        for ready in node.order.arrived(seq, message, len(message.raw), self._taking.steady()):
            self._in_turn(node, ready)
        if node.order.waiting and not waited:
            self._waiting.append(node)

    def died(self, node: Node) -> None:
        """An NDEATH: nothing will come any more, and nothing is known from now on."""
        self._give_up(node)
        self._unseen(node, node.devices.values(), self._its_time(node))
        node.order.start(None)

    def doubt(self, node: Node, message: Message, bdseq: int | None) -> None:
        """An NDEATH of another bdSeq: an earlier life's, or of a will that is made wrongly."""
        late, node.owed_death, node.doubted = node.owed_death, False, True
        if not late:
            reason = f"an NDEATH with bdSeq {bdseq} where its NBIRTH said {node.bdseq}: will and"
            self._taking.refuse(message, f"{reason} birth of one connection must say the same")

    def look_after(self, nodes: Iterable[Node]) -> bool:
        """Every second: what stands still is told anew, births are asked for; whether any was.

        A node that reports by exception and lives says nothing while nothing changes: that it
        lives, which the broker watches, is what is known of its values.
        """
        now, told = self._taking.steady(), False
        if now - self._looked_at < 1.0:
            return False
        self._looked_at = now
        for node in nodes:
            if not node.foreign or not node.online or node.stream is None:
                continue
            if node.order.expected is None:  # since this host began it has said nothing
                if node.asked < ASKS_BEFORE_QUARANTINE:
                    self._taking.ask(node)
            elif not (node.doubted or node.order.waiting) and self._repeat(node, now):
                told = True
        return told

    def _repeat(self, node: Node, now: float) -> bool:
        """Each good value that stands still, anew; when its node told it stays beside."""
        if now - node.repeated_at < REPEAT_S:
            return False
        node.repeated_at, at = now, self._its_time(node) - ON_ITS_WAY
        self._taking.look()
        still = [
            known
            for device in node.devices.values()
            for known in device.standing.values()
            if known[3] == GOOD and at - known[0].newest >= REPEAT_S * 1000 - ON_ITS_WAY
        ]
        if not still or not YEAR_2000 <= at <= self._taking.latest_at:
            return False
        assert node.stream is not None
        number, _ = self._next_number(node)
        for signal, since, value, quality in still:
            sample = Sample(signal.name, at, value, quality, source_at=since)
            self._taking.batch.add(signal, sample, node.stream.outbox, number)
        return True

    # -- holes ------------------------------------------------------------------------------------

    def give_up_overdue(self) -> bool:
        """Go on over holes that messages waited at long enough; whether any was."""
        now = self._taking.steady()
        overdue = [node for node in self._waiting if node.order.overdue(now, self._reorder_s)]
        if overdue:
            self._taking.look()
        for node in overdue:
            self._give_up(node)
        self._waiting = [node for node in self._waiting if node.order.waiting]
        return bool(overdue)

    def _give_up(self, node: Node) -> None:
        given_up = node.order.give_up()
        if given_up is None:
            return
        for seq, message in given_up.late:
            reason = f"seq {seq} came when its place was passed: out of order"
            self._taking.refuse(message, reason)
        if given_up.ready:
            came = given_up.ready[0][0]
            reason = f"seq {came} where {given_up.expected} was next: what lay between is lost"
            self._lost(node, reason, node.sent_at + 1)
        for _, message in given_up.ready:
            self._in_turn(node, message)

    def _lost(self, node: Node, reason: str, at: int) -> None:
        """Messages will never come: a gap on the node's channels; ask for its births."""
        assert node.stream is not None
        number = self._unseen(node, node.devices.values(), at)
        self._taking.batch.gaps.append((node.stream.outbox, number, number, reason))
        log.warning("messages of a foreign node are lost", node=node.node, reason=reason)
        self._taking.ask(node)

    def _unseen(self, node: Node, devices: Iterable[Device], at: int) -> int:
        """A stale reading on each channel, so that nobody draws a line over time unseen."""
        assert node.stream is not None
        taking, (number, _) = self._taking, self._next_number(node)
        possible = at if YEAR_2000 <= at <= taking.latest_at else taking.now
        for device in devices:
            device.standing.clear()
            for signal in device.names.values():
                stale = Sample(signal.name, possible, None, STALE)
                taking.batch.add(signal, stale, node.stream.outbox, number)
        return number

    def _its_time(self, node: Node) -> int:
        """Now by the clock of a node, whatever ours says: after all that it said (ms)."""
        return node.sent_at + round((self._taking.steady() - node.heard_at) * 1000) + 1

    # -- in its turn ------------------------------------------------------------------------------

    def _in_turn(self, node: Node, message: Message) -> None:
        self._heard(node, message)
        if message.topic.type == "DBIRTH":
            self._lives.device_born(node, message)
            self._birth_values(node, message)
        elif message.topic.type == "DDEATH":
            self._unseen(node, [node.device(message.topic.device)], self._its_time(node))
            self._lives.device_died(message.topic)
        else:
            self._data(node, message)

    def _data(self, node: Node, message: Message) -> None:
        device = node.device(message.topic.device)
        found, unknown = device.sorted_out(message.payload)
        if unknown and not device.settled:
            self._taking.ask(node, device)
        record = self._next_number(node)[1]
        self._taking.add(message, found, unknown, record, node.unanswered)
        self._note_standing(device, found)

    def _birth_values(self, node: Node, message: Message) -> None:
        """The values of a foreign birth are readings: it has no other way to catch up."""
        device = node.device(message.topic.device)
        found, _ = device.sorted_out(message.payload)
        self._heard(node, message)
        for metric, _ in found:
            _date(metric, message.payload.timestamp)
        if found:
            self._taking.add(message, found, [], self._next_number(node)[1])
        self._note_standing(device, found)

    def _note_standing(self, device: Device, found: Iterable[Known]) -> None:
        latest = self._taking.batch.latest
        for _, signal in found:
            if signal.channel in latest:
                device.standing[signal.channel] = latest[signal.channel]

    def _put_right(self, node: Node, message: Message) -> None:
        """Times of a clock or in a unit that cannot be: as for our own nodes, dated anew."""
        before, said = node.clock.by, message.payload.timestamp
        put_right(message.payload, node.clock, self._taking.now)
        if bool(node.clock.by) != bool(before):
            wrong = "the clock of a node is wrong" if node.clock.by else "its clock is right again"
            log.warning(wrong, node=node.node, added_ms=node.clock.by)
        if in_ms(said) != said and not node.clock.odd:
            node.clock.odd = True
            log.warning("a node tells times not in ms, as the standard demands", node=node.node)

    def _heard(self, node: Node, message: Message) -> None:
        node.doubted = False
        node.sent_at, node.heard_at = message.payload.timestamp, self._taking.steady()

    def _next_number(self, node: Node) -> tuple[int, bytes]:
        """The number of the message at hand, and what begins its rows."""
        stream = node.stream
        assert stream is not None
        stream.taken += 1
        return stream.taken, self._taking.batch.extend_run(stream.outbox, stream.taken)


def _date(metric: Metric, sent_at: int) -> None:
    """A birth says what is true when it is sent; since when it has been so is the device's time."""
    if 0 < metric.timestamp < sent_at:
        if SOURCE_AT not in metric.properties.keys:
            write_property(metric, SOURCE_AT, DataType.DATETIME, metric.timestamp)
        metric.timestamp = sent_at
