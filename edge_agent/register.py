"""Where a value stands in a Modbus device, and how its registers become a number."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from operator import itemgetter
from struct import Struct
from typing import Any, Literal

from edge_agent.sample import Value

Order = Literal["high-first", "low-first"]
Table = Literal["holding", "input", "coil", "discrete"]

CODES = {
    "uint16": "H", "int16": "h", "uint32": "I", "int32": "i", "uint64": "Q", "int64": "q",
    "float32": "f", "float64": "d", "bool": "H",
}  # fmt: skip
WIDTHS = {name: 4 if "64" in name else 2 if "32" in name else 1 for name in CODES}
FORM = re.compile(r"^(holding|input|coil|discrete):(\w+)(?::(\w+))?$")
CURE = (
    'write it as "holding:16:uint16", "input:0x48:float32", "holding:20:bit3" or "coil:5" '
    f"(types: {', '.join(t for t in CODES if t != 'bool')})"
)


@dataclass(frozen=True, slots=True)
class Register:
    """A place in a Modbus device: table, protocol address (from 0), type, and bit if one."""

    table: Table
    address: int
    type: str
    bit: int | None = None

    @property
    def width(self) -> int:
        """Number of registers (or coils) the value takes."""
        return WIDTHS[self.type]

    @property
    def end(self) -> int:
        """First address after the value."""
        return self.address + self.width

    def __str__(self) -> str:
        if self.table in ("coil", "discrete"):
            return f"{self.table}:{self.address}"
        return f"{self.table}:{self.address}:{self.type if self.bit is None else f'bit{self.bit}'}"


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
    return _word(table, address, kind or "")


def _address(text: str) -> int:
    try:
        address = int(text, 0)
    except ValueError:
        raise ValueError(f"{text!r} is not a register address; {CURE}") from None
    if not 0 <= address <= 0xFFFF:
        raise ValueError(f"register address {text} is not within 0…65535; count from 0")
    return address


def _word(table: Table, address: int, kind: str) -> Register:
    bit = re.fullmatch(r"bit(\d+)", kind)
    if bit:
        if int(bit[1]) > 15:
            raise ValueError(f"{kind} is not in a register; its bits are bit0 (lowest) to bit15")
        return Register(table, address, "bool", int(bit[1]))
    if kind not in CODES or kind == "bool":
        raise ValueError(f"type {kind!r} is not known; {CURE}")
    if address + WIDTHS[kind] > 0x10000:
        raise ValueError(f"a {kind} at {address} ends beyond register 65535; give a lower address")
    return Register(table, address, kind)


@dataclass(frozen=True, slots=True)
class Layout:
    """How a profile's device lays numbers over bytes and registers."""

    word_order: Order = "high-first"
    byte_order: Order = "high-first"

    def positions(self, width: int) -> list[int]:
        """For a value of `width` registers: its bytes, highest first, as offsets on the wire."""
        words = range(width) if self.word_order == "high-first" else reversed(range(width))
        swap = 0 if self.byte_order == "high-first" else 1
        return [2 * word + (byte ^ swap) for word in words for byte in (0, 1)]


Decode = Callable[[bytes], tuple[Value | None, ...]]


def word_decoder(places: Sequence[tuple[Register, Layout]], start: int) -> Decode:
    """A function from the bytes of one read (registers from `start`) to the values of `places`.

    All bytes are gathered in order of significance at once and unpacked in one step. A float
    that is not a finite number means "no value" on most meters and becomes None.
    """
    offsets = [
        2 * (register.address - start) + position
        for register, layout in places
        for position in layout.positions(register.width)
    ]
    gather = itemgetter(*offsets)
    unpack = Struct(">" + "".join(CODES[register.type] for register, _ in places)).unpack
    bits = [(i, r.bit) for i, (r, _) in enumerate(places) if r.bit is not None]
    floats = [i for i, (r, _) in enumerate(places) if r.type.startswith("float")]
    if not bits and not floats:
        return lambda data: unpack(bytes(gather(data)))

    def decode(data: bytes) -> tuple[Value | None, ...]:
        values: list[Any] = list(unpack(bytes(gather(data))))
        for index, bit in bits:
            values[index] = bool(values[index] >> bit & 1)
        for index in floats:
            if not isfinite(values[index]):
                values[index] = None
        return tuple(values)

    return decode


def bit_decoder(places: Sequence[Register], start: int) -> Decode:
    """A function from the bytes of one coil read (from `start`) to bools."""
    where = [divmod(register.address - start, 8) for register in places]
    return lambda data: tuple(bool(data[byte] >> bit & 1) for byte, bit in where)
