"""The wire end to end, with everything that can be killed killed: nothing lost, nothing doubled."""

import subprocess
import sys
from pathlib import Path

import pytest
from floor import NODE, PRESS, SITE, Edge, Ingest, Watcher, lock_watermarks, until
from spoken import (
    DBIRTH,
    DDATA,
    FORCE,
    NBIRTH,
    NOW,
    STROKES,
    UUID,
    data,
    device_birth,
    node_birth,
    strokes,
)

from edge_agent.sample import Sample
from edge_agent.sparkplug_pb2 import Metric, Payload
from edge_agent.wire import REBIRTH
from tests.broker import Mosquitto, Probe

pytestmark = pytest.mark.wire
ON_PLAIN = pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")


def test_a_reading_reaches_the_database_and_is_forgotten_by_the_edge(
    tmp_path: Path, broker: Mosquitto, ingest: Ingest, watcher: Watcher
) -> None:
    with Edge(tmp_path, broker.port) as edge:
        edge.strokes(500)
        watcher.until_number(500)
        edge.until_acknowledged(500)
        edge.strokes(1)
        watcher.until_number(501)
        edge.until_acknowledged(501)
        edge.strokes(1)
        watcher.until_number(502)
        assert edge.ask(lambda: edge.outbox.first) > 500
    watcher.nothing_lost_or_doubled(502)
    assert ingest.stop() == 0


def test_ingest_killed_between_delivery_and_commit_loses_and_doubles_nothing(
    tmp_path: Path, broker: Mosquitto, ingest: Ingest, watcher: Watcher, database: str
) -> None:
    with Edge(tmp_path, broker.port) as edge:
        edge.strokes(10)
        watcher.until_number(10)
        holder = lock_watermarks(database)
        edge.strokes(50)
        watcher.until(
            "select exists (select from pg_stat_activity where wait_event_type = 'Lock' "
            "and application_name = 'pressline ingest' and query like %s)",
            "%signal.outbox%for update%",
        )  # delivered, and waiting to commit
        ingest.kill()
        holder.close()
        assert watcher.value("select max(number) from signal.reading") == 10
        edge.strokes(40)
        ingest.start()
        watcher.until_number(100)
        edge.until_acknowledged(100)
    watcher.nothing_lost_or_doubled(100)


@ON_PLAIN
def test_an_edge_killed_and_started_again_resends_what_was_not_acknowledged(
    tmp_path: Path, broker: Mosquitto, ingest: Ingest, watcher: Watcher
) -> None:
    command = [sys.executable, Path(__file__).with_name("edge_process.py"), tmp_path]
    for killed_after in (100, 400):
        process = subprocess.Popen([*command, str(broker.port)])
        watcher.until_number(killed_after)
        process.kill()
        process.wait()
    with Edge(tmp_path, broker.port) as edge:
        last = edge.outbox.last
        edge.strokes(10)
        watcher.until_number(last + 10)
    watcher.nothing_lost_or_doubled(last + 10)


@ON_PLAIN
def test_a_broker_restart_loses_nothing(
    tmp_path: Path, broker: Mosquitto, ingest: Ingest, watcher: Watcher
) -> None:
    with Edge(tmp_path, broker.port) as edge:
        edge.strokes(300)
        watcher.until_number(300)
        broker.stop()
        edge.strokes(300)
        broker.start()
        edge.strokes(300)
        watcher.until_number(900)
        edge.until_acknowledged(900)
    watcher.nothing_lost_or_doubled(900)


@ON_PLAIN
def test_records_wait_on_the_edge_until_the_host_is_online(
    tmp_path: Path, broker: Mosquitto, watcher: Watcher, database: str
) -> None:
    with Probe(broker.port, f"spBv1.0/{SITE}/#") as probe, Edge(tmp_path, broker.port) as edge:
        edge.strokes(200)
        until(lambda: edge.outbox.last == 200, "the records on disk")
        assert edge.node.sender.sent == 0
        process = Ingest(database, broker.port)
        process.start()
        assert probe.hear()[0] == f"spBv1.0/{SITE}/NBIRTH/{NODE}"
        watcher.until_number(200)
        assert process.stop() == 0
        assert probe.hear("NDEATH")[0] == f"spBv1.0/{SITE}/NDEATH/{NODE}"
        edge.strokes(100)
        process.start()
        watcher.until_number(300)
        process.kill()
    watcher.nothing_lost_or_doubled(300)


@ON_PLAIN
def test_a_standby_takes_over_when_the_host_is_killed(
    tmp_path: Path, broker: Mosquitto, ingest: Ingest, watcher: Watcher, database: str
) -> None:
    with Edge(tmp_path, broker.port) as edge:
        edge.strokes(100)
        watcher.until_number(100)
        standby = Ingest(database, broker.port)
        standby.start()
        try:
            edge.strokes(100)
            watcher.until_number(200)
            ingest.kill()
            edge.strokes(100)
            watcher.until_number(300)
            edge.until_acknowledged(300)
        finally:
            standby.kill()
    watcher.nothing_lost_or_doubled(300)


@ON_PLAIN
def test_a_database_that_does_not_commit_turns_the_host_offline_and_loses_nothing(
    tmp_path: Path, broker: Mosquitto, ingest: Ingest, watcher: Watcher, database: str
) -> None:
    state = "spBv1.0/STATE/pressline"
    with Probe(broker.port, state) as probe, Edge(tmp_path, broker.port) as edge:
        edge.strokes(10)
        watcher.until_number(10)
        holder = lock_watermarks(database)
        edge.strokes(10)
        while b'"online": false' not in probe.hear()[1]:
            pass
        edge.strokes(10)
        holder.close()
        watcher.until_number(30)
    watcher.nothing_lost_or_doubled(30)


@ON_PLAIN
def test_a_database_session_that_is_cut_is_made_again(
    tmp_path: Path, broker: Mosquitto, ingest: Ingest, watcher: Watcher
) -> None:
    with Edge(tmp_path, broker.port) as edge:
        edge.strokes(100)
        watcher.until_number(100)
        for last in (200, 300):
            assert watcher.value(
                "select count(pg_terminate_backend(pid)) from pg_stat_activity "
                "where application_name = 'pressline ingest'"
            )
            edge.strokes(100)
            watcher.until_number(last)
    watcher.nothing_lost_or_doubled(300)


def command(probe: Probe) -> Metric:
    """What the host says to the node next."""
    [metric] = Payload.FromString(probe.hear("NCMD")[1]).metrics
    return metric


@ON_PLAIN
def test_garbage_and_an_unknown_alias_are_answered_and_the_next_record_is_taken(
    broker: Mosquitto, ingest: Ingest, watcher: Watcher
) -> None:
    with Probe(broker.port, "spBv1.0/STATE/+", f"spBv1.0/{SITE}/NCMD/#") as node:
        while b"true" not in node.hear("STATE")[1]:
            pass
        node.say(NBIRTH, node_birth())
        node.say(DBIRTH, device_birth(STROKES))
        assert command(node).string_value == f"{UUID}:0"
        node.say(DDATA, b"\xffgarbage")
        node.say(DDATA, strokes(1))
        assert command(node).string_value == f"{UUID}:1"
        unknown = data(2, (FORCE, Sample("force", NOW, 1.5)))
        node.say(DDATA, unknown)
        asked = command(node)
        assert (asked.name, asked.boolean_value) == (REBIRTH, True)
        node.say(NBIRTH, node_birth())
        node.say(DBIRTH, device_birth(STROKES, FORCE))
        node.say(DDATA, unknown)
        while command(node).string_value != f"{UUID}:2":
            pass
    assert watcher.rows("select count, gauge from signal.reading order by number") == [
        (1, None),
        (None, 1.5),
    ]
    assert watcher.value("select count(*) from signal.quarantine") == 1


def test_a_new_disk_is_a_new_outbox(
    tmp_path: Path, broker: Mosquitto, ingest: Ingest, watcher: Watcher
) -> None:
    for disk in ("old", "new"):
        (tmp_path / disk).mkdir()
        with Edge(tmp_path / disk, broker.port) as edge:
            edge.strokes(20)
            edge.until_acknowledged(20)
    assert watcher.rows(
        "select o.number, count(*) from signal.outbox o join signal.reading r on r.outbox = o.id "
        "group by o.id"
    ) == [(20, 20), (20, 20)]
    assert watcher.rows("select count(*) from signal.channel where device <> ''") == [(1,)]


@ON_PLAIN
def test_lives_of_node_and_device_are_known(
    tmp_path: Path, broker: Mosquitto, ingest: Ingest, watcher: Watcher
) -> None:
    with Edge(tmp_path, broker.port) as edge:
        edge.strokes(1)
        watcher.until("select exists (select from signal.device where device = %s)", PRESS)
        assert watcher.value("select online from signal.device")
        edge.ask(lambda: edge.node.device_offline(PRESS, 0))
        watcher.until("select not online from signal.device")
        assert watcher.value("select online from signal.node")
        edge.strokes(1)
        watcher.until("select online from signal.device")
    watcher.until("select not online from signal.node")
    assert not watcher.value("select online from signal.device")
