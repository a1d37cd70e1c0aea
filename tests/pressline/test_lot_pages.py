"""A coil that gave more than its paper says: told, weighed, and what no part holds is declared."""

import re
from collections.abc import Iterator
from decimal import Decimal
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Browser, expect
from web_screen import MM, assert_boxes, assert_chinese, scan, screen, terminal
from web_shop import Site, WebShop, shop_at

from erp_core.stock import ledger
from erp_core.stock.ledger import Cause

pytestmark = pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")

Pair = tuple[WebShop, Site]
DESK = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
STORE = "EMP:B-401S"
OF_C1 = {"work_order": "WO-2601", "item": "COIL", "lot": "C-1"}
C1 = "/lot/COIL%2FC-1"


@pytest.fixture
def opened(database: str) -> Iterator[Pair]:
    """C-1 weighs 10 kg by its paper; 100 brackets of 0.212 kg are made of it and reported."""
    with shop_at(database) as (shop, site):
        shop.connection.execute(
            "insert into people.person (code, name, role, lines, badge, locale) values "
            "('wu', '吴仓', 'warehouse', '{}', 'B-401S', 'zh')"
        )
        for lot in ("C-1", "C-2"):
            cause = Cause("wu", "", shop.now, f"receive/{lot}")
            ledger.receive(shop.connection, "COIL", lot, Decimal(10), cause)
        shop.pass_time(5, {"P01": 0})
        shop.do("scan", who="zhou", work_order="WO-2601", lot="C-1")
        shop.do("first_article", who="zhou", passed=True)
        shop.run("P01", 100, 100)
        shop.later(1)
        shop.do("finish", who="zhou")
        shop.derive()
        yield shop, site


def do(client: httpx.Client, act: str, **args: object) -> httpx.Response:
    body = {"id": str(uuid4()), "press": "P01", "act": act, "args": args}
    return client.post("/api/acts", json=body)


def on_hand(client: httpx.Client) -> str:
    found = re.search(r'id="on-hand">([^<]+)<', client.get(C1).text)
    assert found is not None
    return found[1]


def test_the_notice_leads_to_the_coil_and_weighing_it_closes_the_notice(opened: Pair) -> None:
    _, site = opened
    with site.signed_in(STORE, None) as client:
        assert f'href="{C1}"' in client.get("/notifications").text
        assert on_hand(client) == "−11.2"
        assert "账面低于零" in client.get(C1).text
        done = do(client, "weigh", lot="C-1", qty="1.5").json()
        assert done["message"] == "已称重 C-1：1.5 公斤，比按公式计算多 12.7 公斤，差异已入账"
        assert on_hand(client) == "1.5"
        assert f'href="{C1}"' not in client.get("/notifications").text
        gone = do(client, "consume", **OF_C1, qty="0.75", reason="burr")
        assert gone.json()["message"] == "COIL 0.75 公斤 已转入报废，计入 WO-2601"
        assert on_hand(client) == "0.75"
        text = client.get(f"{C1}?lang=en").text
        assert "+12.7 kg" in text
        assert "WO-2601 Burr" in text


def test_what_cannot_be_is_refused_with_a_sentence(opened: Pair) -> None:
    _, site = opened
    with site.signed_in(STORE, None) as client:
        for act, args, said in (
            ("weigh", {"lot": "C-2", "qty": "1"}, "当时冲床 P01 上没有卷料 C-2"),
            ("weigh", {"lot": "C-1", "qty": "much"}, "much"),
            ("weigh", {"lot": "C-1"}, "数量：未填写"),
            ("consume", {"work_order": "WO-2604", "item": "COIL", "lot": "C-1", "qty": "1",
                         "reason": "burr"}, "工单 WO-2604 不使用 COIL"),
            ("consume", {**OF_C1, "qty": "1"}, "原因"),
        ):  # fmt: skip
            answer = do(client, act, **args)
            assert answer.status_code == 409, args
            assert said in answer.json()["message"]
        assert on_hand(client) == "−11.2"
        assert "请在仓库盘点" in client.get("/lot/COIL%2FC-2").text
        assert client.get("/lot/COIL%2FC-9").status_code == 404
    with site.signed_in() as client:  # who works at the press looks, and has no form
        assert 'data-act="weigh"' not in client.get(C1).text
        assert do(client, "weigh", lot="C-1", qty=1).status_code == 409


def test_a_leader_sees_of_a_coil_what_happened_on_the_own_lines(opened: Pair) -> None:
    _, site = opened
    with site.signed_in("EMP:B-202", None) as client:  # leads L2
        text = client.get(C1).text
        assert "P01" not in text
        assert "WO-2601" not in text
        refused = do(client, "weigh", lot="C-1", qty=1)
        assert refused.status_code == 409


@pytest.mark.page
def test_the_storekeeper_weighs_the_coil_from_the_notice(chromium: Browser, opened: Pair) -> None:
    _, site = opened
    with screen(chromium, site, "/sign-in?next=/notifications", DESK) as page:
        page.locator("[name=badge]").fill(STORE)
        page.keyboard.press("Enter")
        page.get_by_role("link", name="去处理").click()
        form = page.locator("form[data-act=weigh]")
        form.locator("[name=qty]").fill("viel")
        form.get_by_role("button").click()
        expect(form.locator(".problem")).to_contain_text("viel")
        form.locator("[name=qty]").fill("1.5")
        form.get_by_role("button").click()
        expect(page.locator(".told")).to_contain_text("已称重 C-1：1.5 公斤")
        expect(page.locator("#on-hand")).to_have_text("1.5")
        gone = page.locator("form[data-act=consume]")
        gone.locator("[name=qty]").fill("0.75")
        gone.locator("[name=reason]").select_option("burr")
        gone.get_by_role("button").click()
        expect(page.locator("#on-hand")).to_have_text("0.75")
        expect(page.locator("[data-told=consume]")).to_contain_text("毛刺")
        assert_chinese(page)
        for locale in ("zh", "en"):
            for size in (DESK, PHONE):
                page.set_viewport_size(size)  # pyright: ignore[reportArgumentType] - a plain dict is what it takes
                page.goto(f"{C1}?lang={locale}")
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.page
def test_a_leader_weighs_and_declares_at_the_terminal(chromium: Browser, opened: Pair) -> None:
    shop, site = opened
    with terminal(chromium, site, badge="EMP:B-201") as page:
        page.locator("[data-act=more]").click()
        page.locator("[data-act=weigh]").click()
        expect(page.locator("[data-act=lot]")).to_contain_text("C-1")
        scan(page, "LOT:C-2")  # it was not here
        expect(page.locator("[data-note=refused]")).to_contain_text("C-2 近期没有在本机使用过")
        scan(page, "LOT:C-1")  # chooses it, and puts nothing on the press
        for key in ("1", "point", "5"):
            page.locator(f"[data-act=key-{key}]").click()
        assert_boxes(page, MM)
        page.locator("[data-act=send]").click()
        expect(page.locator("[data-note=done]")).to_contain_text("多 12.7 公斤")
        page.locator("[data-act=more]").click()
        page.locator("[data-act=consume]").click()
        for key in ("0", "point", "7", "5"):
            page.locator(f"[data-act=key-{key}]").click()
        page.locator("[data-act=send]").click()
        expect(page.locator(".sheet .big")).to_contain_text("C-1 · 0.75 公斤 · WO-2601")
        assert_chinese(page)
        page.locator("[data-reason=burr]").click()
        expect(page.locator("[data-note=done]")).to_contain_text("已转入报废")
        page.locator("[data-act=more]").click()
        page.locator("[data-act=undo-list]").click()  # what was told by mistake is taken back
        page.locator("[data-undo=consume] [data-act=undo]").click()
        expect(page.locator("[data-note=done]")).to_have_text("已撤销")
    shop.connection.commit()
    rows = shop.connection.execute("select qty from mes.coil_weight").fetchall()
    assert rows == [(Decimal("1.5"),)]
