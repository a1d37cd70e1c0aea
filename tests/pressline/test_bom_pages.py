"""The page of a bill of material: a planner makes a version and gives it to open orders."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, expect
from web_screen import assert_chinese, screen
from web_shop import Site, WebShop, shop_at

from erp_core.stock import ledger

pytestmark = pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")

Pair = tuple[WebShop, Site]
DESK = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def opened(database: str) -> Iterator[Pair]:
    with shop_at(database) as pair:
        yield pair


@pytest.mark.page
@pytest.mark.parametrize("size", [DESK, PHONE])
def test_a_new_version_reaches_open_orders_and_comes_back(
    chromium: Browser, opened: Pair, size: dict[str, int]
) -> None:
    shop, site = opened
    shop.order("WO-7001", "BRK-210", 500)
    shop.connection.commit()
    with screen(chromium, site, "/sign-in", size) as page:
        page.locator("[name=badge]").fill("B-301")
        page.keyboard.press("Enter")
        expect(page.locator("#sign-out")).to_be_visible()
        page.goto(f"{site.url}/item/BRK-210")
        page.locator("#boms summary", has_text="新建版本").click()
        page.locator("[data-act='bom.create'] button").click()
        page.locator("#boms a", has_text="2").click()
        expect(page.locator("#state")).to_have_text("草稿")
        row = page.locator("tr[data-row=lines]").first
        row.locator("[data-field=qty]").fill("0,2")
        page.locator("[data-act='bom.change'] button").click()
        expect(page.locator("[data-act='bom.change'] .problem")).to_contain_text(
            "第 1 行：数量 0,2"
        )
        row.locator("[data-field=qty]").fill("0.2")
        row.locator("[data-field=scrap_percent]").fill("2")
        page.locator("[data-act='bom.change'] button").click()
        expect(page.locator(".told")).to_contain_text("BRK-210/2 的明细已保存")
        page.locator("[data-act='bom.check'] button").click()
        expect(page.locator("#state")).to_have_text("已审核")
        expect(page.locator("#lines")).to_contain_text("0.204")
        expect(page.locator("#differences")).to_contain_text("0.212")
        assert_chinese(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        orders = page.locator("tr[data-row=orders]")
        n = orders.count()
        orders.last.locator("select").select_option("hold")
        page.locator("[name=preview]").click()
        told = f"BRK-210/2：{n - 1} 张工单采用，1 张暂停，0 张不变"
        expect(page.locator(".previewed")).to_have_text(told)
        expect(page.locator("#state")).to_have_text("已审核")
        page.locator("#touched .primary").click()
        expect(page.locator(".told")).to_contain_text(told)
        expect(page.locator("#state")).to_have_text("已发布")
        change = page.locator("section.card", has_text="ECO-2026-00001")
        expect(change).to_contain_text("立即暂停工单")
        change.locator("summary").click()
        change.locator("[data-act=undo] button").click()
        expect(page.locator("#state")).to_have_text("已审核")
        expect(change).to_contain_text("已撤销")


def test_versions_and_where_used_are_lists_with_the_way_to_each(opened: Pair) -> None:
    _, site = opened
    with site.signed_in("EMP:B-301", None) as manager:
        assert 'href="/bom/BRK-210%2F1"' in manager.get("/boms").text
        assert 'href="/bom/BRK-210%2F1"' in manager.get("/bom_lines?component=COIL").text
        rows = manager.get("/api/v1/bom_lines?component=COIL").json()["rows"]
        assert [(row["item"], row["qty"], row["state"]) for row in rows] == [
            ("BRK-210", "0.212", "released")
        ]
        assert manager.get("/bom/BRK-210%2F9").status_code == 404
        assert manager.get("/change_orders").status_code == 200


def test_who_may_only_look_is_offered_nothing_to_do(opened: Pair) -> None:
    _, site = opened
    with site.signed_in("EMP:B-201", None) as leader:
        text = leader.get("/bom/BRK-210%2F1").text
        assert "data-act" not in text
        assert "0.212" in text


def test_what_is_on_hand_of_a_coil_is_told_in_the_parts_it_makes(opened: Pair) -> None:
    """0.212 kg a piece: 1,000 kg make 4,716 of them, and the rest is no piece."""
    shop, site = opened
    there = sum(one.qty for one in ledger.on_hand(shop.connection, "COIL"))
    with site.signed_in("EMP:B-301", None) as manager:
        args = {"item": "COIL", "lot": "C-77", "qty": str(1000 - there)}
        body = {"id": str(uuid4()), "act": "stock.receive", "args": args}
        assert manager.post("/api/acts", json=body).status_code == 200
        rows = manager.get("/api/v1/bom_lines?component=COIL").json()["rows"]
        assert [row["enough_for"] for row in rows if row["item"] == "BRK-210"] == [4716]
        assert "enough for <b>4,716</b>" in manager.get("/item/COIL?lang=en").text
