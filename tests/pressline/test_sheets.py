"""Sheets: taken out and read in again they change nothing; what is wrong is told by its cell."""

import csv
import io
import zipfile
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import uuid4

import httpx
import pytest
from openpyxl import Workbook, load_workbook
from playwright.sync_api import Browser, expect
from test_master_pages import DESK, PHONE, fits, look, sign_in
from web_screen import assert_chinese, screen
from web_shop import Site, WebShop, shop_at

from erp_core.sheets import SHEETS
from people.cells import MOST_ROWS, MOST_UNPACKED

pytestmark = pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")

Pair = tuple[WebShop, Site]
HEAD = ["code", "name_zh", "name_en", "kind", "unit", "over_tolerance", "until", "container"]
BRACKET = ["BRK-210", "电池支架", "Battery bracket", "part", "pcs", 0, None, None]


@pytest.fixture
def opened(database: str) -> Iterator[Pair]:
    with shop_at(database) as (shop, site):
        shop.connection.execute(
            """
            insert into erp.item (code, name_zh, name_en, unit, kind, over_tolerance, until,
                                  container)
            values ('1001', '=1+1', '@SUM(A1)', 'kg', 'bought', 0.025, '2026-12-31', 200),
                   ('卷', '卷 "x", y', 'roll', '卷', 'bought', 0, null, null);
            insert into erp.routing values ('BRK-210', 10, '冲压', 'D-210'),
                                           ('BRK-210', 20, '检验', null);
            update erp.die set planned_spm = 41.5 where code = 'D-210';
            insert into erp.partner (code, name, kind, active)
            values ('K-1', '宁波车灯', 'both', false)
            """
        )
        shop.connection.commit()
        yield shop, site


@pytest.fixture
def manager(opened: Pair) -> Iterator[httpx.Client]:
    with opened[1].signed_in("EMP:B-301", None) as client:
        yield client


def workbook(*rows: list[Any], **merged: str) -> bytes:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    for cells in merged.values():
        sheet.merge_cells(cells)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def send(
    client: httpx.Client, content: bytes, sheet: str = "items", **query: str
) -> tuple[int, dict[str, Any]]:
    answer = client.post(
        f"/api/sheets/{sheet}", content=content, params={"file": "f.xlsx", "lang": "en", **query},
        headers={"Content-Type": "application/octet-stream"},
    )  # fmt: skip
    return answer.status_code, answer.json()


@pytest.mark.parametrize("form", ["xlsx", "csv"])
@pytest.mark.parametrize("locale", ["zh", "en"])
def test_what_is_taken_out_and_read_in_again_changes_nothing(
    opened: Pair, manager: httpx.Client, locale: str, form: str
) -> None:
    shop, _ = opened
    for sheet in SHEETS:
        file = manager.get(f"/sheets/{sheet.name}.{form}?lang={locale}")
        assert file.status_code == 200
        status, told = send(manager, file.content, sheet.name)
        assert (status, told["added"], told["changed"]) == (200, 0, 0), (sheet.name, told)
        assert told["unchanged"] > 0
    assert shop.connection.execute("select count(*) from people.act").fetchone() == (0,)


def test_headers_and_codes_are_in_the_persons_language(manager: httpx.Client) -> None:
    book = load_workbook(io.BytesIO(manager.get("/sheets/items.xlsx?lang=zh").content)).active
    assert book is not None
    head, first, *_ = [[cell.value for cell in row] for row in book.iter_rows()]
    assert head[:5] == ["编号", "中文名称", "英文名称", "类别", "单位"]
    assert first[:5] == ["1001", "=1+1", "@SUM(A1)", "外购件", "公斤"]
    text = manager.get("/sheets/items.csv?lang=en").content.decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(text)))[1][3:6] == ["bought item", "kg", "0.025"]


def test_a_file_is_looked_at_taken_over_and_taken_back(opened: Pair, manager: httpx.Client) -> None:
    shop, _ = opened
    content = workbook(
        ["编号", "中文名称", "单位", "停用日期"],
        ["BRK-210", "支架（新）", "件", date(2026, 12, 1)],
        ["COIL", "冷轧卷", "公斤", None],
        ["NEW-1", "压板", "件", "2026-11-30"],
    )

    def items() -> list[Any]:
        return shop.connection.execute(
            "select code, name_zh, name_en, unit, until from erp.item order by code"
        ).fetchall()

    before = items()
    status, told = send(manager, content)
    assert (status, told["added"], told["changed"], told["unchanged"]) == (200, 1, 1, 1)
    assert told["rows"][0]["before"] == {"name_zh": "电池支架", "until": None}
    assert items() == before
    status, done = send(manager, content, sha256=told["sha256"])
    assert (status, done["message"]) == (200, "Read in: 1 new, 1 changed, 1 as they were")
    assert ("NEW-1", "压板", "压板", "pcs", date(2026, 11, 30)) in items()
    row = shop.connection.execute(
        "select act, args, about from people.act where id = %s", [done["act"]]
    ).fetchone()
    assert row is not None
    assert row[0] == "item.import"
    assert (row[1]["sha256"], row[1]["content"]) == (told["sha256"], "…")
    assert row[2] == ["item/BRK-210", "item/NEW-1"]
    back = {"id": str(uuid4()), "act": "undo", "args": {"act": done["act"]}}
    assert manager.post("/api/acts", json=back).status_code == 200
    assert items() == before


def test_what_was_changed_since_is_not_taken_back_over_their_heads(
    opened: Pair, manager: httpx.Client
) -> None:
    shop, _ = opened
    content = workbook(["code", "name_zh"], ["BRK-210", "支架"], ["HNG-L", "铰链"])
    done = send(manager, content, sha256=send(manager, content)[1]["sha256"])[1]
    shop.connection.execute("update erp.item set container = 5 where code = 'HNG-L'")
    shop.connection.commit()
    back = {"id": str(uuid4()), "act": "undo", "args": {"act": done["act"]}}
    assert manager.post("/api/acts", json=back).json()["code"] == "undo_stands"
    row = shop.connection.execute("select name_zh from erp.item where code = 'BRK-210'")
    assert row.fetchone() == ("支架",)


def test_other_bytes_than_those_previewed_are_refused(opened: Pair, manager: httpx.Client) -> None:
    shop, _ = opened
    seen = send(manager, workbook(["code", "name_zh"], ["BRK-210", "支架"]))[1]["sha256"]
    other = workbook(["code", "name_zh"], ["BRK-210", "别的"])
    status, told = send(manager, other, sha256=seen)
    assert (status, told["code"]) == (409, "file_changed")
    assert shop.connection.execute("select count(*) from people.act").fetchone() == (0,)


def test_operations_are_added_and_changed_and_taken_back(
    opened: Pair, manager: httpx.Client
) -> None:
    shop, _ = opened

    def steps() -> list[Any]:
        return shop.connection.execute(
            "select item, seq, name, die from erp.routing order by 1, 2"
        ).fetchall()

    before = steps()
    content = b"item\tseq\tname\tdie\nBRK-210\t10\tpress\tD-210\nHNG-L\t10\tpress\tD-HNG\n"
    done = send(
        manager, content, "routings", sha256=send(manager, content, "routings")[1]["sha256"]
    )
    assert done[1]["added"] == done[1]["changed"] == 1
    assert steps() == [
        ("BRK-210", 10, "press", "D-210"),
        before[1],
        ("HNG-L", 10, "press", "D-HNG"),
    ]
    back = {"id": str(uuid4()), "act": "undo", "args": {"act": done[1]["act"]}}
    assert manager.post("/api/acts", json=back).status_code == 200
    assert steps() == before
    wrong = b"item,seq,name,die\nHNG-L,10,press,D-210\nNONE,10,press,\nHNG-L,20,x,D-9\n"
    told = send(manager, wrong, "routings")[1]["faults"]
    assert [fault[:15] for fault in told] == [
        "D2: Die D-210 d",
        "A3: There is no",
        "D4: There is no",
    ]


def test_lines_of_drafts_are_added_and_changed_and_taken_back(
    opened: Pair, manager: httpx.Client
) -> None:
    shop, _ = opened

    def lines() -> list[Any]:
        return shop.connection.execute(
            "select component, qty, seq, scrap from erp.bom_line where version = '2' order by 1"
        ).fetchall()

    def act(name: str, **args: object) -> None:
        call = {"id": str(uuid4()), "act": name, "args": args}
        assert manager.post("/api/acts", json=call).status_code == 200

    act("bom.create", item="BRK-210", copy_of="1")
    before = lines()
    content = (
        b"item,version,component,qty,operation,scrap_percent\nBRK-210,1,COIL,0.212,,\n"
        b"BRK-210,2,COIL,0.2,,2.5\nBRK-210,2,WSH-08,4,10,\n"
    )
    seen = send(manager, content, "bom_lines")[1]
    done = send(manager, content, "bom_lines", sha256=seen["sha256"])[1]
    assert (done["added"], done["changed"], done["unchanged"]) == (1, 1, 1)
    assert lines() == [
        ("COIL", Decimal("0.2"), None, Decimal("0.025")), ("WSH-08", Decimal(4), 10, Decimal(0)),
    ]  # fmt: skip
    act("undo", act=done["act"])
    assert lines() == before
    wrong = b"item,version,component,qty\nBRK-210,1,COIL,0.3\nBRK-210,9,COIL,1\nBRK-210,2,NUT,1\n"
    told = send(manager, wrong, "bom_lines")[1]["faults"]
    assert [fault[:25] for fault in told] == [
        "B2: BRK-210/1 is released", "B3: BRK-210 has no versio", "C4: There is no item NUT.",
    ]  # fmt: skip
    circle = b"item,version,component,qty\nBRK-210,2,BRK-210,1\n"
    refused = send(manager, circle, "bom_lines")
    assert (refused[0], "BRK-210 → BRK-210" in refused[1]["message"]) == (409, True)
    assert lines() == before


@pytest.mark.parametrize(
    ("rows", "faults"),
    [
        ([["BRK-210", "a", "a", "part", "kgs", 0]], ["E2: kgs is no unit here. Write one of"]),
        ([["BRK-210", "a", "a", "thing", "pcs", 0]],
         ["D2: thing is none of the choices. Write one of part, coil, blank, bought item"]),
        ([["BRK-210", "a", "a", "part", "pcs", "0,5"]],
         ["F2: 0,5 is no number. Write digits only, with a point before decimals (0.5)."]),
        ([["BRK-210", "a", "a", "part", "pcs", 0, "1.12.2026"]],
         ["G2: 1.12.2026 is no date. Write 2026-12-01"]),
        ([BRACKET, [None] * 8, ["X", "a", "a", "part", "pcs", 0, 46000]],
         ["G4: 46000 is no date. Write 2026-12-01"]),
        ([["BRK-210", "a", "a", "part", "pcs", 0, None, "=1+1"]],
         ["H2: A formula stands here. Paste its value instead"]),
        ([BRACKET, [*BRACKET[:2], *BRACKET[2:]]],
         ["A3: It stands in A2 already. Keep one of the two rows"]),
        ([["brk-210", "a", "a", "part", "pcs", 0]], ["A2: brk-210 differs from BRK-210 in case"]),
        ([["NEW", None, "a", "part", "pcs", 0]], ["B2: Chinese name: missing"]),
        ([[None, "a", "a", "part", "pcs", 0]], ["A2: Nothing stands here. Fill it in"]),
        ([["NEW", "a", "a", "part", "pcs", 7, None, 1.5]],
         ["H2: 1.5 is no whole number. Write one without decimals"]),
        ([["NEW", "a", "a", "part", "pcs", 7, None, 0]],
         ["F2: tolerance above (0.02 is 2 %): too large", "H2: parts in a container: too small"]),
        ([["NEW", True, "a", "part", "pcs", 0]], ["B2: True is no text. Write it as text"]),
    ],
)  # fmt: skip
def test_each_wrong_cell_is_told_with_its_place_and_its_cure(
    opened: Pair, manager: httpx.Client, rows: list[list[Any]], faults: list[str]
) -> None:
    shop, _ = opened
    content = workbook(HEAD, *rows)
    status, told = send(manager, content)
    assert (status, told["code"]) == (409, "sheet_faults")
    assert len(told["faults"]) == len(faults), told["faults"]
    for line, begin in zip(told["faults"], faults, strict=True):
        assert line.startswith(begin)
    zh = send(manager, content, lang="zh")[1]["faults"]
    for one, two in zip(zh, told["faults"], strict=True):
        assert one[:2] == two[:2]
        assert one != two
    assert send(manager, content, sha256="0" * 64)[1]["code"] == "file_changed"
    assert shop.connection.execute("select count(*) from people.act").fetchone() == (0,)


@pytest.mark.parametrize(
    ("head", "fault"),
    [
        (["code", "colour"], "B1: colour is no column of this sheet"),
        (["code", "code"], "B1: The column code stands here a second time"),
        (["name_zh"], "A1: The column code is missing. Add it"),
    ],
)
def test_a_renamed_column_is_told(manager: httpx.Client, head: list[str], fault: str) -> None:
    status, told = send(manager, workbook(head, ["X", "y"][: len(head)]))
    assert status == 409
    assert told["faults"][0].startswith(fault)


def test_a_merged_cell_is_told(manager: httpx.Client) -> None:
    content = workbook(HEAD, BRACKET, ["NEW", "a", None, "part", "pcs"], one="B3:C3")
    assert send(manager, content)[1]["faults"] == [
        "B3: This cell is merged with others. Unmerge them and write each value in its own cell."
    ]


def swollen() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/workbook.xml", "<a/>")
        packed.writestr("xl/worksheets/sheet1.xml", b" " * (MOST_UNPACKED + 1))
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "file_empty"),
        (b" \n", "file_empty"),
        (workbook(), "file_empty"),
        (b"PK\x03\x04 nothing", "file_unreadable"),
        (b"\x89PNG\r\n\0\0", "file_unreadable"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "file_old_excel"),
        (swollen(), "file_swollen"),
        (b"code,name_zh\n" + b"x,y\n" * 100_000, "file_too_long"),
    ],
    ids=["empty", "blank", "no rows", "no zip", "picture", "old", "swollen", "100,000 rows"],
)
def test_what_is_no_sheet_is_told_in_a_sentence(
    manager: httpx.Client, content: bytes, code: str
) -> None:
    status, told = send(manager, content)
    assert (status, told["code"]) == (409, code)
    assert told["message"] != send(manager, content, lang="zh")[1]["message"]


def test_so_many_rows_in_a_workbook_are_refused_before_they_are_all_read(
    manager: httpx.Client,
) -> None:
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(["code", "name_zh"])
    for n in range(MOST_ROWS + 1):
        sheet.append([f"X-{n}", "x"])
    file = io.BytesIO()
    book.save(file)
    assert send(manager, file.getvalue())[1]["code"] == "file_too_long"


def test_too_large_a_file_and_another_kind_of_body_are_not_taken(manager: httpx.Client) -> None:
    large = b"x" * (5 * 1024 * 1024 + 1)
    assert send(manager, large)[0] == 413
    answer = manager.post("/api/sheets/items", json={})
    assert answer.status_code == 415
    assert "octet-stream" in answer.json()["message"]
    octets = {"Content-Type": "application/octet-stream"}
    assert manager.post("/api/acts", content=b"{}", headers=octets).status_code == 415


def test_a_csv_that_excel_wrote_in_chinese_is_read(manager: httpx.Client) -> None:
    content = "编号;中文名称\r\nBRK-210;支架（新）\r\n".encode("gb18030")
    assert send(manager, content)[1]["rows"][0]["after"] == {"name_zh": "支架（新）"}


def test_a_decimal_comma_that_moves_what_follows_is_told(manager: httpx.Client) -> None:
    """0,05 is two cells of a file with commas: the tolerance would be 0, and the rest elsewhere."""
    content = b"code,name_zh,over_tolerance,until\nBRK-210,a,0,05,2026-12-31\n"
    status, told = send(manager, content)
    assert status == 409
    assert [line[:36] for line in told["faults"]] == [
        "D2: 05 is no date. Write 2026-12-01.",
        "E2: 2026-12-31 stands beside the col",
    ]


def test_who_may_not_read_in_is_not_offered_it(opened: Pair) -> None:
    _, site = opened
    with site.signed_in("EMP:B-401", None) as it:
        assert it.get("/sheets/items.xlsx").status_code == 200
        assert it.get("/sheets/items").status_code == 403
        assert send(it, b"code\nX\n")[0] == 403
        assert "/sheets/items" not in it.get("/items").text


@pytest.mark.page
@pytest.mark.parametrize("size", [DESK, PHONE])
def test_a_sheet_is_read_in_on_its_page(
    chromium: Browser, opened: Pair, size: dict[str, int]
) -> None:
    shop, site = opened
    with screen(chromium, site, "/sign-in?next=/items", size) as page:
        sign_in(page)
        page.locator("a[href='/sheets/items']").click()
        name = {"name": "物料.xlsx", "mimeType": "application/octet-stream"}
        wrong = workbook(HEAD, [*BRACKET[:4], "kgs", "0,5"])
        page.locator("[name=file]").set_input_files({**name, "buffer": wrong})  # pyright: ignore[reportArgumentType] - a plain dict is what it takes
        page.locator("form.sheet-in button").click()
        expect(page.locator(".faults li")).to_have_count(1)
        look(page, "sheet-faults")
        assert fits(page)
        right = workbook(HEAD, [*BRACKET[:6], date(2026, 12, 1)], ["7-1", "压板"])
        page.locator("[name=file]").set_input_files({**name, "buffer": right})  # pyright: ignore[reportArgumentType]
        page.locator("form.sheet-in button").click()
        expect(page.locator("#preview h2")).to_have_text("新增 1，修改 1，不变 0")
        look(page, "sheet")
        assert fits(page)
        page.locator("form.sheet-commit button").click()
        expect(page.locator(".told")).to_contain_text("已导入：新增 1，修改 1")
        assert shop.connection.execute(
            "select until::text from erp.item where code = 'BRK-210'"
        ).fetchone() == ("2026-12-01",)
        shop.connection.commit()
        page.locator("[name=pasted]").fill("编号\t中文名称\n7-1\t压板（新）")
        page.locator("form.sheet-in button").click()
        expect(page.locator("#preview")).to_contain_text("压板 → 压板（新）")
        page.locator("form.sheet-commit button").click()
        expect(page.locator(".told")).to_contain_text("新增 0，修改 1")
        page.goto("/item/7-1")
        expect(page.locator("#history")).to_contain_text("导入物料")
        assert_chinese(page)
        page.goto("/sheets/items?lang=en")
        look(page, "sheet-en")
