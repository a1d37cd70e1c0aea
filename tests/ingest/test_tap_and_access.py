"""What people see of the wire, and who may speak on it."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from floor import Edge, Ingest, Watcher
from spoken import (
    DBIRTH,
    DDATA,
    FORCE,
    NBIRTH,
    NOW,
    STROKES,
    data,
    device_birth,
    node_birth,
    strokes,
)

from database.connection import Connection
from edge_agent.plantfile.entries import Mqtt
from edge_agent.sample import BAD, Sample
from ingest.broker import make_client
from ingest.errors import BrokerSettingsError
from ingest.tap import Decoder
from tests.broker import Mosquitto, Probe, mosquitto_server

ACCESS_LIST = Path(__file__).parents[2] / "config" / "mosquitto" / "plant.acl"


def test_tap_names_what_data_carries_by_alias() -> None:
    decoder = Decoder()
    decoder.lines(NBIRTH, node_birth())
    decoder.lines(DBIRTH, device_birth(STROKES, FORCE))
    sample = Sample("force", NOW, None, BAD, source_at=NOW)
    headline, record, force = decoder.lines(DDATA, data(7, (FORCE, sample)))
    assert headline.startswith(f"{DDATA}  20")
    assert record.startswith("  outbox/record = 7")
    assert force.startswith("  force = null")
    assert "Quality=0" in force


def test_tap_shows_what_it_cannot_decode() -> None:
    assert "no Sparkplug payload" in Decoder().lines(DDATA, b"\xff")[0]
    assert Decoder().lines("spBv1.0/STATE/pressline", b'{"online": true}') == [
        'spBv1.0/STATE/pressline  {"online": true}'
    ]
    assert "alias 20 = 5" in Decoder().lines(DDATA, strokes(5))[2]


def start(*command: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "pressline", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.wire
def test_tap_ends_without_a_word_when_its_reader_does(broker: Mosquitto) -> None:
    with Probe(broker.port) as probe:
        probe.say(DDATA, strokes(1), qos=1, retain=True)
        with start("tap", "--mqtt-port", str(broker.port)) as tap:
            assert tap.stdout is not None
            assert tap.stderr is not None
            assert tap.stdout.readline().startswith(DDATA.encode())  # as `head -1` does
            tap.stdout.close()
            probe.say(DDATA, strokes(2), qos=1)
            told = tap.stderr.read()
            assert tap.wait(30) == 1
    assert b"Traceback" not in told
    assert b"BrokenPipe" not in told


@pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")
def test_a_list_that_nobody_reads_to_its_end_ends_without_a_word(
    database: str, connection: Connection
) -> None:
    connection.execute(
        "insert into signal.quarantine (arrived, topic, payload, reason) "
        "select clock_timestamp(), 'a/b', '', repeat('x', 1000) from generate_series(1, 500)"
    )
    connection.commit()
    with start("quarantine", "list", "--limit", "500", "--database", database) as listing:
        assert listing.stdout is not None
        assert listing.stderr is not None
        listing.stdout.close()
        told = listing.stderr.read()
    assert (listing.returncode, told) == (1, b"")


def test_credentials_that_cannot_be_used_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MQTT_USER", "ingest")
    monkeypatch.setenv("MQTT_PASSWORD_FILE", "/nowhere/password")
    with pytest.raises(BrokerSettingsError, match=r"/nowhere/password.*password alone"):
        make_client()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that mosquitto may enter after it has left root behind."""
    with tempfile.TemporaryDirectory(prefix="pressline-access-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.wire
@pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")
def test_a_node_may_publish_only_as_itself(
    open_folder: Path, database: str, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    passwords, secret = open_folder / "passwords", open_folder / "secret"
    secret.write_text("s3cret\n")
    program = shutil.which("mosquitto_passwd")
    assert program
    for user in ("ingest", "edge-1", "edge-2"):
        create = [] if passwords.exists() else ["-c"]
        subprocess.run([program, "-b", *create, str(passwords), user, "s3cret"], check=True)
    access = open_folder / "access"
    shutil.copy(ACCESS_LIST, access)
    for file in (passwords, access):
        file.chmod(0o644)
    rules = f"allow_anonymous false\npassword_file {passwords}\nacl_file {access}"
    monkeypatch.setenv("MQTT_USER", "ingest")
    monkeypatch.setenv("MQTT_PASSWORD_FILE", str(secret))
    with mosquitto_server(rules) as broker:
        ingest = Ingest(database, broker.port)
        ingest.start()
        settings = Mqtt(port=broker.port, user="edge-1", password_file=secret)
        with (
            Edge(open_folder, broker.port, mqtt=settings) as edge,
            Probe(broker.port, user="edge-2", password="s3cret") as imposter,
        ):
            edge.strokes(1)
            watcher.until_number(1)
            imposter.say(DDATA, b"\xff not mine")
            imposter.say("spBv1.0/plant/NCMD/edge-1", b"\xff not mine")
            edge.strokes(1)
            watcher.until_number(2)
            edge.until_acknowledged(2)
        ingest.kill()
    watcher.nothing_lost_or_doubled(2)
    assert watcher.rows("select * from signal.quarantine") == []
