"""Asks every machine once and prints what it says: the first thing to run at a new press."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from edge_agent.byte_orders import WatchedUnit, chosen, orders, written
from edge_agent.clock import Clock
from edge_agent.plantfile.address import ModbusAddress, Serial
from edge_agent.plantfile.entries import Meter, OpcUa, Plant, Press
from edge_agent.plantfile.plant import load_plant
from edge_agent.sample import BAD, GOOD, STALE, Sample
from edge_agent.sources import lack, opcua_module
from edge_agent.sources.modbus.link import MEANINGS, RefusedError
from edge_agent.sources.modbus.polls import ModbusConnection, modbus_sources
from edge_agent.sources.modbus.unit import Unit

QUALITY = {GOOD: "good", STALE: "stale", BAD: "bad"}
HEADER = ("device", "channel", "address", "value", "unit", "quality")
MODBUS_CURE = "check power, cable, address, port and unit id, and that no one else holds its port"
SERIAL_CURE = (
    "check power, wires A and B, unit id, baud, parity and stop bits, and that no other device on "
    "the line has the same unit id"
)
REQUEST, ANSWER = 8, 5  # bytes of RTU frames besides the registers
BUSY = 0.8  # of a line's time: beyond it polls come late
OPCUA_CURE = (
    "check power, cable, the endpoint in `address`, and what the server asks for: user, policy "
    "([[opcua]] in the plant file)"
)

OPCUA_PATIENCE_S = 10

Device = Press | Meter


@dataclass
class Answers:
    """A sink that keeps the last sample of each channel, and who answered."""

    online: set[str] = field(default_factory=set[str])
    found: dict[tuple[str, str], Sample] = field(default_factory=dict[tuple[str, str], Sample])

    def samples(self, device: str, samples: Sequence[Sample]) -> None:
        """Keep them."""
        self.found.update({(device, sample.channel): sample for sample in samples})

    def device_online(self, device: str) -> None:
        """It answered."""
        self.online.add(device)

    def refused(self, device: str, channel: str, reason: str) -> None:
        """Nothing to print: the value is bad."""

    def modulus_found(self, device: str, channel: str, modulus: int) -> None:
        """Nothing to print: it is declared while the agent runs."""

    def device_offline(self, device: str, at: int) -> None:
        """It did not; what it is missing shows in the table."""


def read_once(path: Path, show_orders: str | None = None) -> int:
    """Poll every machine of the plant once and print values and block plan.

    `show_orders` names a channel, a machine or `all`, whose registers are printed in every order
    of bytes and words instead. Returns the exit code: 0 when all answered, 1 when some did not,
    who are named with the cure. Raises PlantError when the file is wrong and EdgeError when OPC
    UA or pyserial is needed and missing, or nothing has the name given.
    """
    plant = load_plant(path)
    wanted = chosen(plant.devices, show_orders) if show_orders else []
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))  # we print it all
    answers, whys = Answers(), dict[str, str]()
    devices = list(dict.fromkeys(device for device, _ in wanted)) or plant.devices
    asks, connections = _asks(plant, devices, answers, whys)
    asyncio.run(_together(asks))
    units = [unit for connection in connections for unit in connection.units]
    whys |= {unit.device.name: unit.why for unit in units}
    if wanted:
        _print(orders(wanted, _raw(units)))
    else:
        _print(_table(devices, answers, units))
        _print(["", "block plan", *(line for unit in units for line in _plan(unit))])
        _print([line for connection in connections for line in _busy(connection)])
    silent = [device for device in devices if device.name not in answers.online]
    for device in silent:
        _print(["", _silence(device, whys.get(device.name, ""))])
    wrong = [line for unit in units for line in _unlike(unit)]
    _print(wrong)
    return 1 if silent or wrong else 0


def _unlike(unit: Unit) -> list[str]:
    """What a machine gives wrongly, with good quality, when it is asked for several at once."""
    if not unit.unlike:
        return []
    name, channels = unit.device.name, ", ".join(unit.unlike)
    return [
        "",
        f"{name}: {channels} read alone is not what it is in one request with others; this device "
        "gives fewer registers at once than it is asked for: set longest_read = 1, or as many as "
        "its manual says",
    ]


def _raw(units: Sequence[Unit]) -> dict[tuple[str, str], bytes]:
    """The registers that came, by machine and channel."""
    return {
        (unit.device.name, channel): data
        for unit in units
        if isinstance(unit, WatchedUnit)
        for channel, data in unit.raw.items()
    }


def _asks(
    plant: Plant, devices: Sequence[Device], answers: Answers, whys: dict[str, str]
) -> tuple[Sequence[Coroutine[None, None, None]], Sequence[ModbusConnection]]:
    """What asks each machine, ready to run, and the Modbus connections among it."""
    whys |= {device.name: why for device in devices if (why := lack(device))}
    devices = [device for device in devices if device.name not in whys]
    modbus = [device for device in devices if isinstance(device.where, ModbusAddress)]
    connections = modbus_sources(modbus, plant.heartbeat_s, answers, Clock(), WatchedUnit)
    asks = [connection.read_once() for connection in connections]
    for device in devices:
        if device not in modbus:
            read_values = opcua_module(device.name).read_values
            asks.append(_ask_opcua(read_values, device, plant.servers, answers, whys))
    return asks, connections


async def _together(asks: Sequence[Coroutine[None, None, None]]) -> None:
    await asyncio.gather(*asks)


async def _ask_opcua(
    read_values: Callable[[Device, Sequence[OpcUa]], Awaitable[list[Sample]]],
    device: Device, servers: Sequence[OpcUa], answers: Answers, whys: dict[str, str],
) -> None:  # fmt: skip
    try:
        async with asyncio.timeout(OPCUA_PATIENCE_S):
            answers.samples(device.name, await read_values(device, servers))
    except Exception as error:  # told below with the others that are silent
        refused = isinstance(error, ConnectionRefusedError)
        why = "no connection (connection refused)" if refused else str(error)
        whys[device.name] = why or f"no answer within {OPCUA_PATIENCE_S} s"
    else:
        answers.device_online(device.name)


def _table(devices: Sequence[Device], answers: Answers, units: Sequence[Unit]) -> list[str]:
    rows: list[tuple[str, ...]] = [HEADER]
    refused = {unit.device.name: unit.refused for unit in units}
    for device in devices:
        for channel in device.channels:
            sample = answers.found.get((device.name, channel.name))
            value, quality = _shown(sample, channel.scale)
            why = refused.get(device.name, {}).get(channel.name)
            if isinstance(why, RefusedError):
                quality = f"refused by the machine: {MEANINGS.get(why.code, why.code)}"
            elif why:
                quality = f"not answered, while others are: {why}"
            rows.append((device.name, channel.name, channel.source, value, channel.unit, quality))
    widths = [max(len(row[n]) for row in rows) for n in range(len(HEADER))]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _shown(sample: Sample | None, scale: float) -> tuple[str, str]:
    """The value in its unit, and the quality with the status where the server gave one."""
    if sample is None:
        return "–", "bad"
    quality = QUALITY[sample.quality]
    if sample.status is not None:
        quality += f" 0x{sample.status:08X}"
    value = sample.value
    if value is None:
        return "–", quality
    whole = isinstance(value, int)
    if scale != 1 and isinstance(value, int | float):
        value *= scale
    return written(value, exact=whole), quality


def _plan(unit: Unit) -> list[str]:
    """What one poll of a machine reads."""
    name, period = unit.device.name, unit.device.poll_ms
    reads = [
        f"{read.block}: {', '.join(channel.name for channel in read.channels)}"
        for read in unit.reads
    ]
    head = f"{name}: {len(reads)} read{'s' if len(reads) != 1 else ''} every {period} ms"
    return [head, *(f"  {read}" for read in reads)]


def _busy(connection: ModbusConnection) -> list[str]:
    """How much of a serial line's time the polls of its machines take."""
    line = connection.where
    if not isinstance(line, Serial):
        return []
    share = sum(
        (line.seconds(REQUEST + ANSWER + read.block.bytes) + 2 * line.silence + unit.pause)
        / unit.period
        for unit in connection.units
        for read in unit.reads
    )
    text = f"{line.name}: polls take {100 * share:.0f} % of its time at {line.baud} baud"
    cure = "; that is too much: raise poll_ms or the baud" if share > BUSY else ""
    return ["", f"{text}, the devices' own delay not counted{cure}"]


def _silence(device: Device, why: str) -> str:
    where = device.where
    serial = isinstance(where, ModbusAddress) and isinstance(where.link, Serial)
    cure = MODBUS_CURE if isinstance(where, ModbusAddress) else OPCUA_CURE
    cure = SERIAL_CURE if serial else cure
    address = re.sub("//[^@/]*@", "//", device.address)  # without a password
    return f"{device.name} did not answer at {address}: {why or 'no answer'}; {cure}"


def _print(lines: Sequence[str]) -> None:
    for line in lines:
        print(line)  # noqa: T201 -- this is the command's answer
