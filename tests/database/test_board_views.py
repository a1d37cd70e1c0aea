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
    # good = 1,200 strokes x 2 - 60 scrap; ideal = 50 production minutes x 40 spm x 2 = 4,000
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
        2340 - 4000,
    )
    assert (row[10], float(row[11]), row[12]) == (8220, 0.822, "warn")


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
