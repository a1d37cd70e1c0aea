"""The page of an item: the storekeeper receives, counts and moves on it, and sees who did what."""

from collections.abc import Iterator

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
    with shop_at(database) as (shop, site):
        ledger.make_locations(shop.connection)
        shop.connection.execute(
            """
            insert into erp.item (code, name_zh, name_en, unit, kind)
            values ('COIL #1/2', '冷轧卷 1.2', 'cold rolled coil 1.2', 'kg', 'coil');
            insert into erp.bom select min(code), '2' from erp.item where kind = 'part';
            insert into erp.bom_line select min(code), '2', 'COIL #1/2', 0.125
            from erp.item where kind = 'part';
            update erp.bom set state = 'released' where version = '2';
            update people.person set role = 'warehouse', lines = '{}' where code = 'qian'
            """
        )
        shop.connection.commit()
        yield shop, site


@pytest.mark.page
@pytest.mark.parametrize("size", [DESK, PHONE])
def test_stock_is_received_counted_and_taken_back_on_it(
    chromium: Browser, opened: Pair, size: dict[str, int]
) -> None:
    _, site = opened
    with screen(chromium, site, "/sign-in", size) as page:
        page.locator("[name=badge]").fill("B-401")
        page.keyboard.press("Enter")
        page.locator("nav a[href='/lists']").click()
        page.locator("a[href='/items']").click()
        page.locator("main [name=q]").fill("COIL #1")
        page.keyboard.press("Enter")
        page.locator("a", has_text="COIL #1/2").click()
        expect(page.locator("h1")).to_contain_text("冷轧卷 1.2")
        page.locator("summary", has_text="收货").click()
        page.locator("[data-act='stock.receive'] [name=qty]").fill("1250.5")
        page.locator("[data-act='stock.receive'] [name=lot]").fill("C-9")
        page.keyboard.press("Enter")
        expect(page.locator("#on-hand")).to_have_text("1,250.5")
        page.locator("summary", has_text="盘点").click()
        page.locator("[data-act='stock.count'] [name=counted]").fill("1,5")
        page.locator("[data-act='stock.count'] [name=lot]").fill("C-9")
        page.keyboard.press("Enter")
        expect(page.locator("[data-act='stock.count'] .problem")).to_be_visible()
        page.locator("[data-act='stock.count'] [name=counted]").fill("1200")
        page.keyboard.press("Enter")
        expect(page.locator("#on-hand")).to_have_text("1,200")
        assert_chinese(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        row = page.locator("#history tbody tr").first
        row.locator("summary").click()
        row.locator("[data-act=undo] button").click()
        expect(page.locator("#on-hand")).to_have_text("1,250.5")
        expect(page.locator("#history tbody tr").nth(1)).to_contain_text("已撤销")


def test_where_it_is_used_and_what_is_not_there(opened: Pair) -> None:
    shop, site = opened
    row = shop.connection.execute("select min(code) from erp.item where kind = 'part'").fetchone()
    assert row
    with site.signed_in("EMP:B-201", None) as leader:
        text = leader.get("/item/COIL%20%231%2F2").text
        assert f'href="/item/{row[0]}"' in text
        assert "stock.receive" not in text, "a leader receives nothing"
        assert 'href="/item/COIL%20%231%2F2"' in leader.get(f"/item/{row[0]}").text
        assert leader.get("/item/NONE").status_code == 404
    with site.signed_in("EMP:B-101", None) as operator:
        assert operator.get(f"/item/{row[0]}").status_code == 403
