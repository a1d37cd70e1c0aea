import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict
from servers import Flavour, flavours

from database.connection import Connection, connect
from database.errors import OutdatedError, UnreachableError
from database.migrate import migrate, require_current
from database.schema import SCHEMA_FILE, dump
from database.server import Server, embedded_binaries, let_server_pass

ON_TIMESCALE = pytest.mark.parametrize(
    "flavour", [name for name in flavours() if name == "timescale"], indirect=True, scope="session"
)


def test_migrations_give_the_schema_that_the_file_shows(flavour: Flavour, database: str) -> None:
    if flavour.name != "plain":
        return  # the file shows plain PostgreSQL; TimescaleDB adds its own triggers
    found = dump(flavour.server, str(conninfo_to_dict(database)["dbname"]))
    assert found == SCHEMA_FILE.read_text(), "run `make schema` and read the difference"


def test_migrating_twice_changes_nothing(database: str) -> None:
    assert migrate(database) == []
    require_current(database)


def test_an_old_schema_is_refused_with_the_cure(database: str) -> None:
    with connect(database) as connection:
        connection.execute("delete from migration where name = '0003_mes'")
    with pytest.raises(OutdatedError, match=r"lacks 0003_mes\. Run `pressline migrate`"):
        require_current(database)


def test_readings_are_a_hypertable_where_timescale_is(
    flavour: Flavour, connection: Connection
) -> None:
    if flavour.name == "plain":
        assert connection.execute(
            "select to_regclass('_timescaledb_catalog.hypertable')"
        ).fetchone() == (None,)
        return
    names = connection.execute("select hypertable_name from timescaledb_information.hypertables")
    assert names.fetchall() == [("reading",)]


@ON_TIMESCALE
def test_compressed_readings_keep_first_and_last_of_each_batch_and_no_filter(
    connection: Connection,
) -> None:
    connection.execute(
        "insert into signal.reading (arrived, at, channel, count, quality, outbox, number) "
        "select at, at, 1, n, 192, 1, n from generate_series(1, 2000) n "
        "cross join lateral (select timestamptz '2026-01-05' + n * interval '1 s' as at) t"
    )
    connection.execute("select compress_chunk(c) from show_chunks('signal.reading') c")
    columns = connection.execute(
        "select a.attname from _timescaledb_catalog.chunk whole "
        "join _timescaledb_catalog.chunk c on whole.compressed_chunk_id = c.id "
        "join pg_attribute a on a.attrelid = format('%I.%I', c.schema_name, c.table_name)::regclass"
    ).fetchall()
    names = {name for (name,) in columns}
    assert {"_ts_meta_v2_min_at", "_ts_meta_v2_max_at", "_ts_meta_min_2"} <= names
    assert not [name for name in names if "bloom" in name]
    assert connection.execute(
        "select count(*), sum(count) from signal.reading where outbox = 1 and number > 1500"
    ).fetchone() == (500, sum(range(1501, 2001)))


def test_an_absent_server_is_named_with_the_cure() -> None:
    with pytest.raises(UnreachableError, match=r"(?s)nowhere.*DATABASE_URL"):
        connect("postgresql://postgres@/x?host=/tmp/nowhere")


OWNER = """
import sys, time
from pathlib import Path
from database.server import Server, embedded_binaries, let_server_pass
server = Server(embedded_binaries(), Path(sys.argv[1]), settings=("fsync=off",))
print(server.start().pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        let_server_pass(Path(name))
        yield Path(name)


def test_a_running_server_over_the_same_folder_is_adopted(folder: Path) -> None:
    first = Server(embedded_binaries(), folder / "data", settings=("fsync=off",)).start()
    second = Server(embedded_binaries(), folder / "data").start()
    assert (second.pid, second.url) == (first.pid, first.url)
    first.stop()


def test_a_killed_owner_leaves_no_server_and_the_folder_can_be_used_again(folder: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder / "data")], stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        left = int(owner.stdout.readline())
        owner.kill()
    again = Server(embedded_binaries(), folder / "data").start()
    assert again.pid != left or not Path(f"/proc/{left}").exists()
    again.stop()


def test_an_address_that_nobody_answers_is_told_without_its_password() -> None:
    with pytest.raises(UnreachableError) as told:
        connect("postgresql://mes:hush-hush@127.0.0.1:1/plant")
    assert "user=mes" in str(told.value)
    assert "hush" not in str(told.value)
