"""Acts on stock: receive, count and move; each is taken back by the moves that turn it round."""

from decimal import Decimal
from types import MappingProxyType
from uuid import UUID

from erp_core.items import items
from erp_core.items.item_acts import COUNTED
from erp_core.refusal import Refused
from erp_core.stock import ledger
from erp_core.stock.ledger import Cause, Move
from people.acts import Deed, Done, Kind, Kinds, Outcome, check_undo
from people.arguments import Arguments, Code, Quantity


class Receive(Arguments):
    """stock.receive{item, lot?, qty, location?}: from the supplier, in the item's unit."""

    item: Code
    lot: Code | None = None
    qty: Quantity
    location: Code = ledger.RAW


class Count(Arguments):
    """stock.count{item, lot?, counted, location}: what lies there, in the item's unit."""

    item: Code
    lot: Code | None = None
    counted: Quantity
    location: Code


class Transfer(Arguments):
    """stock.move{item, lot?, qty, source, target}: between two stock locations."""

    item: Code
    lot: Code | None = None
    qty: Quantity
    source: Code
    target: Code


def _receive(deed: Deed, given: Receive) -> Outcome:
    _check(deed, given.item, given.qty, given.location)
    number = ledger.receive(
        deed.connection, given.item, given.lot, given.qty, _cause(deed, "receive"),
        location=given.location,
    )  # fmt: skip
    return _told(deed, "stock_received", given.item, given.lot, given.qty, [number])


def _count(deed: Deed, given: Count) -> Outcome:
    _check(deed, given.item, given.counted or Decimal(1), given.location)
    if given.lot is not None:
        ledger.make_lot(deed.connection, given.item, given.lot, deed.now)
    key = f"act/{deed.act.id}"
    difference = ledger.count(
        deed.connection, given.item, given.lot, given.counted, _cause(deed, "count"),
        location=given.location,
    )  # fmt: skip
    number = ledger.by_key(deed.connection, key)
    moves = [] if number is None else [number]
    return _told(deed, "stock_counted", given.item, given.lot, difference, moves)


def _move(deed: Deed, given: Transfer) -> Outcome:
    for location in (given.source, given.target):
        _check(deed, given.item, given.qty, location)
    if given.source == given.target:
        raise Refused("nothing_changes", name=given.item)
    ledger.lock_items(deed.connection, [given.item])
    _check_there(deed, given)
    moved = Move(given.item, given.lot, given.qty, given.source, given.target)
    number = ledger.move(deed.connection, moved, _cause(deed, "move"))
    return _told(deed, "stock_moved", given.item, given.lot, given.qty, [number])


def _check(deed: Deed, item: str, qty: Decimal, location: str) -> None:
    found = items.find(deed.connection, item)
    if found is None:
        raise Refused("item_not_there", item=item)
    if qty <= 0 or (found.unit in COUNTED and qty != qty.to_integral_value()):
        raise Refused("qty_wrong", qty=qty, item=item, unit=found.unit)
    if location not in ledger.stock_locations(deed.connection):
        raise Refused("location_unknown", location=location)


def _check_there(deed: Deed, given: Transfer) -> None:
    here = ledger.on_hand(deed.connection, given.item, given.source)
    lots = [one.lot for one in here if one.lot is not None]
    if given.lot is None and lots:
        raise Refused("lot_missing", item=given.item, lots=lots)
    there = sum((one.qty for one in here if one.lot == given.lot), Decimal(0))
    if there < given.qty:
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
