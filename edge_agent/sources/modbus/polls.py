"""Polls Modbus machines on a fixed grid, and tells what changed.

One link per host and port or per serial line, shared by the units behind it and run by a task of
its own, so that a slow or dead machine delays no other. Lateness of polls does not add up. Polls of
different machines begin together, a slot apart: being woken costs more than what is then done.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from edge_agent.clock import Clock
from edge_agent.plantfile.address import ModbusAddress, Serial, Tcp
from edge_agent.plantfile.entries import Meter, Press
from edge_agent.sample import Sample, Sink
from edge_agent.shutdown import asked_to_end
from edge_agent.sources.modbus.link import Link, NoAnswerError, RefusedError, require_serial
from edge_agent.sources.modbus.unit import Lesson, Read, Unit
from edge_agent.sources.tally import Tallies

FIRST_RETRY_S, LAST_RETRY_S = 1.0, 5.0  # a press switched on again is seen within seconds
AT_FAULT = (1, 2, 3)  # exception codes that say: this request is wrong, and will be next time
ILLEGAL_FUNCTION = 1

log = structlog.get_logger()


@dataclass
class ModbusConnection:
    """One link with its units; `lateness` holds the last polls' lateness in seconds."""

    where: Tcp | Serial
    units: list[Unit]
    sink: Sink
    clock: Clock
    tallies: Tallies = field(default_factory=Tallies)
    lateness: deque[float] = field(default_factory=lambda: deque[float](maxlen=3600))
    unanswered: int = 0

    @property
    def devices(self) -> list[str]:
        """Names of the machines read here."""
        return [unit.device.name for unit in self.units]

    async def run(self) -> None:
        """Poll until cancelled."""
        loop = asyncio.get_running_loop()
        self._begin()
        for unit in self.units:
            unit.start(loop.time())
        try:
            while not asked_to_end():
                unit = min(self.units, key=lambda unit: unit.due)
                await asyncio.sleep(unit.due - loop.time())
                if unit.online:
                    late = loop.time() - unit.due
                    self.lateness.append(late)
                    self.tallies.lateness.observe(late)
                await self._poll(unit)
                unit.schedule(loop.time())
        finally:
            self.link.close()

    async def read_once(self) -> None:
        """Poll every unit once."""
        self._begin()
        try:
            for unit in self.units:
                await self._poll(unit)
        finally:
            self.link.close()

    def _begin(self) -> None:
        self.link = Link(self.where, max(unit.timeout for unit in self.units) + 1)

    async def _poll(self, unit: Unit) -> None:
        try:
            await self.link.open()
        except NoAnswerError as error:
            self._all_lost(str(error))
            return
        try:
            samples = await self._read_all(unit)
        except (NoAnswerError, OSError) as error:
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
        lesson = Lesson()
        for read in unit.reads:
            try:
                samples += await self._read(unit, read)
                lesson.kept.append(read)
            except RefusedError as error:
                samples += await self._refused(unit, read, error, lesson)
        if len(lesson.kept) != len(unit.reads) or lesson.refused:
            unit.learned(lesson, self._now())
            self._complain(unit)
        if unit.refused:
            samples += await self._try_again(unit)
            samples += unit.refusal.tell_bad(self.clock.now(), self._now())
        return samples

    async def _read(self, unit: Unit, read: Read) -> list[Sample]:
        """What changed in one block; its time is when the answer came."""
        self.tallies.of(unit.device.name).round_trips += 1
        data = await self.link.ask(unit.unit, read.block, unit.timeout, unit.pause)
        at, now = self.clock.now(), self._now()
        read.failing = False
        return read.changes.tell(unit.values(read, data), at, now)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    # -- what a machine refuses -------------------------------------------------------------------

    async def _refused(
        self, unit: Unit, read: Read, error: RefusedError, lesson: Lesson
    ) -> list[Sample]:
        """Find what the machine refuses of a read; what may pass is only bad this time."""
        self.tallies.of(unit.device.name).refused += 1
        if error.code in AT_FAULT:
            return await self._halve(unit, read, error.code, lesson)
        if not read.failing:
            why = f"{read.block}: {error}"
            log.warning("read_failed", device=unit.device.name, why=why)
        read.failing = True
        lesson.kept.append(read)
        return unit.failed(read, self.clock.now(), self._now())

    async def _halve(self, unit: Unit, read: Read, code: int, lesson: Lesson) -> list[Sample]:
        """Read a refused read in halves, and these again, until what is refused is alone."""
        halves = unit.halves(read) if code != ILLEGAL_FUNCTION else []
        if not halves:
            lesson.refuse(read, code)
            return []
        answered = 0
        samples: list[Sample] = []
        for half in halves:
            try:
                samples += await self._read(unit, half)
                lesson.kept.append(half)
                answered += 1
            except RefusedError as error:
                samples += await self._refused(unit, half, error, lesson)
        if answered == 2:
            lesson.cut(halves[1])
        return samples

    async def _try_again(self, unit: Unit) -> list[Sample]:
        """Ask for what was refused, seldom: a PLC may have been starting, or got a new program."""
        if self._now() < unit.trial_at:
            return []
        accepted: list[Read] = []
        samples: list[Sample] = []
        for read in unit.trials():
            try:
                samples += await self._read(unit, read)
                accepted.append(read)
            except RefusedError:
                continue
        unit.tried(accepted, self._now())
        if accepted:
            names = [channel.name for read in accepted for channel in read.channels]
            log.info("registers_answered", device=unit.device.name, channels=names)
        return samples

    def _complain(self, unit: Unit) -> None:
        """Each refused channel is told once."""
        news = [c for c in unit.device.channels if c.name in unit.refused.keys() - unit.complained]
        if news:
            unit.complained |= {channel.name for channel in news}
            for channel in news:
                why = str(RefusedError(unit.refused[channel.name]))
                self.sink.refused(unit.device.name, channel.name, f"{channel.where}: {why}")
            log.warning(
                "registers_refused",
                device=unit.device.name,
                channels=[f"{channel.name} ({channel.where})" for channel in news],
                why=str(RefusedError(unit.refused[news[0].name])),
                cure="mend the addresses in the plant file or profile, or take the channels out",
            )

    # -- coming and going -------------------------------------------------------------------------

    def _answered(self, unit: Unit, samples: list[Sample]) -> None:
        if not unit.online:
            log.info("device_online", device=unit.device.name, address=unit.device.address)
            self.sink.device_online(unit.device.name)
            unit.online, unit.why, unit.delay = True, "", 0.0
            unit.came_back(self._now())
        if samples:
            self.sink.samples(unit.device.name, samples)

    def _unanswered(self, unit: Unit, why: str) -> None:
        """One unit is lost; the link is given up when nobody behind it answers."""
        self.unanswered += 1
        if self.unanswered >= min(2, len(self.units)):
            self.unanswered = 0
            self.link.close()
        self._lost(unit, why)

    def _all_lost(self, why: str) -> None:
        """No link: none of its units can be read, and the next try is for all of them."""
        for unit in self.units:
            self._lost(unit, why)
            unit.schedule(self._now())

    def _lost(self, unit: Unit, why: str) -> None:
        """Bad quality, then offline; the dead share a link's time, so more of them wait longer."""
        self.tallies.of(unit.device.name).no_answer += 1
        dead = sum(unit.online is False for unit in self.units)
        unit.delay = min(max(2 * unit.delay, FIRST_RETRY_S), LAST_RETRY_S * max(dead, 1))
        at = self.clock.now()
        bad = unit.tell_bad(at, self._now())  # also of a poll that failed half way: told by nobody
        if unit.online is False:
            return
        unit.online, unit.why = False, why
        log.warning("device_offline", device=unit.device.name, address=unit.device.address, why=why)
        if bad:
            self.sink.samples(unit.device.name, bad)
        self.sink.device_offline(unit.device.name, at)


def modbus_sources(
    devices: Sequence[Press | Meter],
    heartbeat_s: float,
    sink: Sink,
    clock: Clock,
    unit_type: type[Unit] = Unit,
    tallies: Tallies | None = None,
    slot_s: float = 0.0,
) -> list[ModbusConnection]:
    """One source per host and port or serial line.

    Polls begin in slots at least `slot_s` apart, as many to each; with 0, evenly over the period.
    Raises EdgeError when a serial line is needed and pyserial is not installed.
    """
    tallies = tallies or Tallies()
    found: dict[Tcp | Serial, ModbusConnection] = {}
    firsts: dict[Tcp | Serial, int] = {}
    for number, device in enumerate(devices):
        where = device.where
        assert isinstance(where, ModbusAddress)
        if isinstance(where.link, Serial):
            require_serial(device.name)
        if where.link not in found:
            found[where.link] = ModbusConnection(where.link, [], sink, clock, tallies)
            firsts[where.link] = len(firsts)
        units = found[where.link].units
        turn = firsts[where.link] + len(units)  # units behind one link do not share a slot
        period = device.poll_ms / 1000
        phase = _phase(turn, period, slot_s) if slot_s else number / len(devices)
        units.append(unit_type(device, where.unit, heartbeat_s, phase))
    return list(found.values())


def _phase(turn: int, period: float, slot_s: float) -> float:
    """Where in its period a machine is polled: in one of as many slots as it has room for."""
    slots = max(1, int(period / slot_s + 1e-9))
    return turn % slots / slots
