"""Years of orders, dies and reports: each list says how many there are, and leads to all."""

import html
import re
from collections.abc import Iterator
from urllib.parse import unquote
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from web_screen import MM, assert_boxes, assert_chinese, terminal
from web_shop import Site, WebShop, shop_at

pytestmark = pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")

Pair = tuple[WebShop, Site]

MANY = """
insert into erp.work_order (code, item, qty, state, due, created, created_by)
select 'N-' || to_char(n, 'FM0000'), 'BRK-210', 10, 'released', date '2026-04-01' + n,
       '2026-03-01Z', 'zhou'
from generate_series(1, 350) n;
insert into erp.work_order (code, item, qty, state, due, created, created_by)
select 'C-' || to_char(n, 'FM0000'), 'HNG-L', 10, 'closed', date '2025-01-01' + n, '2025-01-01Z',
       'zhou'
from generate_series(1, 120) n;
insert into erp.work_order_operation (work_order, seq, name, last)
select code, 10, '冲压', true from erp.work_order where code like 'N-%' or code like 'C-%';
insert into erp.die (code, name, life_strokes, ideal_spm)
select 'X-' || to_char(n, 'FM000'), 'X', 1000, 60 from generate_series(1, 250) n;
"""


@pytest.fixture
def opened(database: str) -> Iterator[Pair]:
    with shop_at(database) as (shop, site):
        for statement in MANY.strip().split(";\n"):
            shop.connection.execute(statement.removesuffix(";").encode())
        shop.connection.commit()
        yield shop, site


def reported(shop: WebShop, times: int) -> None:
    """One run with so many reports that wait."""
    shop.producing("P01", "WO-2601")
    shop.run("P01", 60, 55)
    shop.later(1)
    shop.do("finish")
    shop.connection.execute(
        """
        insert into erp.production_report
          (operation, run, n, good, excess, other, state, flags, lot, proposed_at)
        select r.operation, r.run, 100 + m, 1, 0, 0, 'waiting', '{held}', r.lot, r.proposed_at
        from erp.production_report r, generate_series(1, %s) m
        """,
        [times],
    )
    shop.connection.commit()


def walk(client: httpx.Client, address: str, what: str) -> list[list[str]]:
    """What each page lists, from the first by way of the link to the next one."""
    pages: list[list[str]] = []
    while address:
        text = client.get(address).text
        pages.append(re.findall(what, text))
        after = re.search(r'href="([^"]*)">下一页', text)
        address = html.unescape(after[1]) if after else ""
    return pages


def test_every_order_is_on_one_page_of_the_list_and_the_filter_stays(opened: Pair) -> None:
    _, site = opened
    row = r'<tr><td><a href="/work-order/([^"]+)">'
    with site.signed_in("EMP:B-301", None) as client:
        pages = walk(client, "/work-orders", row)
        assert [len(page) for page in pages] == [100, 100, 100, 54]
        assert len({code for page in pages for code in page}) == 354
        assert "共 354 条" in client.get("/work-orders").text
        found = walk(client, "/work-orders?q=n-&state=open", row)
        assert [len(page) for page in found] == [100, 100, 100, 50]
        closed = walk(client, "/work-orders?state=closed&q=铰链", row)
        assert [len(page) for page in closed] == [100, 20]
        assert closed[0][0] == "C-0120"  # what was closed last comes first
        beyond = client.get("/work-orders?number=99")
        assert "第 301–354 条，共 354 条" in beyond.text
        assert "未结 354 张" in client.get("/").text


def test_what_is_not_found_among_open_orders_is_looked_for_in_all(opened: Pair) -> None:
    _, site = opened
    with site.signed_in("EMP:B-301", None) as client:
        text = client.get("/work-orders?q=C-0007").text
        way = re.search(r'href="([^"]*)">在全部工单中查找', text)
        assert way is not None
        assert "/work-order/C-0007" in client.get(html.unescape(way[1])).text


def test_labels_come_a_sheet_at_a_time(opened: Pair) -> None:
    _, site = opened
    with site.signed_in("EMP:B-301", None) as client:
        found = [walk(client, f"/labels?{key}=1", rf'src="/qr/{kind}/([^"]+).svg"')
                 for key, kind in (("orders", "work-order"), ("dies", "die"))]  # fmt: skip
        orders = {code for page in found[0] for code in page}
        assert len(orders) == 354
        text = client.get("/labels?dies=3").text
        assert "第 241–253 条，共 253 条" in text
        assert "第 1–120 条，共 354 条" in text


def test_reports_that_wait_are_counted_and_all_can_be_reached(opened: Pair) -> None:
    shop, site = opened
    reported(shop, 230)
    with site.signed_in("EMP:B-201", None) as client:
        n = client.get("/api/attention").json()["n"]
        assert n >= 230
        pages = walk(client, "/attention", r'data-report="([^"]+)"')
        assert len({one for page in pages for one in page}) == n
        assert f"{n} 张报工单等待审核" in client.get("/").text
        assert client.get("/api/reports").json()["n"] == n
        assert len(client.get("/api/reports?page=2").json()["reports"]) == 50


def test_the_notice_of_a_report_leads_to_the_page_that_has_it(opened: Pair) -> None:
    shop, site = opened
    reported(shop, 120)
    [(oldest,)] = shop.connection.execute(
        "select report from board.report where state = 'waiting' "
        "order by proposed_at, report desc limit 1"
    ).fetchall()
    shop.connection.execute(
        "insert into people.notice (at, kind, subject, press, role) "
        "values (%s, 'report', %s, 'P01', 'leader')",
        [shop.now, oldest],
    )
    shop.connection.commit()
    with site.signed_in("EMP:B-201", None) as client:
        ways = re.findall(r'href="(/attention[^"]*)"', client.get("/notifications").text)
        [way] = [html.unescape(one) for one in ways if oldest in unquote(one)]
        text = client.get(way).text
        assert f'id="{oldest}"' in text
        assert unquote(way).endswith(f"#{oldest}")
        turned = client.get(re.sub("#.*", "", way) + "&reports=1").text  # a page asked for wins
        assert f'id="{oldest}"' not in turned


def test_a_flag_that_has_no_words_is_shown_as_it_is(opened: Pair) -> None:
    shop, site = opened
    reported(shop, 1)
    shop.connection.execute(
        "insert into erp.production_report "
        "(operation, run, n, good, excess, other, state, flags, lot, proposed_at) "
        "select operation, run, 900, 1, 0, 0, 'waiting', '{flag_of_tomorrow}', lot, proposed_at "
        "from erp.production_report limit 1"
    )
    shop.connection.commit()
    with site.signed_in("EMP:B-201", None) as client:
        for address in ("/", "/attention", "/work-order/WO-2601"):
            answer = client.get(address)
            assert answer.status_code == 200, address
            assert "flag_of_tomorrow" in answer.text, address


def test_an_order_beyond_the_list_can_be_named(opened: Pair) -> None:
    shop, site = opened
    shop.do("mount", "P01", die="D-210")
    shop.run("P01", 60, 20)
    shop.later(1)
    with site.signed_in("EMP:B-201", None) as client:
        text = client.get("/attention").text
        assert "另有 151 张，未在此列出" in text
        assert '<input name="work_order"' in text
        [stray] = client.get("/api/attention?press=P01").json()["strokes"]
        listed = [order["work_order"] for order in stray["parts"][0]["orders"]]
        assert "N-0349" not in listed
        args = {"from": stray["since"], "to": stray["to"], "work_order": "N-0349"}
        act = {"id": str(uuid4()), "press": "P01", "act": "assign", "args": args}
        told = client.post("/api/acts", json=act).json()["message"]
        assert told.startswith("已补录到 N-0349")


@pytest.mark.page
def test_a_terminal_turns_to_every_order_and_die_and_finds_what_is_typed(
    chromium: Browser, opened: Pair
) -> None:
    shop, site = opened
    shop.pass_time(5, {"P01": 0})
    with terminal(chromium, site) as page:
        page.locator("[data-act=die]").click()
        expect(part(page)).to_have_text("第 1–60 条，共 253 条")
        for _ in range(4):
            page.locator("[data-act=after]").click()
        expect(part(page)).to_have_text("第 241–253 条，共 253 条")
        assert_boxes(page, MM)
        assert_chinese(page)
        page.locator("[data-act=close]").click()
        page.locator("[data-act=start]").click()
        expect(part(page)).to_have_text("第 1–60 条，共 354 条")
        page.locator("[data-act=type]").click()
        for digit in "0349":
            page.locator(f"[data-act=key-{digit}]").click()
        expect(page.locator("[data-order]")).to_have_count(1)
        page.locator("[data-act=key-ok]").click()
        expect(page.locator("[data-note=done]")).to_have_text("已开工：N-0349")


def part(page: Page) -> Locator:
    return page.locator("[data-figure=part]")
