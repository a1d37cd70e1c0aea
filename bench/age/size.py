"""How big and how old the plant is; what follows from that."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

EVERY_S = 375  # a press is read so often; from FIRST to LAST of each day every reading is a stroke
FIRST, LAST = 58, 211  # 06:02:30 and 21:58:45
NOON = 115  # the last reading before the present, which is a noon
BEGAN = datetime(2024, 5, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Size:
    """The plant's measures; as it stands, two years and four months of 60 presses."""

    presses: int = 60
    days: int = 868  # whole days before the present, which is the noon of the next
    minute_days: int = 35  # of them, the last so many have facts by the minute, others by the hour
    orders: int = 20_000
    reports: int = 10  # of each order
    moves: int = 2_000_000
    acts: int = 200_000
    unseen_days: int = 500  # each press has two counts over unseen time on each of the first days
    items: int = 100  # that are bought, beside one part for each die

    @property
    def now(self) -> datetime:
        """The present."""
        return BEGAN + timedelta(days=self.days, hours=12)

    @property
    def hours(self) -> int:
        """Whole hours from the beginning to the present."""
        return self.days * 24 + 12

    @property
    def run_hours(self) -> int:
        """How long each run was: nine of ten orders were on a press."""
        return max(2, self.hours * self.presses * 10 // (self.orders * 9))

    @property
    def runs(self) -> int:
        """Runs of each press, one after the other; the last one is open."""
        return -(-self.hours // self.run_hours)

    @property
    def places(self) -> dict[str, object]:
        """All of it by name, for SQL."""
        return {
            **asdict(self),
            "began": BEGAN,
            "now": self.now,
            "hours": self.hours,
            "hour_facts": (self.days - self.minute_days) * 24,
            "run_hours": self.run_hours,
            "runs": self.runs,
            "every": EVERY_S,
            "first": FIRST,
            "last": LAST,
            "strokes": LAST - FIRST + 1,
            "read": self.days * (24 * 3600 // EVERY_S + 1) + NOON + 1,
        }


SMALL = Size(
    presses=3, days=6, minute_days=2, orders=40, reports=3, moves=400, acts=90, unseen_days=3,
    items=3,
)  # fmt: skip
FRESH = Size(
    presses=10, days=2, minute_days=1, orders=40, reports=2, moves=400, acts=40, unseen_days=1,
    items=10,
)  # fmt: skip
