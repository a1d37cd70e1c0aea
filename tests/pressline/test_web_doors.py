"""Who comes in, by which door, and what is not told to strangers."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest
from web_shop import Site, WebShop, shop_at

from people import staff

pytestmark = pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")
Pair = tuple[WebShop, Site]


@pytest.fixture
def opened(database: str) -> Iterator[Pair]:
    with shop_at(database) as pair:
        yield pair


def pin(client: httpx.Client, code: str, given: str) -> tuple[int, str]:
    answer = client.post("/api/sign-in", json={"person": code, "pin": given})
    return answer.status_code, answer.json().get("code", "")


def test_a_strangers_wrong_pins_lock_nobody_out_of_their_own_terminal(opened: Pair) -> None:
    _, site = opened
    with site.client() as terminal, site.client() as stranger:
        assert pin(terminal, "zhang", "1101")[0] == 200
        assert [pin(stranger, "zhang", "0000")[1] for _ in range(6)] == [
            *["pin_wrong"] * 5, "pin_locked",
        ]  # fmt: skip
        assert pin(stranger, "zhang", "1101") == (401, "pin_locked")
        assert pin(terminal, "zhang", "1101")[0] == 200


def test_nobody_learns_who_is_here_by_trying(opened: Pair) -> None:
    """Unknown people, and people without a PIN, are refused and paused as everybody is."""
    _, site = opened
    for code in ("zhang", "sun", "nobody"):
        with site.client() as stranger:
            told = [pin(stranger, code, "0000") for _ in range(6)]
        assert told == [*[(401, "pin_wrong")] * 5, (401, "pin_locked")], code


def test_an_address_that_tries_one_person_after_the_other_has_to_wait(opened: Pair) -> None:
    shop, site = opened
    with site.client() as stranger:
        told = [pin(stranger, f"p{n}", "0000")[1] for n in range(21)]
        assert told == [*["pin_wrong"] * 20, "pin_locked"]
        shop.later(600)
        assert pin(stranger, "zhang", "1101")[0] == 200


def test_badges_are_not_guessed_one_after_the_other(opened: Pair) -> None:
    shop, site = opened
    with site.client() as stranger:
        tries = [{"badge": f"X-{n}"} for n in range(11)]
        told = [stranger.post("/api/sign-in", json=each).json()["code"] for each in tries]
        assert told == [*["badge_unknown"] * 10, "badge_locked"]
        assert stranger.post("/api/sign-in", json={"badge": "B-101"}).status_code == 401
        assert pin(stranger, "zhang", "1101")[0] == 200  # a PIN still works there
        shop.later(600)
        assert stranger.post("/api/sign-in", json={"badge": "B-101"}).is_success


def test_names_are_shown_on_a_device_where_somebody_has_signed_in(opened: Pair) -> None:
    _, site = opened
    with site.client() as client:
        assert client.get("/api/people/P01").json() == {"people": []}
        assert pin(client, "zhang", "1101")[0] == 200
        client.post("/api/sign-out", json={})
        names = [one["name"] for one in client.get("/api/people/P01").json()["people"]]
        assert "张伟" in names


def test_who_leaves_is_out_by_one_act(opened: Pair) -> None:
    shop, site = opened
    with site.client() as client:
        assert pin(client, "zhang", "1101")[0] == 200
        staff.leave(shop.connection, "zhang", "qian", shop.now)
        shop.connection.commit()
        assert client.get("/api/session").status_code == 401
        assert pin(client, "zhang", "1101") == (401, "pin_wrong")
        assert client.post("/api/sign-in", json={"badge": "B-101"}).status_code == 401


def test_a_new_pin_ends_sessions(opened: Pair) -> None:
    shop, site = opened
    with site.signed_in() as client:
        staff.set_pin(shop.connection, "zhang", "2468", "qian", shop.now)
        shop.connection.commit()
        assert client.get("/api/session").status_code == 401
        assert pin(client, "zhang", "1101")[0] == 401
        assert pin(client, "zhang", "2468")[0] == 200


ELSEWHERE = [
    "//x.example",
    "/\\x.example",
    "/\t/x.example",
    "/\n/x.example",
    "/ /x",
    "https://x",
    "x",
]


@pytest.mark.parametrize("onward", ELSEWHERE)
def test_signing_in_leads_nowhere_else(opened: Pair, onward: str) -> None:
    _, site = opened
    with site.signed_in() as client:
        answer = client.get("/sign-in", params={"next": onward})
        assert answer.headers["location"] == "/"
        onward = client.get("/sign-in", params={"next": "/work-order/WO-2601"}).headers["location"]
        assert onward == "/work-order/WO-2601"


@pytest.mark.parametrize("path", ["//x.example/", "/wall"])
def test_the_other_language_is_not_elsewhere(opened: Pair, path: str) -> None:
    _, site = opened
    with site.client() as client:
        page = client.send(client.build_request("GET", site.url + path))
        assert 'href="//' not in page.text


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
def test_pages_are_had_by_their_own_name_only(opened: Pair, host: str) -> None:
    _, site = opened
    with site.client() as client:
        assert client.get("/wall", headers={"Host": host}).status_code == 421
        assert client.get("/wall", headers={"Host": "LocalHost:80"}).is_success
        assert client.get("/wall", headers={"Host": "[::1]:80"}).is_success


def test_nobody_keeps_what_names_people(opened: Pair) -> None:
    _, site = opened
    with site.signed_in() as client:
        for path in ("/", "/work-orders", "/api/session", "/api/people/P01", "/terminal/P01"):
            assert client.get(path).headers["cache-control"] == "no-store", path


def test_a_leader_misses_nothing_behind_what_others_have(opened: Pair) -> None:
    """The limit of a list is one of this person's lines, not of the plant."""
    shop, site = opened
    shop.connection.execute(
        "insert into erp.die_press select 'D-210', 'P05'; "
        "insert into erp.work_order (code, item, qty, state, due, created, created_by) "
        "select 'A-' || n, 'BRK-210', 9, 'released', '2026-03-01', now(), 'x' "
        "from generate_series(1, 310) n; "
        "insert into erp.work_order_operation (work_order, seq, name, die, last) "
        "select code, 10, '', 'D-210', true from erp.work_order where code like 'A-%'"
    )
    shop.connection.commit()
    with site.signed_in("B-201") as client:  # of line L1; the 310 are made on L2
        for path in ("/work-orders", "/labels"):
            page = client.get(path).text
            assert "WO-2604" in page, path
            assert "A-300" not in page, path


def test_reasons_of_last_year_and_dies_of_1990_stay_as_they_are(opened: Pair) -> None:
    shop, site = opened

    def code(client: httpx.Client, act: str, at: timedelta, **args: object) -> str:
        body = {"id": str(uuid4()), "press": "P01", "act": act, "args": args}
        told = client.post("/api/acts", json={**body, "at": (shop.now - at).isoformat()})
        return told.json().get("code", "")

    def since(days: int) -> dict[str, str]:
        return {"from": (shop.now - timedelta(days=days)).isoformat(), "reason": "material"}

    with site.signed_in("B-101") as operator, site.signed_in("B-201") as leader:
        assert code(operator, "mount", timedelta(days=13000), die="D-210") == "act_too_old"
        assert code(operator, "stop_reason", timedelta(), **since(365)) == "too_long_ago"
        assert code(operator, "stop_reason", timedelta(), **since(4)) == "too_long_ago"
        assert code(leader, "stop_reason", timedelta(), **since(365)) == "too_long_ago"
        assert code(leader, "stop_reason", timedelta(), **since(4)) == ""
        assert code(operator, "stop_reason", timedelta(), **since(2)) == ""


def test_a_server_clock_set_back_loses_no_act(opened: Pair) -> None:
    shop, site = opened
    shop.producing("P01", "WO-2601")
    with site.signed_in() as client:
        body = {"id": str(uuid4()), "press": "P01", "act": "finish", "who": "zhang"}
        body["at"] = shop.now.isoformat()
        shop.later(-90)
        kept = client.post("/api/acts", json=body)
        assert (kept.status_code, kept.json()["again"]) == (409, True)
        here = {**body, "id": str(uuid4()), "at": shop.now.isoformat()}
        assert client.post("/api/acts", json=here).json()["code"] == "clock_set_back"
        shop.later(91)
        assert client.post("/api/acts", json=body).is_success
