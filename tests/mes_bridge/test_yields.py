"""Parts from strokes: exact, however the strokes are cut into segments and shifts."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from math import floor

from hypothesis import given
from hypothesis import strategies as st

from mes_bridge.reporting import yields
from mes_bridge.reporting.yields import Cell, Key, Scrap, Share, Target

START = datetime(2026, 3, 2, 8, tzinfo=UTC)

cells = st.lists(
    st.builds(
        Cell,
        segment=st.sampled_from(sorted(yields.KINDS)),
        shift=st.sampled_from([1, 2, None]),
        strokes=st.integers(0, 10_000),
        parts=st.builds(Fraction, st.integers(0, 12), st.integers(1, 12)),
        first=st.integers(0, 10_000).map(lambda s: START + timedelta(seconds=s)),
    ),
    max_size=8,
)
scraps = st.lists(
    st.builds(
        Scrap,
        at=st.integers(0, 10_000).map(lambda s: START + timedelta(seconds=s)),
        qty=st.integers(1, 50),
        reason=st.sampled_from(["burr", "crack"]),
        shift=st.sampled_from([1, 2, None]),
    ),
    max_size=4,
)
adjusted = st.dictionaries(st.sampled_from([1, 2, None]), st.integers(-20, 20))


def cell(segment: str, strokes: int, parts: str = "1", shift: int = 1, minute: int = 0) -> Cell:
    return Cell(segment, shift, strokes, Fraction(parts), START + timedelta(minutes=minute))


def total(of: Sequence[Cell]) -> int:
    return floor(sum((c.strokes * c.parts for c in of), start=Fraction(0)))


def test_one_part_per_four_strokes_carries_the_fraction_over_segments_and_shifts() -> None:
    # 3, 3, 6 strokes: 0.75 -> 0, 1.5 -> 1, 3.0 -> 3: so 0, 1 and 2 parts.
    cut = [cell("production", 3, "1/4"), cell("production", 3, "1/4", 2), cell("trial", 6, "1/4")]
    assert yields.whole_parts(cut) == [0, 1, 2]


def test_each_segment_kind_posts_under_its_own_name() -> None:
    made = [cell("setup", 5), cell("first_article", 1), cell("production", 90), cell("trial", 2)]
    assert yields.target(7, made, [], {}, ordered=True) == {
        Key(7, 1, "setup"): 5,
        Key(7, 1, "sample"): 1,
        Key(7, 1, "good"): 90,
        Key(7, 1, "trial"): 2,
    }


def test_an_output_without_an_order_is_unattributed_as_a_whole() -> None:
    made = [cell("setup", 5), cell("production", 90)]
    assert yields.target(7, made, [], {}, ordered=False) == {Key(7, 1, "unattributed"): 95}


def test_scrap_told_just_after_the_shift_change_belongs_to_the_shift_that_made_it() -> None:
    made = [cell("production", 60, shift=1), cell("production", 9, shift=2, minute=30)]
    early = Scrap(START + timedelta(minutes=20), 4, "burr", 2)
    late = Scrap(START + timedelta(minutes=40), 2, "burr", 2)
    assert yields.target(7, made, [early, late], {}, ordered=True) == {
        Key(7, 1, "good"): 56,
        Key(7, 1, "scrap", "burr"): 4,
        Key(7, 2, "good"): 7,
        Key(7, 2, "scrap", "burr"): 2,
    }


def test_excess_begins_where_the_order_is_full_in_order_of_time() -> None:
    late = Share(Key(1, 2, "good"), START + timedelta(hours=1), 30)
    early = Share(Key(2, 1, "good"), START, 80)
    assert yields.split_excess([late, early], 100, {}) == {
        Key(2, 1, "good"): 80,
        Key(1, 2, "good"): 20,
        Key(1, 2, "excess"): 10,
    }


def test_good_that_was_posted_stays_good_when_another_press_goes_on() -> None:
    first, second = Key(1, 1, "good"), Key(2, 1, "good")
    shares = [Share(first, START, 60), Share(second, START + timedelta(minutes=5), 20)]
    posted = {first: 30, second: 20}
    assert yields.split_excess(shares, 50, posted) == {
        **posted,
        first._replace(kind="excess"): 30,
    }


def test_room_that_scrap_frees_turns_excess_into_good() -> None:
    key = Key(1, 1, "good")
    before = yields.split_excess([Share(key, START, 110)], 100, {})
    after = yields.split_excess([Share(key, START, 104)], 100, before)
    assert yields.difference(after, before) == {key._replace(kind="excess"): -6}


@given(cells, st.data())
def test_any_cut_of_the_strokes_gives_the_same_total(of: list[Cell], data: st.DataObject) -> None:
    assert sum(yields.whole_parts(of)) == total(of)
    finer: list[Cell] = []
    for each in of:
        part = data.draw(st.integers(0, each.strokes))
        finer += [each._replace(strokes=part), each._replace(strokes=each.strokes - part)]
    parts = yields.whole_parts(finer)
    joined = [before + after for before, after in zip(parts[::2], parts[1::2], strict=True)]
    assert joined == yields.whole_parts(of)


@given(cells, scraps, adjusted, st.booleans(), st.integers(0, 20_000), st.data())
def test_second_equation_parts_equal_the_sum_of_all_kinds(
    of: list[Cell], told: list[Scrap], back: dict[int | None, int], ordered: bool, limit: int,
    data: st.DataObject,
) -> None:  # fmt: skip
    target = yields.target(7, of, told, back, ordered=ordered)
    assert sum(target.values()) == total(of)
    shares = [Share(key, START, qty) for key, qty in target.items() if key.kind == "good"]
    kept = {share.key: data.draw(st.integers(-50, 20_000)) for share in shares}
    split = yields.split_excess(shares, limit, kept)
    assert yields.split_excess(shares, limit, split) == split
    assert sum(split.values()) == sum(share.qty for share in shares)
    good = sum(qty for key, qty in split.items() if key.kind == "good")
    assert good == min(sum(share.qty for share in shares), limit)


targets = st.dictionaries(
    st.builds(
        Key, st.integers(1, 2), st.sampled_from([1, None]), st.sampled_from(["good", "scrap"])
    ),
    st.integers(-50, 50),
)


@given(st.lists(targets, min_size=2, max_size=5))
def test_postings_follow_any_course_of_targets_and_rest_when_nothing_changes(
    course: list[Target],
) -> None:
    posted: Target = {}
    for wanted, again in pairwise([course[0], *course, course[-1]]):
        for key, qty in yields.difference(wanted, posted).items():
            posted[key] = posted.get(key, 0) + qty
        assert yields.difference(wanted, posted) == {}
        assert {k: q for k, q in posted.items() if q} == {k: q for k, q in wanted.items() if q}
        assert again in course


@given(st.integers(0, 5_000), st.integers(0, 3_000), st.integers(1, 700))
def test_parts_are_cut_where_a_container_is_full(qty: int, before: int, container: int) -> None:
    *full, rest = yields.cut(qty, before, container)
    assert sum(full) + rest == qty
    assert all((before + sum(full[: n + 1])) % container == 0 for n in range(len(full)))
    assert 0 <= rest < container
    assert yields.cut(-qty, before, container) == [-qty]
