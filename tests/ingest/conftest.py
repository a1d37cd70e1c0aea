"""A broker, an ingest process and an edge node for stories over the real wire."""

from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from floor import Ingest, Watcher
from spoken import Clock

from database.connection import connect
from tests.broker import Mosquitto, mosquitto_server


@pytest.fixture
def broker() -> Iterator[Mosquitto]:
    """A mosquitto of this test's own."""
    with mosquitto_server() as server:
        yield server


@pytest.fixture
def watcher(database: str) -> Iterator[Watcher]:
    """Looks into the database and waits for readings."""
    with connect(database, autocommit=True) as connection:
        yield Watcher(connection)


@contextmanager
def running(database: str, port: int, host_id: str = "pressline") -> Generator[Ingest]:
    process = Ingest(database, port, host_id)
    process.start()
    try:
        yield process
    finally:
        process.kill()


@pytest.fixture
def ingest(database: str, broker: Mosquitto) -> Iterator[Ingest]:
    """A real ingest process that the test may kill and start again."""
    with running(database, broker.port) as process:
        yield process


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[ExitStack]:
    """Whatever a test opens and wants closed."""
    with ExitStack() as opened:
        yield opened
