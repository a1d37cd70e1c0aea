"""The plant of the crowd is written into the books as they are now."""

from datetime import UTC, datetime

import pytest

from bench import crowd_plant
from database.connection import Connection
from pressline.web.shell import figures

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")
def test_every_press_is_at_work_and_the_first_die_has_its_strokes(connection: Connection) -> None:
    crowd_plant.furnish(connection, 3, 10_000, NOON)
    rows = figures.press_now(connection, NOON)
    assert [(row["press"], row["state"]) for row in rows] == [
        ("P001", "running"), ("P002", "running"), ("P003", "running"),
    ]  # fmt: skip
    assert [row["good"] for row in rows] == [10_000, 7_200, 7_200]
