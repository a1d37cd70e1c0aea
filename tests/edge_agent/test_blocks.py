"""What is read together, and what its bytes mean."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.blocks import Block, plan_blocks
from edge_agent.register import (
    CODES,
    WIDTHS,
    Layout,
    Order,
    Register,
    bit_decoder,
    parse_register,
    word_decoder,
)

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
    for block in plan_blocks(where, longest, hole):
        assert block.count <= (2000 if block.table == "coil" else longest)
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


# The float vectors of libmodbus' unit tests: 123456.0 in its four layouts.
@pytest.mark.parametrize(
    ("word_order", "byte_order", "wire"),
    [
        ("high-first", "high-first", "47F1 2000"),  # ABCD
        ("low-first", "low-first", "0020 F147"),  # DCBA
        ("high-first", "low-first", "F147 0020"),  # BADC
        ("low-first", "high-first", "2000 47F1"),  # CDAB
    ],
)
def test_float_layouts_of_libmodbus(word_order: Order, byte_order: Order, wire: str) -> None:
    place = (register("holding:7:float32"), Layout(word_order, byte_order))
    assert word_decoder([place], 7)(bytes.fromhex(wire)) == (123456.0,)


def on_wire(value: float, kind: str, layout: Layout) -> bytes:
    """The registers that a device of this layout would send: an encoder of its own."""
    high_first = struct.pack(">" + CODES[kind], value)
    words = [high_first[n : n + 2] for n in range(0, len(high_first), 2)]
    if layout.byte_order == "low-first":
        words = [word[::-1] for word in words]
    if layout.word_order == "low-first":
        words.reverse()
    return b"".join(words)


def value_of(kind: str) -> st.SearchStrategy[float]:
    bits = 16 * WIDTHS[kind]
    if kind.startswith("float"):
        return st.floats(width=64 if bits == 64 else 32, allow_nan=False, allow_infinity=False)
    return (
        st.integers(0, 2**bits - 1)
        if kind[0] == "u"
        else st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    )


orders = st.sampled_from(["high-first", "low-first"])
values = st.lists(
    st.sampled_from(WORD_TYPES).flatmap(
        lambda kind: st.tuples(st.just(kind), value_of(kind), st.builds(Layout, orders, orders))
    ),
    min_size=1,
    max_size=20,
)


@given(values, st.integers(0, 1000))
def test_every_type_in_every_layout_comes_back_exactly(
    given_values: list[tuple[str, float, Layout]], start: int
) -> None:
    wire, where = b"", list[tuple[Register, Layout]]()
    for kind, value, layout in given_values:
        where.append((Register("holding", start + len(wire) // 2, kind), layout))
        wire += on_wire(value, kind, layout)
    decoded = word_decoder(where, start)(wire)
    assert decoded == tuple(value for _, value, _ in given_values)
    whole = [
        value for value, (kind, _, _) in zip(decoded, given_values, strict=True) if "int" in kind
    ]
    assert all(type(value) is int for value in whole)  # a counter stays exact


@given(st.integers(0, 0xFFFF), st.sampled_from(["high-first", "low-first"]))
def test_bits_of_a_register_from_the_lowest(word: int, byte_order: Order) -> None:
    layout = Layout(byte_order=byte_order)
    where = [(register(f"holding:3:bit{n}"), layout) for n in range(16)]
    decoded = word_decoder(where, 3)(on_wire(word, "uint16", layout))
    assert decoded == tuple(bool(word >> n & 1) for n in range(16))


def test_coils_come_lowest_bit_first() -> None:
    where = [register(f"coil:{n}") for n in (5, 6, 14)]
    assert bit_decoder(where, 5)(bytes([0b10, 0b10])) == (False, True, True)


@pytest.mark.parametrize("wire", ["7FC0 0000", "7F80 0000", "FF80 0000"])
def test_a_float_that_is_no_number_is_no_value(wire: str) -> None:
    where = [(register("input:0:float32"), Layout()), (register("input:2:uint16"), Layout())]
    assert word_decoder(where, 0)(bytes.fromhex(wire + "0007")) == (None, 7)


def test_a_place_is_written_as_it_was_read() -> None:
    for text in ("holding:16:uint16", "input:72:float32", "holding:20:bit3", "coil:5"):
        assert str(register(text)) == text
    assert register("input:0x48:float32").address == 72


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("holding:16", "type ''"),
        ("holding:16:uint8", "type 'uint8'"),
        ("holding:16:bit16", "bit15"),
        ("holding:65535:uint32", "beyond register 65535"),
        ("holding:65536:uint16", "not within 0…65535"),
        ("holdin:1:uint16", "is not a register"),
        ("coil:1:bool", 'write it as "coil:1"'),
        ("input:4x:uint16", "is not a register address"),
    ],
)
def test_a_place_that_means_nothing_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        register(text)
