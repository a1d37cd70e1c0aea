import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict
from servers import Flavour

from database.connection import Connection, connect
from database.errors import OutdatedError, UnreachableError
from database.migrate import migrate, require_current
from database.schema import SCHEMA_FILE, dump
from database.server import Server, embedded_binaries


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


def test_an_absent_server_is_named_with_the_cure() -> None:
    with pytest.raises(UnreachableError, match=r"(?s)nowhere.*DATABASE_URL"):
        connect("postgresql://postgres@/x?host=/tmp/nowhere")


OWNER = """
import sys, time
from pathlib import Path
from database.server import Server, embedded_binaries
server = Server(embedded_binaries(), Path(sys.argv[1]), settings=("fsync=off",))
print(server.start().pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
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
