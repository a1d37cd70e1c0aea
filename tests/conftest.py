"""Real servers for every test: one PostgreSQL per flavour and worker, one database per test."""

import contextlib
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import disk_usage

import pytest
from hypothesis import settings
from servers import Flavour, flavours, running_flavour

from database.connection import Connection, connect
from database.server import Server, embedded_binaries, let_server_pass
from tests import parts, quick

IN_MEMORY, ROOM = Path("/dev/shm"), 4 * 2**30
if "TMPDIR" not in os.environ and IN_MEMORY.is_dir() and disk_usage(IN_MEMORY).free > ROOM:
    os.environ["TMPDIR"] = str(IN_MEMORY)  # a thousand databases are copied: on a disk it is slow
    tempfile.tempdir = None  # asked for anew

settings.register_profile("busy machine", deadline=None)  # how long an example takes says nothing
settings.load_profile("ci" if "CI" in os.environ else "busy machine")  # ci: the same examples


@pytest.fixture(autouse=True)
def threads_end_alone() -> Iterator[None]:
    """A service ends its process with any of its threads; not so after the test that called it."""
    hook = threading.excepthook
    yield
    threading.excepthook = hook


@pytest.fixture(scope="session", params=flavours())
def flavour(request: pytest.FixtureRequest) -> Iterator[Flavour]:
    with running_flavour(request.param) as running:
        yield running


@pytest.fixture
def database(flavour: Flavour) -> Iterator[str]:
    """Address of a fresh migrated database; the test runs once per flavour."""
    yield flavour.copy()
    flavour.drop_all()


@pytest.fixture
def new_database(flavour: Flavour) -> Iterator[Callable[[], str]]:
    """Makes as many fresh databases as a test asks for."""
    yield flavour.copy
    flavour.drop_all()


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    with connect(database) as opened:
        yield opened


@pytest.fixture(scope="module")
def own_server() -> Iterator[Server]:
    """A server that no other module uses: it may be frozen or killed."""
    with tempfile.TemporaryDirectory(prefix="frozen-") as folder:
        let_server_pass(Path(folder))
        server = Server(embedded_binaries(), Path(folder) / "data", settings=("fsync=off",)).start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture
def frozen(own_server: Server) -> Iterator[Callable[[], None]]:
    """Stops every process of the server where it stands; they go on after the test."""
    stopped: list[int] = []

    def freeze() -> None:
        assert own_server.pid is not None
        children = (
            Path(f"/proc/{own_server.pid}/task/{own_server.pid}/children").read_text().split()
        )
        for pid in (own_server.pid, *map(int, children)):
            with contextlib.suppress(ProcessLookupError):  # ended since it was listed
                os.kill(pid, signal.SIGSTOP)
                stopped.append(pid)

    yield freeze
    for pid in stopped:
        with contextlib.suppress(ProcessLookupError):  # ended when its parent was told to stop
            os.kill(pid, signal.SIGCONT)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--quick", action="store_true", help="a part of the tests of every room, in two minutes"
    )


def pytest_sessionstart() -> None:
    try:
        parts.check_required()
    except parts.RequiredError as error:
        pytest.exit(str(error), 1)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs a part that is not here; with --quick, all but a part of each room."""
    gone = {part.marker: f"{name} is not here" for name, part in parts.absent().items()}
    for item in items:
        for marker in item.iter_markers():
            if marker.name in gone:
                item.add_marker(pytest.mark.skip(reason=gone[marker.name]))
            elif marker.name == "page":  # a browser beside a busy machine; a second time is told
                item.add_marker(pytest.mark.flaky(reruns=1))
    if config.getoption("--quick"):
        kept, left_out = quick.divided(items)
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(f"database flavours: {', '.join(flavours())}")
    for line in parts.told():
        terminalreporter.write_line(line)
