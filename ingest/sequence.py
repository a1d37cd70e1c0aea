"""The sequence of a foreign node's messages: those that come too early wait for those before them.

Without input/output. A numbered node needs none of this: its records wait in its outbox.
"""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")

TURN = 256  # seq goes from 0 to 255 and starts again
MOST_HELD, MOST_BYTES = 64, 1 << 20  # of one node; with more nothing is waited for


@dataclass(frozen=True, slots=True)
class GivenUp(Generic[T]):
    """What is done with the messages that waited in vain.

    `ready` follow a hole between `expected` and the first of them; `late` ones came after their
    place was passed.
    """

    expected: int
    ready: list[tuple[int, T]]
    late: list[tuple[int, T]]


@dataclass
class Order(Generic[T]):
    """Where a node's sequence is, and what waits for the message that is missing.

    `expected` is the next seq; None: not known, any may come.
    """

    expected: int | None = None
    _held: list[tuple[int, T]] = field(default_factory=list[tuple[int, T]])
    _weight: int = 0
    _since: float = 0.0  # when the first of the held ones came
    _went_on: bool = False  # since then messages came in order

    def start(self, seq: int | None) -> None:
        """A birth with this seq begins anew; None: nothing is known of the sequence."""
        self.expected = None if seq is None else (seq + 1) % TURN
        self._held.clear()

    def arrived(self, seq: int, message: T, size: int, now: float) -> list[T]:
        """The messages whose turn it is now that this one (of so many bytes) came."""
        if self.expected is not None and seq != self.expected:
            if not self._held:
                self._since, self._went_on, self._weight = now, False, 0
            self._weight += size
            self._held.append((seq, message))
            return []
        self.expected, self._went_on = (seq + 1) % TURN, True
        return [message, *self._following()]

    @property
    def waiting(self) -> bool:
        """Whether messages wait for one before them."""
        return bool(self._held)

    def overdue(self, now: float, patience: float) -> bool:
        """Whether messages have waited long enough (seconds), or are too many."""
        return bool(self._held) and (
            now - self._since >= patience
            or len(self._held) > MOST_HELD
            or self._weight > MOST_BYTES
        )  # fmt: skip

    def give_up(self) -> GivenUp[T] | None:
        """Go on with what waits, over the hole; None when nothing waits."""
        if not self._held or self.expected is None:
            return None
        expected = self.expected
        held = sorted(self._held, key=lambda each: self._ahead(each[0]))
        late = [each for each in held if self._ahead(each[0]) >= TURN // 2]
        if len(late) == len(held) and not self._went_on:
            late = []  # the sequence began anew somewhere, and its birth was lost
        ready = [each for each in held if each not in late]
        if ready:
            self.expected = (ready[-1][0] + 1) % TURN
        self._held.clear()
        return GivenUp(expected, ready, late)

    def _following(self) -> list[T]:
        found: list[T] = []
        while place := next((each for each in self._held if each[0] == self.expected), None):
            self._held.remove(place)
            found.append(place[1])
            self.expected = (place[0] + 1) % TURN
        return found

    def _ahead(self, seq: int) -> int:
        return (seq - (self.expected or 0)) % TURN
