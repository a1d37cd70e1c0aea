"""Items, their BOMs and routings, as the office keeps them."""

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from psycopg.rows import class_row

from database.connection import Connection


@dataclass(frozen=True, slots=True)
class Item:
    """A part, coil, blank or bought item; `over_tolerance` is a share of the ordered quantity.

    `until`: the last day on which new orders for it are taken (None: it is made). `width` and
    `thickness` (mm) and `density` (g/cm³) are those of a coil's strip, all or none of them.
    """

    code: str
    name_zh: str
    name_en: str
    unit: str
    kind: str
    over_tolerance: Decimal
    until: date | None = None
    container: int | None = None
    version: int = 1
    routing_version: int = 1
    width: Decimal | None = None
    thickness: Decimal | None = None
    density: Decimal | None = None


def find(connection: Connection, code: str) -> Item | None:
    """The item of that code, or None."""
    with connection.cursor(row_factory=class_row(Item)) as cursor:
        return cursor.execute("select * from erp.item where code = %s", [code]).fetchone()


def known(connection: Connection, code: str) -> bool:
    """Whether there is an item of that code."""
    return find(connection, code) is not None


def version_order(version: str) -> list[tuple[int, int, str]]:
    """Sort key of a version: numbers in it count as numbers, so that `A10` follows `A9`."""
    pieces = re.findall(r"\d+|\D+", version)
    return [(1, int(piece), "") if piece.isdecimal() else (0, 0, piece) for piece in pieces]


def made_by(connection: Connection, item: str, die: str) -> bool:
    """Whether the item is, or ever was, an output of the die."""
    found = connection.execute(
        "select 1 from erp.die_output where item = %s and die = %s", [item, die]
    )
    return found.fetchone() is not None
