"""The aged plant, small: written as the code derives it, its sums kept, both commits measured."""

from collections.abc import Iterator

import pytest

from bench import age
from bench.age import derived, history
from bench.age.size import SMALL
from database.connection import Connection, connect

SUMS = {
    "balance": """
    select item, location, lot from (
      select item, to_location as location, lot, qty from erp.stock_move
      union all select item, from_location, lot, -qty from erp.stock_move
      union all select item, location, lot, -qty from erp.balance) s
    where location in (select code from erp.location where kind = 'stock')
    group by 1, 2, 3 having sum(qty) <> 0
    """,
    "die_wear": """
    select die from (
      select m.die, c.amount from mes.die_mount m
      join mes.count c on c.press = m.press and m.span @> c.at
      union all select die, -strokes from mes.die_wear) s
    group by 1 having sum(amount) <> 0
    """,
    "run_made": """
    select segment from (
      select segment, amount from mes.owned_count
      union all select segment, -strokes from mes.run_made) s
    group by 1 having sum(amount) <> 0
    """,
    "unseen_owned": """
    select o.id from mes.owned_count o full join mes.unseen_owned u on u.count = o.id
    where (o.unseen or o.id is null)
      and (o.segment, o.amount) is distinct from (u.segment, u.amount)
    """,
    "facts": """
    select segment from (
      select segment, amount from mes.owned_count
      union all select segment, -strokes from mes.fact_minute) s
    group by 1 having sum(amount) <> 0
    """,
    "posted": """
    select run_output from (
      select run_output, parts as qty from board.run_part
      union all select run_output, -qty from mes.posting) s
    group by 1 having sum(qty) <> 0
    """,
}


@pytest.fixture
def aged(database: str) -> Iterator[Connection]:
    with connect(database, autocommit=True) as connection:
        history.furnish(connection, SMALL)
        yield connection


@pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")
def test_what_is_written_by_sql_fits_together(aged: Connection) -> None:
    for name, query in SUMS.items():
        assert aged.execute(query.encode()).fetchall() == [], name
    sizes = aged.execute(
        "select (select count(*) from erp.work_order), (select count(*) from erp.stock_move), "
        "(select count(*) from people.act)"
    ).fetchone()
    assert sizes == (SMALL.orders, SMALL.moves, SMALL.acts)


@pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")
def test_a_stroke_more_is_a_day_apart(aged: Connection) -> None:
    before = derived.told(aged, SMALL)
    aged.execute(
        "update mes.fact_minute set strokes = strokes + 1 where press = %s and minute = "
        "(select min(minute) from mes.fact_minute "
        " where press = %s and minute >= %s and strokes > 0)",
        [derived.PRESS, derived.PRESS, derived.day_of(SMALL)],
    )
    after = derived.told(aged, SMALL)
    assert len(before["mes.fact_minute"] ^ after["mes.fact_minute"]) == 2


def test_all_is_measured_and_the_day_is_as_the_code_derives_it() -> None:
    figures = {figure.name: figure for figure in age.age_figures(SMALL)}
    assert figures["age_day_apart"].value == 0
    for name in (
        "work_orders",
        "work_orders_of_line",
        "press_at",
        "bridge_second",
        "on_hand",
        "list",
    ):
        assert figures[f"age_{name}_s"].value is not None, name
    assert "age_act_ratio" in figures
    missing = [name for name, figure in figures.items() if figure.value is None]
    known = figures["age_act_ratio"].value is not None
    assert missing == (["age_list_s_before"] if known else [
        "age_work_orders_s_before", "age_work_orders_of_line_s_before", "age_press_at_s_before",
        "age_bridge_second_s_before",
        "age_on_hand_s_before", "age_list_s_before", "age_act_ratio",
    ])  # fmt: skip
