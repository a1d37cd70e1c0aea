"""From a metric to a row of signal.reading, in PostgreSQL's binary COPY format.

Times are milliseconds since 1970 on the wire and microseconds since 2000 in PostgreSQL.
"""

from dataclasses import dataclass, field
from struct import Struct

from edge_agent.sample import BAD, GOOD, STALE, Sample, Value
from edge_agent.sparkplug_pb2 import Metric
from edge_agent.wire import QUALITY, READERS, SOURCE_AT, STATUS, WORDS, DataType, read_properties

YEAR_2000 = 946_684_800_000  # ms
DAY = 86_400_000  # ms
LAST_TIME = 253_402_300_800_000  # year 10000, which Python cannot read
BIGGEST = (1 << 63) - 1
NULL = (-1).to_bytes(4, "big", signed=True)
HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"

# Columns after `arrived`, each as length and value; -1 is null. One layout per value column.
COUNT = Struct(">iqiiiiqiiiihiiiiq")
GAUGE = Struct(">iqiiiiifiiihiiiiq")
WIDE = Struct(">iqiiiiiidiihiiiiq")
ARRIVED = Struct(">hiq")  # number of columns, then the first one
LONG, INT, SHORT = Struct(">iq"), Struct(">ii"), Struct(">ih")


class ImpossibleError(ValueError):
    """A metric that cannot be a reading; the text says why."""


@dataclass(frozen=True, slots=True)
class Signal:
    """A channel as ingest knows it: its row and the type its birth declared."""

    channel: int
    name: str
    datatype: int


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest value of a channel, for signal.latest; `at` in ms."""

    at: int
    value: Value | None
    quality: int


@dataclass
class Batch:
    """What one commit writes: rows, how far each outbox comes, newest values, faults."""

    rows: list[bytes] = field(default_factory=list[bytes])
    runs: dict[int, tuple[int, int]] = field(default_factory=dict[int, tuple[int, int]])
    latest: dict[int, tuple[int, Latest]] = field(default_factory=dict[int, tuple[int, Latest]])
    gaps: list[tuple[int, int, int, str]] = field(default_factory=list[tuple[int, int, int, str]])
    quarantine: list[tuple[str, bytes, str]] = field(default_factory=list[tuple[str, bytes, str]])

    def __bool__(self) -> bool:
        return bool(self.runs or self.latest or self.quarantine)

    def extend_run(self, outbox: int, number: int) -> None:
        """Record `number` of an outbox is in this batch."""
        first, _ = self.runs.get(outbox, (number, number))
        self.runs[outbox] = (first, number)

    def add(self, signal: Signal, sample: Sample, outbox: int, number: int) -> None:
        """One reading; of a sample that is not good only time and quality are kept."""
        value = sample.value if sample.quality == GOOD else None
        row = row_of(signal, sample, value, outbox, number)
        self.rows.append(row)
        self.note(signal, Latest(sample.at, value, sample.quality))

    def note(self, signal: Signal, latest: Latest) -> None:
        """A value that may be its channel's newest."""
        known = self.latest.get(signal.channel)
        if known is None or known[1].at <= latest.at:
            self.latest[signal.channel] = (signal.datatype, latest)


def sample_of(metric: Metric, signal: Signal, sent_at: int, latest_at: int) -> Sample:
    """The sample a metric carries; `sent_at` stands in for a missing capture time.

    Times may lie between 2000 and `latest_at` (ms). Raises ImpossibleError.
    """
    at = metric.timestamp or sent_at
    if not YEAR_2000 <= at <= latest_at:
        raise ImpossibleError(f"{signal.name}: time {at} ms is impossible")
    field_name = metric.WhichOneof("value")
    value: Value | None = None
    try:
        if field_name is not None and not metric.is_null:
            value = _storable(READERS[signal.datatype](metric, field_name))
        if not metric.HasField("properties"):
            return Sample(signal.name, at, value, BAD if value is None else GOOD)
        return _sample_with_properties(metric, signal, at, value)
    except ValueError as error:  # a wrong type, words that are no UTF-8, what no column holds
        raise ImpossibleError(f"{signal.name}: {error}") from error


def _storable(value: Value) -> Value:
    if isinstance(value, str):
        if "\0" in value:
            raise ImpossibleError("a text with NUL cannot be stored")
        value.encode()
    elif value > BIGGEST and isinstance(value, int):
        raise ImpossibleError(f"{value} does not fit the database's 64 bits")
    return value


def _sample_with_properties(metric: Metric, signal: Signal, at: int, value: Value | None) -> Sample:
    told = read_properties(metric)
    quality, status, source_at = told.get(QUALITY, GOOD), told.get(STATUS), told.get(SOURCE_AT)
    if quality not in (BAD, GOOD, STALE) or (quality == GOOD and value is None):
        quality = BAD
    if not isinstance(source_at, int) or not 0 < source_at < LAST_TIME:
        source_at = None  # a device's own clock may be anything; the capture time stands
    status = status if isinstance(status, int) and status <= BIGGEST else None
    return Sample(signal.name, at, value, int(quality), source_at, status)


def row_of(
    signal: Signal, sample: Sample, value: Value | None, outbox: int, number: int
) -> bytes:  # fmt: skip
    """The columns after `arrived` of one reading."""
    at = (sample.at - YEAR_2000) * 1000
    datatype = signal.datatype
    if sample.source_at is not None or sample.status is not None or value is None:
        return _any_row(signal, sample, value, outbox, number)
    if datatype == DataType.DOUBLE:
        return WIDE.pack(
            *(8, at, -1, 4, signal.channel, -1, -1, 8, value, -1, 2, sample.quality, -1),
            *(4, outbox, 8, number),
        )
    if datatype == DataType.FLOAT:
        return GAUGE.pack(
            *(8, at, -1, 4, signal.channel, -1, 4, value, -1, -1, 2, sample.quality, -1),
            *(4, outbox, 8, number),
        )
    if datatype in WORDS:
        return _any_row(signal, sample, value, outbox, number)
    return COUNT.pack(
        *(8, at, -1, 4, signal.channel, 8, int(value), -1, -1, -1, 2, sample.quality),
        *(-1, 4, outbox, 8, number),
    )


def _any_row(
    signal: Signal, sample: Sample, value: Value | None, outbox: int, number: int
) -> bytes:  # fmt: skip
    source_at = sample.source_at
    return b"".join((
        LONG.pack(8, (sample.at - YEAR_2000) * 1000),
        NULL if source_at is None else LONG.pack(8, (source_at - YEAR_2000) * 1000),
        INT.pack(4, signal.channel),
        _value_columns(signal, value),
        SHORT.pack(2, sample.quality),
        NULL if sample.status is None else LONG.pack(8, sample.status),
        INT.pack(4, outbox),
        LONG.pack(8, number),
    ))  # fmt: skip


def _value_columns(signal: Signal, value: Value | None) -> bytes:
    if value is None:
        return NULL * 4
    if signal.datatype == DataType.DOUBLE:
        return NULL * 2 + Struct(">id").pack(8, value) + NULL
    if signal.datatype == DataType.FLOAT:
        return NULL + Struct(">if").pack(4, value) + NULL * 2
    if signal.datatype in WORDS:
        word = str(value).encode()
        return NULL * 3 + len(word).to_bytes(4, "big") + word
    return LONG.pack(8, int(value)) + NULL * 3
