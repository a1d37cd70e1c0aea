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
LONGEST_TOPIC = 500  # letters kept of one
REASON = 2000  # letters kept of a reason: it may quote what came


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
            batch.quarantine.append(
                (_storable(topic)[:LONGEST_TOPIC], payload[:LONGEST], _storable(reason)[:REASON])
            )
        if count == 1:
            log.warning("a message went to quarantine", topic=topic, reason=reason[:REASON])

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
    """A message in quarantine; `size` in bytes, as kept; `kind` is the class of its reason."""

    id: int
    arrived: datetime
    topic: str
    reason: str
    size: int
    kind: str
    node: str

    def __str__(self) -> str:
        arrived = self.arrived.isoformat(sep=" ", timespec="seconds")
        return f"{self.id:>8}  {arrived}  {self.size:>7} B  {self.topic}  {self.reason}"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which messages are meant: of a node (`site/name`), of a class of reasons; None: all."""

    node: str | None = None
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A message in quarantine to look at: lines of its hex dump, and of what it says decoded."""

    fault: Fault
    dump: list[str]
    said: list[str]


ALL = Filter()


def faults(
    connection: Connection, limit: int, which: Filter = ALL, before: int | None = None
) -> list[Fault]:
    """What lies in quarantine, the newest first; with `before` only ids below it."""
    rows = connection.execute(
        "select id, arrived, topic, reason, length(payload), kind, node from signal.quarantine "
        "where (%(node)s::text is null or node = %(node)s) "
        "and (%(kind)s::text is null or kind = %(kind)s) "
        "and (%(before)s::bigint is null or id < %(before)s) order by id desc limit %(limit)s",
        {"node": which.node, "kind": which.kind, "before": before, "limit": limit},
    )
    return [Fault(*row) for row in rows]


def next_ids(connection: Connection, which: Filter, after: int, limit: int) -> list[int]:
    """Ids beyond `after`, the oldest first: to go through a flood in pieces."""
    rows = connection.execute(
        "select id from signal.quarantine where id > %(after)s "
        "and (%(node)s::text is null or node = %(node)s) "
        "and (%(kind)s::text is null or kind = %(kind)s) order by id limit %(limit)s",
        {"node": which.node, "kind": which.kind, "after": after, "limit": limit},
    )
    return [each for (each,) in rows]


def tally(connection: Connection) -> list[tuple[str, str, int]]:
    """How many lie there by node and class of reason, the most first."""
    return connection.execute(
        "select node, kind, count(*) from signal.quarantine group by 1, 2 order by 3 desc, 1, 2"
    ).fetchall()


def count(connection: Connection) -> int:
    """How many lie there."""
    row = connection.execute("select count(*) from signal.quarantine").fetchone()
    return row[0] if row else 0


def opened(connection: Connection, number: int) -> Opened | None:
    """One message with its hex dump and what it says; None: no such message."""
    row = connection.execute(
        "select id, arrived, topic, reason, length(payload), kind, node, payload "
        "from signal.quarantine where id = %s",
        [number],
    ).fetchone()
    if row is None:
        return None
    fault, payload = Fault(*row[:7]), bytes(row[7])
    dump = list(hex_dump(payload[:PRINTED]))
    if len(payload) > PRINTED:
        dump.append(f"  … {len(payload) - PRINTED} bytes more")
    decoder = _decoder(connection, parse_topic(fault.topic))
    return Opened(fault, dump, decoder.lines(fault.topic, payload))


def described(connection: Connection, number: int) -> list[str] | None:
    """A message in quarantine for a terminal: its reason, a hex dump, what it says."""
    found = opened(connection, number)
    if found is None:
        return None
    fault = found.fault
    return [
        f"{fault.topic}  {fault.arrived.isoformat(timespec='milliseconds')}  {fault.size} bytes",
        f"  {fault.reason}",
        *found.dump,
        *found.said,
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
