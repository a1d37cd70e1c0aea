"""What a part takes of a coil: mass = pitch x width x thickness x density of the strip.

Millimetres and g/cm³ give grams after / 1000. With several parts on a pitch each takes its share,
cut after the twelfth decimal of the coil's unit: a coil is never said to be enough for one part
less than it holds.
"""

from decimal import ROUND_DOWN, Decimal
from typing import NamedTuple

from erp_core.items.items import Item
from erp_core.quantity import DIGITS, EXACT, UNITS, Quantity, plain
from erp_core.refusal import Refused

CUBIC_MM = Decimal(1000)  # in a cubic centimetre


class Strip(NamedTuple):
    """How a part lies on a strip: `pitch`, `width`, `thickness` in mm, `density` in g/cm³."""

    pitch: Decimal
    parts: int
    width: Decimal
    thickness: Decimal
    density: Decimal

    @property
    def section(self) -> tuple[Decimal, Decimal, Decimal]:
        """What is the coil's own."""
        return self.width, self.thickness, self.density

    def __str__(self) -> str:
        size = " × ".join(f"{plain(each)} mm" for each in (self.pitch, self.width, self.thickness))
        return f"{size} × {plain(self.density)} g/cm³" + (f" ÷ {self.parts}" * (self.parts > 1))


def of(coil: Item, pitch: Decimal, parts: int) -> Strip:
    """A strip of that coil as it is known now; raises Refused strip_unknown, strip_no_mass."""
    if coil.width is None or coil.thickness is None or coil.density is None:
        raise Refused("strip_unknown", item=coil.code)
    if coil.unit not in UNITS or UNITS[coil.unit].dimension != "mass":
        raise Refused("strip_no_mass", item=coil.code, unit=coil.unit)
    return Strip(pitch, parts, coil.width, coil.thickness, coil.density)


def mass(strip: Strip, unit: str) -> Decimal:
    """What one part takes, in a unit of mass."""
    grams = Decimal(1)
    for each in (strip.pitch, *strip.section):
        grams = EXACT.multiply(grams, each)
    whole = Quantity(EXACT.divide(grams, CUBIC_MM), "g").to(unit).amount
    share = EXACT.divide(whole, Decimal(strip.parts))
    return share.quantize(Decimal(1).scaleb(-DIGITS), ROUND_DOWN, EXACT).normalize(EXACT)
