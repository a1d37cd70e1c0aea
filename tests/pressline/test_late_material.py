"""An order released without a bill of material: the notice's cure works, also for what was made."""

from collections.abc import Iterator
from decimal import Decimal
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Browser, expect
from web_screen import assert_chinese, screen
from web_shop import Site, WebShop, shop_at

from erp_core.stock import ledger
from erp_core.stock.ledger import Cause
from mes_bridge.proof.audit import audit

pytestmark = pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")

Pair = tuple[WebShop, Site]
PLANNER = "EMP:B-701"
PLACE = "/work-order/WO-2604#material"


@pytest.fixture
def opened(database: str) -> Iterator[Pair]:
    """WO-2604 makes washers, two a stroke, and washers have no BOM: 40 of them are reported."""
    with shop_at(database) as (shop, site):
        shop.connection.execute(
            "insert into people.person (code, name, role, lines, badge, locale) values "
            "('jia', '贾计', 'planner', '{}', 'B-701', 'zh')"
        )
        cause = Cause("jia", "", shop.now, "receive/C-1")
        ledger.receive(shop.connection, "COIL", "C-1", Decimal(100), cause)
        shop.producing("P01", "WO-2604")
        shop.run("P01", 30, 20)
        shop.later(1)
        shop.do("finish", who="zhou")
        shop.derive()
        yield shop, site


def give_bom(shop: WebShop) -> None:
    shop.connection.execute("insert into erp.bom values ('WSH-08', '1')")
    shop.connection.execute("insert into erp.bom_line values ('WSH-08', '1', 'COIL', 0.5)")
    shop.connection.execute("update erp.bom set state = 'released' where item = 'WSH-08'")
    shop.connection.commit()


def take(client: httpx.Client, order: str = "WO-2604") -> httpx.Response:
    body = {"id": str(uuid4()), "act": "work_order.material", "args": {"work_order": order}}
    return client.post("/api/acts", json=body)


def used(shop: WebShop) -> Decimal:
    shop.connection.commit()
    row = shop.connection.execute(
        "select coalesce(sum(case when to_location = 'PRODUCTION' then qty else -qty end), 0) "
        "from erp.stock_move where work_order = 'WO-2604' and item = 'COIL'"
    ).fetchone()
    assert row is not None
    return row[0]


def test_what_was_made_before_the_bom_came_uses_its_material(opened: Pair) -> None:
    shop, site = opened
    with site.signed_in(PLANNER, None) as client:
        assert f'href="{PLACE}"' in client.get("/notifications").text
        assert "还没有 BOM" in take(client).json()["message"]
        give_bom(shop)
        assert take(client).json()["message"] == "WO-2604 已按用料清单 1 扣料，已产出的也已补扣"
        assert used(shop) == 20
        assert f'href="{PLACE}"' not in client.get("/notifications").text
        assert "已有用料" in take(client).json()["message"]
        assert used(shop) == 20
    shop.do("scan", who="zhou", work_order="WO-2604", lot="C-1")  # and takes a coil from now on
    shop.do("first_article", who="zhou", passed=True)
    shop.run("P01", 10, 5)
    shop.later(1)
    shop.do("finish", who="zhou")
    shop.derive()
    assert used(shop) == 25
    assert audit(shop.connection).residual == 0


def test_who_may_not_and_what_cannot_be_is_told(opened: Pair) -> None:
    shop, site = opened
    give_bom(shop)
    with site.signed_in("EMP:B-201", None) as client:  # a shift leader
        assert take(client).status_code == 409
        assert "补上用料" not in client.get("/work-order/WO-2604").text
    with site.signed_in(PLANNER, None) as client:
        assert "没有工单 WO-1" in take(client, "WO-1").json()["message"]
        shop.connection.execute("update erp.work_order set state = 'closed' where code = 'WO-2604'")
        shop.connection.commit()
        assert take(client).status_code == 409
        assert "补上用料" not in client.get("/work-order/WO-2604").text
    assert used(shop) == 0


@pytest.mark.page
def test_the_planner_mends_it_from_the_notice(chromium: Browser, opened: Pair) -> None:
    shop, site = opened
    give_bom(shop)
    size = {"width": 390, "height": 844}
    with screen(chromium, site, "/sign-in?next=/notifications", size) as page:
        page.locator("[name=badge]").fill(PLANNER)
        page.keyboard.press("Enter")
        page.get_by_role("link", name="去处理").click()
        expect(page.locator("#material .chip")).to_have_text("没有用料清单，产出没有扣料")
        assert_chinese(page)
        page.get_by_role("button", name="补上用料").click()
        expect(page.locator(".told")).to_contain_text("已产出的也已补扣")
        expect(page.locator("#material")).to_contain_text("20 公斤")
        expect(page.locator("#material .chip")).to_have_count(0)
