"""The calls of a terminal: who is there, what they do, what they are told."""

import json
import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from web_shop import Site, WebShop, shop_at


@pytest.fixture
def opened(database: str) -> Iterator[tuple[WebShop, Site]]:
    with shop_at(database) as pair:
        yield pair


Pair = tuple[WebShop, Site]


def act(client: httpx.Client, name: str, **args: object) -> httpx.Response:
    """An act at P01; `passed` stands for the argument `pass`."""
    given = {"pass" if key == "passed" else key: value for key, value in args.items()}
    body = {"id": str(uuid4()), "press": "P01", "act": name, "args": given}
    return client.post("/api/acts", json=body)


def test_a_badge_signs_in_and_every_attempt_is_written_down(opened: Pair) -> None:
    shop, site = opened
    with site.client() as client:
        refused = client.post("/api/sign-in", json={"badge": "EMP:B-999"})
        assert refused.status_code == 401
        assert refused.json()["code"] == "badge_unknown"
        assert "工牌" in refused.json()["message"]
        answer = client.post("/api/sign-in", json={"badge": "EMP:B-101", "press": "P01"})
        assert answer.json()["name"] == "张伟"
        assert answer.json()["lines"] == ["L1"]
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
    logins = shop.connection.execute("select given, ok from people.sign_in order by id").fetchall()
    assert logins == [("B-999", False), ("B-101", True)] or logins == [
        ("EMP:B-999", False),
        ("B-101", True),
    ]


def test_a_pin_signs_in_and_a_wrong_one_says_so_in_the_browsers_language(opened: Pair) -> None:
    _, site = opened
    with site.client(headers={"Accept-Language": "en-GB"}) as client:
        wrong = client.post("/api/sign-in", json={"person": "smith", "pin": "0000"})
        assert wrong.status_code == 401
        assert wrong.json()["message"].startswith("The PIN is not right")
        assert client.post("/api/sign-in", json={"person": "smith", "pin": "1106"}).is_success
        assert client.get("/api/session").json()["locale"] == "en"
        client.post("/api/sign-out", json={})
        assert client.get("/api/session").status_code == 401


def test_a_session_at_a_press_ends_with_the_shift(opened: Pair) -> None:
    shop, site = opened
    shop.pass_time(5, {"P01": 0})
    with site.signed_in() as client:
        assert client.get("/api/session").is_success
        shop.now = shop.now.replace(hour=12, minute=16)  # 20:16 in the plant
        assert client.get("/api/session").status_code == 401


def test_an_act_needs_a_person(opened: Pair) -> None:
    shop, site = opened
    with site.client() as client:
        answer = act(client, "scan", work_order="WO-2601")
        assert answer.status_code == 401
        assert answer.json()["code"] == "signed_out"
    assert shop.connection.execute("select count(*) from people.act").fetchone() == (0,)


def test_an_order_is_made_from_scan_to_finish_and_the_answers_say_what_comes_next(
    opened: Pair,
) -> None:
    shop, site = opened
    shop.pass_time(5, {"P01": 0})
    with site.signed_in() as client:
        assert act(client, "scan", work_order="WO-2601").json()["message"] == "已开工：WO-2601"
        released = act(client, "first_article", passed=True)
        assert released.is_success, released.text
        shop.run("P01", 120, 110)
        there = client.get("/api/press/P01").json()
        assert there["figures"]["good"] == 110
        assert there["outputs"][0]["name_zh"] == "电池支架"
        scrap = act(client, "scrap", qty=4, reason="burr").json()
        assert scrap["message"] == "已报废 4 件（BRK-210），良品 106 件"
        assert client.get("/api/press/P01").json()["reasons"]["scrap"][0] == "burr"
        shop.later(1)
        done = act(client, "finish").json()
        assert done["message"] == "已完工，工单已上报并入库"
        assert done["reports"][0]["good"] == 106


def test_a_report_with_a_doubt_waits_and_the_leader_decides(opened: Pair) -> None:
    shop, site = opened
    shop.producing("P01", "WO-2604")
    shop.run("P01", 60, 40)  # 80 washers of 60 ordered
    shop.later(1)
    with site.signed_in() as client:
        assert act(client, "finish").json()["message"] == "工单已上报，请等待审核"
        report = "WO-2604/WSH-08/2"
        refused = act(client, "accept", report=report)
        assert (refused.status_code, refused.json()["code"]) == (409, "not_allowed")
    with site.signed_in("EMP:B-202", press=None) as client:
        assert client.get("/api/reports?state=waiting").json()["reports"] == []
    with site.signed_in("EMP:B-201") as client:
        waiting = client.get("/api/reports?state=waiting").json()["reports"]
        assert [(r["report"], r["flags"]) for r in waiting] == [(report, ["excess"])]
        assert act(client, "accept", report=report).json()["code"] == "report_excess"
        surplus = act(client, "dispose", report=report, to="surplus").json()
        assert surplus["message"] == "WO-2604 超产 20 件已转入超产库存"
        assert client.get("/api/reports?state=waiting").json()["reports"] == []


def test_the_same_act_again_does_nothing_twice(opened: Pair) -> None:
    shop, site = opened
    shop.producing("P01", "WO-2601")
    shop.run("P01", 60, 50)
    with site.signed_in() as client:
        body = {
            "id": str(uuid4()),
            "press": "P01",
            "at": shop.now.isoformat(),
            "act": "scrap",
            "args": {"qty": 3, "reason": "dent"},
            "who": "zhang",
        }
        first, again = (client.post("/api/acts", json=body) for _ in range(2))
        assert first.json() == again.json()
        assert client.get("/api/press/P01").json()["outputs"][0]["scrap"] == 3


def test_an_act_that_waited_is_not_sent_under_another_name(opened: Pair) -> None:
    shop, site = opened
    shop.producing("P01", "WO-2601")
    with site.signed_in("EMP:B-106") as client:
        body = {"id": str(uuid4()), "press": "P01", "act": "finish", "who": "zhang"}
        answer = client.post("/api/acts", json=body)
        assert (answer.status_code, answer.json()["code"]) == (409, "other_person")


@pytest.mark.parametrize("qty", [0, -3, 51, "many", 1.5])
def test_scrap_that_cannot_be_is_refused_and_nothing_is_written(opened: Pair, qty: object) -> None:
    shop, site = opened
    shop.producing("P01", "WO-2601")
    shop.run("P01", 60, 50)
    with site.signed_in() as client:
        answer = act(client, "scrap", qty=qty, reason="burr")
        assert answer.status_code == 409
        assert answer.json()["message"]
    scraps = shop.connection.execute(
        "select count(*) from people.act where act = 'scrap'"
    ).fetchone()
    assert scraps == (0,)


def test_a_body_that_cannot_be_understood_names_the_field(opened: Pair) -> None:
    _, site = opened
    with site.signed_in() as client:
        answer = client.post("/api/acts", json={"id": "7", "act": "finish"})
        assert answer.status_code == 422
        assert "id" in answer.json()["message"]


def test_another_sites_page_cannot_act(opened: Pair) -> None:
    _, site = opened
    with site.signed_in() as client:
        foreign = {"Origin": "http://elsewhere.example"}
        assert client.post("/api/sign-out", json={}, headers=foreign).status_code == 403
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        assert client.post("/api/sign-out", content="a=1", headers=form).status_code == 415
        assert client.get("/api/session").is_success


def test_a_person_sees_their_own_lines_and_the_manager_all(opened: Pair) -> None:
    shop, site = opened
    shop.producing("P01", "WO-2601")
    shop.connection.execute(
        "insert into erp.die_press select d.code, 'P01' from erp.die d; "
        "update erp.work_order_operation o set die = d.die from erp.die_output d, erp.work_order w "
        "where w.code = o.work_order and d.item = w.item"
    )
    shop.connection.commit()
    with site.signed_in("EMP:B-202", press=None) as client:
        assert client.get("/api/press/P01").status_code == 403
        page = client.get("/work-order/WO-2601")
        assert page.status_code == 403
        assert "L2" in page.text
        assert "WO-2601" not in client.get("/work-orders").text
    for badge in ("EMP:B-201", "EMP:B-301"):
        with site.signed_in(badge) as client:
            assert client.get("/work-order/WO-2601").is_success
            assert "WO-2601" in client.get("/work-orders").text


def test_the_wall_needs_nobody_and_orders_need_somebody(opened: Pair) -> None:
    _, site = opened
    with site.client() as client:
        assert client.get("/wall").is_success
        assert client.get("/wall/L1").is_success
        assert client.get("/healthz").is_success
        away = client.get("/work-order/WO-2601")
        assert away.headers["location"] == "/sign-in?next=/work-order/WO-2601"
        assert client.get("/api/press/P01").status_code == 401


@pytest.mark.parametrize("path", ["/wall/L9", "/terminal/P99", "/nowhere"])
def test_what_is_not_there_is_said_with_a_cure(opened: Pair, path: str) -> None:
    _, site = opened
    with site.client(headers={"Accept-Language": "en"}) as client:
        answer = client.get(path)
        assert answer.status_code == 404
        assert "home page" in answer.text


def test_every_answer_carries_the_secure_headers(opened: Pair) -> None:
    _, site = opened
    with site.client() as client:
        for path in ("/", "/wall", "/api/line", "/static/wall.js", "/nowhere"):
            headers = client.get(path).headers
            assert "script-src 'self'" in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"


def test_events_bring_the_whole_picture_first_and_changes_after_a_notice(opened: Pair) -> None:
    shop, site = opened
    shop.producing("P01", "WO-2601")
    with site.client() as client, client.stream("GET", "/api/events") as stream:
        lines = stream.iter_lines()
        first = next_picture(lines)
        assert [row["press"] for row in first["presses"]][:2] == ["P01", "P02"]
        assert {row["line"] for row in first["lines"]} == {"L1", "L2"}
        shop.run("P01", 60, 50)
        while not any(r["good"] == 50 for r in next_picture(lines)["presses"]):
            pass


def test_a_terminals_stream_brings_its_own_press_only(opened: Pair) -> None:
    shop, site = opened
    shop.producing("P02", "WO-2602")
    url = "/api/events?press=P02"
    with site.client() as client, client.stream("GET", url) as stream:
        assert [r["press"] for r in next_picture(stream.iter_lines())["presses"]] == ["P02"]


def next_picture(lines: Iterator[str]) -> dict[str, Any]:
    """The next event with presses; the beat that says the server is alive has none."""
    told = (json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: "))
    return next(each for each in told if "presses" in str(each))


@pytest.mark.parametrize(
    "told",
    [
        {"press": "P\0"},
        {"press": "\ud800"},
        {"act": "\ud800"},
        {"at": "9999-12-31T23:59:59-12:00"},
        {"act": "stop_reason", "args": {"from": "9999-12-31T23:59:59-12:00", "reason": "meal"}},
    ],
)
def test_what_no_database_holds_is_told_and_nothing_is_written(
    opened: Pair, told: dict[str, object]
) -> None:
    shop, site = opened
    with site.client() as client:
        client.post("/api/sign-in", json={"badge": "EMP:B-101", "press": "P01"})
        body: dict[str, object] = {"id": str(uuid4()), "press": "P01", "act": "finish", **told}
        answer = client.post(
            "/api/acts", content=json.dumps(body), headers={"content-type": "application/json"}
        )
        assert (answer.status_code, answer.json()["code"]) == (422, "unclear")
        assert client.get("/terminal/%00").status_code in (404, 422)
        assert client.get("/work-order/%00").status_code in (404, 422)
    assert shop.connection.execute("select count(*) from people.act").fetchone() == (0,)


def test_a_fault_of_ours_is_told_with_the_number_that_is_in_the_log(
    opened: Pair, capsys: pytest.CaptureFixture[str]
) -> None:
    """A column that is gone stands for any: nothing is done, nobody takes it for the network."""
    shop, site = opened
    with site.signed_in("EMP:B-301", None) as client:
        shop.connection.execute("alter table erp.die rename column name to gone")
        shop.connection.commit()
        call = act(client, "die.change", die="D-210", life_strokes=9)
        shown = client.get("/die/D-210")
    assert (call.status_code, call.json()["code"], shown.status_code) == (500, "unexpected", 500)
    logged = capsys.readouterr()
    for text in (call.json()["message"], shown.text):
        [number] = re.findall(r"编号 ([0-9a-f]{6})", text)
        assert number in logged.out + logged.err
