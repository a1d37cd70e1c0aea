"""Reads OPC UA servers by subscription; imported only when a plant has one.

One session per server, shared by its machines. Whatever breaks ends the session, and a new one
begins with the server's current values: a half-restored subscription is never trusted.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import ceil, isfinite
from typing import Any

import structlog
from asyncua import ua
from asyncua.client.client import Client
from asyncua.client.ua_client import UaClientState
from asyncua.common.node import Node
from asyncua.common.subscription import DataChangeNotif, Subscription

from edge_agent.changes import EventChanges
from edge_agent.clock import Clock
from edge_agent.ending import asked_to_end
from edge_agent.entries import Meter, Press
from edge_agent.profile import Channel
from edge_agent.sample import BAD, GOOD, STALE, Sample, Sink, Value

FIRST_RETRY_S, LAST_RETRY_S = 1.0, 30.0
KEEPALIVE_S = 2.0  # the server says at least this often that it is there
SILENCE_S = 4 * KEEPALIVE_S  # without a word for so long, the session is given up
SESSION_S = 30.0  # a session that was not closed is gone after this, before a PLC runs out of them
CLOSE_S = 2.0
QUEUE = 32  # changes kept by the server between two publishes, per channel
SAME_TIME_MS = 10  # a source time nearer to the capture time than this says nothing new
NO_COMMUNICATION = 0x80310000  # BadNoCommunication
TYPE_MISMATCH = 0x80740000  # BadTypeMismatch

log = structlog.get_logger()
logging.getLogger("asyncua").setLevel(logging.CRITICAL)  # we tell each loss once


class LostError(Exception):
    """The session is of no use any more."""


class Machine:
    """One press or meter of the server: takes notifications, hands on what is news."""

    def __init__(self, device: Press | Meter, heartbeat_s: float, sink: Sink, clock: Clock) -> None:
        self.device = device
        self.sink = sink
        self.clock = clock
        self.changes = EventChanges(heartbeat_s)
        self.channels: dict[ua.NodeId, list[Channel]] = {}
        for channel in device.channels:
            node = ua.NodeId.from_string(channel.node_id or "")
            self.channels.setdefault(node, []).append(channel)
        self.waiting: list[Sample] = []
        self.online: bool | None = None
        self.subscription: Subscription | None = None
        self.subscribed_at = 0.0
        self.ended = ""

    async def subscribe(self, client: Client) -> None:
        """Ask the server to tell every change; what it refuses is bad with the server's reason."""
        period = self.device.poll_ms
        parameters = ua.CreateSubscriptionParameters(
            RequestedPublishingInterval=period,
            RequestedLifetimeCount=ua.UInt32(ceil(1000 * SESSION_S / period)),
            RequestedMaxKeepAliveCount=ua.UInt32(max(1, round(1000 * KEEPALIVE_S / period))),
            MaxNotificationsPerPublish=ua.UInt32(1000),
            PublishingEnabled=True,
        )
        self.ended, self.subscribed_at = "", _now()
        self.subscription = await client.create_subscription(parameters, self)
        nodes = [client.get_node(node) for node in self.channels]
        self.go_online()
        handles = await self.subscription.subscribe_data_change(
            nodes, queuesize=QUEUE, sampling_interval=ua.Double(period / 5)
        )
        for node, handle in zip(nodes, handles, strict=True):
            if isinstance(handle, ua.StatusCode):
                self._take(node.nodeid, ua.DataValue(StatusCode=handle))

    def datachange_notification(self, node: Node, _value: object, data: DataChangeNotif) -> None:
        """Called by asyncua for each change."""
        item: Any = data.monitored_item
        self._take(node.nodeid, item.Value)

    def status_change_notification(self, status: Any) -> None:
        """Called by asyncua when the server ends the subscription."""
        self.ended = f"the server ended the subscription: {status.Status}"

    def _take(self, node: ua.NodeId, data: ua.DataValue) -> None:
        """Notifications that come together are handed on together."""
        if not self.waiting:
            asyncio.get_running_loop().call_soon(self._hand_on)
        at = self.clock.now()
        self.waiting += [sample_of(channel, data, at) for channel in self.channels[node]]

    def _hand_on(self) -> None:
        waiting, self.waiting = self.waiting, []
        news = self.changes.tell(waiting, _now())
        if news and self.online:
            self.sink.samples(self.device.name, news)

    def check(self) -> None:
        """Repeat what is due while the server is heard; LostError when it is not."""
        heard = self.subscription and self.subscription.last_publish_at
        silence = _now() - (heard or self.subscribed_at)
        if self.ended or silence > SILENCE_S:
            raise LostError(self.ended or f"the server said nothing for {SILENCE_S:.0f} s")
        due = self.changes.tell_due(self.clock.now(), _now()) if silence < 2 * KEEPALIVE_S else []
        if due:
            self.sink.samples(self.device.name, due)

    def go_online(self) -> None:
        """The server serves this machine."""
        log.info("device_online", device=self.device.name)
        self.online = True
        self.changes.forget()
        self.sink.device_online(self.device.name)

    def go_offline(self, why: str) -> None:
        """Every channel is bad, then the machine is gone."""
        self.waiting = []
        if self.online is False:
            return
        self.online = False
        at = self.clock.now()
        channels = (channel.name for channel in self.device.channels)
        bad = [Sample(name, at, None, BAD, status=NO_COMMUNICATION) for name in channels]
        log.warning("device_offline", device=self.device.name, why=why)
        self.sink.samples(self.device.name, self.changes.tell(bad, _now()) or bad)
        self.sink.device_offline(self.device.name, at)


@dataclass
class OpcUaServer:
    """One OPC UA server with the machines read from it."""

    url: str
    machines: list[Machine] = field(default_factory=list[Machine])

    @property
    def devices(self) -> list[str]:
        """Names of the machines read here."""
        return [machine.device.name for machine in self.machines]

    async def run(self) -> None:
        """Hold a session until cancelled; begin another 1 to 30 s after one was lost."""
        delay = FIRST_RETRY_S
        while not asked_to_end():
            began = _now()
            try:
                await self._session()
            except Exception as error:  # whatever a server does must not end its supervision
                why = str(error) or type(error).__name__
                for machine in self.machines:
                    machine.go_offline(why)
            if _now() - began > 2 * LAST_RETRY_S:
                delay = FIRST_RETRY_S
            await asyncio.sleep(delay)
            delay = min(2 * delay, LAST_RETRY_S)

    async def _session(self) -> None:
        client = new_client(self.url, min(m.device.timeout_ms for m in self.machines))
        await client.connect()
        try:
            for machine in self.machines:
                await machine.subscribe(client)
            await self._watch(client)
        finally:
            await close(client)

    async def _watch(self, client: Client) -> None:
        """Heartbeats and the watch over silence, until the connection is lost."""
        async with client.subscribe_state() as states:
            while client.state is UaClientState.CONNECTED and not asked_to_end():
                for machine in self.machines:
                    machine.check()
                with suppress(TimeoutError):
                    await states.next_change(timeout=0.5)
        raise LostError("the connection was lost")


def new_client(url: str, timeout_ms: int) -> Client:
    """A client that never reconnects behind our back."""
    client = Client(url, timeout=max(timeout_ms / 1000, 1.0), watchdog_intervall=KEEPALIVE_S)
    client.name = client.description = "pressline"
    client.application_uri = "urn:pressline:edge"
    client.session_timeout = int(1000 * SESSION_S)
    return client


async def close(client: Client) -> None:
    """Close the session, so that the server has it free again; a dead server is not waited for."""
    with suppress(Exception):
        async with asyncio.timeout(CLOSE_S):
            await client.disconnect()
    client.disconnect_socket()


async def read_values(url: str, device: Press | Meter) -> list[Sample]:
    """Every channel's value now.

    Raises OSError, TimeoutError or ua.UaError when the server does not answer.
    """
    client, clock = new_client(url, device.timeout_ms), Clock()
    await client.connect()
    try:
        nodes = [client.get_node(channel.node_id or "") for channel in device.channels]
        values = await client.read_attributes(nodes)
        pairs = zip(device.channels, values, strict=True)
        return [sample_of(channel, value, clock.now()) for channel, value in pairs]
    finally:
        await close(client)


def sample_of(channel: Channel, data: ua.DataValue, at: int) -> Sample:
    """The sample that a DataValue means: bad has no value, uncertain keeps it as stale."""
    status = int(data.StatusCode.value) if data.StatusCode else 0
    source_at = _source_at(data.SourceTimestamp, at)
    if status >> 30 >= 2:
        return Sample(channel.name, at, None, BAD, source_at, status)
    value = typed(data.Value.Value if data.Value else None, channel)
    if value is None:
        return Sample(channel.name, at, None, BAD, source_at, status or TYPE_MISMATCH)
    if status >> 30 == 1:
        return Sample(channel.name, at, value, STALE, source_at, status)
    return Sample(channel.name, at, value, GOOD, source_at)


def _source_at(source: datetime | None, at: int) -> int | None:
    if source is None:
        return None
    aware = source if source.tzinfo else source.replace(tzinfo=UTC)
    source_at = round(1000 * aware.timestamp())
    return source_at if abs(source_at - at) > SAME_TIME_MS else None


def typed(value: Any, channel: Channel) -> Value | None:
    """The value in the channel's type; None when it is of another."""
    kind = channel.datatype
    if kind == "text":
        return value.Text if isinstance(value, ua.LocalizedText) else _if(value, str)
    if kind == "bool":
        return bool(value) if value in (0, 1) else None
    if kind.startswith("float"):
        number = _if(value, (int, float))
        return float(number) if number is not None and isfinite(number) else None
    return _whole(value, kind)


def _whole(value: Any, kind: str) -> int | None:
    if not isinstance(value, int):
        return None
    bits = int(kind.lstrip("uint"))
    low, high = (0, 2**bits) if kind[0] == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1))
    return int(value) if low <= value < high else None


def _if(value: Any, kinds: type | tuple[type, ...]) -> Any:
    return value if isinstance(value, kinds) else None


def _now() -> float:
    return asyncio.get_running_loop().time()


def opcua_sources(
    devices: Sequence[Press | Meter], heartbeat_s: float, sink: Sink, clock: Clock
) -> list[OpcUaServer]:
    """One source per server."""
    servers: dict[str, OpcUaServer] = {}
    for device in devices:
        url = str(device.where)
        server = servers.setdefault(url, OpcUaServer(url))
        server.machines.append(Machine(device, heartbeat_s, sink, clock))
    return list(servers.values())
