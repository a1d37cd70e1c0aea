"""Faults of a master data file: where they stand, in words that say the cure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from erp_core.masters.errors import MastersError

Place = tuple[str | int, ...]  # ("item", 2, "unit"): key `unit` of the third [[item]]

HEADER = re.compile(r"\s*\[+[^\[\],={}]+\]+\s*(#|$)")

PLAIN = MappingProxyType({
    "extra_forbidden": ("is not a key here", "take it out, or check its spelling"),
    "missing": ("is missing", "add it"),
    "too_short": ("is empty", "list at least one"),
})  # fmt: skip

CURE_OF_PATTERN = MappingProxyType({
    r"^\S(.*\S)?$": "write it without spaces around it",
    r"^[^\s/]([^/]*[^\s/])?$": "write it without a slash, and without spaces around it",
    r"^\d{4,12}$": 'write 4 to 12 digits in quotes, such as "1234"',
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """Something in the file that cannot be loaded: where, what is wrong, what to write instead."""

    place: Place
    what: str
    cure: str


@dataclass(frozen=True)
class Source:
    """Raw tables, and the text they came from if it was a file."""

    name: str
    data: Mapping[str, Any]
    text: str = ""

    def told(self, fault: Fault) -> str:
        """`masters.toml:12: item.BRACKET.unit: what is wrong; the cure`."""
        line = line_of(self.text, fault.place)
        where = f"{self.name}:{line}" if line else self.name
        return f"{where}: {self._path(fault.place)}: {fault.what}; {fault.cure}"

    def refuse(self, faults: Iterable[Fault]) -> None:
        """Raise MastersError with every fault, in the order of the file; none: do nothing."""
        found = sorted(faults, key=lambda fault: line_of(self.text, fault.place))
        if found:
            raise MastersError([self.told(fault) for fault in found])

    def _path(self, place: Place) -> str:
        value: Any = self.data
        names: list[str] = []
        for key in place:
            value = _inside(value, key)
            names.append(_name(value, key))
        return ".".join(names)


def worded(error: ValidationError) -> list[Fault]:
    """What pydantic found, in our words."""
    details = error.errors(include_url=False)
    places = [detail["loc"] for detail in details]
    return [
        Fault(detail["loc"], *_words(detail))
        for detail in details
        if detail["type"] != "too_short" or not _inner(detail["loc"], places)
    ]


def _inner(place: Place, places: Iterable[Place]) -> bool:
    """Whether something inside that place is at fault: then the list was not empty."""
    return any(len(other) > len(place) and other[: len(place)] == place for other in places)


def _shown(value: object) -> str:
    return str(value) if isinstance(value, Decimal) else repr(value)


def _words(detail: ErrorDetails) -> tuple[str, str]:
    kind, message = detail["type"], detail["msg"]
    given = "this PIN" if "pin" in detail["loc"] else _shown(detail["input"])
    if kind in PLAIN:
        return PLAIN[kind]
    if kind == "value_error":  # one of ours: "what; cure"
        what, _, cure = message.removeprefix("Value error, ").partition("; ")
        return f"{given} {what}", cure
    if kind == "string_pattern_mismatch":
        return f"{given} cannot be", CURE_OF_PATTERN[detail.get("ctx", {})["pattern"]]
    return f"{given} cannot be", message.replace("Input should", "it should", 1)


def _inside(value: Any, key: str | int) -> Any:
    if isinstance(value, Mapping):
        return value.get(key)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - raw TOML
    if isinstance(value, Sequence) and isinstance(key, int) and not isinstance(value, str):
        return value[key] if key < len(value) else None  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - raw TOML
    return None


def _name(value: Any, key: str | int) -> str:
    """A row is called by its code or item, if it has one; else by its number, counted from 1."""
    if isinstance(key, str):
        return key
    if isinstance(value, str):
        return value
    return str(_inside(value, "code") or _inside(value, "item") or key + 1)


def line_of(text: str, place: Place) -> int:
    """Line (from 1) where the key stands, or the nearest table around it; 0 if there is none."""
    lines = text.splitlines()
    head = _table(lines, place)
    rest = place[2:] if head else place  # a table written inline stands at its own key
    start, stop = head or (1, len(lines) + 1)
    key = next((part for part in rest if isinstance(part, str)), None)
    at = next((n for n in range(start, stop) if _opens(lines[n - 1], key)), start if head else 0)
    index = next((part for part in rest if isinstance(part, int)), None)
    return at if index is None or at == 0 else _nth_brace(lines, at, stop, index)


def _table(lines: Sequence[str], place: Place) -> tuple[int, int] | None:
    """First line of the [[table]] that the place is in, and the line after its last."""
    heads = [n for n, line in enumerate(lines, 1) if HEADER.match(line)]
    name = re.escape(str(place[0])) if place else ""
    own = [n for n in heads if re.match(rf"\s*\[+\s*{name}\s*\]", lines[n - 1])]
    index = place[1] if len(place) > 1 and isinstance(place[1], int) else 0
    if index >= len(own):
        return None
    start = own[index]
    return start, next((n for n in heads if n > start), len(lines) + 1)


def _opens(line: str, key: str | None) -> bool:
    return key is not None and re.match(rf"\s*\"?{re.escape(key)}\"?\s*=", line) is not None


def _nth_brace(lines: Sequence[str], at: int, stop: int, index: int) -> int:
    """Line of the inline table number `index` of the array that begins at line `at`."""
    seen = 0
    for n in range(at, stop):
        seen += lines[n - 1].count("{")
        if seen > index:
            return n
    return at
