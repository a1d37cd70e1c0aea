"""The lab's own TCP proxy, a process of its own: `python -m bench.proxy LEGS.json`.

LEGS.json: a list of legs (name, `speaks` modbus | opcua | mqtt, `listen` and `to`: loopback ports).
It is steered by one JSON object a line on standard input, each answered by one line; when the input
ends, it ends. An order replaces the mood of a leg; the answer says how many frames or connections
the mood before has struck:

    {"leg": "P01", "mood": "delay", "low": 0.2, "high": 1.5, "share": 1, "seed": 7}
    -> {"struck": 0}

moods (`way`: "up" from the client, "down" to it; numbers in seconds unless said otherwise):

    pass      everything goes on as it came
    drop      whole frames are swallowed (MQTT: publications of QoS 0, as a full broker may)
    hold      nothing passes and nothing ends; when it is over, everything comes at once
    half      one `way` is swallowed; when it is over, the connections are reset
    refuse    nobody listens, and connections are reset
    delay     a `share` of the frames comes `low` to `high` later, nothing overtakes
    throttle  `rate` bytes a second
    cut       the next frame on `way` is passed in part (`part`), then `end`: "rst" or "fin"; once
    stale     Modbus: a `share` of the replies is exchanged for the reply before, its number too
    double    a `share` of the replies comes twice

and what real devices do over Modbus:

    deaf      connections begin anew, and what comes in their first `low` seconds is swallowed
    closing   the connection is closed after each reply
    mute      a reply with one of `registers` ("18 103") is swallowed, or `instead` of it comes
              "short" (a frame of two registers less), "close" or "code" (exception `code`)
    excuse    a `share` of the replies is exchanged for exception `code`
    number    a `share` of the replies carries transaction 0
"""

import asyncio
import contextlib
import json
import random
import signal
import socket
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHUNK = 65_536
PART_AHEAD_S = 0.05  # a part of a frame gets so long to be read before the end of the connection
NEVER, A_DAY = float("inf"), 86_400.0
MQTT_PUBLISH, MQTT_QOS = 0x30, 0x06

Way = str


def _modbus(data: bytes | bytearray) -> int | None:
    """MBAP: transaction, protocol, then the length of what follows."""
    return 6 + int.from_bytes(data[4:6], "big") if len(data) >= 6 else None


def _opcua(data: bytes | bytearray) -> int | None:
    """Three letters, a chunk mark, then the length of all."""
    return int.from_bytes(data[4:8], "little") if len(data) >= 8 else None


def _mqtt(data: bytes | bytearray) -> int | None:
    """A byte, then the length of what follows, seven bits a byte, the lowest first."""
    length = 0
    for place, byte in enumerate(data[1:5]):
        length |= (byte & 0x7F) << (7 * place)
        if not byte & 0x80:
            return 2 + place + length
    return None


LENGTHS: dict[str, Callable[[bytes | bytearray], int | None]] = {
    "modbus": _modbus,
    "opcua": _opcua,
    "mqtt": _mqtt,
}


def frames(speaks: str, buffer: bytearray) -> list[bytes]:
    """Take whole frames out of the buffer."""
    found: list[bytes] = []
    while (length := LENGTHS[speaks](buffer)) is not None and len(buffer) >= length:
        found.append(bytes(buffer[:length]))
        del buffer[:length]
    return found


@dataclass
class Mood:
    """What a leg does to what passes; `over` when another mood has taken its place."""

    name: str = "pass"
    way: Way = ""
    low: float = 0.0
    high: float = 0.0
    share: float = 1.0
    rate: float = 0.0
    part: float = 0.5
    end: str = "rst"
    seed: int = 0
    code: int = 4
    registers: str = ""
    instead: str = ""
    struck: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._mute = {int(register) for register in self.registers.split()}

    def strikes(self, way: Way) -> bool:
        """Whether a frame on this way is struck; counts those that are."""
        struck = self.way in ("", way) and self._chance.random() < self.share
        self.struck += struck
        return struck

    def is_mute(self, frame: bytes) -> bool:
        """Whether a Modbus request is for one of the registers that are not answered."""
        start, count = struct.unpack(">HH", frame[8:12])
        return not self._mute.isdisjoint(range(start, start + count))

    def pause(self) -> float:
        """How much later the next frame comes."""
        return self._chance.uniform(self.low, self.high)


class Pipe:
    """One direction of one connection: frames in, and out in order, each when it is due."""

    def __init__(
        self, leg: "Leg", way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.leg, self.way, self.reader, self.writer = leg, way, reader, writer
        self.broken = False  # its sender is gone without a good-bye
        self._queue: asyncio.Queue[tuple[float, Mood, bytes]] = asyncio.Queue()
        self._last = b""
        self._cut = False  # nothing may follow a frame that was passed in part
        self._sent_by = 0.0  # when a slow line is free again
        self._begun = asyncio.get_running_loop().time()

    async def run(self) -> None:
        """Carry until its sender has ended and everything has come through."""
        writing = asyncio.create_task(self._write())
        try:
            await self._read()
            await writing
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)

    async def _read(self) -> None:
        buffer = bytearray()
        try:
            while data := await self.reader.read(CHUNK):
                buffer += data
                for frame in frames(self.leg.speaks, buffer):
                    self._take(frame)
        except OSError:
            self.broken = True
        if buffer and not self._cut:
            self._put(bytes(buffer))
        self._put(b"")  # the end, too, waits its turn

    def _take(self, frame: bytes) -> None:
        """What the mood makes of one frame."""
        if self._cut:
            return
        mood, before, self._last = self.leg.mood, self._last, frame
        match mood.name:
            case "drop" if self.leg.may_lose(frame) and mood.strikes(self.way):
                return
            case "half" if mood.strikes(self.way):
                return
            case "cut" if not mood.struck and len(frame) > 1 and mood.strikes(self.way):
                self._cut = True
                self._put(frame[: max(1, int(mood.part * len(frame)))])
                self.leg.end_soon(self.writer, mood)
            case "stale" if before and mood.strikes(self.way):
                self._put(before)
            case "double" if mood.strikes(self.way):
                self._put(frame)
                self._put(frame)
            case "deaf" | "mute" | "excuse" | "number":
                self._behave(mood, frame)
            case _:
                self._put(frame)

    def _behave(self, mood: Mood, frame: bytes) -> None:
        """What a device does with a request, or to its reply."""
        match mood.name, self.way:
            case "deaf", "up" if self._age() < mood.low and mood.strikes(self.way):
                return
            case "mute", "up":
                self.leg.mute_reply = frame[:2] if mood.is_mute(frame) else b""
                self._put(frame)
            case "mute", "down" if frame[:2] == self.leg.mute_reply and mood.strikes(self.way):
                self._spoil(mood, frame)
            case "excuse", "down" if mood.strikes(self.way):
                self._put(_excuse(frame, mood.code))
            case "number", "down" if mood.strikes(self.way):
                self._put(bytes(2) + frame[2:])
            case _:
                self._put(frame)

    def _spoil(self, mood: Mood, frame: bytes) -> None:
        match mood.instead:
            case "short":
                body = bytes((frame[6], frame[7], max(frame[8] - 4, 0))) + frame[9:-4]
                self._put(frame[:4] + struct.pack(">H", len(body)) + body)
            case "code":
                self._put(_excuse(frame, mood.code))
            case "close":
                self._cut = True
                self.writer.close()
            case _:
                pass

    def _age(self) -> float:
        return asyncio.get_running_loop().time() - self._begun

    def _put(self, data: bytes) -> None:
        due, mood = asyncio.get_running_loop().time(), self.leg.mood
        match mood.name:
            case "hold" if mood.strikes(self.way):
                due = NEVER
            case "delay" if mood.strikes(self.way):
                due += mood.pause()
            case "throttle" if mood.strikes(self.way):
                due = self._sent_by = max(self._sent_by, due) + len(data) / mood.rate
            case _:
                pass
        self._queue.put_nowait((due, mood, data))

    async def _write(self) -> None:
        now = asyncio.get_running_loop().time
        while True:
            due, mood, data = await self._queue.get()
            if due > now() and not mood.over.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(mood.over.wait(), min(due - now(), A_DAY))
            if not data:
                return
            self.writer.write(data)
            await self.writer.drain()
            if mood.name == "closing" and self.way == "down" and mood.strikes(self.way):
                self.writer.close()


@dataclass
class Leg:
    """One port that clients call instead of the server's own."""

    name: str
    speaks: str
    listen: int
    to: int
    mood: Mood = field(default_factory=Mood)
    mute_reply: bytes = b""  # the transaction that it answers
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set[asyncio.StreamWriter])

    async def open(self) -> None:
        """Listen."""
        if self._server is None:
            self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.listen)

    def shut(self) -> None:
        """Listen no longer."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def change(self, mood: Mood) -> int:
        """Take on another mood; returns how much the one before has struck."""
        before, self.mood = self.mood, mood
        before.over.set()
        if before.name == "half":
            self.reset()
        if mood.name == "refuse":
            self.shut()
            mood.struck += self.reset()
        else:
            await self.open()
        if mood.name == "deaf":
            self.reset()
        return before.struck

    def may_lose(self, frame: bytes) -> bool:
        """Whether a whole frame of this kind can get lost while its connection stays."""
        if self.speaks == "mqtt":
            return frame[0] & 0xF0 == MQTT_PUBLISH and not frame[0] & MQTT_QOS
        return self.speaks == "modbus"

    def reset(self) -> int:
        """Reset every connection; returns how many there were."""
        for writer in self._writers:
            _reset(writer)
        return len(self._writers) // 2

    def end_soon(self, writer: asyncio.StreamWriter, mood: Mood) -> None:
        """End a connection, as the mood says, when what was written has been read."""
        end = writer.close if mood.end == "fin" else lambda: _reset(writer)
        asyncio.get_running_loop().call_later(PART_AHEAD_S, end)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.to)
        except OSError:  # nobody serves there now
            _reset(writer)
            return
        both = {writer, far_writer}
        self._writers |= both
        try:
            await self._carry(
                Pipe(self, "up", reader, far_writer), Pipe(self, "down", far_reader, writer)
            )
        finally:
            self._writers -= both

    async def _carry(self, up: Pipe, down: Pipe) -> None:
        """Until one side has ended; an end that is no good-bye is passed on as a reset."""
        tasks = [asyncio.create_task(pipe.run()) for pipe in (up, down)]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            broken = up.broken or down.broken or any(task.exception() for task in done)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for pipe in (up, down):
            if broken:
                _reset(pipe.writer)
            else:
                pipe.writer.close()


def _excuse(frame: bytes, code: int) -> bytes:
    """An exception instead of a reply."""
    return frame[:4] + bytes((0, 3, frame[6], frame[7] | 0x80, code))


def _reset(writer: asyncio.StreamWriter) -> None:
    sock: socket.socket | None = writer.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def run(legs: list[Leg]) -> None:
    """Serve until the input ends or a signal comes."""
    for leg in legs:
        await leg.open()
    listening = asyncio.create_task(_listen({leg.name: leg for leg in legs}))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, listening.cancel)
    _say({"ready": True})
    with contextlib.suppress(asyncio.CancelledError):
        await listening
    for leg in legs:
        leg.shut()
        leg.reset()


async def _listen(legs: dict[str, Leg]) -> None:
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    try:
        async for line in reader:
            order: dict[str, Any] = json.loads(line)
            leg, mood = legs[order.pop("leg")], Mood(name=order.pop("mood"), **order)
            _say({"struck": await leg.change(mood)})
    finally:
        transport.close()


def _say(reply: dict[str, Any]) -> None:
    print(json.dumps(reply), flush=True)


def main() -> None:
    """Serve the legs of the file given on the command line."""
    legs = [Leg(**leg) for leg in json.loads(Path(sys.argv[1]).read_text())]
    asyncio.run(run(legs))


if __name__ == "__main__":
    main()
