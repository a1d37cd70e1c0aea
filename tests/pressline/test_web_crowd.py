"""A crowd at one instant is answered; who sends too much, or half of it, is let go."""

import asyncio
import socket
from collections.abc import Iterator, Mapping, Sequence
from uuid import uuid4

import httpx
import pytest
from web_shop import Site, WebShop, served, shop_at

from pressline.web.shell import limits
from pressline.web.shell.request import CrowdedError, Lane

# A crowd is the same on every flavour of the database.
pytestmark = pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")
Pair = tuple[WebShop, Site]


@pytest.fixture
def opened(database: str) -> Iterator[Pair]:
    with shop_at(database) as pair:
        yield pair


async def _all(
    site: Site, calls: Sequence[tuple[str, Mapping[str, object]]], cookie: str
) -> list[int]:
    many = httpx.Limits(max_connections=None)
    headers = {"Cookie": cookie}
    async with httpx.AsyncClient(
        base_url=site.url, limits=many, timeout=120, headers=headers
    ) as client:
        answers = await asyncio.gather(*(client.post(path, json=body) for path, body in calls))
    return [answer.status_code for answer in answers]


def session_of(site: Site) -> str:
    with site.signed_in() as client:
        return f"pressline_session={client.cookies['pressline_session']}"


def test_more_acts_and_sign_ins_than_connections_are_all_taken_once(opened: Pair) -> None:
    shop, site = opened
    shop.producing("P01", "WO-2601")
    shop.run("P01", 120, 110)
    scrap = {"press": "P01", "act": "scrap", "args": {"qty": 1, "reason": "burr"}}
    acts = [("/api/acts", {**scrap, "id": str(uuid4())}) for _ in range(80)]
    badges = [("/api/sign-in", {"badge": "B-106"})] * 20
    pins = [("/api/sign-in", {"person": "liu", "pin": "2201"})] * 10
    told = asyncio.run(_all(site, [*acts, *badges, *pins], session_of(site)))
    assert told == [200] * 110
    stored = shop.connection.execute(
        "select count(*) from people.act where act = 'scrap'"
    ).fetchone()
    assert stored == (80,)


def test_people_get_in_and_the_health_check_answers_while_every_act_waits(opened: Pair) -> None:
    shop, site = opened
    shop.connection.execute("select from plant.press for update")  # whatever acts has to wait
    cookie = session_of(site)

    async def crowd() -> tuple[int, int, list[int]]:
        calls = [("/api/acts", {"id": str(uuid4()), "press": "P01", "act": "finish"})] * 1
        waits = [asyncio.create_task(_all(site, calls, cookie)) for _ in range(60)]
        await asyncio.sleep(0.5)
        async with httpx.AsyncClient(base_url=site.url, timeout=60) as client:
            health = await client.get("/healthz")
            door = await client.post("/api/sign-in", json={"person": "liu", "pin": "2201"})
        assert not any(task.done() for task in waits)
        shop.connection.rollback()
        acted = [status for task in waits for status in await task]
        return health.status_code, door.status_code, acted

    health, door, acted = asyncio.run(crowd())
    assert (health, door) == (200, 200)
    assert set(acted) == {409}  # no order runs there: an answer, and no 503


def test_beyond_the_queue_one_is_told_at_once_and_the_others_have_their_turn(database: str) -> None:
    async def crowd() -> list[str]:
        lane = Lane(database, size=1, queue=2)

        async def work(n: int) -> str:
            try:
                async with lane.lend() as connection:
                    await asyncio.to_thread(connection.execute, "select pg_sleep(0.05)")
            except CrowdedError:
                return f"{n} sent away"
            return f"{n} done"

        async with lane.opened():
            return list(await asyncio.gather(*(work(n) for n in range(4))))

    assert asyncio.run(crowd()) == ["0 done", "1 done", "2 done", "3 sent away"]


@pytest.mark.parametrize("told", [True, False])
def test_a_body_that_no_act_has_is_refused_before_it_is_all_there(opened: Pair, told: bool) -> None:
    _, site = opened
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(10_000):
            sent += 10_000
            yield b" " * 10_000

    size = {"Content-Length": "100000000"} if told else {}
    headers = {"Content-Type": "application/json", **size}
    with site.client() as client:
        try:
            answer = client.post("/api/sign-in", content=endless(), headers=headers)
        except httpx.TransportError:
            answer = None  # the server hung up while it was still being told
        assert answer is None or answer.status_code == 413
        assert sent < 20_000_000
        assert client.get("/healthz").is_success


@pytest.mark.parametrize("name", ["badge", "person", "pin", "press"])
def test_a_text_longer_than_any_such_text_is_refused(opened: Pair, name: str) -> None:
    shop, site = opened
    with site.client() as client:
        given = {"badge": "B-101", "person": "liu", name: "x" * 81}
        assert client.post("/api/sign-in", json=given).status_code == 422
        assert client.get("/labels", params={"next": "x" * 5000}).status_code == 414
    assert shop.connection.execute("select count(*) from people.sign_in").fetchone() == (0,)


@pytest.mark.parametrize("name", ["act", "press", "who"])
def test_an_act_with_a_text_that_long_is_refused(opened: Pair, name: str) -> None:
    _, site = opened
    with site.signed_in() as client:
        body = {"id": str(uuid4()), "press": "P01", "act": "finish", name: "x" * 81}
        assert client.post("/api/acts", json=body).status_code == 422


WHOLE = b"GET /static/mark.svg HTTP/1.1\r\nHost: localhost\r\n\r\n"
HALVES = {
    "nothing": b"",
    "half a head": b"GET /healthz HTTP/1.1\r\nHost: 127.0",
    "half a body": b"POST /api/sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 40\r\n"
    b'Content-Type: application/json\r\n\r\n{"badge": ',
}


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize(
    "before", [b"", b"GET /static/mark.svg HTTP/1.1\r\nHost: localhost\r\n\r\n"]
)
def test_half_a_request_is_let_go(
    opened: Pair, monkeypatch: pytest.MonkeyPatch, half: str, before: bytes
) -> None:
    _, site = opened
    monkeypatch.setattr(limits, "IN_TIME", 0.3)
    host, port = site.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as line:
        line.sendall(before + HALVES[half])
        heard = b""
        while data := line.recv(65536):  # until the server hangs up
            heard += data
    assert (b" 408 " in heard) == (half == "half a body")


def test_a_stream_may_be_silent_for_longer_than_a_request(
    opened: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, site = opened
    monkeypatch.setattr(limits, "IN_TIME", 0.3)
    with site.client() as client, client.stream("GET", "/api/events") as stream:
        pictures = (line for line in stream.iter_lines() if line.startswith("data:"))
        assert next(pictures)
        assert next(pictures)  # everything again, after five seconds


def test_behind_a_named_proxy_cookies_are_secure_and_addresses_are_the_clients(
    database: str, opened: Pair
) -> None:
    shop, plain = opened
    from_proxy = {"X-Forwarded-For": "10.1.2.3", "X-Forwarded-Proto": "https"}
    with served(database, shop, proxy="127.0.0.1") as behind:
        for site, secure in ((plain, False), (behind, True)):
            with site.client(headers=from_proxy) as client:
                answer = client.post("/api/sign-in", json={"badge": "B-101"})
                cookies = answer.headers.get_list("set-cookie")
                assert len(cookies) == 2
                assert all(("secure" in cookie.lower()) == secure for cookie in cookies)
    addresses = shop.connection.execute("select address from people.sign_in order by id").fetchall()
    assert addresses == [("127.0.0.1",), ("10.1.2.3",)]
