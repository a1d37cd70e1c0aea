"""Items, dies and partners: made above their list, changed and taken back on their page."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from web_screen import assert_chinese, screen
from web_shop import Site, WebShop, shop_at

pytestmark = pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")

Pair = tuple[WebShop, Site]
DESK = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def opened(database: str) -> Iterator[Pair]:
    with shop_at(database) as pair:
        yield pair


def look(page: Page, name: str) -> None:
    """Keep a picture, where somebody wants to look at it."""
    folder = os.environ.get("PRESSLINE_LOOK")
    if folder:
        size = "phone" if page.viewport_size and page.viewport_size["width"] < 600 else "desk"
        page.screenshot(path=f"{folder}/{name}-{size}.png", full_page=True)


def sign_in(page: Page, badge: str = "B-301") -> None:
    page.locator("[name=badge]").fill(badge)
    page.keyboard.press("Enter")
    page.locator("#sign-out").wait_for()


def cell(form: Locator, rows: str, n: int, field: str) -> Locator:
    """A field of a row of the form."""
    return form.locator(f"[data-row={rows}]").nth(n).locator(f"[data-field={field}]")


def fits(page: Page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.page
@pytest.mark.parametrize("size", [DESK, PHONE])
def test_an_item_is_made_above_the_list_and_changed_on_its_page(
    chromium: Browser, opened: Pair, size: dict[str, int]
) -> None:
    shop, site = opened
    with screen(chromium, site, "/sign-in?next=/items", size) as page:
        sign_in(page)
        page.locator("summary", has_text="新建物料").click()
        form = page.locator("form[data-act='item.create']")
        look(page, "items-new")
        form.locator("[name=code]").fill("P-77")
        form.locator("[name=name_zh]").fill("压板")
        form.locator("[name=over_tolerance]").fill("0,02")
        form.locator("button").click()
        expect(form.locator(".problem")).to_contain_text("0,02")
        form.locator("[name=over_tolerance]").fill("0.02")
        form.locator("button").click()
        expect(page.locator(".told")).to_contain_text("P-77 已建立")
        page.locator("a", has_text="P-77").click()
        page.locator("summary", has_text="修改物料").click()
        form = page.locator("form[data-act='item.change']")
        form.locator("[name=until]").fill("2026-12-31")
        form.locator("[name=container]").fill("200")
        form.locator("button").click()
        expect(page.locator("#history")).to_contain_text("停用日期 – → 2026-12-31")
        page.locator("summary", has_text="修改物料").click()
        form.locator("[name=until]").fill("")
        form.locator("button").click()
        expect(page.locator("#history")).to_contain_text("停用日期 2026-12-31 → –")
        look(page, "item")
        assert_chinese(page)
        assert fits(page)
        found = shop.connection.execute(
            "select name_en, over_tolerance, until, container, unit from erp.item "
            "where code = 'P-77'"
        ).fetchone()
        assert found is not None
        assert [str(value) for value in found] == ["压板", "0.02", "None", "200", "pcs"]
        row = page.locator("#history tbody tr").first
        row.locator("summary").click()
        row.locator("[data-act=undo] button").click()
        expect(page.locator("#history")).to_contain_text("已撤销")


@pytest.mark.page
def test_a_routing_is_written_in_rows(chromium: Browser, opened: Pair) -> None:
    shop, site = opened
    with screen(chromium, site, "/sign-in?next=/item/BRK-210", DESK) as page:
        sign_in(page)
        page.locator("summary", has_text="修改工艺路线").click()
        form = page.locator("form[data-act='routing.change']")
        cell(form, "operations", 0, "name").fill("冲压")
        cell(form, "operations", 0, "die").fill("D-210")
        cell(form, "operations", 2, "name").fill("检验")
        look(page, "routing")
        form.locator("button").click()
        expect(page.locator("main")).to_contain_text("检验")
        steps = shop.connection.execute("select seq, name, die from erp.routing order by 1")
        assert steps.fetchall() == [(10, "冲压", "D-210"), (20, "检验", None)]


@pytest.mark.page
@pytest.mark.parametrize("size", [DESK, PHONE])
def test_a_die_is_made_and_changed_and_shows_its_life(
    chromium: Browser, opened: Pair, size: dict[str, int]
) -> None:
    shop, site = opened
    with screen(chromium, site, "/sign-in?next=/dies", size) as page:
        sign_in(page)
        page.locator("summary", has_text="新建模具").click()
        form = page.locator("form[data-act='die.create']")
        form.locator("[name=code]").fill("D-9")
        form.locator("[value=P02]").check()
        cell(form, "outputs", 0, "item").fill("HNG-L")
        cell(form, "outputs", 0, "parts").fill("1/4")
        look(page, "dies-new")
        form.locator("button").click()
        expect(page.locator(".told")).to_contain_text("D-9 已建立")
        page.goto("/die/D-210")
        expect(page.locator("#life")).to_have_text("121,000")
        page.locator("summary", has_text="修改模具").first.click()
        form = page.locator("form[data-act='die.change']").first
        expect(form.locator("[name=warn_share]")).to_have_value("0.8")
        form.locator("[name=life_strokes]").fill("400000")
        form.locator("[value=P03]").check()
        look(page, "die-change")
        form.locator("button").click()
        expect(page.locator("#history")).to_contain_text("200,000 → 400,000")
        page.locator("summary", has_text="修改产出").click()
        form = page.locator("form[data-act='die.change']").last
        cell(form, "outputs", 0, "item").fill("BRK-210")
        cell(form, "outputs", 0, "parts").fill("2")
        cell(form, "outputs", 0, "from").fill("2026-03-09T08:00")
        form.locator("button").click()
        expect(page.locator("[data-keep=outputs]")).to_contain_text("2026-03-09 08:00")
        look(page, "die")
        assert_chinese(page)
        assert fits(page)
        rows = shop.connection.execute("select press from erp.die_press where die = 'D-210'")
        assert rows.fetchall() == [("P03",)]
        assert shop.connection.execute(
            "select parts_num, parts_den from erp.die_output where die = 'D-9'"
        ).fetchall() == [(1, 4)]


@pytest.mark.page
@pytest.mark.parametrize("size", [DESK, PHONE])
def test_a_partner_is_made_and_is_not_in_use_any_more(
    chromium: Browser, opened: Pair, size: dict[str, int]
) -> None:
    _, site = opened
    with screen(chromium, site, "/sign-in?next=/partners", size, "en") as page:
        sign_in(page)
        page.goto("/partners?lang=zh")
        page.locator("summary", has_text="新建往来单位").click()
        form = page.locator("form[data-act='partner.create']")
        form.locator("[name=code]").fill("K-7")
        form.locator("[name=name]").fill("宁波车灯有限公司")
        form.locator("[name=kind]").select_option("supplier")
        form.locator("button").click()
        expect(page.locator("tbody")).to_contain_text("宁波车灯有限公司")
        look(page, "partners")
        page.locator("a", has_text="K-7").click()
        page.locator("summary", has_text="修改往来单位").click()
        form = page.locator("form[data-act='partner.change']")
        form.locator("[name=active]").select_option("false")
        form.locator("button").click()
        expect(page.locator("#history")).to_contain_text("在用 是 → 否")
        look(page, "partner")
        assert_chinese(page)
        assert fits(page)
        page.goto("/partner/K-7?lang=en")
        expect(page.locator("#history")).to_contain_text("In use yes → no")
        look(page, "partner-en")


def test_who_may_only_look_is_offered_no_form(opened: Pair) -> None:
    _, site = opened
    with site.signed_in("EMP:B-401", None) as it:
        for path in ("/items", "/dies", "/partners", "/item/BRK-210", "/die/D-210"):
            text = it.get(path).text
            assert "deed wide" not in text, path
        assert it.get("/partner/NONE").status_code == 404
    with site.signed_in("EMP:B-201", None) as leader:
        assert leader.get("/die/D-210").status_code == 200
        assert leader.get("/partners").status_code == 403
