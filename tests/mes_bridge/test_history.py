"""What a look costs does not grow with the history behind it: nothing is summed from its start."""

from datetime import timedelta

import pytest
from machine_hall import PRESSES, Hall
from press_shop import clock

from database.connection import Connection
from mes_bridge import attention
from mes_bridge.bridge import Bridge
from mes_bridge.states import facts

STROKES = 20_000  # of each press, two seconds apart
LOOK = 2_500  # rows that a look at three presses may touch, at most


@pytest.fixture
def hall(connection: Connection) -> Hall:
    """Presses with half a day behind them; its strokes belong to nobody."""
    hall = Hall.opened(connection)
    for press in PRESSES:
        hall.read("12:00", 0, press)
        connection.execute(
            """
            insert into mes.count (channel, press, measure, from_at, at, amount, kind)
            select 1, %(press)s, 'stroke', at - interval '2 s', at, 1, 'step'
            from (select %(since)s::timestamptz + n * interval '2 s' as at
                  from generate_series(1, %(n)s) n) made
            """,
            {"press": press, "n": STROKES, "since": clock("12:00") - timedelta(hours=12)},
        )
    hall.advance("12:00")
    facts.refresh_all(connection, dict.fromkeys(PRESSES, clock("00:00")), clock("12:00"))
    connection.commit()
    connection.autocommit = True
    connection.execute("analyze")
    connection.autocommit = False
    return hall


def touched(connection: Connection) -> int:
    """Rows of counts and facts that were read of late, in this transaction and before it."""
    row = connection.execute(
        "select sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::int "
        "from pg_stat_xact_user_tables where relname in ('count', 'fact_minute')"
    ).fetchone()
    assert row is not None
    return row[0]


def test_taking_in_a_stroke_reads_what_is_new(hall: Hall) -> None:
    for press in PRESSES:
        hall.read("12:00:10", 1, press)
    before = touched(hall.connection)
    Bridge(hall.connection).advance(clock("12:00:10"))
    assert touched(hall.connection) - before < LOOK


def test_strokes_of_nobody_are_found_without_reading_them_all(hall: Hall) -> None:
    """A call for a leader goes on for days where nobody answers it."""
    before = touched(hall.connection)
    assert attention.raise_due(hall.connection, clock("12:00:10")) == len(PRESSES)
    assert touched(hall.connection) - before < LOOK


def test_a_report_reads_minutes_not_strokes(hall: Hall) -> None:
    order = hall.shop.order("O-1", "BRK", 90_000)
    hall.shop.lead("12:00:05", "assign", work_order=order, since=clock("00:00").isoformat(),
                   to=clock("12:00").isoformat())  # fmt: skip
    hall.connection.commit()
    before = touched(hall.connection)
    hall.shop.report("12:15")
    assert hall.shop.posted(order) == {"good": STROKES}
    assert touched(hall.connection) - before < LOOK
