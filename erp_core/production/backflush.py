"""Backflush: material that an order used is issued by what was made, and returned by the same rule.

Due = quantity per part x parts made at the operation that uses the component, in accepted reports
and in those of excess (whatever becomes of too many parts, their material is used up), by the lot
that was on the press. What is posted is the signed difference between due and issued, so that
running it twice posts nothing. Quantities are Decimals in the component's unit; nothing is rounded.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import NamedTuple

from database.connection import Connection
from erp_core.stock import ledger, shortages
from erp_core.stock.ledger import Cause, Move

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Material:
    """One component of an order: due by what was made, and issued so far, each by lot.

    In `due` no lot (None) is what was made while no lot was known to be on the press.
    """

    component: str
    qty_per: Decimal
    due: Mapping[str | None, Decimal] = field(default_factory=dict[str | None, Decimal])
    issued: Mapping[str | None, Decimal] = field(default_factory=dict[str | None, Decimal])


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
    due = _by_lot(connection, DUE, work_order)
    issued = _by_lot(connection, ISSUED, work_order)
    rows = connection.execute(
        "select component, qty_per from erp.work_order_material where work_order = %s "
        "order by component",
        [work_order],
    ).fetchall()
    return [Material(c, per, due.get(c, {}), issued.get(c, {})) for c, per in rows]


def reconcile(connection: Connection, work_order: str, cause: Cause) -> None:
    """Post the difference between due and issued of every component of the order.

    A lot that was on the press is charged with what was made from it, also below zero. The rest
    comes from what is on hand, oldest lot first, and what is nowhere on hand from RAW without a
    lot; returns go back to where the last issues came from.
    """
    own = replace(cause, work_order=work_order)
    lines = materials(connection, work_order)
    ledger.lock_items(connection, [line.component for line in lines])
    for line in lines:
        moves = [*_of_lots(connection, line), *_of_rest(connection, line, work_order)]
        for n, moved in enumerate(moves, _moves_so_far(connection, line, work_order) + 1):
            ledger.move(
                connection, moved, replace(own, key=f"backflush/{work_order}/{line.component}/{n}")
            )
        if moves:
            shortages.review(connection, line.component, cause.at)


def drained(connection: Connection, item: str, lot: str) -> Iterator[tuple[str, Decimal, Decimal]]:
    """What orders took of a lot that nobody said was on the press: the oldest on hand.

    Gives each order with what it had drained of other lots before, and what of this one.
    """
    orders = connection.execute(
        "select distinct work_order from erp.stock_move "
        "where item = %s and lot = %s and to_location = 'PRODUCTION' and work_order is not null "
        "order by 1",
        [item, lot],
    ).fetchall()
    for (order,) in orders:
        line = next((each for each in materials(connection, order) if each.component == item), None)
        before = ZERO
        for each, taken in _beyond(line).items() if line else ():
            if each == lot and taken:
                yield order, before, taken
            before += taken


def _beyond(line: Material) -> dict[str | None, Decimal]:
    """What each lot gave beyond what it was to, in the order in which they began to give."""
    wanted = _targets(line)
    del wanted[None]
    return {lot: max(qty - wanted.get(lot, ZERO), ZERO) for lot, qty in line.issued.items()}


def _targets(line: Material) -> dict[str | None, Decimal]:
    """What each lot is to have given in all; no lot (None): what any lots give beside.

    Never less than nothing in all: what corrections take back beyond that, no lot has given.
    """
    total = max(sum(line.due.values(), ZERO), ZERO)
    wanted: dict[str | None, Decimal] = {}
    left = total
    for lot in sorted(lot for lot in line.due if lot is not None):
        wanted[lot] = min(max(line.due[lot], ZERO), left)
        left -= wanted[lot]
    return {**wanted, None: left}


def _of_lots(connection: Connection, line: Material) -> Iterator[Move]:
    """What lots that were on the press still owe."""
    for lot, wanted in _targets(line).items():
        owed = wanted - line.issued.get(lot, ZERO)
        if lot is None or owed <= 0:
            continue
        piles, missing = take(_on_hand(connection, line.component, lot), owed)
        if missing:
            piles.append(Pile(lot, _last_place(connection, line.component, lot), missing))
        yield from _issues(line, piles)


def _of_rest(connection: Connection, line: Material, work_order: str) -> Iterator[Move]:
    """What was made without a known lot, beside all that lots gave beyond what they were to."""
    beyond = _beyond(line)
    owed = _targets(line)[None] - sum(beyond.values(), ZERO)
    if owed > 0:
        piles, missing = take(_on_hand(connection, line.component), owed)
        if missing:
            piles.append(Pile(None, ledger.RAW, missing))
        yield from _issues(line, piles)
    elif owed < 0:
        there = _at_most(_issued_from(connection, line, work_order), beyond)
        piles, missing = take(there, -owed)
        assert not missing, "what is issued in total is the sum of its piles"
        for pile in piles:
            yield Move(line.component, pile.lot, pile.qty, ledger.PRODUCTION, pile.location)


def _at_most(piles: Sequence[Pile], beyond: Mapping[str | None, Decimal]) -> Iterator[Pile]:
    """The piles, of each lot no more than it gave beyond its due."""
    left = dict(beyond)
    for pile in piles:
        part = min(pile.qty, left.get(pile.lot, ZERO))
        left[pile.lot] -= part
        if part:
            yield pile._replace(qty=part)


def _issues(line: Material, piles: Iterable[Pile]) -> Iterator[Move]:
    for pile in piles:
        yield Move(line.component, pile.lot, pile.qty, pile.location, ledger.PRODUCTION)


def _by_lot(
    connection: Connection, query: str, work_order: str
) -> dict[str, dict[str | None, Decimal]]:
    found: dict[str, dict[str | None, Decimal]] = {}
    for component, lot, qty in connection.execute(query.encode(), {"order": work_order}):
        found.setdefault(component, {})[lot] = qty
    return found


def _moves_so_far(connection: Connection, line: Material, work_order: str) -> int:
    row = connection.execute(
        "select count(*) from erp.stock_move where work_order = %s and item = %s",
        [work_order, line.component],
    ).fetchone()
    assert row is not None
    return row[0]


def _on_hand(connection: Connection, item: str, lot: str | None = None) -> list[Pile]:
    """What is on hand of an item, oldest lot first; of one lot where it is named."""
    rows = connection.execute(
        """
        select b.lot, b.location, b.qty
        from erp.balance b
        left join erp.lot on lot.item = b.item and lot.code = b.lot
        where b.item = %(item)s and b.qty > 0 and (%(lot)s::text is null or b.lot = %(lot)s)
        order by lot.created nulls last, b.first_move
        """,
        {"item": item, "lot": lot},
    )
    return [Pile(*row) for row in rows]


def _last_place(connection: Connection, item: str, lot: str) -> str:
    """Where the lot was on stock last: there it goes below zero."""
    row = connection.execute(
        """
        select l.code from erp.stock_move m
        join erp.location l on l.code in (m.from_location, m.to_location) and l.kind = 'stock'
        where m.item = %s and m.lot = %s order by m.id desc limit 1
        """,
        [item, lot],
    ).fetchone()
    return row[0] if row else ledger.RAW


def _issued_from(connection: Connection, line: Material, work_order: str) -> list[Pile]:
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
        {"order": work_order, "item": line.component},
    )
    return [Pile(*row) for row in rows]


DUE = """
select m.component, u.lot, sum(m.qty_per * u.parts)
from erp.work_order_material m
join erp.report_charged u on u.work_order = m.work_order and u.component = m.component
where m.work_order = %(order)s
group by m.component, u.lot
order by m.component, u.lot nulls last
"""
ISSUED = """
select item, lot, sum(case when to_location = 'PRODUCTION' then qty else -qty end)
from erp.stock_move
where work_order = %(order)s and 'PRODUCTION' in (from_location, to_location)
group by item, lot
order by min(id)
"""
