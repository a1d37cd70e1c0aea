"""The counting machine: stories of single disturbances, then anything a counter can do."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mes_bridge.counting.counting import (
    WAY,
    Pair,
    Point,
    Reading,
    Rules,
    State,
    exchange,
    step,
)

START = datetime(2026, 3, 2, tzinfo=UTC)
SILENCE = timedelta(seconds=30)
MODULUS = 65536
RULES = Rules(top_rate=1.0, silence=SILENCE, modulus=MODULUS)
ENDLESS = Rules(top_rate=1.0, silence=SILENCE)  # no modulus declared

Given = Sequence[tuple[float, int | None]]


def seconds(offset: float) -> datetime:
    return START + timedelta(seconds=offset)


def play(
    given: Given, rules: Rules = RULES, state: State | None = None
) -> tuple[State, list[Pair]]:
    state, found = state or State(), list[Pair]()
    for offset, value in given:
        state, pairs = step(state, Reading(seconds(offset), value), rules)
        found += pairs
    return state, found


def told(given: Given, rules: Rules = RULES) -> list[tuple[str, int]]:
    """Kind and amount of everything but steps."""
    return [(pair.kind, pair.amount) for pair in play(given, rules)[1] if pair.kind != "step"]


def counted(given: Given, rules: Rules = RULES) -> int:
    return sum(pair.amount for pair in play(given, rules)[1] if pair.booked)


def test_the_first_reading_books_nothing() -> None:
    assert counted([(0, 4711)]) == 0


def test_steps_add_up_and_the_same_value_again_adds_nothing() -> None:
    assert counted([(0, 10), (5, 13), (10, 13), (10, 13), (15, 20)]) == 10


def looking_back(given: Given) -> Rules:
    points = [Point(seconds(at), value) for at, value in given if value is not None]

    def before(at: datetime) -> Point | None:
        return max((p for p in points if p.at <= at - WAY), default=None, key=lambda p: p.at)

    return replace(RULES, before=before)


def test_readings_that_waited_on_the_way_are_held_against_one_from_before() -> None:
    """The line was away for 8 s: what the press did meanwhile comes within a tenth of a second."""
    burst: Given = [(0, 10), (1, 11), (9.0, 12), (9.05, 13), (9.1, 19), (10, 20)]
    made: Given = [*burst[:2], (9.0, 12), (9.05, 13), (9.1, 60), (10, 61)]
    assert told(burst) == [("jump", 6)]  # without anything to hold them against
    assert told(burst, looking_back(burst)) == []
    assert counted(burst, looking_back(burst)) == 10
    assert told(made, looking_back(made)) == [("jump", 47)]  # more than it can do in 9 s, too


def test_a_reading_that_waited_and_was_the_last_for_a_while_is_held_against_one_before_it() -> None:
    """The 12 was made a second after the 11 and came 7 s late; then 4 s were not seen."""
    away: Given = [(0, 10), (1, 11), (9, 12), (12.9, None), (13, 23), (14, 24)]
    assert told(away) == [("jump", 11)]
    assert told(away, looking_back(away)) == [("gap", 11)]
    assert counted(away, looking_back(away)) == 14


def test_a_counter_that_is_lost_twice_with_one_reading_between_is_believed_twice() -> None:
    lost: Given = [(0, 45), (5, None), (50, 41), (55, None), (80, 3), (81, 4)]
    assert told(lost) == [("reset", 41), ("reset", 3)]
    assert counted(lost) == 45
    seen: Given = [(0, 45), (5, 41), (6, 3), (7, 4)]  # nothing was away: one of them is false
    assert told(seen)[0] == ("glitch", 0)


def test_a_wrap_waits_for_one_more_reading_and_counts_over_the_modulus() -> None:
    before = [(0.0, 65530), (10.0, 4)]
    assert counted(before) == 0
    assert told([*before, (20, 6)]) == [("wrap", 10)]
    assert counted([*before, (20, 6)]) == 12


def test_without_a_declared_modulus_the_same_fall_is_a_restart() -> None:
    assert told([(0, 65530), (10, 4), (20, 6)], ENDLESS) == [("reset", 4)]


def test_a_wrap_wins_over_a_restart_where_both_can_be() -> None:
    assert told([(0, 65530), (20, 2), (30, 4)])[0] == ("wrap", 8)


def test_a_restart_counts_at_least_what_it_shows() -> None:
    assert told([(0, 5000), (10, 3), (20, 9)]) == [("reset", 3)]
    assert counted([(0, 5000), (10, 3), (20, 9)]) == 9


def test_a_zero_that_is_taken_back_books_nothing() -> None:
    assert told([(0, 5000), (10, 0), (20, 5008)]) == [("glitch", 0)]
    assert counted([(0, 5000), (10, 0), (20, 5008)]) == 8


def test_a_zero_near_a_small_value_is_a_glitch_while_readings_come() -> None:
    assert told([(0, 3), (10, 0), (20, 4)]) == [("glitch", 0)]
    assert counted([(0, 3), (10, 0), (20, 4)]) == 1


def test_a_zero_near_a_small_value_is_a_restart_after_the_plc_was_gone() -> None:
    given: Given = [(0, 3), (5, None), (10, 0), (20, 4)]
    assert told(given) == [("reset", 0)]
    assert counted(given) == 4


def test_two_false_values_in_a_row_book_nothing() -> None:
    given: Given = [(0, 1000), (1, 60000), (2, 123), (3, 1002)]
    assert told(given) == [("glitch", 0), ("glitch", 0)]
    assert counted(given) == 2


def test_a_jump_is_held_and_counting_goes_on_from_it() -> None:
    given: Given = [(0, 100), (10, 5000), (20, 5008)]
    jump = play(given)[1][0]
    assert (jump.kind, jump.amount, jump.held) == ("jump", 4900, True)
    assert counted(given) == 8


def test_a_fall_that_is_neither_wrap_nor_restart_is_held_with_no_amount() -> None:
    assert told([(0, 30000), (10, 20000), (20, 20005)]) == [("jump", 0)]


def test_two_polls_close_together_are_no_jump() -> None:
    given: Given = [(0, 100), (0.2, 102), (2, 102)]
    assert told(given) == [("glitch", 0)]
    assert counted(given) == 2


def test_a_jump_before_a_long_silence_stays_a_jump() -> None:
    assert told([(0, 100), (1, 900), (7200, 900), (7210, 900)])[0] == ("jump", 800)


@pytest.mark.parametrize("between", [[(20.0, 50)], [(20.0, 50), (25.0, None)]])
def test_time_unseen_is_a_gap(between: list[tuple[float, int | None]]) -> None:
    given: Given = [(0, 40), *between, (60, 80), (70, 85)]
    gap = next(pair for pair in play(given)[1] if pair.kind == "gap")
    assert (gap.old, gap.new) == (Point(seconds(20), 50), Point(seconds(60), 80))
    assert gap.unseen
    assert counted(given) == 45


def test_a_gap_is_told_even_if_nothing_was_counted() -> None:
    assert told([(0, 40), (60, 40), (70, 40)]) == [("gap", 0)]


def test_a_bad_reading_alone_makes_a_gap() -> None:
    assert told([(0, 40), (1, None), (2, 41), (3, 42)]) == [("gap", 1)]


def test_more_than_the_press_can_do_in_a_gap_is_held() -> None:
    assert told([(0, 40), (60, 400), (70, 400)]) == [("jump", 360)]


def test_a_wrap_within_a_gap_says_that_it_was_unseen() -> None:
    given: Given = [(0, 65500), (120, 40), (130, 45)]
    wrap = play(given)[1][0]
    assert (wrap.kind, wrap.amount, wrap.unseen) == ("wrap", 76, True)


def test_a_restart_within_a_gap_says_that_it_was_unseen() -> None:
    given: Given = [(0, 5000), (5, None), (300, 20), (310, 25)]
    reset = play(given)[1][0]
    assert (reset.kind, reset.amount, reset.unseen) == ("reset", 20, True)


def test_a_false_value_at_the_end_of_a_gap_leaves_the_gap() -> None:
    given: Given = [(0, 100), (60, 9999), (61, 130), (62, 131)]
    assert told(given) == [("glitch", 0), ("gap", 30)]
    assert counted(given) == 31


def test_a_restart_right_after_a_gap_does_not_lose_the_gap() -> None:
    given: Given = [(0, 100), (60, 150), (65, 0), (70, 3)]
    assert told(given) == [("gap", 50), ("reset", 0)]
    assert counted(given) == 53


def test_a_false_value_right_after_a_gap_does_not_lose_the_gap() -> None:
    given: Given = [(0, 100), (60, 150), (65, 40_000), (70, 155)]
    assert told(given) == [("gap", 50), ("glitch", 0)]
    assert counted(given) == 55


def test_what_waits_at_the_end_is_not_counted_yet() -> None:
    state, found = play([(0, 40), (60, 80)])
    assert found == []
    assert state.pend == Point(seconds(60), 80)


def test_an_older_reading_is_listed_and_counts_nothing() -> None:
    given: Given = [(0, 10), (10, 15), (5, 12), (20, 20)]
    assert told(given) == [("late", 0)]
    assert counted(given) == 10


def test_an_older_bad_reading_makes_no_gap() -> None:
    assert told([(0, 10), (10, 15), (5, None), (20, 20)]) == []


def test_a_negative_value_is_no_restart() -> None:
    assert told([(0, 10), (10, -5), (20, -5)])[0] == ("jump", 0)


def test_an_exchanged_counter_books_the_rest_of_the_old_one() -> None:
    state, _ = play([(0, 500), (10, 505)])
    result = exchange(state, Point(seconds(15), 508), 7, RULES)
    assert result is not None
    state, pairs = result
    assert [(pair.kind, pair.amount) for pair in pairs] == [("swap", 3)]
    _, after = play([(20, 9)], state=state)
    assert [pair.amount for pair in after] == [2]


def test_what_the_new_counter_showed_before_the_exchange_was_told_is_not_lost() -> None:
    state, _ = play([(0, 5000), (5, None), (20, 9)])  # 9 waits: it looks like a restart
    result = exchange(state, Point(seconds(15), 5002), 7, RULES)
    assert result is not None
    state, pairs = result
    assert sum(pair.amount for pair in [*pairs, *play([(25, 12)], state=state)[1]]) == 2 + 5


def test_an_exchange_before_what_was_counted_is_refused() -> None:
    state, _ = play([(0, 500), (10, 505)])
    assert exchange(state, Point(seconds(5), 503), 0, RULES) is None
    assert exchange(state, Point(seconds(15), 400), 0, ENDLESS) is None


# A true counter under everything that is told apart for certain -----------------------------------

FAR = 6000  # more than any gap below can count


@dataclass
class TrueCounter:
    """A register, what it showed at each poll, and the strokes really made since the first."""

    value: int
    offset: float = 0
    made: int = 0
    shown: list[tuple[float, int | None]] = field(default_factory=list[tuple[float, int | None]])

    def poll(self, after: float, strokes: int) -> None:
        self.offset += after
        self.made += strokes
        self.value = (self.value + strokes) % MODULUS
        self.shown.append((self.offset, self.value))

    def regular(self, strokes: Sequence[int]) -> None:
        for some in strokes:
            self.poll(5, some)

    def glitch(self, away: int) -> None:
        self.offset += 1
        self.shown.append((self.offset, (self.value + away) % MODULUS))

    def restart(self, down: float, strokes: int) -> None:
        if not FAR < self.value < MODULUS - FAR:
            return
        self.value = 0
        self.poll(down, strokes)


Deed = tuple[str, float, int]
DEED = st.one_of(
    st.tuples(st.just("gap"), st.floats(31, 3600), st.integers(0, 31)),
    st.tuples(st.just("bad"), st.floats(1, 20), st.integers(0, 1)),
    st.tuples(st.just("glitch"), st.just(1.0), st.integers(FAR, MODULUS - FAR)),
    st.tuples(st.just("restart"), st.floats(10, 600), st.integers(0, 10)),
    st.tuples(st.just("again"), st.just(0.0), st.just(0)),
)
WORK = st.lists(st.integers(0, 5), min_size=2, max_size=6)


def lived(value: int, life: Sequence[tuple[Deed, list[int]]]) -> TrueCounter:
    counter = TrueCounter(value)
    counter.poll(0, 0)
    for (deed, after, amount), work in life:
        match deed:
            case "bad":
                counter.offset += after
                counter.shown.append((counter.offset, None))
                counter.poll(after, amount)
            case "glitch":
                counter.glitch(amount)
            case "restart":
                counter.restart(after, amount)
            case _:
                counter.poll(after, amount)
        counter.regular(work)
    return counter


LIFE = st.builds(lived, st.integers(0, MODULUS - 1), st.lists(st.tuples(DEED, WORK), max_size=8))


@given(LIFE)
def test_nothing_is_lost_and_nothing_invented(counter: TrueCounter) -> None:
    assert counted(counter.shown) == counter.made


ANYTHING = st.lists(
    st.tuples(st.floats(-5, 100), st.one_of(st.none(), st.integers(-10, 300))), max_size=60
)


def as_times(given: Sequence[tuple[float, int | None]]) -> Given:
    offset, result = 0.0, list[tuple[float, int | None]]()
    for after, value in given:
        offset += after
        result.append((offset, value))
    return result


@given(ANYTHING, st.sampled_from([ENDLESS, Rules(1.0, SILENCE, 256)]))
def test_what_is_settled_is_a_chain_without_holes(
    given: Sequence[tuple[float, int | None]], rules: Rules
) -> None:
    readings = as_times(given)
    state, found = play(readings, rules)
    first = next((i for i, (_, value) in enumerate(readings) if value is not None), None)
    at = None if first is None else play(readings[: first + 1], rules)[0].base
    for pair in found:
        if pair.kind not in {"glitch", "late"}:
            assert pair.old == at
            at = pair.new
    assert at == state.base


@given(ANYTHING)
def test_no_pair_counts_more_than_the_machine_can_do(
    given: Sequence[tuple[float, int | None]],
) -> None:
    for pair in play(as_times(given), ENDLESS)[1]:
        if pair.booked:
            assert pair.amount <= (pair.new.at - pair.old.at).total_seconds() * 1.2 + 1
