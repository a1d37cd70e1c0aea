"""Everything one edge node reads: a source per Modbus connection and per OPC UA server."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Protocol

import structlog

from edge_agent.clock import Clock
from edge_agent.errors import EdgeError
from edge_agent.plantfile.address import ModbusAddress
from edge_agent.plantfile.entries import Plant
from edge_agent.sample import Sink
from edge_agent.sources.modbus.polls import modbus_sources
from edge_agent.sources.tally import Tallies

PUNCTUALITY_S = 60

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
    """The sources of one node's machines, not yet running; they share one clock, one tally.

    Raises EdgeError when the plant needs OPC UA and asyncua is not installed.
    """
    mine = [device for device in plant.devices if device.node == node]
    modbus = [device for device in mine if isinstance(device.where, ModbusAddress)]
    opcua = [device for device in mine if device not in modbus]
    found: list[Source] = []
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


def opcua_module(needed_by: str):
    """The room's OPC UA part, imported before anything runs: it takes a second and 40 MB.

    Raises EdgeError when asyncua is not installed.
    """
    try:
        from edge_agent.sources import opcua  # noqa: PLC0415 -- most edge boxes do without
    except ImportError as error:
        cure = "install it with: pip install 'pressline[opcua]'"
        raise EdgeError(f"{needed_by} needs OPC UA, which is missing; {cure}") from error
    return opcua
