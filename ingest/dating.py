"""When a record was made, where the clock of its edge node is wrong.

Without input/output. The records of an outbox come in the order in which they were made, and none
was made after it came: a time that breaks this comes from a clock that is off. By how much, the
time of publishing tells, which is by the same clock. Times are milliseconds since 1970.
"""

from dataclasses import dataclass

AHEAD = 5_000  # of this host's clock, before a node's clock is taken to be wrong
BACK = 2_000  # behind the record before; polls of several machines overlap by less


@dataclass
class Dating:
    """The times of one outbox: `newest` given so far, `by` what was added to the last record."""

    newest: int = 0
    by: int = 0

    def add(self, at: int, sent_at: int, now: int) -> int:
        """What to add to the times of the next record, captured at `at`; 0 nearly always."""
        if self._fits(at, now):
            self.by = 0
        elif not self._fits(at + self.by, now):
            self.by = max(self.newest - at, min(now - sent_at, now - at))
        self.newest = max(self.newest, at + self.by)
        return self.by

    def _fits(self, at: int, now: int) -> bool:
        return self.newest - BACK <= at <= now + AHEAD


def shown(at: int, sent_at: int, now: int) -> int:
    """The time of a current value, as births tell them, outside the order of records."""
    return at if at <= now + AHEAD else min(now, at + now - sent_at)
