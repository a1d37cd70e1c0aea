"""The wire contract: what edge agents and hosts both know about Sparkplug B 3.0.

Topics, data types, metric and property names, and the way from a sample to a metric and back.
Field numbers live in sparkplug.proto; the acknowledgement that the standard leaves open is told
in docs/wire.md.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Literal, cast

from edge_agent.sample import GOOD, Sample, Value
from edge_agent.sparkplug_pb2 import Metric, Payload

if TYPE_CHECKING:
    from edge_agent.sparkplug_pb2 import ValueField  # a type of the stub, no name at run time

NAMESPACE = "spBv1.0"
DATA_TYPES = ("NBIRTH", "NDEATH", "DBIRTH", "DDEATH", "NDATA", "DDATA")

REBIRTH = "Node Control/Rebirth"
BDSEQ = "bdSeq"
OUTBOX_ID = "outbox/id"
OUTBOX_FIRST = "outbox/first"
OUTBOX_ACK = "outbox/ack"
OUTBOX_RECORD = "outbox/record"
OUTBOX_LAST = "outbox/last"
NODE_ALIASES = {OUTBOX_ID: 1, OUTBOX_FIRST: 2, OUTBOX_ACK: 3, OUTBOX_RECORD: 4}
FIRST_CHANNEL_ALIAS = 16
CLOCK_STEP = "clock/step"
GIVEN_UP = "outbox/given_up"
REFUSED = "refused"

# Properties of a metric. engUnit is the name that other hosts look for too.
QUALITY, STATUS, SOURCE_AT = "Quality", "status", "sourceAt"
UNIT, KIND, SCALE, MODULUS, SOURCE = "engUnit", "kind", "scale", "modulus", "source"

Kind = Literal["counter", "state", "gauge", "text"]


class DataType(IntEnum):
    """Basic data types, numbered as Sparkplug 3.0 (chapter 6.4.16) numbers them."""

    INT8 = 1
    INT16 = 2
    INT32 = 3
    INT64 = 4
    UINT8 = 5
    UINT16 = 6
    UINT32 = 7
    UINT64 = 8
    FLOAT = 9
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12
    DATETIME = 13
    TEXT = 14
    UUID = 15


BITS = {
    DataType.INT8: 8, DataType.INT16: 16, DataType.INT32: 32, DataType.INT64: 64,
    DataType.UINT8: 8, DataType.UINT16: 16, DataType.UINT32: 32, DataType.UINT64: 64,
    DataType.DATETIME: 64,
}  # fmt: skip
SIGNED = frozenset({DataType.INT8, DataType.INT16, DataType.INT32, DataType.INT64})
WORDS = frozenset({DataType.STRING, DataType.TEXT, DataType.UUID})


class WrongTypeError(ValueError):
    """A value does not fit its declared data type."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One signal of one device as a birth declares it; value in unit = reading x scale."""

    name: str
    datatype: DataType
    kind: Kind
    alias: int = 0
    unit: str = ""
    scale: float = 1.0
    modulus: int | None = None
    source: str = ""


NODE_CHANNELS = (  # what the node tells of itself, in records of its own (NDATA)
    Channel(CLOCK_STEP, DataType.INT64, "gauge", alias=5, unit="ms"),
    Channel(GIVEN_UP, DataType.STRING, "text", alias=6),
    Channel(REFUSED, DataType.STRING, "text", alias=7),
)


# -- topics ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Topic:
    """Where a message belongs; device is empty for a message of the node itself."""

    type: str
    site: str
    node: str
    device: str = ""

    def __str__(self) -> str:
        parts = [NAMESPACE, self.site, self.type, self.node]
        return "/".join([*parts, self.device] if self.device else parts)


def parse_topic(text: str) -> Topic | None:
    """The topic of a Sparkplug message of a node or device; None for anything else."""
    parts = text.split("/")
    if len(parts) not in (4, 5) or parts[0] != NAMESPACE or not all(parts):
        return None
    site, kind, node, *device = parts[1:]
    if (kind[:1] == "D" and not device) or (kind[:1] == "N" and device):
        return None
    return Topic(kind, site, node, device[0] if device else "")


def state_topic(host: str) -> str:
    """Where a host tells whether it is online."""
    return f"{NAMESPACE}/STATE/{host}"


LATEST_STATE = 4_102_444_800_000  # ms, the year 2100: a later one would silence the host for ever


@dataclass(frozen=True, slots=True)
class State:
    """What a host says of itself; `timestamp` (ms) is that of its CONNECT, in will and birth."""

    online: bool
    timestamp: int

    def encode(self) -> bytes:
        """The JSON of a STATE message."""
        return json.dumps({"online": self.online, "timestamp": self.timestamp}).encode()

    @staticmethod
    def decode(payload: bytes) -> "State | None":
        """The state a STATE message tells; None when it tells none."""
        try:
            told: object = json.loads(payload)
        except (ValueError, RecursionError):
            return None
        if not isinstance(told, dict):
            return None
        fields = cast("dict[str, object]", told)
        online, timestamp = fields.get("online"), fields.get("timestamp")
        if not isinstance(online, bool) or not isinstance(timestamp, int):
            return None
        if not 0 <= timestamp < LATEST_STATE:
            return None
        return State(online, timestamp)


# -- values ---------------------------------------------------------------------------------------


def _whole(value: Value, datatype: DataType) -> int:
    if isinstance(value, str) or (isinstance(value, float) and not value.is_integer()):
        raise WrongTypeError(f"{value!r} is no {datatype.name}")
    bits = BITS[datatype]
    low, high = (-(1 << bits - 1), 1 << bits - 1) if datatype in SIGNED else (0, 1 << bits)
    whole = int(value)
    if not low <= whole < high:
        raise WrongTypeError(f"{value!r} does not fit {datatype.name}")
    return whole & ((1 << bits) - 1)  # two's complement in the type's own width


def write_value(metric: Metric, datatype: DataType, value: Value) -> None:
    """Put a value into a metric; raises WrongTypeError when it does not fit the type."""
    if datatype in BITS:
        if BITS[datatype] == 64:
            metric.long_value = _whole(value, datatype)
        else:
            metric.int_value = _whole(value, datatype)
    elif datatype in WORDS:
        metric.string_value = str(value)
    elif isinstance(value, str):
        raise WrongTypeError(f"{value!r} is no {datatype.name}")
    elif datatype is DataType.FLOAT:
        metric.float_value = value
    elif datatype is DataType.DOUBLE:
        metric.double_value = value
    elif value in (0, 1):
        metric.boolean_value = bool(value)
    else:
        raise WrongTypeError(f"{value!r} is no {datatype.name}")


def _reader(datatype: DataType) -> Callable[[Metric, "ValueField"], Value]:
    bits = BITS[datatype]
    half, full = 1 << bits - 1, 1 << bits
    signed, wide = datatype in SIGNED, bits == 64

    def read(metric: Metric, field: "ValueField") -> Value:
        if field == "long_value":
            value = metric.long_value
        elif field == "int_value" and not wide:
            value = metric.int_value
        else:
            raise WrongTypeError(f"{field} where {datatype.name} was declared")
        if not signed:
            if value >= full:
                raise WrongTypeError(f"{value} does not fit {datatype.name}")
            return value
        if value >= 1 << 31 and bits < 32:
            value &= full - 1  # some senders extend the sign to 32 bits
        return value - full if value >= half else value

    return read


def _read_plain(
    wanted: "ValueField", datatype: DataType
) -> Callable[[Metric, "ValueField"], Value]:
    def read(metric: Metric, field: "ValueField") -> Value:
        if field != wanted:
            raise WrongTypeError(f"{field} where {datatype.name} was declared")
        value = getattr(metric, wanted)
        if isinstance(value, bytes):  # what protobuf makes of a string that is no UTF-8
            raise WrongTypeError("a text that is no UTF-8")
        return value

    return read


READERS: dict[int, Callable[[Metric, "ValueField"], Value]] = {
    **{datatype: _reader(datatype) for datatype in BITS},
    **{datatype: _read_plain("string_value", datatype) for datatype in WORDS},
    DataType.FLOAT: _read_plain("float_value", DataType.FLOAT),
    DataType.DOUBLE: _read_plain("double_value", DataType.DOUBLE),
    DataType.BOOLEAN: _read_plain("boolean_value", DataType.BOOLEAN),
}


# -- samples and declarations ---------------------------------------------------------------------


def write_sample(metric: Metric, channel: Channel, sample: Sample) -> None:
    """Put a sample into a metric of a DATA message: alias, capture time, value.

    Properties are written only when the quality is not good or the device has a time of its own.
    Raises WrongTypeError when the value does not fit the channel.
    """
    metric.alias = channel.alias
    metric.timestamp = sample.at
    if sample.value is None:
        metric.is_null = True
    else:
        write_value(metric, channel.datatype, sample.value)
    if sample.quality != GOOD:
        write_property(metric, QUALITY, DataType.INT32, sample.quality)
    if sample.status is not None:
        write_property(metric, STATUS, DataType.UINT32, sample.status)
    if sample.source_at is not None:
        write_property(metric, SOURCE_AT, DataType.DATETIME, sample.source_at)


def write_property(metric: Metric, key: str, datatype: DataType, value: Value) -> None:
    """Add a property to a metric."""
    metric.properties.keys.append(key)
    told = metric.properties.values.add()
    told.type = datatype
    if isinstance(value, str):
        told.string_value = value
    elif datatype is DataType.DOUBLE:
        told.double_value = value
    elif BITS[datatype] == 64:
        told.long_value = _whole(value, datatype)
    else:
        told.int_value = _whole(value, datatype)


def read_properties(metric: Metric) -> dict[str, Value]:
    """The properties of a metric that are plain values, by key."""
    if not metric.HasField("properties"):
        return {}
    found: dict[str, Value] = {}
    for key, told in zip(metric.properties.keys, metric.properties.values, strict=False):
        field = told.WhichOneof("value")
        value = None if field is None else getattr(told, field)
        if value is not None and not isinstance(value, bytes):  # nested, or no UTF-8
            found[str(key)] = value
    return found


def write_channel(metric: Metric, channel: Channel) -> None:
    """Declare a channel in a birth: name, alias, type and what is known of it."""
    metric.name, metric.alias, metric.datatype = channel.name, channel.alias, channel.datatype
    write_property(metric, KIND, DataType.STRING, channel.kind)
    if channel.unit:
        write_property(metric, UNIT, DataType.STRING, channel.unit)
    if channel.scale != 1:
        write_property(metric, SCALE, DataType.DOUBLE, channel.scale)
    if channel.modulus is not None:
        write_property(metric, MODULUS, DataType.INT64, channel.modulus)
    if channel.source:
        write_property(metric, SOURCE, DataType.STRING, channel.source)


def read_channel(metric: Metric) -> Channel | None:
    """The channel a metric of a birth declares; None when its type is not a basic one.

    A foreign node declares no kind: words are text, bits a state, every other number a gauge.
    """
    if metric.datatype not in READERS or not metric.name:
        return None
    datatype = DataType(metric.datatype)
    told = read_properties(metric)
    scale, modulus, kind = told.get(SCALE, 1.0), told.get(MODULUS), told.get(KIND)
    known = {"counter": "counter", "state": "state", "gauge": "gauge", "text": "text"}
    return Channel(
        name=str(metric.name),
        datatype=datatype,
        kind=cast("Kind", known.get(str(kind)) or _usual_kind(datatype)),
        alias=metric.alias,
        unit=str(told.get(UNIT, "")),
        scale=float(scale) if isinstance(scale, (int, float)) else 1.0,
        modulus=modulus if isinstance(modulus, int) and modulus > 0 else None,
        source=str(told.get(SOURCE, "")),
    )


def _usual_kind(datatype: DataType) -> Kind:
    if datatype in WORDS:
        return "text"
    return "state" if datatype is DataType.BOOLEAN else "gauge"


# -- small messages -------------------------------------------------------------------------------


def death(bdseq: int, now: int) -> bytes:
    """An NDEATH: its bdSeq tells which session died."""
    payload = Payload(timestamp=now)
    metric = payload.metrics.add()
    metric.name, metric.datatype = BDSEQ, DataType.INT64
    metric.timestamp, metric.long_value = now, bdseq
    return payload.SerializeToString()


def rebirth_request(now: int) -> bytes:
    """An NCMD that asks a node for its births; by name, as the standard demands."""
    payload = Payload(timestamp=now)
    metric = payload.metrics.add()
    metric.name, metric.datatype = REBIRTH, DataType.BOOLEAN
    metric.timestamp, metric.boolean_value = now, True
    return payload.SerializeToString()


@dataclass(frozen=True, slots=True)
class GivenUp:
    """What an outbox gave up, as the text of `outbox/given_up`: JSON with these keys.

    `thinned`: `samples` of gauges in records `first` to `last`, which keep their numbers; what is
    left tells each gauge to within its bound in `within` (raw unit), or nothing where all its
    samples went. `unkept`: the same of records that waited for a full disk, before they had their
    numbers. `dropped`: whole records, as `outbox/first` tells too. `damaged`: whatever was not
    acknowledged of `outbox`, whose file was set aside.
    """

    what: Literal["thinned", "unkept", "dropped", "damaged"]
    first: int
    last: int
    reason: str
    outbox: str = ""  # another one than that of the record
    samples: int = 0
    records: int = 0
    within: dict[str, float] = field(default_factory=dict[str, float])

    def encode(self) -> str:
        """The text of the metric."""
        return json.dumps({key: value for key, value in asdict(self).items() if value})

    @staticmethod
    def parse(text: str) -> "GivenUp | None":
        """What a text tells; None when it tells none."""
        try:
            told = json.loads(text)
            what, first, last = told["what"], told["first"], told["last"]
            reason, outbox = told["reason"], told.get("outbox", "")
        except (ValueError, RecursionError, KeyError, TypeError):
            return None
        numbers = isinstance(first, int) and isinstance(last, int) and 0 < first <= last < 1 << 63
        words = isinstance(reason, str) and isinstance(outbox, str)
        if not numbers or not words or what not in ("thinned", "unkept", "dropped", "damaged"):
            return None
        return GivenUp(what, first, last, _plain(reason), _plain(outbox))


def _plain(text: str) -> str:
    """A text that any database can hold: no NUL, no half characters, not too long."""
    return text.encode(errors="replace").decode().replace("\0", "")[:500]


@dataclass(frozen=True, slots=True)
class Ack:
    """`<uuid>:<number>`: the database has every record up to `number` of that outbox.

    With `:hole`, the next record is missing although later ones came.
    """

    outbox: str
    number: int
    hole: bool = False

    def encode(self, alias: int, now: int) -> bytes:
        """An NCMD that writes the node's `outbox/ack` metric."""
        payload = Payload(timestamp=now)
        metric = payload.metrics.add()
        metric.alias, metric.timestamp = alias, now
        metric.string_value = f"{self.outbox}:{self.number}{':hole' if self.hole else ''}"
        return payload.SerializeToString()

    @staticmethod
    def parse(text: str) -> "Ack | None":
        """The acknowledgement a text means; None when it means none."""
        outbox, _, rest = str(text).partition(":")
        number, _, hole = rest.partition(":")
        if not outbox or not (number.isascii() and number.isdigit()) or hole not in ("", "hole"):
            return None
        return Ack(outbox, int(number), hole == "hole")
