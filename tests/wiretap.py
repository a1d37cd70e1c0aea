"""Between a client and its broker: passes everything on and keeps what the client sent."""

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

CONNECT, PUBLISH, SUBSCRIBE, DISCONNECT = 1, 3, 8, 14


@dataclass(frozen=True)
class Packet:
    """A packet of MQTT: its type, the four flags of its first byte, and the rest."""

    kind: int
    flags: int
    body: bytes


@dataclass(frozen=True)
class Connect:
    """What a CONNECT says; `clean` is Clean Session or Clean Start."""

    level: int
    clean: bool
    will_qos: int
    will_retained: bool
    expiry_s: int
    will_topic: str
    will: bytes


@dataclass(frozen=True)
class Published:
    """What a PUBLISH says."""

    topic: str
    payload: bytes
    qos: int
    retained: bool


class Wiretap:
    """Listens on a port of its own; `sent` has the bytes of each connection, oldest first."""

    def __init__(self, broker_port: int) -> None:
        self._broker = broker_port
        self.sent: list[bytearray] = []
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:  # fmt: skip
        for each in [self._listener, *self._open]:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for each in [self._listener, *self._open]:
            each.close()

    def packets(self, connection: int = 0) -> list[Packet]:
        """What the client sent on its first connection, or a later one."""
        return list(_packets(bytes(self.sent[connection])))

    def connect(self, connection: int = 0) -> Connect:
        """The CONNECT of a connection."""
        return _connect(self.packets(connection)[0])

    def published(self, connection: int = 0) -> list[Published]:
        """The PUBLISH packets of a connection."""
        packets = self.packets(connection)
        level = _connect(packets[0]).level
        return [_published(each, level) for each in packets if each.kind == PUBLISH]

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._broker))
                self._open += [client, server]
                kept = bytearray()
                self.sent.append(kept)
                for source, target, keep in ((client, server, kept), (server, client, None)):
                    thread = threading.Thread(target=_pass_on, args=(source, target, keep))
                    self._threads.append(thread)
                    thread.start()


def _pass_on(source: socket.socket, target: socket.socket, keep: bytearray | None) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            if keep is not None:
                keep += piece
            target.sendall(piece)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _packets(sent: bytes) -> Iterator[Packet]:
    place = 0
    while place < len(sent):
        head = sent[place]
        size, start = _number(sent, place + 1)
        yield Packet(head >> 4, head & 15, sent[start : start + size])
        place = start + size


def _number(sent: bytes, place: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = sent[place]
        number |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return number, place


def _piece(body: bytes, place: int) -> tuple[bytes, int]:
    (size,) = struct.unpack_from(">H", body, place)
    return body[place + 2 : place + 2 + size], place + 2 + size


def _connect(packet: Packet) -> Connect:
    body = packet.body
    _, place = _piece(body, 0)
    level, flags, place = body[place], body[place + 1], place + 4  # and two bytes of keepalive
    expiry = 0
    if level == 5:
        size, place = _number(body, place)
        properties, place = body[place : place + size], place + size
        expiry = struct.unpack(">xI", properties)[0] if properties[:1] == b"\x11" else 0
    _, place = _piece(body, place)
    if level == 5:
        size, place = _number(body, place)
        place += size
    topic, place = _piece(body, place)
    will, place = _piece(body, place)
    return Connect(
        level, bool(flags & 2), flags >> 3 & 3, bool(flags & 32), expiry, topic.decode(), will
    )


def _published(packet: Packet, level: int) -> Published:
    qos = packet.flags >> 1 & 3
    topic, place = _piece(packet.body, 0)
    place += 2 if qos else 0
    if level == 5:
        size, place = _number(packet.body, place)
        place += size
    return Published(topic.decode(), packet.body[place:], qos, bool(packet.flags & 1))
