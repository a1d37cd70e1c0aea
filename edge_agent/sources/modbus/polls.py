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
from edge_agent.sources.modbus.link import Link, NoAnswerError, RefusedError, reason, require_serial
from edge_agent.sources.modbus.rounds import Round
from edge_agent.sources.modbus.unit import Read, Unit
from edge_agent.sources.tally import Tallies

FIRST_RETRY_S, LAST_RETRY_S = 1.0, 5.0  # a press switched on again is seen within seconds
DEAF_S = 10.0  # some devices answer nothing for so long after they took a connection

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
        """Poll every unit until it answers, at most twice, or as long as it may be deaf."""
        self._begin()
        try:
            for unit in self.units:
                await self._poll(unit)
                if not unit.online and self.link.client.connected:
                    await self._poll(unit)
                while not unit.online and self._is_deaf():
                    await self._poll(unit)
                if unit.online:
                    await self._compare(unit)
        finally:
            self.link.close()

    async def _compare(self, unit: Unit) -> None:
        """Find values that come otherwise in one request with others than alone, in peace."""
        for read in unit.reads:
            if read.block.is_bits or unit.is_one(read):
                continue
            try:
                whole = await self._twice(unit, read)
                for part in unit.some(read):
                    begin = 2 * (part.block.start - read.block.start)
                    alone = await self._twice(unit, part)
                    if whole and alone and whole[begin:][: part.block.bytes] != alone:
                        unit.unlike += [channel.name for channel in part.channels]
            except (NoAnswerError, RefusedError):
                continue

    async def _twice(self, unit: Unit, read: Read) -> bytes:
        """What a read brings, if it brings it twice: a counter that goes on says nothing."""
        one, other = [
            await self.link.ask(unit.unit, read.block, unit.timeout, unit.pause, loose=unit.loose)
            for _ in range(2)
        ]
        return one if one == other else b""

    def _begin(self) -> None:
        self.link = Link(self.where, max(unit.timeout for unit in self.units) + 1)

    async def _poll(self, unit: Unit) -> None:
        try:
            await self.link.open()
        except NoAnswerError as error:
            self._all_lost(str(error))
            return
        except Exception as error:  # a name that is none, a setting that the adapter does not take
            self._all_lost(f"no connection ({reason(error)})")
            return
        try:
            samples = await self._round(unit).run()
        except (NoAnswerError, OSError) as error:
            self._unanswered(unit, str(error) or type(error).__name__)
            return
        except Exception as error:  # whatever a machine sends must not end the polling of others
            log.exception("poll_failed", device=unit.device.name)
            self._lost(unit, str(error))
            return
        self.unanswered = 0
        self._complain(unit)
        self._answered(unit, samples)

    def _round(self, unit: Unit) -> Round:
        tally = self.tallies.of(unit.device.name)
        return Round(self.link, unit, self.clock, tally, lambda: self._room(unit))

    def _room(self, unit: Unit) -> float | None:
        """Seconds until a machine behind this link would miss its poll; None: there is no other."""
        others = [other for other in self.units if other is not unit and other.online]
        if not others:
            return None
        room, busy = float("inf"), 0.0
        for other in sorted(others, key=lambda other: other.due):
            room = min(room, other.due + other.period - busy)
            busy += other.slowest * len(other.reads)
        return max(room - self._now(), 0.0)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _is_deaf(self) -> bool:
        """Whether the connection is young and brought no answer yet."""
        link = self.link
        young = self._now() - link.opened_at < DEAF_S
        return young and link.client.connected and not link.heard and isinstance(self.where, Tcp)

    def _complain(self, unit: Unit) -> None:
        """Each refused channel is told once."""
        news = [c for c in unit.device.channels if c.name in unit.refused.keys() - unit.complained]
        if not news:
            return
        unit.complained |= {channel.name for channel in news}
        for channel in news:
            why = f"{channel.where}: {unit.refused[channel.name]}"
            self.sink.refused(unit.device.name, channel.name, why)
        first = unit.refused[news[0].name]
        log.warning(
            "registers_refused" if isinstance(first, RefusedError) else "registers_not_answered",
            device=unit.device.name,
            channels=[f"{channel.name} ({channel.where})" for channel in news],
            why=str(first),
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
        """One unit is lost the second time; the link is given up when nobody behind it answers."""
        self.unanswered += 1
        if not unit.went(self._now()):
            self.tallies.of(unit.device.name).no_answer += 1
            return
        if self.unanswered >= min(2, len(self.units)) and not self._is_deaf():
            self.unanswered = 0
            self.link.close()
        self._lost(unit, why)
        if self._is_deaf():
            unit.delay = FIRST_RETRY_S

    def fail(self, why: str) -> None:
        """None of its units can be read."""
        self._all_lost(why)

    def _all_lost(self, why: str) -> None:
        """No link: none of its units can be read, and the next try is for all of them."""
        for unit in self.units:
            if unit.went(self._now()):
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
