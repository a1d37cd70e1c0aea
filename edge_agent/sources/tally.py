"""What reading the machines came to: plain numbers, counted where it happens, read when asked."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

LATENESS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)


class Histogram:
    """How many values fell at or below each bound; the last count is of those beyond all."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """One more value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


@dataclass(slots=True)
class Tally:
    """One machine: how often it was asked, what it told by itself, and what went wrong."""

    round_trips: int = 0
    notifications: int = 0
    no_answer: int = 0
    refused: int = 0
    overflows: int = 0


@dataclass(slots=True)
class Tallies:
    """All machines of a node, and how late their polls began (seconds)."""

    lateness: Histogram = field(default_factory=lambda: Histogram(LATENESS_S))
    by_device: dict[str, Tally] = field(default_factory=dict[str, Tally])

    def of(self, device: str) -> Tally:
        """The tally of that machine."""
        tally = self.by_device.get(device)
        if tally is None:
            tally = self.by_device[device] = Tally()
        return tally
