"""Values that master data may have, wherever they are given: in a file, on a page, in a sheet.

Quantities are read as Decimals and parts per stroke as fractions, so that nothing is rounded.
"""

import re
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema

# More is not meant: a press with 1,000 strokes a minute makes so many in two years.
MOST = 1_000_000_000
MOST_PARTS = 1000  # per stroke
FASTEST = 5000  # strokes per minute


def _exact(value: object) -> object:
    """A quantity as a Decimal: what stands in the file, not its nearest binary fraction."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ValueError("is not a number; write one, such as 0.35")  # noqa: TRY004 - pydantic reports ValueErrors
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise ValueError("is not a number; write one, such as 0.35") from None


def _ratio(value: object) -> Fraction:
    """Parts per stroke: 2, "2" or "1/4"."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    match = re.fullmatch(r"\s*(\d+)\s*(?:/\s*(\d+)\s*)?", text)
    if not match or not int(match[1]) or (match[2] is not None and not int(match[2])):
        raise ValueError('is not a ratio; write 2 or "1/4" (one part every four strokes)')
    if not 1 <= int(match[1]) <= MOST_PARTS or int(match[2] or 1) > MOST_PARTS:
        raise ValueError(f"cannot be; write numbers up to {MOST_PARTS}")
    return Fraction(int(match[1]), int(match[2] or 1))


Quantity = Annotated[
    Decimal, BeforeValidator(_exact), Field(gt=0, le=MOST, max_digits=24, decimal_places=12)
]
Size = Annotated[
    Decimal, BeforeValidator(_exact), Field(gt=0, le=100_000, max_digits=24, decimal_places=12)
]  # mm, or g/cm³
Share = Annotated[Decimal, BeforeValidator(_exact), Field(ge=0, le=1)]
Worn = Annotated[Decimal, BeforeValidator(_exact), Field(gt=0, le=2)]
Speed = Annotated[Decimal, BeforeValidator(_exact), Field(gt=0, le=FASTEST)]
Parts = Annotated[Fraction, PlainValidator(_ratio), WithJsonSchema({"type": "string"})]
