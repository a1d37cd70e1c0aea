"""What is broken on purpose, and when: planned from a seed, then done to a running demo plant.

Every fault is a generator that takes a step whenever the lab looks at it, so several can be under
way at once. What a fault `holds` (a process, a press, the database) no other fault touches.
"""

import random
import time
from collections import Counter, deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from bench import garbage
from database.errors import ServerNotStartedError
from pressline.demo.broker import answers
from pressline.demo.reconcile import Fault
from pressline.demo.river import River

KILLED = {f"{name}_killed": name for name in ("edge", "ingest", "bridge", "web", "broker")}
KINDS = (*KILLED, "database_killed", "network_loss", "power_loss", "garbage")
ON_MODBUS = ("P01", "P02", "P03", "P04", "P05")
# A 16-bit counter near its top cannot tell a power loss from a wrap: P01 keeps its power.
LOSE_POWER = ("P02", "P03", "P04", "P05")
FIRST_AFTER, LAST_BEFORE = 2.0, 4.0  # seconds from the start, and to the end
GAPS = (1.5, 5.5)  # seconds between the beginnings of two faults
PAUSES = (0.2, 4.0)  # seconds a process is away
LOSSES = (1.0, 8.0)  # seconds without network or power
IN_OUTBOX = 0.6  # seconds until what was read is on the edge's disk
AGAIN_AFTER = 1.0  # seconds until a process that ended by itself is started again

Steps = Generator[None]


@dataclass(frozen=True, slots=True)
class Planned:
    """One fault of the plan; `at_s` from the beginning, `pause_s` until it is healed."""

    number: int
    at_s: float
    kind: str
    press: str | None
    pause_s: float

    @property
    def needs(self) -> set[str]:
        """What must be whole before it can be broken."""
        if self.kind in KILLED:
            return {KILLED[self.kind]}
        needed = {"database_killed": {"database"}, "garbage": {"broker"}}.get(self.kind)
        # A press loses power after its last value was read: the edge must be there to read it.
        return needed or {str(self.press)} | ({"edge"} if self.kind == "power_loss" else set())


def plan(seed: int, seconds: float) -> list[Planned]:
    """The faults of one run. Every round has each kind once, in an order of its own."""
    chance = random.Random(seed)
    planned: list[Planned] = []
    at = FIRST_AFTER
    while True:
        for kind in chance.sample(KINDS, len(KINDS)):
            press = _victim(kind, chance)
            pause = chance.uniform(*(LOSSES if press else PAUSES)) if kind != "garbage" else 0.0
            if at > seconds - LAST_BEFORE:
                return planned
            planned.append(Planned(len(planned) + 1, round(at, 2), kind, press, round(pause, 2)))
            at += chance.uniform(*GAPS)


def _victim(kind: str, chance: random.Random) -> str | None:
    victims = {"network_loss": ON_MODBUS, "power_loss": LOSE_POWER}.get(kind)
    return chance.choice(victims) if victims else None


@dataclass
class Broken:
    """A fault that was done. `answered`: when a killed web took connections again (ns)."""

    planned: Planned
    began: int = 0
    healed: int = 0
    answered: int | None = None

    @property
    def fault(self) -> Fault:
        """The fault as the reconciliation knows it."""
        return Fault(self.planned.kind, self.planned.press, self.began, self.healed)


@dataclass
class _UnderWay:
    holds: set[str]
    steps: Steps


@dataclass
class Breaker:
    """Does the plan to one plant, and keeps alive what ends by itself, as a service keeper would.

    `ended` counts, by name, processes that ended although nobody killed them.
    """

    river: River
    seed: int
    waiting: deque[Planned]
    tell: Callable[[str], None]
    done: list[Broken] = field(default_factory=list[Broken])
    ended: Counter[str] = field(default_factory=Counter[str])
    _under_way: list[_UnderWay] = field(default_factory=list[_UnderWay])
    _start_at: dict[str, float] = field(default_factory=dict[str, float])

    @property
    def at_rest(self) -> bool:
        """Whether the plan is done and everything is healed."""
        return not (self.waiting or self._under_way or self._start_at)

    def tick(self, elapsed: float) -> None:
        """Take the next step of every fault, then begin what is due; the plan's order is kept."""
        self._under_way = [one for one in self._under_way if not _ended(one.steps)]
        self._keep_alive()
        while self.waiting and self.waiting[0].at_s <= elapsed:
            if not self.waiting[0].needs.isdisjoint(self._held()):
                return
            self._begin(self.waiting.popleft())

    def _held(self) -> set[str]:
        return {name for one in self._under_way for name in one.holds}

    def _begin(self, planned: Planned) -> None:
        broken, holds = Broken(planned, time.time_ns()), planned.needs
        self.done.append(broken)
        steps = self._steps(broken, holds)
        if not _ended(steps):
            self._under_way.append(_UnderWay(holds, steps))

    def _steps(self, broken: Broken, holds: set[str]) -> Steps:
        planned = broken.planned
        where = f" of {planned.press}" if planned.press else ""
        self.tell(f"fault {planned.number}: {planned.kind}{where}, {planned.pause_s} s")
        match planned.kind:
            case "database_killed":
                yield from self._kill_database(planned)
            case "network_loss":
                yield from self._cut_network(planned)
            case "power_loss":
                yield from self._cut_power(broken, holds)
            case "garbage":
                self._send_garbage(planned)
            case _:
                yield from self._kill(planned)
        broken.healed = time.time_ns()
        holds.clear()
        if planned.kind == "web_killed":
            while not answers(self.river.web_port):
                yield
            broken.answered = time.time_ns()

    def _kill(self, planned: Planned) -> Steps:
        name = KILLED[planned.kind]
        child = self.river.children.all[name]
        self._start_at.pop(name, None)
        child.kill()
        yield from _pause(planned.pause_s)
        child.start()

    def _kill_database(self, planned: Planned) -> Steps:
        server = self.river.server
        server.kill()
        yield from _pause(planned.pause_s)
        while True:
            try:
                server.start()
            except ServerNotStartedError as error:  # sessions of the dead server are still there
                self.tell(f"database: starting again: {str(error).splitlines()[-1]}")
                yield from _pause(0.5)
            else:
                return

    def _cut_network(self, planned: Planned) -> Steps:
        self.river.factory.order("network_off", planned.press)
        yield from _pause(planned.pause_s)
        self.river.factory.order("network_on", planned.press)

    def _cut_power(self, broken: Broken, holds: set[str]) -> Steps:
        """Strokes that nobody read before the counter was lost are beyond any collector."""
        factory, press = self.river.factory, str(broken.planned.press)
        factory.order("stop", press)
        while not factory.is_settled(press):
            yield from _pause(0.2)
        yield from _pause(IN_OUTBOX)
        factory.order("power_off", press)
        broken.began = time.time_ns()
        holds.discard("edge")
        yield from _pause(broken.planned.pause_s)
        factory.order("power_on", press)
        factory.order("start", press)

    def _send_garbage(self, planned: Planned) -> None:
        chance = random.Random(f"{self.seed}/{planned.number}")
        try:
            taken = garbage.send(self.river.mqtt_port, chance, time.time_ns() // 1_000_000)
            self.tell(f"garbage: the broker took {taken} of {garbage.MESSAGES} bad messages")
        except OSError as error:  # the broker has just been started and does not listen yet
            self.tell(f"garbage did not reach the broker: {error}")

    def _keep_alive(self) -> None:
        held, now = self._held(), time.monotonic()
        for name, child in self.river.children.all.items():
            if name in held or child.process is None or child.process.poll() is None:
                continue
            if name == "factory":
                child.check()
            if name not in self._start_at:
                self.ended[name] += 1
                self.tell(f"{name} ended by itself:\n{child.last_lines()}")
                self._start_at[name] = now + AGAIN_AFTER
            elif now >= self._start_at[name]:
                del self._start_at[name]
                child.start()


def _ended(steps: Steps) -> bool:
    ended = object()
    return next(steps, ended) is ended


def _pause(seconds: float) -> Steps:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
