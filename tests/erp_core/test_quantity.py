"""Quantities with units and money: exact, whatever is done with them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erp_core.items.strips import Strip, mass
from erp_core.quantity import UNITS, Amount, Given, Money, Quantity, plain, whole
from people.arguments import Arguments, read
from people.refusal import Refused


def q(amount: str, unit: str) -> Quantity:
    return Quantity(Decimal(amount), unit)


amounts = st.decimals(0, 10**12, places=12)


@given(amounts, st.sampled_from(sorted(UNITS)), st.sampled_from(sorted(UNITS)))
def test_there_and_back_is_the_same_to_the_last_digit(
    amount: Decimal, one: str, other: str
) -> None:
    if UNITS[one].dimension == UNITS[other].dimension:
        assert Quantity(amount, one).to(other).to(one).amount == amount


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (q("2.5", "t").to("kg"), "2500 kg"),
        (q("8.06352", "g").to("kg"), "0.00806352 kg"),
        (q("21.4", "mm").to("m"), "0.0214 m"),
        (q("1", "kg") + q("1", "g"), "1.001 kg"),
        (q("1", "kg") - q("250", "g"), "0.75 kg"),
        (q("0.212", "kg") * 1000, "212 kg"),
    ],
)
def test_amounts_are_converted_added_and_multiplied_exactly(found: Quantity, wanted: str) -> None:
    assert str(found) == wanted


def test_what_has_one_dimension_is_compared_and_nothing_else() -> None:
    assert q("1000", "g") == q("1", "kg")
    assert hash(q("1000", "g")) == hash(q("1", "kg"))
    assert q("999", "g") < q("1", "kg") < q("1", "t")
    assert q("1", "kg") != q("1", "m")
    with pytest.raises(ValueError, match="kg is no length: it cannot be told in m"):
        q("1", "kg").to("m")
    with pytest.raises(ValueError, match="it cannot be told in kg"):
        assert q("1", "kg") + q("1", "pcs")


def test_pieces_are_counted_and_kilograms_measured() -> None:
    assert [unit for unit in UNITS if whole(unit)] == ["pcs", "set"]
    assert not whole("barrel")


class Asked(Arguments):
    """What a form or a program gives."""

    qty: Amount


@pytest.mark.parametrize(
    ("said", "unit", "wanted"),
    [
        (2, "kg", "2"), (2.5, "kg", "2.5"), ("2.50", "kg", "2.50"), ("2 t", "kg", "2000"),
        ("1.25 t", "kg", "1250"),
        ("250g", "kg", "0.25"), ("12 pcs", "pcs", "12"), ("1e3", "kg", "1E+3"),
        ("3 drum", "drum", "3"), (0.1, "kg", "0.1"),
    ],
)  # fmt: skip
def test_what_is_said_is_taken_in_the_items_unit(said: object, unit: str, wanted: str) -> None:
    assert str(read(Asked, {"qty": said}).qty.of("X", unit)) == wanted


@pytest.mark.parametrize(
    ("said", "unit", "code", "text"),
    [
        ("2 m", "kg", "unit_other", "X, which is kept in kg. Write one of: g, kg, t"),
        ("2 kg", "pcs", "unit_other", "Write one of: pcs"),
        ("2 lb", "kg", "unit_other", "lb is no unit"),
        ("0.0000001 g", "t", "qty_too_fine", "Write at most 12 decimals"),
        ("2,5 kg", "kg", "amount_wrong", "2,5 kg"), ("two", "kg", "amount_wrong", "two"),
        ("-1", "kg", "amount_wrong", "-1"), (True, "kg", "amount_wrong", "True"),
        ("NaN", "kg", "amount_wrong", "NaN"), ("Infinity", "kg", "amount_wrong", "Infinity"),
        (10**13, "kg", "amount_wrong", ""), (None, "kg", "amount_wrong", ""),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(said: object, unit: str, code: str, text: str) -> None:
    with pytest.raises(Refused) as refused:
        read(Asked, {"qty": said}).qty.of("X", unit)
    assert refused.value.code == code
    assert text in refused.value.text("en")


@pytest.mark.parametrize(
    ("strip", "unit", "wanted"),
    [  # by hand: 21.4 × 80 × 1.2 = 2054.4 mm³; × 7.85 = 16127.04; / 1000 = 16.12704 g; ÷ 2
        (("21.4", 2, "80", "1.2", "7.85"), "g", "8.06352"),
        (("21.4", 2, "80", "1.2", "7.85"), "kg", "0.00806352"),
        (("21.4", 1, "80", "1.2", "7.85"), "t", "0.00001612704"),
        (("20", 7, "80", "1.2", "7.85"), "kg", "0.002153142857"),  # 15.072 g ÷ 7, cut
    ],
)
def test_a_part_takes_of_a_strip_what_its_pitch_weighs(
    strip: tuple[str, int, str, str, str], unit: str, wanted: str
) -> None:
    pitch, parts, *section = strip
    width, thickness, density = map(Decimal, section)
    found = mass(Strip(Decimal(pitch), parts, width, thickness, density), unit)
    assert plain(found) == wanted


sizes = st.decimals("0.001", 5000, places=3)


@given(sizes, st.integers(1, 1000), sizes, sizes, st.integers(1, 10**6))
def test_a_coil_of_so_many_pitches_is_enough_for_all_their_parts(
    pitch: Decimal, parts: int, width: Decimal, thickness: Decimal, pitches: int
) -> None:
    one = Strip(pitch, 1, width, thickness, Decimal("7.85"))
    coil = Quantity(mass(one, "g"), "g").to("kg") * pitches
    takes = mass(one._replace(parts=parts), "kg")
    if takes and pitches * parts <= 10**7 and coil.amount >= Decimal("0.001"):
        assert coil.amount // takes >= pitches * parts


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=30).filter(any), st.integers(0, 10**12))
def test_money_is_shared_without_a_lost_coin(weights: list[int], coins: int) -> None:
    whole_sum = Money(Decimal(coins).scaleb(-2), "CNY")
    parts = whole_sum.shared(weights)
    assert sum((part.amount for part in parts), Decimal(0)) == whole_sum.amount
    exact = [Decimal(coins) * w / sum(weights) for w in weights]
    assert all(abs(part.amount * 100 - e) < 1 for part, e in zip(parts, exact, strict=True))


def test_money_is_rounded_as_invoices_are_and_never_mixed() -> None:
    assert Money.rounded(Decimal("2.675"), "CNY") == Money(Decimal("2.68"), "CNY")
    assert Money.rounded(Decimal("2.5"), "JPY") == Money(Decimal(3), "JPY")
    thirds = Money(Decimal("100.00"), "CNY").shared([1, 1, 1])
    assert [str(each.amount) for each in thirds] == ["33.34", "33.33", "33.33"]
    with pytest.raises(ValueError, match="CNY and USD are not added"):
        assert thirds[0] + Money(Decimal(1), "USD")
    with pytest.raises(ValueError, match="add up to nothing"):
        thirds[0].shared([0, 0])


def test_a_number_that_was_given_stays_what_it_is() -> None:
    assert Given(Decimal("1.50")).of("X", "kg") == Decimal("1.50")
