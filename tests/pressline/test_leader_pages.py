"""A leader's day in Chromium: excess decided, pages that renew themselves, a wall that tells."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from web_screen import assert_chinese, screen, terminal
from web_shop import Site, WebShop, shop_at

# What a page shows does not depend on the flavour of the database: the plain one is enough.
pytestmark = [
    pytest.mark.page,
    pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session"),
]
Pair = tuple[WebShop, Site]
LEADER = "EMP:B-201"
WALL = {"width": 1920, "height": 1080}
PHONE = {"width": 390, "height": 844}
WALL_MM = 1210 / 1920  # of a pixel, on a screen of 55 inches


@pytest.fixture
def opened(database: str) -> Iterator[Pair]:
    with shop_at(database) as pair:
        yield pair


def too_many(shop: WebShop) -> str:
    """100 washers of 60 ordered; WO-2605 wants 30 more. The report of 40 that waits."""
    shop.order("WO-2605", "WSH-08", 30)
    shop.producing("P03", "WO-2604")
    shop.pass_time(60, {"P03": 50})
    shop.later(1)
    shop.do("finish", "P03")
    return "WO-2604/WSH-08/2"


def renewed(page: Page) -> None:
    """Wait until the page has asked the server anew, and taken its answer in."""
    with page.expect_response(lambda answer: answer.url == page.url):
        pass
    page.wait_for_function("performance.now() > 0")
    page.evaluate("() => new Promise((done) => setTimeout(done, 50))")


def test_a_leader_says_what_becomes_of_parts_beyond_the_order(
    chromium: Browser, opened: Pair
) -> None:
    shop, site = opened
    report = too_many(shop)
    with terminal(chromium, site, badge=LEADER) as page:
        page.goto("/attention")
        row = page.locator(f"[data-report='{report}']")
        expect(row).to_contain_text("40")
        expect(row.locator("[data-act=accept]")).to_have_count(0)
        row.get_by_text("转给工单…").click()
        expect(row.locator("[name=qty]").first).to_have_value("30")
        row.get_by_role("button", name="转给该工单").click()
        expect(page.locator(".told")).to_have_text("超产 30 件已转给 WO-2605")
        rest = page.locator("[data-report='WO-2604/WSH-08/3']")
        expect(rest).to_contain_text("10")
        rest.get_by_text("报废…").click()
        rest.locator("[name=qty]:visible").fill("4")
        rest.locator("select:visible").select_option("overrun")
        rest.get_by_role("button", name="报废", exact=True).click()
        expect(page.locator(".told")).to_have_text("WO-2604 超产 4 件已报废")
        last = page.locator("[data-report='WO-2604/WSH-08/4']")
        last.get_by_role("button", name="转入超产库存").click()
        expect(page.locator(".told")).to_have_text("WO-2604 超产 6 件已转入超产库存")
        expect(page.locator("[data-report]")).to_have_count(0)
        assert_chinese(page)
        page.goto("/work-order/WO-2604")
        expect(page.locator("#good")).to_have_text("60")
        assert_chinese(page)
        page.goto("/work-order/WO-2605")
        expect(page.locator("#good")).to_have_text("30")
    piles = shop.connection.execute(
        "select to_location, sum(qty)::int from erp.stock_move where item = 'WSH-08' "
        "group by 1 order by 1"
    ).fetchall()
    assert piles == [("FG", 90), ("SURPLUS", 6)]


def test_a_page_that_renews_itself_takes_no_input_and_no_confirmation_away(
    chromium: Browser, opened: Pair
) -> None:
    """Someone else's news come in all the time; what is filled in beside a decision stays too."""
    shop, site = opened
    report = too_many(shop)
    shop.do("mount", "P01", die="D-210")
    shop.pass_time(30, {"P01": 20})
    with terminal(chromium, site, badge=LEADER) as page:
        page.goto("/attention")
        row = page.locator(f"[data-report='{report}']")
        row.get_by_text("报废…").click()
        row.locator("[name=qty]:visible").fill("7")
        row.locator("select:visible").select_option("dent")
        shop.pass_time(5, {"P01": 4})
        renewed(page)
        stray = page.locator(".stray[data-press=P01]")
        expect(stray).to_contain_text("21")
        expect(row.locator("[name=qty]:visible")).to_have_value("7")
        shop.pass_time(130, {"P01": 0})
        stray.locator("button").click()
        expect(page.locator(".told")).to_have_text("已补录到 WO-2601")
        expect(stray).to_have_count(0)
        expect(row.locator("[name=qty]:visible")).to_have_value("7")
        expect(row.locator("select:visible")).to_have_value("dent")
        shop.pass_time(5, {"P01": 4})
        renewed(page)
        expect(page.locator(".told")).to_have_text("已补录到 WO-2601")
        shop.do("dispose", "", "liu", report=report, to="surplus")
        shop.pass_time(5, {"P01": 4})
        renewed(page)
        expect(row).to_contain_text("已由他人处理")
        expect(row.locator("[name=qty]:visible")).to_have_value("7")
        page.locator(".told button").click()
        expect(page.locator(".told")).to_be_hidden()


def test_what_is_begun_while_the_answer_is_on_its_way_stays(
    chromium: Browser, opened: Pair
) -> None:
    shop, site = opened
    report = too_many(shop)
    shop.do("mount", "P01", die="D-210")
    shop.pass_time(30, {"P01": 20})
    with terminal(chromium, site, badge=LEADER) as page:
        page.goto("/attention")
        row = page.locator(f"[data-report='{report}']")
        held: list[Route] = []
        page.route(f"{site.url}/attention", lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks what it is given
        shop.pass_time(5, {"P01": 4})
        expect(page.locator("#attention")).to_be_visible()
        while not held:
            page.wait_for_timeout(50)
        row.get_by_text("报废…").click()
        row.locator("[name=qty]:visible").fill("7")
        held[0].continue_()
        expect(page.locator(".stray[data-press=P01]")).to_contain_text("21")
        expect(row.locator("[name=qty]:visible")).to_have_value("7")


@pytest.mark.parametrize("path", ["/", "/freshness", "/attention", "/work-order/WO-2604"])
def test_every_live_page_says_that_the_server_is_gone(
    chromium: Browser, opened: Pair, path: str
) -> None:
    shop, site = opened
    too_many(shop)
    with terminal(chromium, site, badge=LEADER) as page:
        page.clock.install()
        page.goto(path)
        expect(page.locator("main[data-at]")).to_be_visible()
        page.context.set_offline(offline=True)
        page.clock.run_for(40_000)
        expect(page.locator("#cut")).to_contain_text("以下内容停在 09:01")
        expect(page.locator("main")).to_have_class("silent")


def test_the_walls_footers_grow_old_with_the_server(chromium: Browser, opened: Pair) -> None:
    shop, site = opened
    shop.pass_time(5, {f"P{n:02}": 0 for n in range(1, 7)})
    with screen(chromium, site, "about:blank", WALL) as page:
        page.clock.install()
        page.goto("/wall")
        expect(page.locator(".lines .line")).to_have_count(2)
        expect(page.locator(".lines .old")).to_have_count(0)
        page.context.set_offline(offline=True)
        page.clock.run_for(40_000)
        expect(page.locator(".lines .line.old")).to_have_count(2)
        expect(page.locator(".lines .cut").first).to_have_text("数字停在 09:00")
        assert_chinese(page)


def test_six_digits_on_six_tiles_are_57_mm_high_and_fit(chromium: Browser, opened: Pair) -> None:
    shop, site = opened
    shop.connection.execute("update erp.work_order set qty = 500000 where code = 'WO-2601'")
    shop.producing("P01", "WO-2601")
    shop.pass_time(5, {"P01": 0})
    with screen(chromium, site, "/wall", WALL) as page:
        good = page.locator("[data-press=P01] .good")
        expect(good).to_have_text("0")
        found = good.evaluate(
            """(node) => {
              node.textContent = "888,888";
              const pen = document.createElement("canvas").getContext("2d");
              const style = getComputedStyle(node);
              pen.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
              const ink = pen.measureText("8");
              const [own, tile] = [node, node.closest(".tile")]
                .map((each) => each.getBoundingClientRect());
              return { height: ink.actualBoundingBoxAscent + ink.actualBoundingBoxDescent,
                       inside: own.left >= tile.left && own.right <= tile.right };
            }"""
        )
        assert found["inside"]
        assert found["height"] * WALL_MM >= 57
        expect(page.locator("[data-press=P01] .target")).to_have_text("/ 500,000")


def tile(page: Page, press: str) -> str:
    """The classes of a press's tile, once it stands."""
    found = page.locator(f"[data-press={press}]")
    expect(found).to_have_attribute("data-state", "stopped")
    return found.get_attribute("class") or ""


def test_red_is_only_what_is_wrong(chromium: Browser, opened: Pair) -> None:
    """P01 stands unexplained; P02 in setup, P03 in a break with its reason, P04 without a job."""
    shop, site = opened
    shop.order("WO-2606", "BRK-210", 100)
    shop.connection.execute("insert into erp.die (code) values ('D-2')")
    shop.connection.execute(
        "insert into erp.die_output values ('D-2', 'BRK-210', '-infinity', 1, 1)"
    )
    shop.do("mount", "P01", "zhou", die="D-210")
    shop.producing("P01", "WO-2601", "zhou")
    shop.do("scan", "P02", "zhou", work_order="WO-2606", die="D-2")
    shop.producing("P03", "WO-2604")
    shop.pass_time(60, {"P01": 50, "P02": 1, "P03": 20, "P04": 1})
    begun = shop.now
    shop.pass_time(90, {"P01": 0, "P02": 0, "P03": 0, "P04": 0})
    shop.do("stop_reason", "P03", "zhou", since=begun.isoformat(), reason="meal")
    with screen(chromium, site, "/wall", WALL) as page:
        assert "calm" not in tile(page, "P01")
        assert all("calm" in tile(page, press) for press in ("P02", "P03", "P04"))
        expect(page.locator(".bar .alarm")).to_have_text("停机 1")
        expect(page.locator("[data-press=P02] .word")).to_have_text("调模")
        expect(page.locator("[data-press=P03] .why")).to_have_text("休息用餐")
    with terminal(chromium, site, badge="EMP:B-301") as page:
        page.goto("/")
        expect(page.locator("a[href='/terminal/P01'] .calm")).to_have_count(0)
        expect(page.locator(".presses .stopped.calm")).to_have_count(3)
        assert_chinese(page)


def test_more_than_ordered_is_told_at_once(chromium: Browser, opened: Pair) -> None:
    shop, site = opened
    shop.producing("P03", "WO-2604")
    shop.pass_time(30, {"P03": 29})
    with screen(chromium, site, "/wall", WALL) as page:
        expect(page.locator("[data-press=P03] .over")).to_have_count(0)
        shop.pass_time(5, {"P03": 5})
        expect(page.locator("[data-press=P03] .over.excess")).to_have_text("超产 8 件")
        expect(page.locator(".too-fast")).to_contain_text("P03：性能 > 105 %")
    with terminal(chromium, site, badge=LEADER) as page:
        page.goto("/")
        expect(page.locator("a[href='/terminal/P03'] .over")).to_have_text("超产 8 件")
        page.goto("/work-order/WO-2604")
        expect(page.locator(".hero .over")).to_have_text("超产 8 件")


@pytest.mark.parametrize("locale", ["zh", "en"])
def test_nothing_is_wider_than_a_phone(chromium: Browser, opened: Pair, locale: str) -> None:
    shop, site = opened
    report = too_many(shop)
    shop.do("mount", "P01", die="D-210")
    shop.pass_time(30, {"P01": 20})
    with terminal(chromium, site, badge=LEADER) as page:
        page.set_viewport_size(PHONE)  # pyright: ignore[reportArgumentType] - a plain dict is what it takes
        for path in ("/", "/attention", "/work-orders", "/work-order/WO-2604", "/freshness",
                     "/labels", "/wall"):  # fmt: skip
            page.goto(f"{path}?lang={locale}")
            expect(page.locator("main")).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
        page.goto(f"/attention?lang={locale}")
        for key in page.locator(f"[data-report='{report}'] .button:visible").all():
            box = key.bounding_box()
            assert box is not None
            assert box["height"] >= 44
            assert box["x"] + box["width"] <= 390
