"""Which operation of a work order a scan begins: the first that is not done, and not another die's.

An operation without a die in its routing belongs to the die that ran it first: what comes on the
next die is the next operation, once there is something to do it with.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg.rows import class_row

from database.connection import Connection
from erp_core.production import work_orders
from erp_core.production.work_orders import Operation
from mes_bridge.refusal import Refused


@dataclass(frozen=True, slots=True)
class Progress:
    """What has been posted of an operation until now, and the dies that ran it."""

    operation: int
    good: int
    dies: Sequence[str]


def chosen(
    connection: Connection, work_order: str, die: str, seq: int | None = None
) -> Operation | None:
    """The operation that the die does when this order is scanned; None: it does none.

    `seq` names it, where a person knows better; raises Refused operation_unknown.
    """
    first = work_orders.operation_for(connection, work_order, die)
    if first is None:
        return None
    done = _progress(connection, work_order)
    there = work_orders.operations(connection, work_order)
    fits = [each for each in there if each.die == (die if first.die else None)]
    if seq is not None:
        return _named(fits, work_order, seq)
    order = work_orders.find(connection, work_order)
    wanted = order.qty if order else 0
    undone = [each for each in fits if done[each.id].good < wanted] or fits[-1:]
    own = [each for each in undone if die in done[each.id].dies]
    free = [each for each in undone if not done[each.id].dies and _fed(there, each, done)]
    return next(iter(own or free or undone))


def _named(fits: Sequence[Operation], work_order: str, seq: int) -> Operation:
    for each in fits:
        if each.seq == seq:
            return each
    raise Refused(
        "operation_unknown", work_order=work_order, operation=seq,
        operations=[each.seq for each in fits],
    )  # fmt: skip


def _fed(there: Sequence[Operation], operation: Operation, done: dict[int, Progress]) -> bool:
    """Whether there is something to do it with: it is the first, or the one before made parts."""
    before = [each for each in there if each.seq < operation.seq]
    return not before or done[before[-1].id].good > 0


def _progress(connection: Connection, work_order: str) -> dict[int, Progress]:
    with connection.cursor(row_factory=class_row(Progress)) as cursor:
        rows = cursor.execute(
            """
            select op.id as operation,
                   coalesce((select sum(p.qty) from mes.posting p
                             join mes.run_output o on o.id = p.run_output
                             where o.operation = op.id and p.kind in ('good', 'excess')), 0)::bigint
                     as good,
                   array(select distinct r.die from mes.run_output o join mes.run r on r.id = o.run
                         where o.operation = op.id) as dies
            from erp.work_order_operation op where op.work_order = %s
            """,
            [work_order],
        ).fetchall()
    return {row.operation: row for row in rows}
