"""What a person did is undone by an act of its own; what was written stays.

Who did it undoes it for ten minutes, who decides undoes it after that, with a reason. What others
have built on it (a later scan, parts of it used by the next operation) is undone first.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType

from psycopg.rows import class_row

from database.connection import Connection
from erp_core.production.reports import Report
from erp_core.stock import ledger
from erp_core.stock.ledger import Cause
from mes_bridge.jobs import first_articles, materials, runs, segments
from mes_bridge.moment import Moment
from mes_bridge.refusal import Refused
from mes_bridge.reporting import reporting, scraps
from mes_bridge.states import facts, stops
from people.acts import OWN, Done, Outcome
from people.errors import StateError
from plant import shifts

UNDONE = "undone"  # the reason of a report that was accepted and undone
DAY = timedelta(days=1)  # so long what others did is offered to who decides
JOBS = ("mount", "dismount", "scan", "segment", "first_article", "output", "finish")


def open_to(
    connection: Connection, press: str, who: str, now: datetime, *, decides: bool
) -> list[Done]:
    """What a person may still undo at a press, newest first: all of a day for who decides."""
    with connection.cursor(row_factory=class_row(Done)) as cursor:
        return cursor.execute(
            """
            select a.id, a.who, e.name as who_name, a.press, a.at, a.act, a.args, a.outcome,
              a.recorded_at as recorded
            from people.act a join people.person e on e.code = a.who
            where a.press = %(press)s and a.act = any(%(kinds)s) and a.at > %(since)s
              and (%(decides)s or a.who = %(who)s)
              and not exists (select from people.act u where u.press = a.press and u.act = 'undo'
                              and u.undoes = a.id)
            order by a.at desc, a.recorded_at desc limit 20
            """,
            {"press": press, "kinds": list(UNDO), "who": who, "decides": decides,
             "since": now - (DAY if decides else OWN)},
        ).fetchall()  # fmt: skip


def undo(moment: Moment, done: Done, reason: str | None, *, decides: bool) -> Outcome:
    """Undo an act at a press; returns what the terminal shows.

    Raises Refused undo_cannot, undo_twice, undo_not_yours, undo_too_late, reason_missing,
    undo_followed, undo_nothing, and those of the counter-act.
    """
    how = UNDO.get(done.act)
    if how is None:
        raise Refused("undo_cannot", act=done.act)
    _check_first(moment.connection, done)
    _check_who(moment, done, reason, decides=decides)
    then = replace(moment, at=done.at)
    return {**how(then, done)}


def _check_first(connection: Connection, done: Done) -> None:
    before = connection.execute(
        "select from people.act where press = %s and undoes = %s",
        [done.press, done.id],
    )
    if before.fetchone() is not None:
        raise Refused("undo_twice", act=done.act)


def _check_who(moment: Moment, done: Done, reason: str | None, *, decides: bool) -> None:
    if done.who == moment.who and moment.now - done.at <= OWN:
        return
    if not decides:
        if done.who == moment.who:
            raise Refused("undo_too_late", act=done.act)
        raise Refused("undo_not_yours", act=done.act, who=done.who)
    if reason is None:
        raise Refused("reason_missing")


def _scrap(moment: Moment, done: Done) -> Outcome:
    output, qty = int(done.outcome["run_output"]), int(done.outcome["qty"])
    reason = str(done.args["reason"])
    told = scraps.told(moment.connection, output, reason)
    if told < qty:
        raise Refused("scrap_less_told", qty=qty, told=told, reason=reason)
    reporting.remind_of(moment.connection, int(done.outcome["run"]), moment.now)
    told_at = done.outcome.get("told_at", done.at.isoformat())
    return {"run": done.outcome["run"], "run_output": output, "qty": -qty, "reason": reason,
            "item": done.outcome.get("item"), "told_at": told_at}  # fmt: skip


def _consumed(moment: Moment, done: Done) -> Outcome:
    key = f"consume/{done.id}"
    cause = Cause(moment.who, "undone", moment.now, f"{key}/undone")
    ledger.reverse(moment.connection, ledger.number(moment.connection, key), cause)
    return {"item": done.args["item"], "qty": str(done.args["qty"])}


def _stop_reason(moment: Moment, done: Done) -> Outcome:
    since = stops.forget(moment, done.id)
    if since is None:
        raise Refused("undo_nothing", act=done.act)
    facts.refresh(moment.connection, moment.press, since, moment.now)
    return {"reason": done.args["reason"]}


def _kind(moment: Moment, done: Done) -> Outcome:
    run = int(done.outcome["run"])
    _check_last(moment, done, run)
    before = segments.before(moment, run, done.id)
    if before is None or not segments.change_kind(moment, run, before.kind):
        raise Refused("undo_nothing", act=done.act)
    if before.kind == "production":
        first_articles.settle(moment)
    return {"run": run, "kind": before.kind, **_again(moment, [run])}


def _output(moment: Moment, done: Done) -> Outcome:
    run = int(done.outcome["run"])
    _check_last(moment, done, run)
    before = segments.before(moment, run, done.id)
    output = next(o for o in runs.outputs(moment.connection, run)
                  if o.item == done.outcome["item"])  # fmt: skip
    closed = segments.closed_reason(moment.connection, before.id, output.id) if before else None
    if before is None or not segments.change_output(moment, run, output.id, closed):
        raise Refused("undo_nothing", act=done.act)
    return {"run": run, "item": output.item, **_again(moment, [run])}


def _scan(moment: Moment, done: Done) -> Outcome:
    """A wrong order: the run is as if it had not been opened, and what it ended goes on."""
    if done.outcome.get("result") != "opened":
        return _lot(moment, done)
    run = int(done.outcome["run"])
    _check_last(moment, done, run)
    materials.forget(moment, done.id)
    resumed = runs.take_back(moment, run, done.id)
    return {
        "run": run,
        "resumed": resumed,
        **_again(moment, [run, *([resumed] if resumed else [])]),
    }


def _lot(moment: Moment, done: Done) -> Outcome:
    if not materials.forget(moment, done.id):
        raise Refused("undo_cannot", act=done.act)
    run = int(done.outcome["run"])
    reporting.remind_of(moment.connection, run, moment.now)
    return {"run": run, **_again(moment, [run])}


def _finish(moment: Moment, done: Done) -> Outcome:
    run = int(done.outcome["run"])
    _check_last(moment, done, run)
    if not runs.go_on(moment, run):
        raise Refused("undo_nothing", act=done.act)
    return {"run": run, **_again(moment, [run])}


def _assign(moment: Moment, done: Done) -> Outcome:
    run = int(done.outcome["run"])
    if not runs.assigned_by(moment.connection, run, done.id):
        raise Refused("undo_cannot", act=done.act)
    since = runs.empty(moment.connection, run).since
    return {"run": run, **_again(replace(moment, at=since), [run])}


def _accepted(moment: Moment, done: Done) -> Outcome:
    return _decided(done, lambda name: reporting.reverse(
        moment.connection, name, moment.who, UNDONE, moment.now))  # fmt: skip


def _refused(moment: Moment, done: Done) -> Outcome:
    return _decided(done, lambda name: reporting.accept(
        moment.connection, name, moment.who, moment.now))  # fmt: skip


def _decided(done: Done, decide: Callable[[str], Report]) -> Outcome:
    name = str(done.outcome["report"])
    try:
        report = decide(name)
    except StateError:
        raise Refused("undo_followed", act=done.act, other="decision") from None
    return {"report": report.name, "state": report.state}


def _check_last(moment: Moment, done: Done, run: int) -> None:
    """Nobody changed the job at the press after it."""
    row = moment.connection.execute(
        """
        select a.act from people.act a
        where a.press = %(press)s and a.act = any(%(jobs)s) and a.id <> %(act)s
          and (a.at, a.recorded_at) > (%(at)s, %(recorded)s)
          and not exists (select from people.act u where u.press = a.press and u.act = 'undo'
                          and u.undoes = a.id)
        order by a.at limit 1
        """,
        {"press": moment.press, "jobs": list(JOBS), "act": done.id, "at": done.at,
         "recorded": done.recorded},
    ).fetchone()  # fmt: skip
    if row is not None:
        raise Refused("undo_followed", act=done.act, other=row[0])


def _again(moment: Moment, changed: list[int]) -> Outcome:
    """Facts anew from the moment on, and reports of what differs."""
    facts.refresh(moment.connection, moment.press, moment.at, moment.now)
    reporting.remind(moment.connection, moment.press, moment.at, moment.now)
    last = shifts.boundary_before(moment.connection, moment.now)
    for run in changed:
        reporting.propose(moment.connection, last, moment.now, run=run)
    return {}


UNDO: Mapping[str, Callable[[Moment, Done], Outcome]] = MappingProxyType({
    "scrap": _scrap,
    "stop_reason": _stop_reason,
    "segment": _kind,
    "first_article": _kind,
    "output": _output,
    "scan": _scan,
    "finish": _finish,
    "assign": _assign,
    "accept": _accepted,
    "dispose": _accepted,
    "reject": _refused,
    "reverse": _refused,
    "consume": _consumed,
})  # fmt: skip
