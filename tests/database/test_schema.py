from pathlib import Path

import pytest
from conftest import Flavour
from psycopg.conninfo import conninfo_to_dict

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


def test_a_server_whose_owner_died_is_adopted(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = Path("/tmp") / tmp_path_factory.mktemp("adopt").name
    folder.mkdir(mode=0o755, exist_ok=True)
    first = Server(embedded_binaries(), folder / "data", settings=("fsync=off",)).start()
    second = Server(embedded_binaries(), folder / "data").start()
    assert (second.pid, second.url) == (first.pid, first.url)
    second.stop()
    assert not (folder / "data" / "postmaster.pid").exists()
