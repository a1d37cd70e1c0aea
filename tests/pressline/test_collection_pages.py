"""IT keeps the collection running: what could not be taken, and how fresh each node's data is."""

import html
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page, expect
from web_screen import LATIN, NO_WORDS, screen
from web_shop import Site, WebShop, shop_at

from database.connection import connect
from edge_agent.sample import BAD, Sample
from edge_agent.sparkplug_pb2 import Payload
from edge_agent.wire import Channel, DataType, death
from ingest.intake import Intake
from tests.ingest.spoken import (
    FORCE,
    STROKES,
    Direct,
    data,
    device_birth,
    node_birth,
)

# What a page shows does not depend on the flavour of the database: the plain one is enough.
pytestmark = [
    pytest.mark.page,
    pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session"),
]
Pair = tuple[WebShop, Site]
IT, LEADER, MANAGER = "EMP:B-401", "EMP:B-201", "EMP:B-301"
NAMES = {"NTP", "edge", "run", "ingest", "dongguan", "force", "strokes"}  # and what IT types
DESK = {"width": 1440, "height": 900}
TOPIC = "spBv1.0/dongguan-1/{}/edge-1"
STROKES_2 = Channel("strokes", DataType.UINT32, "counter", alias=STROKES.alias + 100)


@pytest.fixture
def opened(database: str) -> Iterator[Pair]:
    with shop_at(database) as pair:
        yield pair


class Floor:
    """Node edge-1 with P01 and P02, as ingest hears it; its clock is right unless told."""

    def __init__(self, shop: WebShop) -> None:
        self.shop, self.number = shop, 0
        shop.connection.commit()
        shop.connection.autocommit = True
        self.at_present()
        self.intake = Intake(Direct(shop.connection), self.ms, lambda: self.ms() / 1000)

    def at_present(self, later_s: float = 0) -> None:
        """The pages' clock is the database's, or so much later."""
        row = self.shop.connection.execute("select clock_timestamp()").fetchone()
        assert row is not None
        self.shop.now = row[0] + timedelta(seconds=later_s)

    def ms(self) -> int:
        return round(self.shop.now.timestamp() * 1000)

    def hear(self, kind: str, payload: bytes, device: str = "", ahead_ms: int = 0) -> None:
        topic = TOPIC.format(kind) + (f"/{device}" if device else "")
        if payload[:1] == b"\x08":  # a payload that says when it was published
            told = Payload.FromString(payload)
            told.timestamp = self.ms() + ahead_ms
            payload = told.SerializeToString()
        self.intake.take(topic, payload)
        self.intake.commit()

    def born(self, *channels: Channel) -> None:
        self.hear("NBIRTH", node_birth(first=self.number + 1))
        for device in ("P01", "P02"):
            mine = [channel for channel in channels if device == "P01" or channel is STROKES]
            self.hear("DBIRTH", device_birth(*self._of(device, mine)), device)

    def _of(self, device: str, channels: list[Channel]) -> list[Channel]:
        """Aliases are unique over the node."""
        if device == "P01":
            return channels
        return [Channel(c.name, c.datatype, c.kind, alias=c.alias + 100) for c in channels]

    def read(self, *told: tuple[Channel, Sample], ahead_ms: int = 0) -> None:
        """A record of P01."""
        self.number += 1
        self.hear("DDATA", data(self.number, *told), "P01", ahead_ms)

    def stroke(self, count: int, late_s: float = 0, ahead_ms: int = 0) -> None:
        at = self.ms() - round(late_s * 1000)
        self.read((STROKES, Sample("strokes", at, count)), ahead_ms=ahead_ms)


@contextmanager
def at_desk(
    chromium: Browser, site: Site, path: str, badge: str = IT, locale: str = "zh-CN"
) -> Generator[Page]:
    """An office page, signed in by badge."""
    with screen(chromium, site, "/labels", DESK, locale) as page:
        answer = page.request.post("/api/sign-in", data={"badge": badge})
        assert answer.ok
        page.goto(path)
        yield page


def assert_chinese(page: Page) -> None:
    """No English word but codes, names and what programs said."""
    said = page.evaluate(
        "() => { const main = document.querySelector('main').cloneNode(true);"
        "main.querySelectorAll('code, pre, .channel, select').forEach((e) => e.remove());"
        "return main.textContent; }"
    )
    found = set(LATIN.findall(said)) - NO_WORDS - NAMES
    assert found == set(), page.url


def unknown_force(floor: Floor, records: int) -> None:
    """So many records with a force that is in no birth, not even in the one that was asked for."""
    floor.born(STROKES)
    for n in range(records + 1):  # the first one asks for a birth and is not taken
        at = floor.ms() + n  # a time of its own, or all would be one reading
        floor.read((STROKES, Sample("strokes", at, n)), (FORCE, Sample("force", at, 2.5)))
        if n == 0:
            floor.number -= 1
            floor.born(STROKES)


def test_more_nodes_than_can_be_chosen_from_are_counted_and_reached(opened: Pair) -> None:
    shop, site = opened
    shop.connection.execute(
        "insert into signal.quarantine (arrived, topic, payload, reason, kind) "
        "select %s, 'spBv1.0/dongguan-1/NDATA/node-' || n, '', 'x', 'decode' "
        "from generate_series(1, 45) n",
        [shop.now],
    )
    shop.connection.commit()
    with site.signed_in(IT, None) as client:
        text = client.get("/quarantine?kind=decode").text
        assert "另有 5 个节点未列出" in text
        way = re.findall(r'href="([^"]*node-45[^"]*)"', text)[0]
        only = client.get(html.unescape(way)).text
        assert len(re.findall(r"data-message=", only)) == 1
        assert "kind=decode" in way


def test_it_looks_at_a_message_mends_the_cause_and_takes_it_in_again(
    chromium: Browser, opened: Pair
) -> None:
    shop, site = opened
    floor = Floor(shop)
    unknown_force(floor, 1)
    floor.hear("DDATA", b"\xff\xfegarbage", "P01")
    with at_desk(chromium, site, "/") as page:
        expect(page.locator(".collection")).to_contain_text("共 2 条")
        page.locator("nav a[href='/quarantine']").click()
        expect(page.locator("[data-message]")).to_have_count(2)
        expect(page.locator("[data-message]").first).to_contain_text("无法解码")
        assert_chinese(page)
        page.locator("select[name=kind]").select_option("no_birth")
        page.locator(".filter button").click()
        expect(page.locator("[data-message]")).to_have_count(1)
        page.locator("[data-message] .when a").click()
        expect(page.locator(".kind")).to_have_text("点位未声明")
        expect(page.locator(".said")).to_contain_text("= 2.5")
        expect(page.locator(".dump")).to_contain_text("00000000  08 ")
        assert_chinese(page)
        page.locator("[name=one]").click()
        expect(page.locator(".told")).to_contain_text("仍有错误，未入库")
        floor.born(STROKES, FORCE)
        page.locator("[name=one]").click()
        expect(page.locator(".told")).to_have_text("报文 1 已重新入库，新增读数 1 个。")
        expect(page.locator(".gone")).to_be_visible()
        page.goto("/quarantine?kind=no_birth")
        expect(page.locator("[data-message]")).to_have_count(0)
        expect(page.locator(".replays tr").first).to_contain_text("钱进")
    assert shop.connection.execute(
        "select who, message, taken, stays is null from signal.replay order by id"
    ).fetchall() == [("qian", 1, None, False), ("qian", 1, 1, True)]


def test_a_flood_of_ten_thousand_is_looked_through_and_taken_in_by_the_filter(
    chromium: Browser, opened: Pair
) -> None:
    shop, site = opened
    floor = Floor(shop)
    unknown_force(floor, 90)
    shop.connection.execute(
        "insert into signal.quarantine (arrived, topic, payload, reason, kind) "
        "select %s, 'spBv1.0/dongguan-1/DDATA/stranger/' || n, '\\xff', "
        "'no Sparkplug payload: x', 'undecodable' from generate_series(1, 10000) n",
        [shop.now],
    )
    floor.born(STROKES, FORCE)
    with at_desk(chromium, site, "/quarantine") as page:
        expect(page.locator("h1")).to_contain_text("共 10,090 条")
        expect(page.locator("[data-message]")).to_have_count(50)
        page.get_by_text("更早的报文").click()
        expect(page.locator("[data-message]").last).to_have_attribute("data-message", "9991")
        page.locator("select[name=node]").select_option("dongguan-1/edge-1")
        page.locator(".filter button").click()
        expect(page.locator("[data-message]").first).to_have_attribute("data-message", "90")
        page.on("dialog", lambda dialog: dialog.accept())
        page.locator("[name=all]").click()
        expect(page.locator(".told")).to_have_text(
            "90 条报文已入库（新增读数 90 个），0 条仍留在异常报文中。"
        )
        expect(page.locator("h1")).to_contain_text("共 10,000 条")


def test_chosen_messages_are_answered_in_the_persons_language(
    chromium: Browser, opened: Pair
) -> None:
    shop, site = opened
    unknown_force(Floor(shop), 3)
    with at_desk(chromium, site, "/quarantine?lang=en", MANAGER) as page:
        expect(page.locator("[name=chosen]")).to_be_disabled()
        page.locator("[data-message='3'] input").check()
        page.locator("[data-message='1'] input").check()
        page.locator("[name=chosen]").click()
        expect(page.locator(".told")).to_have_text(
            "0 messages taken in (0 new readings), 2 stay in quarantine."
        )
        assert not re.search(r"[\u4e00-\u9fff]", page.locator("h1, h2, p, th").first.inner_text())


def test_nothing_is_offered_that_can_never_be_taken_in_and_what_was_not_kept_is_told(
    chromium: Browser, opened: Pair
) -> None:
    shop, site = opened
    floor = Floor(shop)
    for _ in range(130):
        floor.hear("DDATA", b"\xff", "P01")
    with at_desk(chromium, site, "/quarantine") as page:
        expect(page.locator("[data-message]")).to_have_count(50)
        expect(page.locator("[name=all], [name=id], [name=every]")).to_have_count(0)
        expect(page.locator(".never")).to_contain_text("无法入库")
        expect(page.locator(".unkept tbody tr")).to_contain_text("一分钟内过多")
        expect(page.locator(".unkept tbody tr .n").first).to_have_text("30")
        assert_chinese(page)
        page.locator("[data-message] .when a").first.click()
        expect(page.locator("[name=one]")).to_have_count(0)
        expect(page.locator(".never")).to_contain_text("无法入库")
        assert_chinese(page)


def test_only_it_and_the_manager_may_take_messages_in(opened: Pair) -> None:
    shop, site = opened
    Floor(shop).hear("DDATA", b"\xff", "P01")
    with site.signed_in(LEADER, None) as leader:
        assert leader.get("/quarantine").status_code == 403
        assert leader.post("/api/quarantine/replay", json={"ids": [1]}).status_code == 403
        assert "请联系信息部" in leader.get("/quarantine").text
        assert leader.get("/freshness").status_code == 200
    with site.signed_in() as operator:
        assert operator.get("/freshness").status_code == 403
    with site.client() as nobody:
        assert nobody.post("/api/quarantine/replay", json={"ids": [1]}).status_code == 401
    with site.signed_in(IT, None) as person:
        assert person.post("/api/quarantine/replay", json={"ids": []}).status_code == 422
        assert person.get("/quarantine/99").status_code == 404
        for odd in ("kind=x", "kind=no_birth'", "node=%2F%25", "kind=other&node=nobody"):
            assert person.get(f"/quarantine?{odd}").status_code == 200, odd
        assert person.get(f"/quarantine?before={2**70}").status_code < 500
        assert person.get(f"/quarantine/{2**70}").status_code < 500


@pytest.fixture
def host(database: str) -> Iterator[None]:
    """Ingest is at work, as the database sees it."""
    with connect(database, application="pressline ingest"):
        yield


def test_all_is_well_until_a_node_goes_and_then_one_sentence_says_so(
    chromium: Browser, opened: Pair, host: None
) -> None:
    shop, site = opened
    floor = Floor(shop)
    floor.born(STROKES)
    floor.stroke(7)
    floor.hear("DDATA", data(2, (STROKES_2, Sample("strokes", floor.ms(), 5))), "P02")
    floor.at_present()
    with at_desk(chromium, site, "/freshness") as page:
        expect(page.locator(".fine")).to_be_visible()
        expect(page.locator(".node .chip").first).to_have_text("在线")
        assert_chinese(page)
        floor.hear("NDEATH", death(0, 0))
        floor.at_present(120)
        expect(page.locator(".calls li")).to_have_count(1, timeout=15_000)  # renewed by itself
        expect(page.locator(".calls li")).to_contain_text("edge-1 已离线 2 分钟")
        expect(page.locator("[data-device=P01] .chip")).to_have_text("未知")
        assert_chinese(page)


def test_a_wrong_clock_a_gap_and_a_bad_channel_each_say_what_to_do(
    chromium: Browser, opened: Pair, host: None
) -> None:
    shop, site = opened
    floor = Floor(shop)
    floor.born(STROKES, FORCE)
    for n in range(2):  # the second one finds the node's row due
        floor.at_present(6 * n)
        at = floor.ms()
        told = (STROKES, Sample("strokes", at, 7 + n)), (FORCE, Sample("force", at, None, BAD))
        floor.read(*told, ahead_ms=4200)
    floor.number = 9
    floor.born(STROKES, FORCE)  # its outbox begins at record 10: 3 to 9 can never come
    with at_desk(chromium, site, "/freshness", LEADER) as page:
        calls = page.locator(".calls")
        expect(calls.locator("[data-call=clock_ahead]")).to_contain_text("时钟快了约 4.2 秒")
        expect(calls.locator("[data-call=records_lost]")).to_contain_text("1 处数据缺失")
        expect(calls.locator("[data-call=channels_bad]").first).to_contain_text("P01")
        expect(page.locator(".gap")).to_contain_text("3–9")
        expect(page.locator(".figures .red")).to_contain_text("+4.20 s")
        assert_chinese(page)
        page.goto("/freshness?lang=en")
        expect(calls.locator("[data-call=clock_ahead]")).to_contain_text("Set up NTP")
        text = page.locator("main").inner_text()
        assert not re.search(r"[\u4e00-\u9fff]", text)
