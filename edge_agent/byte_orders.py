"""Shows registers in every order of bytes and words: the right one is found by looking.

Read once at a new machine, when a value is 65536 times too large or a float is near zero.
"""

from collections.abc import Mapping, Sequence
from math import isfinite

from edge_agent.errors import EdgeError
from edge_agent.plantfile.entries import Meter, Press
from edge_agent.plantfile.profile import Channel
from edge_agent.plantfile.register import (
    CODES,
    ByteOrder,
    Layout,
    Register,
    WordOrder,
    word_decoder,
)
from edge_agent.sample import Value
from edge_agent.sources.modbus.unit import Read, Unit

TYPES = {
    1: ("uint16", "int16"), 2: ("uint32", "int32", "float32"), 4: ("uint64", "int64", "float64"),
}  # fmt: skip
WORD_ORDERS: dict[int, tuple[WordOrder, ...]] = {
    1: ("high-first",),
    2: ("high-first", "low-first"),
    4: ("high-first", "low-first", "2143", "3412"),
}
BYTE_ORDERS: tuple[ByteOrder, ...] = ("high-first", "low-first")
LIKELY = {"Hz": [(45, 65)], "V": [(90, 140), (198, 264), (342, 456)]}  # mains of 50 or 60 Hz
LIKELY_FLOAT = 1e-3, 1e7

Device = Press | Meter


class WatchedUnit(Unit):
    """A machine whose raw registers are kept, by channel."""

    def __init__(self, device: Device, unit: int, heartbeat_s: float, phase: float = 0.0) -> None:
        super().__init__(device, unit, heartbeat_s, phase)
        self.raw: dict[str, bytes] = {}

    def values(self, read: Read, data: bytes) -> Sequence[Value | None]:
        """What the bytes of a read mean."""
        for channel in read.channels:
            where = channel.where
            if where is not None and not where.is_bit:
                start = 2 * (where.address - read.block.start)
                self.raw[channel.name] = data[start : start + 2 * where.width]
        return super().values(read, data)


def chosen(devices: Sequence[Device], wanted: str) -> list[tuple[Device, Channel]]:
    """The numbers in registers that `wanted` names: a channel, a machine, both or `all`.

    Raises EdgeError when it names none.
    """
    numbers = [(d, c) for d in devices for c in d.channels if c.where and _is_number(c.where)]
    found = [
        (device, channel)
        for device, channel in numbers
        if wanted in ("all", device.name, channel.name, f"{device.name}.{channel.name}")
    ]
    if not found:
        names = ", ".join(dict.fromkeys(channel.name for _, channel in numbers)) or "none"
        what = f"--orders {wanted}: no number in registers has this name"
        raise EdgeError(f"{what}; name a machine, all, or one of the channels {names}")
    return found


def orders(
    wanted: Sequence[tuple[Device, Channel]], raw: Mapping[tuple[str, str], bytes]
) -> list[str]:
    """The lines to print: each value in every order, as every type of its width."""
    lines: list[str] = []
    for device, channel in wanted:
        data = raw.get((device.name, channel.name))
        lines += ["", *(_table(device, channel, data) if data else [_missing(device, channel)])]
    return [
        *lines,
        "",
        "* looks right (50 or 60 Hz, 230 or 400 V, a float that is neither tiny nor huge); compare",
        "  with the machine's own display. Then write word_order and byte_order of that row into",
        "  the profile, or into this channel alone.",
    ]


def _is_number(where: Register) -> bool:
    plain = not where.form or where.form in CODES
    return not where.is_bit and plain and where.width in TYPES


def _missing(device: Device, channel: Channel) -> str:
    return f"{device.name} {channel.name} ({channel.where}): no answer"


def _table(device: Device, channel: Channel, data: bytes) -> list[str]:
    assert channel.where is not None
    width = channel.where.width
    rows = [("word_order", "byte_order", *TYPES[width], "")]
    for words in WORD_ORDERS[width]:
        for bytes_ in BYTE_ORDERS:
            cells = [_cell(channel, data, kind, words, bytes_) for kind in TYPES[width]]
            rows.append((words, bytes_, *cells, _now(channel, words, bytes_)))
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    scale = f", x {channel.scale:g}" if channel.scale != 1 else ""
    scale += f", before x {' x '.join(channel.times)}" if channel.times else ""
    unit = f" in {channel.unit}" if channel.unit else ""
    head = f"{device.name} {channel.name} ({channel.where}{scale}{unit}): {data.hex(' ', 2)}"
    return [head, *("  " + _line(row, widths) for row in rows)]


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()


def _now(channel: Channel, words: WordOrder, bytes_: ByteOrder) -> str:
    layout = channel.layout
    return "<- now" if (layout.word_order, layout.byte_order) == (words, bytes_) else ""


def _cell(channel: Channel, data: bytes, kind: str, words: WordOrder, bytes_: ByteOrder) -> str:
    place = Register("holding", 0, kind)
    value = word_decoder([(place, Layout(words, bytes_))], 0)(data)[0]
    if not isinstance(value, int | float):
        return "–"
    scaled = value * channel.scale if channel.scale != 1 else value
    text = written(scaled, exact=isinstance(value, int))
    return f"{text} *" if likely(scaled, channel.unit, is_float="float" in kind) else text


def written(value: Value, *, exact: bool) -> str:
    """A value for people: whole numbers to the last digit, 32-bit floats as far as they go."""
    if isinstance(value, float):
        return f"{value:.12g}" if exact else f"{value:.7g}"
    return str(value)


def likely(value: float, unit: str, *, is_float: bool) -> bool:
    """Whether a value could be right by its unit, or by its size if it is a float."""
    if unit in LIKELY:
        return any(low <= value <= high for low, high in LIKELY[unit])
    low, high = LIKELY_FLOAT
    return is_float and isfinite(value) and low <= abs(value) <= high
