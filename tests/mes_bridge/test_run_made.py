"""What a run made is a running sum: whatever happens to facts, it is the sum of them."""

from typing import LiteralString

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from database.connection import Connection

MINUTE = some.integers(0, 9)
STEP = some.tuples(some.sampled_from(["add", "change", "give", "remove"]), MINUTE, MINUTE)
SQL: dict[str, LiteralString] = {
    "add": "insert into mes.fact_minute (press, minute, segment, strokes, run_wh, idle_wh) "
    "select 'P1', timestamptz '2026-03-02 08:00Z' + %(at)s * interval '1 min', s, %(n)s, 2, 1 "
    "from unnest(array[1, 2, null]) s on conflict do nothing",
    "change": "update mes.fact_minute set strokes = %(n)s, unknown_wh = %(n)s "
    "where extract(minute from minute) <= %(at)s",
    "give": "update mes.fact_minute f set segment = 3 where segment = 1 "
    "and extract(minute from minute) > %(at)s and not exists (select from mes.fact_minute x "
    "where x.press = f.press and x.minute = f.minute and x.segment = 3)",
    "remove": "delete from mes.fact_minute where extract(minute from minute) >= %(at)s",
}
APART = """
select coalesce(f.segment, m.segment) from mes.run_made m
full join (
  select segment, sum(strokes) as strokes, sum(run_wh) as run_wh, sum(idle_wh) as idle_wh,
         sum(unknown_wh) as unknown_wh
  from mes.fact_minute where segment is not null group by segment
) f on f.segment = m.segment
where (coalesce(f.strokes, 0), coalesce(f.run_wh, 0), coalesce(f.idle_wh, 0),
       coalesce(f.unknown_wh, 0))
  is distinct from (coalesce(m.strokes, 0), coalesce(m.run_wh, 0), coalesce(m.idle_wh, 0),
                    coalesce(m.unknown_wh, 0))
"""


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=some.lists(STEP, max_size=10))
def test_what_a_run_made_is_the_sum_of_its_facts(
    connection: Connection, steps: list[tuple[str, int, int]]
) -> None:
    with connection.transaction(force_rollback=True):
        connection.execute("insert into plant.line values ('L1', 1)")
        connection.execute(
            "insert into plant.press (name, line, position, top_spm, stop_after, stroke_channel) "
            "values ('P1', 'L1', 1, 60, '30 s', 's')"
        )
        connection.execute("insert into erp.die (code) values ('D1')")
        connection.execute(
            "insert into mes.run (id, press, die, span, source) overriding system value "
            "values (1, 'P1', 'D1', '[2026-03-02 08:00Z,)', 'scan')"
        )
        connection.execute(
            "insert into mes.run_segment (id, run, kind, span) overriding system value "
            "select n, 1, 'production', "
            "tstzrange(s, s + interval '1 day') from generate_series(1, 3) n "
            "cross join lateral (select timestamptz '2026-03-02' + n * interval '1 day' as s) at"
        )
        for kind, at, n in steps:
            connection.execute(SQL[kind], {"at": at, "n": n})
        assert connection.execute(APART).fetchall() == []
