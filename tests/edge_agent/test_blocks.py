"""What is read together: few requests, none too long, no value torn."""

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.plantfile.blocks import Block, plan_blocks
from edge_agent.plantfile.register import CODES, Register, parse_register

WORD_TYPES = sorted(set(CODES) - {"bool"})


def register(text: str) -> Register:
    return parse_register(text)


registers = st.builds(
    Register,
    table=st.sampled_from(["holding", "input"]),
    address=st.integers(0, 400),
    type=st.sampled_from(WORD_TYPES),
)
coils = st.builds(
    Register, table=st.just("coil"), address=st.integers(0, 3000), type=st.just("bool")
)
places = st.lists(st.one_of(registers, coils), min_size=1, max_size=60)


@given(places, st.integers(4, 125), st.integers(0, 20))
def test_every_value_lies_whole_in_exactly_one_read(
    where: list[Register], longest: int, hole: int
) -> None:
    blocks = plan_blocks(where, longest, hole)
    assert sorted(n for block in blocks for n in block.members) == list(range(len(where)))
    for block in blocks:
        for place in (where[n] for n in block.members):
            assert place.table == block.table
            assert block.start <= place.address
            assert place.end <= block.end


@given(places, st.integers(4, 125), st.integers(0, 20))
def test_no_read_is_too_long_and_none_begins_or_ends_unused(
    where: list[Register], longest: int, hole: int
) -> None:
    for block in plan_blocks(where, longest, hole, longest_bit_read=100):
        assert block.count <= (100 if block.table == "coil" else longest)
        members = [where[n] for n in block.members]
        assert block.start == min(place.address for place in members)
        assert block.end == max(place.end for place in members)
        used = {a for place in members for a in range(place.address, place.end)}
        assert block.count - len(used) == block.holes


@given(places, st.integers(4, 125))
def test_without_holes_only_used_registers_are_read(where: list[Register], longest: int) -> None:
    assert all(block.holes == 0 for block in plan_blocks(where, longest, 0))


def test_small_holes_are_read_along_and_wide_ones_split() -> None:
    where = [register(f"holding:{n}:uint16") for n in (20, 10, 15, 40)]
    assert plan_blocks(where, 125, 4) == [
        Block("holding", 10, 11, (1, 2, 0), 8),
        Block("holding", 40, 1, (3,)),
    ]


def test_a_value_at_the_limit_moves_to_the_next_read_whole() -> None:
    where = [
        register("input:0:uint16"),
        *(register(f"input:{n}:float32") for n in range(1, 127, 2)),
    ]
    first, second = plan_blocks(where, 125, 0)
    assert (first.start, first.count, second.start, second.count) == (0, 125, 125, 2)


def test_no_read_reaches_across_a_cut_or_holds_what_is_forbidden() -> None:
    where = [register(f"holding:{n}:uint16") for n in (0, 1, 2, 3, 5, 6)]
    assert [block.start for block in plan_blocks(where, cuts={("holding", 2)})] == [0, 2]
    assert [block.start for block in plan_blocks(where, cuts={("input", 2)})] == [0]
    illegal = [register("holding:4:uint16")]
    assert [block.start for block in plan_blocks(where, forbidden=illegal)] == [0, 5]
