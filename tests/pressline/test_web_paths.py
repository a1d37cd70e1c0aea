"""Codes as plants write them, with # ? % & / + spaces and Chinese: every link leads there."""

import html
import re
from collections.abc import Iterator
from urllib.parse import urljoin
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Browser, expect
from web_screen import TERMINAL, scan, screen
from web_shop import Site, WebShop, served

from database.connection import connect
from pressline.web.shell.pages import FOLDER
from pressline.web.shell.paths import path

# An address is the same on every flavour of the database.
plain = pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")

Pair = tuple[WebShop, Site]

ODD = "# ?a=1&b+c%41 %2F 支架"
LINE, PRESS = f"线/1 {ODD}", f"P/1 {ODD}"
ITEM, DIE, ORDER, LOT = f"BRK/2 {ODD}", f"模/3 {ODD}", f"WO {ODD}", f"卷/4 {ODD}"
ODD_MASTERS = """
insert into plant.line values (%(line)s, 3);
insert into erp.item (code, name_zh, name_en, unit, kind)
  values (%(item)s, '支架', 'Bracket', 'pcs', 'part');
insert into erp.bom values (%(item)s, '1');
insert into erp.bom_line values (%(item)s, '1', 'COIL', 0.2);
update erp.bom set state = 'released' where item = %(item)s;
insert into erp.die (code, name, life_strokes, ideal_spm) values (%(die)s, '模', 1000, 60);
insert into erp.die_output (die, item, parts_num, parts_den) values (%(die)s, %(item)s, 1, 1);
insert into erp.die_press (die, press) values (%(die)s, %(press)s);
insert into erp.lot (item, code, created) values ('COIL', %(lot)s, '2026-03-01Z');
"""
LINK = re.compile(r'(?:href|src)="([^"]*)"')


class OddShop(WebShop):
    """One more line, press, die, item and order, whose codes are full of signs."""

    def furnish(self, presses: int = 1) -> "OddShop":
        super().furnish(presses)
        return self

    def add(self) -> "OddShop":
        names = {"line": LINE, "press": PRESS, "item": ITEM, "die": DIE, "lot": LOT}
        for statement in ODD_MASTERS.strip().split(";\n"):
            if "die_press" in statement:
                self._press(PRESS, LINE, 9)
            self.connection.execute(statement.removesuffix(";").encode(), names)
        self.order(ORDER, ITEM, 100)
        self.connection.commit()
        self.producing(PRESS, ORDER)
        self.run(PRESS, 60, 30)
        self.do("finish", PRESS, "zhou")
        self.later(1)
        self.do("scan", PRESS, "zhou", work_order=ORDER, lot=LOT)
        self.derive()
        return self


@pytest.fixture
def opened(database: str) -> Iterator[Pair]:
    with connect(database) as connection:
        shop = OddShop(connection).furnish().add()
        with served(database, shop) as site:
            yield shop, site


def links(client: httpx.Client, address: str) -> set[str]:
    """Every address that a page names, without what it loads."""
    answer = client.get(address)
    assert answer.status_code == 200, f"{address}: {answer.status_code} {answer.text[:300]}"
    if not answer.headers["content-type"].startswith("text/html"):
        return set()
    found = (html.unescape(link) for link in LINK.findall(answer.text))
    there = {urljoin(str(answer.url), link).split("#")[0] for link in found}
    return {link for link in there if "/static/" not in link and "/sign-in" not in link}


@plain
def test_every_link_of_every_page_leads_to_a_page(opened: Pair) -> None:
    _, site = opened
    assert path("work-order", "A#1?b=%2F 支") == "/work-order/A%231%3Fb%3D%252F%20%E6%94%AF"
    with site.signed_in("EMP:B-301", None) as client:
        seen: set[str] = set()
        waiting = {f"{site.url}/"}
        while waiting:
            address = waiting.pop()
            seen.add(address)
            waiting |= links(client, address) - seen
    pages = {address.removeprefix(site.url).split("?")[0] for address in seen}
    order = path("work-order", ORDER)
    assert {order, f"{order}/run/1", f"/qr{order}.svg"} <= pages
    assert {path("terminal", PRESS), path("wall", LINE), f"{path('qr', 'die', DIE)}.svg"} <= pages


@plain
def test_the_other_language_is_the_same_page(opened: Pair) -> None:
    _, site = opened
    with site.signed_in("EMP:B-301", None) as client:
        shown = client.get(path("work-order", ORDER))
        other = re.search(r'href="([^"]*)" hreflang="en"', shown.text)
        assert other is not None
        told = client.get(html.unescape(other[1])).text
        assert f"<h1>{html.escape(ORDER)}</h1>" in told
        assert '<html lang="en">' in told


@plain
def test_who_has_to_sign_in_comes_back_to_the_same_page(opened: Pair) -> None:
    _, site = opened
    asked = path("work-order", ORDER, "run", 1) + "?since=2026-03-02T01%3A00%3A00%2B00%3A00"
    with site.client() as client:
        to_sign_in = client.get(asked).headers["location"]
        client.post("/api/sign-in", json={"badge": "B-301"})
        back = client.get(to_sign_in).headers["location"]
        assert client.get(back).status_code == 200
        assert httpx.URL(back) == httpx.URL(asked)


@plain
def test_a_report_of_such_an_order_is_decided(opened: Pair) -> None:
    _, site = opened
    name = f"{ORDER}/{ITEM}/1"
    with site.signed_in("EMP:B-301", None) as client:
        for act in ("reverse", "accept"):
            args = {"report": name, **({"reason": "count_wrong"} if act == "reverse" else {})}
            answer = client.post("/api/acts", json={"id": str(uuid4()), "act": act, "args": args})
            assert answer.status_code == 200, answer.text


BY_HAND = re.compile(
    r"""(?:href|src|action)="/[^"?]*\{\{(?! version)|[`"']/[\w/-]+/\$\{|f"/[\w/-]+/\{"""
)


def test_nobody_writes_a_code_into_an_address_by_hand() -> None:
    files = [file for kind in ("*.py", "*.js", "*.html") for file in FOLDER.rglob(kind)]
    found = [(file.name, BY_HAND.findall(file.read_text(encoding="utf-8"))) for file in files]
    assert [one for one in found if one[1]] == []


@plain
@pytest.mark.page
def test_a_terminal_works_at_such_a_press(chromium: Browser, opened: Pair) -> None:
    shop, site = opened
    with screen(chromium, site, path("terminal", PRESS), TERMINAL) as page:
        scan(page, "EMP:B-301")
        expect(page.locator(".fact.output")).to_contain_text(ORDER)
        page.locator("[data-act=scrap]").click()
        page.locator("[data-reason=burr]").click()
        expect(page.locator("[data-note]")).to_be_visible()
        page.goto(path("work-order", ORDER))
        expect(page.locator("h1")).to_have_text(ORDER)
        good = page.locator("#good").inner_text()
        shop.run(PRESS, 60, 30)
        expect(page.locator("#good")).not_to_have_text(good)  # it follows its press
