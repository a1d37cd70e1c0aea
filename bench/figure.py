"""One measured figure beside its limit."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import ceil


@dataclass(frozen=True)
class Figure:
    """A value and its limit; `sense` is '<' or '>': which side of the limit is good.

    Without a limit it is there for comparison: absolute figures say what this machine does, limits
    are ratios within the run. `absent`: what it needs is not on this machine; then it is not
    measured, which misses nothing.
    """

    name: str
    value: float | None
    sense: str
    limit: float | None
    unit: str
    why_null: str = ""
    absent: bool = False

    @property
    def ratio(self) -> float | None:
        """The value as a share of its limit."""
        return None if self.value is None or self.limit is None else self.value / self.limit

    @property
    def met(self) -> bool:
        """Whether the value is on the good side; a measurement that failed is not met."""
        if self.limit is None or self.absent:
            return True
        if self.value is None:
            return False
        return self.value < self.limit if self.sense == "<" else self.value > self.limit

    def as_row(self) -> dict[str, object]:
        """The figure for JSON."""
        return {**asdict(self), "ratio": self.ratio, "met": self.met}


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least so many percent do not exceed (nearest rank)."""
    if not values:
        raise ValueError("no values, no percentile")
    return sorted(values)[max(0, ceil(len(values) * percent / 100) - 1)]
