"""Leaders decide: on the page of what waits, on an order's page, at the press."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect
from web_screen import MM, assert_boxes, assert_chinese, scan, screen, terminal
from web_shop import Site, WebShop, shop_at

# What a page shows does not depend on the flavour of the database: the plain one is enough.
pytestmark = [
    pytest.mark.page,
    pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session"),
]
Pair = tuple[WebShop, Site]
LEADER, OTHER_LEADER, OPERATOR = "EMP:B-201", "EMP:B-202", "EMP:B-101"


@pytest.fixture
def opened(database: str) -> Iterator[Pair]:
    with shop_at(database) as pair:
        yield pair


def waiting(shop: WebShop) -> None:
    """On L1 strokes without an order at P01 and P04; at P03 a held count, a report, its excess."""
    shop.do("mount", "P01", die="D-210")
    shop.do("mount", "P04", "liu", die="D-HNG")
    shop.pass_time(5, {"P01": 0, "P04": 0})
    shop.producing("P03", "WO-2604")
    shop.pass_time(60, {"P01": 50, "P03": 45, "P04": 30})
    shop.counters["P03"] += 4000
    shop.pass_time(30, {"P01": 0, "P03": 0, "P04": 0})
    shop.later(1)
    shop.do("finish", "P03")


def test_a_leader_assigns_strokes_and_the_orders_number_goes_up(
    chromium: Browser, opened: Pair
) -> None:
    shop, site = opened
    waiting(shop)
    with terminal(chromium, site, badge=LEADER) as page:
        page.goto("/work-order/WO-2601")
        expect(page.locator("#good")).to_have_text("0")
        expect(page.locator("#attention")).to_have_text("5")
        page.locator("nav a[href='/attention']").click()
        assert_chinese(page)
        stray = page.locator(".stray[data-press=P01]")
        expect(stray.locator("select")).to_have_value("WO-2601")
        stray.locator("button").click()
        expect(page.locator(".told")).to_have_text("已补录到 WO-2601")
        expect(stray).to_have_count(0)
        expect(page.locator("#attention")).to_have_text("4")
        both = page.locator(".stray[data-press=P04]")
        both.locator("button").click()
        expect(page.locator(".told")).to_contain_text("已补录到 WO-2603")
        assert_chinese(page)
        page.goto("/work-order/WO-2601")
        expect(page.locator("#good")).to_have_text("50")


def test_a_leader_decides_how_many_strokes_a_jump_was(chromium: Browser, opened: Pair) -> None:
    shop, site = opened
    waiting(shop)
    with terminal(chromium, site, badge=LEADER) as page:
        page.goto("/attention")
        event = page.locator("[data-event='P03/1']")
        event.locator("button").click()
        expect(event.locator(".problem")).to_have_text("计入冲次：未填写。请改正后重新提交。")
        event.locator("input").fill("-2")
        event.locator("button").click()
        expect(event.locator(".problem")).to_contain_text("不小于 0 的整数")
        event.locator("input").fill("5")
        event.locator("button").click()
        expect(page.locator(".told")).to_have_text("P03/1：计入 5 冲次")
        expect(event).to_have_count(0)
        page.goto("/work-order/WO-2604")
        expect(page.locator("#good")).to_have_text("100")  # 45 + 5 strokes, two parts each


def test_a_waiting_report_is_accepted_reversed_rejected_and_accepted_after_all(
    chromium: Browser, opened: Pair
) -> None:
    shop, site = opened
    waiting(shop)
    with terminal(chromium, site, badge=LEADER) as page:
        page.goto("/attention")
        report = page.locator("[data-report='WO-2604/WSH-08/1']")
        report.locator("summary").click()
        report.locator("[data-act=reject] button").click()
        expect(report.locator("[data-act=reject] .problem")).to_contain_text("未填写原因")
        report.locator("[data-act=accept] button").click()
        expect(page.locator(".told")).to_contain_text("已通过并入库")
        page.goto("/work-order/WO-2604")
        page.locator(".reverse summary").click()
        page.locator(".reverse select").select_option("count_wrong")
        page.locator(".reverse button").click()
        expect(page.locator(".told")).to_have_text("报工单 WO-2604/WSH-08/1 已冲销，等待重新审核")
        expect(page.locator(".reverse")).to_have_count(0)
        page.get_by_role("link", name="去审核").first.click()
        report.locator("summary").click()
        report.locator("[data-act=reject] select").select_option("count_wrong")
        report.locator("[data-act=reject] button").click()
        expect(page.locator(".told")).to_contain_text("已驳回")
        page.goto("/work-order/WO-2604")
        page.get_by_role("button", name="误驳回：改为通过").click()
        expect(page.locator(".told")).to_contain_text("已通过并入库")
        expect(page.locator(".chip.withdrawn")).to_have_text("已撤回")


def test_without_a_network_nothing_is_lost_and_nothing_done_twice(
    chromium: Browser, opened: Pair
) -> None:
    shop, site = opened
    waiting(shop)
    with terminal(chromium, site, badge=LEADER) as page:
        page.goto("/attention")
        event = page.locator("[data-event='P03/1']")
        event.locator("input").fill("5")
        page.route("**/api/acts*", lambda route: (route.fetch(), route.abort()))
        event.locator("button").click()
        expect(event.locator(".problem")).to_contain_text("网络断开")
        page.unroute_all(behavior="wait")
        event.locator("button").click()
        expect(page.locator(".told")).to_have_text("P03/1：计入 5 冲次")
    acts = shop.connection.execute(
        "select count(*) from people.act where act = 'decide'"
    ).fetchone()
    assert acts == (1,)


def test_operators_and_other_lines_see_none_of_it(chromium: Browser, opened: Pair) -> None:
    shop, site = opened
    waiting(shop)
    with terminal(chromium, site, badge=OPERATOR) as page:
        expect(page.locator("[data-act=reports]")).to_have_count(0)
        page.goto("/work-order/WO-2601")
        expect(page.locator("nav a[href='/attention']")).to_have_count(0)
        page.goto("/attention")
        expect(page.locator("main")).to_contain_text("请找班长")
    with terminal(chromium, site, "P05", badge=OTHER_LEADER) as page:
        page.goto("/attention")
        expect(page.locator("main")).to_contain_text("没有待处理的事项")
        expect(page.locator("#attention")).to_be_hidden()
        assert "P0" not in page.locator("main").inner_text()


def test_a_leader_assigns_at_the_press(chromium: Browser, opened: Pair) -> None:
    shop, site = opened
    waiting(shop)
    with terminal(chromium, site, badge=LEADER) as page:
        page.locator("[data-act=reports]").click()
        expect(page.locator(".stray")).to_contain_text("50 冲次没有工单")
        assert_boxes(page, MM)
        page.locator("[data-act=assign]").click()
        assert_boxes(page, MM)
        assert_chinese(page)
        page.locator("[data-act=to-order]").click()
        expect(page.locator("[data-note=done]")).to_have_text("已补录到 WO-2601")
    with screen(chromium, site, "/terminal/P04", {"width": 1024, "height": 768}) as page:
        scan(page, LEADER)
        page.locator("[data-act=reports]").click()
        page.locator("[data-act=assign]").click()
        expect(page.locator(".stray .chosen")).to_have_count(2)
        page.locator("[data-act=assign-now]").click()
        expect(page.locator("[data-note=done]")).to_contain_text("已补录到")
        expect(page.locator("[data-queue]")).to_have_count(0)
    runs = shop.connection.execute("select press from mes.run where source = 'assigned'").fetchall()
    assert runs == [("P01",), ("P04",)]


def test_an_english_page_answers_in_english(chromium: Browser, opened: Pair) -> None:
    shop, site = opened
    waiting(shop)
    with terminal(chromium, site, badge=LEADER) as page:
        page.goto("/attention?lang=en")
        page.locator("[data-event] button").click()
        expect(page.locator("[data-event] .problem")).to_have_text(
            "count: missing. Correct it and send it again."
        )
        text = page.locator("main").inner_text().replace("刘洋", "")
        assert not re.search(r"[\u4e00-\u9fff]", text)
