"""Running, stopped, unknown: stories, and that batches and the clock between do not matter."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mes_bridge.states.press_state import (
    Meanings,
    Rules,
    Seen,
    Sign,
    Span,
    Stroke,
    Watch,
    due,
    follow,
    merged,
    signal_of,
    tail,
)

START = datetime(2026, 3, 2, tzinfo=UTC)
RULES = Rules(stop_after=timedelta(seconds=20), silence=timedelta(seconds=30))
SIGNAL = Rules(stop_after=timedelta(seconds=20), silence=timedelta(seconds=30), by_signal=True)


def at(offset: float) -> datetime:
    return START + timedelta(seconds=offset)


def strokes(*offsets: float) -> list[Sign]:
    return [sign for o in offsets for sign in (Seen(at(o), good=True), Stroke(at(o)))]


def quiet(*offsets: float) -> list[Sign]:
    return [Seen(at(o), good=True) for o in offsets]


def bad(offset: float) -> list[Sign]:
    return [Seen(at(offset), good=False)]


def signal(offset: float, running: bool) -> list[Sign]:
    return [Seen(at(offset), good=True, signal="running" if running else "stopped")]


def told(signs: Sequence[Sign], now: float, rules: Rules = RULES) -> list[tuple[str, float, float]]:
    watch, settled = follow(None, signs, rules)
    assert watch is not None
    return shown(merged([*settled, *tail(watch, rules, at(now))]))


def shown(spans: Sequence[Span]) -> list[tuple[str, float, float]]:
    return [
        (s.state, (s.start - START).total_seconds(),
         -1 if s.end is None else (s.end - START).total_seconds())
        for s in spans
    ]  # fmt: skip


def test_before_the_first_good_reading_there_is_no_state() -> None:
    assert follow(None, bad(0), RULES) == (None, [])


def test_stopped_until_the_first_stroke_then_running() -> None:
    assert told([*quiet(0, 5), *strokes(10, 12)], 15) == [("stopped", 0, 10), ("running", 10, -1)]


def test_a_pause_was_a_stop_since_the_last_stroke() -> None:
    signs = [*quiet(0), *strokes(5, 10), *quiet(20, 30), *strokes(40)]
    assert told(signs, 41) == [
        ("stopped", 0, 5), ("running", 5, 10), ("stopped", 10, 40), ("running", 40, -1),
    ]  # fmt: skip


def test_a_short_pause_is_no_stop() -> None:
    assert told([*quiet(0), *strokes(5, 25, 45)], 60) == [("stopped", 0, 5), ("running", 5, -1)]


def test_the_clock_makes_a_stop_of_a_pause() -> None:
    signs = [*quiet(0), *strokes(5, 10), *quiet(20)]
    assert told(signs, 30)[-1] == ("running", 5, -1)
    assert told(signs, 30.5)[-1] == ("stopped", 10, -1)


def test_silence_is_unknown_from_its_end_on() -> None:
    signs = [*quiet(0), *strokes(5, 10)]
    assert told(signs, 40)[-1] == ("stopped", 10, -1)
    assert told(signs, 41)[-1] == ("unknown", 40, -1)


def test_where_strokes_fell_in_unknown_time_the_press_was_not_stopped() -> None:
    long = Rules(stop_after=timedelta(seconds=30), silence=timedelta(seconds=30))
    signs = [*quiet(0), *strokes(5, 10), *quiet(100), Stroke(at(100), unseen=True), *strokes(105)]
    assert told(signs, 106, long) == [
        ("stopped", 0, 5), ("running", 5, 40), ("unknown", 40, 100), ("running", 100, -1),
    ]  # fmt: skip


def test_where_none_fell_it_was_stopped_on_both_sides() -> None:
    signs = [*quiet(0), *strokes(5, 10), *quiet(100, 110)]
    assert told(signs, 111) == [
        ("stopped", 0, 5), ("running", 5, 10), ("stopped", 10, 40), ("unknown", 40, 100),
        ("stopped", 100, -1),
    ]  # fmt: skip


def test_a_bad_reading_is_unknown_at_once_until_a_good_one() -> None:
    signs = [*quiet(0), *strokes(5, 10), *bad(12), *bad(13), *strokes(15)]
    assert told(signs, 16) == [
        ("stopped", 0, 5), ("running", 5, 12), ("unknown", 12, 15), ("running", 15, -1),
    ]  # fmt: skip


def test_a_bad_reading_after_silence_began_is_unknown_since_the_silence() -> None:
    assert told([*quiet(0), *bad(100)], 101) == [("stopped", 0, 30), ("unknown", 30, -1)]


def test_the_run_signal_decides_even_without_strokes() -> None:
    signs = [*signal(0, False), *signal(10, True), *signal(35, True), *signal(60, False)]
    assert told(signs, 61, SIGNAL) == [
        ("stopped", 0, 10), ("running", 10, 60), ("stopped", 60, -1),
    ]  # fmt: skip


def test_a_signal_of_more_than_two_values_says_what_the_plant_listed() -> None:
    listed: Meanings = {"0": "stopped", "1": "stopped", "2": "running", "3": "alarm"}
    signs: list[Sign] = []
    for offset, value in ((0, 1), (10, 2), (30, 3), (40, 7)):
        what = signal_of(listed, value)
        signs.append(Seen(at(offset), good=what is not None, signal=what))
    assert told([*signs, Seen(at(50), good=True, signal="running")], 51, SIGNAL) == [
        ("stopped", 0, 10), ("running", 10, 30), ("alarm", 30, 40), ("unknown", 40, 50),
        ("running", 50, -1),
    ]  # fmt: skip


def test_without_a_list_nought_is_stopped_and_everything_else_running() -> None:
    assert [signal_of(None, value) for value in (0, 1, 3)] == ["stopped", "running", "running"]


def test_another_channel_keeps_a_press_known_but_does_not_cure_a_bad_signal() -> None:
    other = [Seen(at(o), good=True, decides=False) for o in (20, 45, 60)]
    assert told([*signal(0, True), *other], 61, SIGNAL) == [("running", 0, -1)]
    assert told([*signal(0, True), *bad(50), *other], 61, SIGNAL) == [
        ("running", 0, 50), ("unknown", 50, -1),
    ]  # fmt: skip


def test_the_next_change_by_the_clock_is_foretold() -> None:
    watch, _ = follow(None, [*quiet(0), *strokes(5), *quiet(10)], RULES)
    assert watch is not None
    assert due(watch, RULES, at(10)) == at(25)
    assert due(watch, RULES, at(26)) == at(40)
    assert due(watch, RULES, at(41)) is None


@st.composite
def lives(draw: st.DrawFn) -> list[Sign]:
    """Readings at growing instants; some count strokes, after unknown time unseen ones."""
    offset, last, signs = 0.0, 0.0, list[Sign]()
    blind = False
    for kind, after in draw(
        st.lists(
            st.tuples(st.sampled_from(["stroke", "quiet", "bad"]), st.integers(0, 80)), max_size=30
        )
    ):
        offset += after
        if kind == "bad":
            signs += bad(offset)
            blind = True
            continue
        unseen = blind or offset - last > 30
        signs += quiet(offset)
        signs += [Stroke(at(offset), unseen)] if kind == "stroke" else []
        blind, last = False, offset
    return signs


@given(lives(), st.integers(0, 60), st.data())
def test_batches_do_not_matter(signs: list[Sign], cut: int, data: st.DataObject) -> None:
    whole, spans = follow(None, signs, RULES)
    watch: Watch | None = None
    parts: list[Span] = []
    rest = list(signs)
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        watch, some = follow(watch, rest[:size], RULES)
        parts, rest = [*parts, *some], rest[size:]
    assert watch == whole
    assert merged(parts) == merged(spans)


@given(lives())
def test_every_instant_has_one_state(signs: list[Sign]) -> None:
    watch, settled = follow(None, signs, RULES)
    if watch is None:
        return
    spans = merged([*settled, *tail(watch, RULES, at(10_000))])
    assert all(before.end == after.start for before, after in pairwise(spans))
    assert spans[-1].end is None
