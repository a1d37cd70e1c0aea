"""Acts on work orders: create, change, release, hold, resume, close, cancel; each can be undone."""

from collections.abc import Callable
from datetime import date
from functools import partial
from types import MappingProxyType
from typing import Annotated

from pydantic import Field

from erp_core import numbers
from erp_core.items import boms
from erp_core.production import work_orders
from erp_core.production.work_orders import WorkOrder
from erp_core.refusal import Refused
from people.acts import Deed, Done, Kind, Kinds, Outcome, check_undo
from people.arguments import Arguments, Code, Reason, Whole
from plant import clock

MOST = 10**9  # parts; no order is for more
Qty = Annotated[Whole, Field(gt=0, le=MOST)]


class Create(Arguments):
    """work_order.create{item, qty, due?, code?}: without a code, the next of the year."""

    item: Code
    qty: Qty
    due: date | None = None
    code: Code | None = None


class OfOrder(Arguments):
    """What is done with an order; `version` is the one that the person saw."""

    work_order: Code
    version: int | None = None


class Change(OfOrder):
    """work_order.change{work_order, version?, qty, due?}."""

    qty: Qty
    due: date | None = None


class Release(OfOrder):
    """work_order.release{work_order, version?, without_material?}."""

    without_material: bool = Field(default=False, strict=True)


class WithReason(OfOrder):
    """work_order.hold, .close, .cancel{work_order, version?, reason?}."""

    reason: Reason | None = None


def _create(deed: Deed, given: Create) -> Outcome:
    code = given.code or numbers.draw(deed.connection, "WO", deed.now)
    order = work_orders.create(
        deed.connection, code, given.item, given.qty, who=deed.person.code, now=deed.now,
        due=given.due,
    )  # fmt: skip
    return _told(deed, order, None, "order_created")


def _change(deed: Deed, given: Change) -> Outcome:
    before = _seen(deed, given)
    there = work_orders.made(deed.connection, before.code)
    if given.qty < there:
        raise Refused("qty_below_made", work_order=before.code, made=there, qty=given.qty)
    if (before.qty, before.due) == (given.qty, given.due):
        raise Refused("nothing_changes", name=before.code)
    if before.state in {"closed", "cancelled"}:
        raise work_orders.not_now(before)
    work_orders.change(deed.connection, before.code, given.qty, given.due)
    return _told(deed, work_orders.get(deed.connection, before.code), before, "order_changed")


def _release(deed: Deed, given: Release) -> Outcome:
    before = _seen(deed, given)
    day = clock.day(deed.connection, deed.now)
    bom = boms.in_force(deed.connection, before.item, day)
    if bom is None and not given.without_material and before.state == "draft":
        raise Refused("bom_missing", item=before.item)
    order = work_orders.release(deed.connection, before.code, day)
    return {**_told(deed, order, before, "order_released"), "bom": bom}


def _hold(deed: Deed, given: WithReason) -> Outcome:
    return _step(deed, given, work_orders.hold, "order_held")


def _resume(deed: Deed, given: OfOrder) -> Outcome:
    return _step(deed, given, work_orders.resume, "order_resumed")


def _close(deed: Deed, given: WithReason) -> Outcome:
    return _step(deed, given, partial(work_orders.close, now=deed.now), "order_closed")


def _cancel(deed: Deed, given: WithReason) -> Outcome:
    there = work_orders.made(deed.connection, given.work_order)
    if there:
        raise Refused("parts_made", work_order=given.work_order, made=there)
    return _step(deed, given, partial(work_orders.cancel, now=deed.now), "order_cancelled")


def _step(deed: Deed, given: OfOrder, take: Callable[..., WorkOrder], message: str) -> Outcome:
    before = _seen(deed, given)
    return _told(deed, take(deed.connection, before.code), before, message)


def _seen(deed: Deed, given: OfOrder) -> WorkOrder:
    """The order, locked, as the person saw it; raises Refused."""
    if work_orders.find(deed.connection, given.work_order) is None:
        raise Refused("work_order_unknown", work_order=given.work_order)
    order = work_orders.lock(deed.connection, given.work_order)
    if given.version is not None and given.version != order.version:
        who, at = deed.last_change("work_order", order.code)
        raise Refused("changed_meanwhile", name=order.code, who=who, at=at)
    return order


def _told(deed: Deed, order: WorkOrder, before: WorkOrder | None, message: str) -> Outcome:
    deed.touches("work_order", order.code)
    was = before and {"state": before.state, "qty": before.qty,
                      "due": before.due.isoformat() if before.due else None}  # fmt: skip
    return {"message": message, "work_order": order.code, "state": order.state,
            "version": order.version, "before": was}  # fmt: skip


def _undo(deed: Deed, done: Done, reason: str | None) -> Outcome:
    """The order is as it was before, if nothing was changed of it since."""
    check_undo(deed, done, reason)
    code, was = str(done.outcome["work_order"]), done.outcome["before"]
    order = work_orders.lock(deed.connection, code)
    if order.version != done.outcome["version"]:
        raise Refused("undo_stands", name=code)
    if was is None:
        order = work_orders.cancel(deed.connection, code, deed.now)
    elif done.act == "work_order.release":
        order = work_orders.take_back(deed.connection, code)
    elif done.act == "work_order.change":
        due = date.fromisoformat(was["due"]) if was["due"] else None
        work_orders.change(deed.connection, code, was["qty"], due)
    else:
        order = work_orders.set_state(deed.connection, code, was["state"])
        work_orders.follow_reports(deed.connection, code)
    return _told(deed, work_orders.get(deed.connection, code), None, "undone")


ACTS: Kinds = MappingProxyType(
    {
        "work_order.create": Kind(Create, _create, _undo),
        "work_order.change": Kind(Change, _change, _undo),
        "work_order.release": Kind(Release, _release, _undo),
        "work_order.hold": Kind(WithReason, _hold, _undo),
        "work_order.resume": Kind(OfOrder, _resume, _undo),
        "work_order.close": Kind(WithReason, _close, _undo),
        "work_order.cancel": Kind(WithReason, _cancel, _undo),
    }
)
