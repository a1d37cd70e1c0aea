"""Every command against every bad circumstance: a sentence with its cure, never a traceback."""

import signal
import socket
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
import structlog

from database.connection import connect
from erp_core.masters import masters
from pressline.__main__ import main
from pressline.plant import load

TOP = Path(__file__).parents[2]
SAMPLE = {
    "item": [{"code": "A"}], "die": [{"code": "D", "outputs": [{"item": "A"}]}],
    "work_order": [{"code": "W", "item": "A", "qty": 1}],
}  # fmt: skip
PLANT, MASTERS = str(TOP / "config/plant.toml"), str(TOP / "config/masters.toml")
ASKING = {
    "audit": ["audit"], "plant load": ["plant", "load", PLANT],
    "masters load": ["masters", "load", MASTERS], "masters check": ["masters", "check", MASTERS],
    "quarantine list": ["quarantine", "list"], "quarantine show": ["quarantine", "show", "1"],
    "quarantine replay": ["quarantine", "replay", "--all"],
}  # fmt: skip
SERVING = {
    "ingest run": ["ingest", "run"], "bridge run": ["bridge", "run"], "web run": ["web", "run"],
}  # fmt: skip
MAKING = {
    "migrate": ["migrate"], "board-role": ["board-role", "secret"],
    "health": ["health", "ingest"],
}  # fmt: skip
EVERY = ASKING | SERVING | MAKING
ADDRESSES = {
    "no address": ("hello", "postgresql://user:password@host:5432/name"),
    "another kind": ("mysql://u@h/x", "does not begin with postgresql://"),
    "no port": ("postgresql://u@h:port/x", "names port as its port"),
    "port 0": ("postgresql://u@h:70000/x", "names 70000 as its port"),
    "open bracket": ("postgresql://u@[::1/x", "cannot be read"),
    "@ in the password": ("postgresql://u:p@ss@127.0.0.1/x", "as %40"),
    "% in the password": ("postgresql://u:50%zz@127.0.0.1/x", "and %25"),
    "two dots": ("postgresql://u@db..plant/x", "host that cannot be one"),
    "unknown setting": ("postgresql://u@h/x?hots=1", "cannot be read"),
}

Call = Callable[..., str]


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Call]:
    """Calls `pressline …`, which must end with 2; what it said."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "300")
    logging = structlog.get_config()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def call(*arguments: str, database: str = "") -> str:
        if database:
            monkeypatch.setenv("DATABASE_URL", database)
        monkeypatch.setattr(sys, "argv", ["pressline", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        told = capsys.readouterr()
        assert end.value.code == 2, told
        return " ".join(told.err.replace("│", " ").split())

    yield call
    structlog.configure(**logging)  # else what comes next would log to the captured stream
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("command", EVERY)
@pytest.mark.parametrize("case", ADDRESSES)
def test_an_address_that_cannot_be_one(refused: Call, command: str, case: str) -> None:
    address, cure = ADDRESSES[case]
    told = refused(*EVERY[command], database=address)
    assert cure in told
    assert "p@ss" not in told
    assert "50%zz" not in told


@pytest.mark.parametrize("command", sorted(EVERY.keys() - {"masters check"}))
def test_no_address_at_all(refused: Call, command: str) -> None:
    assert "Set DATABASE_URL" in refused(*EVERY[command])


@pytest.mark.parametrize("command", [*ASKING, *MAKING])
def test_no_server_there(refused: Call, command: str) -> None:
    told = refused(*EVERY[command], database="postgresql://u:secret@127.0.0.1:1/x")
    assert "No database at" in told
    assert "Is the server running" in told
    assert "secret" not in told


@pytest.mark.parametrize("command", sorted(EVERY.keys() - {"masters check"}))
def test_the_password_of_a_sample(
    refused: Call, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", "change-me")
    told = refused(*EVERY[command], database="postgresql://pressline_web@127.0.0.1:1/x")
    assert "still the sample's" in told
    assert "alter role pressline_web password" in told


PASSWORDS = ("OWNER", "INGEST", "BRIDGE", "WEB", "BOARD", "GRAFANA_ADMIN")


@pytest.mark.parametrize("whose", PASSWORDS)
def test_no_role_gets_the_password_of_a_sample(
    refused: Call, whose: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in PASSWORDS:
        monkeypatch.setenv(f"{each}_PASSWORD", "change-me" if each == whose else "our own")
    told = refused("roles", database="postgresql://u@127.0.0.1:1/x")
    assert f"{whose}_PASSWORD is still the sample's" in told
    assert "set one of your own" in told


def test_the_board_role_gets_none_either(refused: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOARD_PASSWORD", "Change-me-please")
    told = refused("board-role", database="postgresql://u@127.0.0.1:1/x")
    assert "BOARD_PASSWORD is still the sample's" in told


@pytest.fixture
def empty(database: str) -> Iterator[str]:
    """A database that nobody migrated, on the server of the tests."""
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("drop database if exists never_migrated with (force)")
        admin.execute("create database never_migrated template template0")
        yield database.replace(admin.info.dbname, "never_migrated")
        admin.execute("drop database never_migrated with (force)")


@pytest.mark.parametrize("flavour", ["plain"], indirect=True)
def test_a_database_that_was_never_migrated(refused: Call, empty: str) -> None:
    for command in (ASKING | SERVING).values():
        assert "Run `pressline migrate`" in refused(*command, database=empty).replace(
            "run `pressline", "Run `pressline"
        ), command


@pytest.mark.parametrize("flavour", ["plain"], indirect=True)
def test_a_role_that_may_not(refused: Call, database: str) -> None:
    with connect(database, autocommit=True) as admin:
        admin.execute("drop role if exists onlooker")
        admin.execute("create role onlooker")
        try:
            weak = f"{database}&options=-c%20role%3Donlooker"
            for command in (ASKING | MAKING).values():
                if command[0] != "health":
                    told = refused(*command, database=weak)
                    assert "the address of " in told, command
        finally:
            admin.execute("drop role onlooker")


@pytest.mark.parametrize("flavour", ["plain"], indirect=True)
def test_a_server_that_takes_no_changes(refused: Call, database: str) -> None:
    with connect(database, autocommit=True) as admin:
        name = admin.info.dbname
        admin.execute(f"alter database {name} set default_transaction_read_only = on")  # pyright: ignore[reportCallIssue, reportArgumentType]
    told = refused("plant", "load", PLANT, database=database)
    assert "use the address of the primary" in told


@pytest.mark.parametrize("flavour", ["plain"], indirect=True)
def test_a_port_that_is_in_use(refused: Call, database: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        told = refused("web", "run", "--port", port, database=database)
        assert f"cannot listen on 127.0.0.1:{port}" in told
        assert "choose another with --port" in told
        for command in SERVING.values():
            told = refused(*command, "--metrics-port", port, database=database)
            assert "Choose another port with --metrics-port" in told


def test_an_address_that_is_not_of_this_machine(refused: Call) -> None:
    for host in ("192.0.2.7", "pages..plant", "no-such-host.invalid"):
        told = refused("web", "run", "--host", host, database="postgresql://u@127.0.0.1:1/x")
        assert "--port" in told or "set --host" in told


@pytest.mark.parametrize("flavour", ["plain"], indirect=True)
def test_the_plant_file_of_another_site(refused: Call, database: str, tmp_path: Path) -> None:
    load(database, Path(PLANT))
    other = tmp_path / "plant.toml"
    text = Path(PLANT).read_text()
    site = text.partition('site = "')[2].partition('"')[0]
    other.write_text(text.replace(f'site = "{site}"', 'site = "elsewhere"'))
    load(database, other)  # nothing has happened there yet: a slip is mended by loading again
    with connect(database) as connection:
        masters.load(connection, SAMPLE, datetime(2026, 3, 2, tzinfo=UTC))
    told = refused("plant", "load", PLANT, database=database)
    assert "belongs to site elsewhere" in told
    assert "--renamed" in told
    load(database, Path(PLANT), renamed=True)


@pytest.mark.parametrize(
    "arguments",
    [
        ["board-role", ""], ["board-role", "  "],
        ["demo", "--seconds", "-5"], ["demo", "--seconds", "0"], ["demo", "--seconds", "nan"],
        ["demo", "--port", "99999"], ["demo", "--report", "/no/such/folder/report.json"],
        ["web", "run", "--port", "99999"], ["web", "run", "--port", "-1"],
        ["ingest", "run", "--reorder-seconds", "-1"], ["ingest", "run", "--reorder-seconds", "nan"],
        ["ingest", "run", "--quarantine-mb", "nan"], ["ingest", "run", "--quarantine-days", "inf"],
        ["ingest", "run", "--mqtt-port", "0"], ["tap", "--mqtt-port", "70000"],
        ["quarantine", "list", "--limit", "-1"], ["quarantine", "replay"],
        ["quarantine", "replay", "1", "--all"], ["new", "profile", "no-such-machine"],
        ["plant", "load", "no-such-file.toml"], ["masters", "load", "no-such-file.toml"],
        ["masters", "check", "no-such-file.toml"], ["edge", "check", "no-such-file.toml"],
        ["edge", "read", "no-such-file.toml"], ["edge", "run", "no-such-file.toml"],
        ["edge", "reload", "no-such-file.toml"], ["edge", "trust", "no-such-file.toml"],
        ["edge", "certificate", "no-such-file.toml"], ["plant", "load", "/"],
        ["masters", "check", "/"], ["edge", "check", "/"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_arguments_that_cannot_be_meant(
    refused: Call, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u@127.0.0.1:1/x")
    assert len(refused(*arguments)) > 40
