"""Acts on stock: receive, count and move; each is taken back by the moves that turn it round."""

from decimal import Decimal
from types import MappingProxyType
from uuid import UUID

from erp_core import quantity
from erp_core.items import items
from erp_core.quantity import Amount, Given
from erp_core.refusal import Refused
from erp_core.stock import ledger
from erp_core.stock.ledger import Cause, Move
from people.acts import Deed, Done, Kind, Kinds, Outcome, check_undo
from people.arguments import Arguments, Code


class Receive(Arguments):
    """stock.receive{item, lot?, qty, location?}: from the supplier; `qty` may be "2 t"."""

    item: Code
    lot: Code | None = None
    qty: Amount
    location: Code = ledger.RAW


class Count(Arguments):
    """stock.count{item, lot?, counted, location}: what lies there, in the item's unit."""

    item: Code
    lot: Code | None = None
    counted: Amount
    location: Code


class Transfer(Arguments):
    """stock.move{item, lot?, qty, source, target}: between two stock locations."""

    item: Code
    lot: Code | None = None
    qty: Amount
    source: Code
    target: Code


def _receive(deed: Deed, given: Receive) -> Outcome:
    qty = _in_its_unit(deed, given.item, given.qty, given.location)
    number = ledger.receive(
        deed.connection, given.item, given.lot, qty, _cause(deed, "receive"),
        location=given.location,
    )  # fmt: skip
    return _told(deed, "stock_received", given.item, given.lot, qty, [number])


def _count(deed: Deed, given: Count) -> Outcome:
    counted = _in_its_unit(deed, given.item, given.counted, given.location, least=Decimal(0))
    if given.lot is not None:
        ledger.make_lot(deed.connection, given.item, given.lot, deed.now)
    key = f"act/{deed.act.id}"
    difference = ledger.count(
        deed.connection, given.item, given.lot, counted, _cause(deed, "count"),
        location=given.location,
    )  # fmt: skip
    number = ledger.by_key(deed.connection, key)
    moves = [] if number is None else [number]
    return _told(deed, "stock_counted", given.item, given.lot, difference, moves)


def _move(deed: Deed, given: Transfer) -> Outcome:
    qty = _in_its_unit(deed, given.item, given.qty, given.source, given.target)
    if given.source == given.target:
        raise Refused("nothing_changes", name=given.item)
    ledger.lock_items(deed.connection, [given.item])
    _check_there(deed, given, qty)
    moved = Move(given.item, given.lot, qty, given.source, given.target)
    number = ledger.move(deed.connection, moved, _cause(deed, "move"))
    return _told(deed, "stock_moved", given.item, given.lot, qty, [number])


def _in_its_unit(
    deed: Deed, item: str, given: Given, *locations: str, least: Decimal | None = None
) -> Decimal:
    """What was given, in the item's unit: above zero, or `least`. Raises Refused."""
    found = items.find(deed.connection, item)
    if found is None:
        raise Refused("item_not_there", item=item)
    qty = given.of(item, found.unit)
    small = qty <= 0 if least is None else qty < least
    if small or (quantity.whole(found.unit) and qty != qty.to_integral_value()):
        raise Refused("qty_wrong", qty=qty, item=item, unit=found.unit)
    for location in locations:
        if location not in ledger.stock_locations(deed.connection):
            raise Refused("location_unknown", location=location)
    return qty


def _check_there(deed: Deed, given: Transfer, qty: Decimal) -> None:
    here = ledger.on_hand(deed.connection, given.item, given.source)
    lots = [one.lot for one in here if one.lot is not None]
    if given.lot is None and lots:
        raise Refused("lot_missing", item=given.item, lots=lots)
    there = sum((one.qty for one in here if one.lot == given.lot), Decimal(0))
    if there < qty:
        unit = getattr(items.find(deed.connection, given.item), "unit", "")
        raise Refused("stock_less", there=there, unit=unit, item=given.item, lot=given.lot or "",
                      location=given.source)  # fmt: skip


def _cause(deed: Deed, reason: str) -> Cause:
    return Cause(deed.person.code, reason, deed.act.at, f"act/{deed.act.id}")


def _told(
    deed: Deed, message: str, item: str, lot: str | None, qty: Decimal, moves: list[int]
) -> Outcome:
    deed.touches("item", item)
    if lot is not None:
        deed.touches("lot", f"{item}/{lot}")
    return {"message": message, "item": item, "lot": lot, "qty": str(qty), "moves": moves}


def _undo(deed: Deed, done: Done, reason: str | None) -> Outcome:
    check_undo(deed, done, reason)
    back = [
        ledger.reverse(deed.connection, number, _back(deed, number, done.id))
        for number in done.outcome["moves"]
    ]
    qty = Decimal(str(done.outcome["qty"]))
    return _told(deed, "undone", str(done.outcome["item"]), done.outcome["lot"], -qty, back)


def _back(deed: Deed, number: int, act: UUID) -> Cause:
    return Cause(deed.person.code, f"undo {act}", deed.act.at, f"act/{deed.act.id}/{number}")


ACTS: Kinds = MappingProxyType(
    {
        "stock.receive": Kind(Receive, _receive, _undo),
        "stock.count": Kind(Count, _count, _undo),
        "stock.move": Kind(Transfer, _move, _undo),
    }
)
