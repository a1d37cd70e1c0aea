"""Who works here: IT and the manager give badges and PINs and send away who leaves, by one act."""

from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Browser, expect
from web_screen import assert_chinese, scan, screen
from web_shop import Site, WebShop, shop_at

pytestmark = pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")

Pair = tuple[WebShop, Site]
DESK = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def opened(database: str) -> Iterator[Pair]:
    with shop_at(database) as pair:
        yield pair


def deed(
    client: httpx.Client, act: str, person: str, value: str = "", number: str | None = None
) -> httpx.Response:
    args = {"person": person, **({act: value} if value else {})}
    body = {"id": number or str(uuid4()), "act": f"person.{act}", "args": args}
    return client.post("/api/acts", json=body)


def enters(site: Site, **given: str) -> bool:
    """Whether somebody gets in by this badge or PIN."""
    with site.client() as client:
        return client.post("/api/sign-in", json=given).status_code == 200


def test_who_leaves_is_out_everywhere_and_is_listed_below(opened: Pair) -> None:
    _, site = opened
    with site.signed_in("EMP:B-401", None) as it, site.signed_in("EMP:B-101") as operator:
        assert 'data-person="zhang"' in it.get("/people").text
        number = str(uuid4())
        for _ in range(2):  # the same act again does nothing more
            answer = deed(it, "leave", "zhang", number=number)
            assert answer.json()["message"] == "张伟 已离职：工牌、PIN 和登录已失效"
        assert operator.get("/api/session").status_code == 401
        assert not enters(site, badge="B-101")
        assert not enters(site, person="zhang", pin="1101")
        here, _, left = it.get("/people").text.partition("已离职")
        assert "zhang" not in here
        assert "zhang" in left
        assert "钱进" in left
        assert deed(it, "pin", "zhang", "4711").json()["code"] == "person_gone"


def test_a_new_badge_or_pin_ends_the_old_one_and_the_sessions(opened: Pair) -> None:
    _, site = opened
    with site.signed_in("EMP:B-301", None) as manager, site.signed_in("EMP:B-101") as operator:
        assert "…101" in manager.get("/people").text
        assert deed(manager, "badge", "zhang", "EMP:0004521939").status_code == 200
        assert operator.get("/api/session").status_code == 401
        assert not enters(site, badge="B-101")
        assert enters(site, badge="4521939")  # as another reader writes it
        taken = deed(manager, "badge", "smith", "4521939")
        assert (taken.status_code, taken.json()["code"]) == (409, "badge_taken")
        assert deed(manager, "badge", "zhang").json()["message"].startswith("张伟 的工牌已停用")
        assert not enters(site, badge="4521939")
        assert deed(manager, "pin", "zhang", "12").json()["code"] == "pin_form"
        assert deed(manager, "pin", "zhang", "80808").status_code == 200
        assert not enters(site, person="zhang", pin="1101")
        assert enters(site, person="zhang", pin="80808")


def test_only_who_manages_people_sees_the_page_and_may(opened: Pair) -> None:
    shop, site = opened
    for badge in ("EMP:B-101", "EMP:B-201"):
        with site.signed_in(badge, None) as client:
            assert client.get("/people").status_code == 403
            assert 'href="/people"' not in client.get("/").text
            assert deed(client, "leave", "smith").json()["code"] == "not_allowed"
    with site.client() as stranger:
        assert deed(stranger, "leave", "smith").status_code == 401
    with site.signed_in("EMP:B-401", None) as it:
        assert deed(it, "leave", "qian").json()["code"] == "leave_self"
        assert deed(it, "leave", "nobody").json()["code"] == "person_gone"
    count = shop.connection.execute("select count(*) from people.act").fetchone()
    assert count == (0,)


def test_many_people_are_found_and_paged(opened: Pair) -> None:
    shop, site = opened
    shop.connection.execute(
        "insert into people.person (code, name, role, lines) "
        "select 'E' || n, '员工 ' || n, 'operator', '{L2}' from generate_series(1, 230) n"
    )
    shop.connection.commit()
    with site.signed_in("EMP:B-401", None) as it:
        text = it.get("/people?q=员工").text
        assert "在职 230 人" in text
        assert text.count("data-person=") == 100
        assert "q=%E5%91%98%E5%B7%A5&amp;number=2" in text
        assert it.get("/people?q=员工&number=3").text.count("data-person=") == 30


@pytest.mark.page
@pytest.mark.parametrize("size", [DESK, PHONE])
def test_it_opens_asks_and_tells_what_was_done(
    chromium: Browser, opened: Pair, size: dict[str, int]
) -> None:
    _, site = opened
    with screen(chromium, site, "/sign-in", size) as page:
        page.locator("[name=badge]").fill("B-401")
        page.keyboard.press("Enter")
        page.locator("a[href='/people']").click()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        own = page.locator("[data-person=qian]")
        expect(own.locator("summary")).to_have_count(3)  # nobody sends themselves away
        row = page.locator("[data-person=zhang]")
        row.locator("summary").nth(1).click()
        row.locator("[data-act='person.badge'] input").focus()
        scan(page, "EMP:B-777")
        expect(page.locator(".told")).to_contain_text("张伟 的工牌已更换")
        row.locator("summary").nth(2).click()
        row.locator("[data-act='person.customers'] input").fill("9-9")
        row.locator("[data-act='person.customers'] button").click()
        expect(row.locator("[data-act='person.customers'] .problem")).to_contain_text("没有 9-9")
        row.locator("summary").nth(3).click()
        expect(row).to_contain_text("不能撤销")
        assert_chinese(page)
        row.locator(".danger").click()
        expect(page.locator(".told")).to_contain_text("张伟 已离职")
        expect(page.locator("[data-person=zhang]")).to_have_count(0)
