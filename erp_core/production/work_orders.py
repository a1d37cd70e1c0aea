"""Work orders: what is to be made, by which operations, from which material.

An order takes its operations from the item's routing when it is created, and its material from
the BOM version in force on the day it is released; later master data reaches it by a change order
only (erp_core/production/change_orders.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType

from psycopg.rows import class_row

from database.connection import Connection
from erp_core.items import boms, items, routings
from erp_core.items.routings import Step
from erp_core.refusal import Refused
from erp_core.stock import shortages
from people.errors import UnknownError
from plant import clock

# (state, step) -> state; what is not here is refused.
STEPS: Mapping[tuple[str, str], str] = MappingProxyType({
    ("draft", "release"): "released",
    ("released", "start"): "running",
    ("released", "produce"): "produced",
    ("running", "produce"): "produced",
    ("produced", "reopen"): "running",
    ("released", "hold"): "held",
    ("running", "hold"): "held",
    ("held", "resume"): "released",
    ("held", "close"): "closed",
    ("held", "cancel"): "cancelled",
    ("released", "take_back"): "draft",
    ("released", "close"): "closed",
    ("running", "close"): "closed",
    ("produced", "close"): "closed",
    ("draft", "cancel"): "cancelled",
    ("released", "cancel"): "cancelled",
})  # fmt: skip

# The cure of a step that is refused, by state.
CURES = MappingProxyType({
    "draft": "release", "closed": "new", "cancelled": "new", "held": "resume",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class WorkOrder:
    """A work order; `qty` in parts, `due` as a calendar date of the plant.

    `version` counts what people and reports changed of it.
    """

    code: str
    item: str
    qty: int
    state: str
    due: date | None
    created: datetime
    created_by: str
    version: int


@dataclass(frozen=True, slots=True)
class Operation:
    """One step of an order; `die` None: any die that makes the item. The last one posts stock."""

    id: int
    work_order: str
    item: str
    seq: int
    name: str
    die: str | None
    last: bool


WHOLE = (Step(10, "10", None),)  # an item without a routing is made in one operation


def create(
    connection: Connection, code: str, item: str, qty: int, *, who: str, now: datetime,
    due: date | None = None, routing: Sequence[Step] | None = None,
) -> WorkOrder:  # fmt: skip
    """Create a draft; operations come from `routing`, else from the item's routing.

    An order whose item has no routing gets one operation 10 that any die of the item may do.
    Raises Refused code_taken, item_not_there, item_ended, and code_wrong for a slash in the code:
    report names are `<work order>/<item>/<n>`.
    """
    if "/" in code or not code.strip():
        raise Refused("code_wrong", name=code)
    _check_item(connection, item, now)
    made = connection.execute(
        "insert into erp.work_order (code, item, qty, state, due, created, created_by) "
        "values (%s, %s, %s, 'draft', %s, %s, %s) on conflict (code) do nothing",
        [code, item, qty, due, now, who],
    )
    if made.rowcount == 0:
        raise Refused("code_taken", name=code)
    steps = routing or routings.of(connection, item) or WHOLE
    _write_operations(connection, code, sorted(steps))
    return get(connection, code)


def _check_item(connection: Connection, item: str, now: datetime) -> None:
    found = items.find(connection, item)
    if found is None:
        raise Refused("item_not_there", item=item)
    if found.until is not None and clock.day(connection, now) > found.until:
        raise Refused("item_ended", item=item, until=found.until.isoformat())


def _write_operations(connection: Connection, code: str, steps: Sequence[Step]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into erp.work_order_operation (work_order, seq, name, die, last) "
            "values (%s, %s, %s, %s, %s)",
            [(code, *step, step == steps[-1]) for step in steps],
        )


def release(connection: Connection, code: str, day: date) -> WorkOrder:
    """Give the order to the shop floor; its material is fixed from the BOM in force on that day."""
    order = take_step(connection, code, "release")
    bom = boms.in_force(connection, order.item, day)
    if bom is not None:
        fix_material(connection, order, bom)
    return order


def take_material(connection: Connection, code: str, now: datetime) -> str:
    """Fix the material of an order that has none, from the BOM in force today; returns its version.

    What was made of it so far uses it, too, once its reports are looked at again. Raises Refused
    step_not_possible, material_there, bom_missing_still.
    """
    order = lock(connection, code)
    if order.state in {"draft", "closed", "cancelled"}:
        raise Refused("step_not_possible", work_order=code, state=order.state,
                      cure=CURES[order.state])  # fmt: skip
    if has_material(connection, code):
        raise Refused("material_there", work_order=code)
    bom = boms.in_force(connection, order.item, clock.day(connection, now))
    if bom is None:
        raise Refused("bom_missing_still", item=order.item)
    fix_material(connection, order, bom)
    shortages.without_material(connection, code, now)
    return bom


def has_material(connection: Connection, code: str) -> bool:
    """Whether any material was fixed for the order."""
    row = connection.execute(
        "select from erp.work_order_material where work_order = %s limit 1", [code]
    ).fetchone()
    return row is not None


def bom_versions(connection: Connection, code: str) -> list[str]:
    """The versions of the bill of material that its material was fixed from, where known."""
    rows = connection.execute(
        "select distinct bom from erp.work_order_material "
        "where work_order = %s and bom is not null order by 1",
        [code],
    )
    return [version for (version,) in rows]


def fix_material(
    connection: Connection, order: WorkOrder, bom: str, steps: Sequence[int] | None = None
) -> None:
    """Write down what a piece takes of each component by that version: quantity x (1 + scrap).

    With `steps`, of these operations only; what names none belongs to the first.
    """
    connection.execute(
        """
        insert into erp.work_order_material (work_order, component, qty_per, seq, bom)
        select %(order)s, l.component, erp.bom_takes(l.qty, l.scrap), l.seq, l.version
        from erp.bom_line l
        where l.item = %(item)s and l.version = %(bom)s
          and (%(steps)s::integer[] is null
            or erp.operation_using(%(order)s, l.seq) = any (%(steps)s))
        """,
        {"order": order.code, "item": order.item, "bom": bom,
         "steps": None if steps is None else list(steps)},
    )  # fmt: skip


def count_change(connection: Connection, code: str) -> None:
    """Something else than the order's own row was changed of it: who saw it before, saw another."""
    connection.execute("update erp.work_order set version = version + 1 where code = %s", [code])


def close(connection: Connection, code: str, now: datetime) -> WorkOrder:
    """Nothing more is to be made for the order, so that it lacks no material any more."""
    shortages.needs_none(connection, code, now)
    return take_step(connection, code, "close")


def cancel(connection: Connection, code: str, now: datetime) -> WorkOrder:
    """The order is not wanted any more, and nothing was made for it."""
    shortages.needs_none(connection, code, now)
    return take_step(connection, code, "cancel")


def change(connection: Connection, code: str, qty: int, due: date | None) -> None:
    """Set quantity and due date of an order that is not finished; a finished one stays as it is."""
    changed = connection.execute(
        "update erp.work_order set qty = %(qty)s, due = %(due)s, version = version + 1 "
        "where code = %(code)s and state not in ('closed', 'cancelled') "
        "and (qty, due) is distinct from (%(qty)s, %(due)s::date)",
        {"code": code, "qty": qty, "due": due},
    )
    if changed.rowcount:
        follow_reports(connection, code)


def take_step(connection: Connection, code: str, step: str) -> WorkOrder:
    """Move the order along its table of steps.

    Raises Refused step_not_possible, UnknownError when there is no such order.
    """
    order = lock(connection, code)
    state = STEPS.get((order.state, step))
    if state is None:
        raise not_now(order)
    return set_state(connection, code, state)


def not_now(order: WorkOrder) -> Refused:
    """Why something cannot be done with an order in its state, with the cure."""
    cure = CURES.get(order.state, "look")
    return Refused("step_not_possible", work_order=order.code, state=order.state, cure=cure)


def set_state(connection: Connection, code: str, state: str) -> WorkOrder:
    """Put the order into a state, whatever it was; steps go through `take_step`."""
    connection.execute(
        "update erp.work_order set state = %s, version = version + 1 where code = %s", [state, code]
    )
    return get(connection, code)


def hold(connection: Connection, code: str) -> WorkOrder:
    """Nobody starts it until it is resumed; what runs goes on to the end of its run."""
    return take_step(connection, code, "hold")


def resume(connection: Connection, code: str) -> WorkOrder:
    """It may be made again, and its state follows its reports."""
    take_step(connection, code, "resume")
    follow_reports(connection, code)
    return get(connection, code)


def take_back(connection: Connection, code: str) -> WorkOrder:
    """A release is taken back before anything was made: a draft again, its material not fixed."""
    order = take_step(connection, code, "take_back")
    connection.execute("delete from erp.work_order_material where work_order = %s", [code])
    return order


def made(connection: Connection, code: str) -> int:
    """Good parts and excess of its last operation in accepted reports."""
    return _accepted(connection, code)[1]


def follow_reports(connection: Connection, code: str) -> None:
    """Let the state follow the accepted reports: running from the first one, produced when full.

    Orders in draft, closed or cancelled keep their state; late reports do not reopen them.
    """
    order = lock(connection, code)
    reports, there = _accepted(connection, code)
    if order.state == "produced" and there < order.qty:
        take_step(connection, code, "reopen")
    elif order.state in {"released", "running"} and there >= order.qty:
        take_step(connection, code, "produce")
    elif order.state == "released" and reports:
        take_step(connection, code, "start")


def _accepted(connection: Connection, code: str) -> tuple[int, int]:
    row = connection.execute(
        """
        select count(*), coalesce(sum(r.good + r.excess) filter (where o.last), 0)::bigint
        from erp.production_report r join erp.work_order_operation o on o.id = r.operation
        where o.work_order = %s and r.state = 'accepted'
        """,
        [code],
    ).fetchone()
    assert row is not None
    return row[0], row[1]


def find(connection: Connection, code: str) -> WorkOrder | None:
    """The order of that code, or None."""
    with connection.cursor(row_factory=class_row(WorkOrder)) as cursor:
        return cursor.execute("select * from erp.work_order where code = %s", [code]).fetchone()


def get(connection: Connection, code: str) -> WorkOrder:
    """The order of that code; raises UnknownError."""
    order = find(connection, code)
    if order is None:
        raise UnknownError(f"work order {code}", "there is no such order", "check the code")
    return order


def lock(connection: Connection, code: str) -> WorkOrder:
    """The order, held against others until the transaction ends; raises UnknownError."""
    connection.execute(
        "select 1 from erp.work_order where code = %s for no key update", [code]
    ).fetchone()
    return get(connection, code)


def operations(connection: Connection, code: str) -> list[Operation]:
    """The operations of an order in their sequence."""
    with connection.cursor(row_factory=class_row(Operation)) as cursor:
        return cursor.execute(
            "select o.id, o.work_order, w.item, o.seq, o.name, o.die, o.last "
            "from erp.work_order_operation o join erp.work_order w on w.code = o.work_order "
            "where o.work_order = %s order by o.seq",
            [code],
        ).fetchall()


def operation(connection: Connection, number: int) -> Operation:
    """The operation with that id; raises UnknownError."""
    with connection.cursor(row_factory=class_row(Operation)) as cursor:
        found = cursor.execute(
            "select o.id, o.work_order, w.item, o.seq, o.name, o.die, o.last "
            "from erp.work_order_operation o join erp.work_order w on w.code = o.work_order "
            "where o.id = %s",
            [number],
        ).fetchone()
    if found is None:
        raise UnknownError(f"operation {number}", "there is no such operation", "check the order")
    return found


def operation_for(connection: Connection, work_order: str, die: str) -> Operation | None:
    """The first operation of the order that this die does, or None.

    An operation tied to the die comes first; one without a die is done by any die that makes
    the item.
    """
    found = operations(connection, work_order)
    tied = [each for each in found if each.die == die]
    free = [each for each in found if each.die is None]
    if not tied and free and not items.made_by(connection, free[0].item, die):
        return None
    return next(iter(tied or free), None)
