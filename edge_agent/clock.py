"""The edge's clock: wall time carried by the monotonic clock between steps of the wall clock."""

import time
from collections.abc import Callable
from pathlib import Path

import structlog

BOOT = Path("/proc/sys/kernel/random/boot_id")  # the monotonic clock goes on until the next boot
STEP_MS = 200  # what NTP slews away stays below this between two calls; more is a step

log = structlog.get_logger()


class Clock:
    """Milliseconds since 1970 UTC that only jump when the wall clock was set; one per agent.

    `stepped` hears of each step once, with its size and the new time (both in ms), before anything
    is captured at the new time. Asked from the event loop only.
    """

    def __init__(self, stepped: Callable[[int, int], None] | None = None) -> None:
        self.stepped = stepped
        self.offset = self._wall() - self._steady()

    def now(self) -> int:
        """The time in ms; a step of the wall clock is followed and told."""
        steady, wall = self._steady(), self._wall()
        step = wall - steady - self.offset
        if abs(step) > STEP_MS:
            self.offset += step
            log.warning("clock_stepped", by_ms=step)
            if self.stepped:
                self.stepped(step, wall)
        return steady + self.offset

    @property
    def mark(self) -> str:
        """Where the clock stands, to be kept; empty where one boot cannot be told from another."""
        boot = self._boot()
        return f"{boot} {self.offset}" if boot else ""

    def set_since(self, mark: str) -> int:
        """By how much (ms) the wall clock was set since a mark; 0 where that cannot be known."""
        boot, _, offset = mark.rpartition(" ")
        if not boot or boot != self._boot():
            return 0
        by = self.offset - int(offset)
        return by if abs(by) > STEP_MS else 0

    def _boot(self) -> str:
        try:
            return BOOT.read_text().strip()
        except OSError:
            return ""

    def _wall(self) -> int:
        return time.time_ns() // 1_000_000

    def _steady(self) -> int:
        return time.monotonic_ns() // 1_000_000
