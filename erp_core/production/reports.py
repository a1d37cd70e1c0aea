"""Production reports: what a run made, accepted into stock or waiting for a shift leader.

Every function works in the caller's transaction, so that a report, its stock moves and what
caused them are committed together or not at all. Lock order: press (the caller's), work order,
report, items; keep one transaction to one press.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from psycopg.rows import class_row

from database.connection import Connection
from erp_core.production import backflush, work_orders
from erp_core.stock import ledger, shortages
from erp_core.stock.ledger import Cause, Move
from people import notices
from people.errors import ArgumentError, StateError, UnknownError

SYSTEM = "pressline"  # who accepts a report that nobody has to look at
WAITING = "report"  # kind of the notification
EXCESS = "excess"  # the flag of a report of parts beyond the order
REVERSED = "reversed"  # the flag of a report that was accepted, and is to be decided anew

# (state, step) -> state; what is not here is refused.
STEPS: Mapping[tuple[str, str], str] = MappingProxyType({
    ("waiting", "accept"): "accepted",
    ("waiting", "reject"): "rejected",
    ("waiting", "dispose"): "accepted",
    ("waiting", "withdraw"): "withdrawn",
    ("accepted", "reverse"): "waiting",
    ("accepted", "undecide"): "reversed",
    ("rejected", "withdraw"): "withdrawn",
})  # fmt: skip

CURES = MappingProxyType({
    "waiting": "accept or reject it",
    "accepted": "reverse it if it is wrong",
    "rejected": "accept it if it was rejected by mistake",
    "reversed": "decide about the report that took its place",
    "withdrawn": "nothing is left to do: its parts are in another report, or no longer too many",
})  # fmt: skip


class Use(NamedTuple):
    """So many parts were made from that lot of a component; no lot: none was scanned."""

    component: str
    lot: str | None
    parts: int


@dataclass(frozen=True, slots=True)
class Report:
    """What one run output made since the report before, in parts; negative for a correction.

    `good` goes into stock, `surplus` beside it, `other` (scrap, setup, trial, …) only uses
    material. `excess` is more than was ordered: it waits until somebody says what becomes of it;
    `transferred` went to the order `to_order`, and is in a report of that one.
    `n` counts from 1 within the work order. `lot` is the lot of the output. `flags` say why
    someone has to look at it. `revision` counts how often it was taken back and waited again.
    """

    id: int
    work_order: str
    item: str
    n: int
    operation: int
    last: bool
    run: int
    shift: int | None
    good: int
    excess: int
    surplus: int
    transferred: int
    to_order: str | None
    other: int
    state: str
    flags: list[str]
    lot: str
    revision: int
    proposed_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    reason: str | None

    @property
    def name(self) -> str:
        """What people call it: `<work_order>/<item>/<n>`."""
        return f"{self.work_order}/{self.item}/{self.n}"


def propose(
    connection: Connection, *, operation: int, run: int, shift: int | None, good: int,
    excess: int, other: int, flags: Sequence[str], lot: str, uses: Sequence[Use] = (),
    now: datetime, press: str | None = None,
) -> Report:  # fmt: skip
    """Write a report: accepted at once when no flag is raised, else waiting for a leader.

    One with excess waits in any case. `press` is where the leader is to look, `uses` what it was
    made from. Raises UnknownError when there is no such operation.
    """
    order = work_orders.operation(connection, operation).work_order
    work_orders.lock(connection, order)
    if excess > 0 and EXCESS not in flags:
        flags = [*flags, EXCESS]
    number = _write(connection, {
        "operation": operation, "order": order, "run": run, "shift": shift, "lot": lot,
        "good": good, "excess": excess, "other": other, "flags": list(flags), "now": now,
    })  # fmt: skip
    _write_uses(connection, number, uses)
    if not flags:
        return accept(connection, number, SYSTEM, now)
    report = get(connection, number)
    if EXCESS in flags:  # whatever becomes of it, its material is used up
        _reconcile(connection, report, _cause(report, "propose", SYSTEM, "report", now))
    notices.raise_once(connection, WAITING, report.name, press, "leader", now)
    return report


def _write(connection: Connection, values: Mapping[str, object]) -> int:
    row = connection.execute(
        """
        insert into erp.production_report (operation, n, run, shift, good, excess, other, state,
          flags, lot, proposed_at)
        select %(operation)s, coalesce(max(r.n), 0) + 1, %(run)s, %(shift)s, %(good)s, %(excess)s,
          %(other)s, 'waiting', %(flags)s, %(lot)s, %(now)s
        from erp.production_report r
        join erp.work_order_operation o on o.id = r.operation and o.work_order = %(order)s
        returning id
        """,
        values,
    ).fetchone()
    assert row is not None
    return row[0]


def accept(connection: Connection, report: int, who: str, now: datetime) -> Report:
    """Take a waiting report into stock: output in, material out, in this transaction.

    Raises StateError naming state and cure when it is not waiting, or when it holds excess: that
    is never ordinary stock.
    """
    found = get(connection, report)
    if found.state == "waiting" and found.excess > 0:
        raise StateError(
            f"report {found.name}", f"{found.excess} parts are more than was ordered",
            "say what becomes of them: another order, surplus stock, or scrap",
        )  # fmt: skip
    return _into_stock(connection, _take_step(connection, report, "accept", now, who=who), who, now)


def _into_stock(connection: Connection, taken: Report, who: str, now: datetime) -> Report:
    cause = _cause(taken, "accept", who, "report", now)
    if taken.last:
        _put_out(connection, taken, cause)
    shortages.without_material(connection, taken.work_order, now)
    _reconcile(connection, taken, cause)
    work_orders.follow_reports(connection, taken.work_order)
    return taken


def _reconcile(connection: Connection, report: Report, cause: Cause) -> None:
    """Material of the order, and of the one that got its parts."""
    for order in sorted({report.work_order, report.to_order or report.work_order}):
        backflush.reconcile(connection, order, cause)


def use(connection: Connection, report: int, uses: Sequence[Use], now: datetime) -> None:
    """Say anew what the parts of a report were made from; its material follows."""
    found = get(connection, report)
    work_orders.lock(connection, found.work_order)
    connection.execute("delete from erp.report_use where report = %s", [report])
    _write_uses(connection, report, uses)
    _reconcile(connection, found, _cause(found, "use", SYSTEM, "report", now))


def _write_uses(connection: Connection, report: int, uses: Sequence[Use]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into erp.report_use (report, component, lot, parts) values (%s, %s, %s, %s)",
            [(report, *each) for each in uses],
        )


def dispose(
    connection: Connection, report: int, who: str, now: datetime, *, reason: str | None,
    surplus: int = 0, scrap: int = 0, transferred: int = 0, to_order: str | None = None,
) -> Report:  # fmt: skip
    """Decide excess that waits: so many parts are surplus, scrap, or another order's.

    What remains of it is for the caller to report again. Raises StateError when it is not
    waiting, ArgumentError when it does not hold so much excess.
    """
    found = get(connection, report)
    if not 0 < surplus + scrap + transferred <= found.excess:
        raise ArgumentError(
            f"report {found.name}", f"it has {found.excess} parts in excess", "give at most that"
        )
    taken = _take_step(connection, report, "dispose", now, who=who, reason=reason)
    row = connection.execute(
        """
        update erp.production_report
        set excess = 0, surplus = %(surplus)s, transferred = %(transferred)s,
          to_order = %(order)s, other = other + %(scrap)s
        where id = %(report)s returning other
        """,
        {"surplus": surplus, "transferred": transferred, "order": to_order, "scrap": scrap,
         "report": report},
    ).fetchone()  # fmt: skip
    assert row is not None
    taken = replace(
        taken, excess=0, surplus=surplus, transferred=transferred, to_order=to_order, other=row[0]
    )
    return _into_stock(connection, taken, who, now)


def waiting_of(
    connection: Connection, operation: int, run: int, shift: int | None, *, excess: bool
) -> Report | None:
    """The last report of a run and shift that waits: of nothing but excess, or without; or None."""
    row = connection.execute(
        """
        select id from erp.production_report
        where operation = %s and run = %s and shift is not distinct from %s and state = 'waiting'
          and case when %s then excess > 0 and good = 0 and other = 0
                   else not 'excess' = any(flags) end
        order by id desc limit 1
        """,
        [operation, run, shift, excess],
    ).fetchone()
    return get(connection, row[0]) if row else None


def amend(
    connection: Connection, report: int, now: datetime, *, good: int = 0, excess: int = 0,
    other: int = 0,
) -> Report:  # fmt: skip
    """What waits has become so much more or less; a report of nothing is withdrawn."""
    found = get(connection, report)
    work_orders.lock(connection, found.work_order)
    connection.execute(
        "update erp.production_report set good = good + %s, excess = excess + %s, "
        "other = other + %s where id = %s and state = 'waiting'",
        [good, excess, other, report],
    )
    left = get(connection, report)
    if (left.good, left.excess, left.other) == (0, 0, 0):
        return withdraw(connection, report, SYSTEM, now)
    return left


def reject(connection: Connection, report: int, who: str, reason: str, now: datetime) -> Report:
    """Refuse a waiting report; nothing moves.

    Raises StateError when it is not waiting, ArgumentError without a reason.
    """
    return _take_step(connection, report, "reject", now, who=who, reason=reason)


def reverse(
    connection: Connection, report: int, who: str, reason: str, now: datetime,
    press: str | None = None,
) -> Report:  # fmt: skip
    """Take an accepted report back: output by moves that name the old ones, material by rule.

    Its parts were made all the same: it waits again, to be accepted or rejected. One of excess
    that was decided about is done with: what it was about is for the caller to report anew.
    Raises StateError when it is not accepted, ArgumentError without a reason.
    """
    before = get(connection, report)
    step = "undecide" if EXCESS in before.flags else "reverse"
    taken = _take_step(connection, report, step, now, who=who, reason=reason)
    cause = _cause(taken, "reverse", who, reason, now)
    if taken.last:
        _take_back(connection, taken, cause)
    _reconcile(connection, taken, cause)
    work_orders.follow_reports(connection, taken.work_order)
    return _wait_again(connection, taken, press, now) if taken.state == "waiting" else taken


def _wait_again(connection: Connection, report: Report, press: str | None, now: datetime) -> Report:
    connection.execute(
        "update erp.production_report set revision = revision + 1, "
        "flags = array_append(array_remove(flags, %s), %s) where id = %s",
        [REVERSED, REVERSED, report.id],
    )
    notices.raise_once(connection, WAITING, report.name, press, "leader", now)
    return get(connection, report.id)


def withdraw(connection: Connection, report: int, who: str, now: datetime) -> Report:
    """Nothing more is to come of a report: its parts are told in another one.

    Raises StateError when it neither waits nor was rejected.
    """
    connection.execute("delete from erp.report_use where report = %s", [report])
    taken = _take_step(connection, report, "withdraw", now, who=who)
    _reconcile(connection, taken, _cause(taken, "withdraw", who, "report", now))
    return taken


def flag(connection: Connection, report: int, flags: Sequence[str], now: datetime) -> Report:
    """Say anew why a waiting report waits; it is accepted when nothing is left to look at."""
    found = get(connection, report)
    if found.state != "waiting" or found.flags == list(flags):
        return found
    connection.execute(
        "update erp.production_report set flags = %s where id = %s", [list(flags), report]
    )
    return accept(connection, report, SYSTEM, now) if not flags else get(connection, report)


def find(connection: Connection, name: str) -> Report:
    """The report of that name; raises UnknownError."""
    row = connection.execute(
        """
        select r.id
        from erp.production_report r
        join erp.work_order_operation o on o.id = r.operation
        join erp.work_order w on w.code = o.work_order
        where w.code = split_part(%(name)s, '/', 1)
          and w.code || '/' || w.item || '/' || r.n = %(name)s
        """,
        {"name": name},
    ).fetchone()
    if row is None:
        raise UnknownError(
            f"report {name}", "there is no such report", "write <work order>/<item>/<number>"
        )
    return get(connection, row[0])


def get(connection: Connection, report: int) -> Report:
    """The report with that id; raises UnknownError."""
    with connection.cursor(row_factory=class_row(Report)) as cursor:
        found = cursor.execute(
            """
            select r.id, o.work_order, w.item, r.n, r.operation, o.last, r.run, r.shift, r.good,
              r.excess, r.surplus, r.transferred, r.to_order, r.other, r.state, r.flags,
              r.lot, r.revision, r.proposed_at, r.decided_at, r.decided_by, r.reason
            from erp.production_report r
            join erp.work_order_operation o on o.id = r.operation
            join erp.work_order w on w.code = o.work_order
            where r.id = %s
            """,
            [report],
        ).fetchone()
    if found is None:
        raise UnknownError(f"report {report}", "there is no such report", "look up its number")
    return found


def _take_step(
    connection: Connection, report: int, step: str, now: datetime, *, who: str,
    reason: str | None = None,
) -> Report:  # fmt: skip
    found = get(connection, report)
    work_orders.lock(connection, found.work_order)
    found = get(connection, report)  # again: it may have changed while we waited for the lock
    state = STEPS.get((found.state, step))
    if state is None:
        raise StateError(
            f"report {found.name}",
            f"cannot {'reverse' if step == 'undecide' else step} while {found.state}",
            CURES[found.state],
        )
    if reason is not None and not reason.strip():
        raise ArgumentError(f"report {found.name}", "no reason given", "say why, in a few words")
    connection.execute(
        "update erp.production_report "
        "set state = %s, decided_at = %s, decided_by = %s, reason = %s where id = %s",
        [state, *((now, who) if state != "waiting" else (None, None)), reason, report],
    )
    notices.close(connection, WAITING, found.name, now)
    return replace(found, state=state, decided_at=now, decided_by=who, reason=reason)


def _put_out(connection: Connection, report: Report, cause: Cause) -> None:
    parts = {"output": (report.good + report.excess, ledger.FINISHED),
             "surplus": (report.surplus, ledger.SURPLUS)}  # fmt: skip
    for name, (qty, place) in parts.items():
        if qty == 0:
            continue
        ledger.make_lot(connection, report.item, report.lot, cause.at)
        ways = (ledger.PRODUCTION, place) if qty > 0 else (place, ledger.PRODUCTION)
        moved = Move(report.item, report.lot, Decimal(abs(qty)), *ways)
        ledger.move(connection, moved, replace(cause, key=f"{cause.key}/{name}"))


def _take_back(connection: Connection, report: Report, cause: Cause) -> None:
    rows = connection.execute(
        "select id, idempotency_key from erp.stock_move where idempotency_key = any(%s)",
        [[f"{_key(report, 'accept')}/{name}" for name in ("output", "surplus")]],
    )
    for number, key in rows.fetchall():
        name = key.rpartition("/")[2]
        ledger.reverse(connection, number, replace(cause, key=f"{cause.key}/{name}"))


def _cause(report: Report, step: str, who: str, reason: str, now: datetime) -> Cause:
    key = _key(report, step)
    return Cause(who, reason, now, key, report=report.id, work_order=report.work_order)


def _key(report: Report, step: str) -> str:
    """One key for each time that a report is accepted or taken back."""
    again = f"/{report.revision}" if report.revision else ""
    return f"report/{report.id}/{step}{again}"
