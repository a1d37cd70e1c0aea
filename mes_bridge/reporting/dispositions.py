"""Excess, decided as what it is: another order's parts, surplus stock, or scrap.

Parts that were made beyond an order and its tolerance are never ordinary stock. A decision takes
them out of what their output counts as good or excess, and gives them their own kind; given to
another order they become good parts of it, in a report of that order (docs/counting.md).
"""

from dataclasses import dataclass
from typing import Literal

from database.connection import Connection
from erp_core.production import reports, work_orders
from erp_core.production.reports import Report
from erp_core.production.work_orders import Operation
from mes_bridge.jobs import runs
from mes_bridge.moment import Moment
from mes_bridge.refusal import Refused
from mes_bridge.reporting import postings, reporting, targets
from mes_bridge.reporting.yields import Key
from people.errors import UnknownError
from plant import shifts

OVERRUN = "overrun"  # the reason of parts that are scrap only because they were too many


@dataclass(frozen=True, slots=True)
class Choice:
    """What becomes of excess; without `qty` all of it."""

    to: Literal["order", "surplus", "scrap"]
    qty: int | None = None
    work_order: str | None = None
    reason: str | None = None


def dispose(moment: Moment, name: str, choice: Choice) -> tuple[Report, list[Report]]:
    """Decide excess that waits; returns its report, and those of what follows from it.

    Raises Refused: report_unknown, report_wrong_state, report_no_excess, excess_less, and for
    another order those of a scan, excess_same_order, excess_other_item, excess_no_room.
    """
    connection = moment.connection
    report, qty = _waiting(connection, name, choice.qty)
    own = _output(connection, report)
    outputs = [own]
    if choice.to == "order":
        taker = _taker(moment, report, choice.work_order)
        outputs.append(_given_output(connection, report, taker))
    reporting.lock_orders(connection, targets.sources(connection, outputs))
    if choice.to == "order":
        _check_room(connection, choice.work_order or "", outputs[1], qty)
        _decide(moment, report, outputs[1], choice, -qty)
    _decide(moment, report, own, choice, qty)
    _post(moment, report, own, choice, qty)
    amounts = {"order": "transferred"}.get(choice.to, choice.to)
    decided = reports.dispose(
        connection, report.id, moment.who, moment.now, reason=choice.reason,
        to_order=choice.work_order, **{amounts: qty},
    )  # fmt: skip
    last = shifts.boundary_before(connection, moment.now)
    return decided, reporting.propose(connection, last, moment.now, run=report.run)


def _waiting(connection: Connection, name: str, qty: int | None) -> tuple[Report, int]:
    try:
        report = reports.find(connection, name)
    except UnknownError:
        raise Refused("report_unknown", report=name) from None
    if report.state != "waiting":
        raise Refused("report_wrong_state", report=name, state=report.state)
    if report.excess <= 0:
        raise Refused("report_no_excess", report=name)
    chosen = report.excess if qty is None else qty
    if not 0 < chosen <= report.excess:
        raise Refused("excess_less", report=name, qty=chosen, excess=report.excess)
    return report, chosen


def _output(connection: Connection, report: Report) -> int:
    row = connection.execute(
        "select id from mes.run_output where run = %s and operation = %s",
        [report.run, report.operation],
    ).fetchone()
    assert row is not None
    return row[0]


def _taker(moment: Moment, report: Report, work_order: str | None) -> Operation:
    """The operation of the other order that the parts are good for."""
    code = work_order or ""
    if code == report.work_order:
        raise Refused("excess_same_order", work_order=code)
    order = runs.startable(moment.connection, code, full=False)
    if order.item != report.item:
        raise Refused("excess_other_item", work_order=code, other=order.item, item=report.item)
    row = moment.connection.execute("select die from mes.run where id = %s", [report.run])
    die = next(die for (die,) in row)
    operation = runs.fitting(moment, code, order.item, die)
    if operation.last != report.last:
        raise Refused("excess_other_step", work_order=code, report=report.name)
    return operation


def _given_output(connection: Connection, report: Report, taker: Operation) -> int:
    row = connection.execute(
        """
        insert into mes.run_output as o (run, item, operation, given)
        values (%s, %s, %s, true)
        on conflict (run, operation) where given do update set given = true returning o.id
        """,
        [report.run, report.item, taker.id],
    ).fetchone()
    assert row is not None
    return row[0]


def _check_room(connection: Connection, work_order: str, given: int, qty: int) -> None:
    row = connection.execute(
        """
        select coalesce(sum(p.qty), 0)::bigint from mes.posting p
        join mes.run_output o on o.id = p.run_output
        where p.kind in ('good', 'excess')
          and o.operation = (select operation from mes.run_output where id = %s)
        """,
        [given],
    ).fetchone()
    assert row is not None
    room = max(work_orders.get(connection, work_order).qty - row[0], 0)
    if qty > room:
        raise Refused("excess_no_room", work_order=work_order, qty=qty, room=room)


_KINDS = {"order": "transfer", "surplus": "surplus", "scrap": "scrap"}


def _reason(choice: Choice) -> str | None:
    return (choice.reason or OVERRUN) if choice.to == "scrap" else None


def _decide(moment: Moment, report: Report, output: int, choice: Choice, qty: int) -> None:
    moment.connection.execute(
        """
        insert into mes.disposition (act, report, run_output, shift, kind, reason, qty, at, who)
        select %(act)s, %(report)s, %(output)s, %(shift)s, %(kind)s, %(reason)s, %(qty)s,
          least(%(now)s, (select upper(s.span) - interval '1 us' from plant.shift s
                          where s.id = %(shift)s)),
          %(who)s
        """,
        {
            "act": moment.act,
            "report": report.id,
            "output": output,
            "shift": report.shift,
            "kind": _KINDS[choice.to],
            "reason": _reason(choice),
            "qty": qty,
            "now": moment.now,
            "who": moment.who,
        },
    )


def _post(moment: Moment, report: Report, output: int, choice: Choice, qty: int) -> None:
    """The report's excess is posted away; what was decided takes its place, under the report."""
    excess = Key(output, report.shift, "excess")
    decided = Key(output, report.shift, _KINDS[choice.to], _reason(choice))
    for key, parts in ((excess, -report.excess), (decided, qty)):
        postings.write(
            moment.connection, key, parts, report=report.id, who=moment.who, now=moment.now
        )
