"""What a real mosquitto does not take, large births or two agents of one name: the log says so."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import pytest
from floor import NODE, PRESS, SITE, STROKES, Edge, until

from edge_agent.plantfile.entries import Mqtt
from edge_agent.wire import Channel, DataType, State, rebirth_request, state_topic
from tests.broker import Probe, mosquitto_server

pytestmark = pytest.mark.wire
WIDE = [STROKES, *(Channel(f"pressure-{n}", DataType.FLOAT, "gauge") for n in range(100))]
DEVICES: dict[str, Sequence[Channel]] = {PRESS: [STROKES], "P02": WIDE}
LIMIT = 2_000  # bytes; the birth of P02 has more than twice as many
Hear = Callable[[str], Callable[[], bool]]


@pytest.fixture
def logged(capsys: pytest.CaptureFixture[str]) -> Hear:
    """Whether something has been said; all that was said is kept."""
    said: list[str] = []

    def telling(what: str) -> Callable[[], bool]:
        def told() -> bool:
            said.append(capsys.readouterr().out)
            return what in "".join(said)

        return told

    return telling


def online(probe: Probe) -> None:
    state = State(True, time.time_ns() // 1_000_000)
    probe.say(state_topic("pressline"), state.encode(), retain=True)


def begin(edge: Edge) -> None:
    """Both machines answer."""
    edge.ask(lambda: [edge.node.device_online(name) for name in DEVICES])


def test_a_birth_over_the_limit_that_the_broker_tells_is_named_with_both_sizes(
    tmp_path: Path, logged: Hear
) -> None:
    with mosquitto_server(f"allow_anonymous true\nmax_packet_size {LIMIT}") as broker:
        mqtt = Mqtt(port=broker.port, version="5")
        with Probe(broker.port, f"spBv1.0/{SITE}/#") as host:
            online(host)
            with Edge(tmp_path, broker.port, mqtt=mqtt, devices=DEVICES) as edge:
                begin(edge)
                until(logged("the birth of P02"), "the machine to be named")
                assert logged(f"no message over {LIMIT:,} bytes")()
                assert logged("max_packet_size")()
                edge.strokes(1)
                assert host.hear("DBIRTH")[0].endswith(f"/{PRESS}")
                host.hear("DDATA")  # the other machine is read on


def test_a_birth_over_a_limit_that_nobody_tells_is_named_with_its_size(
    tmp_path: Path, logged: Hear
) -> None:
    """In MQTT 3.1.1 the broker ends the connection without a word."""
    settings = f"allow_anonymous true\nmax_packet_size {LIMIT}"
    with mosquitto_server(settings) as broker, Probe(broker.port) as host:
        online(host)
        with Edge(tmp_path, broker.port, devices=DEVICES) as edge:
            begin(edge)
            until(logged("ended it 3 times within 60 s"), "the broker to be told about")
            assert logged("The largest message was the birth of P02, ")()


def test_a_birth_that_a_broker_drops_without_a_word_is_asked_for_again_and_told(
    tmp_path: Path, logged: Hear
) -> None:
    settings = f"allow_anonymous true\nmessage_size_limit {LIMIT}"
    with mosquitto_server(settings) as broker, Probe(broker.port, f"spBv1.0/{SITE}/#") as host:
        online(host)
        with Edge(tmp_path, broker.port, devices=DEVICES) as edge:
            begin(edge)
            for _ in range(3):
                host.hear("NBIRTH")
                host.hear("DBIRTH")
                host.say(f"spBv1.0/{SITE}/NCMD/{NODE}", rebirth_request(0))
            until(logged("asks for births again and again"), "that to be told")
            assert logged("birth of P02, ")()


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_two_agents_of_one_name_at_one_broker_are_told(
    tmp_path: Path, logged: Hear, version: Literal["3.1.1", "5"]
) -> None:
    """Each throws the other out; both say it, and both keep what they read."""
    with mosquitto_server() as broker, Probe(broker.port) as host:
        online(host)
        mqtt = Mqtt(port=broker.port, version=version)
        here, there = tmp_path / "here", tmp_path / "there"
        here.mkdir()
        there.mkdir()
        with (
            Edge(here, broker.port, mqtt=mqtt) as one,
            Edge(there, broker.port, mqtt=mqtt) as other,
        ):
            until(logged("two agents with the same site and node"), "that to be told")
            for edge in (one, other):
                edge.strokes(3)
                until(lambda edge=edge: edge.outbox.last == 3, "its records")
