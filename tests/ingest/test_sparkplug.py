"""What edge and host put on the wire, packet by packet, beside the standard (docs/sparkplug.md)."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from floor import NODE, PRESS, SITE, STROKES, Edge, now_ms, until

from edge_agent.plantfile.entries import Mqtt
from edge_agent.sparkplug_pb2 import Payload
from edge_agent.wire import REBIRTH, Ack, Channel, DataType, State, rebirth_request, state_topic
from ingest.births import Node
from ingest.group import Group
from ingest.host import _tell  # pyright: ignore[reportPrivateUsage] -- the host's own answers
from ingest.intake import Answers
from ingest.mqtt import HostClient
from ingest.stream import Stream
from tests.broker import Mosquitto, Probe, mosquitto_server
from tests.wiretap import DISCONNECT, SUBSCRIBE, Connect, Packet, Published, Wiretap

pytestmark = pytest.mark.wire
VERSIONS = ["3.1.1", "5"]
STATE = state_topic("pressline")
NCMD = f"spBv1.0/{SITE}/NCMD/{NODE}"
FORCE = Channel("force", DataType.FLOAT, "gauge", unit="kN")
NOW = time.time_ns() // 1_000_000


@dataclass(frozen=True)
class Said:
    """One session, as it went over the wire."""

    version: str
    packets: list[Packet]
    connect: Connect
    published: list[Published]

    @staticmethod
    def on(wiretap: Wiretap, version: str, connection: int = 0) -> "Said":
        packets = wiretap.packets(connection)
        return Said(version, packets, wiretap.connect(connection), wiretap.published(connection))

    @property
    def kinds(self) -> list[str]:
        return [each.topic.split("/")[2] for each in self.published]

    def of(self, *kinds: str) -> list[Payload]:
        return [
            Payload.FromString(each.payload)
            for each in self.published
            if each.topic.split("/")[2] in kinds
        ]

    @property
    def will(self) -> Payload:
        return Payload.FromString(self.connect.will)

    @property
    def subscribed(self) -> bytes:
        return b"".join(each.body for each in self.packets if each.kind == SUBSCRIBE)


def host_online(probe: Probe, timestamp: int = 1) -> None:
    probe.say(STATE, State(True, timestamp).encode(), qos=1, retain=True)


@pytest.fixture(scope="module", params=VERSIONS)
def edge(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Said:
    """A node's session: births, more than 256 messages, a rebirth, a press gone, the end."""
    with mosquitto_server() as broker, Wiretap(broker.port) as wiretap:
        mqtt = Mqtt.model_validate({"port": wiretap.port, "version": request.param})
        folder = tmp_path_factory.mktemp("edge")
        with (
            Probe(broker.port, f"spBv1.0/{SITE}/#") as host,
            Edge(folder, wiretap.port, mqtt=mqtt, devices={PRESS: [STROKES, FORCE]}) as edge,
        ):
            edge.strokes(3)
            until(lambda: edge.outbox.last == 3 and wiretap.sent != [], "records and a session")
            host_online(host)
            edge.strokes(300)
            edge.ask(lambda: edge.node.clock_stepped(1000, now_ms()))
            while edge.node.sender.acknowledged < 304:
                host.hear()
                host.say(NCMD, Ack(edge.outbox.uuid, edge.node.sender.sent).encode(3, NOW))
            host.say(NCMD, rebirth_request(NOW))
            host.hear("NBIRTH")
            edge.ask(lambda: edge.node.device_offline(PRESS, NOW))
            host.hear("DDEATH")
        until(lambda: wiretap.packets()[-1].kind == DISCONNECT, "the node's last word")
        return Said.on(wiretap, request.param)


def test_an_edge_session_is_clean_and_its_will_is_the_nodes_death(edge: Said) -> None:
    assert edge.connect.level == (5 if edge.version == "5" else 4)
    assert (edge.connect.clean, edge.connect.expiry_s) == (True, 0)
    assert edge.connect.will_topic == f"spBv1.0/{SITE}/NDEATH/{NODE}"
    assert (edge.connect.will_qos, edge.connect.will_retained) == (1, False)
    assert [metric.name for metric in edge.will.metrics] == ["bdSeq"]
    assert edge.will.metrics[0].long_value == 0
    assert not edge.will.HasField("seq")
    assert edge.will.timestamp > 0


def test_an_edge_subscribes_to_its_commands_and_the_state_of_its_host(edge: Said) -> None:
    assert NCMD.encode() in edge.subscribed
    assert STATE.encode() in edge.subscribed


def test_births_come_first_and_everything_is_qos_0_and_not_retained(edge: Said) -> None:
    assert edge.kinds[:3] == ["NBIRTH", "DBIRTH", "DDATA"]
    again = edge.kinds.index("NBIRTH", 1)
    assert edge.kinds[again : again + 2] == ["NBIRTH", "DBIRTH"]
    assert {each.topic for each in edge.published} == {
        f"spBv1.0/{SITE}/NBIRTH/{NODE}", f"spBv1.0/{SITE}/DBIRTH/{NODE}/{PRESS}",
        f"spBv1.0/{SITE}/NDATA/{NODE}", f"spBv1.0/{SITE}/DDATA/{NODE}/{PRESS}",
        f"spBv1.0/{SITE}/DDEATH/{NODE}/{PRESS}", f"spBv1.0/{SITE}/NDEATH/{NODE}",
    }  # fmt: skip
    assert {(each.qos, each.retained) for each in edge.published} == {(0, False)}


def test_every_nbirth_has_the_bdseq_of_the_will_and_the_rebirth_metric(edge: Said) -> None:
    births = edge.of("NBIRTH")
    assert len(births) == 2
    for birth in births:
        own = {metric.name: metric for metric in birth.metrics}
        assert own["bdSeq"].long_value == edge.will.metrics[0].long_value
        assert own[REBIRTH].datatype == DataType.BOOLEAN
        assert own[REBIRTH].boolean_value is False
        assert not own[REBIRTH].HasField("alias")
        assert birth.seq == 0


def test_births_declare_every_metric_whole(edge: Said) -> None:
    node, device = edge.of("NBIRTH")[0], edge.of("DBIRTH")[0]
    assert {metric.name for metric in device.metrics} == {"outbox/record", "strokes", "force"}
    declared = [*node.metrics, *device.metrics]
    aliases = [metric.alias for metric in declared if metric.HasField("alias")]
    assert len(aliases) == len(set(aliases))
    without = {metric.name for metric in declared if not metric.HasField("alias")}
    assert without == {"bdSeq", REBIRTH, "outbox/last"}  # those are told in births only
    for metric in declared:
        assert metric.name
        assert metric.timestamp
        assert metric.datatype in set(DataType)
        assert metric.is_null != (metric.WhichOneof("value") is not None)
        assert len(metric.properties.keys) == len(metric.properties.values)
        assert all(each.type in set(DataType) for each in metric.properties.values)


def test_quality_is_a_property_of_type_int32(edge: Said) -> None:
    [force] = [metric for metric in edge.of("DBIRTH")[0].metrics if metric.name == "force"]
    told = dict(zip(force.properties.keys, force.properties.values, strict=True))
    assert told["Quality"].type == 3
    assert told["Quality"].int_value == 500


def test_seq_grows_by_one_from_each_nbirth_on_and_starts_again_after_255(edge: Said) -> None:
    found = [payload.seq for payload in edge.of("NBIRTH", "DBIRTH", "NDATA", "DDATA", "DDEATH")]
    again = edge.kinds.index("NBIRTH", 1)
    assert again > 256
    assert found[:again] == [number % 256 for number in range(again)]
    assert found[again:] == [number % 256 for number in range(len(found) - again)]


def test_every_message_says_when_it_was_sent(edge: Said) -> None:
    assert all(payload.timestamp >= NOW for payload in edge.of(*set(edge.kinds)))


def test_data_has_aliases_only_and_its_times_in_order(edge: Said) -> None:
    times: list[int] = []
    for payload in edge.of("NDATA", "DDATA"):
        for metric in payload.metrics:
            assert metric.HasField("alias")
            assert not metric.HasField("name")
            assert not metric.HasField("datatype")
            assert metric.timestamp
        if not any(metric.is_historical for metric in payload.metrics):
            times.append(payload.metrics[1].timestamp)
    assert len(edge.of("DDATA")) >= 300
    assert times == sorted(times)


def test_an_edge_says_its_death_before_it_leaves(edge: Said) -> None:
    assert edge.kinds[-1] == "NDEATH"
    death = edge.of("NDEATH")[-1]
    assert [metric.name for metric in death.metrics] == ["bdSeq"]
    assert death.metrics[0].long_value == edge.will.metrics[0].long_value
    assert not death.HasField("seq")
    assert edge.packets[-1].kind == DISCONNECT
    assert edge.packets[-1].body == (b"\x04" if edge.version == "5" else b"")  # 4: with the will


def test_an_edge_leaves_a_host_that_is_offline_and_its_bdseq_grows_with_every_connect(
    tmp_path: Path, broker: Mosquitto
) -> None:
    with (
        Wiretap(broker.port) as wiretap,
        Probe(broker.port, f"spBv1.0/{SITE}/#") as host,
        Edge(tmp_path, wiretap.port) as edge,
    ):
        edge.strokes(1)
        host.say(state_topic("another"), State(True, 9).encode(), qos=1, retain=True)
        host_online(host, 2)
        host.hear("NBIRTH")
        host.say(STATE, State(False, 1).encode(), qos=1)  # older: no reason to leave
        host.say(NCMD, rebirth_request(NOW))
        host.hear("NBIRTH")
        host.say(STATE, State(False, 2).encode(), qos=1, retain=True)
        until(lambda: len(wiretap.sent) > 1, "a new connection")
        host_online(host, 3)
        host.hear("NBIRTH")
    first, second = Said.on(wiretap, "3.1.1"), Said.on(wiretap, "3.1.1", 1)
    assert first.kinds.count("NBIRTH") == 2
    assert first.kinds[-1] == "NDEATH"
    assert (first.will.metrics[0].long_value, second.will.metrics[0].long_value) == (0, 1)
    assert {metric.long_value for birth in first.of("NBIRTH") for metric in birth.metrics[:1]} == {
        0
    }
    assert second.of("NBIRTH")[0].metrics[0].long_value == 1


@pytest.fixture(scope="module", params=VERSIONS)
def host(request: pytest.FixtureRequest) -> Iterator[Said]:
    """A host's session: online, a late will answered, an acknowledgement, a rebirth, the end."""
    with (
        pytest.MonkeyPatch.context() as environment,
        mosquitto_server() as broker,
        Wiretap(broker.port) as wiretap,
    ):
        environment.setenv("MQTT_VERSION", request.param)
        with Probe(broker.port, STATE, NCMD) as node:
            client = HostClient("127.0.0.1", wiretap.port, Group("pressline"))
            client.open()
            node.hear()
            node.say(STATE, State(False, 0).encode(), qos=1, retain=True)  # a late will
            while b"true" not in node.hear()[1]:
                pass
            known = Node(SITE, NODE, stream=Stream(1, "u", 7, 7))
            _tell(client, Answers([(known, Ack("u", 7))], [known]))
            node.hear("NCMD")
            node.hear("NCMD")
            client.close()
        until(lambda: wiretap.packets()[-1].kind == DISCONNECT, "the host's last word")
        yield Said.on(wiretap, request.param)


def test_a_host_session_is_clean_and_its_will_says_offline(host: Said) -> None:
    will = json.loads(host.connect.will)
    assert host.connect.level == (5 if host.version == "5" else 4)
    assert (host.connect.clean, host.connect.expiry_s) == (True, 0)
    assert (host.connect.will_topic, host.connect.will_qos) == (STATE, 1)
    assert host.connect.will_retained
    assert set(will) == {"online", "timestamp"}
    assert will["online"] is False
    assert NOW <= will["timestamp"] <= time.time_ns() // 1_000_000


def test_a_host_subscribes_then_says_that_it_is_online_and_repeats_it(host: Said) -> None:
    assert host.packets[1].kind == SUBSCRIBE
    assert STATE.encode() in host.subscribed
    for kind in ("NBIRTH/+", "NDEATH/+", "NDATA/+", "DBIRTH/+/+", "DDEATH/+/+", "DDATA/+/+"):
        assert f"spBv1.0/+/{kind}".encode() in host.subscribed
    states = [each for each in host.published if each.topic == STATE]
    assert host.published[0] == states[0]
    online = {"online": True, "timestamp": json.loads(host.connect.will)["timestamp"]}
    assert [json.loads(each.payload) for each in states[:2]] == [online, online]
    assert {(each.qos, each.retained) for each in states} == {(1, True)}


def test_commands_are_qos_0_without_seq_and_a_rebirth_is_asked_by_name(host: Said) -> None:
    commands = [each for each in host.published if each.topic == NCMD]
    assert {(each.qos, each.retained) for each in commands} == {(0, False)}
    payloads = [Payload.FromString(each.payload) for each in commands]
    assert not any(payload.HasField("seq") for payload in payloads)
    assert all(payload.timestamp >= NOW for payload in payloads)
    [ack], [rebirth] = (payload.metrics for payload in payloads)
    assert (ack.alias, ack.string_value, ack.HasField("name")) == (3, "u:7", False)
    assert (rebirth.name, rebirth.boolean_value) == (REBIRTH, True)


def test_a_host_says_that_it_is_offline_as_of_now_before_it_leaves(host: Said) -> None:
    last = json.loads(host.published[-1].payload)
    assert host.published[-1].topic == STATE
    assert last["online"] is False
    assert last["timestamp"] >= json.loads(host.connect.will)["timestamp"]
    assert host.packets[-1].kind == DISCONNECT
