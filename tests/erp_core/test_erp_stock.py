from decimal import Decimal

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stamping_shop import NOW, Shop, cause

from database.connection import Connection
from erp_core.production.backflush import Pile, take
from erp_core.stock import ledger
from erp_core.stock.ledger import Move
from people.errors import ArgumentError, ConflictError, UnknownError


@pytest.fixture
def shop(connection: Connection) -> Shop:
    return Shop(connection).furnish()


def bracket(qty: int, source: str = "PRODUCTION", target: str = "FG") -> Move:
    return Move("BRACKET", None, Decimal(qty), source, target)


def test_what_was_received_and_moved_is_on_hand_where_it_lies(shop: Shop) -> None:
    ledger.receive(shop.connection, "COIL", "C-1", Decimal("812.5"), cause("in"))
    moved = Move("COIL", "C-1", Decimal("300.25"), "RAW", "WIP")
    ledger.move(shop.connection, moved, cause("to the line"))
    assert shop.stock("COIL") == {
        ("RAW", "C-1"): Decimal("512.25"),
        ("WIP", "C-1"): Decimal("300.25"),
    }
    (there,) = ledger.on_hand(shop.connection, location="WIP")
    assert (there.item, there.qty) == ("COIL", Decimal("300.25"))


def test_what_left_the_plant_is_not_on_hand(shop: Shop) -> None:
    ledger.move(shop.connection, bracket(10), cause("made"))
    ledger.move(shop.connection, bracket(10, "FG", "CUSTOMER"), cause("sent"))
    assert ledger.on_hand(shop.connection) == []


def test_stock_that_nobody_recorded_shows_as_less_than_nothing(shop: Shop) -> None:
    ledger.move(shop.connection, bracket(4, "FG", "CUSTOMER"), cause("sent"))
    assert shop.stock("BRACKET") == {("FG", None): -4}


def test_the_same_move_told_twice_happens_once(shop: Shop) -> None:
    first = ledger.move(shop.connection, bracket(10), cause("once"))
    assert ledger.move(shop.connection, bracket(10), cause("once")) == first
    assert shop.stock("BRACKET") == {("FG", None): 10}


def test_a_key_that_meant_another_move_is_refused(shop: Shop) -> None:
    ledger.move(shop.connection, bracket(10), cause("once"))
    with pytest.raises(ConflictError, match=r"^move once: was .*; a key stands for one move"):
        ledger.move(shop.connection, bracket(11), cause("once"))


@pytest.mark.parametrize("qty", [0, -1])
def test_a_move_of_nothing_or_less_is_refused(shop: Shop, qty: int) -> None:
    with pytest.raises(ArgumentError, match="give more than zero"):
        ledger.move(shop.connection, bracket(qty), cause("odd"))


def test_a_move_is_taken_back_by_a_move_that_names_it_and_only_once(shop: Shop) -> None:
    number = ledger.move(shop.connection, bracket(10), cause("wrong"))
    back = ledger.reverse(shop.connection, number, cause("back"))
    assert shop.stock("BRACKET") == {}
    named = shop.connection.execute("select reverses from erp.stock_move where id = %s", [back])
    assert named.fetchone() == (number,)
    assert ledger.reverse(shop.connection, number, cause("back")) == back
    with pytest.raises(ConflictError, match="stock move 1: is taken back already"):
        ledger.reverse(shop.connection, number, cause("back again"))


def test_there_is_nothing_to_take_back_of_an_unknown_move(shop: Shop) -> None:
    with pytest.raises(UnknownError, match="stock move 99: there is no such move"):
        ledger.reverse(shop.connection, 99, cause("back"))


@pytest.mark.parametrize(("counted", "difference"), [("95.5", "-4.5"), ("100", "0"), ("101", "1")])
def test_counting_posts_the_difference_once(shop: Shop, counted: str, difference: str) -> None:
    shop.coil("C-1", 100)
    posted = [
        ledger.count(
            shop.connection, "COIL", "C-1", Decimal(counted), cause("counted"), location="RAW"
        )
        for _ in range(2)
    ]
    assert posted == [Decimal(difference), 0]
    assert shop.stock("COIL") == {("RAW", "C-1"): Decimal(counted)}
    row = shop.connection.execute(
        "select coalesce(sum(case when from_location = 'COUNT' then qty else -qty end), 0) "
        "from erp.stock_move where 'COUNT' in (from_location, to_location)"
    ).fetchone()
    assert row == (Decimal(difference),)


def test_nobody_rewrites_the_ledger(shop: Shop) -> None:
    ledger.move(shop.connection, bracket(10), cause("made"))
    with (
        pytest.raises(psycopg.errors.RestrictViolation, match="append-only"),
        shop.connection.transaction(),
    ):
        shop.connection.execute("update erp.stock_move set qty = 11")
    with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
        shop.connection.execute("delete from erp.stock_move")


PILES = st.lists(
    st.builds(
        Pile, st.sampled_from(["A", "B", None]), st.just("RAW"),
        st.decimals(min_value="0.001", max_value=1000, places=3),
    )
)  # fmt: skip


@given(piles=PILES, wanted=st.decimals(min_value=0, max_value=5000, places=3))
def test_what_is_taken_and_what_is_missing_make_what_was_wanted(
    piles: list[Pile], wanted: Decimal
) -> None:
    taken, missing = take(piles, wanted)
    assert sum((pile.qty for pile in taken), missing) == wanted
    assert all(0 < got.qty <= pile.qty for got, pile in zip(taken, piles, strict=False))
    assert [pile.lot for pile in taken] == [pile.lot for pile in piles[: len(taken)]]
    assert all(got == pile for got, pile in zip(taken[:-1], piles, strict=False))
    if missing:
        assert taken == piles


def test_lots_are_used_oldest_first_and_lots_of_one_day_in_the_order_they_came(
    shop: Shop,
) -> None:
    for lot in ("Z", "A"):
        shop.coil(lot, 10)
    shop.coil("M", 10, NOW.replace(day=1))
    shop.report(50)  # 25 kg: all of M, all of Z, half of A
    assert shop.stock("COIL") == {("RAW", "A"): 5}


@given(
    moves=st.lists(
        st.tuples(
            st.sampled_from(["RAW", "WIP", "FG", "SUPPLIER", "SCRAP"]),
            st.sampled_from(["RAW", "WIP", "FG", "SUPPLIER", "SCRAP"]),
            st.sampled_from(["C-1", "C-2"]),
            st.integers(1, 999),
        ).filter(lambda move: move[0] != move[1]),
        max_size=12,
    )
)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_balance_kept_is_the_ledger_summed(
    shop: Shop, moves: list[tuple[str, str, str, int]]
) -> None:
    """Whatever moves where, what is written as on hand is what all moves add up to."""
    with shop.connection.transaction(force_rollback=True):
        wanted: dict[tuple[str, str | None], Decimal] = {}
        for n, (source, target, lot, qty) in enumerate(moves):
            ledger.make_lot(shop.connection, "COIL", lot, NOW)
            moved = Move("COIL", lot, Decimal(qty), source, target)
            ledger.move(shop.connection, moved, cause(f"move {n}"))
            for place, amount in ((source, -qty), (target, qty)):
                if place in {"RAW", "WIP", "FG"}:
                    wanted[place, lot] = wanted.get((place, lot), Decimal(0)) + amount
        assert shop.stock("COIL") == {key: qty for key, qty in wanted.items() if qty}
