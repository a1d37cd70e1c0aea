"""An independent Sparkplug library reads our edge node, and our host reads its node."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pysparkplug
import pytest
from floor import Ingest, Watcher
from pysparkplug import DataType as TheirType
from stranger import Stranger

from edge_agent.node import Node
from edge_agent.outbox import Outbox
from edge_agent.plantfile.entries import Mqtt
from edge_agent.sample import BAD, STALE, Sample
from edge_agent.wire import Channel, DataType, State, rebirth_request, state_topic
from tests.broker import Mosquitto, Probe

AT = 1_790_000_000_000
CHANNELS: Sequence[tuple[Channel, int | float | str | bool]] = [
    (Channel("strokes", DataType.UINT16, "counter", modulus=65536), 65535),
    (Channel("angle", DataType.INT16, "gauge", unit="deg"), -179),
    (Channel("cold", DataType.INT8, "gauge"), -5),
    (Channel("energy", DataType.UINT64, "counter", unit="Wh"), 2**63 + 1),
    (Channel("force", DataType.FLOAT, "gauge", unit="kN", scale=0.1), 0.5),
    (Channel("wide", DataType.DOUBLE, "gauge"), 1e-300),
    (Channel("running", DataType.BOOLEAN, "state"), True),
    (Channel("die", DataType.STRING, "text"), "模具 D-1"),
]


class Wire:
    """Stands where the broker does and keeps what the node publishes."""

    def __init__(self) -> None:
        self.said: list[tuple[str, bytes]] = []

    def publish(self, topic: str, payload: bytes) -> None:
        self.said.append((topic, payload))

    def of(self, kind: str) -> bytes:
        return next(payload for topic, payload in self.said if f"/{kind}/" in topic)


async def speak(folder: Path) -> Wire:
    """A node's births, one record and a death, as published."""
    outbox, wire = Outbox(folder / "outbox.sqlite"), Wire()
    devices = {"P01": [channel for channel, _ in CHANNELS]}
    node = Node("plant", "edge-1", devices=devices, outbox=outbox, mqtt=Mqtt())
    node._delivery.wire = wire  # the seam to the network
    node.connected(5)
    node.received(state_topic("pressline"), State(True, 1).encode())
    node.samples("P01", [Sample(known.name, AT, value) for known, value in CHANNELS])
    node.samples("P01", [Sample("strokes", AT + 1, None, BAD)])
    node.device_offline("P01", AT + 2)
    node.clock_stepped(-3_600_000, AT + 3)
    await node._keeping.commit()
    outbox.close()
    return wire


def test_births_data_and_deaths_are_understood(tmp_path: Path) -> None:
    wire = asyncio.run(speak(tmp_path))
    births = pysparkplug.NBirth.decode(wire.of("NBIRTH"))
    told = {metric.name: metric for metric in births.metrics}
    assert births.seq == 0
    assert (told["bdSeq"].datatype, told["bdSeq"].value) == (TheirType.INT64, 5)
    assert told["Node Control/Rebirth"].value is False
    assert told["Node Control/Rebirth"].alias is None
    birth = pysparkplug.DBirth.decode(wire.of("DBIRTH"))
    assert birth.seq == 1
    current = {metric.name: metric for metric in birth.metrics}
    for channel, value in CHANNELS[1:]:
        metric = current[channel.name]
        assert (metric.datatype, metric.value, metric.timestamp) == (channel.datatype, value, AT)
    assert current["strokes"].is_null
    record = pysparkplug.DData.decode(wire.of("DDATA"), birth=birth)
    values = {metric.name: metric.value for metric in record.metrics}
    assert record.seq == 2
    assert values == {"outbox/record": 1, **{known.name: value for known, value in CHANNELS}}
    death = pysparkplug.DDeath.decode(wire.of("DDEATH"))
    assert death.seq == 4


def test_what_the_node_tells_of_itself_is_understood(tmp_path: Path) -> None:
    wire = asyncio.run(speak(tmp_path))
    birth = pysparkplug.NBirth.decode(wire.of("NBIRTH"))
    told = {metric.name: metric for metric in birth.metrics}
    assert (told["clock/step"].datatype, told["clock/step"].is_null) == (TheirType.INT64, True)
    record = pysparkplug.NData.decode(wire.of("NDATA"), birth=birth)
    values = {metric.name: metric.value for metric in record.metrics}
    assert values == {"outbox/record": 3, "clock/step": -3_600_000}


def test_data_carries_aliases_only(tmp_path: Path) -> None:
    wire = asyncio.run(speak(tmp_path))
    record = pysparkplug.DData.decode(
        wire.of("DDATA"), birth=pysparkplug.DBirth.decode(wire.of("DBIRTH"))
    )
    assert len({metric.alias for metric in record.metrics}) == len(CHANNELS) + 1
    assert b"strokes" not in wire.of("DDATA")


async def speak_again(folder: Path) -> Wire:
    """Two records, both sent again after a rebirth, and the node's death."""
    outbox, wire = Outbox(folder / "outbox.sqlite"), Wire()
    devices = {"P01": [channel for channel, _ in CHANNELS]}
    node = Node("plant", "edge-1", devices=devices, outbox=outbox, mqtt=Mqtt())
    node._delivery.wire = wire
    node.connected(5)
    node.received(state_topic("pressline"), State(True, 1).encode())
    node.samples("P01", [Sample("strokes", AT, 7)])
    node.samples("P01", [Sample("strokes", AT + 1, 8)])
    await node._keeping.commit()
    node.received("spBv1.0/plant/NCMD/edge-1", rebirth_request(AT))
    node.received(state_topic("pressline"), State(False, 2).encode())
    outbox.close()
    return wire


def test_a_rebirth_a_resend_and_the_nodes_death_are_understood(tmp_path: Path) -> None:
    wire = asyncio.run(speak_again(tmp_path))
    said = [topic.split("/")[2] for topic, _ in wire.said]
    session = ["NBIRTH", "DBIRTH", "DDATA", "DDATA"]
    assert said == [*session, *session, "NDEATH"]
    again = pysparkplug.NBirth.decode(wire.said[4][1])
    assert again.seq == 0
    assert {metric.name: metric.value for metric in again.metrics}["bdSeq"] == 5
    birth = pysparkplug.DBirth.decode(wire.said[5][1])
    for place, number, historical in ((2, 1, True), (3, 2, False), (6, 1, True), (7, 2, False)):
        record = pysparkplug.DData.decode(wire.said[place][1], birth=birth)
        told = {metric.name: metric for metric in record.metrics}
        assert record.seq == number + 1
        assert (told["outbox/record"].value, told["strokes"].value) == (number, number + 6)
        assert told["strokes"].is_historical is historical  # not what the birth told already
    death = pysparkplug.NDeath.decode(wire.said[8][1])
    assert (death.bd_seq_metric.name, death.bd_seq_metric.value) == ("bdSeq", 5)


@pytest.mark.wire
@pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")
def test_our_host_takes_in_a_node_of_an_independent_library_its_rebirth_and_death(
    broker: Mosquitto, ingest: Ingest, watcher: Watcher
) -> None:
    with Probe(broker.port, "spBv1.0/STATE/+") as probe:
        while b"true" not in probe.hear()[1]:
            pass
    stranger = Stranger()
    stranger.connect(broker.port)
    watcher.until("select exists (select from signal.device where online)")
    for count in (1, 2, 3):
        stranger.strokes(count)
    stranger.temperature(-4)
    stranger.skip()  # lost on its way
    stranger.strokes(9)
    watcher.until("select exists (select from signal.gap)")
    watcher.until("select count(*) = 2 from signal.reading where count = 9")
    assert stranger.asked == 1
    stranger.carrier.cut()
    watcher.until("select not online from signal.node")
    watcher.until(  # its end is told to the channels by a commit of its own
        "select count(*) = 4 from signal.reading r join signal.channel c on c.id = r.channel "
        "where c.name in ('strokes', 'temp') and r.quality = %s", STALE,
    )  # fmt: skip
    assert told(watcher, "strokes") == [0, 1, 2, 3, None, 9, 9, None]
    assert told(watcher, "temp") == [20, -4, None, -4, None]
    assert watcher.rows("select * from signal.quarantine") == []


def told(watcher: Watcher, name: str) -> list[int | None]:
    """The readings of a channel in order; None: a gap."""
    rows = watcher.rows(
        "select count, quality from signal.reading r join signal.channel c on c.id = r.channel "
        "where c.name = %s order by number",
        name,
    )
    assert all((count is None) == (quality == STALE) for count, quality in rows)
    return [count for count, _ in rows]
