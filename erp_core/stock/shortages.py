"""What stock below zero means, told to who can mend it; closed when it is mended.

A coil that was on a press and gave more than its paper weight, or material that nobody received:
the warehouse weighs, counts or receives. An order that was released without a bill of material
uses none: the planner gives its item one.
"""

from datetime import datetime

from database.connection import Connection
from people import notices

OVER_WEIGHT = "coil_over_weight"
BELOW_ZERO = "stock_below_zero"
NO_MATERIAL = "order_without_material"
WAREHOUSE = "warehouse"


def review(connection: Connection, item: str, now: datetime) -> None:
    """Tell the warehouse of every lot of the item that is below zero; close what no longer is."""
    short = _short(connection, item)
    for kind, subject in sorted(short - _told(connection, item)):
        notices.raise_once(connection, kind, subject, None, WAREHOUSE, now)
    for kind, subject in sorted(_told(connection, item) - short):
        notices.close(connection, kind, subject, now)


def without_material(connection: Connection, work_order: str, now: datetime) -> None:
    """Tell the planner of an order of which parts are made, and that has no material."""
    row = connection.execute(
        "select from erp.work_order_material where work_order = %s limit 1", [work_order]
    ).fetchone()
    if row is None:
        notices.raise_once(connection, NO_MATERIAL, work_order, None, "planner", now)
    else:
        needs_none(connection, work_order, now)


def needs_none(connection: Connection, work_order: str, now: datetime) -> None:
    """Close what was told of an order: it has its material, or nothing more is made of it."""
    notices.close(connection, NO_MATERIAL, work_order, now)


def _short(connection: Connection, item: str) -> set[tuple[str, str]]:
    rows = connection.execute(
        """
        select lot from erp.balance where item = %(item)s group by lot having sum(qty) < 0
        """,
        {"item": item},
    )
    return {
        (BELOW_ZERO, item) if lot is None else (OVER_WEIGHT, f"{item}/{lot}") for (lot,) in rows
    }


def _told(connection: Connection, item: str) -> set[tuple[str, str]]:
    rows = connection.execute(
        """
        select kind, subject from people.notice
        where done_at is null
          and (kind = %(below)s and subject = %(item)s
               or kind = %(over)s and starts_with(subject, %(item)s || '/'))
        """,
        {"below": BELOW_ZERO, "over": OVER_WEIGHT, "item": item},
    )
    return {(kind, subject) for kind, subject in rows}
