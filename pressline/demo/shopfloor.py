"""The demo plant: six presses on two lines, what each is making, and the files that say so."""

import json
import secrets
import socket
import tomllib
from collections.abc import Collection, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from importlib.resources import files
from pathlib import Path
from string import Template
from zoneinfo import ZoneInfo

TOP_OF_16_BIT = 65_536
OWN_PORTS = range(20_000, 32_000)


@dataclass(frozen=True)
class Place:
    """One press of the demo: how it runs, and which orders are on it (all made by one die)."""

    press: str
    profile: str
    spm: float
    counter: int
    modulus: int
    orders: tuple[str, ...]
    badge: str


@dataclass(frozen=True)
class MeterPlace:
    """One energy meter, fed by some presses."""

    meter: str
    presses: tuple[str, ...]
    start_wh: float
    idle_w: float
    stroke_wh: float


WIDE = 1 << 32
LOW_FIRST = "press-32bit-low-word-first"
METERS = (
    MeterPlace("P01-energy", ("P01",), 812_403, 2_600, 9.5),
    MeterPlace("P02-energy", ("P02",), 405_118, 3_100, 14.0),
    MeterPlace("P05-energy", ("P05",), 77_204, 5_400, 31.0),
    MeterPlace("L2-energy", ("P04", "P05", "P06"), 1_240_118, 14_200, 16.0),
)
WRAPS, LOSES_POWER, LOSES_NETWORK, JAMS, STARTS_EARLY = "P01", "P02", "P03", "P04", "P06"


def places(wrap_after_s: float) -> tuple[Place, ...]:
    """The six presses; the counter of one wraps after about so many seconds of running."""
    left = max(3, round(60 / 60 * wrap_after_s))
    return (
        Place("P01", "press-16bit", 60, TOP_OF_16_BIT - left, TOP_OF_16_BIT, ("WO-2601",), "B-101"),
        Place("P02", LOW_FIRST, 48, 1_204_991, WIDE, ("WO-2602", "WO-2603"), "B-102"),
        Place("P03", "press-16bit", 54, 31_007, TOP_OF_16_BIT, ("WO-2604",), "B-103"),
        Place("P04", LOW_FIRST, 72, 8_388_600, WIDE, ("WO-2605",), "B-104"),
        Place("P05", LOW_FIRST, 40, 65_530, WIDE, ("WO-2606",), "B-105"),
        Place("P06", "press-opcua", 66, 402_118, WIDE, ("WO-2607",), "B-106"),
    )


@dataclass(frozen=True)
class Making:
    """What one press makes: the die, the order of each of its parts, parts of each per stroke."""

    die: str
    items: dict[str, str]
    parts: dict[str, Fraction]


def making(presses: tuple[Place, ...]) -> dict[str, Making]:
    """What each press makes, as the demo's master data say."""
    masters = tomllib.loads(_shipped("masters.toml"))
    item_of = {order["code"]: order["item"] for order in masters["work_order"]}
    die_of = {step["item"]: step["operations"][0] for step in masters["routing"]}
    outputs = {
        die["code"]: {o["item"]: Fraction(o.get("parts", 1)) for o in die["outputs"]}
        for die in masters["die"]
    }
    made: dict[str, Making] = {}
    for place in presses:
        items = {order: item_of[order] for order in place.orders}
        die = die_of[items[place.orders[0]]]
        made[place.press] = Making(die, items, outputs[die])
    return made


def people() -> list[dict[str, str]]:
    """The demo's people with badge and PIN."""
    return tomllib.loads(_shipped("masters.toml"))["person"]


@dataclass(frozen=True)
class Files:
    """The files of one demo, all in its folder."""

    plant: Path
    masters: Path
    factory: Path
    truth: Path


def machines(presses: tuple[Place, ...]) -> list[str]:
    """Names of everything that is read: presses and meters."""
    return [p.press for p in presses] + [m.meter for m in METERS]


def write_files(
    folder: Path, presses: tuple[Place, ...], listening: Mapping[str, int],
    reached: Mapping[str, int], mqtt_port: int, now: datetime,
) -> Files:  # fmt: skip
    """Write plant file, masters and factory plan.

    Machines listen on the ports `listening` and are read on the ports `reached`, the edge calls the
    broker on `mqtt_port`. The plant's shift begins in the minute of `now` and lasts twelve hours.
    """
    made = Files(
        *(folder / name for name in ("plant.toml", "masters.toml", "factory.json", "truth"))
    )
    shown = {name.replace("-", "_"): str(reached[name]) for name in machines(presses)}
    plant = Template(_shipped("plant.toml"))
    made.plant.write_text(plant.substitute(shown, **_shifts(now), mqtt=mqtt_port))
    made.masters.write_text(_shipped("masters.toml"))
    made.factory.write_text(json.dumps(_factory(made.truth, presses, listening), indent=1))
    return made


def free_ports(number: int, host: str = "127.0.0.1", besides: Collection[int] = ()) -> list[int]:
    """So many different loopback ports that nobody uses now, and none of `besides`.

    They lie below those that the kernel lends to outgoing connections: a client that keeps calling
    while its server is away could otherwise be lent that very port, and keep the server out.
    """
    with ExitStack() as held:
        found: list[int] = []
        while len(found) < number:
            probe, port = held.enter_context(socket.socket()), secrets.choice(OWN_PORTS)
            with suppress(OSError):
                probe.bind((host, port))
                if port not in besides:
                    found.append(port)
        return found


def first_free_port(wanted: int, host: str = "127.0.0.1") -> int:
    """The wanted port, or the next one above it that nobody uses."""
    for port in range(wanted, min(wanted + 100, 65_536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if probe.connect_ex((host, port)) == 0:
                continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    return free_ports(1, host)[0]


def _shipped(name: str) -> str:
    return files("pressline.demo").joinpath(name).read_text(encoding="utf-8")


def _shifts(now: datetime) -> dict[str, str]:
    local = now.astimezone(ZoneInfo("Asia/Shanghai"))
    codes = ("day", "night") if 6 <= local.hour < 18 else ("night", "day")
    start, half = (at.strftime("%H:%M") for at in (local, local + timedelta(hours=12)))
    return {"shift": codes[0], "next_shift": codes[1], "start": start, "half": half}


def _factory(
    truth: Path, presses: tuple[Place, ...], ports: Mapping[str, int]
) -> dict[str, object]:
    dies = making(presses)
    return {
        "truth": str(truth),
        "presses": [
            {"name": p.press, "profile": p.profile, "port": ports[p.press], "spm": p.spm}
            | {"counter": p.counter, "modulus": p.modulus, "die": dies[p.press].die}
            for p in presses
        ],
        "meters": [
            {"name": m.meter, "port": ports[m.meter], "presses": list(m.presses)}
            | {"start_wh": m.start_wh, "idle_w": m.idle_w, "stroke_wh": m.stroke_wh}
            for m in METERS
        ],
    }
