"""Runs: a work order's operation on a press with a die, from–to; all derived from acts.

A run is opened by scanning a work order at the press, or assigned later by a supervisor to strokes
that nobody had claimed. One run has an output for every part its die makes; an output whose
operation is None has no order yet: its parts are unattributed until an order joins.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from psycopg.rows import class_row

from database.connection import Connection
from erp_core.production import work_orders
from erp_core.production.work_orders import Operation
from mes_bridge.jobs import first_articles, mounts, operations, segments
from mes_bridge.jobs.segments import Span
from mes_bridge.moment import Moment
from mes_bridge.refusal import Refused

Source = Literal["scan", "assigned"]


@dataclass(frozen=True, slots=True)
class Run:
    """A run; `until` None: it is open."""

    id: int
    press: str
    die: str
    since: datetime
    until: datetime | None
    source: str


@dataclass(frozen=True, slots=True)
class Output:
    """A part that comes out of a run, and the operation it is for, if an order was scanned."""

    id: int
    run: int
    item: str
    operation: int | None
    work_order: str | None


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a scan did: opened a run, joined one, or found its order running already."""

    run: int
    result: Literal["opened", "joined", "running"]
    closed: int | None = None


def at_instant(
    connection: Connection, press: str, at: datetime, source: Source = "scan"
) -> Run | None:
    """The run of that source on the press at that instant, or None."""
    with connection.cursor(row_factory=class_row(Run)) as cursor:
        return cursor.execute(
            "select id, press, die, lower(span) as since, upper(span) as until, source "
            "from mes.run where press = %s and source = %s and span @> %s::timestamptz",
            [press, source, at],
        ).fetchone()


def running(moment: Moment) -> Run:
    """The run of the moment, also one that ended later; raises Refused no_open_run."""
    run = at_instant(moment.connection, moment.press, moment.at)
    if run is None:
        raise Refused("no_open_run", press=moment.press)
    return run


def outputs(connection: Connection, run: int) -> list[Output]:
    """What comes out of a run, in the order in which it was set up."""
    with connection.cursor(row_factory=class_row(Output)) as cursor:
        return cursor.execute(
            """
            select o.id, o.run, o.item, o.operation, op.work_order
            from mes.run_output o
            left join erp.work_order_operation op on op.id = o.operation
            where o.run = %s and not o.given order by o.id
            """,
            [run],
        ).fetchall()


def output(connection: Connection, run: Run, item: str | None) -> Output:
    """The output of a run by its item; it may be left out where there is only one.

    Raises Refused item_missing, item_unknown.
    """
    there = outputs(connection, run.id)
    if item is None and len(there) > 1:
        raise Refused("item_missing", items=[each.item for each in there])
    for each in there:
        if item in {None, each.item}:
            return each
    raise Refused("item_unknown", item=item, press=run.press, items=[o.item for o in there])


def producing(moment: Moment, item: str | None, work_order: str | None = None) -> list[Output]:
    """Where a declared part may have been made: the runs until the moment, the newest first.

    Of that item, and of that order where it is named. Raises Refused no_open_run when nothing ran
    before, item_missing, item_unknown, order_not_made_here.
    """
    runs = _before(moment, item, work_order)
    if runs:
        return [output(moment.connection, run, item) for run in runs]
    now = _before(moment, None, None)
    if not now:
        raise Refused("no_open_run", press=moment.press)
    output(moment.connection, now[0], item)
    raise Refused("order_not_made_here", work_order=work_order, press=moment.press)


RECENT = 5  # runs: what is told now was made in one of these


def _before(moment: Moment, item: str | None, work_order: str | None) -> list[Run]:
    with moment.connection.cursor(row_factory=class_row(Run)) as cursor:
        return cursor.execute(
            """
            select r.id, r.press, r.die, lower(r.span) as since, upper(r.span) as until, r.source
            from mes.run r
            where r.press = %(press)s and lower(r.span) <= %(at)s
              and (%(item)s::text is null or exists (
                select 1 from mes.run_output o where o.run = r.id and o.item = %(item)s))
              and (%(order)s::text is null or exists (
                select 1 from mes.run_output o
                join erp.work_order_operation op on op.id = o.operation
                where o.run = r.id and not o.given and op.work_order = %(order)s))
            order by lower(r.span) desc, r.source desc limit %(most)s
            """,
            {
                "press": moment.press,
                "at": moment.at,
                "item": item,
                "order": work_order,
                "most": RECENT,
            },
        ).fetchall()


def scan(
    moment: Moment, work_order: str, die: str | None, operation: int | None = None, *,
    end: bool = True,
) -> Scanned:  # fmt: skip
    """Start a work order at the press: join the run of the mounted die, or open a new one.

    Where the die makes several parts, the order takes over the output of its own part alone: the
    others go on with theirs, in a run that follows the one before.
    Raises Refused for an order, die or time that does not fit, and job_running where a running job
    would have to end and `end` is false; the caller rolls back.
    """
    current = at_instant(moment.connection, moment.press, moment.at)
    order = startable(
        moment.connection, work_order, full=_has(moment.connection, current, work_order)
    )
    used = die or _die_for(moment, order.code, order.item)
    mounts.hold(moment.connection, used)
    does = fitting(moment, work_order, order.item, used, operation)
    if current is not None and current.die == used:
        joined = _join(moment.connection, current, does)
        if joined:
            return joined
    if current is not None and not end:
        raise would_end(moment, current, work_order)
    closed = close(moment) if current else None
    there = mounts.mounted(moment.connection, moment.press, moment.at)
    if there is None or there.die != used:
        mounts.mount(moment, used)
    opened = _open(moment, used, does)
    if current is not None and current.die == used:
        _carry_on(moment, current.id, opened)
    return Scanned(opened, "opened", closed)


def _carry_on(moment: Moment, before: int, run: int) -> None:
    """What the scan did not change goes on: the other outputs' orders, and what is closed."""
    moment.connection.execute(
        """
        update mes.run_output o set operation = b.operation
        from mes.run_output b
        join erp.work_order_operation op on op.id = b.operation
        join erp.work_order w on w.code = op.work_order
        where o.run = %(run)s and b.run = %(before)s and b.item = o.item
          and not b.given and o.operation is null
          and w.state in ('released', 'running', 'produced')
        """,
        {"run": run, "before": before},
    )
    for item, reason in segments.closed_at_end(moment.connection, before):
        for each in outputs(moment.connection, run):
            if each.item == item:
                segments.change_output(moment, run, each.id, reason)


def _join(connection: Connection, run: Run, operation: Operation) -> Scanned | None:
    for each in outputs(connection, run.id):
        if each.operation == operation.id:
            return Scanned(run.id, "running")
        if each.item == operation.item and each.operation is None:
            connection.execute(
                "update mes.run_output set operation = %s where id = %s", [operation.id, each.id]
            )
            return Scanned(run.id, "joined")
    return None


def _open(moment: Moment, die: str, operation: Operation) -> int:
    passed = _ran_before(moment, die) and not first_articles.failed(moment, die)
    kind = "production" if passed else "setup"
    span = Span(moment.at, _next_border(moment))
    return _make(moment, die, operation, span, source="scan", kind=kind)


def assign(moment: Moment, work_order: str, since: datetime, until: datetime) -> int:
    """Give an interval that no scanned run owns to a work order; returns the run.

    Its die is the one mounted then, else the only one that makes the item. A second order whose
    part comes from the same die joins the run that was assigned the same interval. Where scanned
    runs own the interval, the order takes their parts that had none.
    Raises Refused interval_empty, interval_future, nothing_to_assign, and those of a scan.
    """
    if until <= since:
        raise Refused("interval_empty", since=since, to=until)
    if until > moment.now:
        raise Refused("interval_future", at=until)
    order = startable(moment.connection, work_order, full=True)
    there = mounts.mounted(moment.connection, moment.press, since)
    die = there.die if there else _only_die(moment, order.code, order.item)
    operation = fitting(moment, work_order, order.item, die)
    same = at_instant(moment.connection, moment.press, since, "assigned")
    if same and (same.since, same.until, same.die) == (since, until, die):
        joined = _join(moment.connection, same, operation)
        if joined:
            return joined.run
    if taken := _take_over(moment, operation, Span(since, until)):
        return taken
    span = Span(since, until)
    made = _make(moment, die, operation, span, source="assigned", kind="production")
    if not _owns_strokes(moment.connection, made):
        raise Refused("nothing_to_assign", press=moment.press, since=since, to=until)
    return made


def _take_over(moment: Moment, operation: Operation, span: Span) -> int | None:
    """Give the order the parts of scanned runs within the span that belong to nobody."""
    row = moment.connection.execute(
        """
        update mes.run_output o set operation = %(operation)s
        from mes.run r
        where r.id = o.run and r.press = %(press)s and r.source = 'scan' and not isempty(r.span)
          and o.item = %(item)s and o.operation is null
          and r.span * tstzrange(null, %(now)s) <@ tstzrange(%(since)s, %(until)s)
        returning o.run
        """,
        {
            "operation": operation.id, "press": moment.press, "item": operation.item,
            "now": moment.now, "since": span.since, "until": span.until,
        },
    ).fetchone()  # fmt: skip
    return row[0] if row else None


def _owns_strokes(connection: Connection, run: int) -> bool:
    row = connection.execute(
        """
        select exists (
          select from mes.run r
          join mes.owned_count c on c.press = r.press and c.run = r.id and c.measure = 'stroke'
          where r.id = %s and c.at >= lower(r.span))
        """,
        [run],
    ).fetchone()
    assert row is not None
    return row[0]


def take_back(moment: Moment, run: int, act: UUID) -> int | None:
    """A run that a scan opened at the moment is as if it had not been; returns the one resumed."""
    until = empty(moment.connection, run).until
    mounts.forget(moment, act)
    row = moment.connection.execute(
        "select id from mes.run where press = %s and source = 'scan' and not isempty(span) "
        "and upper(span) = %s",
        [moment.press, moment.at],
    ).fetchone()
    if row is None:
        return None
    _resume(moment, row[0], until)
    return row[0]


def go_on(moment: Moment, run: int) -> bool:
    """A run that was finished at the moment goes on; False: it did not end then."""
    row = moment.connection.execute(
        "select from mes.run where id = %s and upper(span) = %s", [run, moment.at]
    ).fetchone()
    if row is not None:
        _resume(moment, run, _next_border(moment))
    return row is not None


def _resume(moment: Moment, run: int, until: datetime | None) -> None:
    moment.connection.execute(
        "update mes.run set span = tstzrange(lower(span), %s) where id = %s", [until, run]
    )
    segments.resume(moment.connection, run, moment.at, until)


def empty(connection: Connection, run: int) -> Span:
    """A run that was not meant: it owns nothing any more; returns what it spanned."""
    row = connection.execute(
        "select lower(span), upper(span) from mes.run where id = %s", [run]
    ).fetchone()
    assert row is not None
    connection.execute("update mes.run_segment set span = 'empty' where run = %s", [run])
    connection.execute("update mes.run set span = 'empty' where id = %s", [run])
    return Span(*row)


def assigned_by(connection: Connection, run: int, act: UUID) -> bool:
    """Whether the run was made by that assignment, and owns something still."""
    row = connection.execute(
        "select from mes.run where id = %s and source = 'assigned' and act = %s "
        "and not isempty(span)",
        [run, act],
    )
    return row.fetchone() is not None


def close(moment: Moment) -> int:
    """End the run of the moment; returns it.

    Raises Refused no_open_run, and run_overlap when somebody already ended it later.
    """
    run = running(moment)
    ended = run.until is not None and not _end_is_implied(moment.connection, run)
    if ended or segments.acted_after(moment.connection, run.id, moment.at):
        raise Refused("run_overlap", press=moment.press, at=moment.at)
    segments.end(moment.connection, run.id, moment.at)
    moment.connection.execute(
        "update mes.run set span = span * tstzrange(null, %s) where id = %s", [moment.at, run.id]
    )
    return run.id


def _end_is_implied(connection: Connection, run: Run) -> bool:
    """Whether the run ended only because the next run or mounting began; it may end earlier."""
    row = connection.execute(
        """
        select exists (
            select 1 from mes.run
            where press = %(press)s and source = 'scan' and lower(span) = %(until)s)
          or exists (
            select 1 from mes.die_mount where press = %(press)s and lower(span) = %(until)s)
        """,
        {"press": run.press, "until": run.until},
    ).fetchone()
    assert row is not None
    return row[0]


def close_if_open(moment: Moment) -> int | None:
    """End the run of the moment, if there is one; returns it. Raises Refused run_overlap."""
    if at_instant(moment.connection, moment.press, moment.at) is None:
        return None
    return close(moment)


def would_end(moment: Moment, run: Run, work_order: str = "") -> Refused:
    """The refusal that asks whether the running job shall end; `work_order`: what would follow."""
    jobs = [one.work_order or one.item for one in outputs(moment.connection, run.id)]
    if work_order:
        return Refused("job_running", press=moment.press, jobs=jobs, work_order=work_order)
    return Refused("job_running_die", press=moment.press, jobs=jobs)


def _has(connection: Connection, run: Run | None, work_order: str) -> bool:
    return run is not None and work_order in {o.work_order for o in outputs(connection, run.id)}


def startable(connection: Connection, work_order: str, *, full: bool) -> work_orders.WorkOrder:
    """The order, if something may be made for it; `full`: also when it has all its parts.

    Raises Refused work_order_unknown, work_order_not_released, work_order_finished.
    """
    order = work_orders.find(connection, work_order)
    if order is None:
        raise Refused("work_order_unknown", work_order=work_order)
    if order.state == "draft":
        raise Refused("work_order_not_released", work_order=work_order)
    if order.state not in {"released", "running"} and not (full and order.state == "produced"):
        raise Refused("work_order_finished", work_order=work_order, state=order.state)
    return order


def fitting(
    moment: Moment, work_order: str, item: str, die: str, seq: int | None = None
) -> Operation:
    """The operation of the order that the die does on this press; raises die_does_not_fit."""
    mounts.check_fits(moment.connection, die, moment.press)
    operation = operations.chosen(moment.connection, work_order, die, seq)
    if operation is None or not _makes(moment.connection, die, item):
        dies = _dies_for(moment, work_order, item)
        raise Refused("die_does_not_fit", die=die, job=f"{work_order} ({item})", dies=dies)
    return operation


def _die_for(moment: Moment, work_order: str, item: str) -> str:
    there = mounts.mounted(moment.connection, moment.press, moment.at)
    return there.die if there else _only_die(moment, work_order, item)


def _only_die(moment: Moment, work_order: str, item: str) -> str:
    dies = _dies_for(moment, work_order, item)
    if len(dies) != 1:
        raise Refused("die_missing", press=moment.press, item=item, dies=dies)
    return dies[0]


def _dies_for(moment: Moment, work_order: str, item: str) -> Sequence[str]:
    rows = moment.connection.execute(
        """
        select distinct d.die from erp.die_output d
        where d.item = %(item)s
          and (not exists (select 1 from erp.die_press p where p.die = d.die)
               or exists (
                 select 1 from erp.die_press p where p.die = d.die and p.press = %(press)s))
        order by d.die
        """,
        {"item": item, "press": moment.press},
    ).fetchall()
    return [
        die
        for (die,) in rows
        if work_orders.operation_for(moment.connection, work_order, die) is not None
    ]


def _makes(connection: Connection, die: str, item: str) -> bool:
    rows = connection.execute(
        "select 1 from erp.die_output where die = %s and item = %s", [die, item]
    )
    return rows.fetchone() is not None


def _ran_before(moment: Moment, die: str) -> bool:
    """Whether the die has run on the press since it was mounted there."""
    row = moment.connection.execute(
        """
        select 1 from mes.run r
        join mes.die_mount m on m.press = r.press and m.die = r.die
          and m.span @> %(at)s::timestamptz
        where r.press = %(press)s and r.die = %(die)s
          and lower(r.span) >= lower(m.span) and lower(r.span) < %(at)s
        """,
        {"press": moment.press, "die": die, "at": moment.at},
    ).fetchone()
    return row is not None


def _next_border(moment: Moment) -> datetime | None:
    """Where a run opened at the moment has to end: the next run or the end of its mounting."""
    row = moment.connection.execute(
        """
        select least(
          (select min(lower(r.span)) from mes.run r
           where r.press = %(press)s and r.source = 'scan' and lower(r.span) > %(at)s),
          (select upper(m.span) from mes.die_mount m
           where m.press = %(press)s and m.span @> %(at)s::timestamptz))
        """,
        {"press": moment.press, "at": moment.at},
    ).fetchone()
    assert row is not None
    return row[0]


def _make(
    moment: Moment, die: str, operation: Operation, span: Span, *, source: Source, kind: str
) -> int:
    connection = moment.connection
    row = connection.execute(
        "insert into mes.run (press, die, span, source, act) "
        "values (%s, %s, tstzrange(%s, %s), %s, %s) returning id",
        [moment.press, die, *span, source, moment.act],
    ).fetchone()
    assert row is not None
    connection.execute(
        """
        insert into mes.run_output (run, item, operation)
        select %(run)s, item, case when item = %(made)s then %(operation)s::bigint end
        from erp.die_output where die = %(die)s
        group by item order by item <> %(made)s, item
        """,
        {"run": row[0], "made": operation.item, "operation": operation.id, "die": die},
    )
    segments.lay(connection, row[0], kind, span, moment.act)
    return row[0]
