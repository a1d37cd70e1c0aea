"""A plant of many presses at work, and a die with a history, written straight into the books."""

from datetime import datetime, timedelta

from argon2 import PasswordHasher

from database.connection import Connection

PIN = "4711"
RUNS_FOR = timedelta(hours=2)  # how long every press but the first has been at its order


def press(n: int) -> str:
    """The n-th press."""
    return f"P{n + 1:03}"


def person(n: int) -> str:
    """Who works at the n-th press."""
    return f"op{n + 1:03}"


def badge(n: int) -> str:
    """Their badge."""
    return f"B-{n + 1:03}"


def furnish(connection: Connection, presses: int, strokes: int, now: datetime) -> None:
    """Write it: every press on an order since two hours, the first since its million strokes."""
    places = {
        "presses": presses, "strokes": strokes, "now": now, "since": now - RUNS_FOR,
        "pin": PasswordHasher().hash(PIN),
    }  # fmt: skip
    with connection.transaction():
        for statement in (*_MASTERS, *_JOBS, *_COUNTS):
            connection.execute(statement, places)
    connection.execute("analyze")


_N = "select n, 'P' || lpad(n::text, 3, '0') as press from generate_series(1, %(presses)s) n"
_MASTERS = (
    "insert into plant.site (site, time_zone, silence) values ('crowd', 'Asia/Shanghai', '1 day')",
    "insert into plant.line select 'L' || n, n from generate_series(1, 10) n",
    f"insert into plant.press (name, line, position, top_spm, stop_after, stroke_channel) "
    f"select press, 'L' || 1 + (n - 1) / 20, n, 90, '30 s', 'strokes' from ({_N}) p",
    f"insert into signal.channel (site, node, device, name, kind, datatype) "
    f"select 'crowd', 'edge-1', press, 'strokes', 'counter', 5 from ({_N}) p",
    "insert into signal.latest "
    "(site, node, device, part, revision, channel, arrived, at, count, quality) "
    "select site, node, device, 0, 1, array[id], array[%(now)s::timestamptz], "
    "array[%(now)s::timestamptz], array[1000::bigint], array[192::int2] from signal.channel",
    f"insert into people.person (code, name, role, lines, badge, pin_hash) "
    f"select 'op' || lpad(n::text, 3, '0'), 'Operator ' || n, 'operator', "
    f"array['L' || 1 + (n - 1) / 20], 'B-' || lpad(n::text, 3, '0'), %(pin)s from ({_N}) p",
    f"insert into erp.item (code, name_zh, name_en, unit, kind) "
    f"select 'IT-' || n, '零件 ' || n, 'Part ' || n, 'pcs', 'part' from ({_N}) p",
    f"insert into erp.die (code, name, life_strokes) select 'D-' || n, '', 2000000 from ({_N}) p",
    f"insert into erp.die_output (die, item, parts_num, parts_den) "
    f"select 'D-' || n, 'IT-' || n, 1, 1 from ({_N}) p",
)
_BEGAN = "case when n = 1 then %(now)s - %(strokes)s * interval '1 s' else %(since)s end"
_JOBS = (
    f"insert into erp.work_order (code, item, qty, state, created, created_by) "
    f"select 'WO-' || n, 'IT-' || n, 5000000, 'running', %(since)s, 'bench' from ({_N}) p",
    f"insert into erp.work_order_operation (work_order, seq, name, die, last) "
    f"select 'WO-' || n, 10, 'stamp', 'D-' || n, true from ({_N}) p",
    f"insert into mes.die_mount (press, die, span) "
    f"select press, 'D-' || n, tstzrange({_BEGAN}, null) from ({_N}) p",
    f"insert into mes.run (press, die, span, source) "
    f"select press, 'D-' || n, tstzrange({_BEGAN}, null), 'scan' from ({_N}) p order by n",
    "insert into mes.run_segment (run, kind, span) select id, 'production', span from mes.run",
    "insert into mes.run_output (run, item, operation) "
    "select r.id, w.item, o.id from mes.run r join erp.work_order_operation o on o.die = r.die "
    "join erp.work_order w on w.code = o.work_order",
    "insert into mes.segment_output (segment, run_output, parts_num, parts_den) "
    "select s.id, o.id, 1, 1 from mes.run_segment s join mes.run_output o on o.run = s.run",
    "insert into mes.press_state (press, span, state) select press, span, 'running' from mes.run",
    "insert into mes.press_watch (press, last_seen, last_stroke, last_signal, dirty_from, since) "
    "select press, %(now)s, %(now)s, 'running', %(now)s, %(now)s from mes.run",
)
_COUNTS = (
    "insert into mes.count (channel, press, measure, from_at, at, amount, kind) "
    "select c.id, r.press, 'stroke', at - interval '1 s', at, 1, 'step' "
    "from mes.run r join signal.channel c on c.device = r.press "
    "cross join lateral generate_series(lower(r.span) + interval '1 s', %(now)s, '1 s') at",
    "insert into mes.fact_minute (press, minute, segment, strokes, running_s) "
    "select c.press, date_trunc('minute', c.at), s.id, count(*), 60 from mes.count c "
    "join mes.run r on r.press = c.press join mes.run_segment s on s.run = r.id group by 1, 2, 3",
)
