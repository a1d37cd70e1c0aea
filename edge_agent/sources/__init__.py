"""Everything one edge node reads: a source per Modbus connection and per OPC UA server."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Protocol

import structlog

from edge_agent.clock import Clock
from edge_agent.errors import EdgeError
from edge_agent.plantfile.address import ModbusAddress, Serial
from edge_agent.plantfile.entries import Meter, Plant, Press
from edge_agent.sample import Sink
from edge_agent.shutdown import asked_to_end
from edge_agent.sources.modbus.link import require_serial
from edge_agent.sources.modbus.polls import modbus_sources
from edge_agent.sources.tally import Tallies

PUNCTUALITY_S = 60
AFRESH_S = 10.0  # until a source that failed is run again

log = structlog.get_logger()


class Source(Protocol):
    """Machines that are read together."""

    @property
    def devices(self) -> list[str]:
        """Their names."""
        ...

    async def run(self) -> None:
        """Read until cancelled; no fault of a machine ends it."""
        ...

    def fail(self, why: str) -> None:
        """It ended with a fault of its own: its machines are away until it is run again."""
        ...


async def keep_running(source: Source) -> None:
    """Run a source until cancelled: what nobody thought of ends its machines' readings, no others.

    It is told with its trace, and tried again.
    """
    while not asked_to_end():
        try:
            await source.run()
        except Exception as error:
            log.exception("source_failed", devices=source.devices)
            source.fail(f"the edge failed at it: {error or type(error).__name__}")
            await asyncio.sleep(AFRESH_S)


class Unreadable:
    """A machine that this installation cannot read: it lacks a library. It says so once."""

    def __init__(self, device: str, why: str, sink: Sink) -> None:
        self.devices, self.why, self.sink = [device], why, sink

    async def run(self) -> None:
        """Tell it, and wait to be cancelled."""
        self.fail(self.why)
        await asyncio.Event().wait()

    def fail(self, why: str) -> None:
        """Tell why it is not read."""
        log.error("device_unreadable", device=self.devices[0], why=why)
        self.sink.refused(self.devices[0], "", why)


class Punctuality:
    """Tells each minute how late polls began: the figure that shows an overloaded edge box."""

    devices: list[str] = []  # noqa: RUF012 -- it reads none, and nobody adds any

    def __init__(self, lateness: Sequence[deque[float]]) -> None:
        self.lateness = lateness

    async def run(self) -> None:
        """Log once a minute until cancelled."""
        while True:
            await asyncio.sleep(PUNCTUALITY_S)
            self.tell()

    def fail(self, why: str) -> None:
        """Nobody is away by it."""

    def tell(self) -> None:
        """One line: polls since the last line, and their lateness in ms."""
        polls = sorted(late for source in self.lateness for late in source)
        for source in self.lateness:
            source.clear()
        if polls:
            p50, p99 = (round(1000 * polls[len(polls) * n // 100], 1) for n in (50, 99))
            log.info("punctuality", polls=len(polls), late_ms_p50=p50, late_ms_p99=p99)


def sources(
    plant: Plant,
    node: str,
    sink: Sink,
    clock: Clock | None = None,
    tallies: Tallies | None = None,
) -> list[Source]:
    """The sources of one node's machines, not yet running; they share one clock, one tally."""
    lacking = {device.name: lack(device) for device in plant.devices if device.node == node}
    found: list[Source] = [Unreadable(name, why, sink) for name, why in lacking.items() if why]
    mine = [device for device in plant.devices if lacking.get(device.name) == ""]
    modbus = [device for device in mine if isinstance(device.where, ModbusAddress)]
    opcua = [device for device in mine if device not in modbus]
    clock, tallies = clock or Clock(), tallies or Tallies()
    if modbus:
        connections = modbus_sources(
            modbus, plant.heartbeat_s, sink, clock, tallies=tallies, slot_s=plant.poll_slot_s
        )
        found += [*connections, Punctuality([source.lateness for source in connections])]
    if opcua:
        opcua_sources = opcua_module(opcua[0].name).opcua_sources
        found += opcua_sources(opcua, plant.servers, plant.heartbeat_s, sink, clock, tallies)
    return found


def lack(device: Press | Meter) -> str:
    """What this installation lacks to read a machine, with the cure; else empty."""
    try:
        if not isinstance(device.where, ModbusAddress):
            opcua_module(device.name)
        elif isinstance(device.where.link, Serial):
            require_serial(device.name)
    except EdgeError as error:
        return str(error)
    return ""


def opcua_module(needed_by: str):
    """The room's OPC UA part, imported before anything runs: it takes a second and 40 MB.

    Raises EdgeError when asyncua is not installed.
    """
    try:
        from edge_agent.sources import opcua  # noqa: PLC0415 -- most edge boxes do without
    except ImportError as error:
        cure = "install the wheel with its extra: pip install 'pressline-….whl[opcua]'"
        raise EdgeError(f"{needed_by} needs OPC UA, which is missing; {cure}") from error
    return opcua
