"""Figures of presses and lines, from the views of schema board."""

from datetime import datetime
from typing import Any

from psycopg.rows import dict_row

from database.connection import Connection
from plant import clock

Row = dict[str, Any]

PRESSES = "select * from board.press_at(%s) order by position, press"
LINES = "select * from board.line_shift_at(%s) order by line"


def press_now(connection: Connection, now: datetime, line: str | None = None) -> list[Row]:
    """What each press (of a line) is doing at `now`."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(PRESSES, [now]).fetchall()
    return [row for row in rows if line is None or row["line"] == line]


def line_shift(connection: Connection, now: datetime) -> list[Row]:
    """The running shift of each line: OEE with its coverage, good, scrap."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(LINES, [now]).fetchall()


def line_names(connection: Connection) -> list[str]:
    """All lines, in the plant's order."""
    rows = connection.execute("select name from plant.line order by position, name")
    return [name for (name,) in rows]


def time_zone(connection: Connection) -> str:
    """The plant's time zone; UTC before a plant was loaded."""
    zone = clock.time_zone(connection)
    return zone.key if zone else "UTC"


def silence_s(connection: Connection) -> float:
    """Seconds without a reading after which a press is unknown."""
    row = connection.execute("select extract(epoch from silence)::float from plant.site").fetchone()
    return row[0] if row else 30.0


def stop_after_s(connection: Connection, press: str) -> float:
    """Seconds without a stroke after which this press counts as stopped."""
    row = connection.execute(
        "select extract(epoch from stop_after)::float from plant.press where name = %s", [press]
    ).fetchone()
    return row[0] if row else 30.0
