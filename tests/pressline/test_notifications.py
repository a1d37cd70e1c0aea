"""What waits for somebody is listed for them: since when, what to do, where; and who did it."""

import re
from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Browser, expect
from web_screen import assert_chinese, screen
from web_shop import Site, WebShop, shop_at

from people import notices, worker
from pressline.house import JOBS, NOTICES
from pressline.web.floor.notifications import PLACES
from pressline.web.shell import words

pytestmark = pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")

Pair = tuple[WebShop, Site]
DESK = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def opened(database: str) -> Iterator[Pair]:
    with shop_at(database) as (shop, site):
        shop.connection.execute(
            "insert into people.person (code, name, role, lines, badge) values "
            "('jing', '周静', 'quality', '{L1}', 'B-501')"
        )
        shop.connection.commit()
        yield shop, site


def listed(client: httpx.Client, address: str = "/notifications") -> list[str]:
    """Kinds of the open ones, as they are listed."""
    text = client.get(address).text.split("近 7 天已处理")[0]
    return re.findall(r'data-notice="([^"]+)"', text)


def failed_first_article(shop: WebShop) -> None:
    shop.producing("P01", "WO-2601")
    shop.later(60)
    shop.do("first_article", "P01", "zhang", passed=False)


def test_a_failed_first_article_is_told_to_those_of_the_line_and_who_passed_it_is_named(
    opened: Pair,
) -> None:
    shop, site = opened
    failed_first_article(shop)
    shop.later(1800)
    for badge, waits in (("B-201", 1), ("B-501", 1), ("B-301", 2), ("B-202", 0), ("B-101", 0)):
        with site.signed_in(f"EMP:{badge}", None) as client:
            assert len(listed(client)) == waits, badge
            assert client.get("/api/badges").json()["notifications"] == waits, badge
    with site.signed_in("EMP:B-501", None) as client:
        text = client.get("/notifications").text
        assert "冲床 P01 首件不合格" in text
        assert "30 分钟" in text
        assert 'href="/terminal/P01"' in text
        body = {"id": str(uuid4()), "press": "P01", "act": "first_article", "args": {"pass": True}}
        assert client.post("/api/acts", json=body).status_code == 200
        text = client.get("/notifications").text
        assert listed(client) == []
        assert ">周静</td>" in text.split("近 7 天已处理")[1]
        shop.later(8 * 86400)
        assert client.get("/api/session").status_code == 401  # her session has ended long ago
    with site.signed_in("EMP:B-201", None) as client:
        assert "近 7 天没有" in client.get("/notifications").text


def test_what_went_away_by_itself_was_done_by_nobody(opened: Pair) -> None:
    shop, site = opened
    notices.raise_once(shop.connection, "press_behind", "P01", "P01", "leader", shop.now)
    shop.later(60)
    notices.close(shop.connection, "press_behind", "P01", shop.now)
    shop.connection.commit()
    with site.signed_in("EMP:B-201", None) as client:
        assert ">自动消除</td>" in client.get("/notifications").text


def test_it_comes_again_and_nobody_has_done_it_yet(opened: Pair) -> None:
    shop, _ = opened
    raised = (shop.connection, "report", "WO/A/1", None, "leader")
    notices.raise_once(*raised, shop.now)
    notices.close(shop.connection, "report", "WO/A/1", shop.now)
    notices.closed_by(shop.connection, "liu", shop.now)
    notices.raise_once(*raised, shop.now + timedelta(hours=1))
    row = shop.connection.execute("select done_at, done_by from people.notice").fetchone()
    assert row == (None, None)


def test_every_kind_has_its_words_and_one_that_is_new_is_told_by_its_name(opened: Pair) -> None:
    shop, site = opened
    kinds = (
        "report", "unattributed", "first_article", "press_behind", "signal_unlisted",
        "stock_below_zero", "coil_over_weight", "order_without_material", "feed", "brand_new",
    )  # fmt: skip
    for n, kind in enumerate(kinds):
        at = shop.now + timedelta(minutes=n)
        notices.raise_once(shop.connection, kind, "X/#1 ?", "P01", "leader", at)
    shop.connection.commit()
    with site.signed_in("EMP:B-201", None) as client:
        assert tuple(listed(client)) == kinds  # the longest first
        for language in ("zh", "en"):
            text = client.get(f"/notifications?lang={language}").text
            assert "brand_new" in text
            assert "notice" not in re.sub(r"<[^>]+>", "", text).replace("Notices", "")


def test_more_than_a_page_of_them_is_paged(opened: Pair) -> None:
    shop, site = opened
    for n in range(120):
        notices.raise_once(shop.connection, "report", f"W/A/{n}", None, "leader", shop.now)
    for n in range(30):
        notices.close(shop.connection, "report", f"W/A/{n}", shop.now)
    shop.connection.commit()
    with site.signed_in("EMP:B-201", None) as client:
        assert len(listed(client)) == 50
        assert len(listed(client, "/notifications?number=2")) == 40
        text = client.get("/notifications?done=2").text
        assert "第 21–30 条，共 30 条" in text
        assert "第 1–50 条，共 90 条" in text


def readers(client: httpx.Client) -> list[str]:
    return re.findall(r'data-label="已读人">(.*?)</td>', client.get("/notifications").text)


def test_each_reads_for_themselves_and_all_see_who_has_read(opened: Pair) -> None:
    shop, site = opened
    failed_first_article(shop)
    notices.raise_once(shop.connection, "report", "W/A/1", None, "leader", shop.now)
    notices.raise_once(shop.connection, "report", "L2", "P06", "leader", shop.now)
    shop.connection.commit()
    with site.signed_in("EMP:B-201", None) as liu, site.signed_in("EMP:B-301", None) as zhou:
        assert liu.get("/api/badges").json()["notifications"] == 2
        assert liu.post("/api/notices/read", json={"notices": []}).json() == {"read": 0}
        row = shop.connection.execute(
            "select id from people.notice where role = 'leader' and kind = 'first_article'"
        ).fetchone()
        assert row is not None
        assert liu.post("/api/notices/read", json={"notices": list(row)}).json() == {"read": 1}
        assert liu.get("/api/badges").json()["notifications"] == 1
        assert listed(liu) == ["report", "first_article"]  # unread first
        (none, mine) = readers(liu)
        assert (none, mine.split(" <")[0]) == ("–", "刘洋")
        assert zhou.get("/api/badges").json()["notifications"] == 4
        assert zhou.post("/api/notices/read", json={}).json() == {"read": 4}
        assert ["刘洋" in who and "周总" in who for who in readers(zhou)].count(True) == 1
        every = shop.connection.execute("select id from people.notice").fetchall()
        asked = {"notices": [number for (number,) in every]}
        assert liu.post("/api/notices/read", json=asked).json() == {"read": 1}  # not those of L2
        assert liu.post("/api/notices/read", json={"notice": 1}).status_code == 422
    with site.client() as stranger:
        assert stranger.post("/api/notices/read", json={}).status_code == 401


def test_what_has_gone_up_is_seen_by_the_next_role_too(opened: Pair) -> None:
    shop, site = opened
    notices.raise_once(shop.connection, "press_behind", "P01", "P01", "leader", shop.now)
    shop.connection.commit()
    with site.signed_in("EMP:B-401", None) as it:
        assert listed(it) == []
        shop.later(15 * 60)
        worker.work(shop.connection, JOBS, shop.now)
        shop.connection.commit()
        assert listed(it) == ["press_behind"]
        assert "已升级给信息部" in it.get("/notifications").text


def test_its_time_is_changed_by_an_act_and_taken_back(opened: Pair) -> None:
    shop, site = opened
    notices.raise_once(shop.connection, "press_behind", "P01", "P01", "leader", shop.now)
    shop.connection.commit()

    def act(name: str, **args: object) -> httpx.Response:
        return it.post("/api/acts", json={"id": str(uuid4()), "act": name, "args": args})

    def due() -> timedelta:
        row = shop.connection.execute("select due - made_at from people.job").fetchone()
        shop.connection.commit()
        assert row is not None
        return row[0]

    with site.signed_in("EMP:B-401", None) as it:
        assert "无人处理" in it.get("/lists").text
        kind = {"notice_kind": "press_behind"}
        done = act("notice_kind.change", **kind, minutes=30, next_role="manager")
        assert done.status_code == 200, done.text
        assert due() == timedelta(minutes=30)
        for wrong, code in (
            ({"minutes": 30}, "notice_kind_half"),
            ({"minutes": 30, "next_role": "pilot"}, "role_unknown"),
            ({"minutes": 0, "next_role": "it"}, "args_wrong"),
        ):
            assert act("notice_kind.change", **kind, **wrong).json()["code"] == code
        unknown = act("notice_kind.change", notice_kind="weather")
        assert unknown.json()["code"] == "notice_kind_unknown"
        assert act("undo", act=done.json()["act"]).status_code == 200
        assert due() == timedelta(minutes=15)


def test_every_kind_that_rooms_declare_has_its_words_its_place_and_its_time(opened: Pair) -> None:
    shop, _ = opened
    timed = {code for (code,) in shop.connection.execute("select code from people.notice_kind")}
    assert timed == set(NOTICES)
    assert set(PLACES) == set(NOTICES)
    for locale in words.LOCALES:
        said = words.catalogue(locale)
        for code in NOTICES:
            for group in ("notice", "notice_do", "notice_kind"):
                assert f"{group}.{code}" in said, (locale, group, code)


@pytest.mark.page
def test_the_bell_is_on_every_page_and_what_is_read_is_counted_no_more(
    chromium: Browser, opened: Pair
) -> None:
    shop, site = opened
    failed_first_article(shop)
    with screen(chromium, site, "/sign-in", PHONE) as page:
        page.locator("[name=badge]").fill("B-501")
        page.keyboard.press("Enter")
        expect(page.locator(".bell")).to_be_visible()
        for place in ("/", "/work-orders", "/items", "/lists"):
            page.goto(place)
            expect(page.locator("#notifications")).to_have_text("1")
        page.locator(".bell").click()
        page.get_by_role("button", name="全部标为已读").click()
        expect(page.locator("tr.read")).to_have_count(1)
        expect(page.locator("#notifications")).to_be_hidden()
        expect(page.locator("tr.read")).to_contain_text("周静")


@pytest.mark.page
@pytest.mark.parametrize("size", [DESK, PHONE])
def test_the_header_says_how_many_wait_and_who_goes_there_has_read_it(
    chromium: Browser, opened: Pair, size: dict[str, int]
) -> None:
    shop, site = opened
    failed_first_article(shop)
    with screen(chromium, site, "/sign-in", size) as page:
        page.locator("[name=badge]").fill("B-501")
        page.keyboard.press("Enter")
        expect(page.locator("#notifications")).to_have_text("1")
        page.locator("a[href='/notifications']").click()
        assert_chinese(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.locator(".notices a.button").click()
        expect(page.locator(".bar .press")).to_have_text("P01")
        page.goto("/notifications")
        expect(page.locator("tr.read")).to_contain_text("周静")
