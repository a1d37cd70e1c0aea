"""The plant's own clock: its time zone, its calendar day, and refusals told in its time."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from database.connection import Connection
from people.refusal import Refused


def time_zone(connection: Connection) -> ZoneInfo | None:
    """The zone of the plant; None before there is a plant."""
    row = connection.execute("select time_zone from plant.site").fetchone()
    return ZoneInfo(row[0]) if row else None


def day(connection: Connection, now: datetime) -> date:
    """The calendar day of the plant at this instant; that of UTC before there is a plant."""
    return now.astimezone(time_zone(connection) or UTC).date()


@contextmanager
def told_in_its_time(connection: Connection) -> Generator[None]:
    """Instants in a refusal are told as the plant's clock shows them."""
    try:
        yield
    except Refused as refused:
        refused.zone = time_zone(connection)
        raise
