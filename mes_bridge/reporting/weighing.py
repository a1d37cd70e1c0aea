"""A coil is weighed: from then on the books say what the scale showed, less what came after.

What lies between the scale and the formula is a declared difference: a move between the coil's
place and COUNT. It is computed anew whenever the strokes before the weighing change (a gap that
is assigned, a scan undone), and what differs from the moves so far is posted. Reports, accepted or
waiting, keep what the formula gives them.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from database.connection import Connection
from erp_core.production import backflush
from erp_core.stock import ledger, shortages
from erp_core.stock.ledger import COUNT, RAW, Cause, Move
from mes_bridge.moment import Moment
from mes_bridge.refusal import Refused
from mes_bridge.reporting import uses


class Weight(NamedTuple):
    """What a scale showed, and who told it."""

    act: UUID
    item: str
    lot: str
    at: datetime
    qty: Decimal
    who: str


def weigh(moment: Moment, lot: str, qty: Decimal) -> tuple[str, Decimal]:
    """Take down what the scale shows of a lot that is or was on this press.

    Returns the item and the difference. Raises Refused weigh_unknown.
    """
    row = moment.connection.execute(
        "select item from mes.material_mount "
        "where press = %s and lot = %s and not isempty(span) and lower(span) <= %s "
        "order by lower(span) desc limit 1",
        [moment.press, lot, moment.at],
    ).fetchone()
    if row is None:
        raise Refused("weigh_unknown", lot=lot, press=moment.press)
    weight = Weight(moment.act, row[0], lot, moment.at, qty, moment.who)
    moment.connection.execute(
        "insert into mes.coil_weight (act, press, item, lot, at, qty) "
        "values (%s, %s, %s, %s, %s, %s)",
        [weight.act, moment.press, *weight[1:5]],
    )
    return weight.item, _true_up(moment.connection, weight, moment.now)


def follow(connection: Connection, run_outputs: Sequence[int], now: datetime) -> None:
    """Compute anew what was weighed of the lots that these outputs may have used."""
    rows = connection.execute(
        """
        select w.act, w.item, w.lot, w.at, w.qty, a.who
        from mes.coil_weight w
        join people.act a on a.id = w.act
        where (w.item, w.lot) in (
          select m.item, m.lot from mes.run_output o
          join mes.run r on r.id = o.run
          join mes.material_mount m on m.press = r.press and m.span && r.span
          where o.id = any(%(outputs)s)
          union all
          select m.item, m.lot from mes.run_output o
          join erp.work_order_operation op on op.id = o.operation
          join erp.stock_move m on m.work_order = op.work_order and m.lot is not null
          where o.id = any(%(outputs)s))
        order by w.at, w.act
        """,
        {"outputs": list(run_outputs)},
    ).fetchall()
    for row in rows:
        _true_up(connection, Weight(*row), now)


def follow_run(connection: Connection, run: int, now: datetime) -> None:
    """The same for all outputs of a run, one of whose reports was decided."""
    rows = connection.execute("select id from mes.run_output where run = %s order by id", [run])
    follow(connection, [output for (output,) in rows], now)


def _true_up(connection: Connection, weight: Weight, now: datetime) -> Decimal:
    """Post what is missing of the difference; returns all of it (signed, in the item's unit)."""
    ledger.lock_items(connection, [weight.item])
    known, posted, moves = _booked(connection, weight)
    used = _used(connection, weight) + _drained(connection, weight)
    difference = weight.qty - (known - used)
    missing = difference - posted
    if missing:
        source, target = (COUNT, RAW) if missing > 0 else (RAW, COUNT)
        key = f"weigh/{weight.act}/{moves + 1}"
        moved = Move(weight.item, weight.lot, abs(missing), source, target)
        ledger.move(connection, moved, Cause(weight.who, "weighed", weight.at, key))
        shortages.review(connection, weight.item, now)
    return difference


def _booked(connection: Connection, weight: Weight) -> tuple[Decimal, Decimal, int]:
    """What came and went of the lot until then beside production; and what this weighing posted.

    The third is the number of its moves.
    """
    row = connection.execute(
        """
        select coalesce(sum(m.qty) filter (where not own and m.at <= %(at)s), 0),
               coalesce(sum(m.qty) filter (where own), 0), count(*) filter (where own)
        from (
          select at, idempotency_key, case when t.kind = 'stock' then qty else -qty end as qty,
                 starts_with(idempotency_key, %(key)s) as own
          from erp.stock_move
          join erp.location t on t.code = to_location
          join erp.location f on f.code = from_location
          where item = %(item)s and lot = %(lot)s and (t.kind = 'stock') <> (f.kind = 'stock')
            and 'production' not in (t.kind, f.kind)
        ) m
        """,
        {"item": weight.item, "lot": weight.lot, "at": weight.at, "key": f"weigh/{weight.act}/"},
    ).fetchone()
    assert row is not None
    return row[0], row[1], row[2]


def _used(connection: Connection, weight: Weight) -> Decimal:
    """What the strokes before the weighing took from the lot by the formula."""
    rows = connection.execute(
        """
        select o.id, x.qty_per
        from mes.material_mount m
        join mes.run r on r.press = m.press and r.span && m.span and not isempty(r.span)
        join mes.run_output o on o.run = r.id and not o.given
        join erp.work_order_operation op on op.id = o.operation
        join erp.work_order_material x on x.work_order = op.work_order and x.component = m.item
        where m.item = %s and m.lot = %s and not isempty(m.span)
        group by o.id, x.qty_per order by o.id
        """,
        [weight.item, weight.lot],
    ).fetchall()
    parts = uses.made_from(connection, [output for output, _ in rows], weight[1:3], weight.at)
    return sum((parts[output] * per for output, per in rows), Decimal(0))


def _drained(connection: Connection, weight: Weight) -> Decimal:
    """What strokes before the weighing took from the lot while nobody said which one was on.

    Such strokes take from the oldest lots on hand, one after the other: the first of them took what
    was drained first.
    """
    total = Decimal(0)
    for order, before, taken in backflush.drained(connection, weight.item, weight.lot):
        unknown = _unknown(connection, weight, order)
        total += min(max(unknown - before, Decimal(0)), taken)
    return total


def _unknown(connection: Connection, weight: Weight, order: str) -> Decimal:
    """What the strokes of an order before the weighing took of the item without a known lot."""
    rows = connection.execute(
        """
        select o.id, x.qty_per
        from mes.run_output o
        join erp.work_order_operation op on op.id = o.operation
        join erp.work_order_material x on x.work_order = op.work_order and x.component = %s
        where op.work_order = %s and not o.given order by o.id
        """,
        [weight.item, order],
    ).fetchall()
    outputs = [output for output, _ in rows]
    parts = uses.made_from(connection, outputs, (weight.item, None), weight.at)
    return sum((parts[output] * per for output, per in rows), Decimal(0))
