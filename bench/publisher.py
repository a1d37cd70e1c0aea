"""A node that has its messages ready: it honours the acknowledgement window and costs little.

It says its births again when the host asks, and then everything that is not acknowledged, as an
agent does.

Run as `python -m bench.publisher PORT METRICS MESSAGES DEVICES`. Says `ready` once a first record
of each device is acknowledged, waits for a line, delivers the rest, and prints as JSON how long
that took until the last acknowledgement, how many messages went twice, how often it was born, and
its own CPU time.
"""

import json
import random
import select
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from uuid import uuid4

from edge_agent.sample import Sample, Value
from edge_agent.sender import Sender
from edge_agent.sparkplug_pb2 import Payload
from edge_agent.wire import (
    BDSEQ,
    FIRST_CHANNEL_ALIAS,
    NODE_ALIASES,
    OUTBOX_ACK,
    OUTBOX_FIRST,
    OUTBOX_ID,
    OUTBOX_RECORD,
    REBIRTH,
    Ack,
    Channel,
    DataType,
    Kind,
    State,
    Topic,
    state_topic,
    write_channel,
    write_sample,
    write_value,
)

SITE, NODE, HOST = "bench", "publisher", "pressline"
RECORD = NODE_ALIASES[OUTBOX_RECORD]
CONNACK, SUBACK, PUBLISH = 0x20, 0x90, 0x30
LOOK_S = 0.05
GAUGE: tuple[DataType, Kind] = (DataType.FLOAT, "gauge")
MIX: list[tuple[DataType, Kind]] = [
    (DataType.UINT32, "counter"), GAUGE, GAUGE, GAUGE, (DataType.BOOLEAN, "state"),
]  # fmt: skip


# -- MQTT 3.1.1, as much of it as a publisher needs ----------------------------------------------


def packet(head: int, body: bytes) -> bytes:
    """A control packet: its kind, the length in 7-bit pieces, the body."""
    length, rest = bytearray(), len(body)
    while True:
        rest, piece = divmod(rest, 128)
        length.append(piece | (0x80 if rest else 0))
        if not rest:
            return bytes([head]) + bytes(length) + body


def text(value: str) -> bytes:
    return len(value).to_bytes(2, "big") + value.encode()


def publish(topic: Topic, payload: Payload) -> bytes:
    return packet(PUBLISH, text(str(topic)) + payload.SerializeToString())


class Wire:
    """One connection to the broker, read and written by one thread."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        connect = text("MQTT") + bytes([4, 2, 0, 0]) + text(f"pressline-bench-{uuid4()}")
        self.send(packet(0x10, connect))
        topics = (str(Topic("NCMD", SITE, NODE)), state_topic(HOST))
        self.send(packet(0x82, b"\0\1" + b"".join(text(topic) + b"\0" for topic in topics)))

    def send(self, packets: bytes) -> None:
        self._socket.sendall(packets)

    def heard(self, wait: float) -> Iterator[tuple[str, bytes]]:
        """Messages that came; waits for the first at most so many seconds."""
        if not select.select([self._socket], [], [], wait)[0]:
            return
        piece = self._socket.recv(1 << 16)
        if not piece:
            raise ConnectionError("the broker ended the publisher's connection")
        self._buffer += piece
        while (cut := self._cut()) is not None:
            head, body = cut
            if head & 0xF0 == PUBLISH:
                length = int.from_bytes(body[:2], "big")
                yield body[2 : 2 + length].decode(), body[2 + length :]

    def _cut(self) -> tuple[int, bytes] | None:
        size = shift = 0
        for place in range(1, len(self._buffer)):
            size |= (self._buffer[place] & 0x7F) << shift
            shift += 7
            if not self._buffer[place] & 0x80:
                end = place + 1 + size
                if len(self._buffer) < end:
                    return None
                head, body = self._buffer[0], self._buffer[place + 1 : end]
                self._buffer = self._buffer[end:]
                return head, body
        return None


# -- what it says --------------------------------------------------------------------------------


@dataclass
class Device:
    """A press with counters, gauges that walk in tenths, and states that change at times."""

    name: str
    channels: list[Channel]
    chance: random.Random
    values: list[int] = field(default_factory=list[int])

    def samples(self, at: int) -> Iterator[tuple[Channel, Sample]]:
        at += self.chance.randrange(4)  # polls are some ms late
        for place, channel in enumerate(self.channels):
            if channel.kind == "gauge":
                self.values[place] += self.chance.randrange(-2, 3)
            elif channel.kind == "counter" or self.chance.random() < 1 / 60:
                self.values[place] += 1
            yield channel, Sample(channel.name, at, _value(channel, self.values[place]))


def _value(channel: Channel, value: int) -> Value:
    if channel.kind == "gauge":
        return value / 10
    return value % 2 if channel.kind == "state" else value


def make_device(number: int, metrics: int) -> Device:
    """One in five channels a counter, one a state, three gauges."""
    first = FIRST_CHANNEL_ALIAS + number * metrics
    channels = [
        Channel(f"c{place}", *MIX[place % len(MIX)], alias=first + place)
        for place in range(metrics)
    ]
    return Device(f"B{number:03}", channels, random.Random(number), [1000] * metrics)


def births(devices: list[Device], uuid: str, now: int, acknowledged: int = 0) -> bytes:
    node = Payload(timestamp=now, seq=0)
    for name, datatype, value in (
        (BDSEQ, DataType.INT64, 0), (OUTBOX_ID, DataType.STRING, uuid),
        (OUTBOX_FIRST, DataType.UINT64, acknowledged + 1), (OUTBOX_ACK, DataType.STRING, ""),
        (OUTBOX_RECORD, DataType.UINT64, acknowledged),
    ):  # fmt: skip
        metric = node.metrics.add()
        metric.name, metric.alias, metric.datatype = name, NODE_ALIASES.get(name, 0), datatype
        write_value(metric, datatype, value)
    told = [publish(Topic("NBIRTH", SITE, NODE), node)]
    for number, device in enumerate(devices):
        payload = Payload(timestamp=now, seq=number + 1 & 255)
        for channel in device.channels:
            metric = payload.metrics.add()
            metric.is_null = True
            write_channel(metric, channel)
        told.append(publish(Topic("DBIRTH", SITE, NODE, device.name), payload))
    return b"".join(told)


def records(devices: list[Device], messages: int, now: int, every_ms: int = 1000) -> list[bytes]:
    """Packets of so many records, a round of the devices after the other, the last one now."""
    made: list[bytes] = []
    for number in range(1, messages + 1):
        turn, place = divmod(number - 1, len(devices))
        device = devices[place]
        at = now - every_ms * (messages // len(devices) - turn)
        payload = Payload(timestamp=at, seq=len(devices) + number & 255)
        record = payload.metrics.add()
        record.alias, record.long_value = RECORD, number
        for channel, sample in device.samples(at):
            write_sample(payload.metrics.add(), channel, sample)
        made.append(publish(Topic("DDATA", SITE, NODE, device.name), payload))
    return made


# -- delivery ------------------------------------------------------------------------------------


class Publisher:
    """Sends records through the edge agent's own window."""

    def __init__(self, wire: Wire, packets: list[bytes], devices: list[Device]) -> None:
        self._wire, self._packets, self._devices = wire, packets, devices
        self._uuid, self._sender = str(uuid4()), Sender()
        self.births = 0

    @property
    def twice(self) -> int:
        """Messages that went again."""
        return self._sender.resent

    @property
    def acknowledged(self) -> int:
        return self._sender.acknowledged

    def wait_host(self) -> None:
        while not any(
            topic == state_topic(HOST) and (state := State.decode(payload)) and state.online
            for topic, payload in self._wire.heard(LOOK_S)
        ):
            pass

    def bear(self) -> None:
        """Say NBIRTH and every DBIRTH; then everything after the last acknowledged record."""
        now, acknowledged = time.time_ns() // 1_000_000, self._sender.acknowledged
        self._wire.send(births(self._devices, self._uuid, now, acknowledged))
        self._sender.start(acknowledged, time.monotonic())
        self.births += 1

    def deliver(self, last: int, due: Callable[[], int] | None = None) -> None:
        """Until every record up to `last` is acknowledged; none is sent before it is due."""
        while self._sender.acknowledged < last:
            self._send(min(last, due()) if due else last)
            for topic, payload in self._wire.heard(LOOK_S):
                if topic != state_topic(HOST):
                    self._answered(payload)
            self._sender.passed(time.monotonic())

    def _send(self, last: int) -> None:
        ready: list[bytes] = []
        sender, now = self._sender, time.monotonic()
        while sender.sent < last:
            each = self._packets[sender.sent]
            if not sender.may_send(len(each)):
                break
            sender.handed_out(sender.sent + 1, len(each), now)
            ready.append(each)
        if ready:
            self._wire.send(b"".join(ready))

    def _answered(self, payload: bytes) -> None:
        for metric in Payload.FromString(payload).metrics:
            if metric.name == REBIRTH and metric.boolean_value:
                self.bear()
                continue
            ack = Ack.parse(str(metric.string_value))
            if ack is not None and ack.outbox == self._uuid:
                self._sender.answered(ack.number, ack.hole, time.monotonic())


def main(port: int, metrics: int, messages: int, devices: int) -> None:
    presses = [make_device(number, metrics) for number in range(devices)]
    packets = records(presses, messages, time.time_ns() // 1_000_000)
    publisher = Publisher(Wire(port), packets, presses)
    publisher.wait_host()
    publisher.bear()
    publisher.deliver(devices)
    print("ready", flush=True)
    sys.stdin.readline()
    began, cpu = time.monotonic(), time.process_time()
    publisher.deliver(messages)
    seconds, own = time.monotonic() - began, time.process_time() - cpu
    told = {"seconds": seconds, "readings": (messages - devices) * metrics, "own_cpu_s": own}
    print(json.dumps({**told, "twice": publisher.twice, "births": publisher.births}), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:5]))
