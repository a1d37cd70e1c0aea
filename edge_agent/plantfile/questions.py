"""What a plant file may say and seldom means: asked about by `check`, and nothing waits for it."""

from collections.abc import Iterator

from edge_agent.errors import Problem
from edge_agent.plantfile.address import ModbusAddress
from edge_agent.plantfile.entries import Meter, Plant, Press
from edge_agent.plantfile.profile import Channel

SPEEDS = (1, 3000)  # strokes per minute: the fastest presses there are make some 2,500
POWERS = (0.5, 50_000)  # kW of one press or one line
EXACT_REALS = 2**24  # whole numbers that a real of 32 bits tells apart
UNSEEN_HEARTBEATS = 3  # silence for longer is unknown


def questions(plant: Plant) -> list[Problem]:
    """Every doubt about a plant that is right as far as can be known."""
    found = list(_shared(plant))
    for device in plant.devices:
        found += [*_sizes(device), *_manual_numbers(device), *_counters(device, plant.heartbeat_s)]
    return found


def _ask(device: Press | Meter, key: str, what: str, cure: str) -> Problem:
    table = "press" if isinstance(device, Press) else "meter"
    return Problem(f"{table}.{device.name}", key, what, cure)


def _shared(plant: Plant) -> Iterator[Problem]:
    """One address and unit for two machines."""
    seen: dict[str, Press | Meter] = {}
    for device in plant.devices:
        if not isinstance(device.where, ModbusAddress):
            continue
        first = seen.setdefault(str(device.where), device)
        if first is not device:
            what = f"{device.where} is {first.name}'s as well"
            yield _ask(device, "address", what, "right only if one PLC serves both")


def _sizes(device: Press | Meter) -> Iterator[Problem]:
    press = isinstance(device, Press)
    key, value = ("top_speed", device.top_speed) if press else ("top_kw", device.top_kw)
    (low, high), unit = (SPEEDS, "strokes a minute") if press else (POWERS, "kW")
    if not low <= value <= high:
        yield _ask(device, key, f"{value:g} {unit} is unusual", f"is it in {unit}?")


def _manual_numbers(device: Press | Meter) -> Iterator[Problem]:
    """Addresses that look like a manual's, which count from 1 and name the table by a digit."""
    firsts = {"holding": 40_001, "input": 30_001, "discrete": 10_001}
    odd = [
        channel
        for channel in device.channels
        if (where := channel.where) and 0 <= where.address - firsts.get(where.table, 70_000) < 9999
    ]
    if odd and all(c.where and c.where.address >= 10_001 for c in device.channels):
        where = odd[0].where
        assert where is not None
        cure = f"if it is a manual's number, write {where.table}:"
        cure += str(where.address - firsts[where.table])
        names = ", ".join(channel.name for channel in odd)
        yield _ask(device, names, f"{where.table}:{where.address} counts from 0 here", cure)


def _counters(device: Press | Meter, heartbeat_s: float) -> Iterator[Problem]:
    """Counters that lose strokes by what they are."""
    for channel in device.channels:
        if channel.kind != "counter":
            continue
        if channel.where and channel.where.type == "float32":
            what = f"a real of 32 bits counts to {EXACT_REALS:,} and stands still there"
            yield _ask(device, channel.name, what, "count in a whole number if the PLC can")
        if isinstance(device, Press) and channel.name == device.stroke_counter:
            yield from _too_short(device, channel, heartbeat_s)


def _too_short(press: Press, channel: Channel, heartbeat_s: float) -> Iterator[Problem]:
    turn_s = 60 * (channel.modulus or 0) / press.top_speed
    if channel.modulus and turn_s < UNSEEN_HEARTBEATS * heartbeat_s:
        what = f"it starts again every {turn_s:.0f} s at top speed: a short silence hides a turn"
        yield _ask(press, channel.name, what, "is its modulus right? Use a wider counter if not")
