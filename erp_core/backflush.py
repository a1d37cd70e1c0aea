"""Backflush: material that an order used is issued by what was made, and returned by the same rule.

Due = quantity per part x parts made (good, excess, surplus and other) by the accepted reports of
the last operation. What is posted is the signed difference between due and issued, so that running
it twice posts nothing. Quantities are Decimals in the component's unit; nothing is rounded.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import NamedTuple

from psycopg.rows import class_row

from database.connection import Connection
from erp_core import stock
from erp_core.stock import Cause, Move


@dataclass(frozen=True, slots=True)
class Material:
    """One component of an order: quantity per part, due by what was made, issued so far."""

    component: str
    qty_per: Decimal
    due: Decimal
    issued: Decimal


class Pile(NamedTuple):
    """So much of a lot at a location."""

    lot: str | None
    location: str
    qty: Decimal


def take(piles: Iterable[Pile], wanted: Decimal) -> tuple[list[Pile], Decimal]:
    """Take `wanted` from the piles, first one first; what was taken, and what was not there."""
    taken: list[Pile] = []
    for pile in piles:
        if wanted <= 0:
            break
        part = min(pile.qty, wanted)
        taken.append(pile._replace(qty=part))
        wanted -= part
    return taken, wanted


def materials(connection: Connection, work_order: str) -> list[Material]:
    """Every component of the order with what is due and what was issued."""
    with connection.cursor(row_factory=class_row(Material)) as cursor:
        return cursor.execute(
            """
            select m.component, m.qty_per, m.qty_per * greatest(made.parts, 0) as due,
              coalesce(used.qty, 0) as issued
            from erp.work_order_material m
            cross join (
              select coalesce(sum(r.good + r.excess + r.surplus + r.other), 0) as parts
              from erp.production_report r
              join erp.work_order_operation o on o.id = r.operation
              where o.work_order = %(order)s and o.last and r.state = 'accepted'
            ) made
            left join (
              select item, sum(case when to_location = 'PRODUCTION' then qty else -qty end) as qty
              from erp.stock_move
              where work_order = %(order)s
                and 'PRODUCTION' in (from_location, to_location)
              group by item
            ) used on used.item = m.component
            where m.work_order = %(order)s
            order by m.component
            """,
            {"order": work_order},
        ).fetchall()


def reconcile(
    connection: Connection, work_order: str, mounted: Mapping[str, str], cause: Cause
) -> None:
    """Post the difference between due and issued of every component of the order.

    Issues come from the mounted lot, then from what is on hand, oldest lot first, and what is
    nowhere on hand from RAW without a lot. Returns go back to where the last issues came from.
    """
    lines = materials(connection, work_order)
    stock.lock_items(connection, [line.component for line in lines])
    for line in lines:
        difference = line.due - line.issued
        own = replace(cause, key=f"{cause.key}/{line.component}")
        if difference > 0:
            _issue(connection, line.component, difference, mounted.get(line.component), own)
        elif difference < 0:
            _return(connection, line.component, -difference, own)


def _issue(
    connection: Connection, component: str, qty: Decimal, mounted: str | None, cause: Cause
) -> None:
    piles, missing = take(_on_hand(connection, component, mounted), qty)
    if missing:
        piles.append(Pile(None, stock.RAW, missing))
    for n, pile in enumerate(piles, 1):
        moved = Move(component, pile.lot, pile.qty, pile.location, stock.PRODUCTION)
        stock.move(connection, moved, replace(cause, key=f"{cause.key}/{n}"))


def _return(connection: Connection, component: str, qty: Decimal, cause: Cause) -> None:
    piles, missing = take(_issued(connection, component, cause.work_order), qty)
    assert not missing, "what is issued in total is the sum of its piles"
    for n, pile in enumerate(piles, 1):
        moved = Move(component, pile.lot, pile.qty, stock.PRODUCTION, pile.location)
        stock.move(connection, moved, replace(cause, key=f"{cause.key}/{n}"))


def _on_hand(connection: Connection, item: str, mounted: str | None) -> list[Pile]:
    rows = connection.execute(
        """
        select m.lot, m.location, sum(m.qty)
        from (
          select id, to_location as location, lot, qty from erp.stock_move where item = %(item)s
          union all
          select id, from_location, lot, -qty from erp.stock_move where item = %(item)s
        ) m
        join erp.location l on l.code = m.location and l.kind = 'stock'
        left join erp.lot on lot.item = %(item)s and lot.code = m.lot
        group by m.lot, m.location, lot.created
        having sum(m.qty) > 0
        order by coalesce(m.lot = %(mounted)s::text, false) desc,
          lot.created nulls last, min(m.id)
        """,
        {"item": item, "mounted": mounted},
    )
    return [Pile(*row) for row in rows]


def _issued(connection: Connection, item: str, work_order: str | None) -> list[Pile]:
    rows = connection.execute(
        """
        select lot, location, sum(qty)
        from (
          select id, lot, from_location as location, qty from erp.stock_move
          where work_order = %(order)s and item = %(item)s and to_location = 'PRODUCTION'
          union all
          select id, lot, to_location, -qty from erp.stock_move
          where work_order = %(order)s and item = %(item)s and from_location = 'PRODUCTION'
        ) m
        group by lot, location
        having sum(qty) > 0
        order by max(id) filter (where qty > 0) desc
        """,
        {"order": work_order, "item": item},
    )
    return [Pile(*row) for row in rows]
