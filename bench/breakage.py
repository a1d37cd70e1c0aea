"""Does the faults of a plan to a running demo plant.

Every fault is a generator that takes a step whenever the lab looks at it, so several can be under
way at once. What a fault `holds` (a process, a press, a leg, the database) no other fault touches.
"""

import os
import random
import shutil
import signal
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from bench import garbage
from bench.edge_box import SECOND, EdgeBox
from bench.plan import AT_THE_BOX, BY_THE_CLOCK, KINDS, ON_OPCUA, Planned
from bench.steps import Steps, pause
from bench.surroundings import Disk, WallClock
from database.errors import ServerNotStartedError
from pressline.demo.broker import answers, kept_by_broker
from pressline.demo.processes import Steered
from pressline.demo.reconcile import Fault
from pressline.demo.river import River

IN_OUTBOX = 0.6  # seconds until what was read is on the edge's disk
AGAIN_AFTER = 1.0  # seconds until a process that ended by itself is started again
STANDBY = "standby"
TURNED_AWAY = "disconnected"


@dataclass
class Surroundings:
    """What the lab has put around the plant: its proxy, the edge's disk and the edge's clock."""

    proxy: Steered
    disk: Disk
    clock: WallClock

    def left_out(self) -> dict[str, str]:
        """Kinds that cannot be done here, and why."""
        if self.clock.library is not None:
            return {}
        return dict.fromkeys(BY_THE_CLOCK, "there is no C compiler (cc)")


@dataclass
class Broken:
    """A fault that was done.

    `answered`: when a killed web took connections again (ns). `struck`: what it hit; of a fault in
    the proxy frames or connections, of messages those that the broker took. 0: it did not happen.
    """

    planned: Planned
    began: int = 0
    healed: int = 0
    answered: int | None = None
    struck: int = 1

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
    around: Surroundings
    seed: int
    waiting: deque[Planned]
    tell: Callable[[str], None]
    done: list[Broken] = field(default_factory=list[Broken])
    ended: Counter[str] = field(default_factory=Counter[str])
    _under_way: list[_UnderWay] = field(default_factory=list[_UnderWay])
    _start_at: dict[str, float] = field(default_factory=dict[str, float])

    def __post_init__(self) -> None:
        self._box = EdgeBox(self.river, self.around.disk)

    @property
    def at_rest(self) -> bool:
        """Whether the plan is done and everything is healed."""
        return not (self.waiting or self._under_way or self._start_at)

    def tick(self, elapsed: float) -> None:
        """Take the next step of every fault, then begin what is due; the plan's order is kept."""
        self._under_way = [one for one in self._under_way if not _ended(one.steps)]
        self._keep_alive()
        while self.waiting and self.waiting[0].at_s <= elapsed:
            if not self.waiting[0].needs.isdisjoint(self._held() | self._start_at.keys()):
                return
            self._begin(self.waiting.popleft())

    def _held(self) -> set[str]:
        return {name for one in self._under_way for name in one.holds}

    def _begin(self, planned: Planned) -> None:
        broken, holds = Broken(planned, time.time_ns()), set(planned.needs)
        self.done.append(broken)
        steps = self._steps(broken, holds)
        if not _ended(steps):
            self._under_way.append(_UnderWay(holds, steps))

    def _steps(self, broken: Broken, holds: set[str]) -> Steps:
        planned = broken.planned
        where = f" of {planned.victim}" if planned.victim else ""
        how = f", {planned.how}" if planned.how else ""
        self.tell(f"fault {planned.number}: {planned.kind}{where}, {planned.pause_s} s{how}")
        yield from self._do(broken, holds)
        broken.healed = time.time_ns()
        holds.clear()
        if planned.kind == "web_killed":
            while not answers(self.river.web_port):
                yield
            broken.answered = time.time_ns()

    def _do(self, broken: Broken, holds: set[str]) -> Steps:
        planned = broken.planned
        match planned.kind:
            case kind if KINDS[kind].mood:
                yield from self._spoil(broken)
            case "database_killed":
                yield from self._kill_database(planned)
            case "ingest_taken_over":
                yield from self._hand_over(planned)
            case "power_loss" | "opcua_power_loss":
                yield from self._cut_power(broken, holds)
            case "opcua_restart":
                yield from self._restart_plc(planned)
            case kind if kind in AT_THE_BOX:
                yield from self._at_the_box(broken)
            case "login_refused":
                yield from self._refuse_logins(broken)
            case "rebirth_storm":
                yield from self._storm(broken)
            case "garbage":
                broken.struck = self._send(garbage.messages, planned)
            case kind if kind.endswith("_frozen"):
                yield from self._freeze(planned)
            case _:
                yield from self._kill(planned)

    # -- the edge box -----------------------------------------------------------------------------

    def _at_the_box(self, broken: Broken) -> Steps:
        box, pause_s = self._box, broken.planned.pause_s
        match broken.planned.kind:
            case "clock_forward" | "clock_back":
                yield from self._set_clock(broken.planned)
            case "node_clock_off":
                seconds = int(broken.planned.how["seconds"])
                yield from box.start_at_another_hour(self.around.clock, seconds, pause_s)
            case "disk_full":
                broken.struck = yield from box.full_disk(pause_s)
            case "disk_replaced":
                yield from box.new_disk(pause_s)
            case "disk_restored":
                yield from box.old_disk(pause_s)
            case "edge_started_twice":
                broken.struck = yield from box.start_twice(pause_s)
            case "second_box":
                yield from box.second_box(pause_s)
            case _:
                yield from box.reload(int(broken.planned.how["poll_ms"]), pause_s)

    def _set_clock(self, planned: Planned) -> Steps:
        self.around.clock.set(int(planned.how["seconds"]))
        yield from pause(planned.pause_s)
        self.around.clock.set(0)

    # -- processes --------------------------------------------------------------------------------

    def _kill(self, planned: Planned) -> Steps:
        name = planned.kind.partition("_")[0]
        child = self.river.children.all[name]
        child.kill()
        if planned.kind == "broker_wiped":
            kept = kept_by_broker(self.river.folder)
            shutil.rmtree(kept)
            kept.mkdir()
        yield from pause(planned.pause_s)
        child.start()

    def _freeze(self, planned: Planned) -> Steps:
        """SIGSTOP, then SIGCONT: the process lives, holds its locks and says nothing."""
        child = self.river.children.all[planned.kind.partition("_")[0]]
        pid = child.pid
        os.kill(pid, signal.SIGSTOP)
        yield from pause(planned.pause_s)
        os.kill(pid, signal.SIGCONT)

    def _hand_over(self, planned: Planned) -> Steps:
        """A second ingest stands by; the first is killed, the second takes over; and back."""
        all_, first = self.river.children.all, self.river.children.all["ingest"]
        second = self.river.start_ingest(STANDBY)
        try:
            yield from pause(planned.pause_s)
            first.kill()
            yield from pause(planned.pause_s)
            first.start()
            yield from pause(planned.pause_s)
            second.kill()
        finally:
            if all_.pop(STANDBY, None):
                second.kill()

    def _kill_database(self, planned: Planned) -> Steps:
        server = self.river.server
        server.kill()
        yield from pause(planned.pause_s)
        while True:
            try:
                server.start()
            except ServerNotStartedError as error:  # sessions of the dead server are still there
                self.tell(f"database: starting again: {str(error).splitlines()[-1]}")
                yield from pause(0.5)
            else:
                return

    def _refuse_logins(self, broken: Broken) -> Steps:
        """The broker knows nobody for a while: who is there is turned out, who calls refused."""
        broker, settings = self.river.children.all["broker"], self.river.folder / "mosquitto.conf"
        told, before = broker.said(TURNED_AWAY), settings.read_text()
        settings.write_text(before.replace("allow_anonymous true", "allow_anonymous false"))
        broker.hang_up()
        yield from pause(broken.planned.pause_s)
        settings.write_text(before)
        broker.hang_up()
        broken.struck = broker.said(TURNED_AWAY) - told

    # -- lines and machines -----------------------------------------------------------------------

    def _spoil(self, broken: Broken) -> Steps:
        planned, proxy = broken.planned, self.around.proxy
        proxy.ask(leg=planned.victim, mood=KINDS[planned.kind].mood, **planned.how)
        yield from pause(planned.pause_s)
        broken.struck = proxy.ask(leg=planned.victim, mood="pass")["struck"]

    def _cut_power(self, broken: Broken, holds: set[str]) -> Steps:
        """Strokes that nobody read before the counter was lost are beyond any collector."""
        factory, press = self.river.factory, str(broken.planned.victim)
        factory.order("stop", press)
        while not factory.is_settled(press):
            yield from pause(0.2)
        yield from pause(IN_OUTBOX)
        factory.order("power_off", press)
        broken.began = time.time_ns()
        holds.difference_update({"edge", "disk"})
        yield from pause(broken.planned.pause_s)
        factory.order("power_on", press)
        factory.order("start", press)
        # An OPC UA press cannot tell that it was read while it works; it stands still before it
        # would come to its old value unread.
        while press != ON_OPCUA and not factory.is_known_again(press):
            yield from pause(0.2)

    def _restart_plc(self, planned: Planned) -> Steps:
        """Its program starts anew, its counter is kept; the press goes on."""
        factory, press = self.river.factory, str(planned.victim)
        factory.order("power_off", press, keep=1)
        yield from pause(planned.pause_s)
        factory.order("power_on", press)

    # -- messages ---------------------------------------------------------------------------------

    def _storm(self, broken: Broken) -> Steps:
        """Every half second the same request many times over, as of hosts that start together."""
        end = time.monotonic() + broken.planned.pause_s
        broken.struck = 0
        while time.monotonic() < end:
            broken.struck += self._send(lambda _chance, now: garbage.rebirths(now), broken.planned)
            yield from pause(0.5)

    def _send(self, messages: garbage.Messages, planned: Planned) -> int:
        """Send them; how many the broker took."""
        chance = random.Random(f"{self.seed}/{planned.number}")
        sent = messages(chance, time.time_ns() // 1_000_000)
        try:
            taken = garbage.send(self.river.mqtt_port, sent)
        except OSError as error:  # the broker has just been started, or is frozen
            self.tell(f"{planned.kind} did not reach the broker: {error}")
            return 0
        self.tell(f"{planned.kind}: the broker took {taken} of {len(sent)} messages")
        return taken

    def _keep_alive(self) -> None:
        held, now = self._held(), time.monotonic()
        for name, child in self.river.children.all.items():
            if name in held or child.process is None or child.process.poll() is None:
                continue
            if name in ("factory", "proxy"):
                child.check()
            if name in (STANDBY, SECOND):  # they come and go
                continue
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
