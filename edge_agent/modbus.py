"""Reads Modbus TCP machines: the only file that knows pymodbus.

One connection per host and port, shared by the unit ids behind it and run by a task of its own, so
that a slow or dead machine delays no other. Polls keep a fixed grid: lateness does not add up.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException, ModbusIOException
from pymodbus.pdu import ModbusPDU

from edge_agent.address import ModbusAddress
from edge_agent.blocks import Block, plan_blocks
from edge_agent.changes import PollChanges
from edge_agent.clock import Clock
from edge_agent.ending import asked_to_end
from edge_agent.entries import Meter, Press
from edge_agent.profile import Channel
from edge_agent.register import Decode, Register, bit_decoder, word_decoder
from edge_agent.sample import Sample, Sink

FIRST_RETRY_S, LAST_RETRY_S = 1.0, 5.0  # a press switched on again is seen within seconds
ILLEGAL_ADDRESS, ILLEGAL_VALUE = 2, 3  # the request is at fault, not the machine
GATEWAY_PATH, GATEWAY_TARGET = 10, 11  # the gateway answers for a machine that does not
FUNCTIONS = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}

log = structlog.get_logger()
logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)  # we tell each loss once


class RawAnswer(ModbusPDU):
    """The bytes of an answer as they came: the plan decodes them in one step."""

    data = b""

    def decode(self, data: bytes) -> None:
        """Keep the bytes after the byte count."""
        if not data or len(data) != 1 + data[0]:
            raise ModbusIOException("the byte count does not fit the answer")
        self.data = data[1:]

    def __str__(self) -> str:  # pymodbus formats every answer, even when it logs nothing
        return type(self).__name__


class Coils(RawAnswer):
    """Answer to function 1."""

    function_code = 1


class DiscreteInputs(RawAnswer):
    """Answer to function 2."""

    function_code = 2


class HoldingRegisters(RawAnswer):
    """Answer to function 3."""

    function_code = 3


class InputRegisters(RawAnswer):
    """Answer to function 4."""

    function_code = 4


class NoAnswerError(Exception):
    """The machine did not answer this read."""


class RefusedError(Exception):
    """The machine answered with an exception code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exception code {code}")
        self.code = code


@dataclass
class Read:
    """One block with what its bytes mean and what of it was told."""

    block: Block
    channels: list[Channel]
    places: list[Register]
    decode: Decode
    changes: PollChanges

    @property
    def length(self) -> int:
        """Bytes of a complete answer."""
        bits = self.block.table in ("coil", "discrete")
        return (self.block.count + 7) // 8 if bits else 2 * self.block.count

    def parts(self) -> list[list[Channel]]:
        """Its channels split, for a machine that refuses the read.

        First around unused registers, then in halves; empty when nothing is left to split.
        """
        if self.block.holes:
            blocks = plan_blocks(self.places, self.block.count, 0)
            return [[self.channels[n] for n in block.members] for block in blocks]
        half = len(self.channels) // 2
        return [self.channels[:half], self.channels[half:]] if half else []


class Unit:
    """One machine behind a connection: its reads, its grid and whether it answers."""

    def __init__(
        self, device: Press | Meter, unit: int, heartbeat_s: float, phase: float = 0.0
    ) -> None:
        self.device = device
        self.unit = unit
        self.heartbeat_s = heartbeat_s
        self.phase = phase
        self.period = device.poll_ms / 1000
        self.timeout = device.timeout_ms / 1000
        self.planned = self._plan(device.channels, device.longest_read, device.widest_hole)
        self.reads = self.planned
        self.online: bool | None = None
        self.why = ""  # it does not answer
        self.due = 0.0
        self.origin = 0.0
        self.delay = 0.0

    def start(self, now: float) -> None:
        """Lay the grid: polls at now + phase + k x period."""
        self.origin = self.due = now + self.phase * self.period

    def schedule(self, now: float) -> None:
        """The next poll: on the grid, or after the delay of a machine that does not answer."""
        if self.online:
            passed = (now - self.origin) // self.period
            self.due = self.origin + (passed + 1) * self.period
        else:
            self.due = now + self.delay

    def _plan(self, channels: Sequence[Channel], longest: int, hole: int) -> list[Read]:
        placed = [(c, c.where) for c in channels if c.where is not None]
        blocks = plan_blocks([where for _, where in placed], longest, hole)
        return [self._read(block, [placed[n] for n in block.members]) for block in blocks]

    def _read(self, block: Block, placed: list[tuple[Channel, Register]]) -> Read:
        channels, places = [c for c, _ in placed], [where for _, where in placed]
        if block.table in ("coil", "discrete"):
            decode = bit_decoder(places, block.start)
        else:
            decode = word_decoder([(where, c.layout) for c, where in placed], block.start)
        changes = PollChanges([channel.name for channel in channels], self.heartbeat_s)
        return Read(block, channels, places, decode, changes)

    def split(self, read: Read) -> list[Read]:
        """Put smaller reads in the place of one that the machine refuses; [] if it is smallest."""
        parts = [self._plan(channels, 125, 0) for channels in read.parts()]
        reads = [part for plan in parts for part in plan]
        if reads:
            place = self.reads.index(read)
            self.reads = [*self.reads[:place], *reads, *self.reads[place + 1 :]]
        return reads


@dataclass
class ModbusConnection:
    """One host and port with its units; `lateness` holds the last polls' lateness in seconds."""

    host: str
    port: int
    units: list[Unit]
    sink: Sink
    clock: Clock
    lateness: deque[float] = field(default_factory=lambda: deque[float](maxlen=3600))
    unanswered: int = 0
    reading: bool = False

    @property
    def devices(self) -> list[str]:
        """Names of the machines read here."""
        return [unit.device.name for unit in self.units]

    async def run(self) -> None:
        """Poll until cancelled."""
        loop = asyncio.get_running_loop()
        self._open()
        for unit in self.units:
            unit.start(loop.time())
        try:
            while not asked_to_end():
                unit = min(self.units, key=lambda unit: unit.due)
                await asyncio.sleep(unit.due - loop.time())
                if unit.online:
                    self.lateness.append(loop.time() - unit.due)
                await self._poll(unit)
                unit.schedule(loop.time())
        finally:
            self.client.close()

    async def read_once(self) -> None:
        """Poll every unit once."""
        self._open()
        try:
            for unit in self.units:
                await self._poll(unit)
        finally:
            self.client.close()

    def _open(self) -> None:
        self.client = AsyncModbusTcpClient(
            self.host,
            port=self.port,
            timeout=max(unit.timeout for unit in self.units),
            retries=0,
            reconnect_delay=0,
            trace_connect=self._connection_changed,
        )
        for answer in (Coils, DiscreteInputs, HoldingRegisters, InputRegisters):
            self.client.register(answer)
        self.functions = {
            "coil": self.client.read_coils,
            "discrete": self.client.read_discrete_inputs,
            "holding": self.client.read_holding_registers,
            "input": self.client.read_input_registers,
        }

    def _connection_changed(self, up: bool) -> None:
        """A connection lost while an answer is awaited fails that read at once."""
        context: Any = self.client.ctx
        awaited: asyncio.Future[ModbusPDU] = context.response_future
        if not up and self.reading and not awaited.done():
            awaited.set_exception(NoAnswerError("the connection was lost"))

    async def _poll(self, unit: Unit) -> None:
        try:
            if not self.client.connected and not await self.client.connect():
                self._all_lost("no connection")
                return
            samples = await self._read_all(unit)
        except (NoAnswerError, ModbusException, OSError) as error:
            self._unanswered(unit, str(error) or type(error).__name__)
            return
        except Exception as error:  # whatever a machine sends must not end the polling of others
            log.exception("poll_failed", device=unit.device.name)
            self._unanswered(unit, str(error))
            return
        self.unanswered = 0
        self._answered(unit, samples)

    async def _read_all(self, unit: Unit) -> list[Sample]:
        samples: list[Sample] = []
        waiting = list(unit.reads)
        while waiting:
            read = waiting.pop(0)
            try:
                samples += await self._read(unit, read)
            except RefusedError as error:
                parts = unit.split(read) if error.code in (ILLEGAL_ADDRESS, ILLEGAL_VALUE) else []
                waiting = parts + waiting
                if not parts:
                    samples += read.changes.tell_bad(self.clock.now(), self._now())
        return samples

    async def _read(self, unit: Unit, read: Read) -> list[Sample]:
        """What changed in one block; its time is when the answer came."""
        block = read.block
        self.reading = True
        try:
            async with asyncio.timeout(unit.timeout):
                answer = await self.functions[block.table](
                    block.start, count=block.count, device_id=unit.unit
                )
        except TimeoutError:
            raise NoAnswerError(f"no answer within {unit.device.timeout_ms} ms") from None
        finally:
            self.reading = False
        at, now = self.clock.now(), self._now()
        return read.changes.tell(read.decode(_bytes_of(answer, read)), at, now)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _answered(self, unit: Unit, samples: list[Sample]) -> None:
        if not unit.online:
            log.info("device_online", device=unit.device.name, address=unit.device.address)
            self.sink.device_online(unit.device.name)
            unit.online, unit.why, unit.delay = True, "", 0.0
        if samples:
            self.sink.samples(unit.device.name, samples)

    def _unanswered(self, unit: Unit, why: str) -> None:
        """One unit is lost; the connection is given up when nobody behind it answers."""
        self.unanswered += 1
        if self.unanswered >= min(2, len(self.units)):
            self.unanswered = 0
            self.client.close()
        self._lost(unit, why)

    def _all_lost(self, why: str) -> None:
        """No connection: none of its units can be read, and the next try is for all of them."""
        for unit in self.units:
            self._lost(unit, why)
            unit.schedule(self._now())

    def _lost(self, unit: Unit, why: str) -> None:
        unit.delay = min(max(2 * unit.delay, FIRST_RETRY_S), LAST_RETRY_S)
        if unit.online is False:
            return
        unit.online, unit.why = False, why
        at, now = self.clock.now(), self._now()
        bad = [sample for read in unit.reads for sample in read.changes.tell_bad(at, now)]
        log.warning("device_offline", device=unit.device.name, address=unit.device.address, why=why)
        if bad:
            self.sink.samples(unit.device.name, bad)
        self.sink.device_offline(unit.device.name, at)
        self._forget_splits(unit)

    def _forget_splits(self, unit: Unit) -> None:
        """A machine that comes back may accept the planned reads; all its channels are bad now."""
        if unit.reads is not unit.planned:
            unit.reads = unit.planned
            for read in unit.reads:
                read.changes.tell_bad(self.clock.now(), self._now())


def _bytes_of(answer: ModbusPDU, read: Read) -> bytes:
    if answer.isError():
        if answer.exception_code in (GATEWAY_PATH, GATEWAY_TARGET):
            raise NoAnswerError(f"the gateway cannot reach it (code {answer.exception_code})")
        raise RefusedError(answer.exception_code)
    if not isinstance(answer, RawAnswer) or len(answer.data) != read.length:
        raise NoAnswerError("the answer has another length than was asked for")
    return answer.data


def modbus_sources(
    devices: Sequence[Press | Meter], heartbeat_s: float, sink: Sink, clock: Clock
) -> list[ModbusConnection]:
    """One source per host and port; polls are spread evenly over the period."""
    found: dict[tuple[str, int], ModbusConnection] = {}
    for number, device in enumerate(devices):
        where = device.where
        assert isinstance(where, ModbusAddress)
        unit = Unit(device, where.unit, heartbeat_s, phase=number / len(devices))
        key = (where.host, where.port)
        if key not in found:
            found[key] = ModbusConnection(*key, [], sink, clock)
        found[key].units.append(unit)
    return list(found.values())
