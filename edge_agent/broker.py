"""The MQTT session of an edge node: paho's network thread on one side, our event loop on the other.

The will is renewed with a new bdSeq before every CONNECT, paho's own reconnects included.
"""

import asyncio
import ssl
import time
from pathlib import Path
from typing import Any, Protocol

import structlog
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_agent.connection import (
    MORE_ROOM,
    Obstacles,
    RetryingClient,
    begin,
    leave_with_will,
    new_client,
)
from edge_agent.errors import EdgeError
from edge_agent.outbox import Outbox
from edge_agent.plantfile.entries import Mqtt
from edge_agent.wire import Topic, death, parse_topic, state_topic

KEEPALIVE = 15  # seconds
RECONNECT_LONGEST = 5  # seconds
HEAD = 8  # bytes of a message besides topic and payload, at most
FAR_BELOW_LIMITS = 1024  # bytes of a message that every broker takes

log = structlog.get_logger()


class Listener(Protocol):
    """What a session tells; always called from the event loop."""

    def connected(self, bdseq: int) -> None:
        """The broker accepted the session whose will carries this bdSeq."""
        ...

    def disconnected(self) -> None:
        """The session ended."""
        ...

    def received(self, topic: str, payload: bytes) -> None:
        """A message came."""
        ...


class Broker:
    """One MQTT client from open to close; reconnects by itself in between."""

    def __init__(
        self, settings: Mqtt, site: str, node: str, outbox: Outbox, listener: Listener
    ) -> None:
        self._settings = settings
        self._death_topic = str(Topic("NDEATH", site, node))
        self._topics = [str(Topic("NCMD", site, node)), state_topic(settings.host_id)]
        self._outbox = outbox
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._bdseq = 0
        self._limit: int | None = None  # bytes of a message, where the broker tells it
        self._told_large: set[str] = set()
        self._obstacles = Obstacles(settings.host, settings.port, "records are kept, trying on")
        self._client = self._make_client(f"pressline-{site}-{node}")

    def open(self) -> None:
        """Begin connecting; goes on trying until closed."""
        begin(self._client, self._settings.host, self._settings.port, KEEPALIVE)

    def publish(self, topic: str, payload: bytes) -> None:
        """Hand a message over, QoS 0; lost when the session is.

        One over the limit that the broker told (MQTT 5) is not sent, but told: the broker would end
        the session, and no machine of this node would be heard.
        """
        size = len(topic) + len(payload) + HEAD
        if size > FAR_BELOW_LIMITS:
            what = _called(topic)
            if self._limit is not None and size > self._limit:
                self._tell_too_large(what, size, self._limit)
                return
            self._obstacles.sent(what, size)
        self._client.publish(topic, payload)

    def _tell_too_large(self, what: str, size: int, limit: int) -> None:
        if what not in self._told_large:
            self._told_large.add(what)
            log.error(
                f"the broker takes no message over {limit:,} bytes, and {what} has {size:,}: it is "
                "not sent, and the host can read nothing of that machine",
                host=self._settings.host, port=self._settings.port, cure=MORE_ROOM,
            )  # fmt: skip

    async def close(self) -> None:
        """Disconnect after what was published has left, and end the network thread."""
        leave_with_will(self._client)
        await asyncio.to_thread(self._client.loop_stop)

    def _make_client(self, client_id: str) -> Client:
        settings = self._settings
        client = new_client(RetryingClient, client_id, settings.version)
        if settings.user:
            client.username_pw_set(settings.user, _password(settings.password_file))
        if settings.ca_file:
            client.tls_set_context(_tls(settings))  # pyright: ignore[reportUnknownMemberType] -- paho leaves its type open
        client.reconnect_delay_set(1, RECONNECT_LONGEST)
        client.on_pre_connect = self._before_connect
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        return client

    # The network thread calls these.

    def _before_connect(self, client: Client, _userdata: Any) -> None:
        self._bdseq = self._outbox.next_bdseq()
        client.will_set(self._death_topic, death(self._bdseq, wall_ms()), qos=1)

    def _on_connect(
        self,
        client: Client,
        _userdata: Any,
        _flags: ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._obstacles.refused(reason)
            return
        self._limit = getattr(properties, "MaximumPacketSize", None)
        self._obstacles.accepted()
        client.subscribe([(topic, 1) for topic in self._topics])
        self._call(self._listener.connected, self._bdseq)

    def _on_connect_fail(self, _client: Client, _userdata: Any) -> None:
        self._obstacles.failed()

    def _on_disconnect(
        self,
        _client: Client,
        _userdata: Any,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self._obstacles.ended(reason)
        self._call(self._listener.disconnected)

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        self._call(self._listener.received, message.topic, message.payload)

    def _call(self, event: Any, *args: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(event, *args)


def _called(topic: str) -> str:
    """What a message is, in words."""
    of = parse_topic(topic)
    if of is None:
        return topic
    kind = {"B": "birth", "D": "data"}[of.type[1]] if of.type[1:] != "DEATH" else "death"
    return f"the {kind} of {of.device or of.node}"


def wall_ms() -> int:
    """Milliseconds since 1970 UTC by the machine's clock: the publishing time of a message."""
    return time.time_ns() // 1_000_000


def check_files(settings: Mqtt) -> None:
    """Whether certificates and password can be used. Raises EdgeError."""
    if settings.user:
        _password(settings.password_file)
    if settings.ca_file:
        _tls(settings)


def _tls(settings: Mqtt) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
        if settings.cert_file:
            context.load_cert_chain(settings.cert_file, settings.key_file)
    except (OSError, ssl.SSLError) as error:
        raise EdgeError(
            f"Cannot use the certificates of [mqtt] in plant.toml: {error}. ca_file, cert_file and "
            "key_file must be readable PEM files that belong together."
        ) from error
    return context


def _password(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise EdgeError(
            f"Cannot read the broker's password from {file}: {why}. "
            "Put the password alone in that file ([mqtt] password_file in plant.toml)."
        ) from error
