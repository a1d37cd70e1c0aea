"""A planner's order: made, released, held, changed and undone on its page, with its history."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Route, expect
from web_screen import assert_chinese, screen
from web_shop import Site, WebShop, shop_at

pytestmark = [
    pytest.mark.page,
    pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session"),
]

Pair = tuple[WebShop, Site]
DESK = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def opened(database: str) -> Iterator[Pair]:
    with shop_at(database) as pair:
        yield pair


@pytest.mark.parametrize("size", [DESK, PHONE])
def test_an_order_is_made_and_led_through_its_steps(
    chromium: Browser, opened: Pair, size: dict[str, int]
) -> None:
    shop, site = opened
    shop.connection.execute(
        "insert into erp.bom (item, version, state) "
        "select code, 'A', 'released' from erp.item where kind = 'part' "
        "on conflict do nothing"
    )
    shop.connection.commit()
    row = shop.connection.execute("select item from erp.bom order by item limit 1").fetchone()
    assert row
    with screen(chromium, site, "/sign-in", size) as page:
        page.locator("[name=badge]").fill("B-301")
        page.keyboard.press("Enter")
        expect(page.locator("#sign-out")).to_be_visible()
        page.locator("nav a[href='/work-orders']").click()
        page.locator("summary", has_text="新建工单").click()
        page.locator("[data-act='work_order.create'] [name=item]").fill("NOPE")
        page.locator("[data-act='work_order.create'] [name=qty]").fill("500")
        page.keyboard.press("Enter")
        expect(page.locator("[data-act='work_order.create'] .problem")).to_contain_text(
            "没有物料 NOPE"
        )
        page.locator("[data-act='work_order.create'] [name=item]").fill(row[0])
        page.keyboard.press("Enter")
        expect(page.locator(".told")).to_contain_text("已建立（草稿）")
        code = "WO-2026-00001"
        page.locator(f"a[href='/work-order/{code}']").click()
        page.locator("[data-act='work_order.release'] button").click()
        expect(page.locator(".told")).to_contain_text("已下发，车间可开工")
        page.locator("summary", has_text="暂停").click()
        page.locator("[data-act='work_order.hold'] [name=reason]").fill("等待客户确认")
        page.locator("[data-act='work_order.hold'] button").click()
        expect(page.locator(".hero .chip")).to_have_text("已暂停")
        history = page.locator("#history tbody tr")
        expect(history).to_have_count(3)
        expect(history.first).to_contain_text("周总")
        expect(history.first).to_contain_text("等待客户确认")
        expect(history.first).to_contain_text("状态 已下发 → 已暂停")
        assert_chinese(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        history.first.locator("summary").click()
        history.first.locator("[data-act=undo] button").click()
        expect(page.locator(".hero .chip")).to_have_text("已下发")
        expect(history.nth(1)).to_contain_text("已撤销")


def test_a_button_that_is_pressed_before_the_script_is_there_is_not_lost(
    chromium: Browser, opened: Pair
) -> None:
    shop, site = opened
    shop.order("WO-7", "BRK-210", 500)
    shop.connection.execute(
        "delete from erp.work_order_material where work_order = 'WO-7';"
        "update erp.work_order set state = 'draft' where code = 'WO-7'"
    )
    shop.connection.commit()
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    with screen(chromium, site, "/sign-in", DESK) as page:
        page.locator("[name=badge]").fill("B-301")
        page.keyboard.press("Enter")
        expect(page.locator("#sign-out")).to_be_visible()
        page.route("**/page.js*", hold)
        page.goto(f"{site.url}/work-order/WO-7", wait_until="commit")
        page.locator("[data-act='work_order.release'] button").click()
        held[0].continue_()
        expect(page.locator(".told")).to_contain_text("已下发，车间可开工")


def test_who_may_not_plan_sees_no_button(chromium: Browser, opened: Pair) -> None:
    _, site = opened
    with screen(chromium, site, "/sign-in", DESK) as page:
        page.locator("[name=badge]").fill("B-201")
        page.keyboard.press("Enter")
        expect(page.locator("#sign-out")).to_be_visible()
        page.locator("nav a[href='/work-orders']").click()
        expect(page.locator("[data-act='work_order.create']")).to_have_count(0)
        page.locator("table.orders a").first.click()
        expect(page.locator("#history")).to_be_visible()
        expect(page.locator("[data-act^='work_order.']")).to_have_count(0)


def test_what_an_act_would_do_is_asked_by_the_same_call(opened: Pair) -> None:
    shop, site = opened
    row = shop.connection.execute("select code from erp.item where kind = 'part'").fetchone()
    assert row
    act = {"id": str(uuid4()), "act": "work_order.create", "args": {"item": row[0], "qty": 5}}
    with site.signed_in("EMP:B-301", None) as manager:
        asked = manager.post("/api/acts", json={**act, "preview": True})
        assert asked.json()["work_order"] == "WO-2026-00001"
        count = "select count(*) from erp.work_order where code like 'WO-2026-%%'"
        assert shop.connection.execute(count).fetchone() == (0,)
        shop.connection.rollback()
        assert manager.post("/api/acts", json=act).status_code == 200
        assert shop.connection.execute(count).fetchone() == (1,)


def test_a_right_is_given_with_a_tap_and_stands_in_the_trail(
    chromium: Browser, opened: Pair
) -> None:
    shop, site = opened
    with screen(chromium, site, "/sign-in", DESK) as page:
        page.locator("[name=badge]").fill("B-401")
        page.keyboard.press("Enter")
        page.locator("nav a[href='/lists']").click()
        page.locator("a[href='/roles']").click()
        assert_chinese(page)
        cell = page.locator("[data-right='work_order.hold'] td").nth(1)  # the leader's
        expect(cell.locator("button")).to_have_attribute("aria-pressed", "false")
        cell.locator("button").click()
        expect(page.locator(".told")).to_contain_text("权限已修改")
        expect(cell.locator("button")).to_have_attribute("aria-pressed", "true")
        page.goto(page.url.replace("/roles", "/trail"))
        expect(page.locator("tbody tr").first).to_contain_text("修改权限")
    row = shop.connection.execute(
        "select from people.role_right where (role, may) = ('leader', 'work_order.hold')"
    ).fetchone()
    assert row is not None
