"""The edge node: takes samples, keeps them in the outbox, delivers them by Sparkplug B.

Everything here runs on one event loop; only the outbox's commits (an fsync each) and paho's network
run in threads of their own. A record is published after its commit, never before.

`devices` knows what is declared, `waiting` and `keeping` bring samples to disk, `delivery` brings
records to the host. This file is the life of the node: its sources on one side, broker and host on
the other.
"""

import asyncio
import contextlib
import sqlite3
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence

import structlog
from google.protobuf.message import DecodeError

from edge_agent.broker import Broker, wall_ms
from edge_agent.errors import EdgeError
from edge_agent.node.delivery import Delivery
from edge_agent.node.devices import Device, Devices
from edge_agent.node.group_commit import Keeping
from edge_agent.node.pending import Waiting
from edge_agent.outbox import DamagedError, Draft, Outbox, end_of
from edge_agent.outbox.bounds import Bounds, Limits
from edge_agent.plantfile.entries import Mqtt
from edge_agent.sample import Sample
from edge_agent.sender import Sender, Todo
from edge_agent.sparkplug_pb2 import Metric, Payload
from edge_agent.wire import (
    CLOCK_STEP,
    GIVEN_UP,
    NODE_ALIASES,
    OUTBOX_ACK,
    REBIRTH,
    REFUSED,
    Ack,
    Channel,
    GivenUp,
    State,
    Topic,
    death,
    state_topic,
)

__all__ = ["Node"]

log = structlog.get_logger()

WATCH_S = 0.25  # between looks at the clock
WEIGH_S = 60.0  # between looks at the size of the outbox
UNUSABLE_S = 10.0  # between tries with settings of the broker that cannot be used
RETURN_S = 1.0  # between leaving an offline host and waiting for it on a new connection
ASKED, ASKED_WITHIN_S = 3, 120.0  # requests for births that were sent, before it is told
UNHEARD_S = 10.0  # a host that is there tells its STATE at once, since it is retained
LOOK = 64  # entries looked at for the oldest record; births may lie before it
REFUSED_CHARACTERS = 500
MOST_REFUSED = 1000  # channels of a device whose refusal is told


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
        limits: Limits | None = None,
    ) -> None:
        limits = limits or Limits()
        self.site, self.name, self.outbox = site, name, outbox
        self._mqtt, self._clock = mqtt, clock
        self._devices = Devices(site, name, outbox)
        self._devices.declare(devices)
        self._delivery = Delivery(site, name, outbox, self._devices, clock)
        self._delivery.damaged = self._start_over
        self._bounds, waiting = Bounds(outbox, limits), Waiting(limits)
        self._keeping = Keeping(outbox, waiting, self._bounds, self._delivery.kept, self._gave_up)
        for device in outbox.births_at(outbox.tail):  # alive when the last agent ended, not now
            self._keeping.add(Draft(device, clock(), None, False))
        self._left = asyncio.Event()
        self._host = State(False, 0)
        self._bdseq: int | None = None  # of the connection; None without one
        self._heard = False  # any word of the host in this connection
        self._connected_at = 0.0
        self._asked = deque[float](maxlen=ASKED)  # when the host asked for births
        self._told_asked = False
        self.clock_steps = 0
        self.given_up: dict[str, int] = {}  # times, by what was given up
        if outbox.rescued:
            self._tell_damage(outbox.rescued.uuid, 0, outbox.rescued.last, outbox.rescued.reason)

    @property
    def sender(self) -> Sender:
        """The window over the outbox."""
        return self._delivery.sender

    # -- how it stands, for whoever asks ----------------------------------------------------------

    @property
    def devices(self) -> list[str]:
        """Names of its machines."""
        return [device.name for device in self._devices.machines]

    def alive(self, device: str) -> bool:
        """Whether that machine answers."""
        return self._devices[device].alive

    @property
    def delivering(self) -> bool:
        """Whether a session with the host lasts."""
        return self._delivery.born

    @property
    def unacknowledged(self) -> int:
        """Records on disk that the database is not known to have."""
        with self._mending():
            return self.outbox.last - max(self.sender.acknowledged, self.outbox.first - 1)
        return 0

    @property
    def oldest_age_s(self) -> float:
        """Age of the oldest of them (s); 0 without any."""
        with self._mending():
            waiting = self.outbox.read(end_of(self.sender.acknowledged), LOOK)
            ages = [self._clock() - entry.at for entry in waiting if entry.is_record]
            return max(ages[0], 0) / 1000 if ages else 0.0
        return 0.0

    # -- the sink: called by sources on the event loop --------------------------------------------

    def samples(self, device: str, samples: Sequence[Sample]) -> None:
        """Keep the samples of one poll as one record."""
        if not samples:
            return
        known = self._devices.get(device)
        if known is None:  # a last word of a source whose machine was just taken out
            return
        payload = Payload()
        for sample in samples:
            channel = known.channels.get(sample.channel)
            if channel is None:
                self.refused(device, sample.channel, "the plant file declares no such channel")
            elif reason := known.write(payload.metrics.add(), channel, sample):
                self.refused(device, sample.channel, f"{reason}; kept as bad")
        if not payload.metrics:
            return
        self._live(known)
        newest = max(sample.at for sample in samples)
        self._keeping.add(Draft(device, newest, payload.SerializeToString(), True))

    def device_online(self, device: str) -> None:
        """The device answers (again): its birth takes its place in outbox order."""
        self._live(self._devices[device])

    def device_offline(self, device: str, at: int) -> None:
        """The device is gone: its death takes its place in outbox order."""
        known = self._devices[device]
        if known.alive:
            known.alive = False
            self._keeping.add(Draft(device, at, None, False))

    def refused(self, device: str, channel: str, reason: str) -> None:
        """A value could not be taken: told once per channel, as a record of the node itself."""
        known = self._devices.get(device)
        if known is None:
            return
        if channel not in known.refused and len(known.refused) < MOST_REFUSED:
            known.refused.add(channel)
            if channel:
                log.warning("a sample does not fit", device=device, channel=channel, reason=reason)
            of = f"{device}/{channel}" if channel else device
            self._tell(REFUSED, f"{of}: {reason}"[:REFUSED_CHARACTERS])

    def modulus_found(self, device: str, channel: str, modulus: int) -> None:
        """A counter's type is known now: its birth says where it starts again, from here on."""
        changed = self._devices.learn(device, channel, modulus)
        if changed and changed.alive:
            self._keeping.add(_birth(changed, self._clock()))

    def clock_stepped(self, by_ms: int, at: int) -> None:
        """The clock was set: a record that lies before the first reading with the new time."""
        self.clock_steps += 1
        self._delivery.steps.happened(by_ms)
        self.samples("", [Sample(CLOCK_STEP, at, by_ms)])

    def _live(self, device: Device) -> None:
        if not device.alive:
            device.alive = True
            self._keeping.add(_birth(device, self._clock()))

    def _tell_given_up(self, one: GivenUp) -> None:
        self.given_up[one.what] = self.given_up.get(one.what, 0) + 1
        self._tell(GIVEN_UP, one.encode())

    def _tell(self, channel: str, text: str) -> None:
        self.samples("", [Sample(channel, self._clock(), text)])

    def take_over(
        self, devices: Mapping[str, Sequence[Channel]], mqtt: Mqtt, limits: Limits
    ) -> None:
        """Another plant file is in force from here on: its declarations take their place in order.

        What was written before is delivered as it was declared then.
        """
        now = self._clock()
        gone, changed = self._devices.declare(devices)
        for device in gone:
            if device.alive:
                self._keeping.add(Draft(device.name, now, None, False))
        for device in changed:
            if device.alive:
                self._keeping.add(_birth(device, now))
        self._bounds.begin(limits)
        self._keeping.waiting.limits = limits
        if mqtt != self._mqtt:
            self._mqtt = mqtt
            self._left.set()

    # -- life of the node -------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep and deliver until cancelled; then says NDEATH and keeps what is not delivered."""
        work = (self._keeping.run(self._start_over), self._watch(), self._stay())
        tasks = [asyncio.create_task(task) for task in work]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self) -> None:
        weighed = self._delivery.now()
        while True:
            await asyncio.sleep(WATCH_S)
            self._clock()  # a step is told even while nothing is read
            with self._mending():
                if self._delivery.born:
                    self._do(self.sender.passed(self._delivery.now()))
            self._tell_unheard()
            if self._delivery.now() - weighed > WEIGH_S:
                weighed = self._delivery.now()
                await self.bound()

    def _tell_unheard(self) -> None:
        """Say once a connection which host is waited for, and where its word would be."""
        waited = self._delivery.now() - self._connected_at
        if self._heard or self._bdseq is None or waited < UNHEARD_S:
            return
        self._heard = True
        log.warning(
            "the host has not said a word; records are kept", host=self._mqtt.host_id,
            topic=state_topic(self._mqtt.host_id), broker=f"{self._mqtt.host}:{self._mqtt.port}",
            cure="is ingest running at this broker, with this host id ([mqtt] host_id here, "
            "--host-id there), and may this user read that topic?",
        )  # fmt: skip

    async def bound(self) -> None:
        """Give up what the outbox has too much of; the host is told."""
        with self._mending():
            self._gave_up(await self._bounds.hold())

    def _gave_up(self, given: Sequence[GivenUp]) -> None:
        for one in given:
            self._tell_given_up(one)
        if self._delivery.born and any(one.what == "dropped" for one in given):
            self._birth()

    async def _stay(self) -> None:
        """Be connected; leave an offline host and wait for it on a new connection."""
        while True:
            self._left.clear()
            try:
                broker = Broker(self._mqtt, self.site, self.name, self.outbox, self)
                broker.open()
            except (EdgeError, ValueError) as error:  # a file that is away, a host that is none
                log.error("the broker cannot be tried; records are kept", reason=str(error))  # noqa: TRY400 - told, not traced
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._left.wait(), UNUSABLE_S)
                continue
            self._delivery.wire = broker
            try:
                await self._left.wait()
            finally:
                self._die()
                await broker.close()
            await asyncio.sleep(RETURN_S)

    # -- a damaged outbox -------------------------------------------------------------------------

    @contextlib.contextmanager
    def _mending(self) -> Generator[None]:
        try:
            yield
        except DamagedError as error:
            self._start_over(error)
        except sqlite3.OperationalError as error:  # the disk; Keeping tells and tries on
            log.warning("the outbox cannot be used now", path=self.outbox.path, reason=str(error))

    def _start_over(self, error: DamagedError) -> None:
        """Go on with a new outbox; what was in memory is not lost."""
        acknowledged = self.sender.acknowledged
        rescued = self.outbox.start_over(str(error))
        now = self._clock()
        births = {device.name: _birth(device, now) for device in self._devices.machines}
        waiting = {draft.device for draft in self._keeping.waiting.drafts}
        alive = {device.name for device in self._devices.machines if device.alive}
        self._keeping.start_over({n: b for n, b in births.items() if n in waiting | alive})
        self._bounds.begin(self._bounds.limits)
        self._delivery.start_over()
        self._tell_damage(rescued.uuid, acknowledged, rescued.last, rescued.reason)
        if self._host.online and self._bdseq is not None:
            self._birth()

    def _tell_damage(self, uuid: str, acknowledged: int, last: int | None, reason: str) -> None:
        reason = f"the outbox was damaged and set aside: {reason}"[:REFUSED_CHARACTERS]
        first = acknowledged + 1
        if last is None or last >= first:
            told = GivenUp("damaged", first, max(last or 1, first), reason, outbox=uuid)
            self._tell_given_up(told)

    # -- what the broker tells --------------------------------------------------------------------

    def connected(self, bdseq: int) -> None:
        """A session began; births follow when the host is known to be online."""
        self._bdseq = bdseq
        self._heard, self._connected_at = False, self._delivery.now()
        self._host = State(False, self._host.timestamp)

    def disconnected(self) -> None:
        """The session ended; what was in flight is sent again in the next."""
        self._bdseq = None
        self._delivery.born = False

    def received(self, topic: str, payload: bytes) -> None:
        """STATE of the host, or a command."""
        with self._mending():
            if topic == state_topic(self._mqtt.host_id):
                self._hear(State.decode(payload))
            elif topic == str(Topic("NCMD", self.site, self.name)):
                self._obey(payload)

    def _hear(self, state: State | None) -> None:
        self._heard = True
        if state is None or state.timestamp < self._host.timestamp:
            return
        self._host = state
        if state.online and not self._delivery.born and self._bdseq is not None:
            log.info("the host is online", host=self._mqtt.host_id)
            self._birth()
        elif not state.online and self._delivery.born:
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
        if not self._delivery.born:
            return
        if metric.name == REBIRTH and metric.boolean_value:
            self._tell_asked_again()
            self._birth()
        elif metric.name == OUTBOX_ACK or metric.alias == NODE_ALIASES[OUTBOX_ACK]:
            ack = Ack.parse(metric.string_value)
            if ack is None or ack.outbox != self.outbox.uuid:
                return
            if ack.number > max(self.outbox.known, self.sender.ever):
                self._part_ways(ack.number)
            elif self.sender.heard or self._no_copy():
                self._do(self.sender.answered(ack.number, ack.hole, self._delivery.now()))

    def _tell_asked_again(self) -> None:
        """A broker may drop a birth without a word; then its host asks for it again and again."""
        self._asked.append(self._delivery.now())
        often = len(self._asked) == ASKED and self._asked[-1] - self._asked[0] < ASKED_WITHIN_S
        if often and not self._told_asked:
            device, size = self._delivery.largest_birth
            log.warning(
                "the host asks for births again and again, although they were sent: perhaps the "
                f"broker drops one without a word. The largest is the birth of {device}, {size:,} "
                "bytes: see its limit (mosquitto: message_size_limit) and the host's log",
                times=ASKED,
            )
        self._told_asked = often

    def _no_copy(self) -> bool:
        """Note that the outbox is the one the database knows; whether the disk took it."""
        try:
            self.outbox.answered()
        except sqlite3.OperationalError as error:  # a full disk: the next answer says so again
            log.warning("cannot note an answer", outbox=str(self.outbox.path), reason=str(error))
            return False
        return True

    def _part_ways(self, number: int) -> None:
        log.error(
            "the database has records of this outbox that were never sent from here: the file is "
            "an old copy; it goes on under a new identity",
            outbox=str(self.outbox.path),
            acknowledged=number,
            held=self.outbox.opened_at,
        )
        try:
            self.outbox.renew()
        except sqlite3.OperationalError as error:  # a full disk: the next answer says so again
            log.error("cannot begin anew yet", outbox=str(self.outbox.path), reason=str(error))  # noqa: TRY400 - told, not traced
            return
        self._keeping.renewed()
        self._bounds.begin(self._bounds.limits)
        self._delivery.start_over()
        self._birth()

    def _do(self, todo: Todo) -> None:
        if todo.forget is not None:
            self._keeping.forget(todo.forget)
        if todo.rebirth:
            self._birth()
        else:
            self._delivery.do(todo)

    def _birth(self) -> None:
        self._delivery.begin(self._bdseq or 0)

    def _die(self) -> None:
        """Say NDEATH, as a session that ends by itself must: the broker then keeps the will."""
        if self._delivery.born and self._bdseq is not None and self._delivery.wire:
            self._delivery.born = False
            topic = Topic("NDEATH", self.site, self.name)
            self._delivery.wire.publish(str(topic), death(self._bdseq, self._clock()))


def _birth(device: Device, at: int) -> Draft:
    return Draft(device.name, at, device.declaration, False)
