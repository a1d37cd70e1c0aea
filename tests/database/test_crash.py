"""A killed server comes back over the same folder and address; who starts meanwhile waits."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from database.connection import connect
from database.errors import ServerNotStartedError
from database.migrate import migrate, require_current
from database.server import Server, embedded_binaries, let_server_pass

LIMIT_S = 60.0
ASK = "import sys; from database.migrate import require_current; require_current(sys.argv[1])"


@pytest.fixture
def server() -> Iterator[Server]:
    """A server of this test's own, in a folder that PostgreSQL's own user may enter."""
    with tempfile.TemporaryDirectory(prefix="crash-") as folder:
        let_server_pass(Path(folder))
        server = Server(embedded_binaries(), Path(folder) / "data").start()
        try:
            yield server
        finally:
            server.stop()


def _start_again(server: Server) -> None:
    end = time.monotonic() + LIMIT_S
    while True:
        try:
            server.start()
        except ServerNotStartedError:  # sessions of the dead server are not gone yet
            assert time.monotonic() < end
        else:
            return


def test_what_was_committed_before_the_kill_is_there_after_it(server: Server) -> None:
    url = server.url
    with connect(url) as connection:
        connection.execute("create table strokes (made int)")
        connection.execute("insert into strokes values (41), (1)")
    server.kill()
    _start_again(server)
    assert server.url == url
    with connect(url) as connection:
        assert connection.execute("select sum(made) from strokes").fetchone() == (42,)


def test_a_program_that_starts_while_the_server_is_away_waits_for_it(server: Server) -> None:
    migrate(server.url)
    server.kill()
    starting = subprocess.Popen(
        [sys.executable, "-c", ASK, server.url], stdout=subprocess.PIPE, text=True
    )
    try:
        assert starting.stdout is not None
        assert "waiting for the database" in starting.stdout.readline()
        _start_again(server)
        starting.communicate(timeout=LIMIT_S)
        assert starting.returncode == 0
    finally:
        starting.kill()
        starting.communicate()


def test_asked_to_stop_it_waits_no_longer(server: Server) -> None:
    server.kill()
    require_current(server.url, stop=lambda: True)
