"""What may be sent, and when to go back: the sender's side of docs/wire.md, without input/output.

Events go in (a record was sent, an acknowledgement came, time passed), what to do comes out. Times
are seconds of any clock that never goes back.
"""

from collections import deque
from dataclasses import dataclass, field

FIRST_MESSAGES, FIRST_BYTES = 64, 256 * 1024
MOST_MESSAGES, MOST_BYTES = 1024, 4 * 1024 * 1024
LEAST_MESSAGES, LEAST_BYTES = 16, 64 * 1024
PATIENCE, LONGEST_PATIENCE = 1.0, 30.0  # seconds without progress before going back
SLOW = 0.5  # seconds of usual delay beyond which a wider window would only lengthen the queue
SLOWER_WEIGHT, FASTER_WEIGHT = 0.5, 0.125  # of the newest measurement in the usual delay


@dataclass(frozen=True, slots=True)
class Flight:
    """A record on its way: handed to the broker, not acknowledged."""

    number: int
    size: int
    at: float


@dataclass(frozen=True, slots=True)
class Todo:
    """What an event asks for.

    `forget`: the database has every record up to it. `resend`: go on sending after the last
    acknowledged record. `rebirth`: the host misses records that this outbox no longer has, so it
    must hear `outbox/first` anew.
    """

    forget: int | None = None
    resend: bool = False
    rebirth: bool = False


NOTHING = Todo()


@dataclass
class Sender:
    """The window over one outbox during one session.

    `acknowledged` is the last record the database has; `sent` the last one handed out since the
    last going back; `highest` the last one ever handed out in this session. `resent` and `done`
    (acknowledged) only grow: they count records over all sessions; `ever` is the last one handed
    out in any session with this outbox. Until the host was `heard`, one record is under way at a
    time: its answer shows an old copy before more is sent under numbers that were given already.
    """

    acknowledged: int = 0
    sent: int = 0
    highest: int = 0
    messages: int = FIRST_MESSAGES
    bytes: int = FIRST_BYTES
    delay: float = 0.0
    patience: float = PATIENCE
    ever: int = 0
    resent: int = 0
    done: int = 0
    heard: bool = True
    _flight: deque[Flight] = field(default_factory=deque[Flight])
    _weight: int = 0
    _healing: int = 0  # a hole is not answered again before this number is acknowledged
    _quiet: float = 0.0  # since when nothing was acknowledged

    def start(self, acknowledged: int, now: float) -> None:
        """Begin a session: births were sent, nothing is in flight."""
        self.acknowledged = self.sent = self.highest = self._healing = acknowledged
        self.messages, self.bytes = FIRST_MESSAGES, FIRST_BYTES
        self.patience = self._usual_patience()
        self._land(now)

    def may_send(self, size: int) -> bool:
        """Whether a record of that many bytes fits the window; one always fits an empty one."""
        messages = self.messages if self.heard else 1
        return not self._flight or (
            len(self._flight) < messages and self._weight + size <= self.bytes
        )

    def handed_out(self, number: int, size: int, now: float) -> bool:
        """A record was handed to the broker; returns whether it had been before."""
        if not self._flight:
            self._quiet = now
        self._flight.append(Flight(number, size, now))
        self._weight += size
        self.resent += number <= self.ever
        self.ever = max(self.ever, number)
        again = number <= self.highest
        self.sent, self.highest = number, max(self.highest, number)
        return again

    def answered(self, number: int, hole: bool, now: float) -> Todo:
        """The host has every record up to `number`; with `hole`, and misses the next one."""
        self.heard = True
        if number < self.acknowledged:
            return Todo(rebirth=hole)
        progress = number > self.acknowledged
        if progress:
            self._advance(number, now, grow=not hole)
        forget = number if progress else None
        if hole and self.acknowledged >= self._healing and self.highest > number:
            self._go_back(now)
            return Todo(forget, resend=True)
        return Todo(forget) if progress else NOTHING

    def passed(self, now: float) -> Todo:
        """Time passed: goes back when nothing was acknowledged for too long."""
        if not self._flight or now - self._quiet < self.patience:
            return NOTHING
        self._go_back(now)
        self.patience = min(self.patience * 2, LONGEST_PATIENCE)
        return Todo(resend=True)

    @property
    def in_flight(self) -> int:
        """Records handed out and not acknowledged."""
        return len(self._flight)

    @property
    def deadline(self) -> float | None:
        """When to look at the clock again; None while nothing is in flight."""
        return self._quiet + self.patience if self._flight else None

    def _advance(self, number: int, now: float, *, grow: bool) -> None:
        was_full = 2 * len(self._flight) >= self.messages or 2 * self._weight >= self.bytes
        newest: Flight | None = None
        while self._flight and self._flight[0].number <= number:
            newest = self._flight.popleft()
            self._weight -= newest.size
        if newest is not None and newest.number == number:
            change = now - newest.at - self.delay
            self.delay += change * (SLOWER_WEIGHT if change > 0 else FASTER_WEIGHT)
        if was_full and grow and self.delay < SLOW:
            self.messages = min(self.messages * 2, MOST_MESSAGES)
            self.bytes = min(self.bytes * 2, MOST_BYTES)
        self.done += number - self.acknowledged
        self.acknowledged = number
        self.sent, self.highest = max(self.sent, number), max(self.highest, number)
        self.patience = self._usual_patience()
        self._quiet = now

    def _go_back(self, now: float) -> None:
        self._healing, self.sent = self.highest, self.acknowledged
        self.messages = max(self.messages // 2, LEAST_MESSAGES)
        self.bytes = max(self.bytes // 2, LEAST_BYTES)
        self._land(now)

    def _land(self, now: float) -> None:
        self._flight.clear()
        self._weight, self._quiet = 0, now

    def _usual_patience(self) -> float:
        return min(max(PATIENCE, 4 * self.delay), LONGEST_PATIENCE)
