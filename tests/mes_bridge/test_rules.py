"""The plant file is changed: what was counted before stays, and the audit agrees with both."""

import random
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from machine_hall import Hall
from press_shop import clock
from psycopg.sql import SQL, Identifier

from database.connection import Connection
from edge_agent.wire import Channel, DataType
from ingest import store


@pytest.fixture
def hall(connection: Connection) -> Hall:
    """P01 makes 60 strokes a minute at most, its counter has 16 bits."""
    return Hall.opened(connection)


def change(hall: Hall, **settings: object) -> None:
    for column, value in settings.items():
        hall.connection.execute(
            SQL("update plant.press set {} = %s where name = 'P01'").format(Identifier(column)),
            [value],
        )


def read(hall: Hall, second: int, *values: int | None, channel: str = "strokes") -> None:
    """A reading each second."""
    for n, value in enumerate(values):
        hall.read(clock("08:00") + timedelta(seconds=second + n), value, channel=channel)
    hall.advance(f"08:{second // 60 + 1:02}:00")


def test_a_faster_press_frees_nothing_that_was_held_before(hall: Hall) -> None:
    read(hall, 0, 100, 103, 104)  # 3 in a second: held
    change(hall, top_spm=180)
    read(hall, 3, 107, 110)
    assert hall.events() == [("jump", 3)]
    assert hall.counted() == 1 + 3 + 3
    assert hall.audit().residual == 0


def test_a_slower_press_takes_nothing_back(hall: Hall) -> None:
    change(hall, top_spm=180)
    read(hall, 0, 100, 103, 106)
    change(hall, top_spm=60)
    read(hall, 3, 109, 110)
    assert hall.counted() == 6 + 1
    assert hall.events() == [("jump", 3)]
    assert hall.audit().residual == 0


def test_a_change_waits_until_what_waits_is_settled(hall: Hall) -> None:
    read(hall, 0, 100, 101, 104)  # 3 more in a second: waits for one more
    change(hall, top_spm=180)
    read(hall, 3, 105)  # by the rules it waited under, it is held
    read(hall, 4, 108, 111)
    assert hall.events() == [("jump", 3)]
    assert hall.counted() == 1 + 1 + 3 + 3
    assert hall.audit().residual == 0


def test_a_modulus_declared_later_makes_no_wrap_of_an_old_restart(hall: Hall) -> None:
    hall.connection.execute("update signal.channel set modulus = null where device = 'P01'")
    read(hall, 0, 65_534, 65_535, 1, 2)  # without a modulus: restarted
    hall.connection.execute("update signal.channel set modulus = 65536 where device = 'P01'")
    read(hall, 4, 3)
    read(hall, 60, 65_535, None, 65_535, 0, 1)
    assert hall.events()[0] == ("reset", 1)
    assert hall.events()[-1] == ("wrap", 1)
    assert hall.audit().residual == 0


def test_another_heartbeat_makes_no_gap_of_an_old_step(hall: Hall) -> None:
    hall.read("08:00:00", 100)
    hall.read("08:00:25", 110)  # within three heartbeats of 10 s
    hall.advance("08:00:30")
    hall.connection.execute("update plant.site set silence = '6 s'")
    hall.read("08:00:40", 112)
    hall.read("08:00:41", 113)
    hall.advance("08:00:41")
    assert hall.events() == [("gap", 2)]
    assert hall.counted() == 10 + 2 + 1
    assert hall.audit().residual == 0


def test_a_press_read_before_the_plant_knew_it_counts_from_then_on(hall: Hall) -> None:
    change(hall, stroke_channel="not yet")
    read(hall, 0, 100, 101, 102)
    change(hall, stroke_channel="strokes")
    read(hall, 3, 103, 104)
    assert hall.counted() == 1
    assert hall.audit().residual == 0


def both(hall: Hall, second: int, old: int, new: int) -> None:
    """One record, as a poll makes it, with two counters of the press."""
    at = clock("08:00") + timedelta(seconds=second)
    hall.read(at, old)
    hall.write(at, new, "P01", "total", hall.numbers["edge-1"])


def test_a_press_counted_on_another_channel_counts_each_stroke_once(hall: Hall) -> None:
    hall.channel("P01", "total", "counter")
    for second in range(3):
        both(hall, second, 100 + second, 5000 + second)
    hall.advance("08:00:03")
    change(hall, stroke_channel="total")
    for second in range(3, 6):  # the bridge learns it with these
        both(hall, second, 100 + second, 5000 + second)
    hall.advance("08:00:06")
    for second in range(6, 9):
        both(hall, second, 100 + second, 5000 + second)
    hall.advance("08:00:09")
    assert hall.counted() == 8
    assert hall.audit().residual == 0
    change(hall, stroke_channel="strokes")  # and back
    for second in range(9, 13):
        both(hall, second, 100 + second, 5000 + second)
        hall.advance("08:01:00")
    assert hall.counted() == 12
    assert hall.audit().residual == 0


def test_the_old_counter_counts_until_the_new_one_is_read(hall: Hall) -> None:
    hall.channel("P01", "total", "counter")
    read(hall, 0, 100, 101)
    change(hall, stroke_channel="total")
    read(hall, 2, 102, 103)
    read(hall, 4, 5000, 5001, 5002, channel="total")
    read(hall, 7, 107, 108)  # nobody asks it any more
    assert hall.counted() == 3 + 2
    assert hall.audit().residual == 0


def test_a_press_taken_over_by_another_edge_begins_with_its_first_reading(hall: Hall) -> None:
    change(hall, node="edge-1")
    read(hall, 0, 100, 101)
    change(hall, node="edge-2")
    read(hall, 2, 102)
    hall.channel("P01", "strokes", "counter", modulus=65536, node="edge-2")
    for second in range(3, 6):
        hall.read(clock("08:00") + timedelta(seconds=second), 100 + second, node="edge-2")
    hall.advance("08:00:06")
    assert hall.counted() == 2 + 2
    assert hall.audit().residual == 0


def declare(hall: Hall, *, unit: str | None = None, scale: float = 1) -> None:
    """The node says anew what its counter is, and ingest takes it."""
    strokes = Channel("strokes", DataType.INT64, "counter", unit=unit or "", scale=scale,
                      modulus=65536)  # fmt: skip
    known = store.register(hall.connection, "s", "edge-1", "P01", [strokes])
    hall.channels["P01", "strokes"] = known["strokes"].channel


def test_a_counter_whose_unit_is_named_goes_on(hall: Hall) -> None:
    read(hall, 0, 100, 101, 104)  # the last one waits
    declare(hall, unit="strokes")
    read(hall, 3, 105, 106, 107)
    assert hall.events() == [("jump", 3)]
    assert hall.counted() == 1 + 3
    assert hall.audit().residual == 0


def test_what_was_read_before_the_unit_was_named_counts_even_when_both_come_at_once(
    hall: Hall,
) -> None:
    read(hall, 0, 100, 101)
    for second, value in ((2, 102), (3, 103), (4, None), (8, 3)):  # restarted at 103
        hall.read(f"08:00:0{second}", value)
    declare(hall, unit="strokes")
    read(hall, 9, 4, 5)
    assert hall.events() == [("reset", 3)]
    assert hall.counted() == 3 + 3 + 2
    assert hall.audit().residual == 0


def test_a_counter_in_steps_of_ten_begins_anew_and_the_past_keeps_its_scale(hall: Hall) -> None:
    read(hall, 0, 100, 101, 102)
    declare(hall, scale=10)
    change(hall, top_spm=1200)
    read(hall, 3, 10, 11, 12)
    assert hall.counted() == 2 + 20
    assert hall.events() == []
    assert hall.audit().residual == 0


def test_a_meter_that_changes_its_press_leaves_the_past_where_it_was(hall: Hall) -> None:
    for second, kwh in ((0, 100.0), (10, 100.05)):
        hall.read(f"08:00:{second:02}", kwh, "E01", "energy")
    hall.advance("08:00:10")
    hall.connection.execute("update plant.meter set press = 'P02' where name = 'E01'")
    hall.read("08:00:20", 100.08, "E01", "energy")
    hall.advance("08:00:20")
    assert hall.connection.execute(
        "select press, sum(amount) from mes.count where measure = 'wh' group by 1 order by 1"
    ).fetchall() == [("P01", 50), ("P02", 30)]
    assert hall.audit().residual == 0


def test_what_a_lost_disk_may_have_taken_is_time_unseen(hall: Hall) -> None:
    """Restarted at 120, read at 7; restarted again, and that silence went with the disk."""
    hall.stroke("08:00:00", 20, first=100)
    hall.read("08:00:21", None)
    hall.read("08:00:29", 7)
    hall.advance("08:00:30")
    new_disk(hall)
    read(hall, 42, 5, 6)
    assert hall.events() == [("reset", 7), ("reset", 5)]
    assert hall.counted() == 20 + 7 + 5 + 1
    assert hall.audit().residual == 0


def test_a_restart_in_time_unseen_takes_back_no_gap(hall: Hall) -> None:
    """0, silence, 9, another disk, and the counter lost again: 9 strokes, then a restart."""
    read(hall, 0, 0, 1, 2)
    hall.read("08:00:03", None)
    hall.read("08:00:12", 9)
    hall.advance("08:00:13")
    new_disk(hall)
    read(hall, 20, 3, 4)
    assert hall.events() == [("gap", 7), ("reset", 3)]
    assert hall.counted() == 9 + 3 + 1
    assert hall.audit().residual == 0


def test_numbers_that_no_counter_has_stop_neither_bridge_nor_audit(hall: Hall) -> None:
    hall.connection.execute(
        "update signal.channel set scale = 1e12, modulus = 2 ^ 62 where device = 'E01'"
    )
    for second, kwh in ((0, 1e308), (10, 1e-300), (20, 2e-300)):
        hall.read(f"08:00:{second:02}", kwh, "E01", "energy")
    hall.advance("08:00:30")
    assert hall.counted("E01") == 0
    assert hall.audit().residual == 0


# Whatever is changed, and whenever ---------------------------------------------------------------


def new_disk(hall: Hall) -> None:
    """The outbox of edge-1 is gone, and records with it perhaps; another begins."""
    row = hall.connection.execute(
        "insert into signal.outbox (uuid, site, node) values (gen_random_uuid(), 's', 'edge-1') "
        "returning id"
    ).fetchone()
    assert row is not None
    hall.outboxes["edge-1"], hall.numbers["edge-1"] = row[0], 0


def turn(hall: Hall, chance: random.Random) -> None:
    """Something in the plant file is changed."""
    match chance.randint(0, 6):
        case 0:
            change(hall, top_spm=chance.choice([30, 60, 120, 600]))
        case 1:
            modulus = chance.choice([None, 1000, 65_536])
            hall.connection.execute("update signal.channel set modulus = %s", [modulus])
        case 2:
            silence = chance.choice(["6 s", "30 s", "90 s"])
            hall.connection.execute("update plant.site set silence = %s", [silence])
        case 3:
            change(hall, stroke_channel=chance.choice(["strokes", "total"]))
        case 4:
            declare(hall, unit=chance.choice([None, "strokes"]), scale=chance.choice([1, 10]))
        case 5:
            change(hall, node=chance.choice([None, "edge-1", "edge-2"]))
        case _:
            new_disk(hall)


def live(hall: Hall, chance: random.Random, start: int) -> int:
    """Some seconds of two counters of a press, with what can happen to them; when that was."""
    value, total = chance.randint(0, 65_535), chance.randint(0, 65_535)
    second = start
    for _ in range(chance.randint(1, 12)):
        second += chance.choice([1, 1, 2, 5, 40])
        value, total = value + chance.randint(0, 3), total + chance.randint(0, 3)
        at = clock("08:00") + timedelta(seconds=second)
        shown = [value % 65_536, None, chance.randint(0, 65_535), 0]
        hall.read(at, chance.choices(shown, [20, 1, 1, 1])[0])
        if chance.random() < 0.7:
            hall.write(at, total % 65_536, "P01", "total", hall.numbers["edge-1"])
        if chance.random() < 0.2:
            late = at - timedelta(seconds=chance.randint(0, 50))
            hall.read(late, value, "P01", "other", arrived=at, node="edge-2")
        if chance.random() < 0.1:
            value, total = chance.randint(0, 9), total + 5
    return second


@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 100_000))
def test_the_audit_agrees_whatever_is_changed(hall: Hall, seed: int) -> None:
    hall.numbers.clear()
    hall.outboxes.clear()
    chance, second = random.Random(seed), 0
    channels = dict(hall.channels)
    with hall.connection.transaction(force_rollback=True):
        hall.channel("P01", "total", "counter", modulus=65536)
        hall.channel("P01", "strokes", "counter", modulus=65536, node="edge-2")
        hall.channels["P01", "other"] = hall.channels["P01", "strokes"]
        hall.channels["P01", "strokes"] = channels["P01", "strokes"]
        for _ in range(8):
            second = live(hall, chance, second)
            hall.advance("09:00:00", chance.choice([None, 1, 3, 10]))
            if chance.random() < 0.6:
                turn(hall, chance)
        hall.advance("09:00:00")
        assert str(hall.audit()).endswith("residual 0")
    hall.channels = channels
