"""Two years of a plant, written straight into its books by SQL: what the code would have derived.

Every day of a press is like every other, so that each table is arithmetic: a stroke every 375 s
from 06:02:30 to 21:58:45, an order after the other, facts by the hour and lately by the minute.
`bench/age/derived.py` holds one day of one press against what the bridge derives from its readings.
"""

import re
from collections.abc import Sequence

from psycopg.types.numeric import Int8

from bench.age.size import Size
from database.connection import Connection

BADGE = "B-BOSS"
ROOMS_OF_BEFORE = {
    "plant.site": ("mes", "plant"),
    "people.person": ("erp", "person"),
    "people.act": ("mes", "act"),
    "plant.": ("mes", ""),
}
"""How the tables were called before the rooms people and plant, longest name first."""


def furnish(connection: Connection, size: Size, *, history: bool = True) -> None:
    """Write masters, calendar, orders and runs; with `history` also all that was counted.

    Indices of big tables are made after their rows. Running sums are left to the last statements.
    """
    connection.execute("set synchronous_commit = off")
    connection.execute("set maintenance_work_mem = '512MB'")
    connection.execute("set session_replication_role = replica")  # sums and keys: once, at the end
    _run(connection, size, MASTERS + CALENDAR + JOBS)
    if history:
        later = _drop_indices(connection)
        _run(connection, size, COUNTS + FACTS + REPORTS + MOVES + ACTS + STANDS)
        for index in later:
            connection.execute(index.encode())
        _run(connection, size, _sums(connection))
    _set_sequences(connection)
    connection.execute("set session_replication_role = origin")
    connection.execute("vacuum (analyze)")


def is_before_rooms(connection: Connection) -> bool:
    """Whether the schema is one from before people and plant had rooms of their own."""
    return connection.execute("select to_regclass('plant.site')").fetchone() == (None,)


def named(connection: Connection, statement: str) -> str:
    """The statement with the names that its tables have in this schema."""
    if not is_before_rooms(connection):
        return statement
    for name, before in ROOMS_OF_BEFORE.items():
        statement = re.sub(rf"(?<![\w.'%]){re.escape(name)}", ".".join(before), statement)
    return statement


def _run(connection: Connection, size: Size, statements: Sequence[str]) -> None:
    places = {k: Int8(v) if isinstance(v, int) else v for k, v in size.places.items()}
    for statement in statements:
        connection.execute(named(connection, statement).encode(), places)


def _drop_indices(connection: Connection) -> list[str]:
    """Drop the plain indices of the big tables; returns how to make them."""
    rows = connection.execute(
        "select i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) from pg_index i "
        "where not indisunique and indrelid = any(%s::regclass[])",
        [[named(connection, table) for table in BIG]],
    ).fetchall()
    for name, _ in rows:
        connection.execute(f"drop index {name}".encode())
    return [made for _, made in rows]


def _sums(connection: Connection) -> list[str]:
    """The running sums that this schema keeps, each the sum of what it is a sum of."""
    return [
        statement
        for table, statement in SUMS.items()
        if connection.execute("select to_regclass(%s)", [table]).fetchone() != (None,)
    ]


def _set_sequences(connection: Connection) -> None:
    """Numbers were given by hand: the next ones go on behind them."""
    rows = connection.execute(
        "select c.oid::regclass::text, a.attname, pg_get_serial_sequence(c.oid::regclass::text, "
        "a.attname) from pg_attribute a join pg_class c on c.oid = a.attrelid "
        "where a.attidentity <> '' and c.relkind = 'r' "
        "and c.relnamespace::regnamespace::text in ('erp', 'mes', 'people', 'plant', 'signal')"
    ).fetchall()
    for table, column, sequence in rows:
        connection.execute(
            f"select setval('{sequence}', greatest(max({column}), 1)) from {table}".encode()
        )


BIG = ["mes.count", "mes.fact_minute", "erp.stock_move", "mes.posting", "people.act"]

# -- who and what there is; `n` is the number of a press

_PRESSES = """
  (select n, 'P' || lpad(n::text, 3, '0') as press from generate_series(1, %(presses)s) n)
"""
MASTERS = (
    "insert into plant.site (site, time_zone, silence) values ('age', 'UTC', '10 min')",
    "insert into plant.line select 'L' || n, n from generate_series(1, 6) n",
    f"""
    insert into plant.press (name, line, position, top_spm, stop_after, stroke_channel)
    select press, 'L' || 1 + mod(n, 6), n, 60, '400 s', 'strokes' from {_PRESSES} p
    """,
    "insert into signal.node (site, node, online, since) values ('age', 'edge-1', true, %(began)s)",
    """
    insert into signal.outbox (id, uuid, site, node, number, arrived) overriding system value
    values (1, 'age', 'age', 'edge-1', %(read)s * %(presses)s::bigint, %(now)s)
    """,
    f"""
    insert into signal.channel (id, site, node, device, name, kind, datatype)
    overriding system value select n, 'age', 'edge-1', press, 'strokes', 'counter', 5
    from {_PRESSES} p
    """,
    """
    insert into people.person (code, name, role, lines, badge)
    values ('boss', 'Boss', 'manager', '{}', 'B-BOSS'),
      ('bench', 'Bench', 'leader', '{}', 'B-BENCH'), ('lead', 'Lead', 'leader', '{L1}', 'B-LEAD')
    """,
    """
    insert into erp.location (code, name_zh, name_en, kind)
    select code, code, code, kind from (values ('RAW', 'stock'), ('WIP', 'stock'), ('FG', 'stock'),
      ('PRODUCTION', 'production'), ('SUPPLIER', 'supplier'), ('CUSTOMER', 'customer'))
      as l (code, kind)
    """,
    """
    insert into erp.item (code, name_zh, name_en, unit, kind)
    select 'BUY-' || n, '外购 ' || n, 'Bought ' || n, 'pcs', 'bought'
    from generate_series(1, %(items)s) n
    """,
    f"""
    insert into erp.item (code, name_zh, name_en, unit, kind)
    select 'IT-' || n || '-' || k, '零件 ' || n || k, 'Part ' || n || k, 'pcs', 'part'
    from {_PRESSES} p cross join generate_series(0, 3) k
    """,
    f"""
    insert into erp.die (code, name, life_strokes) select 'D-' || n || '-' || k, '', 2000000
    from {_PRESSES} p cross join generate_series(0, 3) k
    """,
    f"""
    insert into erp.die_output (die, item, parts_num, parts_den)
    select 'D-' || n || '-' || k, 'IT-' || n || '-' || k, 1, 1
    from {_PRESSES} p cross join generate_series(0, 3) k
    """,
)

CALENDAR = (
    """
    insert into plant.shift_pattern (code, start_time, end_time, breaks) values
    ('early', '06:00', '14:00', '[["10:00", "10:15"]]'), ('late', '14:00', '22:00', '[]'),
    ('night', '22:00', '06:00', '[]')
    """,
    """
    insert into plant.shift (id, date, code, span) overriding system value
    select 3 * d + k, (%(began)s + d * interval '1 day')::date,
           (array['early', 'late', 'night'])[k],
           tstzrange(%(began)s + d * interval '1 day' + (8 * k - 2) * interval '1 hour',
                     %(began)s + d * interval '1 day' + (8 * k + 6) * interval '1 hour')
    from generate_series(0, %(days)s) d cross join generate_series(1, 3) k
    """,
    """
    insert into plant.shift_break (shift, span)
    select id, tstzrange(lower(span) + interval '4 hours', lower(span) + interval '255 min')
    from plant.shift where code = 'early'
    """,
)

# -- orders and runs: of each press one after the other, the last one open; first an hour of setup

_RUNS = """
  (select n, i, (n - 1) * %(runs)s + i + 1 as id, 'P' || lpad(n::text, 3, '0') as press,
          n || '-' || mod(i, 4) as kind, i = %(runs)s - 1 as open,
          %(began)s + i * %(run_hours)s * interval '1 hour' as since,
          case when i < %(runs)s - 1
               then %(began)s + (i + 1) * %(run_hours)s * interval '1 hour' end as until
   from generate_series(1, %(presses)s) n cross join generate_series(0, %(runs)s - 1) i)
"""
JOBS = (
    f"""
    insert into erp.work_order (code, item, qty, state, due, created, created_by)
    select 'WO-' || lpad(id::text, 6, '0'), 'IT-' || kind, 1000,
           case when open then 'running' else 'closed' end,
           (since + interval '7 days')::date, since, 'bench' from {_RUNS} r
    """,
    """
    insert into erp.work_order (code, item, qty, state, due, created, created_by)
    select 'WO-' || lpad(id::text, 6, '0'), 'IT-' || 1 + mod(id, %(presses)s) || '-0', 1000,
           'released', (%(now)s + mod(id, 60) * interval '1 day')::date, %(now)s, 'bench'
    from generate_series(%(presses)s * %(runs)s + 1, %(orders)s) id
    """,
    """
    insert into erp.work_order_operation (id, work_order, seq, name, die, last)
    overriding system value
    select substr(code, 4)::bigint, code, 10, 'stamp', 'D-' || substr(item, 4), true
    from erp.work_order
    """,
    f"""
    insert into mes.die_mount (id, press, die, span) overriding system value
    select id, press, 'D-' || kind, tstzrange(since, until) from {_RUNS} r
    """,
    f"""
    insert into mes.run (id, press, die, span, source) overriding system value
    select id, press, 'D-' || kind, tstzrange(since, until), 'scan' from {_RUNS} r
    """,
    f"""
    insert into mes.run_segment (id, run, kind, span) overriding system value
    select 2 * id - 1, id, 'setup', tstzrange(since, since + interval '1 hour') from {_RUNS} r
    union all
    select 2 * id, id, 'production', tstzrange(since + interval '1 hour', until) from {_RUNS} r
    """,
    f"""
    insert into mes.run_output (id, run, item, operation) overriding system value
    select id, id, 'IT-' || kind, id from {_RUNS} r
    """,
    """
    insert into mes.segment_output (segment, run_output, parts_num, parts_den)
    select id, run, 1, 1 from mes.run_segment
    """,
)

# -- what was counted

COUNTS = (
    """
    insert into mes.count
      (channel, press, measure, from_at, at, amount, kind, outbox, number, unseen)
    select n, 'P' || lpad(n::text, 3, '0'), 'stroke', at - %(every)s * interval '1 s', at, 1,
           case when gap then 'gap' else 'step' end, 1, (d * 231 + k) * %(presses)s + n, gap
    from (
      select m, 1 + mod(m, %(presses)s) as n, %(first)s + mod(m / %(presses)s, %(strokes)s) as k,
             m / (%(presses)s * %(strokes)s) as d
      from generate_series(0, %(presses)s * %(strokes)s * (%(days)s + 1) - 1) m
    ) stroke
    cross join lateral (
      select %(began)s + (d * 86400 + k * %(every)s) * interval '1 s' as at,
             k in (100, 150) and d < %(unseen_days)s as gap
    ) told
    where at <= %(now)s order by m
    """,
    """
    insert into mes.counter_event
      (press, n, channel, kind, from_at, at, old_value, new_value, amount, outbox, number, unseen)
    select press, row_number() over (partition by press order by at), channel, 'gap', from_at, at,
           0, 1, 1, outbox, number, true
    from mes.count where unseen
    """,
    """
    insert into mes.press_state (press, span, state)
    select 'P' || lpad(n::text, 3, '0'),
           case s.state when 'running'
             then tstzrange(begins, case when d < %(days)s then ends end)
             else tstzrange(case when d > 0 then ends - interval '1 day' else day end, begins) end,
           s.state
    from generate_series(0, %(days)s) d
    cross join lateral (select %(began)s + d * interval '1 day' as day) at
    cross join lateral (select day + %(first)s * %(every)s * interval '1 s' as begins,
                               day + %(last)s * %(every)s * interval '1 s' as ends) of
    cross join (values ('stopped'), ('running')) s (state)
    cross join generate_series(1, %(presses)s) n
    """,
)

# A day by units of so many seconds: strokes that fall within each, and seconds that the press ran.
_DAY = """
  (select u, count(k) filter (where not gap) as strokes,
          greatest(least((u + 1) * {unit}, %(last)s * %(every)s)
                   - greatest(u * {unit}, %(first)s * %(every)s), 0) as running_s
   from generate_series(0, 86400 / {unit} - 1) u
   left join (select k, {gap} as gap from generate_series(%(first)s, %(last)s) k) k
     on k * %(every)s / {unit} = u
   group by u)
"""
# The segment of an hour of press `n`: the first of a run is setup.
_SEGMENT = """
  2 * ((n - 1) * %(runs)s + {hour} / %(run_hours)s + 1)
  - case when mod({hour}, %(run_hours)s) = 0 then 1 else 0 end
"""
FACTS = (
    f"""
    insert into mes.fact_minute (press, minute, segment, strokes, running_s, stopped_s)
    select 'P' || lpad(n::text, 3, '0'), %(began)s + h * interval '1 hour',
           {_SEGMENT.format(hour="h")},
           case when h / 24 < %(unseen_days)s then gapped.strokes else day.strokes end,
           day.running_s, 3600 - day.running_s
    from generate_series(0, %(hour_facts)s - 1) h
    cross join generate_series(1, %(presses)s) n
    join {_DAY.format(unit=3600, gap="false")} day on day.u = mod(h, 24)
    join {_DAY.format(unit=3600, gap="k in (100, 150)")} gapped on gapped.u = day.u
    """,
    f"""
    insert into mes.fact_minute (press, minute, segment, strokes, running_s, stopped_s)
    select 'P' || lpad(n::text, 3, '0'), %(began)s + m * interval '1 min',
           {_SEGMENT.format(hour="m / 60")},
           day.strokes, day.running_s, 60 - day.running_s
    from generate_series(60 * %(hour_facts)s, 60 * %(hours)s - 1) m
    cross join generate_series(1, %(presses)s) n
    join {_DAY.format(unit=60, gap="false")} day on day.u = mod(m, 1440)
    """,
    f"""
    insert into mes.fact_minute (press, minute, segment, strokes)
    select press, null, {_SEGMENT.format(hour="h")}, count(*)
    from (select press, channel as n,
                 floor(extract(epoch from at - %(began)s) / 3600)::int as h
          from mes.count where unseen) c
    group by 1, 3
    """,
)

# -- what was reported and moved

REPORTS = (
    """
    create temp table made as
    select s.run, coalesce(sum(f.strokes) filter (where s.kind = 'setup'), 0)::bigint as setup,
           coalesce(sum(f.strokes) filter (where s.kind <> 'setup'), 0)::bigint as good,
           min(r.press) as press, min(lower(r.span)) as since,
           min(coalesce(upper(r.span), %(now)s)) as until
    from mes.run r join mes.run_segment s on s.run = r.id
    left join (select segment, sum(strokes) as strokes from mes.fact_minute group by 1) f
      on f.segment = s.id
    group by s.run
    """,
    """
    create temp table told as
    select (run - 1) * %(reports)s + k as id, run, k, press,
           case when k < %(reports)s then good / %(reports)s
                else good - good / %(reports)s * (%(reports)s - 1) - 1 end as good,
           case when k = 1 then setup else 0 end
             + case when k = %(reports)s then 1 else 0 end as other,
           since + (until - since) * k / %(reports)s as at,
           case when k = 1 then setup else 0 end as setup
    from made cross join generate_series(1, %(reports)s) k
    """,
    """
    insert into erp.production_report
      (id, operation, n, run, good, excess, other, state, lot, proposed_at, decided_at, decided_by)
    overriding system value
    select id, run, k, run, good, 0, other, 'accepted', 'L-' || run, at, at, 'pressline' from told
    """,
    """
    insert into mes.posting (run_output, kind, reason, qty, report, idempotency_key, at, who)
    select run, kind, case when kind = 'scrap' then 'burr' end, qty, id, id || '/' || kind, at,
           'pressline'
    from told cross join lateral (values
      ('good', good), ('setup', setup), ('scrap', case when k = %(reports)s then 1 else 0 end)
    ) of (kind, qty) where qty <> 0
    """,
)

MOVES = (
    """
    insert into erp.lot (item, code, created) select o.item, 'L-' || m.run, m.since
    from made m join mes.run_output o on o.id = m.run
    """,
    """
    insert into erp.stock_move (at, item, lot, qty, from_location, to_location, report, work_order,
                                who, reason, idempotency_key)
    select t.at, w.item, 'L-' || t.run, t.good, 'PRODUCTION', 'FG', t.id, w.code, 'pressline',
           'production', 'r' || t.id
    from told t join erp.work_order w on w.code = 'WO-' || lpad(t.run::text, 6, '0')
    where t.good > 0
    """,
    """
    insert into erp.stock_move
      (at, item, lot, qty, from_location, to_location, who, reason, idempotency_key)
    select m.until + interval '2 days', w.item, 'L-' || m.run, s.qty, 'FG', 'CUSTOMER', 'boss',
           'delivery', 'd' || m.run
    from made m join erp.work_order w on w.code = 'WO-' || lpad(m.run::text, 6, '0')
    join (select work_order, sum(qty) as qty from erp.stock_move where report is not null
          group by 1) s on s.work_order = w.code
    where m.until + interval '2 days' < %(now)s
    """,
    """
    insert into erp.stock_move
      (at, item, qty, from_location, to_location, who, reason, idempotency_key)
    select %(began)s + m * ((%(now)s - %(began)s) / %(moves)s),
           'BUY-' || 1 + mod(m / 2, %(items)s),
           case mod(m, 2) when 0 then 100 else 99 end,
           case mod(m, 2) when 0 then 'SUPPLIER' else 'RAW' end,
           case mod(m, 2) when 0 then 'RAW' else 'PRODUCTION' end, 'boss', 'by hand', 'm' || m
    from generate_series(0, greatest(%(moves)s - (select count(*) from erp.stock_move), 0) - 1) m
    """,
)

ACTS = (
    """
    insert into people.act (id, who, press, at, act, args, outcome)
    select gen_random_uuid(), 'bench', press, at, 'scrap', '{"qty": 1, "reason": "burr"}',
           jsonb_build_object('message', 'scrap', 'run', run, 'run_output', run, 'qty', 1,
                              'reason', 'burr')
    from told where k = %(reports)s
    """,
    """
    insert into people.act (id, who, press, at, act, args, outcome)
    select gen_random_uuid(), 'bench', 'P' || lpad((1 + mod(m, %(presses)s))::text, 3, '0'),
           %(began)s + m * ((%(now)s - %(began)s) / %(acts)s), 'stop_reason',
           '{"reason": "changeover"}', '{"message": "stop_reason"}'
    from generate_series(0, greatest(%(acts)s - (select count(*) from people.act), 0) - 1) m
    """,
)

# -- where the bridge stands at the present

STANDS = (
    """
    insert into mes.press_watch (press, last_seen, last_stroke, dirty_from, since, latest, due)
    select 'P' || lpad(n::text, 3, '0'), at, at, %(now)s, at, at, at + interval '400 s'
    from generate_series(1, %(presses)s) n
    cross join (select %(now)s - interval '75 s' as at) last
    """,
    """
    insert into mes.counter (channel, press, measure, base_value, base_at, outbox, number, told_by)
    select n, 'P' || lpad(n::text, 3, '0'), 'stroke', 1000000, %(now)s - interval '75 s', 1,
           (%(read)s - 1) * %(presses)s::bigint + n, 1 from generate_series(1, %(presses)s) n
    """,
    """
    insert into mes.counter_rule (channel, number, line, of_press, factor, top_rate, silence)
    select channel, 0, nextval('mes.counter_line'), of_press, factor, top_rate, silence
    from mes.counter_plan
    """,
    """
    insert into mes.mark (outbox, number, arrived)
    values (1, %(read)s * %(presses)s::bigint, %(now)s)
    """,
)

SUMS = {
    "erp.balance": """
    insert into erp.balance (item, location, lot, qty, first_move)
    select s.item, s.location, s.lot, sum(s.qty), min(s.id)
    from (
      select item, to_location as location, lot, qty, id from erp.stock_move
      union all select item, from_location, lot, -qty, id from erp.stock_move
    ) s
    join erp.location l on l.code = s.location and l.kind = 'stock'
    group by s.item, s.location, s.lot
    """,
    "mes.die_wear": """
    insert into mes.die_wear (die, strokes)
    select 'D-' || channel || '-' || mod(h / %(run_hours)s, 4), count(*)
    from mes.count
    cross join lateral (select extract(epoch from at - %(began)s)::bigint / 3600 as h) at
    group by 1
    """,
    "mes.run_made": """
    insert into mes.run_made (segment, strokes, run_wh, idle_wh, unknown_wh)
    select segment, sum(strokes), 0, 0, 0 from mes.fact_minute where segment is not null group by 1
    """,
    "mes.unseen_owned": f"""
    insert into mes.unseen_owned (count, press, at, segment, measure, amount)
    select id, press, at, {_SEGMENT.format(hour="h")}, measure, amount
    from (select *, channel as n, extract(epoch from at - %(began)s)::bigint / 3600 as h
          from mes.count where unseen) c
    """,
}
