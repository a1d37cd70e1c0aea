import pytest
from stamping_shop import Shop

from database.connection import Connection


@pytest.fixture
def shop(connection: Connection) -> Shop:
    return Shop(connection).furnish()
