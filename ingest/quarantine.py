"""What lies in quarantine, for people: lists, one message opened, what was not kept."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from database.connection import Connection
from edge_agent.wire import Topic, parse_topic
from ingest.tap import Decoder

PRINTED = 4096  # bytes of a payload in a hex dump; the rest is said to be there


@dataclass(frozen=True, slots=True)
class Fault:
    """A message in quarantine; `size` in bytes, as it came; `kind` is the class of its reason.

    `again`: whether taking it in again can change anything.
    """

    id: int
    arrived: datetime
    topic: str
    reason: str
    size: int
    kind: str
    node: str
    again: bool

    def __str__(self) -> str:
        arrived = self.arrived.isoformat(sep=" ", timespec="seconds")
        return f"{self.id:>8}  {arrived}  {self.size:>7} B  {self.topic}  {self.reason}"


WHY = {
    "rate": "more came in a minute than is kept",
    "room": "there was no room",
    "age": "kept for its time",
}


@dataclass(frozen=True, slots=True)
class Unkept:
    """Messages of one day that are not in quarantine, or no longer; `node` empty: many senders."""

    node: str
    kind: str
    why: str
    messages: int
    bytes: int
    first: datetime
    last: datetime

    def __str__(self) -> str:
        first = self.first.isoformat(sep=" ", timespec="seconds")
        last = self.last.isoformat(sep=" ", timespec="seconds")
        sender = self.node or "many senders"
        return (
            f"not kept: {self.messages} messages ({self.bytes} B) of {sender}, {self.kind}, "
            f"{first} to {last}: {WHY[self.why]}"
        )


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
        "select id, arrived, topic, reason, coalesce(size, length(payload)), kind, node, again "
        "from signal.quarantine "
        "where (%(node)s::text is null or node = %(node)s) "
        "and (%(kind)s::text is null or kind = %(kind)s) "
        "and (%(before)s::bigint is null or id < %(before)s) order by id desc limit %(limit)s",
        {"node": which.node, "kind": which.kind, "before": before, "limit": limit},
    )
    return [Fault(*row) for row in rows]


def next_ids(connection: Connection, which: Filter, after: int, limit: int) -> list[int]:
    """Ids beyond `after` worth taking in again, the oldest first: to go on in pieces."""
    rows = connection.execute(
        "select id from signal.quarantine where again and id > %(after)s "
        "and (%(node)s::text is null or node = %(node)s) "
        "and (%(kind)s::text is null or kind = %(kind)s) order by id limit %(limit)s",
        {"node": which.node, "kind": which.kind, "after": after, "limit": limit},
    )
    return [each for (each,) in rows]


def tally(connection: Connection) -> list[tuple[str, str, int, int]]:
    """How many lie there by node and class of reason, the most first; how many worth a replay."""
    return connection.execute(
        "select node, kind, count(*), count(*) filter (where again) from signal.quarantine "
        "group by 1, 2 order by 3 desc, 1, 2"
    ).fetchall()


def unkept(connection: Connection, limit: int, which: Filter = ALL) -> list[Unkept]:
    """What was not kept, the latest first."""
    rows = connection.execute(
        "select node, kind, why, messages, bytes, first, last from signal.unkept "
        "where (%(node)s::text is null or node = %(node)s) "
        "and (%(kind)s::text is null or kind = %(kind)s) "
        "order by last desc, messages desc limit %(limit)s",
        {"node": which.node, "kind": which.kind, "limit": limit},
    )
    return [Unkept(*row) for row in rows]


def count(connection: Connection) -> int:
    """How many lie there."""
    row = connection.execute("select count(*) from signal.quarantine").fetchone()
    return row[0] if row else 0


def opened(connection: Connection, number: int) -> Opened | None:
    """One message with its hex dump and what it says; None: no such message."""
    row = connection.execute(
        "select id, arrived, topic, reason, coalesce(size, length(payload)), kind, node, again, "
        "payload from signal.quarantine where id = %s",
        [number],
    ).fetchone()
    if row is None:
        return None
    fault, payload = Fault(*row[:8]), bytes(row[8])
    dump = list(hex_dump(payload[:PRINTED]))
    if len(payload) > PRINTED:
        dump.append(f"  … {len(payload) - PRINTED} bytes more")
    if fault.size > len(payload):
        dump.append(f"  … and {fault.size - len(payload)} bytes that were not kept")
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
