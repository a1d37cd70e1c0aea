"""From a metric to a row of signal.reading, in PostgreSQL's binary COPY format.

Times are milliseconds since 1970 on the wire and microseconds since 2000 in PostgreSQL. A row is
a head (record and time, often the same for many), what stands before the channel's values, the
value, and what stands after it: all but the value are made once.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import inf
from struct import Struct, calcsize
from typing import TYPE_CHECKING, NamedTuple

from edge_agent.sample import BAD, GOOD, STALE, Sample, Value
from edge_agent.sparkplug_pb2 import Metric
from edge_agent.wire import (
    BITS,
    QUALITY,
    READERS,
    SIGNED,
    SOURCE_AT,
    STATUS,
    WORDS,
    DataType,
    read_properties,
)
from ingest.clock_offset import Heard

if TYPE_CHECKING:
    from edge_agent.sparkplug_pb2 import ValueField  # a type of the stub, no name at run time

YEAR_2000 = 946_684_800_000  # ms
DAY = 86_400_000  # ms
LAST_TIME = 253_402_300_800_000  # year 10000, which Python cannot read
BIGGEST = (1 << 63) - 1
HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"

# Columns are a length and a value; length -1 is null. The first one, arrived, is put in front at
# the commit.
COLUMNS = (
    "arrived", "outbox", "number", "at", "source_at", "channel", "count", "gauge", "wide", "word",
    "quality", "status",
)  # fmt: skip
ARRIVED = Struct(">hiq")  # number of columns, then the first one
LONG, INT, SHORT = Struct(">iq"), Struct(">ii"), Struct(">ih")
SINGLE, DOUBLE, RECORD = Struct(">if"), Struct(">id"), Struct(">iiiq")
NULL = (-1).to_bytes(4, "big", signed=True)
ALL_GOOD = SHORT.pack(2, GOOD) + NULL  # quality, status
VALUE_COLUMNS = ("count", "gauge", "wide", "word")

HEAD = RECORD.size + LONG.size  # bytes: record and time

Place = tuple[str, str, str]  # of a device: site, node, device
Latest = tuple["Signal", int, Value | None, int]  # whose it is, time (ms), value, quality


class ImpossibleError(ValueError):
    """A metric that cannot be a reading; the text says why."""


def column_of(datatype: int) -> str:
    """The column of signal.reading that holds values of a Sparkplug data type."""
    if datatype in WORDS:
        return "word"
    if datatype == DataType.FLOAT:
        return "gauge"
    return "wide" if datatype == DataType.DOUBLE else "count"


class Plain(NamedTuple):
    """Where a data type's good values stand, the greatest that is what it seems, COPY's format."""

    field: "ValueField"
    most: float
    code: str


def _plain(datatype: DataType, bits: int) -> Plain:
    """A whole number: what is greater is negative, or too big for the type or the database."""
    bound = 1 << (bits - 1 if datatype in SIGNED else bits)
    return Plain("long_value" if bits == 64 else "int_value", min(bound - 1, BIGGEST), "q")


PLAIN: dict[int, Plain] = {
    **{datatype: _plain(datatype, bits) for datatype, bits in BITS.items()},
    DataType.BOOLEAN: Plain("boolean_value", 1, "q"),
    DataType.FLOAT: Plain("float_value", inf, "f"),
    DataType.DOUBLE: Plain("double_value", inf, "d"),
}


@dataclass(slots=True)
class Signal:
    """A channel as ingest knows it: its row and the type its birth declared.

    Derived: how its values are read and packed, and what surrounds them in a row. `newest` is the
    latest capture time told so far (ms). Words have no short way to a `row`.
    """

    channel: int
    name: str
    datatype: int
    newest: int = 0
    device: Place = ("", "", "")
    column: str = field(init=False, repr=False)
    read: Callable[[Metric, "ValueField"], Value] = field(init=False, repr=False)
    pack: Callable[[Value], bytes] = field(init=False, repr=False)
    number: bytes = field(init=False, repr=False)
    value_field: "ValueField" = field(init=False, repr=False)
    most: float = field(init=False, repr=False)
    before: bytes = field(init=False, repr=False)
    after: bytes = field(init=False, repr=False)
    row: Callable[[bytes, bytes, float, bytes], bytes] | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        column, plain = column_of(self.datatype), PLAIN.get(self.datatype)
        self.column, place = column, VALUE_COLUMNS.index(column)
        self.read, self.pack = _reader(self.datatype), PACKERS[column]
        self.number = INT.pack(4, self.channel)
        self.value_field, self.most, code = plain or ("string_value", 0, "")
        size = calcsize(f">{code}").to_bytes(4, "big")
        self.before = NULL + self.number + NULL * place + size
        self.after = NULL * (3 - place) + ALL_GOOD
        row = Struct(f">{HEAD}s{len(self.before)}s{code}{len(self.after)}s").pack
        self.row = row if plain else None


class Refused(NamedTuple):
    """A message for quarantine; `size` is how many bytes came, where fewer are kept."""

    topic: str
    payload: bytes
    reason: str
    size: int | None = None


@dataclass
class Batch:
    """What one commit writes: rows, how far each outbox comes, newest values, faults, nodes heard.

    `messages` and `size` (bytes) are what went in, whatever became of it.
    """

    rows: list[bytes] = field(default_factory=list[bytes])
    runs: dict[int, tuple[int, int]] = field(default_factory=dict[int, tuple[int, int]])
    latest: dict[int, Latest] = field(default_factory=dict[int, Latest])
    gaps: list[tuple[int, int, int, str]] = field(default_factory=list[tuple[int, int, int, str]])
    lost: list[tuple[int, str, int, int, str]] = field(
        default_factory=list[tuple[int, str, int, int, str]]
    )  # by the outbox that tells it: the uuid of the outbox before, first, last, reason
    quarantine: list[Refused] = field(default_factory=list[Refused])
    unkept: dict[tuple[str, str], tuple[int, int]] = field(
        default_factory=dict[tuple[str, str], tuple[int, int]]
    )  # by sender and class of reason: faulty messages that are counted only, and their bytes
    heard: dict[tuple[str, str], Heard] = field(default_factory=dict[tuple[str, str], Heard])
    messages: int = 0
    size: int = 0

    def __bool__(self) -> bool:
        told = self.quarantine or self.unkept or self.heard
        return bool(self.runs or self.latest or told)

    def extend_run(self, outbox: int, number: int) -> bytes:
        """Record `number` of an outbox is in this batch; what begins each of its rows."""
        first, _ = self.runs.get(outbox, (number, number))
        self.runs[outbox] = (first, number)
        return RECORD.pack(4, outbox, 8, number)

    def add(self, signal: Signal, sample: Sample, outbox: int, number: int) -> None:
        """One reading; of a sample that is not good only time and quality are kept."""
        self._add_sample(signal, sample, RECORD.pack(4, outbox, 8, number))

    def add_metrics(
        self, found: Iterable[tuple[Metric, Signal]], record: bytes, *, sent_at: int, latest_at: int
    ) -> list[str]:
        """The readings that metrics of one record carry; what is wrong with those that carry none.

        Nearly every metric is good and a plain number: those take the short way. A field that is
        not zero is there, so only zeros are asked whether they are.
        """
        add, latest, faults = self.rows.append, self.latest, list[str]()
        time, head = -1, b""
        for metric, signal in found:
            at, row = metric.timestamp, signal.row
            value: float = getattr(metric, signal.value_field)
            if (
                row is None
                or (not value and metric.WhichOneof("value") != signal.value_field)
                or metric.is_null
                or metric.HasField("properties")
                or value > signal.most
                or not YEAR_2000 <= at <= latest_at
            ):
                try:
                    self._add_sample(signal, sample_of(metric, signal, sent_at, latest_at), record)
                except ValueError as error:  # impossible, or of a wrong type
                    faults.append(f"{signal.name}: {error}")
                continue
            if at != time:
                time, head = at, record + LONG.pack(8, (at - YEAR_2000) * 1000)
            add(row(head, signal.before, value, signal.after))
            if at >= signal.newest:
                signal.newest = at
                latest[signal.channel] = (signal, at, value, GOOD)
        return faults

    def not_kept(self, sender: str, kind: str, size: int) -> None:
        """A faulty message of so many bytes is counted instead of kept."""
        messages, total = self.unkept.get((sender, kind), (0, 0))
        self.unkept[sender, kind] = messages + 1, total + size

    def note(self, signal: Signal, at: int, value: Value | None, quality: int) -> None:
        """A value that may be its channel's newest."""
        if at >= signal.newest:
            signal.newest = at
            self.latest[signal.channel] = (signal, at, value, quality)

    def _add_sample(self, signal: Signal, sample: Sample, record: bytes) -> None:
        value = sample.value if sample.quality == GOOD else None
        self.rows.append(record + _row(signal, sample, value))
        self.note(signal, sample.at, value, sample.quality)


def sample_of(metric: Metric, signal: Signal, sent_at: int, latest_at: int) -> Sample:
    """The sample a metric carries; `sent_at` stands in for a missing capture time.

    Times may lie between 2000 and `latest_at` (ms). Raises ImpossibleError.
    """
    at = metric.timestamp or sent_at
    if not YEAR_2000 <= at <= latest_at:
        raise ImpossibleError(f"time {at} ms is impossible")
    told = metric.WhichOneof("value")
    value = None if told is None or metric.is_null else signal.read(metric, told)
    if not metric.HasField("properties"):
        return Sample(signal.name, at, value, BAD if value is None else GOOD)
    return _sample_with_properties(metric, signal, at, value)


def _sample_with_properties(metric: Metric, signal: Signal, at: int, value: Value | None) -> Sample:
    told = read_properties(metric)
    quality, status, source_at = told.get(QUALITY, GOOD), told.get(STATUS), told.get(SOURCE_AT)
    if quality not in (BAD, GOOD, STALE) or (quality == GOOD and value is None):
        quality = BAD
    if not isinstance(source_at, int) or not 0 < source_at < LAST_TIME:
        source_at = None  # a device's own clock may be anything; the capture time stands
    status = status if isinstance(status, int) and status <= BIGGEST else None
    return Sample(signal.name, at, value, int(quality), source_at, status)


def _reader(datatype: int) -> Callable[[Metric, "ValueField"], Value]:
    read = READERS[datatype]
    if datatype in WORDS:
        return lambda metric, told: _word(read(metric, told))
    if datatype in (DataType.UINT64, DataType.DATETIME):
        return lambda metric, told: _bounded(read(metric, told))
    return read


def _word(value: Value) -> Value:
    if "\0" in str(value):
        raise ImpossibleError("a text with NUL cannot be stored")
    return value


def _bounded(value: Value) -> Value:
    if int(value) > BIGGEST:
        raise ImpossibleError(f"{value} does not fit the database's 64 bits")
    return value


def _pack_word(value: Value) -> bytes:
    word = str(value).encode()
    return len(word).to_bytes(4, "big") + word


PACKERS: dict[str, Callable[[Value], bytes]] = {
    "count": lambda value: LONG.pack(8, int(value)),
    "gauge": lambda value: SINGLE.pack(4, value),
    "wide": lambda value: DOUBLE.pack(8, value),
    "word": _pack_word,
}


def _row(signal: Signal, sample: Sample, value: Value | None) -> bytes:
    """All of a row but its record."""
    place = VALUE_COLUMNS.index(column_of(signal.datatype))
    return b"".join((
        LONG.pack(8, (sample.at - YEAR_2000) * 1000),
        NULL if sample.source_at is None else LONG.pack(8, (sample.source_at - YEAR_2000) * 1000),
        signal.number,
        NULL * place,
        NULL if value is None else signal.pack(value),
        NULL * (3 - place),
        SHORT.pack(2, sample.quality),
        NULL if sample.status is None else LONG.pack(8, sample.status),
    ))  # fmt: skip
