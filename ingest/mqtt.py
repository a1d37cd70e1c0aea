"""The MQTT session of the host: paho's thread fills the inbox.

STATE tells the nodes whether to send.
"""

import time
from typing import Any

import structlog
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_agent.connection import Obstacles, begin
from edge_agent.wire import State, state_topic
from ingest.broker import make_client
from ingest.group import Group
from ingest.inbox import Inbox

log = structlog.get_logger()

KEEPALIVE = 15  # seconds
RECONNECT_LONGEST = 5  # seconds


class HostClient:
    """The host at the broker. STATE's timestamp is that of the CONNECT, in will and birth."""

    def __init__(self, host: str, port: int, group: Group) -> None:
        self._host, self._port, self._topic = host, port, state_topic(group.host)
        self._filters = group.filters
        self.inbox = Inbox()
        self._online = True
        self._since = 0  # timestamp of the CONNECT, ms
        self._obstacles = Obstacles(host, port, "trying on")
        self._client = self._make_client(f"pressline-host-{group.host}")

    def open(self) -> None:
        """Begin connecting; goes on trying until closed."""
        begin(self._client, self._host, self._port, KEEPALIVE)

    def close(self) -> None:
        """Tell the nodes that the host is offline, as of now; disconnect."""
        self._online, self._since = False, max(self._since, time.time_ns() // 1_000_000)
        self._tell_state()
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, payload: bytes) -> None:
        """A command to a node: QoS 0, not retained, as the standard demands."""
        self._client.publish(topic, payload)

    def set_online(self, *, online: bool) -> None:
        """Tell the nodes whether this host can take data."""
        if online != self._online:
            self._online = online
            self._tell_state()

    def _tell_state(self) -> None:
        state = State(self._online, self._since)
        self._client.publish(self._topic, state.encode(), qos=1, retain=True)

    def _make_client(self, client_id: str) -> Client:
        client = make_client(client_id)
        client.reconnect_delay_set(1, RECONNECT_LONGEST)
        client.on_pre_connect = self._before_connect
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_plain = self.inbox.put
        return client

    # The network thread calls these.

    def _before_connect(self, client: Client, _userdata: Any) -> None:
        self._since = max(self._since + 1, time.time_ns() // 1_000_000)
        client.will_set(self._topic, State(False, self._since).encode(), qos=1, retain=True)

    def _on_connect(
        self,
        client: Client,
        _userdata: Any,
        _flags: ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._obstacles.refused(reason)
            return
        self._obstacles.accepted()
        client.subscribe([*((each, 0) for each in self._filters), (self._topic, 1)])
        self._tell_state()

    def _on_state(self, payload: bytes) -> None:
        """A late will of an earlier session, or rubbish: repeat what is true, for late comers."""
        state = State.decode(payload)
        if state is None:
            self._tell_state()
        elif state.online != self._online:
            self._since = max(self._since, state.timestamp)
            self._tell_state()

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        try:
            topic = message.topic  # paho decodes it at each look
        except UnicodeDecodeError as error:  # a broker lets none pass; a broken line may
            log.warning("a message whose topic is no text is passed over", reason=str(error))
            return
        if topic == self._topic:
            self._on_state(bytes(message.payload))
        else:
            self.inbox.put([(topic, bytes(message.payload))])

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
