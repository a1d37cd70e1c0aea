"""Counters in the database: meters, held events and their decision, exchanged counters."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from machine_hall import Hall
from press_shop import clock

from database.connection import Connection
from mes_bridge.counting import counter_store
from mes_bridge.errors import (
    DecidedEventError,
    SwapError,
    UnknownCounterError,
    UnknownEventError,
)


@pytest.fixture
def hall(connection: Connection) -> Hall:
    return Hall.opened(connection)


def act(hall: Hall, kind: str) -> UUID:
    number = uuid4()
    hall.connection.execute(
        "insert into people.act (id, who, press, at, act, args) "
        "values (%s, 'S1', 'P01', %s, %s, '{}')",
        [number, clock("08:05"), kind],
    )
    return number


def test_a_meter_counts_whole_watt_hours_of_its_register(hall: Hall) -> None:
    for second, kwh in ((0, 100.0), (10, 100.05), (20, 100.0994)):
        hall.read(f"08:00:{second:02}", kwh, "E01", "energy")
    hall.advance("08:00:20")
    assert hall.counted("E01") == 99


def test_a_value_that_is_no_number_counts_as_not_seen(hall: Hall) -> None:
    for second, kwh in ((0, 100.0), (10, float("nan")), (20, float("inf")), (25, 100.1)):
        hall.read(f"08:00:{second:02}", kwh, "E01", "energy")
    hall.read("08:00:30", 100.15, "E01", "energy")
    hall.advance("08:00:30")
    assert hall.events("E01") == [("gap", 100)]
    assert hall.counted("E01") == 150


def losses(hall: Hall, first: str, value: int, count: int, apart_s: int = 60) -> None:
    """Short gaps: a bad reading between two good ones, two strokes on, and two readings more."""
    start = clock(first)
    for n in range(count):
        at = start + timedelta(seconds=apart_s * n)
        for second, stroke in ((0, 0), (4, None), (8, 2), (12, 2)):
            told = None if stroke is None else value + 2 * n + stroke
            hall.read(at + timedelta(seconds=second), told)


def gaps(hall: Hall) -> list[tuple[str, str, str, int, int]]:
    rows = hall.connection.execute(
        "select kind, from_at, at, amount, gaps from mes.counter_event order by n"
    )
    return [(kind, f"{a:%H:%M:%S}", f"{b:%H:%M:%S}", amount, n) for kind, a, b, amount, n in rows]


def test_many_short_gaps_are_one_event_with_a_count(hall: Hall) -> None:
    losses(hall, "08:00:00", 100, 30, apart_s=20)
    hall.advance("08:10:00", limit=7)  # whatever comes together
    assert gaps(hall) == [("gap", "08:00:00", "08:09:48", 60, 30)]
    assert hall.counted() == 60
    assert hall.audit().residual == 0


def test_a_silence_is_an_event_of_its_own_between_runs_of_short_gaps(hall: Hall) -> None:
    losses(hall, "08:00:00", 100, 3, apart_s=20)
    losses(hall, "08:02:00", 106, 3, apart_s=20)
    hall.advance("08:05:00")
    assert gaps(hall) == [
        ("gap", "08:00:00", "08:00:48", 6, 3),
        ("gap", "08:00:52", "08:02:00", 0, 1),
        ("gap", "08:02:00", "08:02:48", 6, 3),
    ]
    assert hall.counted() == 12
    assert hall.audit().residual == 0


def test_gaps_with_another_event_between_are_not_one(hall: Hall) -> None:
    losses(hall, "08:00:00", 100, 2, apart_s=20)
    hall.read("08:00:40", 3)  # restarted
    losses(hall, "08:00:48", 3, 2, apart_s=20)
    hall.advance("08:05:00")
    assert [(kind, n) for kind, _, _, _, n in gaps(hall)] == [("gap", 2), ("reset", 1), ("gap", 2)]


def test_a_held_jump_counts_what_a_person_decides_once(hall: Hall) -> None:
    for second, value in ((0, 100), (5, 5000), (10, 5004)):
        hall.read(f"08:00:{second:02}", value)
    hall.advance("08:00:10")
    assert hall.counted() == 4
    decision = act(hall, "decide")
    since = counter_store.decide(hall.connection, "P01", 1, 6, decision, clock("08:05"))
    assert since == clock("08:00:00")
    assert hall.counted() == 10
    assert hall.audit().residual == 0
    with pytest.raises(DecidedEventError, match="P01/1"):
        counter_store.decide(hall.connection, "P01", 1, 6, decision, clock("08:06"))
    with pytest.raises(UnknownEventError, match="event 7"):
        counter_store.decide(hall.connection, "P01", 7, 6, decision, clock("08:06"))


def test_a_jump_decided_to_be_nothing_is_no_longer_held(hall: Hall) -> None:
    for second, value in ((0, 100), (5, 5000), (10, 5004)):
        hall.read(f"08:00:{second:02}", value)
    hall.advance("08:00:10")
    counter_store.decide(hall.connection, "P01", 1, 0, act(hall, "decide"), clock("08:05"))
    assert hall.counted() == 4
    assert hall.audit().residual == 0


def swap(hall: Hall, at: str, old: float, new: float, channel: str = "strokes") -> None:
    counter_store.swap(
        hall.connection, "P01", channel, old, new, clock(at), act(hall, "swap"), clock(at)
    )


def test_an_exchanged_counter_loses_nothing(hall: Hall) -> None:
    hall.stroke("08:00:00", 10, first=500)
    hall.advance("08:00:11")
    swap(hall, "08:00:20", 513, 40)
    hall.read("08:00:25", 42)
    hall.advance("08:00:26")
    assert hall.counted() == 10 + 3 + 2
    assert hall.events() == [("swap", 3)]
    assert hall.audit().residual == 0


def test_a_register_of_the_press_s_meter_is_exchanged_in_its_own_unit(hall: Hall) -> None:
    for second, kwh in ((0, 100.0), (10, 100.05)):
        hall.read(f"08:00:{second:02}", kwh, "E01", "energy")
    hall.advance("08:00:10")
    swap(hall, "08:00:15", 100.06, 0.0, "energy")
    hall.read("08:00:20", 0.02, "E01", "energy")
    hall.advance("08:00:20")
    assert hall.counted("E01") == 50 + 10 + 20
    assert hall.audit().residual == 0


def test_a_counter_exchanged_before_it_was_ever_read(hall: Hall) -> None:
    hall.read("08:00:00", 10, "P02")
    hall.read("08:00:00", 1)
    hall.advance("08:00:00")
    hall.connection.execute("update mes.counter set base_value = null, base_at = null")
    swap(hall, "08:00:10", 99, 5)
    assert hall.events() == [("swap", 0)]


def test_an_exchange_that_does_not_fit_is_refused_with_the_cure(hall: Hall) -> None:
    hall.stroke("08:00:00", 10, first=500)
    hall.advance("08:00:11")
    with pytest.raises(SwapError, match="cannot have shown 400"):
        swap(hall, "08:00:20", 400, 0)
    with pytest.raises(SwapError, match="Decide its held events"):
        swap(hall, "08:00:05", 505, 0)
    with pytest.raises(UnknownCounterError, match="'oil'"):
        swap(hall, "08:00:20", 1, 0, "oil")
