"""Files on documents: sent, shown where that is safe, in versions, for who sees the document."""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Browser, expect
from web_screen import screen
from web_shop import Site, WebShop, shop_at

pytestmark = pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")

Pair = tuple[WebShop, Site]
RAW = {"Content-Type": "application/octet-stream"}


@pytest.fixture
def opened(database: str) -> Iterator[Pair]:
    with shop_at(database) as pair:
        yield pair


def picture(shade: int = 90) -> bytes:
    """A grey PNG of 120 x 80."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        whole = kind + data
        return struct.pack(">I", len(data)) + whole + struct.pack(">I", zlib.crc32(whole))

    rows = zlib.compress(b"".join(b"\x00" + bytes([shade]) * 120 for _ in range(80)))
    head = struct.pack(">IIBBBBB", 120, 80, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def attach(
    client: httpx.Client, content: bytes, name: str = "图纸.png", document: str = "item/BRK-210"
) -> httpx.Response:
    query = {"name": name, "lang": "en"}
    return client.post(f"/api/attachments/{document}", params=query, content=content, headers=RAW)


def do(client: httpx.Client, act: str, /, **args: object) -> httpx.Response:
    return client.post("/api/acts", json={"id": str(uuid4()), "act": act, "args": args})


def test_a_file_is_kept_once_by_content_and_versioned_by_name(opened: Pair) -> None:
    shop, site = opened
    with site.signed_in("EMP:B-301", None) as client:
        first = attach(client, picture(1)).json()
        assert first["message"] == "图纸.png is attached (version 1)"
        again = attach(client, picture(1))
        assert (again.status_code, again.json()["code"]) == (409, "file_there")
        assert attach(client, picture(2)).json()["version"] == 2
        assert attach(client, picture(1), "copy.png", "die/D-210").json()["version"] == 1
        assert client.get(f"/attachment/{first['attachment']}").content == picture(1)
        assert "图纸.png" in client.get("/item/BRK-210").text
    rows = shop.connection.execute(
        "select (select count(*) from people.file), (select count(*) from people.attachment)"
    ).fetchone()
    assert rows == (2, 3)
    kept = shop.connection.execute("select args, outcome from people.act").fetchall()
    assert "iVBOR" not in str(kept)  # the picture in base64


@pytest.mark.parametrize(
    ("content", "name", "kind", "inline"),
    [
        (picture(), "a.png", "image/png", True),
        (b"%PDF-1.7\n%%EOF", "图纸 A3.pdf", "application/pdf", True),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "x.png",
         "application/octet-stream", False),
        (b"<!doctype html><script>alert(1)</script>", "x.pdf", "application/octet-stream", False),
        ("模具保养记录".encode("gb18030"), "记录.txt", "application/octet-stream", False),
        (b"PK\x03\x04rest", "x.xlsx", "application/zip", False),
        (b"AC1032rest", "die.dwg", "image/vnd.dwg", False),
    ],
)  # fmt: skip
def test_only_pictures_and_pdf_are_shown_by_their_bytes_and_nothing_runs(
    opened: Pair, content: bytes, name: str, kind: str, inline: bool
) -> None:
    _, site = opened
    with site.signed_in("EMP:B-301", None) as client:
        number = attach(client, content, name).json()["attachment"]
        answer = client.get(f"/attachment/{number}")
        assert answer.content == content
        assert answer.headers["content-type"] == kind
        shown, _, told = answer.headers["content-disposition"].partition("; ")
        assert shown == ("inline" if inline else "attachment")
        assert told.startswith("filename*=UTF-8''")
        assert answer.headers["x-content-type-options"] == "nosniff"
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert ("sandbox" in policy) == (kind != "application/pdf")
        taken = client.get(f"/attachment/{number}?download=true")
        assert taken.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 409, "attached_empty"),
        (b"MZ\x90\x00\x03", 409, "file_unknown"),
        (b"\x00" * 100, 409, "file_unknown"),
        (b"%PDF-" + b"0" * (10 * 2**20), 413, "too_large"),
    ],
)
def test_what_is_no_file_of_a_plant_is_refused_with_a_sentence(
    opened: Pair, content: bytes, status: int, code: str
) -> None:
    shop, site = opened
    with site.signed_in("EMP:B-301", None) as client:
        answer = attach(client, content)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        hidden = attach(client, picture(), document="item/NONE")
        assert (hidden.status_code, hidden.json()["code"]) == (409, "document_hidden")
        assert attach(client, picture(), document="people/zhang").status_code == 409
    assert shop.connection.execute("select from people.file").fetchall() == []


def test_who_sees_not_the_document_sees_not_its_files(opened: Pair) -> None:
    _, site = opened
    with site.signed_in("EMP:B-301", None) as manager:
        item = attach(manager, picture()).json()["attachment"]
        order = attach(manager, picture(), document="work_order/WO-2601").json()["attachment"]
        assert manager.get(f"/attachment/{order}").status_code == 200
    with site.signed_in("EMP:B-101", None) as operator:  # no item.see, no attachment.add
        assert operator.get(f"/attachment/{item}").status_code == 404
        refused = attach(operator, picture(9), document="work_order/WO-2601")
        assert refused.json()["code"] == "not_allowed"
    with site.client() as stranger:
        answer = stranger.get(f"/attachment/{item}", follow_redirects=False)
        assert (answer.status_code, answer.headers["location"][:8]) == (303, "/sign-in")


def test_a_file_is_taken_off_and_put_back(opened: Pair) -> None:
    shop, site = opened
    with site.signed_in("EMP:B-301", None) as client:
        number = attach(client, picture(), document="partner/none").json()
        assert number["code"] == "document_hidden"
        number = attach(client, picture(), document="die/D-210").json()["attachment"]
        gone = do(client, "attachment.remove", attachment=number).json()
        assert "图纸.png" not in client.get("/die/D-210").text.partition('id="history"')[0]
        assert do(client, "attachment.remove", attachment=number).status_code == 409
        assert do(client, "undo", act=gone["act"]).status_code == 200
        assert "图纸.png" in client.get("/die/D-210").text
    rows = shop.connection.execute(
        "select count(*) from people.change where \"table\" = 'people.attachment'"
    ).fetchone()
    assert rows == (3,)


@pytest.mark.page
@pytest.mark.parametrize("size", [{"width": 1280, "height": 900}, {"width": 390, "height": 844}])
def test_a_picture_is_attached_and_seen_on_the_page(
    chromium: Browser, opened: Pair, tmp_path: Path, size: dict[str, int]
) -> None:
    _, site = opened
    (tmp_path / "1.png").write_bytes(picture())
    (tmp_path / "2.exe").write_bytes(b"MZ\x90\x00")
    with screen(chromium, site, "/sign-in?next=/die/D-210", size) as page:
        page.locator("[name=badge]").fill("B-301")
        page.keyboard.press("Enter")
        form = page.locator("form.attach")
        form.locator("button").click()
        expect(form.locator(".problem")).to_contain_text("请先选择文件")
        form.locator("input").set_input_files(tmp_path / "2.exe")
        form.locator("button").click()
        expect(form.locator(".problem")).to_contain_text("无法识别")
        form.locator("input").set_input_files(tmp_path / "1.png")
        form.locator("button").click()
        expect(page.locator(".told")).to_contain_text("已添加附件 1.png")
        image = page.locator("#files img")
        expect(image).to_be_visible()
        assert image.evaluate("img => img.decode().then(() => img.naturalWidth)") == 120
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.locator("[data-act='attachment.remove'] button").click()
        expect(page.locator(".told")).to_contain_text("已移除附件 1.png")
        expect(image).to_have_count(0)
