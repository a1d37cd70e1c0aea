"""What is printed: read back by other programs, as a shop floor would hold it in its hands."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pypdfium2
import pytest
import zxingcpp
from playwright.sync_api import Browser, expect
from pypdf import PdfReader
from web_screen import scan, terminal
from web_shop import Site, WebShop, shop_at

from erp_core.stock import ledger
from erp_core.stock.ledger import Cause
from pressline.web.floor.qr import svg
from pressline.web.shell import paper

pytestmark = pytest.mark.paper
ONE = pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")

Pair = tuple[WebShop, Site]
MANAGER = "EMP:B-301"
CARD = "/print/work-order/WO-2601.pdf"
MM = 72 / 25.4  # points
NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)
LONG = "左前门内板加强件总成" * 20  # 200 characters


@pytest.fixture
def opened(database: str) -> Iterator[Pair]:
    with shop_at(database) as (shop, site):
        for lot in ("C-1", "C-2"):
            cause = Cause("zhou", "", shop.now, f"receive/{lot}")
            ledger.receive(shop.connection, "COIL", lot, Decimal("812.5"), cause)
        shop.connection.commit()
        yield shop, site


def on_press(shop: WebShop, press: str) -> None:
    """WO-2601 is made with the die D-210, which fits this press."""
    shop.connection.execute("insert into erp.die_press values ('D-210', %s)", [press])
    shop.connection.execute(
        "update erp.work_order_operation set die = 'D-210' where work_order = 'WO-2601'"
    )


def got(client: httpx.Client, path: str) -> PdfReader:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/pdf"
    return PdfReader(io.BytesIO(answer.content))


def text(pdf: PdfReader, number: int = 0) -> str:
    """A page's text without the breaks that a narrow column makes, nor invisible ones."""
    return "".join(pdf.pages[number].extract_text().replace("\u200b", "").split())


def size(pdf: PdfReader) -> tuple[int, int]:
    """Width and height of the first page, in mm."""
    box = pdf.pages[0].mediabox
    return round(float(box.width) / MM), round(float(box.height) / MM)


def fonts(pdf: PdfReader) -> list[Any]:
    """The fonts of all pages, as the file describes them."""
    pages: list[Any] = list(pdf.pages)
    named = [font for page in pages for font in page["/Resources"]["/Font"].values()]
    return [font.get_object()["/DescendantFonts"][0].get_object() for font in named]


def scanned(content: bytes, number: int = 0) -> list[str]:
    """What a scanner reads of a page, drawn at 200 dots per inch."""
    page: Any = pypdfium2.PdfDocument(content)[number]
    drawn = page.render(scale=200 / 72, grayscale=True)
    whole = bytes(drawn.buffer)
    rows = [whole[y * drawn.stride : y * drawn.stride + drawn.width] for y in range(drawn.height)]
    image = memoryview(b"".join(rows)).cast("B", (drawn.height, drawn.width))
    return [each.text for each in zxingcpp.read_barcodes(image)]


@ONE
def test_a_job_card_says_what_is_made_of_what_and_its_code_is_scanned(opened: Pair) -> None:
    shop, site = opened
    shop.connection.execute("update erp.work_order set due = '2026-03-09' where code = 'WO-2601'")
    on_press(shop, "P02")
    shop.connection.commit()
    with site.signed_in(MANAGER, None) as client:
        card = got(client, CARD)
        said = text(card)
        for part in (
            "生产流转卡WO-2601", "BRK-210", "电池支架", "5,000件", "2026-03-09", "D-210", "P02",
            "COIL", "冷轧卷", "0.212公斤", "1,060公斤", "备注", "周总打印于2026-03-0209:00",
        ):  # fmt: skip
            assert part in said, part
        assert (size(card), len(card.pages)) == ((210, 297), 1)
        answer = client.get(CARD)
        assert scanned(answer.content) == ["WO:WO-2601"]
        assert len(answer.content) < 60_000
        said = text(got(client, f"{CARD}?lang=en"))
        for part in ("JobcardWO-2601", "Batterybracket", "5,000pcs", "Needed", "1,060kg"):
            assert part in said, part


@ONE
def test_a_lot_has_a_label_and_a_list_has_one_for_each_of_its_rows(opened: Pair) -> None:
    _, site = opened
    with site.signed_in(MANAGER, None) as client:
        label = got(client, "/print/lot/COIL%2FC-1.pdf")
        assert (size(label), len(label.pages)) == ((100, 60), 1)
        for part in ("C-1", "COIL", "冷轧卷", "812.5公斤"):
            assert part in text(label), part
        content = client.get("/print/lots.pdf?q=C-").content
        assert [scanned(content, n) for n in (0, 1)] == [["LOT:C-1"], ["LOT:C-2"]]
        assert len(got(client, "/print/lots.pdf?q=C-2").pages) == 1
        none = client.get("/print/lots.pdf?q=C-3&lang=en")
        assert (none.status_code, "There is no lot C-3" in none.text) == (404, True)


@ONE
def test_who_may_not_see_the_list_prints_nothing_of_it(opened: Pair) -> None:
    shop, site = opened
    on_press(shop, "P06")
    shop.connection.commit()
    with site.signed_in("EMP:B-101", None) as operator:
        for path in ("/print/lots.pdf", "/print/lot/COIL%2FC-1.pdf"):
            assert operator.get(path).status_code == 403
    with site.signed_in("EMP:B-201", None) as leader:  # of line L1; P06 is on L2
        assert leader.get(CARD).status_code == 403
        assert leader.get("/print/work-order/WO-9.pdf").status_code == 404


@ONE
def test_a_name_of_200_characters_stays_on_the_paper_and_is_never_markup(opened: Pair) -> None:
    shop, site = opened
    rare = '𠮷镕ＡＢ１２ #panic() $x$ *a* \\ "q" '
    shop.connection.execute(
        "update erp.item set name_zh = %s where code = 'BRK-210'", [rare + LONG]
    )
    shop.connection.execute("update erp.item set name_zh = %s where code = 'COIL'", [LONG])
    shop.connection.commit()
    with site.signed_in(MANAGER, None) as client:
        card, label = got(client, CARD), got(client, "/print/lot/COIL%2FC-1.pdf")
        assert "".join(rare.split()) + LONG in text(card)
        assert LONG in text(label)
        assert (len(card.pages), len(label.pages)) == (1, 1)
        for path in (CARD, "/print/lot/COIL%2FC-1.pdf"):
            assert_within(client.get(path).content)
        assert scanned(client.get("/print/lot/COIL%2FC-1.pdf").content) == ["LOT:C-1"]


def assert_within(content: bytes) -> None:
    """Every character lies inside of its page."""
    page: Any = pypdfium2.PdfDocument(content)[0]
    width, height = page.get_size()
    told = page.get_textpage()
    for n in range(told.count_chars()):
        left, bottom, right, top = told.get_charbox(n)
        inside = left >= 0 and bottom >= 0 and right <= width and top <= height
        assert inside, (n, left, bottom, right, top)


@ONE
def test_fonts_are_embedded_in_part(opened: Pair) -> None:
    _, site = opened
    with site.signed_in(MANAGER, None) as client:
        found = fonts(got(client, CARD))
    assert found
    for font in found:
        assert font["/BaseFont"][7:8] == "+", font["/BaseFont"]  # a subset
        assert "/FontFile3" in font["/FontDescriptor"].get_object()


@ONE
def test_what_no_font_has_is_refused_by_its_name(opened: Pair) -> None:
    shop, site = opened
    shop.connection.execute("update erp.item set name_zh = '板\U000323ae' where code = 'BRK-210'")
    shop.connection.commit()
    with site.signed_in(MANAGER, None) as client:
        answer = client.get(CARD)
        assert (answer.status_code, "没有字体能显示“\U000323ae”" in answer.text) == (422, True)


@ONE
def test_a_server_without_a_font_says_how_it_gets_one(
    opened: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, site = opened
    monkeypatch.setattr(paper, "FAMILIES", ("Nowhere Sans",))
    monkeypatch.setenv(paper.SETTING, "/nowhere")  # what was found is kept for each folder
    with site.signed_in(MANAGER, None) as client:
        answer = client.get(f"{CARD}?lang=en")
        assert (answer.status_code, "fonts-noto-cjk" in answer.text) == (503, True)
        assert "字体包" in client.get(f"{CARD}?lang=zh").text


def test_a_font_of_a_folder_serves_where_the_system_has_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The folder's font is the system's under a name that the system does not have."""
    known, families = paper.fonts("")
    [system] = {each.path for each in known.fonts() if each.family == families[0]
                and each.weight == 400 and each.path}  # fmt: skip
    theirs = families[0].replace(families[0][0], "X", 1)
    old, new = (name.encode("utf-16-be") for name in (families[0], theirs))
    (tmp_path / Path(system).name).write_bytes(Path(system).read_bytes().replace(old, new))
    monkeypatch.setattr(paper, "FAMILIES", (theirs,))
    paper.fonts.cache_clear()
    try:
        with pytest.raises(paper.NoFontError):
            paper.pdf("label", "空", "zh", NOW, labels=[])
        monkeypatch.setenv(paper.SETTING, str(tmp_path))
        assert paper.pdf("label", "空", "zh", NOW, labels=[]).startswith(b"%PDF-")
    finally:
        paper.fonts.cache_clear()


def test_a_long_table_has_its_heads_on_every_page() -> None:
    rows = [[str(n), "冲压"] for n in range(100)]
    content = paper.pdf(
        "sheet", "流转卡", "zh", NOW, heading="流转卡", code="WO:1", qr=svg("WO:1"), facts=[],
        tables=[paper.table("工序", {"序号": 1, "名称": 3}, rows)], remarks=None, foot="",
    )  # fmt: skip
    pdf = PdfReader(io.BytesIO(content))
    assert len(pdf.pages) > 2
    for number, page in enumerate(pdf.pages):
        assert "序号" in page.extract_text().replace("\u200b", "")
        assert text(pdf, number).endswith(f"{number + 1}/{len(pdf.pages)}")
    told = "".join(text(pdf, number) for number in range(len(pdf.pages)))
    assert told.count("冲压") == 100


def test_the_same_data_make_the_same_file() -> None:
    label: dict[str, Any] = {"heading": "C-1", "name": "冷轧卷", "facts": [], "qr": svg("LOT:C-1")}
    once, again = (paper.pdf("label", "标签", "zh", NOW, labels=[label] * 200) for _ in range(2))
    assert once == again
    assert len(PdfReader(io.BytesIO(once)).pages) == 200


@ONE
def test_the_pages_lead_to_paper(opened: Pair) -> None:
    _, site = opened
    with site.signed_in(MANAGER, None) as client:
        assert 'href="/print/work-order/WO-2601.pdf"' in client.get("/work-order/WO-2601").text
        assert 'href="/print/lot/COIL%2FC-1.pdf"' in client.get("/lot/COIL%2FC-1").text
        assert 'href="/print/lots.pdf?q=C-"' in client.get("/lots?q=C-").text
        assert "/print/" not in client.get("/lots?q=nothing").text
    with site.signed_in("EMP:B-101", None) as operator:
        assert "/print/" not in operator.get("/lot/COIL%2FC-1").text


@pytest.mark.page
@ONE
def test_a_label_that_was_scanned_is_the_coil_at_the_terminal(
    opened: Pair, chromium: Browser
) -> None:
    shop, site = opened
    with site.signed_in(MANAGER, None) as client:
        [lot] = scanned(client.get("/print/lot/COIL%2FC-1.pdf").content)
        [order] = scanned(client.get(CARD).content)
    with terminal(chromium, site) as page:
        scan(page, lot)
        scan(page, order)
        expect(page.locator("[data-note=done]")).to_have_text("已开工：WO-2601")
    row = shop.connection.execute("select args from people.act where act = 'scan'").fetchone()
    assert row == ({"work_order": "WO-2601", "lot": "C-1", "end": False},)
