"""Whatever the broker brings: no crash, no stall, and the next good record is taken."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from spoken import FORCE, NOW, RECORD_ALIAS, STROKES, UUID, Clock, data, device_birth, node_birth

from database.connection import Connection, connect
from edge_agent.sample import Sample
from edge_agent.sparkplug_pb2 import Metric, Payload, PropertySet
from edge_agent.wire import (
    BDSEQ,
    NODE_ALIASES,
    OUTBOX_ID,
    OUTBOX_RECORD,
    Channel,
    DataType,
    parse_topic,
)
from ingest.intake import Intake
from ingest.quarantine_bounds import Bounds, Quarantine

ON_PLAIN = pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")
FEW = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
NUMBERS = (RECORD_ALIAS, NODE_ALIASES[OUTBOX_RECORD])
WORD = Channel("word", DataType.STRING, "text", alias=22)
WIDE = Channel("wide", DataType.UINT64, "counter", alias=23)
CHANNELS = (STROKES, FORCE, WORD, WIDE)
TYPES = ("NBIRTH", "NDEATH", "DBIRTH", "DDEATH", "NDATA", "DDATA", "NCMD", "STATE", "ODD")

aliases = st.sampled_from([*(known.alias for known in CHANNELS), *NODE_ALIASES.values(),
                           RECORD_ALIAS, 0, 99, 2**64 - 1])  # fmt: skip
times = st.sampled_from([
    0, 1, NOW, NOW + 1, NOW - 86_400_000, NOW + 10**9, 946_684_799_999, 2**63, 2**64 - 1,
    2**64 - 11_644_473_600_000,  # 1601, as a number that went below nothing
    253_402_300_799_999, 253_402_300_800_000,  # the end of 9999, and beyond
])  # fmt: skip
names = st.sampled_from(
    ["strokes", "force", BDSEQ, OUTBOX_ID, "outbox/first", "Node Control/Rebirth", "", "a\0b",
     "模具", "x" * 5000]
)  # fmt: skip
floats = st.floats(width=32, allow_nan=True, allow_infinity=True)
datatypes = st.integers(0, 40) | st.sampled_from([2**32 - 1])
values: dict[str, st.SearchStrategy[object]] = {
    "int_value": st.integers(0, 2**32 - 1),
    "long_value": st.integers(0, 2**64 - 1),
    "float_value": floats,
    "double_value": st.floats(),
    "boolean_value": st.booleans(),
    "string_value": st.text(max_size=20) | st.just("a\0b"),
    "bytes_value": st.binary(max_size=20),
    "dataset_value": st.binary(max_size=20),
    "template_value": st.binary(max_size=20),
}


@st.composite
def property_sets(draw: st.DrawFn) -> PropertySet:
    """Properties that lie: odd types, keys without values and values without keys."""
    told = PropertySet()
    keys = st.sampled_from(["Quality", "sourceAt", "status", "scale", "modulus", "kind", "x"])
    told.keys.extend(draw(st.lists(keys, max_size=4)))
    for _ in range(draw(st.integers(0, 4))):
        value = told.values.add()
        name = draw(st.sampled_from([*values, "set_value", "list_value"]))
        if name in ("set_value", "list_value"):
            setattr(value, name, draw(st.binary(max_size=9)))
        elif name not in ("bytes_value", "dataset_value", "template_value"):
            setattr(value, name, draw(values[name]))
        value.type = draw(datatypes)
    return told


@st.composite
def metrics(draw: st.DrawFn) -> Metric:
    """A metric that is valid protobuf and else whatever it likes."""
    metric = Metric()
    if draw(st.booleans()):
        metric.alias = draw(aliases)
    if draw(st.booleans()):
        metric.name = draw(names)
    if draw(st.booleans()):
        metric.timestamp = draw(times)
    if draw(st.booleans()):
        metric.datatype = draw(datatypes)
    metric.is_null = draw(st.booleans())
    if draw(st.integers(0, 5)):
        name = draw(st.sampled_from(list(values)))
        setattr(metric, name, draw(values[name]))
    if draw(st.booleans()):
        metric.properties.CopyFrom(draw(property_sets()))
    return metric


@st.composite
def payloads(draw: st.DrawFn) -> bytes:
    """A payload, sometimes with its bytes broken, sometimes no payload at all."""
    if not draw(st.integers(0, 7)):
        return draw(st.binary(max_size=60))
    payload = Payload(metrics=draw(st.lists(metrics(), max_size=5)))
    if draw(st.booleans()):
        payload.timestamp = draw(times)
    if draw(st.booleans()):
        payload.seq = draw(st.integers(0, 2**64 - 1))
    raw = payload.SerializeToString()
    if raw and not draw(st.integers(0, 7)):
        place = draw(st.integers(0, len(raw) - 1))
        raw = raw[:place] + draw(st.binary(max_size=3)) + raw[place + 1 :]
    return raw


levels = st.sampled_from(["plant", "edge-1", "far", "P01", "", "a\0b", "$x", "模具", "y" * 300])


@st.composite
def topics(draw: st.DrawFn) -> str:
    """A topic of a node or device that may be, or anything with slashes."""
    if not draw(st.integers(0, 3)):
        return "/".join(draw(st.lists(levels, min_size=1, max_size=7)))
    kind, node = draw(st.sampled_from(TYPES)), draw(st.sampled_from(["edge-1", "far", "n\0de"]))
    device = draw(st.sampled_from(["", "/P01", "/P02", "/P01/more"]))
    return f"spBv1.0/plant/{kind}/{node}{device}"


@dataclass
class Gate:
    """An intake over a real database, and the node that must be heard whatever else comes."""

    connection: Connection
    intake: Intake
    clock: Clock
    sessions: Iterator[int] = field(default_factory=itertools.count)

    def hear(self, *messages: tuple[str, bytes]) -> None:
        for topic, payload in messages:
            self.intake.take(topic, payload)
        self.clock.steady += 2
        self.intake.commit()

    def next_good_record_is_taken(self) -> None:
        node = f"good-{next(self.sessions)}"
        uuid = f"{UUID[:-4]}{node}"
        told = [(STROKES, Sample("strokes", NOW, 7))]
        self.intake.take(f"spBv1.0/plant/NBIRTH/{node}", node_birth(uuid=uuid))
        self.intake.take(f"spBv1.0/plant/DBIRTH/{node}/P01", device_birth(STROKES))
        self.intake.take(f"spBv1.0/plant/DDATA/{node}/P01", data(1, *told))
        acks = {ack.outbox: ack.number for _, ack in self.intake.commit().acks}
        assert acks[uuid] == 1
        row = self.connection.execute(
            "select count from signal.reading r join signal.outbox o on o.id = r.outbox "
            "where o.uuid = %s",
            [uuid],
        ).fetchall()
        assert row == [(7,)]

    def in_quarantine(self, topic: str, payload: bytes) -> list[str]:
        rows = self.connection.execute(
            "select reason from signal.quarantine where topic = %s and payload = %s",
            [topic.replace("\0", "\\0"), payload],
        )
        return [reason for (reason,) in rows]


@pytest.fixture
def gate(database: str, clock: Clock) -> Iterator[Gate]:
    boundless = Quarantine(Bounds(megabytes=10**6, per_minute=10**6))  # all of it is looked for
    with connect(database, autocommit=True) as connection:
        yield Gate(connection, clock.intake(connection, quarantine=boundless), clock)


def understood(payload: bytes) -> bool:
    try:
        Payload.FromString(payload)
    except Exception:
        return False
    return True


@ON_PLAIN
@FEW
@given(st.lists(st.tuples(topics(), payloads()), min_size=1, max_size=8))
@example([("spBv1.0/plant/NBIRTH/edge-1", b""), ("spBv1.0/plant/DDATA/edge-1/P01", b"\xff")])
def test_rubbish_on_any_topic_is_answered_and_the_next_good_record_is_taken(
    gate: Gate, messages: list[tuple[str, bytes]]
) -> None:
    gate.hear(*messages)
    for topic, payload in messages:
        if not understood(payload) and parse_topic(topic) is not None:
            refused = gate.in_quarantine(topic, payload)
            assert refused
            assert all(refused)
    gate.next_good_record_is_taken()


@ON_PLAIN
@FEW
@given(st.lists(metrics(), min_size=1, max_size=6))
def test_each_metric_of_a_record_is_a_reading_or_its_message_is_in_quarantine(
    gate: Gate, told: list[Metric]
) -> None:
    node = f"odd-{next(gate.sessions)}"
    uuid, topic = f"{UUID[:-4]}{node}", f"spBv1.0/plant/DDATA/{node}/P01"
    gate.hear(
        (f"spBv1.0/plant/NBIRTH/{node}", node_birth(uuid=uuid)),
        (f"spBv1.0/plant/DBIRTH/{node}/P01", device_birth(*CHANNELS)),
    )
    message = Payload.FromString(data(1))
    message.metrics.extend(metric for metric in told if metric.alias not in NUMBERS)
    raw = message.SerializeToString()
    gate.hear((topic, raw))  # unknown aliases: it is asked for its births
    gate.hear(
        (f"spBv1.0/plant/NBIRTH/{node}", node_birth(uuid=uuid)),
        (f"spBv1.0/plant/DBIRTH/{node}/P01", device_birth(*CHANNELS)),
        (topic, raw),
    )
    [(number, readings)] = gate.connection.execute(
        "select o.number, count(r.channel) from signal.outbox o "
        "left join signal.reading r on r.outbox = o.id where o.uuid = %s group by o.id",
        [uuid],
    ).fetchall()
    assert number == 1  # acknowledged, whatever it held
    refused = gate.in_quarantine(topic, raw)
    assert readings <= len(message.metrics) - 1
    assert (readings == len(message.metrics) - 1) == (refused == [])
    assert all(refused)
    gate.next_good_record_is_taken()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 5e-324])
def test_odd_floats_are_stored_as_they_are(gate: Gate, value: float) -> None:
    double = Channel("double", DataType.DOUBLE, "gauge", alias=30)
    gate.hear(
        ("spBv1.0/plant/NBIRTH/edge-1", node_birth()),
        ("spBv1.0/plant/DBIRTH/edge-1/P01", device_birth(double)),
        ("spBv1.0/plant/DDATA/edge-1/P01", data(1, (double, Sample("double", NOW, value)))),
    )
    [(stored,)] = gate.connection.execute("select wide from signal.reading").fetchall()
    assert stored == value or (math.isnan(stored) and math.isnan(value))
