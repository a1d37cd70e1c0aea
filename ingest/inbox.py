"""Messages between the network's thread and intake's: in order, and never more than fit."""

import queue
import threading

import structlog

from ingest.metrics import DROPPED

log = structlog.get_logger()

MOST_MESSAGES, MOST_BYTES = 50_000, 64_000_000  # more are dropped: numbered ones come again
ENOUGH = 256  # messages for one look; the piece that reaches it is taken whole

Messages = list[tuple[str, bytes]]  # topic and payload


class Inbox:
    """What the broker brought and intake has not looked at yet."""

    def __init__(self) -> None:
        self._pieces: queue.SimpleQueue[Messages] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._messages = self._bytes = self._dropped = 0

    def put(self, piece: Messages) -> None:
        """Add messages that came together; the network's thread calls it."""
        if self._count(piece):
            self._pieces.put(piece)
            return
        with self._lock:
            dropped, self._dropped = self._dropped, self._dropped + len(piece)
        if dropped == 0:
            log.warning("more messages come than the database takes; nodes will send them again")
        DROPPED.inc(len(piece))

    def wake(self) -> None:
        """Let a waiting `take` return."""
        self._pieces.put([])

    def take(self, wait: float) -> Messages:
        """What came, the oldest first; waits so many seconds for the first of it, or for `wake`."""
        taken: Messages = []
        try:
            taken = self._pieces.get(timeout=max(wait, 0.0))
            while len(taken) < ENOUGH:
                taken += self._pieces.get_nowait()
        except queue.Empty:
            pass
        self._forget(taken)
        return taken

    def _count(self, piece: Messages) -> bool:
        with self._lock:
            if self._messages >= MOST_MESSAGES or self._bytes >= MOST_BYTES:
                return False
            self._messages += len(piece)
            self._bytes += _weight(piece)
        return True

    def _forget(self, taken: Messages) -> None:
        with self._lock:
            self._messages -= len(taken)
            self._bytes -= _weight(taken)
            dropped = 0 if self._messages else self._dropped
            self._dropped -= dropped
        if dropped:
            log.info("all that waited is taken; messages were dropped before", dropped=dropped)


def _weight(messages: Messages) -> int:
    return sum([len(payload) for _, payload in messages])
