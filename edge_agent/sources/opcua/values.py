"""What an OPC UA DataValue means as a sample: pure, and whatever a server sends, never a crash."""

from datetime import UTC, datetime
from math import isfinite
from typing import Any, cast

from asyncua import ua
from asyncua.ua.status_codes import StatusCodes, get_name_and_doc

from edge_agent.plantfile.conversion import real, whole, word
from edge_agent.plantfile.profile import Channel
from edge_agent.sample import BAD, GOOD, STALE, Sample, Value
from edge_agent.sources.opcua.structure import Layout

SAME_TIME_MS = 10  # a source time nearer to the capture time than this says nothing new
NO_TIME_MS = 253_402_300_799_000  # 9999-12-31T23:59:59: the standard's "no end"; 1601 is "no time"
LONGEST_TEXT = 4096  # characters
FLOAT32_MAX = 3.4028234663852886e38
RANGES = {f"uint{bits}": (0, 2**bits) for bits in (16, 32, 64)} | {
    f"int{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1)) for bits in (16, 32, 64)
}
COUNTED = {"uint16": 16, "uint32": 32, "uint64": 64}
SIGNED = {
    ua.VariantType.SByte: 8, ua.VariantType.Int16: 16, ua.VariantType.Int32: 32,
}  # fmt: skip
OVERFLOW = 0x480  # info bits of a good value: older ones of the same channel were dropped


class RefusedError(Exception):
    """A value that its channel cannot hold; `status` is the StatusCode that says why."""

    def __init__(self, status: int) -> None:
        super().__init__(status_name(status))
        self.status = status


def status_name(status: int) -> str:
    """The standard's name of a StatusCode."""
    return get_name_and_doc(status & 0xFFFF0000)[0]


def sample_of(
    channel: Channel, data: ua.DataValue, at: int, layout: Layout | None = None
) -> Sample:
    """The sample that a DataValue means: bad has no value, uncertain keeps it as stale.

    `at` is the capture time in ms; `layout` is that of the structure a `field` is taken from. A
    value that the channel cannot hold is bad, with the StatusCode that says why.
    """
    status = data.StatusCode.value if data.StatusCode else 0
    source_at = _source_at(data.SourceTimestamp, at)
    if status >> 30 >= 2:
        return Sample(channel.name, at, None, BAD, source_at, status)
    try:
        raw = _element(_raw(data, channel.field, layout), channel.element)
        value = typed(_counted(raw, data, channel), channel)
    except RefusedError as refused:
        return Sample(channel.name, at, None, BAD, source_at, refused.status)
    if status >> 30 == 1:
        return Sample(channel.name, at, value, STALE, source_at, status)
    return Sample(channel.name, at, value, GOOD, source_at)


def _raw(data: ua.DataValue, field: str, layout: Layout | None) -> Any:
    raw = data.Value.Value if data.Value else None
    if not field or raw is None:
        return raw
    if layout is None:
        raise RefusedError(StatusCodes.BadDataEncodingUnsupported)
    try:
        return layout.value(raw, field)
    except ua.UaError:
        raise RefusedError(StatusCodes.BadDecodingError) from None


def _element(raw: Any, number: int | None) -> Any:
    """One of an array's elements, where the channel is one."""
    if number is None or raw is None:
        return raw
    if not isinstance(raw, list):
        raise RefusedError(StatusCodes.BadTypeMismatch)
    elements = cast("list[Any]", raw)
    if number >= len(elements):
        raise RefusedError(StatusCodes.BadIndexRangeNoData)
    return elements[number]


def _counted(raw: Any, data: ua.DataValue, channel: Channel) -> Any:
    """A counter of a signed type goes on below its highest number: what it is without a sign."""
    if channel.kind != "counter" or not isinstance(raw, int) or raw >= 0:
        return raw
    bits = COUNTED.get(channel.datatype, 0)
    if not bits and data.Value and not channel.field:
        bits = SIGNED.get(data.Value.VariantType, 0)
    return raw + (1 << bits) if bits and -raw <= 1 << (bits - 1) else raw


def turns_at(data: ua.DataValue) -> int | None:
    """Where a counter of this value's type starts again without its sign; 0: it has none.

    None: the server tells no value, and so no type.
    """
    if data.Value is None or data.Value.Value is None:
        return None
    bits = SIGNED.get(data.Value.VariantType, 0)
    return 1 << bits if bits else 0


def _source_at(source: datetime | None, at: int) -> int | None:
    if source is None:
        return None
    aware = source if source.tzinfo else source.replace(tzinfo=UTC)
    source_at = round(1000 * aware.timestamp())
    told = 0 < source_at < NO_TIME_MS and abs(source_at - at) > SAME_TIME_MS
    return source_at if told else None


def typed(value: Any, channel: Channel) -> Value:
    """The value in the channel's type; RefusedError when it is none of it."""
    if value is None:
        raise RefusedError(StatusCodes.BadNoData)
    kind = channel.datatype
    if kind == "text":
        return _text(value)
    if kind == "bool":
        return _bool(value)
    if kind.startswith("float"):
        return _real(value, kind)
    return _whole(value, kind, flags=channel.kind == "state")


def _text(value: Any) -> str:
    text = value.Text if isinstance(value, ua.LocalizedText) else value
    if text is None:
        raise RefusedError(StatusCodes.BadNoData)
    if isinstance(text, int | float):
        text = word(text)
    if not isinstance(text, str):
        raise RefusedError(StatusCodes.BadTypeMismatch)
    text = text.rstrip("\0")  # PLCs pad to a fixed length
    if len(text) > LONGEST_TEXT:
        raise RefusedError(StatusCodes.BadEncodingLimitsExceeded)
    if "\0" in text or any("\ud800" <= sign <= "\udfff" for sign in text):
        raise RefusedError(StatusCodes.BadDecodingError)
    return text


def _bool(value: Any) -> bool:
    if not isinstance(value, int):
        raise RefusedError(StatusCodes.BadTypeMismatch)
    if value not in (0, 1):
        raise RefusedError(StatusCodes.BadOutOfRange)
    return bool(value)


def _real(value: Any, kind: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise RefusedError(StatusCodes.BadTypeMismatch)
    number = real(value) if isinstance(value, str) else float(value)
    if number is None:
        raise RefusedError(StatusCodes.BadTypeMismatch)
    if not isfinite(number) or (kind == "float32" and abs(number) > FLOAT32_MAX):
        raise RefusedError(StatusCodes.BadOutOfRange)
    return number


def _whole(value: Any, kind: str, *, flags: bool) -> int:
    if isinstance(value, float) and isfinite(value) and not value.is_integer():
        raise RefusedError(StatusCodes.BadTypeMismatch)  # a part of a stroke is none
    if isinstance(value, (float, str)):
        value = whole(value)
    if not isinstance(value, int) or (isinstance(value, bool) and not flags):
        raise RefusedError(StatusCodes.BadTypeMismatch)
    low, high = RANGES[kind]
    if not low <= value < high:
        raise RefusedError(StatusCodes.BadOutOfRange)
    return int(value)
