"""Postings: the append-only rows that say how many parts of an output are of which kind."""

from datetime import datetime

from database.connection import Connection
from erp_core.production.reports import Report
from mes_bridge.reporting.yields import Key, Target


def so_far(connection: Connection, run_outputs: list[int]) -> Target:
    """What is posted of these outputs."""
    rows = connection.execute(
        "select run_output, shift, kind, reason, sum(qty)::bigint from mes.posting "
        "where run_output = any(%s) group by run_output, shift, kind, reason",
        [run_outputs],
    )
    return {Key(*key): qty for *key, qty in rows}


def write(
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


def take_back(connection: Connection, report: Report, who: str, now: datetime) -> None:
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
        write(connection, Key(output, shift, "adjust"), qty, report=None, who=who, now=now)


def take_up(connection: Connection, report: Report, who: str, now: datetime) -> None:
    """The parts of a rejected report are no longer adjusted: they are to be told again."""
    adjusted = connection.execute(
        """
        select run_output, shift, -sum(qty)::bigint from mes.posting
        where report = %s and kind in ('good', 'excess') and reverses is not null
        group by run_output, shift having sum(qty) <> 0
        """,
        [report.id],
    ).fetchall()
    for output, shift, qty in adjusted:
        write(connection, Key(output, shift, "adjust"), -qty, report=None, who=who, now=now)


def undecide(connection: Connection, report: Report, who: str) -> bool:
    """Take back what was decided about excess by this report; True when there was something."""
    taken = connection.execute(
        """
        insert into mes.disposition (report, run_output, shift, kind, reason, qty, at, who)
        select report, run_output, shift, kind, reason, -sum(qty), max(at), %(who)s
        from mes.disposition where report = %(report)s
        group by report, run_output, shift, kind, reason having sum(qty) <> 0
        """,
        {"report": report.id, "who": who},
    )
    return taken.rowcount > 0
