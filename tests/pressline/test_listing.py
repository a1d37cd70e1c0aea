"""Lists: filters, pages from where the last one ended, sums, and the same rows as a file."""

import csv
import io
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openpyxl import load_workbook
from playwright.sync_api import Browser, expect
from web_screen import assert_chinese, screen
from web_shop import Site, WebShop, shop_at

from people.listings import COUNTED
from pressline.house import LISTS

pytestmark = pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")

Pair = tuple[WebShop, Site]
DESK = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def opened(database: str) -> Iterator[Pair]:
    with shop_at(database) as (shop, site):
        shop.connection.execute(
            """
            insert into erp.item (code, name_zh, name_en, unit, kind)
            select 'N-' || lpad(n::text, 3, '0'), '支架 ' || n, 'bracket ' || n, 'pcs', 'part'
            from generate_series(1, 250) n;
            insert into erp.stock_move (at, item, qty, from_location, to_location, who, reason)
            select '2026-03-02 00:00Z'::timestamptz + n * interval '1 minute',
                   'N-' || lpad(n::text, 3, '0'), n, 'SUPPLIER', 'RAW', 'qian', 'in'
            from generate_series(1, 250) n;
            insert into erp.item (code, name_zh, name_en, unit, kind)
            values ('=1+1', '@SUM(A1)', 'O''Neil; "quoted"', 'kg', 'bought');
            insert into erp.stock_move (at, item, qty, from_location, to_location, who, reason)
            values ('2026-03-03 00:00Z', '=1+1', 12.5, 'SUPPLIER', 'RAW', 'qian', 'in')
            """
        )
        shop.connection.commit()
        yield shop, site


@pytest.fixture
def manager(opened: Pair) -> Iterator[httpx.Client]:
    with opened[1].signed_in("EMP:B-301", None) as client:
        yield client


def told(client: httpx.Client, path: str) -> dict[str, Any]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("name", LISTS)
def test_every_list_pages_through_all_of_its_rows_once(manager: httpx.Client, name: str) -> None:
    seen: list[str] = []
    after, pages = "", 0
    while True:
        part = told(manager, f"/api/v1/{name}?limit=7{after}")
        seen += [str([row[key] for key in LISTS[name].key]) for row in part["rows"]]
        pages += 1
        if part["next"] is None:
            break
        assert len(part["rows"]) == 7
        after = f"&after={part['next']}"
    assert len(seen) == len(set(seen)) == part["count"]
    assert pages == max(1, -(-len(seen) // 7))


def test_a_list_is_filtered_by_text_and_by_value(manager: httpx.Client) -> None:
    assert told(manager, "/api/v1/items?q=BRACKET 25")["count"] == 2  # 25 and 250
    assert told(manager, "/api/v1/items?kind=bought")["rows"][0]["code"] == "=1+1"
    assert told(manager, "/api/v1/items?kind=%27 or true --")["count"] == 0
    assert told(manager, "/api/v1/stock?item=N-042")["rows"] == [
        {"item": "N-042", "name_zh": "支架 42", "name_en": "bracket 42", "location": "RAW",
         "lot": "", "qty": "42", "unit": "pcs"}
    ]  # fmt: skip


def test_an_empty_list_is_told_apart_from_a_filter_that_nothing_fits(manager: httpx.Client) -> None:
    assert "Nothing here yet" in manager.get("/change_orders?lang=en").text
    assert "Change the filter" in manager.get("/items?q=no-such-thing&lang=en").text


def test_what_is_together_is_told_unit_by_unit(manager: httpx.Client) -> None:
    """250 brackets, 1 + 2 + … + 250 = 31,375 pieces, and 12.5 kg beside them."""
    both = told(manager, "/api/v1/stock")["totals"]
    assert both == [
        {"column": "qty", "unit": "kg", "sum": "12.5"},
        {"column": "qty", "unit": "pcs", "sum": "31375"},
    ]
    assert told(manager, "/api/v1/stock?item=N-042")["totals"][0]["sum"] == "42"
    assert "合计" in manager.get("/stock").text


def test_moves_are_newest_first_and_name_who(manager: httpx.Client) -> None:
    rows = told(manager, "/api/v1/moves?limit=3")["rows"]
    assert [row["at"] for row in rows] == sorted((row["at"] for row in rows), reverse=True)
    assert told(manager, "/api/v1/moves?item=N-250")["rows"][0]["who"] == "钱进"


@pytest.mark.parametrize("cursor", ["x", "W10", "bnVsbA", "W1siaW50IiwgIjEiXV0", "%00", "é"])
def test_a_cursor_of_nobodys_is_refused_with_a_sentence(manager: httpx.Client, cursor: str) -> None:
    answer = manager.get(f"/api/v1/moves?after={cursor}")
    assert answer.status_code == 422
    assert "after" in answer.json()["message"]


def test_more_than_can_be_counted_is_told_as_that(opened: Pair) -> None:
    shop, site = opened
    shop.connection.execute(
        "insert into erp.item (code, name_zh, name_en, unit, kind) "
        "select 'X-' || n, '', '', 'pcs', 'part' from generate_series(1, %s) n",
        [COUNTED],
    )
    shop.connection.commit()
    with site.signed_in("EMP:B-301", None) as client:
        assert told(client, "/api/v1/items")["count"] is None
        assert "超过 10,000" in client.get("/items").text
        assert told(client, "/api/v1/items?q=N-0")["count"] == 99


def test_excel_and_csv_hold_the_rows_of_the_filter_and_no_formula(manager: httpx.Client) -> None:
    book = load_workbook(io.BytesIO(manager.get("/items.xlsx?kind=bought").content))
    head, row = list(book.active.iter_rows())  # pyright: ignore[reportOptionalMemberAccess] - a new book has a sheet
    assert [cell.value for cell in head][:3] == ["编码", "名称", "类别"]
    assert [(cell.value, cell.data_type) for cell in row][:3] == [
        ("=1+1", "s"), ("@SUM(A1)", "s"), ("外购件", "s"),
    ]  # fmt: skip
    answer = manager.get("/items.csv?kind=bought")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    read = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert read[1][:2] == ["'=1+1", "'@SUM(A1)"]
    stock = load_workbook(io.BytesIO(manager.get("/stock.xlsx?q=N-").content)).active
    assert stock is not None
    assert stock.max_row == 251
    assert stock.cell(251, 5).value == 250


@pytest.mark.page
@pytest.mark.parametrize("size", [DESK, PHONE])
def test_a_list_is_found_from_the_header_and_fits_the_screen(
    chromium: Browser, opened: Pair, size: dict[str, int]
) -> None:
    _, site = opened
    with screen(chromium, site, "/sign-in", size) as page:
        page.locator("[name=badge]").fill("B-301")
        page.keyboard.press("Enter")
        page.locator("a[href='/lists']").click()
        assert_chinese(page)
        page.locator("a[href='/stock']").click()
        expect(page.locator("tbody tr")).to_have_count(100)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.locator(".pages a").last.click()
        expect(page.locator("tbody tr").first).to_contain_text("N-1")
        page.locator("main [name=q]").fill("N-007")
        page.keyboard.press("Enter")
        expect(page.locator("tbody tr")).to_have_count(1)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
