"""The edge node: takes samples, keeps them in the outbox, delivers them by Sparkplug B.

Everything here runs on one event loop; only the outbox's commits (an fsync each) and paho's network
run in threads of their own. A record is published after its commit, never before.
"""

import asyncio
import contextlib
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import structlog
from google.protobuf.message import DecodeError

from edge_agent.broker import Broker, wall_ms
from edge_agent.entries import Mqtt
from edge_agent.errors import EdgeError
from edge_agent.outbox import Draft, Entry, Outbox, end_of
from edge_agent.sample import BAD, GOOD, STALE, Sample
from edge_agent.sender import Sender, Todo
from edge_agent.sparkplug_pb2 import Metric, Payload
from edge_agent.wire import (
    BDSEQ,
    CLOCK_STEP,
    NODE_ALIASES,
    NODE_CHANNELS,
    OUTBOX_ACK,
    OUTBOX_FIRST,
    OUTBOX_ID,
    OUTBOX_RECORD,
    QUALITY,
    REBIRTH,
    Ack,
    Channel,
    DataType,
    State,
    Topic,
    WrongTypeError,
    death,
    state_topic,
    write_channel,
    write_property,
    write_sample,
    write_value,
)

log = structlog.get_logger()

GROUP_S = 0.1  # samples wait this long for company before a commit
FORGET_AFTER = (
    256  # acknowledged records that wait for the next append before a commit of their own
)
READ_AHEAD = 256  # entries read from the outbox at once
KEEP_READY = 1024  # entries kept in memory for sending; more are read from the outbox again
AT_ONCE = 64  # messages published before other work gets its turn
FRAME = 48  # bytes of a message besides its metrics and topic
WATCH_S = 0.25  # between looks at the clock
RETURN_S = 1.0  # between leaving an offline host and waiting for it on a new connection
WEIGH_S = 60.0  # between looks at the size of the outbox
MOST_BYTES = 8_000_000_000  # days of records; beyond it the oldest go
KEEP_PERCENT = 90  # of the records, when the outbox is full
FULL_DISK_S = 1.0  # between tries to write an outbox whose disk is full
FULL_DISK_DRAFTS = 20_000  # drafts kept in memory meanwhile; older ones go


@dataclass
class Device:
    """One press or meter: its channels, the newest sample of each, and whether it is alive."""

    name: str
    channels: dict[str, Channel]
    record_alias: int
    declaration: bytes
    data_topic: str
    current: dict[str, Sample] = field(default_factory=dict[str, Sample])
    alive: bool = False
    told: int = 0  # newest capture time (ms) that the last birth told
    complained: set[str] = field(default_factory=set[str])


class Node:
    """A Sparkplug edge node over an outbox; also the `Sink` that sources write to."""

    def __init__(
        self,
        site: str,
        name: str,
        *,
        devices: Mapping[str, Sequence[Channel]],
        outbox: Outbox,
        mqtt: Mqtt,
        clock: Callable[[], int] = wall_ms,
    ) -> None:
        self.site, self.name, self.outbox = site, name, outbox
        self._mqtt, self._clock = mqtt, clock
        self._devices = {
            device: self._declare(device, channels) for device, channels in devices.items()
        }
        self._own = Device(
            name="",
            channels={known.name: known for known in NODE_CHANNELS},
            record_alias=NODE_ALIASES[OUTBOX_RECORD],
            declaration=b"",
            data_topic=str(Topic("NDATA", site, name)),
            alive=True,
        )
        self._devices[""] = self._own
        self.sender = Sender()
        self.sender.start(outbox.first - 1, 0.0)
        self._forget = 0  # acknowledged, still to be deleted
        self._drafts = [
            Draft(device, clock(), None, False) for device in outbox.births_at(outbox.tail)
        ]  # whoever was alive when the last agent ended is not now
        self._wake = asyncio.Event()
        self._left = asyncio.Event()
        self._broker: Broker | None = None
        self._host = State(False, 0)
        self._bdseq: int | None = None  # of the connection; None without one
        self._born = False
        self._seq = 0
        self._announced: dict[str, bytes] = {}
        self._cursor = end_of(outbox.first - 1)  # place of the last entry handed out
        self._ready: deque[Entry] = deque()
        self._ready_to_tail = False
        self._pumping = False

    # -- the sink: called by sources on the event loop --------------------------------------------

    def samples(self, device: str, samples: Sequence[Sample]) -> None:
        """Keep the samples of one poll as one record."""
        if not samples:
            return
        known = self._devices[device]
        payload = Payload()
        for sample in samples:
            channel = known.channels.get(sample.channel)
            if channel is None:
                self._complain(known, sample.channel, "the plant file declares no such channel")
                continue
            kept = self._write(payload.metrics.add(), known, channel, sample)
            known.current[sample.channel] = kept
        if not payload.metrics:
            return
        self._live(known)
        newest = max(sample.at for sample in samples)
        self._drafts.append(Draft(device, newest, payload.SerializeToString(), True))
        self._wake.set()

    def device_online(self, device: str) -> None:
        """The device answers (again): its birth takes its place in outbox order."""
        self._live(self._devices[device])
        self._wake.set()

    def device_offline(self, device: str, at: int) -> None:
        """The device is gone: its death takes its place in outbox order."""
        known = self._devices[device]
        if known.alive:
            known.alive = False
            self._drafts.append(Draft(device, at, None, False))
            self._wake.set()

    def clock_stepped(self, by_ms: int, at: int) -> None:
        """The clock was set: a record that lies before the first reading with the new time."""
        self.samples("", [Sample(CLOCK_STEP, at, by_ms)])

    def _live(self, device: Device) -> None:
        if not device.alive:
            device.alive = True
            self._drafts.append(Draft(device.name, self._clock(), device.declaration, False))

    def _write(self, metric: Metric, device: Device, channel: Channel, sample: Sample) -> Sample:
        try:
            write_sample(metric, channel, sample)
        except WrongTypeError as error:
            self._complain(device, channel.name, f"{error}; kept as bad")
            metric.Clear()
            sample = replace(sample, value=None, quality=BAD)
            write_sample(metric, channel, sample)
        return sample

    def _complain(self, device: Device, channel: str, what: str) -> None:
        if channel not in device.complained:
            device.complained.add(channel)
            log.warning("a sample does not fit", device=device.name, channel=channel, reason=what)

    def _declare(self, name: str, channels: Sequence[Channel]) -> Device:
        aliases = self.outbox.aliases(name, [OUTBOX_RECORD, *(known.name for known in channels)])
        declared = {
            known.name: replace(known, alias=aliases[known.name]) for known in channels
        }  # fmt: skip
        payload = Payload()
        _named(payload, OUTBOX_RECORD, aliases[OUTBOX_RECORD], DataType.UINT64)
        for channel in declared.values():
            write_channel(payload.metrics.add(), channel)
        topic = str(Topic("DDATA", self.site, self.name, name))
        return Device(name, declared, aliases[OUTBOX_RECORD], payload.SerializeToString(), topic)

    # -- life of the node -------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep and deliver until cancelled; then says NDEATH and keeps what is not delivered.

        Raises EdgeError when the outbox is damaged while in use.
        """
        self._wake.set()
        tasks = [asyncio.create_task(task) for task in (self._keep(), self._watch(), self._stay())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep(self) -> None:
        """Commit what sources brought, in groups, and delete what the database has."""
        try:
            while True:
                await self._wake.wait()
                await asyncio.sleep(GROUP_S)
                await self._commit()
        finally:
            with contextlib.suppress(sqlite3.Error):  # a damaged or full disk was told before
                self.outbox.append(self._drafts, self._forget)

    async def _commit(self) -> None:
        self._wake.clear()
        drafts, self._drafts = self._drafts, []
        writing = asyncio.ensure_future(asyncio.to_thread(self.outbox.append, drafts, self._forget))
        try:
            entries = await asyncio.shield(writing)
        except asyncio.CancelledError:
            await writing
            raise
        except sqlite3.OperationalError as error:
            await self._wait_for_disk(drafts, error)
        except sqlite3.DatabaseError as error:
            raise EdgeError(
                f"The outbox {self.outbox.path} is damaged: {error}. Start the agent again: it "
                "sets the file aside and begins a new one."
            ) from error
        else:
            self._kept(entries)

    async def _wait_for_disk(self, drafts: list[Draft], error: Exception) -> None:
        log.error("cannot write the outbox; trying on", path=self.outbox.path, reason=str(error))
        self._drafts = (drafts + self._drafts)[-FULL_DISK_DRAFTS:]
        await asyncio.sleep(FULL_DISK_S)
        self._wake.set()

    async def _watch(self) -> None:
        weighed = self._now()
        while True:
            await asyncio.sleep(WATCH_S)
            self._clock()  # a step is told even while nothing is read
            if self._born:
                self._do(self.sender.passed(self._now()))
            if self._now() - weighed > WEIGH_S:
                weighed = self._now()
                await self.bound(MOST_BYTES)

    async def bound(self, most_bytes: int) -> None:
        """Give up the oldest records when the outbox grew beyond a size; the host is told."""
        if self.outbox.bytes <= most_bytes:
            return
        kept = (self.outbox.last - self.outbox.first + 1) * KEEP_PERCENT // 100
        given_up = await asyncio.to_thread(self.outbox.give_up, kept)
        log.error("the outbox is full: its oldest records are given up", records=given_up)
        if self._born:
            self._birth()

    async def _stay(self) -> None:
        """Be connected; leave an offline host and wait for it on a new connection."""
        while True:
            self._left.clear()
            self._broker = Broker(self._mqtt, self.site, self.name, self.outbox, self)
            self._broker.open()
            try:
                await self._left.wait()
            finally:
                self._die()
                await self._broker.close()
            await asyncio.sleep(RETURN_S)

    # -- what the broker tells --------------------------------------------------------------------

    def connected(self, bdseq: int) -> None:
        """A session began; births follow when the host is known to be online."""
        self._bdseq = bdseq
        self._host = State(False, self._host.timestamp)

    def disconnected(self) -> None:
        """The session ended; what was in flight is sent again in the next."""
        self._bdseq = None
        self._born = False

    def received(self, topic: str, payload: bytes) -> None:
        """STATE of the host, or a command."""
        if topic == state_topic(self._mqtt.host_id):
            self._hear(State.decode(payload))
        elif topic == str(Topic("NCMD", self.site, self.name)):
            self._obey(payload)

    def _hear(self, state: State | None) -> None:
        if state is None or state.timestamp < self._host.timestamp:
            return
        self._host = state
        if state.online and not self._born and self._bdseq is not None:
            log.info("the host is online", host=self._mqtt.host_id)
            self._birth()
        elif not state.online and self._born:
            log.info("the host is offline; records are kept", host=self._mqtt.host_id)
            self._left.set()
            self._die()

    def _obey(self, payload: bytes) -> None:
        try:
            metrics = Payload.FromString(payload).metrics
            for metric in metrics:
                self._command(metric)
        except (DecodeError, ValueError) as error:  # no protobuf, or words that are no UTF-8
            log.warning("a command cannot be read", reason=str(error))

    def _command(self, metric: Metric) -> None:
        if not self._born:
            return
        if metric.name == REBIRTH and metric.boolean_value:
            self._birth()
        elif metric.name == OUTBOX_ACK or metric.alias == NODE_ALIASES[OUTBOX_ACK]:
            ack = Ack.parse(metric.string_value)
            if ack is None or ack.outbox != self.outbox.uuid:
                return
            if ack.number > self.outbox.last:
                self._part_ways(ack.number)
            else:
                self._do(self.sender.answered(ack.number, ack.hole, self._now()))

    def _part_ways(self, number: int) -> None:
        log.error(
            "the database has more of this outbox than it ever held: the file is an old copy; "
            "it goes on under a new identity",
            outbox=str(self.outbox.path),
            acknowledged=number,
            held=self.outbox.last,
        )
        self.outbox.renew()
        self._forget = 0
        self.sender.start(0, self._now())
        self._birth()

    def _do(self, todo: Todo) -> None:
        if todo.forget is not None:
            self._forget = todo.forget
            if todo.forget - self.outbox.first >= FORGET_AFTER:
                self._wake.set()
        if todo.rebirth:
            self._birth()
        elif todo.resend or end_of(self.sender.acknowledged) > self._cursor:
            self._rewind()
        self._pump()

    # -- births and deaths ------------------------------------------------------------------------

    def _birth(self) -> None:
        now, acknowledged = self._clock(), self.sender.acknowledged
        first = max(self.outbox.first, acknowledged + 1)
        ack = f"{self.outbox.uuid}:{acknowledged}"
        payload = Payload(timestamp=now, seq=0)
        _told(payload, BDSEQ, DataType.INT64, self._bdseq or 0, now=now)
        _told(payload, REBIRTH, DataType.BOOLEAN, False, now=now)
        _told(payload, OUTBOX_ID, DataType.STRING, self.outbox.uuid, now=now)
        _told(payload, OUTBOX_FIRST, DataType.UINT64, first, now=now)
        _told(payload, OUTBOX_ACK, DataType.STRING, ack, now=now)
        _told(payload, OUTBOX_RECORD, DataType.UINT64, acknowledged, now=now)
        for channel in self._own.channels.values():
            write_channel(payload.metrics.add(), channel)
        self._own.told = self._tell_currents(payload.metrics[-len(NODE_CHANNELS) :], self._own, now)
        self._publish(Topic("NBIRTH", self.site, self.name), payload.SerializeToString())
        self._born, self._seq, self._announced = True, 0, {}
        self.sender.start(first - 1, self._now())
        self._rewind()
        self._pump()

    def _rewind(self) -> None:
        """Go on after the last acknowledged record, with the devices that were alive there."""
        self._cursor = self.outbox.place_before_next_record(end_of(self.sender.acknowledged))
        self._ready.clear()
        self._ready_to_tail = False
        wanted = self.outbox.births_at(self._cursor)
        for device in [name for name in self._announced if name not in wanted]:
            self._announce_death(device)
        for device, declaration in wanted.items():
            if self._announced.get(device) != declaration:
                self._announce(device, declaration)

    def _announce(self, device: str, declaration: bytes) -> None:
        now = self._clock()
        known = self._devices.get(device)  # None: the plant file no longer has it
        payload = Payload.FromString(declaration)
        payload.timestamp = now
        payload.seq = self._next_seq()
        newest = self._tell_currents(payload.metrics, known, now)
        if known:
            known.told = newest
        self._publish(Topic("DBIRTH", self.site, self.name, device), payload.SerializeToString())
        self._announced[device] = declaration

    def _tell_currents(self, metrics: Iterable[Metric], device: Device | None, now: int) -> int:
        """Put the current values into a birth; the newest capture time (ms) among them."""
        newest = 0
        for metric in metrics:
            sample = device.current.get(metric.name) if device else None
            metric.timestamp = sample.at if sample else now
            newest = max(newest, sample.at if sample else 0)
            self._tell_current(metric, sample)
        return newest

    def _tell_current(self, metric: Metric, sample: Sample | None) -> None:
        if metric.name == OUTBOX_RECORD:
            metric.long_value = self.sender.sent
        elif sample is None or sample.value is None:
            metric.is_null = True
            quality = sample.quality if sample else STALE
            write_property(metric, QUALITY, DataType.INT32, quality)
        else:
            try:
                write_value(metric, DataType(metric.datatype), sample.value)
            except WrongTypeError:  # declared otherwise when this birth took its place
                metric.is_null = True
            if sample.quality != GOOD:
                write_property(metric, QUALITY, DataType.INT32, sample.quality)

    def _announce_death(self, device: str) -> None:
        payload = Payload(timestamp=self._clock(), seq=self._next_seq())
        self._publish(Topic("DDEATH", self.site, self.name, device), payload.SerializeToString())
        self._announced.pop(device, None)

    def _die(self) -> None:
        """Say NDEATH, as a session that ends by itself must: the broker then keeps the will."""
        if self._born and self._bdseq is not None:
            self._born = False
            topic = Topic("NDEATH", self.site, self.name)
            self._publish(topic, death(self._bdseq, self._clock()))

    # -- sending ----------------------------------------------------------------------------------

    def _kept(self, entries: Sequence[Entry]) -> None:
        """Entries are on disk: they may be sent."""
        if self._ready_to_tail:
            newest = self._ready[-1].position if self._ready else self._cursor
            self._ready.extend(entry for entry in entries if entry.position > newest)
            self._ready_to_tail = len(self._ready) < KEEP_READY
        self._pump()

    def _pump(self) -> None:
        """Send what the window allows; a long backlog in slices, so that polling keeps its time."""
        for _ in range(AT_ONCE):
            entry = self._next_entry() if self._born else None
            if entry is None:
                return
            if entry.is_record and not self.sender.may_send(_size(entry)):
                return
            self._ready.popleft()
            self._cursor = entry.position
            self._send(entry)
        if not self._pumping:
            self._pumping = True
            asyncio.get_running_loop().call_soon(self._pump_on)

    def _pump_on(self) -> None:
        self._pumping = False
        self._pump()

    def _next_entry(self) -> Entry | None:
        if not self._ready and not self._ready_to_tail:
            self._ready.extend(self.outbox.read(self._cursor, READ_AHEAD))
            self._ready_to_tail = len(self._ready) < READ_AHEAD
        return self._ready[0] if self._ready else None

    def _send(self, entry: Entry) -> None:
        if entry.is_record:
            again = self.sender.handed_out(entry.number, _size(entry), self._now())
            self._send_record(entry, again)
        elif entry.body is not None:
            self._announce(entry.device, entry.body)
        elif entry.device in self._announced:
            self._announce_death(entry.device)

    def _send_record(self, entry: Entry, again: bool) -> None:
        known = self._devices.get(entry.device)
        told = known.told if known else entry.at + 1
        body = entry.body or b""
        if again or entry.at < told:
            body = _historical(body)
        now = self._clock()
        frame = Payload(timestamp=now, seq=self._next_seq())
        record = frame.metrics.add()
        record.alias = known.record_alias if known else self._record_alias(entry.device)
        record.timestamp, record.long_value = now, entry.number
        topic = known.data_topic if known else str(_data_topic(self.site, self.name, entry.device))
        self._publish(topic, frame.SerializeToString() + body)  # messages concatenate

    def _record_alias(self, device: str) -> int:
        return self.outbox.aliases(device, [OUTBOX_RECORD])[OUTBOX_RECORD]

    def _next_seq(self) -> int:
        self._seq = (self._seq + 1) % 256
        return self._seq

    def _publish(self, topic: Topic | str, payload: bytes) -> None:
        if self._broker is not None:
            self._broker.publish(str(topic), payload)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def _size(entry: Entry) -> int:
    return len(entry.body or b"") + FRAME


def _data_topic(site: str, node: str, device: str) -> Topic:
    return Topic("DDATA", site, node, device)


def _historical(body: bytes) -> bytes:
    payload = Payload.FromString(body)
    for metric in payload.metrics:
        metric.is_historical = True
    return payload.SerializeToString()


def _named(payload: Payload, name: str, alias: int, datatype: DataType) -> Metric:
    metric = payload.metrics.add()
    metric.name, metric.datatype = name, datatype
    if alias:
        metric.alias = alias
    return metric


def _told(
    payload: Payload, name: str, datatype: DataType, value: int | str | bool, *, now: int
) -> None:
    metric = _named(payload, name, NODE_ALIASES.get(name, 0), datatype)
    metric.timestamp = now
    write_value(metric, datatype, value)
