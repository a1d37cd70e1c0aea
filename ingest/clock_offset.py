"""What a node's messages tell of its clock: how far it stands from the host's.

A message says when it was published, by the node's clock. It arrives later, never earlier: each
one bounds the offset from below, and the one that travelled fastest bounds it best.
"""

from collections import deque
from dataclasses import dataclass, field

PIECE_MS = 10_000
PIECES = 6  # a minute: a clock that was set back is seen after it
BIGGEST = (1 << 63) - 1  # that the database holds; a stranger may say more
TELL_EVERY_MS = 5_000  # a node's row is written at most this often


@dataclass(frozen=True, slots=True)
class Heard:
    """What is kept of a node: highest record number heard; its clock minus the host's, in s."""

    newest: int | None
    offset: float | None
    spread: float | None


@dataclass(slots=True)
class Hearing:
    """When a node was last heard (ms since 1970, host's clock) and the best bounds of late."""

    at: int = 0
    told: int = 0
    _best: deque[tuple[int, int]] = field(
        default_factory=lambda: deque[tuple[int, int]](maxlen=PIECES)
    )

    def take(self, now: int, sent: int) -> bool:
        """A message published at `sent` came at `now` (ms); whether its node's row is due."""
        self.at = now
        if sent:
            piece, ahead, best = now // PIECE_MS, sent - now, self._best
            if not best or best[-1][0] != piece:
                best.append((piece, ahead))
            elif ahead > best[-1][1]:
                best[-1] = (piece, ahead)
        if 0 <= now - self.told < TELL_EVERY_MS:
            return False
        self.told = now
        return True

    def heard(self, newest: int | None) -> Heard:
        """The offset over the last minute, and how far its bound wandered within it (s)."""
        newest = None if newest is None else min(newest, BIGGEST)
        oldest = self.at // PIECE_MS - PIECES
        best = list(self._best)  # at once: who reads the metrics asks from another thread
        bounds = [ahead / 1000 for piece, ahead in best if piece > oldest]
        if not bounds:
            return Heard(newest, None, None)
        return Heard(newest, max(bounds), max(bounds) - min(bounds))
