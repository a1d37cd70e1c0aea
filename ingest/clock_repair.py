"""When a record was made, where the clock of its edge node is wrong.

Without input/output. The records of an outbox come in the order in which they were made, and none
was made after it came: a time that breaks this comes from a clock that is off. By how much, the
time of publishing tells, which is by the same clock. Times are milliseconds since 1970.
"""

from dataclasses import dataclass
from math import inf

from edge_agent.sparkplug_pb2 import Metric, Payload
from edge_agent.wire import SOURCE_AT, DataType, write_property

AHEAD = 5_000  # of this host's clock, before a node's clock is taken to be wrong
BACK = 10_000  # behind the record before: a slow machine's poll ends after others that began later
A_STEP = 2_000  # the clock was set back by more, and its node says so: times are not turned back
A_WHILE = 60_000  # a message is not longer on its way; a time once given may lie ahead so far
SLOWER = 5  # times that ran ahead are let back by a fifth of the time that passes


@dataclass
class Dating:
    """The times of one outbox: `newest` given so far, `by` what was added to the last record."""

    newest: int = 0
    by: int = 0
    _stepped: int = 0
    _at: int = 0

    def stepped(self, by: int) -> None:
        """The next record tells that the node's clock was set by so much."""
        self._stepped = by

    def add(self, at: int, sent_at: int, now: int, set_since: int = 0) -> int:
        """What to add to the times of the next record, captured at `at`; 0 nearly always.

        `set_since`: by how much the node's clock was set between this record and its publishing.
        """
        behind = self.newest > now + A_WHILE  # this host's clock was set back: nodes are believed
        latest = inf if behind else now + A_WHILE
        turned = self._stepped < -A_STEP and at < self.newest
        if _is_right_now(set_since, sent_at, now) and self._fits(at + set_since, now + AHEAD):
            self.by = set_since
        elif self._fits(at, now + AHEAD) and not turned and self._is_right(at):
            self.by = 0
        elif self._fits(at + self.by, latest) and not turned:
            self._let_back(at, sent_at, now)
        elif self._fits(at + self.by - self._stepped, latest):
            self.by -= self._stepped
        else:
            self.by = max(self.newest - at, min(now - sent_at, now - at))
        self._stepped, self._at = 0, at
        self.newest = max(self.newest, at + self.by)
        return self.by

    def _fits(self, at: int, latest: float) -> bool:
        return self.newest - BACK <= at <= latest

    def _is_right(self, at: int) -> bool:
        """A time that fits as it is; the first one whatever the host before this one added."""
        return self.by == 0 or at >= self.newest or self._at == 0

    def _let_back(self, at: int, sent_at: int, now: int) -> None:
        """A clock that is right again, behind times that were given too late: never turned back."""
        if abs(now - sent_at) < A_WHILE and 0 < self.by < A_WHILE:
            self.by -= min(self.by, max(0, at - self._at) // SLOWER)


def _is_right_now(set_since: int, sent_at: int, now: int) -> bool:
    """Whether a clock that was set is right since: then it says how wrong it was before."""
    return abs(set_since) > A_STEP and -AHEAD <= now - sent_at <= A_WHILE


def shown(at: int, sent_at: int, now: int) -> int:
    """The time of a current value, as births tell them, outside the order of records."""
    return at if at <= now + AHEAD else min(now, at + now - sent_at)


# -- foreign nodes --------------------------------------------------------------------------------

SECONDS = range(946_684_800, 4_102_444_800)  # 2000 to 2100, told in s where ms are due


def in_ms(told: int) -> int:
    """A time in the unit that the standard demands, where a node told it in s, us or ns."""
    if told in SECONDS:
        return told * 1000
    if told // 1_000_000 in SECONDS:
        return told // 1000
    return told // 1_000_000 if told // 1_000_000_000 in SECONDS else told


@dataclass
class ForeignClock:
    """How wrong the clock of a foreign node is: what it says is sent when it is said.

    So the time of publishing is compared with that of arrival; what it says of its past
    (`is_historical`) is put right by as much. `by` was added to the last message (ms), `newest` is
    the last time of publishing as it was put right.
    """

    by: int = 0
    newest: int = 0
    odd: bool = False  # its times are not in ms; it was told

    def add(self, sent_at: int, now: int) -> int:
        """What to add to the times of a message published at `sent_at`; 0 for a clock that fits."""
        off = now - sent_at
        if -AHEAD <= off <= A_WHILE:
            self.by = 0
        elif not self.by or abs(off - self.by) > A_STEP:
            self.by = off
        else:  # it was the faster on its way, the less is added; times are not turned back
            self.by = max(min(self.by, off), min(self.newest, now) - sent_at)
        self.newest = sent_at + self.by
        return self.by


def put_right(payload: Payload, clock: ForeignClock, now: int) -> None:
    """Date a foreign message anew where its clock is wrong; its own time stays beside.

    A metric's time after that of its own publishing comes from yet another clock.
    """
    said = payload.timestamp
    sent_at = in_ms(said) if said else now
    by = clock.add(sent_at, now)
    payload.timestamp = sent_at + by
    for metric in payload.metrics:
        own = metric.timestamp
        at = in_ms(own) if own else sent_at
        shift = by if at <= sent_at + AHEAD else sent_at + by - at
        if shift:
            date_anew(metric, at, shift)
        elif own != at and own:
            metric.timestamp = at


def date_anew(metric: Metric, at: int, by: int) -> None:
    """Add to a time that cannot be; it stays beside unless the device told one (ms)."""
    metric.timestamp = at + by
    if SOURCE_AT not in metric.properties.keys:
        write_property(metric, SOURCE_AT, DataType.DATETIME, at)
