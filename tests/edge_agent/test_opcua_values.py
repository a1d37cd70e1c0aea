"""What OPC UA values mean as samples: everything a server can send, and never a crash."""

from datetime import UTC, datetime
from math import inf, nan

import pytest
from asyncua import ua
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from edge_agent.agent import channel as on_the_wire
from edge_agent.plantfile.profile import FITTING, Channel
from edge_agent.sample import BAD, GOOD
from edge_agent.sources.opcua.values import RefusedError, sample_of, status_name, typed
from edge_agent.sparkplug_pb2 import Metric
from edge_agent.wire import write_sample

OBJECT = ua.ExtensionObject(ua.NodeId(ua.Int32(9), ua.Int16(4)), ua.ByteString(b"\1"))
AN_HOUR_AHEAD = datetime(2027, 1, 15, 9, tzinfo=UTC)
NOW = 1_800_000_000_000  # ms


def a_channel(kind: str, type_: str) -> Channel:
    return Channel.model_validate({"name": "c", "kind": kind, "type": type_})


@pytest.mark.parametrize(
    ("kind", "type_", "given", "taken"),
    [
        ("counter", "uint32", 2**32 - 1, 2**32 - 1),
        ("counter", "uint64", 2**64 - 1, 2**64 - 1),
        ("counter", "int64", -(2**63), -(2**63)),
        ("state", "bool", 1, True),
        ("state", "int64", True, 1),
        ("gauge", "float64", 3, 3.0),
        ("gauge", "float64", 2**64 - 1, 18446744073709551616.0),
        ("gauge", "float32", 3.4e38, 3.4e38),
        ("text", "text", ua.LocalizedText("模具7"), "模具7"),
        ("text", "text", "D-7\0\0\0", "D-7"),
        ("counter", "uint32", 41.0, 41),  # PLCs count in reals and in strings
        ("counter", "uint32", " 0041 ", 41),
        ("state", "int64", "7", 7),
        ("gauge", "float64", "-12.5", -12.5),
        ("text", "text", 7, "7"),  # the die's number where its name is wanted
        ("text", "text", 7.0, "7"),
        ("text", "text", 12.5, "12.5"),
    ],
)
def test_values_are_taken_in_the_declared_type(
    kind: str, type_: str, given: object, taken: object
) -> None:
    found = typed(given, a_channel(kind, type_))
    assert found == taken
    assert type(found) is type(taken)


@pytest.mark.parametrize(
    ("kind", "type_", "given", "why"),
    [
        ("counter", "uint16", 65536, "BadOutOfRange"),
        ("counter", "uint32", -1, "BadOutOfRange"),
        ("counter", "int64", 2**63, "BadOutOfRange"),
        ("counter", "uint32", 1.5, "BadTypeMismatch"),
        ("counter", "uint32", True, "BadTypeMismatch"),
        ("counter", "uint32", [7], "BadTypeMismatch"),
        ("counter", "uint32", None, "BadNoData"),
        ("state", "bool", 2, "BadOutOfRange"),
        ("state", "bool", 1.0, "BadTypeMismatch"),
        ("gauge", "float64", nan, "BadOutOfRange"),
        ("gauge", "float64", -inf, "BadOutOfRange"),
        ("gauge", "float32", 1e39, "BadOutOfRange"),
        ("gauge", "float64", "12,5", "BadTypeMismatch"),
        ("gauge", "float64", OBJECT, "BadTypeMismatch"),
        ("counter", "uint32", "12.5", "BadTypeMismatch"),
        ("counter", "uint32", "", "BadTypeMismatch"),
        ("counter", "uint32", 1e300, "BadTypeMismatch"),
        ("text", "text", datetime(2026, 1, 1, tzinfo=UTC), "BadTypeMismatch"),
        ("text", "text", ua.LocalizedText(None), "BadNoData"),
        ("text", "text", "a\0b", "BadDecodingError"),
        ("text", "text", "\udc80", "BadDecodingError"),
        ("text", "text", "x" * 4097, "BadEncodingLimitsExceeded"),
    ],
)
def test_what_a_channel_cannot_hold_is_refused_with_the_reason(
    kind: str, type_: str, given: object, why: str
) -> None:
    with pytest.raises(RefusedError, match=why):
        typed(given, a_channel(kind, type_))


def counted(given: int, variant: ua.VariantType, type_: str) -> tuple[object, int]:
    channel = a_channel("counter", type_).as_counted()
    sample = sample_of(channel, ua.DataValue(ua.Variant(given, variant)), NOW)
    return sample.value, channel.modulus or 0


def test_a_signed_counter_goes_on_without_its_sign() -> None:
    int16, int32 = ua.VariantType.Int16, ua.VariantType.Int32
    assert [counted(n, int16, "uint16") for n in (32767, -32768, -1)] == [
        (32767, 0), (32768, 0), (65535, 0),
    ]  # fmt: skip
    assert counted(-32768, int16, "int16") == (
        32768,
        65536,
    )  # declared as it is: it wraps by itself
    assert counted(-(2**31), int32, "int32") == (2**31, 2**32)
    assert counted(-1, int16, "int64") == (65535, 0)  # undeclared: by what the server says
    assert counted(-1, ua.VariantType.Int64, "int64") == (-1, 0)


def test_a_channel_may_be_one_element_of_an_array() -> None:
    known = {"name": "c", "kind": "counter", "node_id": "ns=2;s=Counts", "element": 1}
    channel = Channel.model_validate(known)
    variant = ua.Variant([7, 41], ua.VariantType.Int32, is_array=True)
    assert sample_of(channel, ua.DataValue(variant), NOW).value == 41
    assert channel.source == "ns=2;s=Counts [1]"
    beyond = ua.Variant([7], ua.VariantType.Int32, is_array=True)
    assert sample_of(channel, ua.DataValue(beyond), NOW).quality == BAD
    assert sample_of(channel, ua.DataValue(ua.Variant(7)), NOW).quality == BAD


@pytest.mark.parametrize(
    ("stamp", "told"),
    [
        (datetime(1601, 1, 1, tzinfo=UTC), None),
        (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), None),
        (datetime(1999, 12, 31, tzinfo=UTC), 946_598_400_000),  # a PLC whose clock was never set
        (datetime(2027, 1, 15, 8, 0, 0, 5000, tzinfo=UTC), None),  # 5 ms from NOW
        (
            datetime(2027, 1, 15, 9, 0, 0, tzinfo=UTC).replace(tzinfo=None),
            1_800_003_600_000,
        ),  # naive is UTC; an hour ahead
        (None, None),
    ],
)
def test_source_times_from_1601_to_9999(stamp: datetime | None, told: int | None) -> None:
    data = ua.DataValue(ua.Variant(1, ua.VariantType.UInt32), SourceTimestamp=stamp)  # pyright: ignore[reportArgumentType] -- asyncua's DateTime is a datetime
    sample = sample_of(a_channel("counter", "uint32"), data, NOW)
    assert (sample.value, sample.quality, sample.source_at) == (1, GOOD, told)


CHANNELS = [a_channel(kind, type_) for kind, types in FITTING.items() for type_ in types]
STAMPS = st.none() | st.datetimes(
    datetime(1601, 1, 1, tzinfo=UTC).replace(tzinfo=None), timezones=st.just(UTC)
)
SCALARS: SearchStrategy[object] = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(), st.text(),
    st.sampled_from([inf, -inf, nan, -0.0, 2**63, 2**64 - 1, -(2**63), 5e-324]),
    st.text(st.characters(codec=None)), st.binary(), st.uuids(), STAMPS,
    st.builds(ua.LocalizedText, st.none() | st.text()),
    st.just(OBJECT),
    st.builds(ua.StatusCode, st.integers(0, 2**32 - 1)),
)  # fmt: skip
VALUES = SCALARS | st.lists(SCALARS, max_size=3)


@given(
    channel=st.sampled_from(CHANNELS), value=VALUES, stamp=STAMPS,
    status=st.none() | st.just(0) | st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_any_value_becomes_a_sample_that_the_wire_can_carry(
    channel: Channel, value: object, stamp: datetime | None, status: int | None
) -> None:
    data = ua.DataValue(SourceTimestamp=stamp)  # pyright: ignore[reportArgumentType] -- asyncua's DateTime is a datetime
    variant = ua.Variant()
    object.__setattr__(variant, "Value", value)  # past its guess of the type, as decoding does
    data.Value = variant
    data.StatusCode = None if status is None else ua.StatusCode(ua.UInt32(status))
    sample = sample_of(channel, data, NOW)
    write_sample(Metric(), on_the_wire(channel), sample)
    assert (sample.value is None) == (sample.quality == BAD)
    assert sample.quality != GOOD or sample.status is None
    if sample.quality == BAD:
        assert sample.status is not None
        assert status_name(sample.status)
