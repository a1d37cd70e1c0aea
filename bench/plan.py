"""What is broken, when and how: the plan of a fault run, made from its seed alone."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

from pressline.demo.river import EDGE_BROKER, INGEST_BROKER

FIRST_AFTER, LAST_BEFORE = 2.0, 4.0  # seconds from the start, and to the end
GAPS = (0.6, 3.6)  # seconds between the beginnings of two faults
PAUSES = (0.2, 4.0)  # seconds a process is away
LOSSES = (1.0, 8.0)  # seconds without network, power, disk or the right time
HOUR = 3600

ON_MODBUS = ("P01", "P02", "P03", "P04", "P05", "P01-energy", "L2-energy")
ON_OPCUA = "P06"
# A 16-bit counter near its top cannot tell a power loss from a wrap: P01 keeps its power.
LOSE_POWER = ("P02", "P03", "P04", "P05")
TO_PLC = (*ON_MODBUS, ON_OPCUA)
TO_BROKER = (EDGE_BROKER, INGEST_BROKER)

How = dict[str, float | str]


@dataclass(frozen=True, slots=True)
class Planned:
    """One fault of the plan; `at_s` from the beginning, `pause_s` until it is healed.

    `victim`: a press, a meter or a leg to the broker; None where the kind says it. `needs`: what
    must be whole before. `how`: further parameters.
    """

    number: int
    at_s: float
    kind: str
    victim: str | None
    pause_s: float
    needs: frozenset[str] = frozenset()
    how: How = field(default_factory=dict[str, "float | str"], hash=False)

    @property
    def press(self) -> str | None:
        """The one press that it concerns; None: all."""
        return self.victim if self.victim in (*LOSE_POWER, "P01", ON_OPCUA) else None


@dataclass(frozen=True)
class Kind:
    """A kind of fault: whom it can hit, for how long, what must be whole, and its parameters.

    `needs` None: the victim itself.
    """

    pauses: tuple[float, float] = LOSSES
    victims: Sequence[str | None] = (None,)
    needs: frozenset[str] = frozenset()
    how: Callable[[random.Random], How] = field(default=lambda _chance: {})
    mood: str = ""  # of the proxy

    def draw(self, number: int, at: float, kind: str, chance: random.Random) -> Planned:
        """One fault of this kind."""
        victim = chance.choice(self.victims)
        pause = round(chance.uniform(*self.pauses), 2)
        needs = self.needs | ({victim} if victim else set[str]())
        return Planned(number, round(at, 2), kind, victim, pause, needs, self.how(chance))


def _way(chance: random.Random) -> How:
    return {"way": chance.choice(("up", "down"))}


def _late(chance: random.Random) -> How:
    low = round(chance.uniform(0.05, 0.4), 3)
    return {"low": low, "high": round(low + chance.uniform(0.1, 2.6), 3), **_some(chance)}


def _too_late(chance: random.Random) -> How:
    """Beyond the second for which an answer is awaited."""
    return {"way": "down", "low": 1.05, "high": 2.5, **_some(chance)}


def _slow(chance: random.Random) -> How:
    return {"rate": round(chance.uniform(200, 3000))}


def _inside(chance: random.Random) -> How:
    part = round(chance.uniform(0.0, 0.95), 3)
    return {**_way(chance), "part": part, "end": chance.choice(("rst", "fin"))}


def _some(chance: random.Random) -> How:
    return {"share": round(chance.uniform(0.3, 1.0), 3), "seed": chance.randrange(1 << 32)}


def _some_replies(chance: random.Random) -> How:
    return {"way": "down", **_some(chance)}


def _deaf(chance: random.Random) -> How:
    return {"low": round(chance.uniform(0.5, 4.0), 2)}


def _mute(chance: random.Random) -> How:
    """Registers that no count comes from: alarm of either press profile, watts of the meters."""
    instead = chance.choice(("", "short", "close", "code"))
    return {"registers": "18 103 52", "instead": instead}


def _excuse(chance: random.Random) -> How:
    return {**_some_replies(chance), "code": chance.choice((1, 2, 4, 5, 6, 11))}


def _forward(chance: random.Random) -> How:
    return {"seconds": HOUR}


def _back(chance: random.Random) -> How:
    return {"seconds": -HOUR}


def _hours(chance: random.Random) -> How:
    """Local time for UTC, the other way, or an empty battery: all within the day that is mended."""
    return {"seconds": chance.choice((-12, -8, -3, 3, 8, 12)) * HOUR}


def _pace(chance: random.Random) -> How:
    return {"poll_ms": chance.choice((200, 700, 1500))}


def _killed(name: str) -> Kind:
    return Kind(PAUSES, needs=frozenset({name}))


def _frozen(name: str) -> Kind:
    return Kind(needs=frozenset({name}))


def _whole(*names: str) -> frozenset[str]:
    return frozenset(names)


# What the strokes were when power was lost must have reached the disk: docs/reliability.md.
READ = _whole("edge", "disk")
BY_THE_CLOCK = ("clock_forward", "clock_back", "node_clock_off")
AT_THE_BOX: dict[str, Kind] = {
    "clock_forward": Kind(needs=_whole("clock"), how=_forward),
    "clock_back": Kind(needs=_whole("clock"), how=_back),
    "node_clock_off": Kind(needs=READ | {"clock"}, how=_hours),
    "edge_reloaded": Kind(needs=_whole("edge"), how=_pace),
    "edge_started_twice": Kind(needs=READ),
    "second_box": Kind(needs=READ),
    "disk_full": Kind(needs=READ),
    "disk_replaced": Kind(PAUSES, needs=READ),
    "disk_restored": Kind(needs=READ),
}
KINDS: dict[str, Kind] = {
    "edge_killed": _killed("edge"),
    "ingest_killed": _killed("ingest"),
    "bridge_killed": _killed("bridge"),
    "web_killed": _killed("web"),
    "broker_killed": _killed("broker"),
    "broker_wiped": _killed("broker"),
    "database_killed": _killed("database"),
    "ingest_taken_over": _killed("ingest"),
    "edge_frozen": _frozen("edge"),
    "ingest_frozen": _frozen("ingest"),
    "bridge_frozen": _frozen("bridge"),
    "broker_frozen": _frozen("broker"),
    "plc_dropped": Kind(victims=ON_MODBUS, mood="drop"),
    "plc_held": Kind(victims=TO_PLC, mood="hold"),
    "plc_half_open": Kind(victims=TO_PLC, mood="half", how=_way),
    "plc_refused": Kind(victims=TO_PLC, mood="refuse"),
    "plc_delayed": Kind(victims=TO_PLC, mood="delay", how=_late),
    "plc_throttled": Kind(victims=TO_PLC, mood="throttle", how=_slow),
    "plc_frame_cut": Kind(victims=TO_PLC, mood="cut", how=_inside),
    "plc_reply_late": Kind(victims=ON_MODBUS, mood="delay", how=_too_late),
    "plc_reply_swapped": Kind(victims=ON_MODBUS, mood="stale", how=_some_replies),
    "plc_reply_doubled": Kind(victims=ON_MODBUS, mood="double", how=_some_replies),
    "plc_deaf": Kind(victims=ON_MODBUS, mood="deaf", how=_deaf),
    "plc_closing": Kind(victims=ON_MODBUS, mood="closing"),
    "plc_register_mute": Kind(victims=ON_MODBUS, mood="mute", how=_mute),
    "plc_excuses": Kind(victims=ON_MODBUS, mood="excuse", how=_excuse),
    "plc_unnumbered": Kind(victims=ON_MODBUS, mood="number", how=_some_replies),
    "broker_dropped": Kind(victims=TO_BROKER, mood="drop", how=_some),
    "broker_held": Kind(victims=TO_BROKER, mood="hold"),
    "broker_half_open": Kind(victims=TO_BROKER, mood="half", how=_way),
    "broker_refused": Kind(victims=TO_BROKER, mood="refuse"),
    "broker_delayed": Kind(victims=TO_BROKER, mood="delay", how=_late),
    "broker_throttled": Kind(victims=TO_BROKER, mood="throttle", how=_slow),
    "broker_frame_cut": Kind(victims=TO_BROKER, mood="cut", how=_inside),
    "power_loss": Kind(victims=LOSE_POWER, needs=READ),
    "opcua_restart": Kind(victims=(ON_OPCUA,)),
    "opcua_power_loss": Kind(victims=(ON_OPCUA,), needs=READ),
    **AT_THE_BOX,
    "login_refused": Kind(needs=_whole("broker")),
    "rebirth_storm": Kind((0.5, 2.0), needs=_whole("broker")),
    "garbage": Kind((0.0, 0.0), needs=_whole("broker")),
}


def plan(seed: int, seconds: float, kinds: Sequence[str] = tuple(KINDS)) -> list[Planned]:
    """The faults of one run. Every round has each kind once, in an order of its own."""
    planned: list[Planned] = []
    for fault in _endless(random.Random(seed), kinds):
        if fault.at_s > seconds - LAST_BEFORE:
            break
        planned.append(fault)
    return planned


def _endless(chance: random.Random, kinds: Sequence[str]) -> Iterator[Planned]:
    at, order = FIRST_AFTER, list[str]()
    for number in count(1):
        order = order or chance.sample(kinds, len(kinds))
        kind = order.pop()
        yield KINDS[kind].draw(number, at, kind, chance)
        at += chance.uniform(*GAPS)
