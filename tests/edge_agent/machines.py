"""Machines for tests: real Modbus servers, over TCP and on a serial line, that can be slow, refuse,
vanish and come back; and a sink that remembers and can be waited for."""

import asyncio
import os
import socket
import tty
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from pymodbus.constants import ExcCodes
from pymodbus.framer import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from edge_agent.plantfile.plant import Plant, load_plant
from edge_agent.sample import Sample

PATIENCE_S = 20  # a test that waits longer has failed


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def write_plant(folder: Path, devices: str, heartbeat_s: float = 10) -> Plant:
    path = folder / "plant.toml"
    path.write_text(
        f'site = "s"\nnode = "n"\ntime_zone = "UTC"\nheartbeat_s = {heartbeat_s}\n'
        f'[[line]]\nname = "L1"\n{devices}',
        encoding="utf-8",
    )
    return load_plant(path)


@dataclass
class RememberingSink:
    """Everything a source told, in order, as (device, what)."""

    told: list[tuple[str, Sample | str]] = field(default_factory=list[tuple[str, Sample | str]])
    news: asyncio.Event = field(default_factory=asyncio.Event)
    refusals: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    moduli: list[tuple[str, str, int, int]] = field(default_factory=list[tuple[str, str, int, int]])

    def samples(self, device: str, samples: Sequence[Sample]) -> None:
        assert samples, "a poll with nothing to tell sends nothing"
        self.told += [(device, sample) for sample in samples]
        self.news.set()

    def device_online(self, device: str) -> None:
        self.told.append((device, "online"))
        self.news.set()

    def refused(self, device: str, channel: str, reason: str) -> None:
        self.refusals.append((device, channel, reason))

    def modulus_found(self, device: str, channel: str, modulus: int) -> None:
        self.moduli.append((device, channel, modulus, len(self.told)))

    def device_offline(self, device: str, at: int) -> None:
        assert at > 0
        self.told.append((device, "offline"))
        self.news.set()

    def of(self, device: str) -> list[Sample | str]:
        return [what for name, what in self.told if name == device]

    def values(self, device: str, channel: str) -> list[object]:
        samples = [what for what in self.of(device) if isinstance(what, Sample)]
        return [sample.value for sample in samples if sample.channel == channel]

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                self.news.clear()
                await self.news.wait()


@dataclass
class Unit:
    """One unit id: its registers, its manners, and how often it was asked for what."""

    registers: dict[int, int] = field(default_factory=dict[int, int])
    illegal: set[int] = field(default_factory=set[int])
    most: int = 125  # registers it answers at once
    refuse: ExcCodes | None = None
    hang: asyncio.Event | None = None
    asked: list[tuple[int, int, int]] = field(default_factory=list[tuple[int, int, int]])
    asked_at: list[float] = field(default_factory=list[float])  # s
    was_asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(
        self, function: int, start: int, address: int, count: int,
        current: list[int], written: list[int] | list[bool] | None,
    ) -> ExcCodes | None:  # fmt: skip
        assert written is None
        self.asked.append((function, address, count))
        self.asked_at.append(asyncio.get_running_loop().time())
        self.was_asked.set()
        if self.hang:
            await self.hang.wait()
        if count > self.most or self.illegal & set(range(address, address + count)):
            return ExcCodes.ILLEGAL_ADDRESS
        for register, value in self.registers.items():
            current[register - start] = value
        return self.refuse

    async def asked_again(self, times: int = 1) -> None:
        async with asyncio.timeout(PATIENCE_S):
            for _ in range(times):
                self.was_asked.clear()
                await self.was_asked.wait()


def simulated(units: dict[int, Unit]) -> list[SimDevice]:
    registers = SimData(0, count=2000, datatype=DataType.REGISTERS)
    return [
        SimDevice(number, simdata=registers, action=unit.answer) for number, unit in units.items()
    ]


class Plc:
    """A Modbus TCP server with some units; `rtu`: a serial server that passes RTU frames."""

    def __init__(self, *, rtu: bool = False, **units: Unit) -> None:
        self.units = {int(name.removeprefix("u")): unit for name, unit in units.items()}
        self.rtu = rtu
        self.port = free_port()
        self.connections = 0
        self.server: ModbusTcpServer | None = None

    def address(self, unit: int) -> str:
        return f"modbus{'-rtu+tcp' if self.rtu else ''}://127.0.0.1:{self.port}/{unit}"

    async def __aenter__(self) -> "Plc":
        self.server = ModbusTcpServer(
            simulated(self.units),
            framer=FramerType.RTU if self.rtu else FramerType.SOCKET,
            address=("127.0.0.1", self.port),
            trace_connect=self._count,
        )
        await self.server.serve_forever(background=True)
        return self

    def _count(self, up: bool) -> None:
        self.connections += up

    async def __aexit__(self, *_: object) -> None:
        if self.server:
            await self.server.shutdown()
            self.server = None


@asynccontextmanager
async def null_modem() -> AsyncGenerator[tuple[str, str]]:
    """Two serial devices, each of which receives what is sent into the other."""
    ends = [os.openpty() for _ in range(2)]
    (one, one_tty), (other, other_tty) = ends
    for _, end in ends:
        tty.setraw(end)
    loop = asyncio.get_running_loop()
    for source, target in ((one, other), (other, one)):
        os.set_blocking(source, False)
        loop.add_reader(source, _pass_on, source, target)
    try:
        yield os.ttyname(one_tty), os.ttyname(other_tty)
    finally:
        for end, end_tty in ends:
            loop.remove_reader(end)
            os.close(end)
            os.close(end_tty)


def _pass_on(source: int, target: int) -> None:
    os.write(target, os.read(source, 4096))


@asynccontextmanager
async def serial_line(units: dict[int, Unit], mute: int = 0) -> AsyncGenerator[str]:
    """A line with RTU units on it; the unit `mute` never answers."""

    def passed(sending: bool, frame: bytes) -> bytes:
        return b"" if sending and frame[0] == mute else frame

    async with null_modem() as (near, far):
        server = ModbusSerialServer(simulated(units), port=far, baudrate=9600, trace_packet=passed)
        await server.serve_forever(background=True)
        try:
            yield near
        finally:
            await server.shutdown()


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def talking(talk: Talk) -> AsyncGenerator[int]:
    """A TCP server that says to each caller what it likes, on a port of its own."""
    writers: list[asyncio.StreamWriter] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await talk(reader, writer)

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.close()
        await asyncio.sleep(0)


@dataclass
class Running:
    """Sources running in the background of a test."""

    tasks: list[asyncio.Task[None]]

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        for task in self.tasks:
            with suppress(asyncio.CancelledError):
                await task


class Cable:
    """A TCP cable to a server that can be pulled: then nothing passes, and nobody is told."""

    def __init__(self, port: int) -> None:
        self.far_port = port
        self.port = free_port()
        self.plugged = asyncio.Event()
        self.plugged.set()
        self.writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> "Cable":
        self.server = await asyncio.start_server(self._join, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.plugged.set()
        self.server.close()
        for writer in self.writers:
            writer.close()
        await asyncio.sleep(0)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.far_port)
        self.writers += [writer, far_writer]
        await asyncio.gather(self._carry(reader, far_writer), self._carry(far_reader, writer))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await self.plugged.wait()
                writer.write(data)
        writer.close()
