"""The pages as people meet them, in Chromium: scanner, fingers, a network that goes away."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from web_screen import (
    MM,
    TERMINAL,
    assert_apart,
    assert_boxes,
    assert_chinese,
    scan,
    screen,
    terminal,
)
from web_shop import Site, WebShop, shop_at

# What a page shows does not depend on the flavour of the database: the plain one is enough.
pytestmark = [
    pytest.mark.page,
    pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session"),
]

WALL = {"width": 1920, "height": 1080}


@pytest.fixture
def opened(database: str) -> Iterator[tuple[WebShop, Site]]:
    with shop_at(database) as pair:
        yield pair


Pair = tuple[WebShop, Site]


def test_an_operator_signs_on_scans_the_order_and_sees_the_count_rise(
    chromium: Browser, opened: Pair
) -> None:
    shop, site = opened
    shop.pass_time(5, {"P01": 0})
    with terminal(chromium, site) as page:
        expect(page.locator("[data-act=person]")).to_have_text("张伟")
        scan(page, "WO:WO-2601")
        expect(page.locator("[data-note=done]")).to_have_text("已开工：WO-2601")
        page.locator("[data-act=first]").click()
        page.locator("[data-act=pass]").click()
        expect(page.locator("[data-note=done]")).to_have_text("首件合格，开始计产")
        expect(page.locator("[data-figure=good]")).to_have_text("0")
        shop.later(1)
        shop.run("P01", 60, 57)
        expect(page.locator("[data-figure=good]")).to_have_text("57")
        shop.run("P01", 60, 58)
        expect(page.locator("[data-figure=good]")).to_have_text("115")


def test_an_order_can_be_chosen_by_hand_and_finished_in_two_taps(
    chromium: Browser, opened: Pair
) -> None:
    shop, site = opened
    shop.pass_time(5, {"P01": 0})
    with terminal(chromium, site) as page:
        page.locator("[data-act=start]").click()
        page.locator("[data-order=WO-2604]").click()
        expect(page.locator("[data-note=done]")).to_have_text("已开工：WO-2604")
        shop.do("first_article", "P01", passed=True)
        shop.later(1)
        shop.run("P01", 60, 50)
        expect(page.locator("[data-figure=good]")).not_to_have_text("0")  # it heard the new time
        shop.later(1)
        page.locator("[data-act=finish]").click()
        page.locator("[data-act=confirm]").click()
        expect(page.locator("[data-note=done]")).to_have_text("工单已上报，请等待审核")


def test_scrap_takes_two_taps_and_a_part_must_be_named_where_there_are_two(
    chromium: Browser, opened: Pair
) -> None:
    shop, site = opened
    shop.producing("P01", "WO-2601")
    shop.producing("P02", "WO-2602")
    shop.do("scan", "P02", "zhou", work_order="WO-2603")
    shop.pass_time(60, {"P01": 55, "P02": 40})
    with terminal(chromium, site) as page:
        page.locator("[data-act=scrap]").click()
        page.locator("[data-act=add-5]").click()
        page.locator("[data-reason=burr]").click()
        expect(page.locator("[data-note=done]")).to_have_text("已报废 5 件（BRK-210），良品 50 件")
        expect(page.locator("[data-figure=good]")).to_have_text("50")
    with terminal(chromium, site, "P02") as page:
        page.locator("[data-act=scrap]").click()
        expect(page.locator("[data-reason=burr]")).to_be_disabled()
        page.locator("[data-item=HNG-R]").click()
        page.locator("[data-reason=crack]").click()
        expect(page.locator("[data-note=done]")).to_contain_text("HNG-R")


def test_the_terminal_asks_why_once_a_press_has_stopped(chromium: Browser, opened: Pair) -> None:
    shop, site = opened
    shop.producing("P01", "WO-2601")
    shop.run("P01", 60, 55)
    with terminal(chromium, site) as page:
        shop.run("P01", 90, 0)
        expect(page.locator(".sheet.stop")).to_be_visible()
        page.locator("[data-act=later]").click()
        expect(page.locator(".sheet.stop")).to_have_count(0)
        page.locator("[data-act=stop]").click()
        page.locator("[data-reason=material]").click()
        expect(page.locator("[data-note=done]")).to_have_text("停机原因已记录：缺料")
    shop.connection.commit()
    row = shop.connection.execute("select reason from mes.stop_reason").fetchone()
    assert row == ("material",)


def test_what_is_done_without_a_network_arrives_once_when_it_is_back(
    chromium: Browser, opened: Pair
) -> None:
    shop, site = opened
    shop.producing("P01", "WO-2601")
    shop.run("P01", 60, 55)
    with terminal(chromium, site) as page:
        expect(page.locator("[data-figure=good]")).to_have_text("55")
        page.context.set_offline(True)
        for reason in ("burr", "dent"):
            page.locator("[data-act=scrap]").click()
            page.locator(f"[data-reason={reason}]").click()
        expect(page.locator("[data-queue='2']")).to_be_visible()
        expect(page.locator("[data-note=kept]")).to_be_visible()
        page.context.set_offline(False)
        expect(page.locator("[data-queue]")).to_have_count(0)
        expect(page.locator("[data-figure=good]")).to_have_text("53")
    shop.connection.commit()
    acts = shop.connection.execute(
        "select args ->> 'reason' from people.act where act = 'scrap' order by recorded_at"
    ).fetchall()
    assert acts == [("burr",), ("dent",)]


def test_what_waits_survives_a_reload_and_an_answer_that_got_lost(
    chromium: Browser, opened: Pair
) -> None:
    shop, site = opened
    shop.producing("P01", "WO-2601")
    shop.run("P01", 60, 55)
    with terminal(chromium, site) as page:

        def lose_the_answer(route: Any) -> None:
            route.fetch()  # the server has it; the terminal never hears
            route.abort()

        page.route("**/api/acts", lose_the_answer)
        page.locator("[data-act=scrap]").click()
        page.locator("[data-reason=burr]").click()
        expect(page.locator("[data-queue='1']")).to_be_visible()
        page.unroute_all(behavior="wait")
        page.reload()
        expect(page.locator("[data-figure=good]")).to_have_text("54")
        expect(page.locator("[data-queue]")).to_have_count(0)
    shop.connection.commit()
    count = shop.connection.execute(
        "select count(*) from people.act where act = 'scrap'"
    ).fetchone()
    assert count == (1,)


def test_the_terminal_opens_without_a_network(chromium: Browser, opened: Pair) -> None:
    shop, site = opened
    shop.producing("P01", "WO-2601")
    with terminal(chromium, site) as page:
        page.evaluate("navigator.serviceWorker.ready")
        page.reload()  # now through the worker, which keeps what it sees
        expect(page.locator("[data-act=scrap]")).to_be_visible()
        page.context.set_offline(True)
        page.reload()
        expect(page.locator("[data-act=person]")).to_have_text("张伟")
        expect(page.locator("[data-queue]")).to_be_visible()
        expect(page.locator(".bar [data-state=unknown]")).to_be_visible()


def test_a_leader_decides_on_a_report_at_the_press(chromium: Browser, opened: Pair) -> None:
    shop, site = opened
    shop.producing("P01", "WO-2604")
    shop.run("P01", 60, 50)
    shop.later(1)
    shop.do("finish", "P01")
    with terminal(chromium, site, badge="EMP:B-201") as page:
        page.locator("[data-act=reports]").click()
        page.locator("[data-act=surplus]").click()
        expect(page.locator("[data-note=done]")).to_be_visible()
        expect(page.locator("[data-act=reports]")).to_have_count(0)


def known(page: Page, badge: str = "EMP:B-101") -> None:
    """Somebody has signed in on this device before: only there names are shown."""
    signed = page.request.post("/api/sign-in", data={"badge": badge})
    assert signed.ok, signed.text()
    assert page.request.post("/api/sign-out", data={}).ok
    page.reload()


def test_a_pin_signs_on_and_brings_the_persons_language(chromium: Browser, opened: Pair) -> None:
    _, site = opened
    with screen(chromium, site, "/terminal/P01", TERMINAL) as page:
        known(page)
        page.locator("[data-person=smith]").click()
        for digit in "1106":
            page.locator(f"[data-act=key-{digit}]").click()
        page.locator("[data-act=key-ok]").click()
        expect(page.locator("[data-act=scrap]")).to_have_text("Scrap")


SMALL = {"width": 1024, "height": 768}
SHEETS = ("start", "scrap", "stop", "first", "die", "finish", "more", "person")


PHONE = {"width": 390, "height": 844}
LYING = {"width": 844, "height": 390}
UPRIGHT = {"width": 1080, "height": 1920}


def test_whatever_a_finger_meets_is_twenty_millimetres(chromium: Browser, opened: Pair) -> None:
    """Where nobody calibrated (None) the panel is taken for the finest there is."""
    shop, site = opened
    shop.producing("P02", "WO-2602")
    shop.run("P02", 60, 40)
    sizes = [(None, size) for size in (TERMINAL, SMALL, PHONE, LYING, UPRIGHT)]
    for mm, size in [*sizes, (5.87, TERMINAL)]:
        with screen(chromium, site, "/terminal/P02", size) as page:
            _touch_all(page, mm)


def _touch_all(page: Page, mm: float | None) -> None:
    if mm is not None:
        page.evaluate("mm => localStorage.setItem('pressline-px-per-mm', mm)", mm)
        page.reload()
    known(page)
    mm = mm or MM
    expect(page.locator("[data-person=zhang]")).to_be_visible()
    assert_boxes(page, mm)
    assert_apart(page)
    page.locator("[data-person=zhang]").click()
    assert_boxes(page, mm)
    scan(page, "EMP:B-101")
    expect(page.locator("[data-act=scrap]")).to_be_visible()
    assert_boxes(page, mm)
    assert_apart(page)
    for sheet in SHEETS:
        page.locator(f"[data-act={sheet}]").first.click()
        expect(page.locator(".sheet")).to_be_visible()
        assert_boxes(page, mm)
        page.locator("[data-act=close]").click()


def test_the_wall_turns_red_on_a_stop_and_hatched_on_silence(
    chromium: Browser, opened: Pair
) -> None:
    shop, site = opened
    shop.producing("P01", "WO-2601")
    shop.run("P01", 60, 55)
    with screen(chromium, site, "/wall", WALL) as page:
        tile = page.locator("[data-press=P01]")
        expect(tile).to_have_attribute("data-state", "running")
        expect(tile.locator(".good")).to_have_text("55")
        expect(tile.locator(".pace")).to_have_text(re.compile(r"^\s*落后\s*5\s*件\s*$"))
        shop.run("P01", 60, 0)
        expect(tile).to_have_attribute("data-state", "stopped")
        assert colour(tile) == "rgb(168, 15, 24)"
        shop.later(40)
        shop.derive()
        expect(tile).to_have_attribute("data-state", "unknown")
        assert "repeating-linear-gradient" in tile.evaluate(
            "e => getComputedStyle(e).backgroundImage"
        )
        expect(tile).to_contain_text("秒无数据")


def colour(tile: Any) -> str:
    return tile.evaluate("e => getComputedStyle(e).backgroundColor")


def test_the_wall_itself_notices_when_no_figures_come(chromium: Browser, opened: Pair) -> None:
    shop, site = opened
    shop.producing("P01", "WO-2601")
    shop.run("P01", 60, 55)
    context = chromium.new_context(viewport=WALL, locale="zh-CN", base_url=site.url)  # pyright: ignore[reportArgumentType] - a plain dict is what it takes
    try:
        context.add_init_script("delete window.SharedWorker")  # its requests are not to be stopped
        page = context.new_page()
        page.clock.install()
        page.goto("/wall")
        tile = page.locator("[data-press=P01]")
        expect(tile).to_have_attribute("data-state", "running")
        context.route("**/api/events", lambda route: route.abort())
        page.reload()
        page.clock.run_for(10_000)
        expect(tile).to_have_attribute("data-state", "running")
        page.clock.run_for(20_000)
        expect(tile).to_have_attribute("data-state", "unknown")
        expect(page.locator(".lost")).to_be_visible()
    finally:
        context.close()


OVERFLOWING = """() => [...document.querySelectorAll('body, .tile, .tile *, .line, .bar')]
  .filter(e => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0 && e.tagName !== 'svg'
    && getComputedStyle(e).display !== 'inline')
  .map(e => `${e.className}: ${e.textContent.trim()}`)"""


@pytest.mark.parametrize("presses", [6, 12, 20])
def test_the_wall_fits_its_screen_without_scrolling(
    chromium: Browser, database: str, presses: int
) -> None:
    with shop_at(database, presses) as (shop, site):
        shop.producing("P01", "WO-2601")
        shop.run("P01", 60, 55)
        for locale in ("zh-CN", "en-GB"):
            with screen(chromium, site, "/wall", WALL, locale) as page:
                expect(page.locator(".tile")).to_have_count(presses)
                assert page.evaluate(OVERFLOWING) == []


PAGES = (
    "/",
    "/work-orders",
    "/work-order/WO-2601",
    "/work-order/WO-2601/run/1",
    "/labels",
    "/wall",
)


def test_no_english_word_stands_on_a_chinese_page(chromium: Browser, opened: Pair) -> None:
    shop, site = opened
    played(shop)
    with terminal(chromium, site, badge="EMP:B-301") as page:
        for path in PAGES:
            page.goto(path)
            expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
            assert_chinese(page)
        page.goto("/terminal/P01")
        page.locator(".sheet.stop [data-act=later]").click()  # it asks why the press stands
        for sheet in SHEETS:
            page.locator(f"[data-act={sheet}]").first.click()
            assert_chinese(page)
            page.locator("[data-act=close]").click()


def test_english_pages_are_english(chromium: Browser, opened: Pair) -> None:
    shop, site = opened
    played(shop)
    with terminal(chromium, site, badge="EMP:B-106") as page:
        for path in PAGES:
            page.goto(f"{path}?lang=en")
            expect(page.locator("html")).to_have_attribute("lang", "en")
            text = page.locator("body").inner_text()
            for chinese in (
                "English",
                "中文",
                "刘洋",
                "张伟",
                "周总",
                "支架连续模",
                "铰链一模两件",
                "垫圈模",
            ):
                text = text.replace(chinese, "")
            assert not re.search(r"[\u4e00-\u9fff]", text), path


def test_the_order_page_explains_its_number_down_to_the_readings(
    chromium: Browser, opened: Pair
) -> None:
    shop, site = opened
    played(shop)
    with terminal(chromium, site, badge="EMP:B-301") as page:
        page.goto("/work-order/WO-2601")
        expect(page.locator("#good")).to_have_text("851")  # 15 + 840 strokes, 4 scrap
        for step, value in (
            ("strokes", "855"), ("made", "855"), ("declared_scrap", "−4"), ("good_live", "851"),
        ):  # fmt: skip
            expect(page.locator(f".ladder .{step} td")).to_have_text(value)
        page.locator(".run .go .button").click()
        expect(page.locator(".readings tbody tr").first).to_be_visible()
        sums = [int(text) for text in page.locator(".quarters b").all_inner_texts()]
        assert sum(sums) == 855
        page.locator(".quarters a").first.click()
        counted = page.locator(".readings tbody td:nth-child(4)").all_inner_texts()
        assert sum(int(text) for text in counted if text) == sums[0]


def test_an_order_page_follows_its_press(chromium: Browser, opened: Pair) -> None:
    shop, site = opened
    played(shop)
    with terminal(chromium, site, badge="EMP:B-301") as page:
        page.goto("/work-order/WO-2601")
        expect(page.locator("#good")).to_have_text("851")
        shop.run("P01", 60, 30)
        expect(page.locator("#good")).to_have_text("881")


def played(shop: WebShop) -> None:
    """A quarter of an hour of work, with scrap, a stop and a report."""
    shop.producing("P01", "WO-2601")
    shop.run("P01", 15, 15)
    shop.run("P01", 840, 840)
    shop.do("scrap", "P01", qty=4, reason="burr")
    shop.run("P01", 120, 0)
    shop.later(1)
    shop.derive()


def test_labels_print_codes_that_a_scanner_reads_back(chromium: Browser, opened: Pair) -> None:
    _, site = opened
    with terminal(chromium, site) as page:
        page.goto("/labels")
        images = page.locator(".sheet img")
        assert (
            images.count() == 4 + 3 + 9 + 6 + 5
        )  # orders, dies, reasons for a stop, scrap, a closed cavity
        for image in images.all():
            expect(image).to_have_js_property("complete", True)
            assert image.evaluate("e => e.naturalWidth") > 100
        expect(images.first).to_have_attribute("alt", "WO:WO-2601")


def test_a_press_whose_readings_turn_bad_is_silent_and_was_not_always(
    chromium: Browser, opened: Pair
) -> None:
    shop, site = opened
    shop.producing("P01", "WO-2601")
    shop.run("P01", 60, 55)
    for _ in range(8):
        shop.later(5)
        shop.read("P01", None, shop.now)
    shop.derive()
    with screen(chromium, site, "/wall", WALL) as page:
        tile = page.locator("[data-press=P01]")
        expect(tile).to_have_attribute("data-state", "unknown")
        expect(tile.locator(".pace")).to_contain_text("无数据")
        expect(page.locator("[data-press=P02] .pace")).to_have_text("从未收到数据")
    with screen(chromium, site, "/terminal/P01", TERMINAL) as page:
        expect(page.locator(".silence")).to_contain_text("无数据")


CUT_OFF = """() => [...document.querySelectorAll(".cards td, .top *, .cards .button")]
  .filter(e => e.getBoundingClientRect().right > innerWidth || e.scrollWidth > e.clientWidth + 1
    && getComputedStyle(e).display !== "inline" && e.clientWidth > 0)
  .map(e => e.textContent.trim())"""


def test_nothing_of_a_list_is_cut_off_on_a_phone(chromium: Browser, opened: Pair) -> None:
    shop, site = opened
    played(shop)
    shop.do("first_article", "P01", "zhang", passed=False)
    with screen(chromium, site, "/sign-in", PHONE) as page:
        page.locator("[name=badge]").fill("B-301")
        page.keyboard.press("Enter")
        expect(page.locator("#notifications")).to_be_visible()
        for address in ("/", "/work-orders", "/work-order/WO-2601", "/notifications", "/people"):
            for language in ("zh", "en"):
                page.goto(f"{address}?lang={language}")
                assert page.evaluate(CUT_OFF) == [], address
