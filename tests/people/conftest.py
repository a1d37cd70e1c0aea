"""The shop of these stories stands on a floor: what masters name is there."""

import pytest
from stamping_shop import lay_floor

from database.connection import Connection


@pytest.fixture
def connection(connection: Connection) -> Connection:
    """A database with lines, presses and a shift."""
    lay_floor(connection)
    return connection
