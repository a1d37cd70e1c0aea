"""A node whose clock is wrong: its records get times that can be, its own stay beside."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spoken import DBIRTH, DDATA, NBIRTH, NOW, STROKES, Clock, data, device_birth, node_birth

from database.connection import Connection
from edge_agent.sample import Sample
from ingest.clock_repair import A_WHILE, BACK, Dating, shown

T = 1_800_000_000_000  # some moment, ms
HOUR, DELAY = 3_600_000, 40


def dated(*records: tuple[int, int]) -> list[int]:
    """Times of records that were made at the first instant by a clock that was off by the second.

    Each came a little later; times are told from `T` on.
    """
    dating, found = Dating(), list[int]()
    for made, off in records:
        at = T + made + off
        found.append(at + dating.add(at, at, T + made + DELAY) - T)
    return found


def test_a_clock_that_is_right_is_left_alone() -> None:
    assert dated((0, 0), (500, 0), (1000, 120), (1500, -300)) == [0, 500, 1120, 1200]


@pytest.mark.parametrize("off", [HOUR, -HOUR])
def test_an_hour_off_and_back_is_put_right_to_the_time_on_the_way(off: int) -> None:
    told = dated((0, 0), (1000, off), (2000, off), (3000, off), (4000, 0), (5000, 0))
    assert told == [0, 1000 + DELAY, 2000 + DELAY, 3000 + DELAY, 4000, 5000]


@pytest.mark.parametrize("off", [HOUR, -HOUR])
def test_a_step_that_the_node_tells_is_taken_back_exactly_however_late_it_comes(off: int) -> None:
    dating, late = Dating(), 11_000
    assert dating.add(T, T, T + DELAY) == 0
    dating.stepped(off)
    for made in (T + 100, T + 600, T + 1_100):
        assert dating.add(made + off, made + off, made + late) == -off
    dating.stepped(-off)
    assert dating.add(T + 1_600, T + 1_600, T + late) == 0


def test_times_that_were_given_too_late_are_let_back_without_being_turned_back() -> None:
    """An agent that was started with a wrong clock, and its first messages held for 8 s."""
    dating, told = Dating(), list[int]()
    assert dating.add(T, T, T + DELAY) == 0
    for made in range(T + 4_000, T + 60_000, 500):
        off, late = (-HOUR, 8_000) if made < T + 8_000 else (0, DELAY)
        at = made + off
        told.append(at + dating.add(at, at, made + late) - made)
    assert told[0] == 8_000
    assert told == sorted(told, reverse=True)
    assert all(before - after <= 500 for before, after in pairwise(told))
    assert told[-1] == 0


def test_what_was_made_before_the_clock_was_set_keeps_its_time() -> None:
    """A backlog over the step, sent by the wrong clock: made by the right one, then by it."""
    dating, now = Dating(), T + 60_000
    sent_at = now + HOUR
    assert dating.add(T, sent_at, now) == 0
    assert dating.add(T + 10_000, sent_at, now) == 0
    assert dating.add(T + 20_000 + HOUR, sent_at, now) == -HOUR
    assert dating.add(T + 30_000 + HOUR, sent_at, now) == -HOUR
    back = T + 61_000
    assert dating.add(back, back, back + DELAY) == 0


@pytest.mark.parametrize("off", [HOUR, -HOUR])
def test_what_a_wrong_clock_captured_is_put_right_when_it_is_sent_by_one_that_was_set(
    off: int,
) -> None:
    """A backlog of half a minute, captured by a wrong clock and sent after it was put right."""
    dating, now = Dating(), T + 60_000
    assert dating.add(T, T, T + DELAY) == 0
    for made in range(T + 20_000, T + 50_000, 5_000):
        assert dating.add(made + off, now, now + DELAY, set_since=-off) == -off
    dating.stepped(-off)
    assert dating.add(T + 50_500, now, now + DELAY) == 0


def test_what_was_captured_before_a_right_clock_was_set_wrong_is_left_alone() -> None:
    dating, now = Dating(), T + 60_000
    assert dating.add(T, T, T + DELAY) == 0
    assert dating.add(T + 20_000, now + HOUR, now + DELAY, set_since=HOUR) == 0
    assert dating.add(T + 30_000, now - HOUR, now + DELAY, set_since=-HOUR) == 0


def test_a_slow_poll_that_ends_after_others_is_no_wrong_clock() -> None:
    """Eight blocks of a slow serial line: the only change was in the first, 8 s before the end."""
    assert dated((0, 0), (500, 0), (600, -8_100), (1000, 0)) == [0, 500, -7_500, 1000]


def test_a_small_step_back_that_the_node_tells_turns_no_time_back() -> None:
    dating = Dating()
    assert dating.add(T, T, T + DELAY) == 0
    dating.stepped(-8_000)
    assert dating.add(T + 100 - 8_000, T - 7_900, T + 100 + DELAY) == 8_000
    told = [at + dating.add(at, at, at + 8_000 + DELAY) for at in range(T - 7_500, T + 60_000, 500)]
    assert told == sorted(told)
    assert told[0] >= T + 100
    assert dating.by == 0


@pytest.mark.parametrize("by", [-HOUR, -24 * HOUR])
def test_a_host_whose_own_clock_is_set_back_believes_its_nodes(by: int) -> None:
    dating = Dating()
    assert dating.add(T, T, T + DELAY) == 0
    for made in range(500, 60_000, 500):
        assert dating.add(T + made, T + made, T + made + DELAY + by) == 0
    assert dating.add(T + 60_000, T + 60_000, T + 60_000 + DELAY) == 0


def test_a_device_with_a_clock_of_its_own_moves_no_backlog_when_the_host_starts() -> None:
    """Source times an hour behind look like a clock that the host before this one put right."""
    recalled, now = Dating(newest=T, by=HOUR), T + 3 * HOUR
    for at in (T - 5, T + 200, T + 190, T + 700):
        assert recalled.add(at, now, now + DELAY) == 0


def test_a_current_value_of_the_future_is_shown_as_of_now() -> None:
    assert shown(T - HOUR, T, T) == T - HOUR
    assert shown(T + HOUR, T + HOUR, T + DELAY) == T + DELAY
    assert shown(T + HOUR, T, T) == T


@given(st.lists(st.tuples(st.integers(0, 3000), st.sampled_from([0, HOUR, -HOUR, 3000, 700])),
                min_size=1), st.integers(0, 20_000))  # fmt: skip
def test_times_go_on_and_never_lie_ahead(moves: list[tuple[int, int]], delay: int) -> None:
    dating, made, newest = Dating(), T, 0
    for elapsed, off in moves:
        made += elapsed
        now, at = made + delay, made + off
        given = at + dating.add(at, at, now)
        assert newest - BACK <= given <= max(now + A_WHILE, newest)
        newest = max(newest, given)


def test_readings_of_a_wrong_clock_are_stored_with_both_times(
    connection: Connection, clock: Clock
) -> None:
    intake = clock.intake(connection)
    intake.take(NBIRTH, node_birth())
    intake.take(DBIRTH, device_birth(STROKES))
    for number, off in ((1, 0), (2, HOUR), (3, 0), (4, -HOUR)):
        at = NOW - 1000 + number + off
        sample = STROKES, Sample("strokes", at, number)
        intake.take(DDATA, data(number, sample, sent_at=NOW + off))
    intake.commit()
    rows = connection.execute(
        "select (extract(epoch from at) * 1000)::bigint, "
        "(extract(epoch from source_at) * 1000)::bigint from signal.reading order by number"
    ).fetchall()
    assert rows == [
        (NOW - 999, None), (NOW - 998, NOW - 998 + HOUR),
        (NOW - 997, None), (NOW - 996, NOW - 996 - HOUR),
    ]  # fmt: skip
    latest = connection.execute("select (extract(epoch from at) * 1000)::bigint from signal.newest")
    assert latest.fetchall() == [(NOW,)]  # of the birth; not of the future
    again = clock.intake(connection)  # a host that starts meanwhile knows where the outbox stood
    again.take(
        DDATA, data(5, (STROKES, Sample("strokes", NOW - 990 - HOUR, 5)), sent_at=NOW - HOUR)
    )
    again.commit()
    assert connection.execute("select max(at) - min(at) from signal.reading").fetchone() == (
        connection.execute("select interval '9 milliseconds'").fetchone()
    )
