"""`pressline masters`: a master data file against the plant that it is for."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from database.connection import Connection
from edge_agent.plantfile.plant import load_plant
from erp_core.masters.check import Floor, check
from erp_core.masters.file import read
from erp_core.masters.masters import Loaded
from erp_core.masters.masters import load as store


def load(
    connection: Connection, file: Path, now: datetime, *, reset: bool = False,
    distinct: bool = False,
) -> Loaded:  # fmt: skip
    """Load it; presses and lines that it names must be in the database, where a plant is.

    Raises MastersError with every fault (file, line, key, cure); then nothing was written.
    """
    floor = floor_of(connection)
    return store(connection, file, now, floor=floor, reset=reset, distinct=distinct)


def check_file(
    connection: Connection | None, file: Path, plant: Path | None, now: datetime,
    *, reset: bool = False, distinct: bool = False,
) -> list[str]:  # fmt: skip
    """Find every fault and write nothing; returns what it was compared with, in words.

    Without a connection the file must be whole by itself; without a plant file, and without a
    plant in the database, presses and lines are not compared. Raises MastersError or PlantError.
    """
    floor = floor_in(plant) if plant else connection and floor_of(connection)
    raw, masters = read(file)
    day = now.astimezone(ZoneInfo(floor.time_zone if floor else "UTC")).date()
    raw.refuse(check(connection, masters, floor, today=day, reset=reset, distinct=distinct))
    database = "with the database" if connection else "by itself (no DATABASE_URL)"
    presses = f"{len(floor.presses)} presses" if floor else "no plant: presses and lines unchecked"
    return [database, presses]


def floor_of(connection: Connection) -> Floor | None:
    """Lines and presses of the plant in the database; None before `pressline plant load`."""
    presses = connection.execute("select name from plant.press").fetchall()
    lines = connection.execute("select name from plant.line").fetchall()
    plant = connection.execute("select time_zone from plant.site").fetchone()
    if not presses or plant is None:
        return None
    return Floor(
        frozenset(name for (name,) in lines), frozenset(name for (name,) in presses), plant[0]
    )


def floor_in(plant: Path) -> Floor:
    """Lines and presses of a plant file."""
    loaded = load_plant(plant)
    return Floor(
        frozenset(line.name for line in loaded.lines),
        frozenset(press.name for press in loaded.presses),
        loaded.time_zone,
    )
