"""Delivery: births, deaths and records on their way to the host, in outbox order.

Everything here runs on the event loop. What is in flight is the sender's business; what the host
has heard of (births) is kept here, and forgotten with the session.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from google.protobuf.message import DecodeError

from edge_agent.node.clock_steps import Steps
from edge_agent.node.devices import Devices
from edge_agent.outbox import DamagedError, Entry, Outbox, end_of
from edge_agent.sender import Sender, Todo
from edge_agent.sparkplug_pb2 import Payload
from edge_agent.wire import (
    BDSEQ,
    NODE_ALIASES,
    NODE_CHANNELS,
    OUTBOX_ACK,
    OUTBOX_FIRST,
    OUTBOX_ID,
    OUTBOX_LAST,
    OUTBOX_RECORD,
    REBIRTH,
    DataType,
    Topic,
    write_channel,
    write_value,
)

READ_AHEAD = 256  # entries read from the outbox at once
KEEP_READY = 1024  # entries kept in memory for sending; more are read from the outbox again
AT_ONCE = 64  # messages published before other work gets its turn
FRAME = 48  # bytes of a message besides its metrics and topic


class Wire(Protocol):
    """Where messages go."""

    def publish(self, topic: str, payload: bytes) -> None:
        """Hand a message over; it may be lost."""
        ...


class Delivery:
    """What one node says to its host. `born` while a session with the host lasts."""

    def __init__(
        self, site: str, node: str, outbox: Outbox, devices: Devices, clock: Callable[[], int]
    ) -> None:
        self.site, self.node = site, node
        self.wire: Wire | None = None
        self.sender = Sender(heard=outbox.opened_at == 0)  # a new outbox is no copy of another
        self.sender.start(outbox.first - 1, 0.0)
        self.born = False
        self.damaged: Callable[[DamagedError], None] | None = None  # found while sending on
        self.steps = Steps(outbox)
        self.largest_birth = ("", 0)  # machine, bytes; of those since the session began
        self._outbox, self._devices, self._clock = outbox, devices, clock
        self._seq = 0
        self._announced: dict[str, bytes] = {}
        self._cursor = end_of(outbox.first - 1)  # place of the last entry handed out
        self._ready: deque[Entry] = deque()
        self._ready_to_tail = False
        self._pumping = False

    def begin(self, bdseq: int) -> None:
        """Say NBIRTH and everything after the last acknowledged record."""
        now, acknowledged = self._clock(), self.sender.acknowledged
        first = max(self._outbox.first, acknowledged + 1)
        ack = f"{self._outbox.uuid}:{acknowledged}"
        payload = Payload(timestamp=now, seq=0)
        _told(payload, BDSEQ, DataType.INT64, bdseq, now=now)
        _told(payload, REBIRTH, DataType.BOOLEAN, False, now=now)
        _told(payload, OUTBOX_ID, DataType.STRING, self._outbox.uuid, now=now)
        _told(payload, OUTBOX_FIRST, DataType.UINT64, first, now=now)
        _told(payload, OUTBOX_ACK, DataType.STRING, ack, now=now)
        _told(payload, OUTBOX_RECORD, DataType.UINT64, acknowledged, now=now)
        _told(payload, OUTBOX_LAST, DataType.UINT64, self._outbox.last, now=now)
        for channel in NODE_CHANNELS:
            write_channel(payload.metrics.add(), channel)
        self._devices.own.write_current(payload.metrics[-len(NODE_CHANNELS) :], acknowledged, now)
        self._publish(Topic("NBIRTH", self.site, self.node), payload.SerializeToString())
        self.born, self._seq, self._announced = True, 0, {}
        self.largest_birth = ("", 0)
        self.sender.start(first - 1, self.now())
        self._rewind()
        self.pump()

    def start_over(self) -> None:
        """The outbox begins anew, with record 1."""
        self.sender.start(0, self.now())
        self.sender.ever, self.sender.heard = 0, True
        self.steps.start_over()
        self._cursor = end_of(0)
        self._ready.clear()
        self._ready_to_tail = False

    def do(self, todo: Todo) -> None:
        """Go back, or go on."""
        self.steps.forget(end_of(self.sender.acknowledged))
        if todo.resend or end_of(self.sender.acknowledged) > self._cursor:
            self._rewind()
        self.pump()

    def kept(self, entries: Sequence[Entry]) -> None:
        """Entries are on disk: they may be sent."""
        self.steps.kept(entries)
        if self._ready_to_tail:
            newest = self._ready[-1].position if self._ready else self._cursor
            self._ready.extend(entry for entry in entries if entry.position > newest)
            self._ready_to_tail = len(self._ready) < KEEP_READY
        self.pump()

    def pump(self) -> None:
        """Send what the window allows; a long backlog in slices, so that polling keeps its time."""
        now = self.now()
        for _ in range(AT_ONCE):
            entry = self._next_entry() if self.born else None
            if entry is None:
                return
            size = len(entry.body or b"") + FRAME
            if entry.is_record and not self.sender.may_send(size):
                return
            self._ready.popleft()
            self._cursor = entry.position
            self._send(entry, size, now)
        if not self._pumping:
            self._pumping = True
            asyncio.get_running_loop().call_soon(self._pump_on)

    def now(self) -> float:
        """Seconds of the clock that the sender goes by."""
        return asyncio.get_running_loop().time()

    def _pump_on(self) -> None:
        self._pumping = False
        try:
            self.pump()
        except DamagedError as error:
            if self.damaged is None:
                raise
            self.damaged(error)

    def _next_entry(self) -> Entry | None:
        if not self._ready and not self._ready_to_tail:
            self._ready.extend(self._outbox.read(self._cursor, READ_AHEAD))
            self._ready_to_tail = len(self._ready) < READ_AHEAD
        return self._ready[0] if self._ready else None

    def _send(self, entry: Entry, size: int, now: float) -> None:
        if entry.is_record:
            again = self.sender.handed_out(entry.number, size, now)
            self._send_record(entry, again)
        elif entry.body is not None:
            self._announce(entry.device, entry.body)
        elif entry.device in self._announced:
            self._announce_death(entry.device)

    def _send_record(self, entry: Entry, again: bool) -> None:
        device = self._devices.or_gone(entry.device)
        body = entry.body or b""
        if again or entry.at < device.told or not device.channels:
            body = _historical(body)
        now = self._clock()
        frame = Payload(timestamp=now, seq=self._next_seq())
        record = frame.metrics.add()
        record.alias = device.record_alias
        record.timestamp = now - self.steps.since(entry.position)  # by the clock of the capture
        record.long_value = entry.number
        self._publish(device.data_topic, frame.SerializeToString() + body)  # messages concatenate

    def _rewind(self) -> None:
        """Go on after the last acknowledged record, with the devices that were alive there."""
        self._cursor = self._outbox.place_before_next_record(end_of(self.sender.acknowledged))
        self._ready.clear()
        self._ready_to_tail = False
        wanted = self._outbox.births_at(self._cursor)
        for device in [name for name in self._announced if name not in wanted]:
            self._announce_death(device)
        for device, declaration in wanted.items():
            if self._announced.get(device) != declaration:
                self._announce(device, declaration)

    def _announce(self, device: str, declaration: bytes) -> None:
        now = self._clock()
        payload = Payload.FromString(declaration)
        payload.timestamp = now
        payload.seq = self._next_seq()
        known = self._devices.or_gone(device)
        known.write_current(payload.metrics, self.sender.sent, now)
        birth = payload.SerializeToString()
        self.largest_birth = max(self.largest_birth, (device, len(birth)), key=lambda b: b[1])
        self._publish(Topic("DBIRTH", self.site, self.node, device), birth)
        self._announced[device] = declaration

    def _announce_death(self, device: str) -> None:
        payload = Payload(timestamp=self._clock(), seq=self._next_seq())
        self._publish(Topic("DDEATH", self.site, self.node, device), payload.SerializeToString())
        self._announced.pop(device, None)

    def _next_seq(self) -> int:
        self._seq = (self._seq + 1) % 256
        return self._seq

    def _publish(self, topic: Topic | str, payload: bytes) -> None:
        if self.wire is not None:
            self.wire.publish(str(topic), payload)


def _historical(body: bytes) -> bytes:
    try:
        payload = Payload.FromString(body)
    except DecodeError:  # bytes that a worn disk changed: the host keeps them in quarantine
        return body
    for metric in payload.metrics:
        metric.is_historical = True
    return payload.SerializeToString()


def _told(
    payload: Payload, name: str, datatype: DataType, value: int | str | bool, *, now: int
) -> None:
    metric = payload.metrics.add()
    metric.name, metric.datatype, metric.timestamp = name, datatype, now
    if name in NODE_ALIASES:
        metric.alias = NODE_ALIASES[name]
    write_value(metric, datatype, value)
