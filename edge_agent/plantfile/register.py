"""Where a value stands in a Modbus device, and how its registers become a number or a text."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import isfinite
from operator import itemgetter
from struct import Struct, unpack
from typing import Any, Literal

from edge_agent.plantfile.conversion import real, whole, word
from edge_agent.sample import Value

ByteOrder = Literal["high-first", "low-first"]
WordOrder = Literal["high-first", "low-first", "2143", "3412"]
Table = Literal["holding", "input", "coil", "discrete"]

CODES = {
    "uint16": "H", "int16": "h", "uint32": "I", "int32": "i", "uint64": "Q", "int64": "q",
    "float32": "f", "float64": "d", "bool": "H",
}  # fmt: skip
WIDTHS = {name: 4 if "64" in name else 2 if "32" in name else 1 for name in CODES}
BCD = {"bcd16": "uint16", "bcd32": "uint32", "bcd64": "uint64"}  # packed decimal: what it yields
WORD_SHIFT = {"high-first": 0, "2143": 1, "3412": 2}  # word n stands where word n ^ shift would
LONGEST_TEXT = 250  # bytes in one answer, Modbus Application Protocol 6.3
FORM = re.compile(r"^(holding|input|coil|discrete):(\w+)(?::(\w+))?$")
BIT = re.compile(r"^bit(\d+)$")
BITS = re.compile(r"^bits(\d+)to(\d+)$")
TEXT = re.compile(r"^text(\d+)(by1)?$")
CURE = (
    'write it as "holding:16:uint16", "input:0x48:float32", "holding:20:bit3" or "coil:5" '
    f"(types: {', '.join(t for t in CODES if t != 'bool')}, {', '.join(BCD)}, bit0…bit15, "
    "bits4to7, text20, text20by1)"
)


@dataclass(frozen=True, slots=True)
class Register:
    """A place in a Modbus device: table, protocol address (from 0) and type of its value.

    `form` says how registers make the value where the type alone does not: `bit3`, `bits4to7`,
    `bcd32`, `text20` (two characters to a register), `text20by1` (one, in the lower byte).
    """

    table: Table
    address: int
    type: str
    form: str = ""

    @property
    def kind(self) -> str:
        """The type as a profile writes it."""
        return self.form or self.type

    @property
    def width(self) -> int:
        """Number of registers (or coils) the value takes."""
        text = TEXT.match(self.form)
        if text:
            return int(text[1]) if text[2] else (int(text[1]) + 1) // 2
        return WIDTHS[self.type]

    @property
    def end(self) -> int:
        """First address after the value."""
        return self.address + self.width

    @property
    def is_bit(self) -> bool:
        """Whether it is read by function 1 or 2."""
        return self.table in ("coil", "discrete")

    def __str__(self) -> str:
        if self.is_bit:
            return f"{self.table}:{self.address}"
        return f"{self.table}:{self.address}:{self.kind}"


def parse_register(text: object) -> Register:
    """The register that a text like `holding:16:uint16` means.

    Raises ValueError with the cure when the text means none.
    """
    form = FORM.match(text) if isinstance(text, str) else None
    if not form:
        raise ValueError(f"{text!r} is not a register; {CURE}")
    address = _address(form[2])
    kind = form[3]
    if form[1] in ("coil", "discrete"):
        if kind is not None:
            raise ValueError(f'a {form[1]} is one bit; write it as "{form[1]}:{form[2]}"')
        return Register("coil" if form[1] == "coil" else "discrete", address, "bool")
    table: Table = "holding" if form[1] == "holding" else "input"
    register = _word(table, address, kind or "")
    if register.end > 0x10000:
        raise ValueError(f"a {kind} at {address} ends beyond register 65535; give a lower address")
    return register


def _address(text: str) -> int:
    try:
        address = int(text, 0)
    except ValueError:
        raise ValueError(f"{text!r} is not a register address; {CURE}") from None
    if not 0 <= address <= 0xFFFF:
        if 400_000 < address <= 465_536 or 300_000 < address <= 365_536:
            table, number = "input" if address < 400_000 else "holding", address % 100_000 - 1
            what = f"{text} is a manual's number, which counts from 1"
            raise ValueError(f"{what}; write {table}:{number}")
        raise ValueError(f"register address {text} is not within 0…65535; count from 0")
    return address


def _word(table: Table, address: int, kind: str) -> Register:
    bit, bits, text = BIT.match(kind), BITS.match(kind), TEXT.match(kind)
    if bit and int(bit[1]) > 15:
        raise ValueError(f"{kind} is not in a register; its bits are bit0 (lowest) to bit15")
    if bits and not int(bits[1]) < int(bits[2]) <= 15:
        raise ValueError(f"{kind} are not bits of a register; write the lower first: bits4to7")
    if text and not 1 <= int(text[1]) <= (LONGEST_TEXT // 2 if text[2] else LONGEST_TEXT):
        raise ValueError(f"{kind} does not fit into one answer of 125 registers; make it shorter")
    if bit or bits:
        return Register(table, address, "bool" if bit else "uint16", kind)
    if text:
        return Register(table, address, "text", kind)
    if kind in BCD:
        return Register(table, address, BCD[kind], kind)
    if kind not in CODES or kind == "bool":
        raise ValueError(f"type {kind!r} is not known; {CURE}")
    return Register(table, address, kind)


@dataclass(frozen=True, slots=True)
class Layout:
    """How a device lays values over bytes and registers, and which raw values mean "none".

    `invalid` holds register contents as unsigned numbers, the highest byte first. `yields` is the
    type of the channel where it is another than that of the registers.
    """

    word_order: WordOrder = "high-first"
    byte_order: ByteOrder = "high-first"
    invalid: tuple[int, ...] = ()
    yields: str = ""

    def positions(self, width: int) -> list[int]:
        """For a number of `width` registers: its bytes, highest first, as offsets on the wire."""
        swap = 0 if self.byte_order == "high-first" else 1
        return [2 * word + (byte ^ swap) for word in self._words(width) for byte in (0, 1)]

    def _words(self, width: int) -> list[int]:
        if self.word_order == "low-first":
            return list(reversed(range(width)))
        shift = WORD_SHIFT[self.word_order]
        return [word ^ shift if shift < width else word for word in range(width)]

    def text_positions(self, form: str) -> list[int]:
        """For a text: its bytes in reading order. Words of a text are never turned round."""
        match = TEXT.match(form)
        assert match
        swap = 0 if self.byte_order == "high-first" else 1
        if match[2]:
            return [2 * word + (1 ^ swap) for word in range(int(match[1]))]
        return [place ^ swap for place in range(int(match[1]))]


Decode = Callable[[bytes], tuple[Value | None, ...]]
Finish = Callable[[Any], Value | None]
CONVERSIONS: dict[str, Finish] = {"int64": whole, "float64": real, "text": word}


def word_decoder(places: Sequence[tuple[Register, Layout]], start: int) -> Decode:
    """A function from the bytes of one read (registers from `start`) to the values of `places`.

    All bytes are gathered in order of significance at once and unpacked in one step. A value
    becomes None where the device says that it has none: a float that is not a finite number, a
    raw value declared invalid, a digit above 9 in packed decimal, a text that is not UTF-8.
    """
    offsets = [
        2 * (register.address - start) + position
        for register, layout in places
        for position in _positions(register, layout)
    ]
    gather = itemgetter(*offsets, offsets[0])  # one byte more: it gives a tuple for one byte too
    unpack_all = Struct(">" + "".join(_code(r) for r, _ in places) + "x").unpack
    floats = [n for n, (r, layout) in enumerate(places) if _is_plain_float(r, layout)]
    others = [(n, _finish(*place)) for n, place in enumerate(places) if n not in floats]
    finishes = [(n, finish) for n, finish in others if finish]
    if not finishes and not floats:
        return lambda data: unpack_all(bytes(gather(data)))

    def decode(data: bytes) -> tuple[Value | None, ...]:
        values: list[Any] = list(unpack_all(bytes(gather(data))))
        for index, finish in finishes:
            values[index] = finish(values[index])
        for index in floats:
            if not isfinite(values[index]):
                values[index] = None
        return tuple(values)

    return decode


def bit_decoder(places: Sequence[Register], start: int) -> Decode:
    """A function from the bytes of one coil read (from `start`) to bools."""
    where = [divmod(register.address - start, 8) for register in places]
    return lambda data: tuple(bool(data[byte] >> bit & 1) for byte, bit in where)


def raw_value(pattern: int, register: Register) -> int | float:
    """What a register content, written as an unsigned number, is in the register's type.

    Raises ValueError when it does not fit.
    """
    size = 2 * register.width
    if register.type == "text" or not 0 <= pattern < 1 << 8 * size:
        digits = f"0x{pattern:X}"
        raise ValueError(
            f"{digits} is no content of a {register.kind}; give what its registers hold"
        )
    return unpack(f">{_code(register)}", pattern.to_bytes(size, "big"))[0]


def _positions(register: Register, layout: Layout) -> list[int]:
    if register.type == "text":
        return layout.text_positions(register.form)
    return layout.positions(register.width)


def _code(register: Register) -> str:
    text = TEXT.match(register.form)
    return f"{text[1]}s" if text else CODES[register.type]


def _is_plain_float(register: Register, layout: Layout) -> bool:
    return register.type.startswith("float") and not layout.invalid and not layout.yields


def _finish(register: Register, layout: Layout) -> Finish | None:
    """What is still to be done with an unpacked value; None when nothing."""
    finish = _form(register)
    if layout.yields:
        finish = partial(_converted, CONVERSIONS[layout.yields], finish or _same)
    if not layout.invalid:
        return finish
    return partial(_unless_invalid, _invalid(register, layout), finish or _same)


def _invalid(register: Register, layout: Layout) -> frozenset[float]:
    return frozenset(raw_value(pattern, register) for pattern in layout.invalid)


def _form(register: Register) -> Finish | None:
    bit, bits = BIT.match(register.form), BITS.match(register.form)
    if bit:
        return partial(_bit, int(bit[1]))
    if bits:
        low, high = int(bits[1]), int(bits[2])
        return partial(_bits, low, (1 << high - low + 1) - 1)
    if register.form in BCD:
        return _decimal
    if register.type == "text":
        return _text
    return _finite if register.type.startswith("float") else None


def _unless_invalid(invalid: frozenset[float], finish: Finish, raw: Any) -> Value | None:
    return None if raw in invalid else finish(raw)


def _converted(convert: Finish, finish: Finish, raw: Any) -> Value | None:
    value = finish(raw)
    return None if value is None else convert(value)


def _same(raw: Any) -> Value:
    return raw


def _finite(raw: float) -> Value | None:
    return raw if isfinite(raw) else None


def _bit(number: int, raw: int) -> bool:
    return bool(raw >> number & 1)


def _bits(low: int, mask: int, raw: int) -> int:
    return raw >> low & mask


def _decimal(raw: int) -> int | None:
    """Packed decimal: each half byte is a digit."""
    digits = f"{raw:x}"
    return int(digits) if digits.isdecimal() else None


def _text(raw: bytes) -> str | None:
    """Up to the first NUL, without the blanks that fill it up."""
    try:
        return raw.split(b"\0", 1)[0].decode().strip()
    except UnicodeDecodeError:
        return None
