"""A random floor: two operations of one part on two presses, and a left/right die on a third."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from bench.floor.model import Deed, Press, Side, work

MINUTE = 60_000  # ms, as all instants of a floor
OPERATOR, LEADER = "W01", "S01"
BIG = 100_000
NIGHTS = {
    "day": (datetime(2026, 3, 2, 0, 0, tzinfo=UTC), "Asia/Shanghai"),
    "border": (datetime(2026, 3, 2, 11, 40, tzinfo=UTC), "Asia/Shanghai"),
    "spring": (datetime(2026, 3, 29, 0, 35, tzinfo=UTC), "Europe/Berlin"),
    "autumn": (datetime(2026, 10, 25, 0, 35, tzinfo=UTC), "Europe/Berlin"),
}
BORDERS = {"border": [20 * MINUTE]}  # ends of shifts after the start
DIES = {
    "P01": ("D-10", [Side("PART", 10, "COIL-A", "0.25")]),
    "P02": ("D-20", [Side("PART", 20)]),
    "P03": ("D-LR", [Side("LEFT", 10, "COIL-B", "0.2"), Side("RIGHT", 10, "COIL-B", "0.3")]),
}
LOTS = {"P01": ["A-1", "A-2", "A-3", "A-4"], "P02": [], "P03": ["B-1", "B-2", "B-3", "B-4"]}


class Act(NamedTuple):
    """An act as it is sent; `number` names it."""

    at: int
    number: int
    who: str
    press: str
    act: str
    args: dict[str, Any]


class Reading(NamedTuple):
    """A counter read at an instant, and when that arrived."""

    arrived: int
    at: int
    value: int


@dataclass(slots=True)
class World:
    """A floor: what happened, what was sent, what was read."""

    seed: int
    night: str
    presses: dict[str, Press] = field(default_factory=dict[str, Press])
    acts: list[Act] = field(default_factory=list[Act])
    readings: dict[str, list[Reading]] = field(default_factory=dict[str, list[Reading]])
    orders: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])
    coils: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])
    end: int = 0

    @property
    def items(self) -> dict[str, str]:
        """Order -> item."""
        return {order: item for order, (item, _) in self.orders.items()}

    @property
    def borders(self) -> list[int]:
        """Ends of shifts after the start."""
        return BORDERS.get(self.night, [])

    def instant(self, at: int) -> datetime:
        """The time of so many milliseconds after the start."""
        return NIGHTS[self.night][0] + timedelta(milliseconds=at)


def furnished(seed: int, rng: random.Random) -> World:
    """Orders and coils of a floor on which nobody has worked yet."""
    world = World(seed, rng.choice(list(NIGHTS)))
    world.orders = dict.fromkeys(("WO-A1", "WO-A2", "WO-X"), ("PART", BIG))
    for side, item in (("L", "LEFT"), ("R", "RIGHT")):
        world.orders[f"WO-{side}X"] = (item, BIG)
        for n in range(1, 4):
            world.orders[f"WO-{side}{n}"] = (item, rng.choice([BIG, BIG, 20, 45]))
    for press, item in (("P01", "COIL-A"), ("P03", "COIL-B")):
        for lot in LOTS[press]:
            world.coils[lot] = (item, rng.choice([3, 10, 500]))
    return world


def uuid(number: int) -> str:
    """The id of an act."""
    return f"00000000-0000-4000-8000-{number:012d}"


class Crew:
    """Who works at one press, and what they do through the story."""

    def __init__(
        self, world: World, rng: random.Random, name: str, budget: Counter[str] | None = None
    ) -> None:
        die, sides = DIES[name]
        self.world, self.rng, self.budget = world, rng, budget
        self.press = world.presses[name] = Press(name, sides)
        self.clock = rng.randrange(2_000, 240_000 if name == "P02" else 20_000, 2)
        self.lots = iter(LOTS[name])
        self.queue = {side: iter([f"WO-{side}{n}" for n in range(1, 4)]) for side in "LR"}
        self.on: dict[str, str] = {}
        self.passed = False
        self.do("mount", {"die": die})

    def shift(self) -> Counter[str]:
        """All jobs of the press; good parts of each order afterwards."""
        for _ in range(self.rng.randint(2, 4)):
            if self.rng.random() < 0.3:
                self.strokes(self.rng.randint(1, 8))  # before anybody scanned
            self.job()
            if self.on and self.rng.random() < 0.7:
                self.finish()
        if self.on:
            self.finish()
        made = work(self.press, self.world.items, self.world.borders)
        return Counter(p.order for p in made.parts if p.kind == "production" and p.order)

    def job(self) -> None:
        """One job: scanned, released, and worked at."""
        for order in self.next_orders():
            self.scan(order, coil=self.rng.random() < 0.5)
        if not self.on:
            return
        if not self.passed:
            self.strokes(self.rng.randint(0, 6))
            self.deed("first_article", {"pass": True}, "pass", who=LEADER)
            self.passed = True
        for _ in range(self.rng.randint(1, 4)):
            self.strokes(self.rng.randint(3, 25))
            self.rng.choice(self.happenings())()

    def happenings(self) -> list[Callable[[], None]]:
        """What may come between two bursts of strokes."""
        there = [self.pause, self.wrong_scan, self.pause]
        if self.press.name == "P03":
            there += [self.side_changes, self.side_changes]
        return [*there, self.change_coil] if self.press.sides[0].coil else there

    def next_orders(self) -> list[str]:
        """What is scanned next."""
        if self.press.name != "P03":
            return [self.rng.choice(["WO-A1", "WO-A2"])]
        sides = self.rng.choice(["L", "R", "LR", "RL"])
        return [order for side in sides if (order := next(self.queue[side], None))]

    def scan(self, order: str, *, coil: bool) -> None:
        """Scan an order, and a coil where there is one to scan."""
        lot = next(self.lots, "") if coil and self.press.sides[0].coil else ""
        args = {"work_order": order} | ({"lot": lot} if lot else {})
        self.deed("scan", args, "scan", order=order, lot=lot)
        self.on[self.world.items[order]] = order

    def side_changes(self) -> None:
        """The other side's order joins, or one side gets its next order."""
        order = next(self.queue[self.rng.choice("LR")], None)
        if order:
            self.scan(order, coil=False)

    def change_coil(self) -> None:
        """A coil is changed while the job goes on."""
        self.scan(self.rng.choice(list(self.on.values())), coil=True)

    def wrong_scan(self) -> None:
        """A wrong paper, a few strokes, and the mistake undone: as if it had not been."""
        wrong = self.rng.choice(["WO-LX", "WO-RX"]) if self.press.name == "P03" else "WO-X"
        if self.world.items[wrong] not in self.on:
            return  # it would be the first order of that side, not another one
        self.wait(1_000, 8_000)
        number = self.do("scan", {"work_order": wrong})
        self.strokes(self.rng.randint(0, 6))
        self.wait(1_000, 8_000)
        self.do("undo", {"act": uuid(number)})

    def finish(self) -> None:
        """The job ends."""
        self.deed("finish", {}, "finish")
        self.on = {}

    def pause(self) -> None:
        """Nothing happens for a while."""
        self.wait(40_000, 180_000)

    def strokes(self, n: int) -> None:
        """So many strokes; at the second operation no more than there are parts."""
        for _ in range(n):
            if self.budget is not None:
                order = self.on.get("PART", "")
                if self.budget[order] <= 0:
                    return
                self.budget[order] -= 1
            self.wait(1_500, 6_000)
            self.press.strokes.append(self.clock)

    def wait(self, least: int, most: int) -> None:
        """Let time pass; strokes come at even milliseconds, acts at odd ones."""
        self.clock += self.rng.randrange(least, most, 2)

    def deed(
        self, act: str, args: dict[str, Any], kind: str, *, who: str = OPERATOR, order: str = "",
        lot: str = "",
    ) -> None:  # fmt: skip
        """Do what is meant."""
        self.wait(1_000, 8_000)
        number = self.do(act, args, who)
        self.press.deeds.append(Deed(self.world.acts[number - 1].at, kind, order, lot))

    def do(self, act: str, args: dict[str, Any], who: str = OPERATOR) -> int:
        """Send an act; its number."""
        number = len(self.world.acts) + 1
        made = Act(self.clock + 1, number, who, self.press.name, act, args)
        self.world.acts.append(made)
        self.clock += 2
        return number
