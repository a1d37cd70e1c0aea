"""What was put back from an older copy: a database from its dump, an outbox from an image."""

import shutil
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from floor import PRESS, Edge, Ingest, Watcher, until
from psycopg import conninfo, sql
from servers import Flavour

from database.connection import connect
from tests.broker import Mosquitto

pytestmark = [
    pytest.mark.wire,
    pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session"),
]
GAPS = "select first, last, reason from signal.gap"
COUNTS = (
    "select o.number, array_agg(r.count order by r.number) filter (where r.count is not null) "
    "from signal.outbox o join signal.reading r on r.outbox = o.id "
    "join signal.channel c on c.id = r.channel and c.name = 'strokes' group by o.id order by o.id"
)


def dump(flavour: Flavour, database: str, file: Path) -> None:
    program = flavour.server.binaries / "pg_dump"
    subprocess.run([program, "--format=custom", f"--file={file}", database], check=True)


def restore(flavour: Flavour, database: str, file: Path) -> None:
    """The database as it was when it was dumped, in the place of the one that is there."""
    name = sql.Identifier(str(conninfo.conninfo_to_dict(database)["dbname"]))
    with psycopg.connect(flavour.server.url, autocommit=True) as admin:
        admin.execute(sql.SQL("drop database {} with (force)").format(name))
        admin.execute(sql.SQL("create database {}").format(name))
    program = flavour.server.binaries / "pg_restore"
    subprocess.run([program, f"--dbname={database}", file], check=True)


def test_a_database_restored_from_its_dump_notes_what_is_lost_and_goes_on(
    tmp_path: Path, broker: Mosquitto, ingest: Ingest, flavour: Flavour, database: str
) -> None:
    file = tmp_path / "night.dump"
    with Edge(tmp_path, broker.port) as edge:
        edge.strokes(400)
        edge.until_acknowledged(400)
        dump(flavour, database, file)
        edge.strokes(600)
        edge.until_acknowledged(1000)
        assert ingest.stop() == 0
        edge.strokes(50)
        restore(flavour, database, file)
        ingest.start()
        edge.until_acknowledged(1050)
        edge.strokes(50)
        edge.until_acknowledged(1100)
    with connect(database, autocommit=True) as connection:
        assert connection.execute("select first, last from signal.gap").fetchall() == [(401, 1000)]
        [(number, counts)] = connection.execute(COUNTS).fetchall()
    assert number == 1100
    assert counts == [*range(1, 401), *range(1001, 1101)]


def test_a_restored_database_and_an_edge_that_still_has_its_records_lose_nothing(
    tmp_path: Path, broker: Mosquitto, ingest: Ingest, flavour: Flavour, database: str
) -> None:
    """The edge was away when the records after the dump would have been forgotten."""
    file = tmp_path / "night.dump"
    with Edge(tmp_path, broker.port) as edge:
        edge.strokes(100)
        edge.until_acknowledged(100)
        dump(flavour, database, file)
        assert ingest.stop() == 0
        edge.strokes(200)
        until(lambda: edge.outbox.last == 300, "the records on disk")
    restore(flavour, database, file)
    ingest.start()
    with Edge(tmp_path, broker.port) as edge:
        edge.until_acknowledged(300)
    with connect(database, autocommit=True) as connection:
        assert connection.execute(GAPS).fetchall() == []
        assert connection.execute(COUNTS).fetchall() == [(300, [*range(1, 301)])]


def test_an_old_copy_of_an_outbox_goes_on_as_another_and_nothing_is_doubled(
    tmp_path: Path, broker: Mosquitto, ingest: Ingest, watcher: Watcher
) -> None:
    used, image = tmp_path / "used", tmp_path / "image"
    used.mkdir()
    with Edge(used, broker.port) as edge:
        edge.strokes(20)
        edge.until_acknowledged(20)
    shutil.copytree(used, image)
    with Edge(used, broker.port) as edge:
        edge.strokes(30)
        edge.until_acknowledged(50)
    with Edge(image, broker.port) as edge:  # the disk is put back from its image
        edge.next = 51
        edge.strokes(10)
        until(lambda: edge.ask(lambda: edge.outbox.last) == 10, "another identity")
        edge.until_acknowledged(10)
    assert watcher.rows(COUNTS) == [(50, [*range(1, 51)]), (10, [*range(51, 61)])]
    assert watcher.rows(GAPS) == []


def test_an_old_copy_that_ran_on_alone_for_longer_than_it_is_old_loses_nothing(
    tmp_path: Path, broker: Mosquitto, ingest: Ingest, watcher: Watcher
) -> None:
    used, image = tmp_path / "used", tmp_path / "image"
    used.mkdir()
    with Edge(used, broker.port) as edge:
        edge.strokes(20)
        edge.until_acknowledged(20)
    shutil.copytree(used, image)
    with Edge(used, broker.port) as edge:
        edge.strokes(30)
        edge.until_acknowledged(50)
    broker.stop()
    with Edge(image, broker.port) as edge:
        edge.next = 51
        edge.strokes(100)
        until(lambda: edge.ask(lambda: edge.outbox.last) == 120, "more than the database has")
        broker.start()
        until(lambda: edge.ask(lambda: edge.outbox.last) == 100, "another identity")
        edge.until_acknowledged(100)
    assert watcher.rows(COUNTS) == [(50, [*range(1, 51)]), (100, [*range(51, 151)])]
    assert watcher.rows(GAPS) == []


def test_a_disk_that_is_replaced_under_a_killed_edge_begins_a_new_outbox(
    tmp_path: Path, broker: Mosquitto, ingest: Ingest, watcher: Watcher
) -> None:
    """The records of the dead disk that were not acknowledged are gone with it, and only they."""
    command = [sys.executable, Path(__file__).with_name("edge_process.py"), tmp_path / "disk"]
    for _ in range(2):
        (tmp_path / "disk").mkdir()
        process = subprocess.Popen([*command, str(broker.port)])
        had = watcher.value("select count(*) from signal.outbox")
        watcher.until("select count(*) > %s and min(number) > 50 from signal.outbox", had)
        process.kill()
        process.wait()
        shutil.rmtree(tmp_path / "disk")
    watcher.until("select not bool_or(online) from signal.node")
    for number, counts in watcher.rows(COUNTS):
        assert counts == [*range(1, number + 1)]
    assert watcher.rows("select count(*) from signal.outbox") == [(2,)]
    assert watcher.rows("select count(*) from signal.channel where device = %s", PRESS) == [(1,)]
