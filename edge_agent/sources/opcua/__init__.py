"""Reads OPC UA servers by subscription; imported only when a plant has one."""

from collections.abc import Sequence

from edge_agent.clock import Clock
from edge_agent.errors import EdgeError
from edge_agent.plantfile.address import OpcUaAddress
from edge_agent.plantfile.entries import Meter, OpcUa, Press
from edge_agent.sample import BAD, Sample, Sink
from edge_agent.sources.opcua.machine import Machine
from edge_agent.sources.opcua.papers import make_certificates, trust_servers
from edge_agent.sources.opcua.places import find_places
from edge_agent.sources.opcua.security import access_to, why_not
from edge_agent.sources.opcua.server import OpcUaServer
from edge_agent.sources.opcua.session import Session
from edge_agent.sources.opcua.values import sample_of
from edge_agent.sources.tally import Tallies

__all__ = [
    "OpcUaServer", "make_certificates", "opcua_sources", "read_values", "trust_servers",
]  # fmt: skip


def opcua_sources(
    devices: Sequence[Press | Meter], servers: Sequence[OpcUa], heartbeat_s: float,
    sink: Sink, clock: Clock, tallies: Tallies | None = None,
) -> list[OpcUaServer]:  # fmt: skip
    """One source per server; `servers` says how those that are not open to all are reached."""
    tallies = tallies or Tallies()
    sources: dict[str, OpcUaServer] = {}
    for device in devices:
        address = _address(device)
        source = sources.setdefault(str(address), OpcUaServer(address, servers, heartbeat_s))
        tally = tallies.of(device.name)
        source.machines.append(Machine(device, heartbeat_s, sink, clock, tally))
    return list(sources.values())


def _address(device: Press | Meter) -> OpcUaAddress:
    assert isinstance(device.where, OpcUaAddress)
    return device.where


async def read_values(device: Press | Meter, servers: Sequence[OpcUa]) -> list[Sample]:
    """Every channel's value now.

    Raises EdgeError saying why, with the cure, when the server does not let us read it.
    """
    access, clock = access_to(_address(device), servers), Clock()
    session = Session(access, device.timeout_ms)
    try:
        await session.open(resume=False)
        places = await find_places(session, device)
        values = await session.read([p.node for p in places.found], device.nodes_per_call)
        pairs = zip(places.found, values, strict=True)
        read = [sample_of(p.channel, data, clock.now(), p.layout) for p, data in pairs]
        return read + [Sample(name, clock.now(), None, BAD) for name in places.nowhere]
    except Exception as error:
        raise EdgeError(await why_not(error, access)) from error
    finally:
        await session.close()
