"""Reports: post the difference between what was made and what was posted, and decide on it.

Nothing is counted up here: the target is computed anew (mes_bridge/reporting/targets.py), and
what differs from the postings becomes a report. Run it twice: the second time posts nothing.
Correct the past: the difference is posted. Lock order: presses, work orders, items.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple

from database.connection import Connection
from erp_core import reports, stock
from erp_core.reports import Report
from mes_bridge import shifts
from mes_bridge.jobs import materials
from mes_bridge.reporting import postings, targets, yields
from mes_bridge.reporting.targets import Source
from mes_bridge.reporting.yields import Key, Target
from mes_bridge.states import stops

SYSTEM = reports.SYSTEM
LATELY = timedelta(days=1)  # a run that ended within it is counted anew with every proposal
OLD = timedelta(days=14)  # a run that began before it is counted anew only when asked for
UNREPORTED = frozenset({"unattributed", "adjust", "transfer"})


def propose(
    connection: Connection, boundary: datetime | None, now: datetime, *,
    press: str | None = None, run: int | None = None,
) -> list[Report]:  # fmt: skip
    """Report what the facts say beyond what was posted, of one run, one press or all of them.

    Strokes before `boundary` count (None: all). One report per run output and shift, accepted at
    once unless a count of this run is held; parts in excess wait in a report of their own.
    """
    _lock_presses(connection, press, run)
    if run is None:
        stops.settle(connection, press)
    counted = _to_count(connection, now, press, run)
    of = targets.sources(connection, counted)
    lock_orders(connection, of)
    posted = postings.so_far(connection, [source.id for source in of])
    wanted = targets.wanted(connection, of, set(counted), posted, boundary)
    by_id = {source.id: source for source in of}
    held = {s.id for s in of if (run is None or s.run == run) and press in {None, s.press}}
    missing = yields.difference(wanted, posted)
    own = {key: qty for key, qty in missing.items() if key.run_output in held}
    made: list[Report] = []
    for (output, _), part in groupby(sorted(own.items(), key=_order), key=_place):
        made += _post(connection, by_id[output], dict(part), now)
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
    postings.take_back(connection, rejected, who, now)
    remind_of(connection, report.run, now)
    return rejected


def reverse(connection: Connection, name: str, who: str, reason: str, now: datetime) -> Report:
    """Take an accepted report back, its stock moves with it; its good parts become adjusted.

    What was decided about excess by it is undecided again, and waits.
    Raises erp_core's UnknownError, StateError, ArgumentError.
    """
    report = _locked(connection, name)
    lock_orders(connection, _sources_of(connection, report.run))
    reversed_ = reports.reverse(connection, report.id, who, reason, now)
    postings.take_back(connection, reversed_, who, now)
    remind_of(connection, report.run, now)
    if postings.undecide(connection, reversed_, who):
        propose(connection, shifts.boundary_before(connection, now), now, run=report.run)
    return reversed_


def _sources_of(connection: Connection, run: int) -> list[Source]:
    rows = connection.execute("select id from mes.run_output where run = %s", [run]).fetchall()
    return targets.sources(connection, [output for (output,) in rows])


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
          select run_output, sum(qty) as scrap
          from (
            select (outcome ->> 'run_output')::bigint as run_output,
              (outcome ->> 'qty')::bigint as qty
            from mes.act where act = 'scrap' and at >= %(old)s
            union all
            select run_output, qty from mes.disposition where kind = 'scrap' and at >= %(old)s
          ) each group by 1
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


def lock_orders(connection: Connection, of: Iterable[Source]) -> None:
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


def _order(entry: tuple[Key, int]) -> tuple[int, int, str, str]:
    key = entry[0]
    return key.run_output, key.shift or 0, key.kind, key.reason or ""


def _place(entry: tuple[Key, int]) -> tuple[int, int | None]:
    return entry[0].run_output, entry[0].shift


def _post(connection: Connection, source: Source, missing: Target, now: datetime) -> list[Report]:
    """Post what is missing of one output and shift: excess apart, so that it waits alone."""
    told = {key: qty for key, qty in missing.items() if key.kind not in UNREPORTED}
    silent = {key: qty for key, qty in missing.items() if key.kind in UNREPORTED}
    if source.operation is None:
        silent, told = missing, {}
    alone = _take_excess(connection, source, told)
    made: list[Report] = []
    if told:
        made.append(_report(connection, source, told, now))
        _write_all(connection, told, made[0], now)
    if alone:
        made.append(_amend_excess(connection, source, alone, now))
    _write_all(connection, silent, None, now)
    return made


def _write_all(
    connection: Connection, of: Mapping[Key, int], report: Report | None, now: datetime
) -> None:
    for key, qty in of.items():
        named = report.id if report else None
        postings.write(connection, key, qty, report=named, who=SYSTEM, now=now)


class _Excess(NamedTuple):
    """So much more or less excess, for the report of it that waits, if there is one."""

    key: Key
    change: int
    waits: Report | None


def _take_excess(connection: Connection, source: Source, told: Target) -> _Excess | None:
    """Take out of `told` the excess that is to wait; what no waiting report can lose stays."""
    key = next((key for key in told if key.kind == reports.EXCESS), None)
    if key is None or source.operation is None:
        return None
    waits = reports.excess_waiting(connection, source.operation, source.run, key.shift)
    own = max(told[key], -waits.excess if waits else 0)
    told[key] -= own
    if told[key] == 0:
        del told[key]
    return _Excess(key, own, waits) if own else None


def _amend_excess(connection: Connection, source: Source, alone: _Excess, now: datetime) -> Report:
    """Let the report of excess that waits grow or shrink, or write the first one."""
    part = {alone.key: alone.change}
    if alone.waits is None:
        report = _report(connection, source, part, now)
        _write_all(connection, part, report, now)
        return report
    _write_all(connection, part, alone.waits, now)
    excess = alone.waits.excess + alone.change
    return reports.amend_excess(connection, alone.waits.id, excess, now)


def _report(
    connection: Connection, source: Source, told: Mapping[Key, int], now: datetime
) -> Report:
    assert source.operation is not None
    sums = {"good": 0, "excess": 0, "other": 0}
    for key, qty in told.items():
        sums[key.kind if key.kind in sums else "other"] += qty
    shift = next(iter(told)).shift
    flags = [reports.EXCESS] if sums["excess"] > 0 else _flags(connection, source.run, shift)
    return reports.propose(
        connection,
        operation=source.operation,
        run=source.run,
        shift=shift,
        **sums,
        flags=flags,
        lot=f"{source.work_order}-{source.run}",
        material_lots=materials.on_run(connection, source.run, now),
        now=now,
        press=source.press,
    )


def _flags(connection: Connection, run: int, shift: int | None) -> list[str]:
    """Why a person has to look at the report: a count of that very run and shift is in doubt.

    Strokes that belong to no order are not in it, and wait alone.
    """
    held = connection.execute(
        """
        select from mes.counter_event e
        join mes.run r on r.press = e.press and r.id = %(run)s
        where e.held and e.decided_act is null
          and r.span && tstzrange(e.from_at, e.at, '(]')
          and (%(shift)s::bigint is null
               or tstzrange(e.from_at, e.at, '(]')
                  && (select s.span from mes.shift s where s.id = %(shift)s))
        limit 1
        """,
        {"run": run, "shift": shift},
    )
    return ["held"] if held.fetchone() is not None else []
