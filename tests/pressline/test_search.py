"""Search over all documents from any page, and the front page: what waits for whom."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect
from web_screen import screen
from web_shop import Site, WebShop, shop_at

pytestmark = pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")

Pair = tuple[WebShop, Site]
DESK = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def opened(database: str) -> Iterator[Pair]:
    with shop_at(database) as (shop, site):
        shop.connection.execute(
            """
            insert into erp.lot (item, code, created) values ('COIL', 'BRK/7', '2026-03-01Z');
            insert into erp.work_order (code, item, qty, state, created, created_by)
            values ('WO-DRAFT', 'BRK-210', 5, 'draft', '2026-02-27 00:00Z', 'zhou')
            """
        )
        shop.connection.commit()
        yield shop, site


@pytest.mark.page
@pytest.mark.parametrize("size", [DESK, PHONE])
def test_a_slash_searches_from_any_page_and_a_code_opens_its_document(
    chromium: Browser, opened: Pair, size: dict[str, int]
) -> None:
    _, site = opened
    with screen(chromium, site, "/sign-in", size) as page:
        page.locator("[name=badge]").fill("B-301")
        page.keyboard.press("Enter")
        expect(page.locator("#mine")).to_contain_text("1 张工单为草稿")
        page.wait_for_load_state()
        page.keyboard.press("/")
        expect(page.locator("#find")).to_be_focused()
        page.keyboard.type("brk")
        page.keyboard.press("Enter")
        expect(page.locator("main h1")).to_have_text("搜索")
        expect(page.locator(".hits").first).to_contain_text("BRK-210")
        expect(page.locator("main")).to_contain_text("COIL / BRK/7")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.locator("main [name=q]").fill("WO:wo-draft")
        page.keyboard.press("Enter")
        expect(page.locator("main h1")).to_have_text("WO-DRAFT")
        page.locator("main").click(position={"x": 2, "y": 2})
        page.wait_for_load_state()
        page.keyboard.press("/")
        expect(page.locator("#find")).to_be_focused()
        page.keyboard.type("brk/7")
        page.keyboard.press("Enter")
        expect(page.locator("main h1")).to_contain_text("BRK/7")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_nobody_finds_what_they_may_not_see(opened: Pair) -> None:
    shop, site = opened
    shop.connection.execute("insert into plant.line (name, position) values ('L9', 9)")
    shop.connection.execute("update people.person set lines = '{L9}' where code = 'zhang'")
    shop.connection.commit()
    with site.signed_in("EMP:B-101", None) as operator:
        text = operator.get("/search?q=brk").text
        assert "BRK-210" not in text, "an operator may not see items"
        assert "WO-2601" not in operator.get("/search?q=wo-260").text, "not of this line"
    with site.signed_in("EMP:B-201", None) as leader:
        assert "WO-2601" in leader.get("/search?q=wo-260").text


def test_what_is_meant_exactly_is_opened_and_a_part_of_it_is_listed(opened: Pair) -> None:
    _, site = opened
    with site.signed_in("EMP:B-301", None) as manager:
        exact = manager.get("/search?q=WO-2601", follow_redirects=False)
        assert (exact.status_code, exact.headers["location"]) == (303, "/work-order/WO-2601")
        assert manager.get("/search?q=WO-260", follow_redirects=False).status_code == 200
        assert "没有编号或名称包含“%_”的内容" in manager.get("/search", params={"q": "%_"}).text
        assert manager.get("/search?q=").status_code == 200


def test_the_front_page_tells_each_what_waits_for_them_the_oldest_first(opened: Pair) -> None:
    shop, site = opened
    with site.signed_in("EMP:B-301", None) as manager:
        manager.post("/api/acts", json={
            "id": "11111111-1111-4111-8111-111111111111", "act": "bom.create",
            "args": {"item": "BRK-210"}})  # fmt: skip
        text = manager.get("/?lang=en").text
        mine = text[text.index('id="mine"') : text.index("</section>")]
        assert mine.index("1 orders are drafts") < mine.index("1 bills of material wait to be")
        assert 'href="/work_orders?state=draft"' in mine
        assert "WO-DRAFT" in manager.get("/work_orders?state=draft").text
    shop.connection.commit()
    with site.signed_in("EMP:B-101", None) as operator:
        assert 'id="mine"' not in operator.get("/").text
    with site.client() as stranger:
        assert 'id="mine"' not in stranger.get("/").text
