"""What waits for a leader, as calls: strokes to assign, counts to decide, reports to take back."""

import html
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from web_shop import Site, WebShop, shop_at

Pair = tuple[WebShop, Site]
LEADER, OTHER_LEADER, MANAGER, OPERATOR = "EMP:B-201", "EMP:B-202", "EMP:B-301", "EMP:B-101"


@pytest.fixture
def opened(database: str) -> Iterator[Pair]:
    with shop_at(database) as pair:
        yield pair


def act(client: httpx.Client, name: str, **args: object) -> httpx.Response:
    """An act at P01; `since` stands for the argument `from`."""
    given = {"from" if key == "since" else key: value for key, value in args.items()}
    body = {"id": str(uuid4()), "press": "P01", "act": name, "args": given}
    return client.post("/api/acts", json=body)


def strays(client: httpx.Client, press: str = "P01") -> list[dict[str, Any]]:
    """Intervals of a press that no order owns, newest first."""
    return client.get(f"/api/attention?press={press}").json()["strokes"]


def assign(client: httpx.Client, stray: dict[str, Any], order: str) -> dict[str, Any]:
    answer = act(client, "assign", since=stray["since"], to=stray["to"], work_order=order)
    assert answer.is_success, answer.text
    return answer.json()


def made(shop: WebShop, order: str) -> int:
    """Good parts of the order, live."""
    row = shop.connection.execute(
        "select good_live from board.work_order_progress where work_order = %s", [order]
    ).fetchone()
    shop.connection.commit()
    assert row is not None
    return row[0]


def unscanned(shop: WebShop, strokes: int = 50, press: str = "P01") -> None:
    """A minute in which the press works and nobody scans an order."""
    shop.pass_time(5, {press: 0})
    shop.run(press, 60, strokes)
    shop.later(1)


def test_strokes_without_an_order_are_given_to_the_only_one_that_fits(opened: Pair) -> None:
    shop, site = opened
    shop.do("mount", "P01", die="D-210")
    unscanned(shop, 50)
    with site.signed_in(LEADER) as client:
        [stray] = strays(client)
        assert (stray["strokes"], stray["die"], stray["before"]) == (50, "D-210", None)
        assert [part["proposed"] for part in stray["parts"]] == ["WO-2601"]
        told = assign(client, stray, "WO-2601")
        assert told["message"] == "已补录到 WO-2601"
        assert made(shop, "WO-2601") == 50
        assert strays(client) == []
        assert client.get("/api/attention").json()["n"] == 0
        assert "已补录" not in client.get("/attention").text  # the page tells what, not the note
        assert "补录工单" in client.get("/attention").text


def test_a_left_right_die_is_assigned_to_both_orders(opened: Pair) -> None:
    shop, site = opened
    shop.do("mount", "P01", die="D-HNG")
    unscanned(shop, 30)
    with site.signed_in(LEADER) as client:
        [stray] = strays(client)
        assert [p["proposed"] for p in stray["parts"]] == ["WO-2602", "WO-2603"]
        first, second = (assign(client, stray, order) for order in ("WO-2602", "WO-2603"))
        assert first["run"] == second["run"]
    assert (made(shop, "WO-2602"), made(shop, "WO-2603")) == (30, 30)


def test_without_a_die_every_order_is_offered_and_none_proposed(opened: Pair) -> None:
    shop, site = opened
    unscanned(shop)
    with site.signed_in(LEADER) as client:
        [stray] = strays(client)
        [part] = stray["parts"]
        offered = [order["work_order"] for order in part["orders"]]
        assert (offered, part["proposed"]) == (["WO-2601", "WO-2602", "WO-2603", "WO-2604"], None)
        assign(client, stray, "WO-2604")
        assert made(shop, "WO-2604") == 100  # two washers per stroke


def test_a_pause_and_a_run_part_intervals(opened: Pair) -> None:
    shop, site = opened
    shop.do("mount", "P01", die="D-210")
    unscanned(shop, 10)
    shop.run("P01", 121, 0)
    shop.run("P01", 60, 20)  # after a pause of more than two minutes
    shop.later(1)
    shop.do("scan", "P01", work_order="WO-2601")
    shop.do("first_article", "P01", passed=True)
    shop.run("P01", 20, 15)
    shop.later(1)
    shop.do("finish", "P01")
    shop.run("P01", 60, 40)
    shop.later(1)
    with site.signed_in(LEADER) as client:
        newest, middle, oldest = strays(client)
        assert [s["strokes"] for s in (oldest, middle, newest)] == [10, 20, 40]
        assert (middle["before"], middle["after"]) == (None, ["WO-2601"])
        assert (newest["before"], newest["after"]) == (["WO-2601"], None)
        for each in (newest, oldest, middle):
            assign(client, each, "WO-2601")
        assert strays(client) == []
    assert made(shop, "WO-2601") == 10 + 20 + 40 + 15


def test_strokes_that_go_on_can_be_assigned_again_and_again(opened: Pair) -> None:
    shop, site = opened
    shop.do("mount", "P01", die="D-210")
    unscanned(shop, 10)
    with site.signed_in(LEADER) as client:
        for n in range(1, 4):
            [stray] = strays(client)
            assert (stray["strokes"], stray["going_on"]) == (10, True)
            assign(client, stray, "WO-2601")
            assert made(shop, "WO-2601") == 10 * n
            shop.later(-1)
            shop.run("P01", 60, 10)
            shop.later(1)


def test_strokes_of_unseen_time_are_held_whole(opened: Pair) -> None:
    """The network was away from before the run's end until after it: nobody's, until assigned."""
    shop, site = opened
    shop.producing("P01", "WO-2601")
    shop.run("P01", 60, 50)
    seen = shop.now
    shop.later(100)
    shop.do("finish", "P01")
    shop.later(200)
    shop.counters["P01"] += 120
    shop.read("P01", shop.counters["P01"], shop.now)
    shop.run("P01", 60, 30)
    shop.later(1)
    with site.signed_in(LEADER) as client:
        later, unseen = strays(client)
        assert (unseen["strokes"], unseen["unseen"], later["strokes"]) == (120, 120, 30)
        assert unseen["since"] == seen.isoformat()
        assign(client, unseen, "WO-2601")
        assert made(shop, "WO-2601") == 50 + 120
        assign(client, later, "WO-2601")
    assert made(shop, "WO-2601") == 50 + 120 + 30


def jumped(shop: WebShop) -> None:
    """A reading of P01 far above what it can do, confirmed by those that follow."""
    shop.producing("P01", "WO-2601")
    shop.run("P01", 60, 50)
    shop.counters["P01"] += 4000
    shop.run("P01", 30, 0)
    shop.later(1)


def test_a_held_count_is_decided_and_counts(opened: Pair) -> None:
    shop, site = opened
    jumped(shop)
    with site.signed_in(LEADER) as client:
        assert client.get("/api/attention").json()["n"] == 1
        page = client.get("/attention").text
        assert "P01/1" in page
        assert "4,000" in page
        wrong = act(client, "decide", event="P01/1", count="many")
        assert wrong.json()["message"].startswith("计入冲次 必须是")
        done = act(client, "decide", event="P01/1", count=3)
        assert done.json()["message"] == "P01/1：计入 3 冲次"
        again = act(client, "decide", event="P01/1", count=3)
        assert (again.status_code, again.json()["code"]) == (409, "event_decided")
        assert client.get("/api/attention").json()["n"] == 0
        assert "计数判定" in client.get("/attention").text
    assert made(shop, "WO-2601") == 53


def test_an_accepted_report_is_reversed_with_a_reason(opened: Pair) -> None:
    shop, site = opened
    shop.producing("P01", "WO-2601")
    shop.run("P01", 60, 50)
    shop.later(1)
    shop.do("finish", "P01")
    report = "WO-2601/BRK-210/1"
    with site.signed_in(LEADER) as client:
        assert 'data-act="reverse"' in client.get("/work-order/WO-2601").text
        assert act(client, "reverse", report=report).json()["code"] == "reason_missing"
        done = act(client, "reverse", report=report, reason="count_wrong")
        assert done.json()["message"] == f"报工单 {report} 已冲销，等待重新审核"
        assert 'data-act="reverse"' not in client.get("/work-order/WO-2601").text
        again = act(client, "reverse", report=report, reason="count_wrong").json()
        assert again["message"] == f"报工单 {report} 状态为 待审核，不能执行此操作。请刷新清单。"


def test_an_operator_sees_none_of_it_and_is_refused(opened: Pair) -> None:
    shop, site = opened
    jumped(shop)
    shop.do("finish", "P01")
    with site.signed_in(OPERATOR) as client:
        page = client.get("/attention")
        assert page.status_code == 403
        assert "班长" in page.text
        assert client.get("/api/attention").status_code == 403
        assert "/attention" not in client.get("/").text
        assert 'data-act="reverse"' not in client.get("/work-order/WO-2601").text
        refused = act(client, "decide", event="P01/1", count=3)
        assert refused.json()["message"] == "zhang 无权执行此操作（计数判定）。请找班长处理。"
        begin = shop.now - timedelta(seconds=9)
        stray = {"since": begin.isoformat(), "to": shop.now.isoformat()}
        assert act(client, "assign", **stray, work_order="WO-2601").json()["code"] == "not_allowed"
    with site.client() as client:
        assert client.get("/attention").headers["location"] == "/sign-in?next=/attention"


ADDRESSES = [
    "/quarantine?kind=decode&node=a%26b&node=c", "/quarantine/7?lang=en", "/people?number=2",
    "/attention?report=WO-1%2FA%2F1", "/notifications?done=3", "/freshness?line=L1",
    "/work-orders?q=a%23%20b&state=all", "/work-order/WO-2601?x=1", "/labels?orders=2",
]  # fmt: skip


@pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")
def test_signing_in_leads_back_to_the_address_with_its_query(opened: Pair) -> None:
    _, site = opened
    for address in ADDRESSES:
        asked = httpx.URL(address)
        with site.client() as client:
            answer = client.get(address)
            if answer.status_code == 200:  # a page for everybody: by the link in its header
                way = re.findall(r'class="button" href="(/sign-in[^"]*)"', answer.text)[0]
            else:
                way = answer.headers["location"]
            onward = re.findall(r'data-next="([^"]*)"', client.get(html.unescape(way)).text)
        led = httpx.URL(html.unescape(onward[0]))
        assert (led.path, led.params.multi_items()) == (asked.path, asked.params.multi_items())


def test_other_lines_are_invisible_and_out_of_reach(opened: Pair) -> None:
    shop, site = opened
    jumped(shop)
    unscanned(shop, 40, press="P02")
    with site.signed_in(OTHER_LEADER, press=None) as client:
        assert client.get("/api/attention?press=P02").json() == {"n": 0, "strokes": []}
        page = client.get("/attention").text
        assert "P01" not in page
        assert "P02" not in page
        refused = act(client, "decide", event="P01/1", count=1)
        assert refused.json()["code"] == "press_wrong_line"
    for badge in (LEADER, MANAGER):
        with site.signed_in(badge) as client:
            assert client.get("/api/attention?press=P02").json()["n"] == 2


WRONG: list[tuple[str, dict[str, object], str]] = [
    ("assign", {"since": "gestern", "to": "heute"}, "开始时间：不是带时区的有效时间。"),
    ("assign", {}, "开始时间：未填写。"),
    ("decide", {"event": "P01/1", "count": -1}, "计入冲次 必须是不小于 0 的整数"),
    ("decide", {"event": " ", "count": 1}, "计数事件：不能为空。"),
    ("accept", {"report": 7}, "报工单：必须是文字。"),
    ("accept", {"report": "x" * 90}, "报工单：太长。"),
    ("accept", {"report": "a", "数": 1}, "数：此处不需要。"),
    ("swap", {"channel": "strokes", "old": -1, "new": 0}, "旧计数器读数：太小。"),
    ("swap", {"channel": "strokes", "old": "x", "new": 0}, "旧计数器读数：不是数字。"),
    ("segment", {"kind": "暂停"}, "阶段：不在可选项中。"),
    ("first_article", {"pass": "也许"}, "首件结果：只能是“是”或“否”。"),
]


def test_wrong_arguments_are_told_in_chinese(opened: Pair) -> None:
    _, site = opened
    with site.signed_in(LEADER) as client:
        for name, args, told in WRONG:
            answer = act(client, name, **args)
            assert answer.status_code == 409
            assert answer.json()["message"][: len(told)] == told
