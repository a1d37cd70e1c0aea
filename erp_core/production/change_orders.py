"""Change orders: a version of a bill of material is released and given to open orders, in one act.

What a version touches is read without a lock (`touched`); a person chooses a policy for each order,
and the act carries the versions of the orders as that person saw them. An order that changed since,
or came since, refuses it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, Any, Literal

from psycopg.rows import class_row
from pydantic import Field

from database.connection import Connection
from erp_core import numbers
from erp_core.items import bom_acts, boms
from erp_core.items.bom_acts import OfBom
from erp_core.items.boms import Bom
from erp_core.production import work_orders
from erp_core.production.work_orders import WorkOrder
from erp_core.refusal import Refused
from people.acts import Deed, Done, Kind, Kinds, Outcome, check_undo
from people.arguments import Arguments, Code, Reason, Whole

MOST_ORDERS = 500
Policy = Literal["new_only", "not_started", "hold"]


@dataclass(frozen=True, slots=True)
class Touched:
    """An open order that was released with another version.

    `boms`: the versions that its material was fixed from. `begun`: operations at work, `steps`: all
    of its operations. `version` is the order's, as it stands now.
    """

    code: str
    qty: int
    state: str
    due: date | None
    version: int
    boms: list[str]
    begun: int
    steps: int


def touched(connection: Connection, bom: Bom) -> list[Touched]:
    """The open orders of the item that do not take this version yet, by code.

    Drafts are none of them: they take what is in force when they are released.
    """
    with connection.cursor(row_factory=class_row(Touched)) as cursor:
        return cursor.execute(
            """
            select w.code, w.qty, w.state, w.due, w.version, m.boms, o.begun, o.steps
            from erp.work_order w
            cross join lateral (
              select coalesce(array_agg(distinct m.bom order by m.bom)
                              filter (where m.bom is not null), '{}') as boms,
                     count(*) filter (where m.bom is distinct from %(version)s) as others
              from erp.work_order_material m where m.work_order = w.code
            ) m
            cross join lateral (
              select count(*) as steps, count(o.begun) as begun
              from erp.work_order_operation o where o.work_order = w.code
            ) o
            where w.item = %(item)s and w.state in ('released', 'running', 'held') and m.others > 0
            order by w.code
            """,
            {"item": bom.item, "version": bom.version},
        ).fetchall()


class OrderGiven(Arguments):
    """What becomes of one order; `version` is its own, as the person saw it."""

    work_order: Code
    version: Whole
    policy: Policy


class Apply(OfBom):
    """change_order.apply{item, version, row_version?, from_day?, reason?, orders}."""

    from_day: date | None = None
    reason: Reason | None = None
    orders: Annotated[list[OrderGiven], Field(max_length=MOST_ORDERS)]


def _apply(deed: Deed, given: Apply) -> Outcome:
    held = _hold(deed, [order.work_order for order in given.orders])
    bom = before = bom_acts.seen(deed, given)
    _check_basis(deed, bom, given.orders)
    if bom.state != "released":
        bom = boms.take_step(deed.connection, bom, "release", given.from_day)
    code = numbers.draw(deed.connection, "ECO", deed.now)
    _write(deed, code, bom, given)
    orders = [
        _change(deed, held[order.work_order], bom, order.policy)
        for order in sorted(given.orders, key=lambda order: order.work_order)
    ]
    deed.touches("change_order", code)
    return {**bom_acts.told(deed, bom, before, "change_applied"), "change_order": code,
            **_counts(orders), "orders": orders}  # fmt: skip


def _counts(orders: Sequence[dict[str, Any]]) -> dict[str, int]:
    """How many take the version, are held, and stay as they are."""
    taken = sum(bool(order["material"]) for order in orders)
    held = sum(order["policy"] == "hold" for order in orders)
    return {"taken": taken, "held": held, "kept": len(orders) - taken - held}


def _hold(deed: Deed, codes: Sequence[str]) -> dict[str, WorkOrder]:
    for code in codes:
        if work_orders.find(deed.connection, code) is None:
            raise Refused("work_order_unknown", work_order=code)
    return {code: work_orders.lock(deed.connection, code) for code in sorted(codes)}


def _check_basis(deed: Deed, bom: Bom, given: Sequence[OrderGiven]) -> None:
    """The orders that are touched now are those the person decided on, as they were then."""
    there = {order.code: order.version for order in touched(deed.connection, bom)}
    basis = {order.work_order: order.version for order in given}
    differing = [
        code for code in sorted(there | basis) if there.get(code) != basis.get(code)
    ]  # fmt: skip
    if differing:
        who, at = deed.last_change("work_order", differing[0])
        raise Refused("changed_meanwhile", name=differing[0], who=who, at=at or deed.now)


def _write(deed: Deed, code: str, bom: Bom, given: Apply) -> None:
    deed.connection.execute(
        "insert into erp.change_order (code, item, version, at, who, reason) "
        "values (%s, %s, %s, %s, %s, %s)",
        [code, bom.item, bom.version, deed.act.at, deed.person.code, given.reason],
    )
    with deed.connection.cursor() as cursor:
        cursor.executemany(
            "insert into erp.change_order_line (change_order, work_order, policy) "
            "values (%s, %s, %s)",
            [(code, order.work_order, order.policy) for order in given.orders],
        )


def _change(deed: Deed, order: WorkOrder, bom: Bom, policy: Policy) -> dict[str, Any]:
    """Do with one order what its policy says; returns what undo needs to know."""
    deed.touches("work_order", order.code)
    material: list[list[str]] = []
    if policy == "not_started":
        material = _give(deed.connection, order, bom)
    elif policy == "hold" and order.state != "held":
        work_orders.hold(deed.connection, order.code)
    after = work_orders.get(deed.connection, order.code)
    return {"work_order": order.code, "policy": policy, "state": order.state,
            "version": after.version, "material": material}  # fmt: skip


def _give(connection: Connection, order: WorkOrder, bom: Bom) -> list[list[str]]:
    """Operations that have not begun take their material from this version; what they took before.

    Empty where all have begun: nothing is changed then.
    """
    connection.execute(
        "select from erp.work_order_operation where work_order = %s order by id for no key update",
        [order.code],
    )
    steps = _not_begun(connection, order.code)
    if not steps:
        return []
    _check_moved(connection, order, bom, steps)
    before = connection.execute(
        "delete from erp.work_order_material where work_order = %(order)s "
        "and erp.operation_using(%(order)s, seq) = any (%(steps)s) "
        "returning component, qty_per, seq, bom",
        {"order": order.code, "steps": steps},
    ).fetchall()
    work_orders.fix_material(connection, order, bom.version, steps)
    work_orders.count_change(connection, order.code)
    return [[c, f"{qty:f}", str(seq or ""), version or ""] for c, qty, seq, version in before]


def _check_moved(connection: Connection, order: WorkOrder, bom: Bom, steps: Sequence[int]) -> None:
    """A component that goes from an operation at work to another, or back, cannot be given in part.

    The order has one line of a component: it would be used twice, or not at all.
    """
    row = connection.execute(
        """
        select m.component from erp.work_order_material m
        join erp.bom_line l on l.item = %(item)s and l.version = %(version)s
          and l.component = m.component
        where m.work_order = %(order)s
          and (erp.operation_using(%(order)s, m.seq) = any (%(steps)s))
            <> (erp.operation_using(%(order)s, l.seq) = any (%(steps)s))
        order by 1 limit 1
        """,
        {"order": order.code, "item": bom.item, "version": bom.version, "steps": list(steps)},
    ).fetchone()
    if row is not None:
        raise Refused("change_moves", work_order=order.code, component=row[0])


def _not_begun(connection: Connection, order: str) -> list[int]:
    rows = connection.execute(
        "select seq from erp.work_order_operation where work_order = %s and begun is null "
        "order by seq",
        [order],
    )
    return [seq for (seq,) in rows]


def _undo(deed: Deed, done: Done, reason: str | None) -> Outcome:
    """Every order and the version are as they were, if nothing was changed of any of them since."""
    check_undo(deed, done, reason)
    orders: list[dict[str, Any]] = done.outcome["orders"]
    held = _hold(deed, [order["work_order"] for order in orders])
    for order in orders:
        _must_stand(held[order["work_order"]], order)
    for order in orders:
        _put_back(deed, held[order["work_order"]], order, str(done.outcome["version"]))
    deed.connection.execute(
        "update erp.change_order set undone = true where code = %s", [done.outcome["change_order"]]
    )
    deed.touches("change_order", str(done.outcome["change_order"]))
    return _version_back(deed, done)


def _must_stand(order: WorkOrder, was: dict[str, Any]) -> None:
    if order.version != was["version"]:
        raise Refused("undo_stands", name=order.code)


def _put_back(deed: Deed, order: WorkOrder, was: dict[str, Any], version: str) -> None:
    deed.touches("work_order", order.code)
    if was["policy"] == "hold" and was["state"] != "held":
        work_orders.resume(deed.connection, order.code)
    if was["material"]:
        _material_back(deed.connection, order, was["material"], version)


def _material_back(
    connection: Connection, order: WorkOrder, material: list[list[str]], version: str
) -> None:
    begun = connection.execute(
        "select from erp.work_order_material m join erp.work_order_operation o "
        "on o.work_order = m.work_order and o.seq = erp.operation_using(m.work_order, m.seq) "
        "where m.work_order = %s and m.bom = %s and o.begun is not null limit 1",
        [order.code, version],
    ).fetchone()
    if begun is not None:
        raise Refused("undo_stands", name=order.code)
    connection.execute(
        "delete from erp.work_order_material where work_order = %s and bom = %s",
        [order.code, version],
    )
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into erp.work_order_material (work_order, component, qty_per, seq, bom) "
            "values (%s, %s, %s, %s, %s)",
            [
                (order.code, component, Decimal(qty), int(seq) if seq else None, bom or None)
                for component, qty, seq, bom in material
            ],
        )
    work_orders.count_change(connection, order.code)


def _version_back(deed: Deed, done: Done) -> Outcome:
    """The version as it was before; one that other orders took since stays released."""
    outcome = done.outcome
    bom = boms.lock(deed.connection, str(outcome["item"]), str(outcome["version"]))
    was = outcome["before"]
    if was["state"] == bom.state:
        return bom_acts.told(deed, bom, None, "undone")
    if bom.row_version != outcome["row_version"]:
        raise Refused("undo_stands", name=bom.name)
    if (order := boms.used(deed.connection, bom)) is not None:
        raise Refused("bom_used", name=bom.name, work_order=order)
    day = date.fromisoformat(was["from_day"]) if was["from_day"] else None
    return bom_acts.told(
        deed, boms.set_state(deed.connection, bom, was["state"], day), None, "undone"
    )


@dataclass(frozen=True, slots=True)
class Applied:
    """A change order that was made: what became of each order, and by which act."""

    code: str
    at: datetime
    who: str
    reason: str | None
    undone: bool
    orders: list[dict[str, str]]
    act: str | None


def applied(connection: Connection, bom: Bom) -> list[Applied]:
    """The change orders that gave this version to orders, newest first."""
    with connection.cursor(row_factory=class_row(Applied)) as cursor:
        return cursor.execute(
            """
            select c.code, c.at, coalesce(p.name, c.who) as who, c.reason, c.undone,
                   coalesce((select jsonb_agg(jsonb_build_object('work_order', l.work_order,
                                                                 'policy', l.policy) order by 1)
                             from erp.change_order_line l where l.change_order = c.code), '[]')
                     as orders,
                   (select a.id::text from people.act_about d join people.act a on a.id = d.act
                    where d.document = 'change_order/' || c.code
                      and a.act = 'change_order.apply' limit 1) as act
            from erp.change_order c left join people.person p on p.code = c.who
            where c.item = %s and c.version = %s order by c.at desc, c.code desc
            """,
            [bom.item, bom.version],
        ).fetchall()


ACTS: Kinds = MappingProxyType({"change_order.apply": Kind(Apply, _apply, _undo)})
