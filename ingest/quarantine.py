"""What cannot be taken is kept with its reason, and a flood of it is counted instead of kept."""

import time
from dataclasses import dataclass, field

import structlog

from ingest.readings import Batch

log = structlog.get_logger()

PER_MINUTE = 100  # kept per topic
LONGEST = 1 << 20  # bytes kept of one message


@dataclass
class Quarantine:
    """Takes faulty messages into a batch, at most so many per topic and minute."""

    _minute: int = -1
    _counts: dict[str, int] = field(default_factory=dict[str, int])

    def take(self, batch: Batch, topic: str, payload: bytes, reason: str) -> None:
        """Keep a message with its reason, or count it when its topic had too many this minute."""
        minute = int(time.monotonic() // 60)
        if minute != self._minute:
            self._tell()
            self._minute = minute
        count = self._counts[topic] = self._counts.get(topic, 0) + 1
        if count <= PER_MINUTE:
            batch.quarantine.append((_storable(topic), payload[:LONGEST], _storable(reason)))
        if count == 1:
            log.warning("a message went to quarantine", topic=topic, reason=reason)

    def _tell(self) -> None:
        for topic, count in self._counts.items():
            if count > PER_MINUTE:
                log.warning("too many faulty messages", topic=topic, not_kept=count - PER_MINUTE)
        self._counts.clear()


def _storable(text: str) -> str:
    return text.replace("\0", "\\0").encode(errors="backslashreplace").decode()
