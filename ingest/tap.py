"""Live messages decoded for people: `pressline tap [FILTER]`."""

import errno
import signal
import threading
from datetime import UTC, datetime
from typing import Any

from google.protobuf.message import DecodeError
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.reasoncodes import ReasonCode

from edge_agent.connection import Obstacles, begin
from edge_agent.sparkplug_pb2 import Metric, Payload
from edge_agent.wire import READERS, SOURCE_AT, Topic, WrongTypeError, parse_topic, read_properties
from ingest.broker import make_client

KEEPALIVE = 15  # seconds

Names = dict[int, tuple[str, int]]


class Decoder:
    """Remembers births, so that data shows names instead of aliases."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, str], Names] = {}

    def lines(self, topic: str, payload: bytes) -> list[str]:
        """A headline and a line per metric."""
        parsed = parse_topic(topic)
        if parsed is None or topic.split("/")[1] == "STATE":
            return [f"{topic}  {payload.decode(errors='replace')}"]
        try:
            return self._decode(topic, parsed, Payload.FromString(payload))
        except (DecodeError, UnicodeDecodeError) as error:
            return [f"{topic}  {len(payload)} bytes that are no Sparkplug payload: {error}"]

    def _decode(self, topic: str, parsed: Topic, payload: Payload) -> list[str]:
        names = self._names.setdefault((parsed.site, parsed.node), {})
        if parsed.type in ("NBIRTH", "DBIRTH"):
            names.update({m.alias: (m.name, m.datatype) for m in payload.metrics if m.alias})
        seq = f" seq {payload.seq}" if payload.HasField("seq") else ""
        return [
            f"{topic}  {_time(payload.timestamp)}{seq}",
            *(_line(metric, names) for metric in payload.metrics),
        ]


def run(topics: str, host: str, port: int) -> None:
    """Print messages that match an MQTT filter until SIGTERM or SIGINT.

    Raises BrokenPipeError once nobody reads any more.
    """
    stop, unread = threading.Event(), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    decoder, obstacles = Decoder(), Obstacles(host, port, "trying on")
    client = make_client()

    def connected(client: Client, _userdata: Any, _flags: Any, reason: ReasonCode, _: Any) -> None:
        if reason.is_failure:
            obstacles.refused(reason)
            return
        obstacles.accepted()
        client.subscribe(topics)

    def heard(_client: Client, _userdata: Any, message: MQTTMessage) -> None:
        lines = decoder.lines(message.topic, bytes(message.payload))
        try:
            print("\n".join(lines), flush=True)  # noqa: T201 - what it is for
        except BrokenPipeError:  # in paho's thread, which would only tell of it
            unread.set()
            stop.set()

    def ended(_client: Client, _userdata: Any, _flags: Any, reason: ReasonCode, _: Any) -> None:
        obstacles.ended(reason)

    client.on_connect = connected
    client.on_message = heard
    client.on_connect_fail = lambda _client, _userdata: obstacles.failed()
    client.on_disconnect = ended
    begin(client, host, port, KEEPALIVE)
    stop.wait()
    client.disconnect()
    client.loop_stop()
    if unread.is_set():
        raise BrokenPipeError(errno.EPIPE, "nobody reads what tap prints")


def _line(metric: Metric, names: Names) -> str:
    name, datatype = names.get(metric.alias, (metric.name, metric.datatype))
    name = metric.name or name or f"alias {metric.alias}"
    marks = " historical" if metric.is_historical else ""
    told = read_properties(metric)
    if isinstance(source_at := told.get(SOURCE_AT), int):
        told[SOURCE_AT] = _time(source_at)
    properties = "".join(f" {key}={value}" for key, value in told.items())
    value = _value(metric, metric.datatype or datatype)
    return f"  {name} = {value}  {_time(metric.timestamp)}{marks}{properties}"


def _value(metric: Metric, datatype: int) -> str:
    field = metric.WhichOneof("value")
    if field is None or metric.is_null:
        return "null"
    if datatype not in READERS:
        return f"{getattr(metric, field)!r}"
    try:
        return f"{READERS[datatype](metric, field)!r}"
    except WrongTypeError as error:
        return f"{getattr(metric, field)!r} ({error})"


def _time(at: int) -> str:
    try:
        return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):
        return f"{at} ms"
