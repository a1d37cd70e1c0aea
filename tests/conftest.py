"""Real servers for every test: one PostgreSQL per flavour and worker, one database per test."""

import os
from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings
from servers import Flavour, flavours, running_flavour

from database.connection import Connection, connect
from database.server import timescale_binaries

settings.register_profile("busy machine", deadline=None)  # how long an example takes says nothing
settings.load_profile("busy machine")


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


def pytest_sessionstart() -> None:
    if os.environ.get("PRESSLINE_REQUIRE_TIMESCALE") == "1" and timescale_binaries() is None:
        pytest.exit("PRESSLINE_REQUIRE_TIMESCALE=1, and no server with TimescaleDB is here", 1)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(f"database flavours: {', '.join(flavours())}")
