"""A device that keeps nothing, or whose clock is wrong: acts are told, sent, dated all the same."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page, expect
from web_screen import terminal
from web_shop import Site, WebShop, shop_at

pytestmark = pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")

Pair = tuple[WebShop, Site]
NO_DATABASE = "indexedDB.open = () => { throw new DOMException('denied', 'SecurityError'); }"
SILENT_DATABASE = "indexedDB.open = () => ({})"
FULL_DISK = """
const add = IDBObjectStore.prototype.add;
IDBObjectStore.prototype.add = function (entry) {
  const request = add.call(this, entry);
  this.transaction.abort();
  return request;
}"""
NOTHING_KEPT = """
Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); };
indexedDB.open = () => { throw new DOMException('full', 'QuotaExceededError'); }"""
CLOCK_SET = "ms => { const real = Date.now; Date.now = () => real() + ms; }"


@pytest.fixture
def opened(database: str) -> Iterator[Pair]:
    with shop_at(database) as (shop, site):
        shop.producing("P01", "WO-2601")
        shop.run("P01", 60, 55)
        yield shop, site


def scraps(page: Page, reason: str = "burr") -> None:
    page.locator("[data-act=scrap]").click()
    page.locator(f"[data-reason={reason}]").click()


def acts(shop: WebShop) -> list[tuple[Any, ...]]:
    shop.connection.commit()
    return shop.connection.execute(
        "select args ->> 'reason', at from people.act where act = 'scrap' order by recorded_at"
    ).fetchall()


@pytest.mark.page
@pytest.mark.parametrize("broken", [NO_DATABASE, SILENT_DATABASE, FULL_DISK, NOTHING_KEPT])
def test_a_device_that_cannot_keep_acts_says_so_and_sends_them(
    chromium: Browser, opened: Pair, broken: str
) -> None:
    shop, site = opened
    with terminal(chromium, site) as page:
        page.context.add_init_script(broken)
        page.reload()
        expect(page.locator("[data-figure=good]")).to_have_text("55")
        scraps(page)
        expect(page.locator("[data-note=done]")).to_be_visible()
        expect(page.locator("[data-unkept]")).to_have_count(0)
        page.context.set_offline(True)
        expect(page.locator("[data-queue='0']")).to_be_visible()
        scraps(page, "dent")
        expect(page.locator("[data-queue='1']")).to_be_visible()
        expect(page.locator("[data-unkept]")).to_have_text("本机未保存，请勿关闭页面")
        page.context.set_offline(False)
        expect(page.locator("[data-queue]")).to_have_count(0)
        expect(page.locator("[data-unkept]")).to_have_count(0)
    assert [reason for reason, _ in acts(shop)] == ["burr", "dent"]


@pytest.mark.page
def test_hours_after_a_reload_without_a_network_an_act_has_its_own_time(
    chromium: Browser, opened: Pair
) -> None:
    shop, site = opened
    with terminal(chromium, site) as page:
        page.evaluate("navigator.serviceWorker.ready")
        page.reload()  # now through the worker, which keeps what it sees
        expect(page.locator("[data-figure=good]")).to_have_text("55")
        page.context.set_offline(True)
        page.clock.install()
        page.reload()
        expect(page.locator("[data-act=scrap]")).to_be_visible()
        page.clock.fast_forward("03:00:00")
        shop.later(3 * 3600)
        done = shop.now
        scraps(page)
        expect(page.locator("[data-queue='1']")).to_be_visible()
        page.clock.fast_forward("00:30")
        shop.later(30)
        page.context.set_offline(False)
        page.clock.fast_forward("00:20")
        expect(page.locator("[data-queue]")).to_have_count(0)
    [(reason, at)] = acts(shop)
    assert reason == "burr"
    assert abs(at - done) < timedelta(seconds=90), (at, done)


@pytest.mark.page
def test_a_clock_that_is_set_back_while_the_network_is_away_dates_nothing_wrong(
    chromium: Browser, opened: Pair
) -> None:
    shop, site = opened
    with terminal(chromium, site) as page:
        expect(page.locator("[data-figure=good]")).to_have_text("55")
        page.context.set_offline(True)
        page.evaluate(CLOCK_SET, -3_600_000)
        scraps(page)
        expect(page.locator("[data-queue='1']")).to_be_visible()
        page.context.set_offline(False)
        expect(page.locator("[data-queue]")).to_have_count(0)
    [(_, at)] = acts(shop)
    assert abs(at - shop.now) < timedelta(seconds=60)


@pytest.mark.page
def test_what_cannot_be_dated_goes_to_the_leader_with_both_times(
    chromium: Browser, opened: Pair
) -> None:
    shop, site = opened
    with terminal(chromium, site) as page:
        expect(page.locator("[data-figure=good]")).to_have_text("55")
        page.context.set_offline(True)
        page.evaluate(CLOCK_SET, 7_200_000)
        scraps(page)
        expect(page.locator("[data-queue='1']")).to_be_visible()
        page.context.set_offline(False)
        expect(page.locator("[data-note=refused]")).to_contain_text("转交班长")
        expect(page.locator("[data-queue]")).to_have_count(0)
    assert acts(shop) == []
    with terminal(chromium, site, badge="EMP:B-201") as page:
        page.goto("/notifications")
        row = page.locator("[data-notice=act_undated]")
        expect(row).to_contain_text("冲床 P01：有一项操作无法确定时间")
        page.goto("/undated?press=P01")
        expect(page.locator(".listing tbody tr")).to_contain_text("burr")
        page.goto("/notifications")
        row.locator("[data-act='undated.settle'] button").click()
        expect(row.locator("button")).to_have_count(0)


def test_the_server_bounds_the_time_of_an_act_by_what_it_said_itself(opened: Pair) -> None:
    shop, site = opened
    heard = shop.now
    shop.later(600)
    with site.signed_in("EMP:B-101", "P01") as client:

        def post(at: datetime, heard: datetime | None, number: str | None = None) -> str:
            act = {"id": number or str(uuid4()), "act": "scrap", "press": "P01",
                   "at": at.isoformat(), "args": {"item": "BRK-210", "qty": 1, "reason": "burr"},
                   **({"heard": heard.isoformat()} if heard else {})}  # fmt: skip
            said = client.post("/api/acts", json=act).json()
            return said.get("code", "done")

        year_2020 = heard.replace(year=2020)
        assert post(heard + timedelta(seconds=60), heard) == "done"
        assert post(heard - timedelta(seconds=60), heard) == "undatable"
        assert post(shop.now + timedelta(hours=1), heard) == "undatable"
        assert post(year_2020, heard) == "undatable"
        assert post(year_2020, None) == "act_too_old"
        again = str(uuid4())
        assert [post(year_2020, heard, again) for _ in range(2)] == ["undatable"] * 2
        # The server's own clock was set back: the act waits, as before.
        later = shop.now + timedelta(hours=1)
        assert post(later, later) == "act_in_future"
    shop.connection.commit()
    rows = shop.connection.execute(
        "select press, who, args ->> 'qty', came - heard from mes.undated_act order by at, 4"
    ).fetchall()
    ten_minutes = timedelta(seconds=600)
    assert {row[:3] for row in rows} == {("P01", "zhang", "1")}
    assert [row[3] for row in rows] == [ten_minutes] * 2 + [None] + [ten_minutes] * 2
    notice = "select count(*) from people.notice where kind = 'act_undated' and done_at is null"
    assert shop.connection.execute(notice).fetchone() == (5,)
