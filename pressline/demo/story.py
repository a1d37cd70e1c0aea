"""What breaks on purpose, and when: one list of steps over the length of the demo."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import itemgetter

from pressline.demo import shopfloor
from pressline.demo.crew import Crew
from pressline.demo.reconcile import Fault
from pressline.demo.river import River

SHORTEST = 12.0  # seconds; shorter demos leave the faults out
POLL_PATIENCE = 10.0  # seconds to wait for the last value of a stopped press


@dataclass
class Story:
    """The faults of one run, scaled to its length in seconds; `faults` fills as they happen."""

    seconds: float
    river: River
    crew: Crew
    tell: Callable[[str], None]
    faults: list[Fault] = field(default_factory=list[Fault])
    left_out: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        n = self.seconds
        self._began: dict[str, int] = {}
        self._jam_since = datetime.now(UTC)
        steps: list[tuple[float, Callable[[], None]]] = [
            (0.12 * n, self._power_off),
            (0.12 * n + min(6.0, max(1.5, n / 20)), self._power_on),
            (0.27 * n, self._network_off),
            (0.27 * n + min(10.0, n / 5), self._network_on),
            (0.30 * n, self._jam),
            (0.30 * n + min(6.0, n / 8), self._explain_jam),
            (0.58 * n, lambda: self._kill("edge")),
            (0.76 * n, lambda: self._kill("ingest")),
        ]
        if n < SHORTEST:
            self.left_out += ["power_loss", "network_loss", "edge_killed", "ingest_killed"]
            steps = []
        self._steps = sorted(steps, key=itemgetter(0))
        self._started = time.monotonic()

    def tick(self) -> None:
        """Do the steps that are due."""
        while self._steps and time.monotonic() >= self._started + self._steps[0][0]:
            self._steps.pop(0)[1]()

    def _power_off(self) -> None:
        """The press is stopped first, and its last value read: no stroke falls into the dark."""
        press, factory = shopfloor.LOSES_POWER, self.river.factory
        self._began[press] = time.time_ns()
        factory.order("stop", press)
        end = time.monotonic() + POLL_PATIENCE
        while not factory.is_settled(press):
            if time.monotonic() > end:
                self.left_out.append("power_loss")
                factory.order("start", press)
                return
            time.sleep(0.05)
        factory.order("power_off", press)
        self.tell(f"{press}: PLC loses power; its counter will start from 0")

    def _power_on(self) -> None:
        press = shopfloor.LOSES_POWER
        if "power_loss" in self.left_out:
            return
        self.river.factory.order("power_on", press)
        self.river.factory.order("start", press)
        self._healed("power_loss", press)

    def _network_off(self) -> None:
        press = shopfloor.LOSES_NETWORK
        self._began[press] = time.time_ns()
        self.river.factory.order("network_off", press)
        self.tell(f"{press}: network lost; the press goes on")

    def _network_on(self) -> None:
        press = shopfloor.LOSES_NETWORK
        self.river.factory.order("network_on", press)
        self._healed("network_loss", press)

    def _jam(self) -> None:
        self._jam_since = datetime.now(UTC)
        seconds = min(8.0, self.seconds / 7)
        self.river.factory.order("jam", shopfloor.JAMS, seconds=seconds)
        self.tell(f"{shopfloor.JAMS}: jam for {seconds:.0f} s")

    def _explain_jam(self) -> None:
        self.crew.give_stop_reason(shopfloor.JAMS, self._jam_since)

    def _kill(self, name: str) -> None:
        began = time.time_ns()
        pids = self.river.restart_killed(name)
        self.faults.append(Fault(f"{name}_killed", None, began, time.time_ns(), pids))
        self.tell(f"{name}: SIGKILL (pid {pids[0]}), started again (pid {pids[1]})")

    def _healed(self, kind: str, press: str) -> None:
        self.faults.append(Fault(kind, press, self._began[press], time.time_ns()))
        self.tell(f"{press}: {kind.replace('_', ' ')} is over")
