"""Stock: an append-only ledger of moves between locations; on hand is their sum, nothing else.

The sum is kept with each move (`erp.balance`), and recounted by the audit.
A move takes a quantity (Decimal, in the item's unit, more than zero) of one item and lot from one
location to another. Locations of kind `stock` are on hand; the others are where stock comes from
or goes to. On hand may be negative: it says that something was not recorded yet.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from psycopg.rows import class_row

from database.connection import Connection
from erp_core.stock import shortages
from people.errors import ArgumentError, ConflictError, UnknownError

RAW, WIP, FINISHED, SURPLUS = "RAW", "WIP", "FG", "SURPLUS"
PRODUCTION, SCRAP, SUPPLIER, CUSTOMER, COUNT = (
    "PRODUCTION", "SCRAP", "SUPPLIER", "CUSTOMER", "COUNT",
)  # fmt: skip

LOCATIONS = (
    (RAW, "原材料", "Raw material", "stock"),
    (WIP, "在制品", "Work in progress", "stock"),
    (FINISHED, "成品", "Finished goods", "stock"),
    (SURPLUS, "超产库存", "Surplus stock", "stock"),
    (PRODUCTION, "生产", "Production", "production"),
    (SCRAP, "报废", "Scrap", "scrap"),
    (SUPPLIER, "供应商", "Supplier", "supplier"),
    (CUSTOMER, "客户", "Customer", "customer"),
    (COUNT, "盘点差异", "Counting difference", "count"),
)


class Move(NamedTuple):
    """What moves: `qty` of an item (and lot, if it has lots) from one location to another."""

    item: str
    lot: str | None
    qty: Decimal
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Cause:
    """Why and by whom something moves; a `key` is one move, however often it is told."""

    who: str
    reason: str
    at: datetime
    key: str
    report: int | None = None
    work_order: str | None = None
    reverses: int | None = None


@dataclass(frozen=True, slots=True)
class OnHand:
    """What lies in one stock location, by lot (None: not kept by lot), in the item's unit."""

    item: str
    location: str
    lot: str | None
    qty: Decimal


def make_locations(connection: Connection) -> None:
    """Make the default locations where they are missing."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into erp.location (code, name_zh, name_en, kind) values (%s, %s, %s, %s) "
            "on conflict (code) do nothing",
            LOCATIONS,
        )


def make_lot(connection: Connection, item: str, lot: str, now: datetime) -> None:
    """Make the lot where it is missing."""
    connection.execute(
        "insert into erp.lot (item, code, created) values (%s, %s, %s) on conflict do nothing",
        [item, lot, now],
    )


def move(connection: Connection, moved: Move, cause: Cause) -> int:
    """Write one move; returns its number. The same key again returns the first one.

    Raises ArgumentError for a quantity that is not more than zero, ConflictError when the key
    was used for a different move.
    """
    if moved.qty <= 0:
        raise ArgumentError(
            f"move {cause.key}",
            f"quantity {moved.qty} of {moved.item}",
            "give more than zero and turn the locations round for the other direction",
        )
    row = connection.execute(
        """
        insert into erp.stock_move (at, item, lot, qty, from_location, to_location,
          report, work_order, reverses, who, reason, idempotency_key)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        on conflict (idempotency_key) do nothing returning id
        """,
        [
            *(cause.at, *moved, cause.report, cause.work_order, cause.reverses),
            *(cause.who, cause.reason, cause.key),
        ],
    ).fetchone()
    return row[0] if row else _moved_before(connection, moved, cause.key)


def receive(
    connection: Connection, item: str, lot: str | None, qty: Decimal, cause: Cause,
    *, location: str = RAW,
) -> int:  # fmt: skip
    """Take goods from the supplier into a stock location; the lot is made where it is missing."""
    if lot is not None:
        make_lot(connection, item, lot, cause.at)
    moved = move(connection, Move(item, lot, qty, SUPPLIER, location), cause)
    shortages.review(connection, item, cause.at)
    return moved


def count(
    connection: Connection, item: str, lot: str | None, counted: Decimal, cause: Cause,
    *, location: str,
) -> Decimal:  # fmt: skip
    """Post the difference between what was counted and what is on hand; returns it (signed).

    Nothing is written when they agree, or when a count with this key was posted before.
    """
    lock_items(connection, [item])
    there = next((h.qty for h in on_hand(connection, item, location) if h.lot == lot), Decimal(0))
    difference = counted - there
    if difference == 0 or by_key(connection, cause.key) is not None:
        return Decimal(0)
    source, target = (COUNT, location) if difference > 0 else (location, COUNT)
    move(connection, Move(item, lot, abs(difference), source, target), cause)
    shortages.review(connection, item, cause.at)
    return difference


def consume(connection: Connection, item: str, lot: str | None, qty: Decimal, cause: Cause) -> int:
    """Take material out of stock that no part holds; from RAW, also below zero."""
    lock_items(connection, [item])
    moved = move(connection, Move(item, lot, qty, RAW, SCRAP), cause)
    shortages.review(connection, item, cause.at)
    return moved


def number(connection: Connection, key: str) -> int:
    """The number of the move of that key; raises UnknownError."""
    row = connection.execute(
        "select id from erp.stock_move where idempotency_key = %s", [key]
    ).fetchone()
    if row is None:
        raise UnknownError(f"stock move {key}", "there is no such move", "look up its key")
    return row[0]


def reverse(connection: Connection, number: int, cause: Cause) -> int:
    """Write the move that takes move `number` back and names it; returns its own number.

    Raises UnknownError when there is no such move, ConflictError when it was taken back before.
    """
    row = connection.execute(
        "select m.item, m.lot, m.qty, m.to_location, m.from_location, back.idempotency_key "
        "from erp.stock_move m left join erp.stock_move back on back.reverses = m.id "
        "where m.id = %s",
        [number],
    ).fetchone()
    if row is None:
        raise UnknownError(f"stock move {number}", "there is no such move", "look up its number")
    if row[5] not in {None, cause.key}:
        raise ConflictError(f"stock move {number}", "is taken back already", "leave it at that")
    return move(connection, Move(*row[:5]), replace(cause, reverses=number))


def on_hand(
    connection: Connection, item: str | None = None, location: str | None = None
) -> list[OnHand]:
    """What is on hand now, by item, location and lot: the signed sum of all moves; no zero rows."""
    with connection.cursor(row_factory=class_row(OnHand)) as cursor:
        return cursor.execute(
            """
            select item, location, lot, qty
            from erp.balance
            where qty <> 0 and (%(item)s::text is null or item = %(item)s)
              and (%(location)s::text is null or location = %(location)s)
            order by item, location, lot nulls first
            """,
            {"item": item, "location": location},
        ).fetchall()


def stock_locations(connection: Connection) -> list[str]:
    """Codes of the locations that are on hand."""
    rows = connection.execute("select code from erp.location where kind = 'stock' order by code")
    return [code for (code,) in rows]


def by_key(connection: Connection, key: str) -> int | None:
    """The number of the move that was written with this key, if one was."""
    row = connection.execute(
        "select id from erp.stock_move where idempotency_key = %s", [key]
    ).fetchone()
    return row[0] if row else None


def lock_items(connection: Connection, items: list[str]) -> None:
    """Let nobody else move these items until the transaction ends; taken in order of code."""
    connection.execute(
        "select 1 from erp.item where code = any(%s) order by code for no key update", [items]
    )


def _moved_before(connection: Connection, moved: Move, key: str) -> int:
    row = connection.execute(
        "select id, item, lot, qty, from_location, to_location from erp.stock_move "
        "where idempotency_key = %s",
        [key],
    ).fetchone()
    assert row is not None
    if Move(*row[1:]) != moved:
        raise ConflictError(
            f"move {key}",
            f"was {Move(*row[1:])}, now {moved}",
            "a key stands for one move: use a new key for a new move",
        )
    return row[0]
