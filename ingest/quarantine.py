"""What cannot be taken is kept with its reason, and a flood of it is counted instead of kept."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from database.connection import Connection
from edge_agent.wire import Topic, parse_topic
from ingest.readings import Batch
from ingest.tap import Decoder

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


# -- for people -----------------------------------------------------------------------------------

PRINTED = 4096  # bytes of a payload in a hex dump; the rest is said to be there


@dataclass(frozen=True, slots=True)
class Fault:
    """A message in quarantine; `size` in bytes, as kept."""

    id: int
    arrived: datetime
    topic: str
    reason: str
    size: int

    def __str__(self) -> str:
        arrived = self.arrived.isoformat(sep=" ", timespec="seconds")
        return f"{self.id:>8}  {arrived}  {self.size:>7} B  {self.topic}  {self.reason}"


def faults(connection: Connection, limit: int) -> list[Fault]:
    """What lies in quarantine, the newest first."""
    rows = connection.execute(
        "select id, arrived, topic, reason, length(payload) from signal.quarantine "
        "order by id desc limit %s",
        [limit],
    )
    return [Fault(*row) for row in rows]


def described(connection: Connection, number: int) -> list[str] | None:
    """A message in quarantine for reading: its reason, a hex dump, what it says; None: no such."""
    row = connection.execute(
        "select id, arrived, topic, reason, length(payload), payload from signal.quarantine "
        "where id = %s",
        [number],
    ).fetchone()
    if row is None:
        return None
    fault, payload = Fault(*row[:5]), bytes(row[5])
    return [
        f"{fault.topic}  {fault.arrived.isoformat(timespec='milliseconds')}  {fault.size} bytes",
        f"  {fault.reason}",
        *hex_dump(payload[:PRINTED]),
        *([f"  … {len(payload) - PRINTED} bytes more"] if len(payload) > PRINTED else []),
        *_decoder(connection, parse_topic(fault.topic)).lines(fault.topic, payload),
    ]


def hex_dump(payload: bytes) -> Iterator[str]:
    """Sixteen bytes a line: offset, hex, and what of it is ASCII."""
    for start in range(0, len(payload), 16):
        piece = payload[start : start + 16]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in piece)
        yield f"  {start:08x}  {piece.hex(' '):47}  {text}"


def _decoder(connection: Connection, topic: Topic | None) -> Decoder:
    """One that has heard the last births of the topic's node."""
    decoder = Decoder()
    if topic is not None:
        births = connection.execute(
            "select '', birth from signal.node where (site, node) = (%(site)s, %(node)s) "
            "and birth is not null union all "
            "select device, birth from signal.device where (site, node) = (%(site)s, %(node)s) "
            "and birth is not null",
            {"site": topic.site, "node": topic.node},
        )
        for device, birth in births:
            decoder.lines(str(Topic("DBIRTH", topic.site, topic.node, device)), bytes(birth))
    return decoder
