"""Nodes and devices as their births declared them: aliases, channels, what was asked for."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from edge_agent.sparkplug_pb2 import Metric, Payload
from edge_agent.wire import (
    BDSEQ,
    NODE_ALIASES,
    OUTBOX_ACK,
    OUTBOX_FIRST,
    OUTBOX_ID,
    OUTBOX_LAST,
    OUTBOX_RECORD,
    REBIRTH,
    Channel,
    Topic,
    read_channel,
)
from ingest.clock_offset import Hearing
from ingest.clock_repair import ForeignClock
from ingest.readings import BIGGEST, Latest, Signal
from ingest.sequence import Order
from ingest.stream import Stream

OWN_NAMES = frozenset({
    BDSEQ, REBIRTH, OUTBOX_ID, OUTBOX_FIRST, OUTBOX_ACK, OUTBOX_RECORD, OUTBOX_LAST,
})  # fmt: skip
Known = tuple[Metric, Signal]

REBIRTH_EVERY_S = 2.0  # a node is asked for its births at most this often
REBIRTH_LATEST_S = 300.0  # one whose births are refused; the pause doubles until then
ASKS_BEFORE_QUARANTINE = 3
MOST_DEVICES = 1000  # of a node; with more, those that no birth declared are forgotten
LONGEST_UUID = 100
MOST_NAMED = 5  # of what is not taken of a birth; of more the number is told
NO_VALUES = {
    16: "a data set", 17: "bytes", 18: "a file", 19: "a template", 20: "a property set",
    21: "a list of property sets", **dict.fromkeys(range(22, 35), "an array"),
}  # fmt: skip
LONGEST_UNIT = 100
SMALLEST_SCALE = 1e-12  # and its inverse the greatest: more is no unit that a machine has
LONGEST_NAME = 1000  # bytes of a channel's name, or of a topic: an index holds 2,700 in all


@dataclass(slots=True)
class Message:
    """A message that could be decoded, with the bytes it came in."""

    topic: Topic
    payload: Payload
    raw: bytes


@dataclass
class Device:
    """What is known of a device since its last birth; the node itself is device ''."""

    aliases: dict[int, Signal] = field(default_factory=dict[int, Signal])
    names: dict[str, Signal] = field(default_factory=dict[str, Signal])
    asked: int = 0  # rebirths asked for because of it, without a birth of its own since
    standing: dict[int, Latest] = field(default_factory=dict[int, Latest])  # a foreign one's values
    confirmed: bool = False  # its birth came after it was asked for: what it lacks is unknown
    left_out: frozenset[int | str] = frozenset()  # aliases and names of what is never taken

    def signal(self, metric: Metric) -> Signal | None:
        """The channel a metric means: by alias, or by name where it has none."""
        if metric.HasField("alias"):
            return self.aliases.get(metric.alias)
        return self.names.get(str(metric.name))

    def sorted_out(self, payload: Payload) -> tuple[list[Known], list[Metric]]:
        """The metrics whose channels are known, and the others."""
        found, unknown = list[Known](), list[Metric]()
        for metric in payload.metrics:
            signal = self.signal(metric)
            if signal is not None:
                found.append((metric, signal))
            elif (metric.alias if metric.HasField("alias") else metric.name) not in self.left_out:
                unknown.append(metric)
        return found, unknown

    @property
    def settled(self) -> bool:
        """Whether asking for another birth would not help."""
        return self.confirmed or self.asked >= ASKS_BEFORE_QUARANTINE


@dataclass
class Node:
    """One edge node: its stream, its devices, the order of a foreign one's messages.

    `sent_at` and `heard_at` are of the last message taken: its own time (ms since 1970), and ours
    (steady seconds).
    """

    site: str
    node: str
    stream: Stream | None = None
    foreign: bool = False
    ack_alias: int = NODE_ALIASES[OUTBOX_ACK]
    bdseq: int | None = None
    bdseq_alias: int | None = None
    owed_death: bool = False  # its life before this one ended unheard: that will may still come
    doubted: bool = False  # a death came that was not taken, and nothing after it
    clock: ForeignClock = field(default_factory=ForeignClock)
    order: Order[Message] = field(default_factory=Order[Message])
    sent_at: int = 0
    heard_at: float = 0.0
    repeated_at: float = 0.0  # what stands still was written anew
    online: bool = False
    records: set[int] = field(default_factory=set[int])  # aliases of outbox/record
    devices: dict[str, Device] = field(default_factory=dict[str, Device])
    asked_at: float = float("-inf")
    asked: int = 0  # times that it was asked for its births, without an answer since
    pause_s: float = REBIRTH_EVERY_S  # before it is asked again
    hearing: Hearing = field(default_factory=Hearing)
    elsewhere: str = ""  # id of the other host that serves it

    @property
    def name(self) -> str:
        """Site and node, as people and outboxes of foreign nodes call it."""
        return f"{self.site}/{self.node}"

    def device(self, name: str) -> Device:
        """The device of that name, empty until its birth."""
        known = self.devices.get(name)
        if known is None:
            if len(self.devices) >= MOST_DEVICES:
                self.devices = {name: born for name, born in self.devices.items() if born.names}
            known = self.devices[name] = Device()
        return known

    def may_ask(self, now: float) -> bool:
        """Whether a rebirth may be asked for now; counted when it may."""
        if now - self.asked_at < self.pause_s:
            return False
        self.asked_at = now
        return True

    @property
    def unanswered(self) -> str:
        """What to add to a reason: it was asked for its births and does not answer."""
        if self.asked < ASKS_BEFORE_QUARANTINE:
            return ""
        return f": it was asked {self.asked} times for its births and did not answer"

    def birth_refused(self) -> None:
        """It was born as nobody can take it: the next one will hardly be better."""
        self.asked, self.pause_s = 0, min(2 * self.pause_s, REBIRTH_LATEST_S)

    def born(self, birth: "NodeBirth") -> None:
        """A new NBIRTH: every alias of before is void."""
        self.owed_death = self.online and birth.bdseq != self.bdseq
        self.asked, self.pause_s, self.doubted = 0, REBIRTH_EVERY_S, False
        self.bdseq_alias = birth.bdseq_alias
        self.foreign = birth.outbox is None
        self.ack_alias, self.bdseq, self.online = birth.ack_alias, birth.bdseq, True
        self.records = {birth.record_alias} if birth.record_alias is not None else set()
        asked = {name: device.asked for name, device in self.devices.items()}
        self.devices = {name: Device(asked=count) for name, count in asked.items()}

    def device_born(self, name: str, payload: Payload, signals: dict[str, Signal]) -> None:
        """A birth declared the channels of a device (or of the node itself)."""
        before = self.device(name)
        left_out = frozenset(each for metric in _no_values(payload) for each in _called(metric))
        device = Device(names=signals, confirmed=before.asked > 0, left_out=left_out)
        for metric in payload.metrics:
            if metric.name == OUTBOX_RECORD:
                self.records.add(metric.alias)
            elif str(metric.name) in signals and metric.HasField("alias"):
                device.aliases[metric.alias] = signals[str(metric.name)]
        for alias in {*self.records, *(alias for alias, *_ in _doubtful(payload))}:
            device.aliases.pop(alias, None)
        self.devices[name] = device


@dataclass(frozen=True, slots=True)
class NodeBirth:
    """What an NBIRTH says of the node; `outbox` is None for a foreign one.

    `last` is the newest record of the outbox, 0 where the node does not say.
    """

    outbox: str | None
    first: int
    last: int
    ack_alias: int
    record_alias: int | None
    bdseq: int | None
    bdseq_alias: int | None = None

    @property
    def fault(self) -> str:
        """Why it is no birth of a node; empty when it is one."""
        if self.bdseq is None:  # an empty message, as clears a retained one
            return "an NBIRTH without bdSeq: the standard demands it"
        if max(self.bdseq, self.first) > BIGGEST:
            return "an NBIRTH without bdSeq or outbox/first that the database can hold"
        if self.outbox and (len(self.outbox) > LONGEST_UUID or not self.outbox.isprintable()):
            return f"an NBIRTH whose outbox/id is longer than {LONGEST_UUID} letters, or no word"
        return ""


def read_node_birth(payload: Payload) -> NodeBirth:
    """The node's own metrics of an NBIRTH."""
    own = {str(metric.name): metric for metric in payload.metrics if metric.name in OWN_NAMES}
    outbox, first, last = own.get(OUTBOX_ID), own.get(OUTBOX_FIRST), own.get(OUTBOX_LAST)
    ack, record = own.get(OUTBOX_ACK), own.get(OUTBOX_RECORD)
    numbered = outbox is not None and bool(outbox.string_value) and record is not None
    return NodeBirth(
        outbox=str(outbox.string_value) if outbox is not None and numbered else None,
        first=first.long_value if first is not None else 1,
        last=last.long_value if last is not None else 0,
        ack_alias=ack.alias if ack is not None else NODE_ALIASES[OUTBOX_ACK],
        record_alias=record.alias if record is not None else None,
        bdseq=_bdseq(own.get(BDSEQ)),
        bdseq_alias=_alias(own.get(BDSEQ)),
    )


def read_death(payload: Payload, alias: int | None = None) -> int | None:
    """The bdSeq of an NDEATH, by name or by the alias that its birth gave it; None without one."""
    named = (m for m in payload.metrics if m.name == BDSEQ)
    by_alias = (m for m in payload.metrics if not m.name and m.HasField("alias"))
    found = next(named, None) or next((m for m in by_alias if m.alias == alias), None)
    return _bdseq(found)


def _alias(metric: Metric | None) -> int | None:
    return metric.alias if metric is not None and metric.HasField("alias") else None


def declared(payload: Payload) -> list[Channel]:
    """The channels a birth declares, each name once; data sets, templates and files are none.

    Nor are those that cannot be kept; see `unkeepable`.
    """
    return list({each.name: each for each in _channels(payload) if not _fault(each)}.values())


def unkeepable(payload: Payload) -> list[str]:
    """What of a birth's channels the database cannot hold, or data cannot mean, and why."""
    faults = [fault for each in _channels(payload) if (fault := _fault(each))]
    for alias, name, other in _doubtful(payload):
        faults.append(f"alias {alias} is given to {name} and to {other}: data by it is not taken")
    return faults


def not_taken(payload: Payload) -> str:
    """What of a birth is no plain value, by name and kind; empty when all is."""
    found = [f"{metric.name} ({NO_VALUES[metric.datatype]})" for metric in _no_values(payload)]
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    told = ", ".join(each[:LONGEST_NAME] for each in found[:MOST_NAMED])
    return f"{told}{more}: plain values are taken, these are not" if found else ""


def _no_values(payload: Payload) -> Iterator[Metric]:
    return (metric for metric in payload.metrics if metric.name and metric.datatype in NO_VALUES)


def _called(metric: Metric) -> Iterator[int | str]:
    yield str(metric.name)
    if metric.HasField("alias"):
        yield metric.alias


def _doubtful(payload: Payload) -> list[tuple[int, str, str]]:
    """Aliases that mean two metrics, with the names."""
    names: dict[int, str] = {}
    found: list[tuple[int, str, str]] = []
    for metric in payload.metrics:
        if metric.HasField("alias"):
            name = str(metric.name)
            if names.setdefault(metric.alias, name) != name:
                found.append((metric.alias, names[metric.alias], name))
    return found


def _channels(payload: Payload) -> Iterator[Channel]:
    for metric in payload.metrics:
        if metric.name not in OWN_NAMES and (channel := read_channel(metric)) is not None:
            yield channel


def _fault(channel: Channel) -> str:
    name = channel.name
    if len(name.encode()) > LONGEST_NAME:
        return f"channel {name[:40]}… : its name is longer than {LONGEST_NAME} bytes"
    if "\0" in name + channel.unit + channel.source:
        return f"channel {name}: a text with NUL cannot be stored"
    if len(channel.unit.encode()) > LONGEST_UNIT:
        return f"channel {name}: its unit is longer than {LONGEST_UNIT} bytes"
    if not SMALLEST_SCALE <= abs(channel.scale) <= 1 / SMALLEST_SCALE:  # nor NaN
        return f"channel {name}: a scale of {channel.scale} gives no value"
    if channel.modulus is not None and channel.modulus > BIGGEST:
        return f"channel {name}: modulus {channel.modulus} does not fit the database's 64 bits"
    return ""


def _bdseq(metric: Metric | None) -> int | None:
    if metric is None:
        return None
    return metric.long_value if metric.WhichOneof("value") == "long_value" else metric.int_value
