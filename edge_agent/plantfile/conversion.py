"""What a machine gives in another type than its channel has: numbers as text, text as numbers.

PLCs count in reals, keep counts in strings and dies in numbers. What cannot be said without loss is
None: bad quality, never a guess.
"""

import re
from math import isfinite

from edge_agent.sample import Value

EXACT = 2**53  # up to here a double tells each whole number
WHOLE = re.compile(r"[+-]?\d{1,19}(\.0+)?")
NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d{1,3})?")


def whole(value: Value) -> int | None:
    """A whole number of 64 bits that is given as a real or in digits."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) <= EXACT else None
    if isinstance(value, str):
        text = value.strip()
        if not (text.isascii() and WHOLE.fullmatch(text)):
            return None
        value = int(text.partition(".")[0])
    return value if -(2**63) <= value < 2**63 else None


def real(value: Value) -> float | None:
    """A finite number that is given in digits."""
    if isinstance(value, str):
        text = value.strip()
        if not (text.isascii() and NUMBER.fullmatch(text)):
            return None
    number = float(value)
    return number if isfinite(number) else None


def word(value: Value) -> str:
    """A number in digits: whole ones without a point."""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) <= EXACT else f"{value:.7g}"
    return str(value)
