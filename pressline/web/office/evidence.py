"""What stands behind a work order's number: runs, postings, reports, moves, events, readings."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg.rows import dict_row

from database.connection import Connection
from mes_bridge import readings as stored
from mes_bridge.undoing import UNDO

Row = dict[str, Any]

MOST = 2000  # readings on one page
BAR = 60  # height of the tallest bar of a quarter hour, in drawing units


def runs(connection: Connection, code: str, now: datetime) -> list[Row]:
    """Runs of the order with what they made, their segments, counter events and acts."""
    with connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(
            """
            select o.run, o.run_output, o.press, p.line, o.die, o.since, o.until, o.source, o.item,
                   op.seq, op.name as operation, op.last, a.who, e.name as who_name,
                   o.strokes, o.production, o.other, o.scrap, o.good,
                   o.surplus, o.transferred, o.given, g.run_wh, g.idle_wh, g.unknown_wh,
                   array(select channel from mes.counter k where k.press = o.press) as channels
            from board.run_output o
            join erp.work_order_operation op on op.id = o.operation
            join mes.run r on r.id = o.run
            join board.run_energy g on g.run = o.run
            left join people.act a on a.id = r.act
            left join people.person e on e.code = a.who
            join plant.press p on p.name = o.press
            where op.work_order = %s and not isempty(r.span) order by o.since, o.run_output
            """,
            [code],
        ).fetchall()
    for run in found:
        run["segments"] = segments(connection, run)
        run["events"] = events(connection, run, now)
        run["acts"] = acts(connection, run, now)
    return found


def segments(connection: Connection, run: Row) -> list[Row]:
    """Segments of a run with strokes and what this output yielded in each."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """
            select s.kind, lower(s.span) as since, upper(s.span) as until, p.strokes, p.parts,
                   so.parts_num, so.parts_den, so.closed_reason
            from board.run_parts(%s) p
            join mes.run_segment s on s.id = p.segment
            join mes.segment_output so on so.segment = s.id and so.run_output = p.run_output
            where p.run_output = %s order by lower(s.span)
            """,
            [run["run"], run["run_output"]],
        ).fetchall()


def events(connection: Connection, run: Row, now: datetime) -> list[Row]:
    """Counter events of the press while the run was on: all that was not a plain step."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """
            select e.event, e.kind, e.from_at, e.at, e.old_value, e.new_value, e.strokes, e.held,
                   e.decided_count, e.gaps
            from board.counter_event e
            where e.press = %s and e.at >= %s and e.from_at < %s order by e.at
            """,
            [run["press"], run["since"], run["until"] or now],
        ).fetchall()


def acts(connection: Connection, run: Row, now: datetime) -> list[Row]:
    """What people did at the press while the run was on."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """
            select a.id, a.at, a.who, e.name as who_name, a.act,
                   a.act = any(%s) and not exists (
                     select from people.act u where u.press = a.press and u.act = 'undo'
                       and u.undoes = a.id) as undoable, a.args ->> 'qty' as qty,
                   a.args ->> 'reason' as reason,
                   coalesce(a.args ->> 'item', a.args ->> 'work_order', a.args ->> 'die',
                            a.args ->> 'report') as subject
            from people.act a join people.person e on e.code = a.who
            where a.press = %s and a.at >= %s and a.at <= %s order by a.at
            """,
            [list(UNDO), run["press"], run["since"], run["until"] or now],
        ).fetchall()


def reports(connection: Connection, code: str) -> list[Row]:
    """Reports of the order, oldest first, and who decided."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """
            select r.report, r.press, r.line, r.good, r.excess, r.surplus, r.transferred,
                   r.to_order, r.other, r.state, r.flags,
                   r.proposed_at, r.decided_at, r.decided_by, e.name as decided_name, r.reason
            from board.report r left join people.person e on e.code = r.decided_by
            where r.work_order = %s order by r.proposed_at, r.n
            """,
            [code],
        ).fetchall()


def postings(connection: Connection, code: str) -> list[Row]:
    """Postings of the order in the order they were written."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """
            select p.id, p.at, p.kind, p.qty, p.reason, p.reverses, p.who, e.name as who_name,
                   o.press, sh.date as shift_date, sh.code as shift_code,
                   op.work_order || '/' || o.item || '/' || r.n as report
            from mes.posting p
            join board.run_output o on o.run_output = p.run_output
            join erp.work_order_operation op on op.id = o.operation
            left join plant.shift sh on sh.id = p.shift
            left join erp.production_report r on r.id = p.report
            left join people.person e on e.code = p.who
            where op.work_order = %s order by p.at, p.id
            """,
            [code],
        ).fetchall()


def moves(connection: Connection, code: str) -> list[Row]:
    """Stock moves of the order: output in, material out, reversals."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """
            select m.id, m.at, m.item, i.name_zh, i.name_en, i.unit, m.lot, m.qty,
                   m.from_location, m.to_location, m.reverses, m.reason,
                   f.name_zh as from_zh, f.name_en as from_en,
                   t.name_zh as to_zh, t.name_en as to_en
            from erp.stock_move m
            join erp.item i on i.code = m.item
            join erp.location f on f.code = m.from_location
            join erp.location t on t.code = m.to_location
            where m.work_order = %s order by m.id
            """,
            [code],
        ).fetchall()


def quarters(connection: Connection, run: Row, now: datetime) -> list[Row]:
    """Strokes of the run in each quarter hour."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """
            select date_bin('15 minutes', c.at, '2000-01-01Z') as quarter,
                   sum(c.amount)::bigint as strokes
            from mes.owned_count c
            where c.run = %(run)s and c.press = %(press)s and c.measure = 'stroke'
              and c.at >= %(since)s and c.at <= %(until)s
            group by 1 order by 1
            """,
            {**_span(run, now), "run": run["run"], "press": run["press"]},
        ).fetchall()


def _span(run: Row, now: datetime) -> Row:
    return {"since": run["since"], "until": run["until"] or now}


def bars(found: Sequence[Row]) -> list[Row]:
    """The quarter hours as bars of a drawing."""
    most = max((row["strokes"] for row in found), default=1)
    return [
        {**row, "x": 14 * n, "height": max(1, round(BAR * row["strokes"] / most))}
        for n, row in enumerate(found)
    ]


def readings(connection: Connection, run: Row, begin: datetime, end: datetime) -> list[Row]:
    """Readings of the stroke counter within the run, each with what its pair counted as.

    The reading before the first one is there too: a step needs two. One more than `MOST` says that
    there is more.
    """
    found = stored.span(connection, run["channels"], begin, end, MOST + 1)
    meant = _meanings(connection, run, [row["at"] for row in found])
    return [{**row, "early": row["at"] < begin, **meant[row["at"]]} for row in found]


def _meanings(connection: Connection, run: Row, at: Sequence[datetime]) -> dict[datetime, Row]:
    """What was counted and noted at each of these instants."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            """
            select taken.at, counted.amount, counted.kinds, counted.mine,
                   event.kind as event_kind, event.name as event, event.held,
                   event.strokes as event_strokes
            from (select distinct unnest(%(at)s::timestamptz[]) as at) taken
            left join lateral (
              select sum(c.amount)::bigint as amount, array_agg(distinct c.kind) as kinds,
                     bool_or(c.run = %(run)s) as mine
              from mes.owned_count c
              where c.channel = any(%(channels)s) and c.press = %(press)s and c.measure = 'stroke'
                and c.at = taken.at
            ) counted on true
            left join lateral (
              select e.kind, e.press || '/' || e.n as name, e.held, e.amount as strokes
              from mes.counter_event e where e.channel = any(%(channels)s)
                and (e.at = taken.at or e.gaps > 1 and e.id in (
                  select m.event from mes.count m
                  where m.channel = any(%(channels)s) and m.at = taken.at))
              limit 1
            ) event on true
            """,
            {"at": list(at), **{name: run[name] for name in ("channels", "press", "run")}},
        ).fetchall()
    return {row.pop("at"): row for row in rows}


def explained(row: Row) -> Row:
    """What a reading meant: `as` names the sentence, `css` how it stands out."""
    difference = None
    if row["value"] is not None and row["before"] is not None:
        difference = row["value"] - row["before"]
    meant = _meant(row, difference)
    amount = None if row["early"] else row["amount"]
    css = "plain" if meant in PLAIN else "odd"
    return {"amount": amount, "difference": difference, "as": meant, "css": css}


PLAIN = ("step", "same", "before")


def _meant(row: Row, difference: int | None) -> str:
    """The first that holds, the most doubtful first."""
    odd = [kind for kind in row["kinds"] or () if kind != "step"]
    cases = (
        (row["early"], "before"),
        (row["quality"] != stored.GOOD, "not_good"),
        (row["held"], "held"),
        (row["amount"] and not row["mine"], "not_mine"),
        (odd, odd[0] if odd else ""),
        (row["amount"], "step"),
        (row["event_kind"], row["event_kind"]),
        (difference == 0, "same"),
        (row["before"] is None, "baseline"),
    )
    return next((meant for holds, meant in cases if holds), "waits")
