"""A die's wear is a running sum: whatever happens to counts and mountings, it is their sum."""

from datetime import UTC, datetime, timedelta
from typing import LiteralString

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from psycopg.errors import ExclusionViolation

from database.connection import Connection

MORNING = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
MINUTE = some.integers(0, 60)
STEP = some.one_of(
    some.tuples(some.just("count"), some.sampled_from(["P1", "P2"]), MINUTE, some.integers(1, 9)),
    some.tuples(some.just("mount"), some.sampled_from(["P1", "P2"]), MINUTE, MINUTE),
    some.tuples(some.just("close"), some.just(""), MINUTE, MINUTE),
    some.tuples(some.just("change"), some.just(""), MINUTE, some.integers(1, 9)),
    some.tuples(some.just("move"), some.just(""), MINUTE, MINUTE),
    some.tuples(some.just("delete"), some.just(""), MINUTE, MINUTE),
    some.tuples(some.just("dismount"), some.just(""), MINUTE, MINUTE),
)
SQL: dict[str, LiteralString] = {
    "count": "insert into mes.count (channel, press, measure, from_at, at, amount, kind) "
    "values (1, %(press)s, 'stroke', %(at)s, %(at)s, %(n)s, 'step'), "
    "(2, %(press)s, 'wh', %(at)s, %(at)s, 100, 'step'), "
    "(1, %(press)s, 'stroke', %(at)s, %(to)s, 1, 'step')",
    "mount": "insert into mes.die_mount (press, die, span) "
    "values (%(press)s, 'D1', tstzrange(%(at)s, nullif(greatest(%(at)s, %(to)s), %(at)s)))",
    "close": "update mes.die_mount set span = span * tstzrange(null, %(at)s) where span @> %(at)s",
    "change": "update mes.count set amount = %(n)s where at <= %(at)s and measure = 'stroke'",
    "move": "update mes.count set at = %(to)s, press = 'P2' where at = %(at)s",
    "delete": "delete from mes.count where at > %(at)s",
    "dismount": "delete from mes.die_mount where span @> %(at)s",
}
WORN = """
select coalesce(sum(w.strokes), 0)::bigint, (
  select coalesce(sum(c.amount), 0)::bigint from mes.die_mount m
  join mes.count c on c.press = m.press and c.measure = 'stroke' and m.span @> c.at)
from mes.die_wear w
"""


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=some.lists(STEP, max_size=12))
def test_wear_is_the_sum_of_what_was_counted_while_mounted(
    connection: Connection, steps: list[tuple[str, str, int, int]]
) -> None:
    with connection.transaction(force_rollback=True):
        connection.execute("insert into plant.line values ('L1', 1)")
        connection.execute(
            "insert into plant.press (name, line, position, top_spm, stop_after, stroke_channel) "
            "select name, 'L1', 1, 60, '30 s', 's' from unnest(array['P1', 'P2']) name"
        )
        connection.execute("insert into erp.die (code, name) values ('D1', '')")
        for kind, press, minute, n in steps:
            at, to = (MORNING + timedelta(minutes=m) for m in (minute, n))
            try:
                with connection.transaction():
                    connection.execute(SQL[kind], {"press": press, "at": at, "to": to, "n": n})
            except ExclusionViolation:
                continue
        row = connection.execute(WORN).fetchone()
        assert row is not None
        assert row[0] == row[1]
        life = connection.execute("select strokes from board.die_life").fetchone()
        assert life == (row[1],)
