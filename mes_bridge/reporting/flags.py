"""Why a person has to look at a report; looked at again while it waits.

`held`: a count that falls into it is in doubt. `feed`: an operation made more than the one
before it left, or scrap took from an operation what the next one has used. When the cause is gone,
the report is accepted as any other.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from database.connection import Connection
from erp_core.production import reports
from erp_core.production.reports import Report
from mes_bridge.reporting import targets
from mes_bridge.reporting.targets import Source
from mes_bridge.reporting.yields import Key

HELD, FEED = "held", "feed"
OWN = frozenset({HELD, FEED})  # what this module says; other flags stay until somebody decides
MADE = ("good", "excess", "scrap", "sample", "rework", "surplus", "transfer")


def of(
    connection: Connection, source: Source, shift: int | None, told: Mapping[Key, int]
) -> list[str]:
    """Why someone has to look at what is about to be told of an output in a shift."""
    if source.operation is None:
        return []
    held = _held(connection, source.operation, source.run, shift, None)
    doubts = [HELD] if held else []
    if source.given:
        return doubts
    made = sum(qty for key, qty in told.items() if key.kind in MADE)
    good = sum(qty for key, qty in told.items() if key.kind == "good")
    so_far = _made(connection, source.operation, None)
    fed = _feeds(connection, source.operation, so_far + made) if made > 0 else True
    kept = _keeps(connection, source.operation) if good < 0 else True
    return doubts if fed and kept else [*doubts, FEED]


def review(connection: Connection, run_outputs: Sequence[int], now: datetime) -> None:
    """Look again at what waits of these outputs' operations, and of the operations after them."""
    for waiting in _waiting(connection, run_outputs):
        others = [flag for flag in waiting.flags if flag not in OWN]
        where = (waiting.operation, waiting.run, waiting.shift, waiting.report)
        doubts = [HELD] if _held(connection, *where) else []
        so_far = _made(connection, waiting.operation, waiting.report)
        fed = _feeds(connection, waiting.operation, so_far)
        kept = waiting.good >= 0 or _keeps(connection, waiting.operation)
        doubts += [] if fed and kept else [FEED]
        reports.flag(connection, waiting.report, [*others, *doubts], now)


def used_by(connection: Connection, report: Report) -> int | None:
    """Parts that the next operation took in, where it could not have without this report's."""
    after = _neighbour(connection, report.operation, 1)
    if after is None or report.good <= 0:
        return None
    used = _made(connection, after, None)
    return used if used > _left(connection, report.operation) - report.good else None


class _Waiting(NamedTuple):
    report: int
    operation: int
    run: int
    shift: int | None
    good: int
    flags: list[str]


def _waiting(connection: Connection, run_outputs: Sequence[int]) -> list[_Waiting]:
    rows = connection.execute(
        """
        with changed as (
          select distinct op.work_order, op.seq from mes.run_output o
          join erp.work_order_operation op on op.id = o.operation where o.id = any(%s)
        )
        select r.id, r.operation, r.run, r.shift, r.good, r.flags
        from erp.production_report r
        join erp.work_order_operation op on op.id = r.operation
        where r.state = 'waiting' and not 'excess' = any(r.flags)
          and exists (select from changed c
                      where c.work_order = op.work_order and c.seq <= op.seq)
        order by r.id
        """,
        [list(run_outputs)],
    )
    return [_Waiting(*row) for row in rows]


def _held(
    connection: Connection, operation: int, run: int, shift: int | None, report: int | None
) -> bool:
    """Whether a count that is held falls into the report (None: the one about to be written).

    It falls into the first report of its run and shift that comes after it; those after that one
    are of other strokes. Strokes of no order are in none.
    """
    held = connection.execute(
        """
        select from mes.counter_event e
        join mes.run r on r.press = e.press and r.id = %(run)s
        where e.held and e.decided_act is null
          and r.span && tstzrange(e.from_at, e.at, '(]')
          and (%(shift)s::bigint is null
               or tstzrange(e.from_at, e.at, '(]')
                  && (select s.span from plant.shift s where s.id = %(shift)s))
          and e.at <= coalesce((select proposed_at from erp.production_report
                                where id = %(report)s), 'infinity')
          and not exists (
            select from erp.production_report p
            where p.operation = %(operation)s and p.run = %(run)s
              and p.shift is not distinct from %(shift)s and p.proposed_at >= e.at
              and p.id < coalesce(%(report)s, p.id + 1) and not 'excess' = any(p.flags))
        limit 1
        """,
        {"operation": operation, "run": run, "shift": shift, "report": report},
    )
    return held.fetchone() is not None


def _made(connection: Connection, operation: int, until: int | None) -> int:
    """Parts that the operation took in, of its reports up to that one (None: all).

    What setup, trial and maintenance strokes took in nobody knows: the die may have been empty.
    """
    row = connection.execute(
        """
        select coalesce(sum(p.qty), 0)::bigint from mes.posting p
        join mes.run_output o on o.id = p.run_output
        where o.operation = %s and not o.given and p.kind = any(%s)
          and (%s::bigint is null or p.report <= %s)
        """,
        [operation, list(MADE), until, until],
    ).fetchone()
    assert row is not None
    return row[0]


def _feeds(connection: Connection, operation: int, made: int) -> bool:
    """Whether the operation before left so many parts; the first one has none before it."""
    before = _neighbour(connection, operation, -1)
    return before is None or made <= _left(connection, before)


def _keeps(connection: Connection, operation: int) -> bool:
    """Whether the operation has left what the next one has taken in."""
    after = _neighbour(connection, operation, 1)
    return after is None or _made(connection, after, None) <= _left(connection, operation)


def _left(connection: Connection, operation: int) -> int:
    """Good parts that were counted of an operation until now: those of its next report, too."""
    rows = connection.execute("select id from mes.run_output where operation = %s", [operation])
    return targets.good_of(connection, [output for (output,) in rows])


def _neighbour(connection: Connection, operation: int, direction: int) -> int | None:
    row = connection.execute(
        """
        select o.id from erp.work_order_operation o
        join erp.work_order_operation own on own.id = %(own)s and own.work_order = o.work_order
        where sign(o.seq - own.seq) = %(direction)s
        order by abs(o.seq - own.seq) limit 1
        """,
        {"own": operation, "direction": direction},
    ).fetchone()
    return row[0] if row else None
