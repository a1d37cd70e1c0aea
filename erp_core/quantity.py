"""Quantities with a unit, and money: exact, converted at the border and nowhere else.

In the books a quantity stands in its item's unit. What comes in may be said in another unit of the
same dimension ("2 t" of a coil that is kept in kg); factors are powers of ten, so nothing is
rounded.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from functools import total_ordering
from types import MappingProxyType
from typing import Annotated, Any, ClassVar

from pydantic import PlainValidator, WithJsonSchema

from erp_core.refusal import Refused
from people.arguments import MOST

EXACT = Context(prec=60)  # more digits than any product of what the books hold
DIGITS = 12  # decimals of a quantity in the books


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of its dimension: `size` in the smallest one; what is `whole` is counted."""

    code: str
    dimension: str
    size: Decimal
    whole: bool = False


UNITS: Mapping[str, Unit] = MappingProxyType({
    unit.code: unit
    for unit in (
        Unit("pcs", "pieces", Decimal(1), whole=True), Unit("set", "sets", Decimal(1), whole=True),
        Unit("kg", "mass", Decimal(1000)), Unit("g", "mass", Decimal(1)),
        Unit("t", "mass", Decimal(1_000_000)),
        Unit("m", "length", Decimal(1000)), Unit("mm", "length", Decimal(1)),
        Unit("m2", "area", Decimal(1)), Unit("l", "volume", Decimal(1)),
    )
})  # fmt: skip


@total_ordering
@dataclass(frozen=True, slots=True)
class Quantity:
    """So much of a unit. Only what has one dimension is added and compared; raises ValueError."""

    amount: Decimal
    unit: str

    def to(self, unit: str) -> "Quantity":
        """The same in another unit of the dimension, exactly."""
        own, other = UNITS[self.unit], UNITS[unit]
        if own.dimension != other.dimension:
            raise ValueError(f"{self.unit} is no {other.dimension}: it cannot be told in {unit}")
        return Quantity(EXACT.divide(EXACT.multiply(self.amount, own.size), other.size), unit)

    def __add__(self, other: "Quantity") -> "Quantity":
        return Quantity(EXACT.add(self.amount, other.to(self.unit).amount), self.unit)

    def __sub__(self, other: "Quantity") -> "Quantity":
        return Quantity(EXACT.subtract(self.amount, other.to(self.unit).amount), self.unit)

    def __mul__(self, times: Decimal | int) -> "Quantity":
        return Quantity(EXACT.multiply(self.amount, Decimal(times)), self.unit)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Quantity):
            return NotImplemented
        same = UNITS[self.unit].dimension == UNITS[other.unit].dimension
        return same and self.amount == other.to(self.unit).amount

    def __hash__(self) -> int:
        own = UNITS[self.unit]
        return hash((own.dimension, EXACT.multiply(self.amount, own.size)))

    def __lt__(self, other: "Quantity") -> bool:
        return self.amount < other.to(self.unit).amount

    def __str__(self) -> str:
        return f"{plain(self.amount)} {self.unit}"


def plain(amount: Decimal) -> str:
    """A number as people write it: no exponent, no zeros at its end."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def whole(unit: str) -> bool:
    """Whether what has this unit is counted, not measured; a unit of another house is measured."""
    return unit in UNITS and UNITS[unit].whole


@dataclass(frozen=True, slots=True)
class Given:
    """A number that somebody gave, with the unit that they said, if they did."""

    FORM: ClassVar[str] = "amount"  # how forms and faults take it

    amount: Decimal
    unit: str | None = None

    def of(self, item: str, unit: str) -> Decimal:
        """The amount in the item's unit; raises Refused unit_other, qty_too_fine."""
        if self.unit is None or self.unit == unit:
            return self._fit(self.amount, item, unit)
        here, there = UNITS.get(self.unit), UNITS.get(unit)
        if here is None or there is None or here.dimension != there.dimension:
            raise Refused("unit_other", given=self.unit, item=item, unit=unit,
                          units=sorted(_convertible(unit)))  # fmt: skip
        converted = Quantity(self.amount, self.unit).to(unit).amount
        return self._fit(Decimal(plain(converted)), item, unit)

    def _fit(self, amount: Decimal, item: str, unit: str) -> Decimal:
        if amount and -int(amount.normalize().as_tuple().exponent) > DIGITS:
            raise Refused("qty_too_fine", qty=plain(self.amount), item=item, unit=unit)
        return amount


def _convertible(unit: str) -> Iterator[str]:
    """The units in which an amount of this one can be said."""
    known = UNITS.get(unit)
    yield from (u.code for u in UNITS.values() if known and u.dimension == known.dimension)
    if known is None:
        yield unit


SAID = re.compile(r"\s*([+-]?[0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]+2?)?\s*")


def _given(value: Any) -> Given:
    """12, 12.5, "12.5" or "12.5 kg"; a float of JSON is meant as it is written."""
    if isinstance(value, Given):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ValueError("is no number")  # noqa: TRY004 - pydantic reports ValueErrors
    match = SAID.fullmatch(str(value))
    try:
        amount = Decimal(match[1] if match else str(value))
    except InvalidOperation:
        raise ValueError("is no number") from None
    if not amount.is_finite() or not 0 <= amount <= MOST or len(amount.as_tuple().digits) > 24:
        raise ValueError("is beyond what the books hold")
    return Given(amount, match[2] if match else None)


Amount = Annotated[Given, PlainValidator(_given), WithJsonSchema({"type": ["number", "string"]})]


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in a currency, to its smallest coin; only one currency is added and compared."""

    amount: Decimal
    currency: str

    MINOR: ClassVar[Mapping[str, int]] = MappingProxyType({"JPY": 0, "KRW": 0, "VND": 0})  # else 2

    @classmethod
    def rounded(cls, amount: Decimal, currency: str) -> "Money":
        """To the smallest coin, half away from zero, as invoices are."""
        coin = Decimal(1).scaleb(-cls.MINOR.get(currency, 2))
        return cls(amount.quantize(coin, ROUND_HALF_UP, EXACT), currency)

    def __add__(self, other: "Money") -> "Money":
        if self.currency != other.currency:
            raise ValueError(f"{self.currency} and {other.currency} are not added: convert one")
        return Money(self.amount + other.amount, self.currency)

    def shared(self, weights: Sequence[Decimal | int]) -> list["Money"]:
        """Parts of it by weight that add up to it: coins left over go to the largest remainders."""
        total = sum(map(Decimal, weights), Decimal(0))
        if total <= 0:
            raise ValueError("weights add up to nothing: give one above zero")
        coin = Decimal(1).scaleb(-self.MINOR.get(self.currency, 2))
        coins = int(self.amount / coin)
        exact = [EXACT.divide(EXACT.multiply(Decimal(coins), Decimal(w)), total) for w in weights]
        parts = [int(each // 1) for each in exact]
        by_rest = sorted(range(len(parts)), key=lambda n: (parts[n] - exact[n], n))
        for n in by_rest[: coins - sum(parts)]:
            parts[n] += 1
        return [Money(each * coin, self.currency) for each in parts]
