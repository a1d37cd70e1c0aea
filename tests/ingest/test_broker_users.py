"""Users of the broker as one command makes them, on a real mosquitto with the settings we ship."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from floor import Edge, Ingest, Watcher
from spoken import DDATA

from edge_agent.plantfile.entries import Mqtt
from edge_agent.wire import NODE_ALIASES, OUTBOX_ACK, Ack
from ingest.broker_users import INGEST, WATCH, make
from tests.broker import Probe, mosquitto_server

TOP = Path(__file__).parents[2]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that mosquitto may enter after it has left root behind."""
    with tempfile.TemporaryDirectory(prefix="pressline-users-") as name:
        yield Path(name)


def settings(folder: Path) -> str:
    """What the shipped configuration says of users, with this folder in place of compose's."""
    told = (TOP / "config/mosquitto/mosquitto.conf").read_text().splitlines()
    ours = [line for line in told if line.startswith(("allow_anonymous", "password_", "acl_"))]
    return "\n".join(ours).replace("/mosquitto/users", str(folder))


def secret(folder: Path, user: str) -> str:
    return (folder / "secrets" / user).read_text().strip()


def test_the_command_makes_a_user_of_each_node_and_keeps_those_that_are_there(folder: Path) -> None:
    plant = folder / "plant.toml"
    shutil.copy(TOP / "config/plant.toml", plant)
    command = [
        sys.executable, "-m", "pressline", "broker", "users", str(plant),
        "--folder", str(folder), "--node", "ignition",
    ]  # fmt: skip
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "ignition" in told
    names = {each.name for each in (folder / "secrets").iterdir()}
    assert {INGEST, WATCH, "ignition"} < names
    before = secret(folder, "ignition")
    again = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "new users: none" in again
    assert secret(folder, "ignition") == before
    assert (folder / "secrets/ingest").stat().st_mode & 0o077 == 0


def test_the_sample_list_is_the_one_that_is_made(folder: Path) -> None:
    make(folder, ["edge-1"], "pressline")
    assert (TOP / "config/mosquitto/plant.acl").read_text() == (folder / "access").read_text()


@pytest.mark.wire
@pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")
def test_a_forged_acknowledgement_makes_no_gap(
    folder: Path, database: str, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(folder, ["edge-1", "edge-2"], "pressline")
    monkeypatch.setenv("MQTT_USER", INGEST)
    monkeypatch.setenv("MQTT_PASSWORD_FILE", str(folder / "secrets/ingest"))
    with mosquitto_server(settings(folder)) as broker:
        ingest = Ingest(database, broker.port)
        ingest.start()
        own = Mqtt(port=broker.port, user="edge-1", password_file=folder / "secrets/edge-1")
        with (
            Edge(folder, broker.port, mqtt=own) as edge,
            Probe(broker.port, user="edge-2", password=secret(folder, "edge-2")) as imposter,
        ):
            edge.strokes(1)
            watcher.until_number(1)
            ingest.kill()
            edge.strokes(2)
            outbox = str(watcher.value("select uuid from signal.outbox"))
            forged = Ack(outbox, 3).encode(NODE_ALIASES[OUTBOX_ACK], 0)
            imposter.say("spBv1.0/plant/NCMD/edge-1", forged)
            imposter.say(DDATA, b"\xff not mine")
            ingest.start()
            edge.strokes(1)
            watcher.until_number(4)
            edge.until_acknowledged(4)
        ingest.kill()
    watcher.nothing_lost_or_doubled(4)
    assert watcher.rows("select * from signal.gap") == []


@pytest.mark.wire
def test_the_watch_of_the_healthcheck_hears_the_broker_and_nothing_else(folder: Path) -> None:
    make(folder, ["edge-1"], "pressline")
    with (
        mosquitto_server(settings(folder)) as broker,
        Probe(broker.port, "#", "$SYS/#", user=WATCH, password=secret(folder, WATCH)) as watch,
        Probe(broker.port, user="edge-1", password=secret(folder, "edge-1")) as node,
    ):
        node.say("spBv1.0/plant/NDATA/edge-1", b"what nobody else may hear", retain=True)
        assert watch.hear()[0] == "$SYS/broker/version"
