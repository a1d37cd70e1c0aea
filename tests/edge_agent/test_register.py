"""What the bytes of registers mean: every type in every layout, and what means "no value"."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.plantfile.register import (
    CODES,
    ByteOrder,
    Layout,
    Register,
    WordOrder,
    bit_decoder,
    parse_register,
    word_decoder,
)
from edge_agent.sample import Value

WORD_TYPES = sorted(set(CODES) - {"bool"})
PLAIN = Layout()


def register(text: str) -> Register:
    return parse_register(text)


def decoded(text: str, wire: str, layout: Layout = PLAIN) -> Value | None:
    return word_decoder([(register(text), layout)], register(text).address)(bytes.fromhex(wire))[0]


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
def test_float_layouts_of_libmodbus(
    word_order: WordOrder, byte_order: ByteOrder, wire: str
) -> None:
    place = (register("holding:7:float32"), Layout(word_order, byte_order))
    assert word_decoder([place], 7)(bytes.fromhex(wire)) == (123456.0,)


SIZES = {"int16": 2, "int32": 4, "int64": 8, "float32": 4, "float64": 8}  # bytes, by hand
ON_WIRE = {  # which word of the value stands where, 0 the highest, for two and four registers
    "high-first": {1: [0], 2: [0, 1], 4: [0, 1, 2, 3]},
    "low-first": {1: [0], 2: [1, 0], 4: [3, 2, 1, 0]},
    "2143": {1: [0], 2: [1, 0], 4: [1, 0, 3, 2]},
    "3412": {1: [0], 2: [0, 1], 4: [2, 3, 0, 1]},
}


def on_wire(value: float, kind: str, layout: Layout) -> bytes:
    """The registers that a device of this layout would send: an encoder of its own."""
    size = SIZES[kind.removeprefix("u")]
    if isinstance(value, int):
        high_first = value.to_bytes(size, "big", signed=kind[0] == "i")
    else:
        high_first = struct.pack({4: ">f", 8: ">d"}[size], value)
    words = [high_first[n : n + 2] for n in range(0, size, 2)]
    if layout.byte_order == "low-first":
        words = [word[::-1] for word in words]
    return b"".join(words[n] for n in ON_WIRE[layout.word_order][len(words)])


def value_of(kind: str) -> st.SearchStrategy[float]:
    bits = 8 * SIZES[kind.removeprefix("u")]
    if kind.startswith("float"):
        return st.floats(width=64 if bits == 64 else 32, allow_nan=False, allow_infinity=False)
    return (
        st.integers(0, 2**bits - 1)
        if kind[0] == "u"
        else st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    )


byte_orders: st.SearchStrategy[ByteOrder] = st.sampled_from(["high-first", "low-first"])
word_orders: st.SearchStrategy[WordOrder] = st.sampled_from(
    ["high-first", "low-first", "2143", "3412"]
)
layouts = st.builds(Layout, word_orders, byte_orders)
values = st.lists(
    st.sampled_from(WORD_TYPES).flatmap(
        lambda kind: st.tuples(st.just(kind), value_of(kind), layouts)
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
    found = word_decoder(where, start)(wire)
    assert found == tuple(value for _, value, _ in given_values)
    whole = [
        value for value, (kind, _, _) in zip(found, given_values, strict=True) if "int" in kind
    ]
    assert all(type(value) is int for value in whole)  # a counter stays exact


@pytest.mark.parametrize(
    ("word_order", "byte_order", "wire"),
    [
        ("high-first", "high-first", "0123 4567 89AB CDEF"),
        ("high-first", "low-first", "2301 6745 AB89 EFCD"),
        ("low-first", "high-first", "CDEF 89AB 4567 0123"),
        ("low-first", "low-first", "EFCD AB89 6745 2301"),
        ("2143", "high-first", "4567 0123 CDEF 89AB"),
        ("2143", "low-first", "6745 2301 EFCD AB89"),
        ("3412", "high-first", "89AB CDEF 0123 4567"),
        ("3412", "low-first", "AB89 EFCD 2301 6745"),
    ],
)
def test_a_64_bit_number_in_its_eight_layouts(
    word_order: WordOrder, byte_order: ByteOrder, wire: str
) -> None:
    layout = Layout(word_order, byte_order)
    assert decoded("holding:0:uint64", wire, layout) == 0x0123456789ABCDEF


@given(st.integers(0, 0xFFFF), st.sampled_from(["high-first", "low-first"]))
def test_bits_of_a_register_from_the_lowest(word: int, byte_order: ByteOrder) -> None:
    layout = Layout(byte_order=byte_order)
    where = [(register(f"holding:3:bit{n}"), layout) for n in range(16)]
    decoded = word_decoder(where, 3)(on_wire(word, "uint16", layout))
    assert decoded == tuple(bool(word >> n & 1) for n in range(16))


def test_coils_come_lowest_bit_first() -> None:
    where = [register(f"coil:{n}") for n in (5, 6, 14)]
    assert bit_decoder(where, 5)(bytes([0b10, 0b10])) == (False, True, True)


@pytest.mark.parametrize(
    ("text", "wire", "value"),
    [
        ("holding:0:bits0to7", "A55A", 0x5A),
        ("holding:0:bits8to15", "A55A", 0xA5),
        ("holding:0:bits4to6", "0070", 7),
        ("holding:0:bcd16", "1234", 1234),
        ("holding:0:bcd32", "0098 7654", 987654),
        ("holding:0:bcd64", "0000 0012 3456 7890", 1234567890),
        ("holding:0:text6", "4831 3034 3600", "H1046"),
        ("holding:0:text5", "4831 3034 3600", "H1046"),
        ("holding:0:text3by1", "0048 0031 0030", "H10"),
        ("holding:0:text1by1", "0048", "H"),
        ("holding:0:text6", "2020 5820 2000", "X"),
        ("holding:0:text6", "E6A8 A100 0000", "模"),
        ("holding:0:text4", "0000 0000", ""),
    ],
)
def test_forms_other_than_plain_numbers(text: str, wire: str, value: Value) -> None:
    assert decoded(text, wire) == value


def test_bytes_of_a_text_turned_round_in_each_register() -> None:
    turned = Layout("low-first", "low-first")  # the order of words is for numbers
    assert decoded("holding:0:text6", "3148 3430 0036", turned) == "H1046"
    assert decoded("holding:0:text3by1", "4800 3100 3000", turned) == "H10"
    assert decoded("holding:0:bcd32", "5476 9800", turned) == 987654


@given(st.integers(0, 10**16 - 1), layouts)
def test_packed_decimal_is_read_digit_by_digit(number: int, layout: Layout) -> None:
    high_first = bytes.fromhex(f"{number:016d}")
    wire = on_wire(int.from_bytes(high_first, "big"), "uint64", layout)
    assert word_decoder([(register("holding:0:bcd64"), layout)], 0)(wire) == (number,)


@pytest.mark.parametrize("wire", ["7FC0 0000", "7F80 0000", "FF80 0000"])
def test_a_float_that_is_no_number_is_no_value(wire: str) -> None:
    where = [(register("input:0:float32"), Layout()), (register("input:2:uint16"), Layout())]
    assert word_decoder(where, 0)(bytes.fromhex(wire + "0007")) == (None, 7)


@pytest.mark.parametrize(
    ("text", "wire", "invalid", "value"),
    [
        ("input:0:int16", "8000", (0x8000,), None),
        ("input:0:int16", "7FFF", (0x7FFF, 0x8000), None),
        ("input:0:int16", "FFFF", (0x7FFF, 0x8000), -1),
        ("input:0:uint16", "FFFF", (0xFFFF,), None),
        ("input:0:uint16", "FFFE", (0xFFFF,), 65534),
        ("input:0:int32", "7FFF FFFF", (0x7FFFFFFF,), None),
        ("input:0:uint64", "FFFF FFFF FFFF FFFF", (2**64 - 1,), None),
        ("input:0:float32", "C61C 3C00", (0xC61C3C00,), None),  # -9999.0
        ("input:0:float32", "7FC0 0000", (0xC61C3C00,), None),  # still no number
        ("input:0:float32", "41C8 0000", (0xC61C3C00,), 25.0),
        ("input:0:bit3", "FFFF", (0xFFFF,), None),  # the register has no value, so no bit has
        ("input:0:bit3", "0008", (0xFFFF,), True),
        ("input:0:bcd16", "FFFF", (), None),  # no digit is above 9
        ("input:0:text4", "FFFF FFFF", (), None),  # nor is this text
    ],
)
def test_what_a_vendor_sends_for_no_value_is_no_value(
    text: str, wire: str, invalid: tuple[int, ...], value: Value | None
) -> None:
    assert decoded(text, wire, Layout(invalid=invalid)) == value


def test_a_place_is_written_as_it_was_read() -> None:
    for text in ("holding:16:uint16", "input:72:float32", "holding:20:bit3", "coil:5",
        "holding:1:bits4to7", "holding:1:bcd32", "input:9:text20", "input:9:text7by1",
    ):  # fmt: skip
        assert str(register(text)) == text
    assert register("input:0x48:float32").address == 72


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("holding:16", "type ''"),
        ("holding:16:uint8", "type 'uint8'"),
        ("holding:16:bit16", "bit15"),
        ("holding:16:bits7to4", "lower first"),
        ("holding:16:bits4to16", "lower first"),
        ("holding:16:text251", "125 registers"),
        ("holding:16:text126by1", "125 registers"),
        ("holding:16:text0", "125 registers"),
        ("holding:65535:uint32", "beyond register 65535"),
        ("holding:65530:text20", "beyond register 65535"),
        ("holding:65536:uint16", "not within 0…65535"),
        ("holdin:1:uint16", "is not a register"),
        ("coil:1:bool", 'write it as "coil:1"'),
        ("input:4x:uint16", "is not a register address"),
    ],
)
def test_a_place_that_means_nothing_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        register(text)
