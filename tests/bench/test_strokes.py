"""Stroke by stroke: what a sum over a press would hide."""

from bench.strokes import SLACK_NS, Count, Verdict, judge
from pressline.demo.reconcile import Truth

SECOND = 10**9


def made(*counter: int) -> Truth:
    """A stroke each second, the first after one; what the counter showed after it."""
    return Truth("P01", [n * SECOND for n in range(1, len(counter) + 1)], list(counter))


def count(at_s: float, value: int, total: int) -> Count:
    return Count(round(at_s * SECOND), value, total)


def test_every_stroke_counted_at_its_own_reading_is_neither_lost_nor_doubled() -> None:
    counts = [count(2.5, 102, 2), count(3.1, 103, 3), count(9, 105, 5)]
    assert judge(made(101, 102, 103, 104, 105), counts) == Verdict(5, 0, 0, 0)


def test_a_stroke_lost_and_one_doubled_later_are_both_told() -> None:
    counts = [count(3.2, 103, 2), count(6.2, 106, 6)]
    assert judge(made(101, 102, 103, 104, 105, 106), counts) == Verdict(6, 1, 1, 0)


def test_what_was_never_counted_is_lost() -> None:
    assert judge(made(101, 102, 103), [count(1.5, 101, 1)]) == Verdict(3, 2, 0, 0)
    assert judge(made(101, 102, 103), []) == Verdict(3, 3, 0, 0)


def test_a_counter_that_began_anew_shows_its_values_again() -> None:
    counts = [count(3.5, 3, 3), count(6.5, 3, 6)]
    assert judge(made(1, 2, 3, 1, 2, 3), counts) == Verdict(6, 0, 0, 0)


def test_a_count_with_a_time_at_which_its_value_was_not_there_is_misdated() -> None:
    late = count(4 + 1.5 * SLACK_NS / SECOND, 103, 3)
    after = count(5.5 + 2 * SLACK_NS / SECOND, 104, 4)
    truth = Truth("P01", [SECOND, 2 * SECOND, 3 * SECOND, 4 * SECOND], [101, 102, 103, 104])
    assert judge(truth, [late, after]).misdated == 1


def test_a_value_that_the_press_never_showed_is_misdated() -> None:
    assert judge(made(101, 102), [count(2.5, 200, 2)]) == Verdict(2, 0, 0, 1)
