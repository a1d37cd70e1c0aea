"""Reports: post the difference between what was made and what was posted, and decide on it.

Nothing is counted up here: the target is computed anew (mes_bridge/reporting/targets.py), and
what differs from the postings becomes a report. Run it twice: the second time posts nothing.
Correct the past: the difference is posted. Lock order: presses, work orders, items.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from itertools import groupby

from database.connection import Connection
from erp_core import reports, stock
from erp_core.reports import Report
from mes_bridge import shifts
from mes_bridge.jobs import materials
from mes_bridge.reporting import targets, yields
from mes_bridge.reporting.targets import Source
from mes_bridge.reporting.yields import Key, Target
from mes_bridge.states import stops

SYSTEM = reports.SYSTEM
LATELY = timedelta(days=1)  # a run that ended within it is counted anew with every proposal
OLD = timedelta(days=14)  # a run that began before it is counted anew only when asked for
UNREPORTED = frozenset({"unattributed", "adjust"})


def propose(
    connection: Connection, boundary: datetime | None, now: datetime, *,
    press: str | None = None, run: int | None = None,
) -> list[Report]:  # fmt: skip
    """Report what the facts say beyond what was posted, of one run, one press or all of them.

    Strokes before `boundary` count (None: all). One report per run output and shift: accepted at
    once when nothing is held, unattributed or in excess, else waiting for a shift leader.
    """
    _lock_presses(connection, press, run)
    if run is None:
        stops.settle(connection, press)
    counted = _to_count(connection, now, press, run)
    of = targets.sources(connection, counted)
    _lock_orders(connection, of)
    posted = _posted(connection, [source.id for source in of])
    wanted = targets.wanted(connection, of, set(counted), posted, boundary)
    by_id = {source.id: source for source in of}
    held = {s.id for s in of if (run is None or s.run == run) and press in {None, s.press}}
    missing = yields.difference(wanted, posted)
    own = {key: qty for key, qty in missing.items() if key.run_output in held}
    made: list[Report] = []
    for (output, _), part in groupby(sorted(own.items(), key=_order), key=_place):
        report = _post(connection, by_id[output], dict(part), boundary, now)
        made += [report] if report else []
    return made


def accept(connection: Connection, name: str, who: str, now: datetime) -> Report:
    """Take a waiting report into stock.

    Raises erp_core's UnknownError, StateError.
    """
    report = _locked(connection, name)
    return reports.accept(connection, report.id, who, now)


def reject(connection: Connection, name: str, who: str, reason: str, now: datetime) -> Report:
    """Refuse a waiting report: its good parts become adjusted, the rest is told again.

    Raises erp_core's UnknownError, StateError, ArgumentError.
    """
    report = _locked(connection, name)
    rejected = reports.reject(connection, report.id, who, reason, now)
    _take_back(connection, rejected, who, now)
    remind_of(connection, report.run, now)
    return rejected


def reverse(connection: Connection, name: str, who: str, reason: str, now: datetime) -> Report:
    """Take an accepted report back, its stock moves with it; its good parts become adjusted.

    Raises erp_core's UnknownError, StateError, ArgumentError.
    """
    report = _locked(connection, name)
    reversed_ = reports.reverse(connection, report.id, who, reason, now)
    _take_back(connection, reversed_, who, now)
    remind_of(connection, report.run, now)
    return reversed_


def remind(connection: Connection, press: str, since: datetime, now: datetime) -> None:
    """See to it that ended runs of a press whose past was corrected since then are reported.

    They are at the next quarter hour. An open run is reported anyway.
    """
    connection.execute(
        """
        insert into mes.timer (name, due)
        select 'run:' || id, %(due)s from mes.run
        where press = %(press)s and not upper_inf(span) and span && tstzrange(%(since)s, %(now)s)
        on conflict do nothing
        """,
        {
            "press": press,
            "since": since,
            "now": now,
            "due": shifts.boundary_after(connection, now),
        },
    )


def remind_of(connection: Connection, run: int, now: datetime) -> None:
    """See to it that a run is reported again, if it has ended: something was declared for it."""
    row = connection.execute("select press, lower(span) from mes.run where id = %s", [run])
    for press, since in row.fetchall():
        remind(connection, press, since, now)


def press_of(connection: Connection, name: str) -> str:
    """The press on which the parts of a report were made; raises erp_core's UnknownError."""
    report = reports.find(connection, name)
    row = connection.execute("select press from mes.run where id = %s", [report.run]).fetchone()
    assert row is not None
    return row[0]


def good_made(connection: Connection, run_output: int) -> int:
    """Good parts of one output until now, less what was scrapped, rejected or reversed."""
    return targets.good_made(connection, run_output)


def _locked(connection: Connection, name: str) -> Report:
    report = reports.find(connection, name)
    _lock_presses(connection, None, report.run)
    return report


def _lock_presses(connection: Connection, press: str | None, run: int | None) -> None:
    connection.execute(
        """
        select 1 from mes.press p
        where (%(press)s::text is null or p.name = %(press)s)
          and (%(run)s::bigint is null
               or p.name = (select r.press from mes.run r where r.id = %(run)s))
        order by p.name for update
        """,
        {"press": press, "run": run},
    )


def _to_count(
    connection: Connection, now: datetime, press: str | None, run: int | None
) -> list[int]:
    """Run outputs to count anew: of the run asked for, else of every run that may have changed.

    That is one that is open or ended lately, and an older one at whose parts or scrap the facts
    and the postings disagree.
    """
    rows = connection.execute(
        """
        with told as (
          select (outcome ->> 'run_output')::bigint as run_output,
            sum((outcome ->> 'qty')::bigint) as scrap
          from mes.act where act = 'scrap' and at >= %(old)s group by 1
        )
        select o.id from mes.run_output o
        join mes.run r on r.id = o.run
        left join told on told.run_output = o.id
        left join lateral (
          select sum(p.qty) as parts, sum(p.qty) filter (where p.kind = 'scrap') as scrap
          from mes.posting p where p.run_output = o.id
        ) posted on true
        where (%(press)s::text is null or r.press = %(press)s)
          and (%(run)s::bigint is null or r.id = %(run)s)
          and case
            when %(run)s::bigint is not null or r.span && tstzrange(%(lately)s, null) then true
            when lower(r.span) < %(old)s then false
            when coalesce(posted.scrap, 0) <> coalesce(told.scrap, 0) then true
            else coalesce(posted.parts, 0) <> (
              select floor(
                coalesce(sum(f.strokes * so.parts_num::numeric / so.parts_den), 0) + 1e-9)
              from mes.run_segment s
              join mes.segment_output so on so.segment = s.id and so.run_output = o.id
              join mes.fact_minute f on f.segment = s.id
              where s.run = r.id)
            end
        order by o.id
        """,
        {"press": press, "run": run, "lately": now - LATELY, "old": now - OLD},
    )
    return [output for (output,) in rows]


def _lock_orders(connection: Connection, of: Iterable[Source]) -> None:
    """Take all orders and their materials at once and in order, so that no two reports cross."""
    codes = sorted({source.work_order for source in of if source.work_order})
    connection.execute(
        "select 1 from erp.work_order where code = any(%s) order by code for no key update",
        [codes],
    )
    rows = connection.execute(
        "select distinct component from erp.work_order_material where work_order = any(%s)",
        [codes],
    )
    stock.lock_items(connection, [component for (component,) in rows])


def _posted(connection: Connection, run_outputs: list[int]) -> Target:
    rows = connection.execute(
        "select run_output, shift, kind, reason, sum(qty)::bigint from mes.posting "
        "where run_output = any(%s) group by run_output, shift, kind, reason",
        [run_outputs],
    )
    return {Key(*key): qty for *key, qty in rows}


def _order(entry: tuple[Key, int]) -> tuple[int, int, str, str]:
    key = entry[0]
    return key.run_output, key.shift or 0, key.kind, key.reason or ""


def _place(entry: tuple[Key, int]) -> tuple[int, int | None]:
    return entry[0].run_output, entry[0].shift


def _post(
    connection: Connection, source: Source, missing: Target, boundary: datetime | None,
    now: datetime,
) -> Report | None:  # fmt: skip
    told = {key: qty for key, qty in missing.items() if key.kind not in UNREPORTED}
    report = None
    if told and source.operation is not None:
        report = _report(connection, source, told, boundary, now)
    for key, qty in missing.items():
        named = report.id if report and key in told else None
        _write(connection, key, qty, report=named, who=SYSTEM, now=now)
    return report


def _report(
    connection: Connection, source: Source, told: Target, boundary: datetime | None, now: datetime
) -> Report:
    assert source.operation is not None
    sums = {"good": 0, "excess": 0, "other": 0}
    for key, qty in told.items():
        sums[key.kind if key.kind in sums else "other"] += qty
    shift = next(iter(told)).shift
    return reports.propose(
        connection,
        operation=source.operation,
        run=source.run,
        shift=shift,
        **sums,
        flags=_flags(connection, source.press, shift, boundary, sums),
        lot=f"{source.work_order}-{source.run}",
        material_lots=materials.on_run(connection, source.run, now),
        now=now,
        press=source.press,
    )


def _flags(
    connection: Connection, press: str, shift: int | None, boundary: datetime | None,
    sums: Mapping[str, int],
) -> list[str]:  # fmt: skip
    """Why a person has to look at the report."""
    row = connection.execute(
        """
        select exists (
            select 1 from mes.counter_event e
            where e.press = %(press)s and e.held and e.decided_act is null),
          case when exists (  -- the facts say quickly that there is none, as there usually is
            select 1 from mes.fact_minute f
            where f.press = %(press)s and f.segment is null and f.strokes > 0
              and (f.minute is null or f.minute >= coalesce(lower(span.of), '-infinity')))
          then exists (
            select 1 from mes.owned_count c
            where c.press = %(press)s and c.measure = 'stroke' and c.segment is null
              and c.at >= coalesce(lower(span.of), '-infinity')
              and c.at < coalesce(upper(span.of), 'infinity')
              and c.shift is not distinct from %(shift)s
              and (%(boundary)s::timestamptz is null or c.at < %(boundary)s))
          else false end
        from (select (select s.span from mes.shift s where s.id = %(shift)s) as of) span
        """,
        {"press": press, "shift": shift, "boundary": boundary},
    ).fetchone()
    assert row is not None
    held, unattributed = row
    raised = {"held": held, "unattributed": unattributed, "excess": sums["excess"] > 0}
    return [flag for flag, is_raised in raised.items() if is_raised]


def _write(
    connection: Connection, key: Key, qty: int, *, report: int | None, who: str, now: datetime
) -> None:
    """Write a posting; its idempotency key counts the revisions of what it is posted under."""
    connection.execute(
        """
        insert into mes.posting
          (run_output, shift, kind, reason, qty, report, idempotency_key, at, who)
        select n.run_output, n.shift, n.kind, n.reason, %(qty)s, %(report)s,
          concat_ws('/', n.run_output, coalesce(n.shift::text, '-'), n.kind,
            coalesce(n.reason, '-'), count(p.id) + 1),
          %(now)s, %(who)s
        from (
          select %(output)s::bigint as run_output, %(shift)s::bigint as shift,
            %(kind)s::text as kind, %(reason)s::text as reason
        ) n
        left join mes.posting p on p.run_output = n.run_output and p.kind = n.kind
          and p.shift is not distinct from n.shift and p.reason is not distinct from n.reason
          and p.reverses is null
        group by n.run_output, n.shift, n.kind, n.reason
        """,
        {
            "output": key.run_output,
            "shift": key.shift,
            "kind": key.kind,
            "reason": key.reason,
            "qty": qty,
            "report": report,
            "now": now,
            "who": who,
        },
    )


def _take_back(connection: Connection, report: Report, who: str, now: datetime) -> None:
    """Counter every posting of the report; its good and excess become adjusted."""
    adjusted = connection.execute(
        """
        select run_output, shift, sum(qty)::bigint from mes.posting
        where report = %s and kind in ('good', 'excess') and reverses is null
        group by run_output, shift having sum(qty) <> 0
        """,
        [report.id],
    ).fetchall()
    connection.execute(
        """
        insert into mes.posting
          (run_output, shift, kind, reason, qty, report, reverses, idempotency_key, at, who)
        select run_output, shift, kind, reason, -qty, report, id, 'reverse/' || id, %(now)s, %(who)s
        from mes.posting where report = %(report)s and reverses is null
        """,
        {"report": report.id, "now": now, "who": who},
    )
    for output, shift, qty in adjusted:
        _write(connection, Key(output, shift, "adjust"), qty, report=None, who=who, now=now)
