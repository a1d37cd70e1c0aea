"""An edge node of an independent library: its births, numbers, encoding and will are its own.

pysparkplug 0.3.0 was written for paho 1 and sends device data on a topic without the device, so its
client is made here and that topic is said in full. It leaves the answer to a rebirth to its user.
"""

import socket
import warnings
from collections.abc import Callable
from typing import Any

import pysparkplug as other
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

SITE, NODE, PRESS = "plant", "stranger", "P09"
REBIRTH = "Node Control/Rebirth"


class Carrier(other.Client):
    """The library's client over paho 2; remembers how it is born."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of paho's first callbacks
            self._client = Client(CallbackAPIVersion.VERSION1)
        self._births, self._subscriptions = {}, {}
        self.birth: Callable[[Any], None] = lambda _client: None

    def connect(self, host: str, **settings: Any) -> None:
        """As the library's, which hands over what is to be said once it is connected."""
        self.birth = settings["callback"]
        super().connect(host, **settings)

    def cut(self) -> None:
        """The network is gone: the broker speaks the will."""
        connection = self._client.socket()
        assert isinstance(connection, socket.socket)
        self._client.disable_logger()
        self._client._state = 2  # pyright: ignore -- so that paho does not come back by itself
        connection.shutdown(socket.SHUT_RDWR)
        self._client.loop_stop()


class Stranger:
    """A node with a temperature of its own, and a press that counts strokes."""

    def __init__(self) -> None:
        self.carrier = Carrier()
        self.asked = 0
        self.edge = other.EdgeNode(
            SITE, NODE, [self._metric(REBIRTH, other.DataType.BOOLEAN, False), self._temp(20)],
            client=self.carrier, cmd_callback=self._command,
        )  # fmt: skip
        self._session = self.edge._bd_seq_metric  # pyright: ignore -- see _command
        self.edge.register(other.Device(PRESS, [self._strokes(0)]))

    def connect(self, port: int) -> None:
        self.edge.connect("127.0.0.1", port=port, keepalive=5)

    def strokes(self, count: int) -> None:
        metrics = [self._strokes(count)]
        self.edge._devices[PRESS].update(metrics)  # pyright: ignore -- update_device does no more
        topic = other.Topic(
            message_type=other.MessageType.DDATA,
            group_id=SITE, edge_node_id=NODE, device_id=PRESS,
        )  # fmt: skip
        data = other.DData(other.get_current_timestamp(), seq=self.skip(), metrics=metrics)
        message = other.Message(topic=topic, payload=data, qos=other.QoS.AT_MOST_ONCE, retain=False)
        self.carrier.publish(message, include_dtypes=True)

    def temperature(self, value: int) -> None:
        self.edge.update([self._temp(value)])

    def skip(self) -> int:
        """A number that is used up: published, or lost on its way."""
        return self.edge._seq  # pyright: ignore

    def _command(self, _edge: other.EdgeNode, message: other.Message) -> None:
        assert isinstance(message.payload, other.NCmd)
        told = {metric.name: metric.value for metric in message.payload.metrics}
        if told.get(REBIRTH) is True:
            self.asked += 1
            self.edge._bd_seq_metric = self._session  # pyright: ignore -- a rebirth keeps it
            self.carrier.birth(self.carrier)

    def _temp(self, value: int) -> other.Metric:
        return self._metric("temp", other.DataType.INT16, value)

    def _strokes(self, value: int) -> other.Metric:
        return self._metric("strokes", other.DataType.UINT32, value)

    def _metric(self, name: str, datatype: other.DataType, value: Any) -> other.Metric:
        return other.Metric(other.get_current_timestamp(), name, datatype, value)
