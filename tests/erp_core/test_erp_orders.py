from collections.abc import Callable

import pytest
from stamping_shop import NOW, Shop

from database.connection import Connection
from erp_core.production import work_orders
from erp_core.production.work_orders import Step, WorkOrder
from people.refusal import Refused


@pytest.fixture
def shop(connection: Connection) -> Shop:
    return Shop(connection).furnish()


def draft(shop: Shop, code: str, *steps: Step) -> None:
    work_orders.create(
        shop.connection, code, "BRACKET", 10, who="P01", now=NOW, routing=steps or None
    )


def test_an_order_takes_the_routing_of_its_item_and_its_last_operation_posts(shop: Shop) -> None:
    shop.connection.execute(
        "insert into erp.routing values "
        "('BRACKET', 10, '落料', 'D1'), ('BRACKET', 20, '翻边', null)"
    )
    draft(shop, "X")
    assert [
        (o.seq, o.name, o.die, o.last) for o in work_orders.operations(shop.connection, "X")
    ] == [
        (10, "落料", "D1", False),
        (20, "翻边", None, True),
    ]


@pytest.mark.parametrize(("zone", "taken"), [("UTC", True), ("Asia/Shanghai", False)])
def test_an_item_that_ended_gets_no_order_of_whatever_way(
    shop: Shop, zone: str, taken: bool
) -> None:
    """Its last day is one of the plant's calendar."""
    shop.connection.execute(
        "insert into plant.site (site, time_zone, silence) values ('s', %s, '30 s')", [zone]
    )
    shop.connection.execute("update erp.item set until = '2026-03-02' where code = 'BRACKET'")
    late = NOW.replace(month=3, day=2, hour=20)  # 04:00 on the 3rd in Shanghai
    if taken:
        work_orders.create(shop.connection, "X", "BRACKET", 5, who="L01", now=late)
        return
    with pytest.raises(Refused, match="item_ended"):
        work_orders.create(shop.connection, "X", "BRACKET", 5, who="L01", now=late)


def test_a_draft_has_no_material_until_it_is_released(shop: Shop) -> None:
    draft(shop, "X")
    count = "select count(*) from erp.work_order_material where work_order = 'X'"
    assert shop.connection.execute(count).fetchone() == (0,)
    assert work_orders.release(shop.connection, "X", NOW.date()).state == "released"
    assert shop.connection.execute(count).fetchone() == (1,)


def released(connection: Connection, code: str) -> WorkOrder:
    return work_orders.release(connection, code, NOW.date())


def closed(connection: Connection, code: str) -> WorkOrder:
    return work_orders.close(connection, code, NOW)


@pytest.mark.parametrize("act", [released, closed])
def test_a_step_that_the_table_does_not_have_is_refused_with_the_cure(
    shop: Shop, act: Callable[[Connection, str], WorkOrder]
) -> None:
    work_orders.cancel(shop.connection, "WO1", NOW)
    with pytest.raises(Refused, match="step_not_possible") as refused:
        act(shop.connection, "WO1")
    assert (refused.value.facts["state"], refused.value.facts["cure"]) == ("cancelled", "new")


def test_an_order_with_parts_made_is_closed_not_cancelled(shop: Shop) -> None:
    shop.report(5)
    with pytest.raises(Refused, match="step_not_possible"):
        work_orders.cancel(shop.connection, "WO1", NOW)
    assert work_orders.close(shop.connection, "WO1", NOW).state == "closed"


def test_a_die_finds_its_operation(shop: Shop) -> None:
    shop.connection.execute("insert into erp.die (code) values ('OTHER')")
    draft(shop, "X", Step(10, "first", None), Step(20, "tied", "D1"), Step(30, "free", None))
    tied = work_orders.operation_for(shop.connection, "X", "D1")
    free = work_orders.operation_for(shop.connection, "WO1", "D1")
    assert tied
    assert free
    assert (tied.seq, free.seq, free.item) == (20, 10, "BRACKET")
    assert work_orders.operation_for(shop.connection, "WO1", "OTHER") is None
    assert work_orders.operation_for(shop.connection, "NONE", "D1") is None


@pytest.mark.parametrize(
    ("code", "item", "told"),
    [
        ("WO1", "BRACKET", "code_taken"),
        ("X", "NONE", "item_not_there"),
        ("X/1", "BRACKET", "code_wrong"),
    ],
)
def test_an_order_that_cannot_be_is_refused(shop: Shop, code: str, item: str, told: str) -> None:
    with pytest.raises(Refused, match=told):
        work_orders.create(shop.connection, code, item, 10, who="P01", now=NOW)


def test_an_order_that_grows_runs_again(shop: Shop) -> None:
    shop.report(100)
    assert shop.state() == "produced"
    work_orders.change(shop.connection, "WO1", 120, None)
    assert shop.state() == "running"
    work_orders.change(shop.connection, "WO1", 100, None)
    assert shop.state() == "produced"
