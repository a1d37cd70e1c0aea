"""What people do at a press: recorded once, refused with a sentence, effective at once.

An act carries a UUID made by the client. The same UUID again returns the first outcome and does
nothing. An act that is refused writes nothing. Runs, segments, mounts and reasons are derived from
acts here, and the press's facts are refreshed from the earliest instant that was touched.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Generic

from psycopg.errors import ExclusionViolation

from database.connection import Connection
from erp_core import codes
from erp_core.production import reports
from erp_core.production.reports import Report
from erp_core.quality import reasons
from erp_core.stock import ledger
from erp_core.stock.ledger import Cause
from mes_bridge import arguments, rights, undoing
from mes_bridge.counting import counter_store
from mes_bridge.errors import (
    DecidedEventError,
    DecisionTooLargeError,
    SwapError,
    UnknownCounterError,
    UnknownEventError,
)
from mes_bridge.jobs import first_articles, materials, mounts, runs, segments
from mes_bridge.moment import Moment
from mes_bridge.refusal import Refused
from mes_bridge.reporting import dispositions, late_material, reporting, scraps, weighing
from mes_bridge.reporting.dispositions import Choice
from mes_bridge.states import facts, stops
from people import acts, staff
from people.acts import Act, Deed, Done, Kind, Kinds, Outcome
from people.arguments import A, Nothing
from people.errors import StateError, UnknownError
from people.staff import Person
from plant.clock import told_in_its_time

CHANGEABLE = timedelta(days=3)  # what was so long ago is not explained anew by who works at a press
DECIDABLE = timedelta(days=35)  # nor by who decides: the month is closed


def record(connection: Connection, act: Act, now: datetime, *, replay: bool = False) -> Outcome:
    """Apply an act at a press in the caller's transaction; as `people.acts.record` does."""
    with told_in_its_time(connection):
        return acts.record(connection, act, now, KINDS, replay=replay)


def _at_press(deed: Deed, press: str | None, do: Callable[[Moment], Outcome]) -> Outcome:
    """Done at a press that nobody else derives for meanwhile, by who works on its line."""
    name, line = _press(deed.connection, press)
    deed.press = name
    if not deed.person.works_on(line):
        raise _wrong_line(deed.act, deed.person, name, line)
    if not deed.replay:
        _check_clock(deed.connection, name, deed.now)
    act = deed.act
    moment = Moment(deed.connection, act.id, deed.person, name, act.at, deed.now)
    stops.settle(deed.connection, name)
    try:
        outcome = do(moment)
    except ExclusionViolation as error:
        raise Refused("run_overlap", press=name, at=act.at) from error
    deed.connection.execute("select pg_notify('act', %s)", [name])
    return {**outcome, "shown": shown(deed.connection, name, deed.now)}


def _check_clock(connection: Connection, press: str, now: datetime) -> None:
    """No act is taken from before one that is recorded as done: the clock was set back."""
    row = connection.execute("select max(at) from people.act where press = %s", [press]).fetchone()
    if row and row[0] and row[0] > now:
        raise Refused("clock_set_back", until=row[0])


def _check_age(moment: Moment, since: datetime) -> None:
    """What is over is over: sooner for who works at a press than for who decides."""
    if since < moment.now - (DECIDABLE if _decides(moment) else CHANGEABLE):
        raise Refused("too_long_ago", at=since)


def _decides(moment: Moment) -> bool:
    """Whether the person decides here, as a shift leader does."""
    return moment.person.may("assign")


def _press(connection: Connection, name: str | None) -> tuple[str, str]:
    """Name and line of the press, held against everyone else who derives for it."""
    row = connection.execute(
        "select name, line from plant.press where name = %s for update", [name]
    ).fetchone()
    if row is None:
        raise Refused("press_unknown", press=name or "–")
    return row[0], row[1]


def _wrong_line(act: Act, person: Person, press: str, line: str) -> Refused:
    here = {"press": press, "line": line, "who": person.code, "lines": person.lines}
    if act.act == "scan":
        return Refused("work_order_wrong_line", work_order=act.args.get("work_order"), **here)
    return Refused("press_wrong_line", **here)


def shown(connection: Connection, press: str, at: datetime) -> Outcome:
    """What a terminal shows of a press: die, run, segment, and per output its order and ratio."""
    there = mounts.mounted(connection, press, at)
    state: Outcome = {"press": press, "die": there.die if there else None, "run": None}
    run = runs.at_instant(connection, press, at)
    if run is None:
        return state
    segment = next(s for s in reversed(segments.of(connection, run.id)) if s.since <= at)
    state |= {"run": run.id, "since": run.since.isoformat(), "segment": segment.kind}
    state["outputs"] = _shown_outputs(connection, segment.id)
    state["work_orders"] = [o["work_order"] for o in state["outputs"] if o["work_order"]]
    return state


def _shown_outputs(connection: Connection, segment: int) -> list[Outcome]:
    rows = connection.execute(
        """
        select o.item, op.work_order, so.parts_num || '/' || so.parts_den as parts, so.closed_reason
        from mes.segment_output so
        join mes.run_output o on o.id = so.run_output
        left join erp.work_order_operation op on op.id = o.operation
        where so.segment = %s order by o.id
        """,
        [segment],
    )
    names = ("item", "work_order", "parts", "closed_reason")
    return [dict(zip(names, row, strict=True)) for row in rows]


# One function per act. Each returns its own part of the outcome; `message` is the key of the
# sentence that the terminal shows.


def _mount(moment: Moment, args: arguments.Mount) -> Outcome:
    die = _die(moment, args.die)
    closed = _close_if_open(moment, args)
    mounts.mount(moment, die)
    return {"message": "mounted", "die": die, **_after(moment, closed)}


def _dismount(moment: Moment, args: arguments.Dismount) -> Outcome:
    closed = _close_if_open(moment, args)
    ended = mounts.end(moment)
    if ended is None:
        raise Refused("no_die_mounted", press=moment.press)
    return {"message": "dismounted", "die": ended.die, **_after(moment, closed)}


def _close_if_open(moment: Moment, args: arguments.Ending) -> int | None:
    run = runs.at_instant(moment.connection, moment.press, moment.at)
    if run is not None and not args.end:
        raise runs.would_end(moment, run)
    return runs.close_if_open(moment)


def _scan(moment: Moment, args: arguments.Scan) -> Outcome:
    work_order = codes.meant(moment.connection, "work_order", args.work_order)
    if work_order is None:
        raise Refused("work_order_unknown", work_order=args.work_order)
    die = _die(moment, args.die) if args.die else None
    scanned = runs.scan(moment, work_order, die, args.operation, end=args.end)
    lot = {"material": materials.mount(moment, work_order, args.lot)} if args.lot else {}
    return {"message": _SCANNED[scanned.result], "result": scanned.result, "run": scanned.run,
            "work_order": work_order, **lot, **_after(moment, scanned.closed)}  # fmt: skip


def _die(moment: Moment, given: str) -> str:
    die = codes.meant(moment.connection, "die", given)
    if die is None:
        raise Refused("die_unknown", die=given)
    return die


_SCANNED: Mapping[str, str] = {
    "opened": "run_opened",
    "joined": "run_joined",
    "running": "run_running",
}


def _segment(moment: Moment, args: arguments.Segment) -> Outcome:
    run = runs.running(moment)
    if args.kind == "production" and segments.kind_at(moment, run.id) != "production":
        _check_releases(moment)
    changed = segments.change_kind(moment, run.id, args.kind)
    return {"message": "segment", "run": run.id, "kind": args.kind, "changed": changed,
            **_after(moment, None)}  # fmt: skip


def _first_article(moment: Moment, args: arguments.FirstArticle) -> Outcome:
    run = runs.running(moment)
    message = _pass(moment, run.id) if args.passed else _fail(moment, run.id)
    return {"message": message, "run": run.id, **_after(moment, None)}


def _pass(moment: Moment, run: int) -> str:
    _check_releases(moment)
    segments.change_kind(moment, run, "production")
    first_articles.settle(moment)
    return "first_article_passed"


def _fail(moment: Moment, run: int) -> str:
    """No good part is counted from a failed first article on, until one passes."""
    if segments.kind_at(moment, run) != "production":
        return "first_article_failed"
    segments.change_kind(moment, run, "setup")
    first_articles.tell(moment)
    return "production_stopped"


def _check_releases(moment: Moment) -> None:
    if not staff.releases(moment.connection, moment.person, _line(moment)):
        releasing = staff.releasing(moment.connection, _line(moment))
        raise Refused("not_released_by", who=moment.who, names=releasing)


def _line(moment: Moment) -> str:
    return _press(moment.connection, moment.press)[1]


def _reason(moment: Moment, kind: reasons.Kind, reason: str) -> None:
    if kind not in reasons.kinds(moment.connection, reason):
        raise Refused("reason_unknown", reason=reason, kind=kind)


def _scrap(moment: Moment, args: arguments.Scrap) -> Outcome:
    if args.qty == 0:
        raise Refused("scrap_not_positive", qty=args.qty)
    _reason(moment, "scrap", args.reason)
    made_by, good = _scrapped_by(moment, args) if args.qty < 0 else _made_by(moment, args)
    if args.qty > good:
        raise Refused("scrap_more_than_made", qty=args.qty, item=made_by.item, made=good)
    reporting.remind_of(moment.connection, made_by.run, moment.now)
    negative = args.qty < 0
    told = scraps.last(moment.connection, made_by.id, args.reason) if negative else moment.at
    return {"message": "scrap_taken_back" if negative else "scrap", "run": made_by.run,
            "run_output": made_by.id, "qty": args.qty, "item": made_by.item,
            "work_order": made_by.work_order, "good": good - args.qty,
            "told_at": told.isoformat()}  # fmt: skip


def _made_by(moment: Moment, args: arguments.Scrap) -> tuple[runs.Output, int]:
    """The newest run of its order that made so many good parts, with how many it made.

    Scanning the other side of a left/right die begins a run: what is told just after lay in the
    box before. Where no run made so many: the newest that made any good part, else the newest.
    """
    there = runs.producing(moment, args.item, args.work_order)
    newest: tuple[runs.Output, int] | None = None
    for each in there:
        good = reporting.good_made(moment.connection, each.id)
        if good > 0:
            newest = newest or (each, good)
            if good >= args.qty and each.work_order == newest[0].work_order:
                return each, good
    return newest or (there[0], 0)


def _scrapped_by(moment: Moment, args: arguments.Scrap) -> tuple[runs.Output, int]:
    """The newest run of which so many parts were told to be scrap, with its good parts.

    Who decides takes scrap back that was told too high; who works at the press undoes the act.
    """
    if not _decides(moment):
        raise Refused("scrap_not_positive", qty=args.qty)
    told = 0
    for each in runs.producing(moment, args.item, args.work_order):
        told = scraps.told(moment.connection, each.id, args.reason)
        if told >= -args.qty:
            return each, reporting.good_made(moment.connection, each.id)
    raise Refused("scrap_less_told", qty=-args.qty, told=told, reason=args.reason)


def _weigh(moment: Moment, args: arguments.Weigh) -> Outcome:
    lot = codes.meant(moment.connection, "lot", args.lot) or args.lot
    item, difference = weighing.weigh(moment, lot, args.qty)
    return {"message": "weighed", "lot": lot, "item": item, "qty": str(args.qty),
            "difference": f"{difference:f}", "unit": _unit(moment, item)}  # fmt: skip


def _consume(moment: Moment, args: arguments.Consume) -> Outcome:
    """Material that no part holds (a torn strip, a coil's rest): it leaves stock as scrap."""
    work_order = codes.meant(moment.connection, "work_order", args.work_order)
    if work_order is None:
        raise Refused("work_order_unknown", work_order=args.work_order)
    _reason(moment, "scrap", args.reason)
    lot = args.lot and (codes.meant(moment.connection, "lot", args.lot) or args.lot)
    if not materials.takes(moment.connection, work_order, args.item, lot):
        raise Refused("consume_unknown", item=args.item, lot=lot or "–", work_order=work_order)
    ledger.consume(
        moment.connection, args.item, lot, args.qty,
        Cause(moment.who, args.reason, moment.at, f"consume/{moment.act}", work_order=work_order),
    )  # fmt: skip
    return {"message": "consumed", "work_order": work_order, "item": args.item, "lot": lot,
            "qty": str(args.qty), "unit": _unit(moment, args.item)}  # fmt: skip


def _unit(moment: Moment, item: str) -> str | None:
    row = moment.connection.execute("select unit from erp.item where code = %s", [item]).fetchone()
    return row[0] if row else None


def _output(moment: Moment, args: arguments.Output) -> Outcome:
    if not args.open and args.reason is None:
        raise Refused("reason_missing")
    if args.reason is not None:
        _reason(moment, "close", args.reason)
    run = runs.running(moment)
    output = runs.output(moment.connection, run, args.item)
    segments.change_output(moment, run.id, output.id, None if args.open else args.reason)
    message = "output_opened" if args.open else "output_closed"
    return {"message": message, "run": run.id, "item": output.item, **_after(moment, None)}


def _stop_reason(moment: Moment, args: arguments.StopReason) -> Outcome:
    _reason(moment, "stop", args.reason)
    since, until = (args.since, args.to) if args.since else stops.meant(moment)
    _check_age(moment, since)
    end = stops.label(moment, since, until, args.reason)
    facts.refresh(moment.connection, moment.press, since, moment.now)
    told = "stop_reason_late" if args.since is None and end is not None else "stop_reason"
    return {"message": told, "reason": args.reason, "from": since.isoformat(),
            "to": end.isoformat() if end else None}  # fmt: skip


def _finish(moment: Moment, _args: Nothing) -> Outcome:
    closed = runs.close(moment)
    return {"message": "finished", "run": closed, **_after(moment, closed)}


def _assign(moment: Moment, args: arguments.Assign) -> Outcome:
    _check_age(moment, args.since)
    run = runs.assign(moment, args.work_order, args.since, args.to)
    facts.refresh(moment.connection, moment.press, args.since, moment.now)
    return {"message": "assigned", "run": run, "work_order": args.work_order,
            **_reported(moment, run)}  # fmt: skip


def _decide(moment: Moment, args: arguments.Decide) -> Outcome:
    number = _event_number(args.event)
    try:
        since = counter_store.decide(
            moment.connection, moment.press, number, args.count, moment.act, moment.now
        )  # fmt: skip
    except UnknownEventError:
        raise Refused("event_unknown", event=args.event) from None
    except DecidedEventError:
        raise Refused("event_decided", event=args.event) from None
    except DecisionTooLargeError:
        raise Refused("decision_too_large", event=args.event, count=args.count) from None
    reporting.remind(moment.connection, moment.press, since, moment.now)
    return {"message": "decided", "event": args.event, "count": args.count}


def _swap(moment: Moment, args: arguments.Swap) -> Outcome:
    try:
        since = counter_store.swap(
            moment.connection, moment.press, args.channel, args.old, args.new,
            moment.at, moment.act, moment.now,
        )  # fmt: skip
    except UnknownCounterError:
        raise Refused("channel_unknown", channel=args.channel, press=moment.press) from None
    except SwapError as error:
        raise Refused("swap_wrong", problem=str(error)) from None
    reporting.remind(moment.connection, moment.press, since, moment.now)
    return {"message": "swapped", "channel": args.channel}


def _accept(moment: Moment, args: arguments.Accept) -> Outcome:
    try:
        report = reports.find(moment.connection, args.report)
    except UnknownError:
        raise Refused("report_unknown", report=args.report) from None
    if report.excess > 0 or "excess" in report.flags:  # never accepted, whatever became of it
        raise Refused("report_excess", report=args.report, excess=report.excess)
    return _decided(moment, args.report, lambda: reporting.accept(
        moment.connection, args.report, moment.who, moment.now))  # fmt: skip


def _dispose(moment: Moment, args: arguments.Dispose) -> Outcome:
    if args.to == "order" and args.work_order is None:
        raise Refused("args_wrong", argument="work_order", problem="missing")
    if args.to == "scrap" and args.reason not in {None, dispositions.OVERRUN}:
        _reason(moment, "scrap", args.reason or "")
    choice = Choice(args.to, args.qty, args.work_order, args.reason)
    report, made = dispositions.dispose(moment, args.report, choice)
    qty = report.surplus or report.transferred or args.qty or report.other
    return {"message": f"excess_{args.to}", **_shown_report(report), "qty": qty,
            "work_order": args.work_order or report.work_order,
            "reports": [_shown_report(each) for each in made]}  # fmt: skip


def _reject(moment: Moment, args: arguments.Decline) -> Outcome:
    _reason(moment, "reject", args.reason)
    return _decided(moment, args.report, lambda: reporting.reject(
        moment.connection, args.report, moment.who, args.reason, moment.now))  # fmt: skip


def _reverse(moment: Moment, args: arguments.Decline) -> Outcome:
    _reason(moment, "reject", args.reason)
    decided = _decided(moment, args.report, lambda: reporting.reverse(
        moment.connection, args.report, moment.who, args.reason, moment.now))  # fmt: skip
    return {**decided, "message": "report_reversed"}


def _undo(deed: Deed, done: Done, reason: str | None) -> Outcome:
    if done.act in rights.DECIDE and not deed.person.may("assign"):
        raise Refused("not_allowed", who=deed.person.code, act=done.act)
    decides = deed.person.may("assign")
    return _at_press(
        deed, done.press, lambda moment: undoing.undo(moment, done, reason, decides=decides)
    )


def _decided(moment: Moment, name: str, decide: Callable[[], Report]) -> Outcome:
    try:
        report = decide()
    except UnknownError:
        raise Refused("report_unknown", report=name) from None
    except StateError:
        state = reports.find(moment.connection, name).state
        raise Refused("report_wrong_state", report=name, state=state) from None
    return {"message": f"report_{report.state}", **_shown_report(report)}


def _after(moment: Moment, closed: int | None) -> Outcome:
    """Runs or segments changed from the moment on: facts anew, and the ended run is reported."""
    facts.refresh(moment.connection, moment.press, moment.at, moment.now)
    reporting.remind(moment.connection, moment.press, moment.at, moment.now)
    return _reported(moment, closed) if closed else {}


def _reported(moment: Moment, run: int) -> Outcome:
    made = reporting.propose(moment.connection, None, moment.now, run=run)
    waits = any(report.state == "waiting" for report in made)
    message = {"message": "reported_waiting"} if waits else {}
    return {"reports": [_shown_report(report) for report in made], **message}


def _shown_report(report: Report) -> Outcome:
    return {"report": report.name, "state": report.state, "good": report.good,
            "excess": report.excess, "other": report.other, "flags": report.flags}  # fmt: skip


def _event_number(event: str) -> int:
    number = event.rpartition("/")[2]
    if not number.isdecimal():
        raise Refused("event_unknown", event=event)
    return int(number)


def _given_press(_connection: Connection, act: Act, _args: object) -> str | None:
    return act.press


def _press_of_event(_connection: Connection, _act: Act, args: arguments.Decide) -> str | None:
    return args.event.rpartition("/")[0]


def _press_of_report(
    connection: Connection,
    _act: Act,
    args: arguments.Accept | arguments.Dispose | arguments.Decline,
) -> str | None:
    try:
        return reporting.press_of(connection, args.report)
    except UnknownError:
        raise Refused("report_unknown", report=args.report) from None


@dataclass(frozen=True, slots=True)
class Entry(Generic[A]):
    """How one kind of act is read, at which press, and what it does."""

    arguments: type[A]
    apply: Callable[[Moment, A], Outcome]
    press: Callable[[Connection, Act, A], str | None] = _given_press


ENTRIES: Mapping[str, Entry[Any]] = MappingProxyType({
    "mount": Entry(arguments.Mount, _mount),
    "dismount": Entry(arguments.Dismount, _dismount),
    "scan": Entry(arguments.Scan, _scan),
    "segment": Entry(arguments.Segment, _segment),
    "first_article": Entry(arguments.FirstArticle, _first_article),
    "scrap": Entry(arguments.Scrap, _scrap),
    "weigh": Entry(arguments.Weigh, _weigh),
    "consume": Entry(arguments.Consume, _consume),
    "output": Entry(arguments.Output, _output),
    "stop_reason": Entry(arguments.StopReason, _stop_reason),
    "finish": Entry(Nothing, _finish),
    "assign": Entry(arguments.Assign, _assign),
    "decide": Entry(arguments.Decide, _decide, _press_of_event),
    "accept": Entry(arguments.Accept, _accept, _press_of_report),
    "dispose": Entry(arguments.Dispose, _dispose, _press_of_report),
    "reject": Entry(arguments.Decline, _reject, _press_of_report),
    "reverse": Entry(arguments.Decline, _reverse, _press_of_report),
    "swap": Entry(arguments.Swap, _swap),
})  # fmt: skip


def _kind(entry: Entry[A]) -> Kind[A]:
    def apply(deed: Deed, given: A) -> Outcome:
        press = entry.press(deed.connection, deed.act, given)
        return _at_press(deed, press, lambda moment: entry.apply(moment, given))

    return Kind(entry.arguments, apply, _undo)


ACTS: Kinds = MappingProxyType({
    **{name: _kind(entry) for name, entry in ENTRIES.items()},
    "work_order.material": late_material.KIND,
})  # fmt: skip
KINDS: Kinds = MappingProxyType({**ACTS, "undo": acts.undo(ACTS)})
