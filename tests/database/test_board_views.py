"""Figures of schema board against numbers worked out by hand."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from database.connection import Connection

START = datetime(2026, 3, 2, 0, 0, tzinfo=UTC)  # 08:00 in the plant


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


@pytest.fixture(autouse=True)
def a_played_hour(connection: Connection) -> None:
    connection.execute(Path(__file__).with_name("played_hour.sql").read_bytes())


def test_the_tile_of_a_stopped_press(connection: Connection) -> None:
    row = connection.execute(
        """select state, state_s, data_age_s, segment_kind, die, work_orders, items, good, target,
                  gap_parts, die_strokes, die_share, die_state
           from board.press_at(%s)""",
        [at(60) + timedelta(seconds=5)],
    ).fetchone()
    # good = 1,200 strokes x 2 - 60 scrap; plan = 40 production minutes before the break x 40 spm
    # x 2 = 3,200
    # die = 7,000 + 1,220 strokes of 10,000: over 80 % warns
    assert row is not None
    assert row[:10] == (
        "stopped",
        605,
        5,
        "production",
        "D1",
        ["WO-L"],
        ["L", "R"],
        2340,
        5000,
        2340 - 3200,
    )
    assert (row[10], float(row[11]), row[12]) == (8220, 0.822, "warn")


def gap(connection: Connection, minutes: float) -> tuple[int, int]:
    row = connection.execute(
        "select good, gap_parts from board.press_at(%s)", [at(minutes)]
    ).fetchone()
    assert row is not None
    return row


def test_the_gap_of_a_resumed_order_counts_the_running_run_on_both_sides(
    connection: Connection,
) -> None:
    """1,353 parts of an earlier run: they are good parts of the order, and no lead of this run."""
    connection.execute(
        """
        insert into mes.run (press, die, span, source)
          values ('P01', 'D1', '[2026-03-01 00:00Z, 2026-03-01 02:00Z)', 'scan');
        insert into mes.run_segment (run, kind, span) select id, 'production', span
          from mes.run where upper(span) is not null;
        insert into mes.run_output (run, item, operation)
          select r.id, 'L', o.id from mes.run r, erp.work_order_operation o
          where upper(r.span) is not null;
        insert into mes.segment_output (segment, run_output, parts_num, parts_den)
          select s.id, o.id, 1, 1 from mes.run r
          join mes.run_segment s on s.run = r.id join mes.run_output o on o.run = r.id
          where upper(r.span) is not null;
        insert into mes.fact_minute (press, minute, segment, strokes)
          select 'P01', lower(s.span), s.id, 1353 from mes.run r
          join mes.run_segment s on s.run = r.id where upper(r.span) is not null
        """
    )
    assert gap(connection, 60) == (2340 + 1353, 2340 - 3200)


def test_the_pace_is_that_of_the_plan_and_of_planned_time(connection: Connection) -> None:
    """At 30 spm planned: 40 minutes x 30 x 2 = 2,400. Behind the shift's end nothing is planned."""
    connection.execute("update erp.die set planned_spm = 30")
    assert gap(connection, 60) == (2340, 2340 - 2400)
    connection.execute("update signal.latest set at = array[%s::timestamptz]", [at(13 * 60)])
    # 12 h - 10 min setup - 10 min break = 700 minutes x 30 x 2
    assert gap(connection, 13 * 60) == (2340, 2340 - 42000)
    # breaks that overlap count once, and a planned stop is no loss: 20 more minutes x 30 x 2
    connection.execute(
        """
        insert into plant.shift_break (shift, span)
        select shift, tstzrange(lower(span) + interval '5 min', upper(span) - interval '1 min')
        from plant.shift_break;
        insert into mes.stop_reason (press, span, reason)
        values ('P01', '[2026-03-02 03:00Z, 2026-03-02 03:20Z)', 'meal')
        """
    )
    assert gap(connection, 13 * 60) == (2340, 2340 - 42000 + 1200)
    connection.execute("delete from plant.shift_break; delete from plant.shift")
    # a plant without shifts plans every minute: 13 h - 10 min setup
    assert gap(connection, 13 * 60) == (2340, 2340 - 770 * 60)


@pytest.mark.parametrize(
    ("done", "minutes", "alarm"),
    [
        ("select 1", 60, True),
        ("select 1", 55, False),  # in the break
        ("update mes.run_segment set kind = 'setup'", 60, False),
        ("delete from plant.shift_break; delete from plant.shift", 55, True),
        ("update plant.shift set span = '[2026-03-02 00:00Z, 2026-03-02 00:55Z)'", 60, False),
    ],
)
def test_standing_is_an_alarm_only_where_it_should_not_be(
    connection: Connection, done: str, minutes: int, alarm: bool
) -> None:
    connection.execute(done.encode())
    row = connection.execute("select state, alarm from board.press_at(%s)", [at(minutes)])
    assert row.fetchone() == ("stopped", alarm)


@pytest.mark.parametrize(
    ("reason", "alarm"), [("meal", False), ("die_jam", True), ("点检", False), ("自定义", True)]
)
def test_a_break_with_its_reason_is_no_alarm(
    connection: Connection, reason: str, alarm: bool
) -> None:
    connection.execute(
        "insert into erp.reason (kind, code, planned) values ('stop', '点检', true), "
        "('stop', '自定义', false)"
    )
    connection.execute(
        "insert into mes.stop_reason (press, span, reason) "
        "values ('P01', '[2026-03-02 00:50Z, 2026-03-02 01:30Z)', %s)",
        [reason],
    )
    row = connection.execute("select alarm from board.press_at(%s)", [at(60)])
    assert row.fetchone() == (alarm,)


def test_what_is_made_beyond_the_order_and_beyond_its_tolerance(connection: Connection) -> None:
    """2,340 good of 2,300 ordered: 40 over; a tolerance of 1 % allows 2,323: 17 in excess."""
    connection.execute("update erp.work_order set qty = 2300")
    connection.execute("update erp.item set over_tolerance = 0.01")
    row = connection.execute("select over_parts, excess_parts from board.press_at(%s)", [at(60)])
    assert row.fetchone() == (40, 17)


def test_silence_is_unknown_and_never_the_last_state(connection: Connection) -> None:
    row = connection.execute(
        "select state, since, data_age_s from board.press_at(%s)", [at(62)]
    ).fetchone()
    assert row == ("unknown", at(60) + timedelta(seconds=30), 120)


def test_oee_of_the_running_shift_from_sums(connection: Connection) -> None:
    row = connection.execute(
        """select availability, performance, quality, oee, coverage, good, scrap
        from board.line_shift_at(%s)""",
        [at(60)],
    ).fetchone()
    assert row is not None
    # PBT = 60 min - 10 min break = 3,000 s; APT = 40 min running in production = 2,400 s
    # ideal = 1,200 strokes x 1.5 s = 1,800 s; made = 1,200 x (2 + 2) = 4,800, scrap 60
    assert [float(figure) for figure in row[:5]] == pytest.approx(
        [2400 / 3000, 1800 / 2400, 4740 / 4800, 1800 * 4740 / 4800 / 3000, 1.0], abs=1e-4
    )
    assert row[5:] == (4740, 60)


def test_before_the_shift_has_begun_nothing_is_divided(connection: Connection) -> None:
    assert connection.execute("select * from board.line_shift_at(%s)", [at(-5)]).fetchall() == []


def test_energy_of_the_run_with_idle_apart(connection: Connection) -> None:
    row = connection.execute("select run_wh, idle_wh from board.run_energy").fetchone()
    assert row == (50 * 50, 10 * 10)
    shared = connection.execute("select wh, idle_wh from board.work_order_progress").fetchone()
    assert shared == (1250, 50)  # left is half of what a stroke makes


def test_figures_of_a_shift_read_each_stroke_once(connection: Connection) -> None:
    # 40 counts of 30 strokes in production; boards ask every few seconds, all shift long
    with connection.transaction():
        connection.execute("select * from board.line_shift_at(%s)", [at(60)]).fetchall()
        looks = connection.execute(
            """select coalesce(seq_scan, 0) + coalesce(idx_scan, 0)
            from pg_stat_xact_user_tables where schemaname = 'mes' and relname = 'count'"""
        ).fetchone()
    assert looks is not None
    assert looks[0] < 10, "mes.count is looked through again for each of its rows"
