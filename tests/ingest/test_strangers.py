"""Whoever reaches the broker may say anything: the host stays at work, the plant's data comes."""

import random
from collections.abc import Iterator
from math import nan
from string import ascii_letters

import pytest
from spoken import (
    DBIRTH,
    DDATA,
    NBIRTH,
    NOW,
    STROKES,
    Clock,
    data,
    device_birth,
    foreign_birth,
    node_birth,
    strokes,
)

from database.connection import Connection, connect
from edge_agent.sample import Sample
from edge_agent.sparkplug_pb2 import Payload
from edge_agent.wire import BDSEQ, OUTBOX_FIRST, Channel, DataType
from ingest.group import Group
from ingest.intake import Answers, Intake
from ingest.store import hold_host

pytestmark = pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")
GROUP = Group("pressline")


@pytest.fixture
def host(database: str) -> Iterator[Connection]:
    """The session of a host at work, as it commits: each piece by itself, its lock held."""
    with connect(database, autocommit=True) as opened:
        assert hold_host(opened, GROUP.host)
        yield opened


@pytest.fixture
def intake(host: Connection, clock: Clock) -> Intake:
    return clock.intake(host, GROUP)


def tell(intake: Intake, *messages: tuple[str, bytes]) -> Answers:
    for topic, payload in messages:
        intake.take(topic, payload)
    return intake.commit()


def noise(length: int) -> str:
    """Letters that no index can compress."""
    return "".join(random.Random(1).choices(ascii_letters, k=length))


def said(kind: str, node: str, device: str = "") -> str:
    return f"spBv1.0/plant/{kind}/{node}" + (f"/{device}" if device else "")


def own_goes_on(intake: Intake, host: Connection, clock: Clock) -> None:
    """The plant's own node is born, delivers, and a host that starts anew knows it again."""
    told = tell(
        intake, (NBIRTH, node_birth()), (DBIRTH, device_birth(STROKES)), (DDATA, strokes(1))
    )
    assert [(node.node, ack.number) for node, ack in told.acks] == [("edge-1", 1)]
    restarted = clock.intake(host, GROUP)
    assert [ack.number for _, ack in tell(restarted, (DDATA, strokes(2))).acks] == [2]


LONG = noise(20_000)
GOOD_ONE = Channel("pieces", DataType.INT32, "gauge", alias=29)
CANNOT_BE_KEPT = {
    "its name is longer than 1000 bytes": Channel(LONG, DataType.INT32, "gauge", alias=30),
    "a text with NUL": Channel("a\0b", DataType.INT32, "gauge", alias=30),
    "NUL cannot be stored": Channel("a", DataType.INT32, "gauge", alias=30, unit="\0"),
    "its unit is longer": Channel("a", DataType.INT32, "gauge", alias=30, unit=LONG),
    "a scale of nan": Channel("a", DataType.INT32, "gauge", alias=30, scale=nan),
    "a scale of 0.0": Channel("a", DataType.INT32, "gauge", alias=30, scale=0.0),
    "a scale of 1e+300": Channel("a", DataType.INT32, "gauge", alias=30, scale=1e300),
    "does not fit": Channel("a", DataType.INT32, "counter", alias=30, modulus=1),
}


@pytest.mark.parametrize("why", CANNOT_BE_KEPT)
def test_a_channel_that_cannot_be_kept_is_told_and_the_others_are_taken(
    intake: Intake, host: Connection, clock: Clock, why: str
) -> None:
    birth = Payload.FromString(device_birth(GOOD_ONE, CANNOT_BE_KEPT[why], numbered=False))
    for told in birth.metrics[1].properties.values:
        if told.long_value:
            told.long_value = 2**63  # the modulus, as no channel of ours writes it
    tell(intake, (said("NBIRTH", "other"), foreign_birth()))
    tell(intake, (said("DBIRTH", "other", "P09"), birth.SerializeToString()))
    pieces = data(None, (GOOD_ONE, Sample("pieces", NOW, 4)))
    tell(intake, (said("DDATA", "other", "P09"), pieces))
    assert host.execute("select name from signal.channel").fetchall() == [("pieces",)]
    good = "select count from signal.reading where quality = 192"
    assert host.execute(good).fetchall() == [(4,)]
    [(reason,)] = host.execute("select reason from signal.quarantine").fetchall()
    assert why in reason
    own_goes_on(intake, host, clock)


def with_number(name: str, number: int) -> bytes:
    """A birth of ours with another number in it."""
    birth = Payload.FromString(node_birth())
    for metric in birth.metrics:
        if metric.name == name:
            metric.long_value = number
    return birth.SerializeToString()


ODD_BIRTHS = {
    "outbox/id": node_birth(uuid=LONG),
    "bdSeq": with_number(BDSEQ, 2**63),
    "outbox/first": with_number(OUTBOX_FIRST, 2**63),
}


@pytest.mark.parametrize("what", ODD_BIRTHS)
def test_a_birth_that_the_database_cannot_hold_leaves_no_trace_of_a_node(
    intake: Intake, host: Connection, clock: Clock, what: str
) -> None:
    assert tell(intake, (said("NBIRTH", "stranger"), ODD_BIRTHS[what])).acks == []
    assert host.execute("select * from signal.node").fetchall() == []
    [(reason,)] = host.execute("select reason from signal.quarantine").fetchall()
    assert what in reason
    own_goes_on(intake, host, clock)


@pytest.mark.parametrize("kind", ["NBIRTH", "DBIRTH", "NDATA", "DDATA", "NDEATH", "odd"])
def test_a_topic_as_long_as_mqtt_allows_stops_nothing(
    intake: Intake, host: Connection, clock: Clock, kind: str
) -> None:
    device = "P01" if kind[0] == "D" else ""
    for payload in (b"\xff", foreign_birth(), device_birth(STROKES, numbered=False)):
        tell(intake, (said(kind, LONG, device), payload))
    tell(intake, (NBIRTH, foreign_birth()), (said("DBIRTH", "edge-1", LONG), foreign_birth()))
    own_goes_on(intake, host, clock)


def test_messages_of_ever_new_devices_fill_no_memory(
    intake: Intake, host: Connection, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.births.MOST_DEVICES", 100)
    tell(intake, (NBIRTH, node_birth()), (DBIRTH, device_birth(STROKES)))
    tell(intake, *[(said("DDATA", "edge-1", f"nobody-{n}"), strokes(1)) for n in range(500)])
    [node] = intake.nodes
    assert len(node.devices) <= 100
    own_goes_on(intake, host, clock)


def test_a_node_that_was_never_born_has_no_row(intake: Intake, host: Connection) -> None:
    nobody = [said("DDATA", f"nobody-{n}", "P01") for n in range(20)]
    asked = tell(intake, *[(topic, strokes(1)) for topic in nobody]).rebirths
    assert len(asked) == 20
    empty = [(said("NBIRTH", f"nobody-{n}"), b"") for n in range(20)]
    tell(intake, *empty)
    assert host.execute("select * from signal.node").fetchall() == []
    assert host.execute("select * from signal.outbox").fetchall() == []


def test_strangers_that_are_born_are_bounded_and_those_that_are_known_go_on(
    host: Connection, clock: Clock
) -> None:
    few = clock.intake(host, Group(GROUP.host, most=5))
    tell(few, (NBIRTH, node_birth()), (DBIRTH, device_birth(STROKES)))
    tell(few, *[(said("NBIRTH", f"invented-{n}"), foreign_birth()) for n in range(20)])
    assert host.execute("select count(*) from signal.node").fetchone() == (5,)
    refused = host.execute("select kind, reason from signal.quarantine").fetchall()
    assert len(refused) == 16
    assert {kind for kind, _ in refused} == {"protocol"}
    assert "--most-nodes" in refused[0][1]
    own_goes_on(few, host, clock)


def test_a_flood_of_births_is_taken_a_few_at_a_time_and_asked_for_again(
    intake: Intake, host: Connection, clock: Clock
) -> None:
    tell(intake, *[(said("NBIRTH", f"new-{n}"), foreign_birth()) for n in range(60)])
    assert host.execute("select count(*) from signal.node").fetchone() == (50,)
    clock.steady += 2
    late = "new-59"
    asked = tell(intake, (said("NDATA", late), data(None, seq=1))).rebirths
    assert [node.node for node in asked] == [late]
    tell(intake, (said("NBIRTH", late), foreign_birth()))
    assert host.execute("select online from signal.node where node = %s", [late]).fetchall() == [
        (True,)
    ]
    own_goes_on(intake, host, clock)


def test_a_birth_of_a_hundred_thousand_metrics_is_refused(
    intake: Intake, host: Connection, clock: Clock
) -> None:
    birth = Payload.FromString(foreign_birth())
    for n in range(100_000):
        metric = birth.metrics.add()
        metric.name, metric.alias, metric.datatype = f"c{n}", n, DataType.INT32
    tell(intake, (said("NBIRTH", "stranger"), birth.SerializeToString()))
    assert host.execute("select * from signal.node").fetchall() == []
    [(kind, reason)] = host.execute("select kind, reason from signal.quarantine").fetchall()
    assert (kind, reason) == ("protocol", "more than 50000 metrics in a birth or death")
    own_goes_on(intake, host, clock)


def test_an_alias_that_means_two_metrics_means_neither(intake: Intake, host: Connection) -> None:
    twice = Channel("scrap", DataType.INT32, "gauge", alias=GOOD_ONE.alias)
    single = Channel("force", DataType.INT32, "gauge", alias=31)
    birth = device_birth(GOOD_ONE, twice, single, numbered=False)
    tell(intake, (said("NBIRTH", "other"), foreign_birth()))
    tell(intake, (said("DBIRTH", "other", "P09"), birth))
    told = (GOOD_ONE, Sample("pieces", NOW, 4)), (single, Sample("force", NOW, 7))
    tell(intake, (said("DDATA", "other", "P09"), data(None, *told)))
    good = "select count from signal.reading where quality = 192"
    assert host.execute(good).fetchall() == [(7,)]
    reasons = [reason for (reason,) in host.execute("select reason from signal.quarantine")]
    assert reasons[0].startswith("alias 29 is given to pieces and to scrap")
