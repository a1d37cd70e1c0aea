"""Reports: post the difference between what was made and what was posted, and decide on it.

Nothing is counted up here: the target is computed anew (mes_bridge/reporting/targets.py), and
what differs from the postings becomes a report. Run it twice: the second time posts nothing.
Correct the past: the difference is posted. Lock order: presses, work orders, items.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple

from database.connection import Connection
from erp_core.production import reports
from erp_core.production.reports import Report
from erp_core.stock import ledger
from mes_bridge.refusal import Refused
from mes_bridge.reporting import flags, postings, targets, uses, weighing, yields
from mes_bridge.reporting.targets import Source
from mes_bridge.reporting.yields import Key, Target
from mes_bridge.states import stops
from plant import shifts

SYSTEM = reports.SYSTEM
LATELY = timedelta(days=1)  # a run that ended within it is counted anew with every proposal
OLD = timedelta(days=14)  # a run that began before it is counted anew only when asked for
UNREPORTED = frozenset({"unattributed", "adjust", "transfer"})


def propose(
    connection: Connection, boundary: datetime | None, now: datetime, *,
    press: str | None = None, run: int | None = None, full: bool = False,
) -> list[Report]:  # fmt: skip
    """Report what the facts say beyond what was posted, of one run, one press or all of them.

    Strokes before `boundary` count (None: all). One report per run output and shift, and per
    container that is full (`full`: these alone), accepted at once unless a count of this run is
    held; parts in excess wait in a report of their own.
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
    good = _good(posted)
    for (output, _), part in groupby(sorted(own.items(), key=_order), key=_place):
        source, told = by_id[output], dict(part)
        pieces = list(_by_container(source, told, good[output]))
        for piece in pieces[:-1] if full else pieces:
            made += _post(connection, source, piece, now)
        good[output] += sum(qty for key, qty in told.items() if key.kind == "good")
    uses.deal(connection, sorted(held), now)
    weighing.follow(connection, sorted(held), now)
    flags.review(connection, sorted(held), now)
    return [reports.get(connection, report.id) for report in made]


def accept(connection: Connection, name: str, who: str, now: datetime) -> Report:
    """Take a waiting report into stock; one that was rejected by mistake comes again, accepted.

    Raises erp_core's UnknownError, StateError.
    """
    report = _locked(connection, name)
    if report.state == "rejected":
        report = take_up(connection, report, who, now)
    if report.state == "accepted" and report.name != name:
        return report
    accepted = reports.accept(connection, report.id, who, now)
    weighing.follow_run(connection, accepted.run, now)
    return accepted


def take_up(connection: Connection, rejected: Report, who: str, now: datetime) -> Report:
    """What was rejected was made all the same: it is told again, in a report of its own."""
    lock_orders(connection, _sources_of(connection, rejected.run))
    reports.withdraw(connection, rejected.id, who, now)
    postings.take_up(connection, rejected, who, now)
    last = shifts.boundary_before(connection, now)
    made = propose(connection, last, now, run=rejected.run)
    kind = reports.EXCESS in rejected.flags
    own = [each for each in made if each.operation == rejected.operation]
    return next((each for each in own if (reports.EXCESS in each.flags) == kind), rejected)


def reject(connection: Connection, name: str, who: str, reason: str, now: datetime) -> Report:
    """Refuse a waiting report: its good parts become adjusted, the rest is told again.

    Raises erp_core's UnknownError, StateError, ArgumentError, and Refused report_used.
    """
    report = _locked(connection, name)
    _check_unused(connection, report)
    rejected = reports.reject(connection, report.id, who, reason, now)
    postings.take_back(connection, rejected, who, now)
    remind_of(connection, report.run, now)
    return rejected


def reverse(connection: Connection, name: str, who: str, reason: str, now: datetime) -> Report:
    """Take an accepted report back, its stock moves with it; it waits for a decision again.

    What was decided about excess by it is undecided again, and waits in a report of its own.
    Raises erp_core's UnknownError, StateError, ArgumentError, and Refused report_used.
    """
    report = _locked(connection, name)
    _check_unused(connection, report)
    lock_orders(connection, _sources_of(connection, report.run))
    press = press_of(connection, name)
    taken = reports.reverse(connection, report.id, who, reason, now, press)
    if taken.state == "waiting":
        weighing.follow_run(connection, taken.run, now)
        return taken
    postings.take_back(connection, taken, who, now)
    remind_of(connection, report.run, now)
    postings.undecide(connection, taken, who)
    propose(connection, shifts.boundary_before(connection, now), now, run=report.run)
    return taken


def _check_unused(connection: Connection, report: Report) -> None:
    """Parts that the next operation has used were made: its report goes first."""
    used = flags.used_by(connection, report) if report.state in {"waiting", "accepted"} else None
    if used is not None:
        raise Refused("report_used", report=report.name, used=used)


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
        select 1 from plant.press p
        where (%(press)s::text is null or p.name = %(press)s)
          and (%(run)s::bigint is null
               or p.name = (select r.press from mes.run r where r.id = %(run)s))
        order by p.name for update
        """,
        {"press": press, "run": run},
    )


def filling(connection: Connection) -> list[str]:
    """Presses at whose open runs a container may be full: the facts say so, not yet what is lost.

    Asked once a minute.
    """
    rows = connection.execute(
        """
        select distinct r.press
        from mes.run r
        join mes.run_output o on o.run = r.id and o.operation is not null and not o.given
        join erp.item i on i.code = o.item and i.container is not null
        cross join lateral (
          select floor(coalesce(sum(m.strokes * so.parts_num::numeric / so.parts_den), 0) + 1e-9)
                   as parts
          from mes.run_segment s
          join mes.segment_output so on so.segment = s.id and so.run_output = o.id
          join mes.run_made m on m.segment = s.id
          where s.run = r.id
        ) made
        cross join lateral (
          select coalesce(sum(p.qty), 0) as parts,
                 coalesce(sum(p.qty) filter (where p.kind = 'good'), 0) as good
          from mes.posting p where p.run_output = o.id
        ) posted
        where upper_inf(r.span)
          and made.parts - posted.parts >= i.container - posted.good % i.container
        order by r.press
        """
    )
    return [press for (press,) in rows]


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
            select run_output, qty from mes.scrap_told where at >= %(old)s
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
            when exists (
              select from erp.production_report w
              join erp.work_order_operation wo on wo.id = w.operation
              join erp.work_order_material m on m.work_order = wo.work_order
              where w.run = r.id and w.operation = o.operation and w.state = 'waiting'
                and not exists (select from erp.report_use u where u.report = w.id)) then true
            when lower(r.span) < %(old)s then false
            when coalesce(posted.scrap, 0) <> coalesce(told.scrap, 0) then true
            else coalesce(posted.parts, 0) <> (
              select floor(
                coalesce(sum(m.strokes * so.parts_num::numeric / so.parts_den), 0) + 1e-9)
              from mes.run_segment s
              join mes.segment_output so on so.segment = s.id and so.run_output = o.id
              join mes.run_made m on m.segment = s.id
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
    ledger.lock_items(connection, [component for (component,) in rows])


def _order(entry: tuple[Key, int]) -> tuple[int, int, str, str]:
    key = entry[0]
    return key.run_output, key.shift or 0, key.kind, key.reason or ""


def _place(entry: tuple[Key, int]) -> tuple[int, int | None]:
    return entry[0].run_output, entry[0].shift


def _good(posted: Target) -> Counter[int]:
    """Good parts that were posted of each output: what its containers hold."""
    good: Counter[int] = Counter()
    for key, qty in posted.items():
        if key.kind == "good":
            good[key.run_output] += qty
    return good


def _by_container(source: Source, missing: Target, before: int) -> Iterator[Target]:
    """What is missing of an output and shift, cut at full containers; the last piece is the rest.

    What fills no container, as scrap, is of the last piece.
    """
    main = next((key for key in missing if key.kind == "good"), None)
    if main is None or source.operation is None:
        yield missing
        return
    *pieces, rest = yields.cut(missing[main], before, source.container)
    yield from ({main: piece} for piece in pieces)
    yield {key: qty for key, qty in {**missing, main: rest}.items() if qty}


def _post(connection: Connection, source: Source, missing: Target, now: datetime) -> list[Report]:
    """Post what is missing of one output and shift: excess apart, so that it waits alone."""
    told = {key: qty for key, qty in missing.items() if key.kind not in UNREPORTED}
    silent = {key: qty for key, qty in missing.items() if key.kind in UNREPORTED}
    if source.operation is None:
        silent, told = missing, {}
    alone = _take_excess(connection, source, told)
    made: list[Report] = []
    if told:
        made.append(_tell(connection, source, told, now))
    if alone:
        made.append(_amend_excess(connection, source, alone, now))
    _write_all(connection, silent, None, now)
    return made


def _tell(connection: Connection, source: Source, told: Target, now: datetime) -> Report:
    """A report of what is told; where something is taken back, what waits of it loses it first."""
    sums = _sums(told)
    waits = _loses(connection, source, told, sums) if min(sums.values()) < 0 else None
    report = (
        reports.amend(connection, waits.id, now, good=sums["good"], other=sums["other"])
        if waits
        else _report(connection, source, told, sums, now)
    )
    _write_all(connection, told, report, now)
    return report


def _loses(
    connection: Connection, source: Source, told: Target, sums: Mapping[str, int]
) -> Report | None:
    """The report that waits, and has what is to be taken back."""
    assert source.operation is not None
    shift = next(iter(told)).shift
    waits = reports.waiting_of(connection, source.operation, source.run, shift, excess=False)
    if waits is None or sums["excess"]:
        return None
    enough = waits.good + sums["good"] >= 0 and waits.other + sums["other"] >= 0
    return waits if enough else None


def _sums(told: Mapping[Key, int]) -> dict[str, int]:
    sums = {"good": 0, "excess": 0, "other": 0}
    for key, qty in told.items():
        sums[key.kind if key.kind in sums else "other"] += qty
    return sums


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
    waits = reports.waiting_of(connection, source.operation, source.run, key.shift, excess=True)
    own = max(told[key], -waits.excess if waits else 0)
    told[key] -= own
    if told[key] == 0:
        del told[key]
    return _Excess(key, own, waits) if own else None


def _amend_excess(connection: Connection, source: Source, alone: _Excess, now: datetime) -> Report:
    """Let the report of excess that waits grow or shrink, or write the first one."""
    part = {alone.key: alone.change}
    if alone.waits is None:
        report = _report(connection, source, part, _sums(part), now)
        _write_all(connection, part, report, now)
        return report
    _write_all(connection, part, alone.waits, now)
    return reports.amend(connection, alone.waits.id, now, excess=alone.change)


def _report(
    connection: Connection, source: Source, told: Target, sums: Mapping[str, int], now: datetime
) -> Report:
    assert source.operation is not None
    shift = next(iter(told)).shift
    doubts = [reports.EXCESS] if sums["excess"] > 0 else flags.of(connection, source, shift, told)
    return reports.propose(
        connection,
        operation=source.operation,
        run=source.run,
        shift=shift,
        good=sums["good"],
        excess=sums["excess"],
        other=sums["other"],
        flags=doubts,
        lot=f"{source.work_order}-{source.run}",
        now=now,
        press=source.press,
    )
