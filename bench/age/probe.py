"""Measures one thing on an aged plant with the code that PYTHONPATH names, this or an earlier one.

Run as `python -P probe.py URL WHAT NOW`: gets ready, says `ready`, measures and prints the seconds
of each round as JSON. It finds the code of either commit by name: rooms have moved between them.
"""

import importlib
import json
import sys
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import structlog
from psycopg import Connection
from psycopg.conninfo import make_conninfo

ROUNDS, ENOUGH_S = 7, 12.0  # rounds beside the first, which warms up; fewer once it takes that long
SECONDS = 12  # of the bridge
ACTS = 150
BADGES = {"pages": "B-BOSS", "line": "B-LEAD", "acts": "B-BENCH"}


def _first(*names: str) -> Any:
    """The first of these modules that is there."""
    for name in names:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError:
            continue
    raise ModuleNotFoundError(" or ".join(names))


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _rounds(work: Callable[[], object]) -> list[float]:
    """The seconds of each round; where the first is long, it is the only one."""
    first = _timed(work)
    took: list[float] = []
    while len(took) < ROUNDS and first + sum(took) < ENOUGH_S:
        took.append(_timed(work))
    return took or [first]


def _client(url: str, now: datetime, badge: str) -> Any:
    """Somebody signed in at the pages, in this process."""
    # What is measured goes to stdout, and nothing else.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    testing: Any = importlib.import_module("starlette.testclient")
    make: Any = _first("pressline.web.shell.application", "pressline.web.application")
    application = make.make_application(_as_web(url), lambda: now)
    client = testing.TestClient(application, base_url="http://127.0.0.1")
    client.__enter__()
    answer = client.post("/api/sign-in", json={"badge": badge})
    assert answer.status_code == 200, answer.text
    return client


def _as_web(url: str) -> str:
    """With the web's own rights, and so row security; a commit from before had none."""
    furnished = hasattr(_first("database.schema"), "furnish")
    return make_conninfo(url, user="pressline_web") if furnished else url


def _page(client: Any, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 200, f"{address}: {answer.status_code} {answer.text[:300]}"


def work_orders(url: str, now: datetime) -> Iterable[list[float]]:
    """The page of work orders."""
    client = _client(url, now, BADGES["pages"])
    yield []
    yield _rounds(lambda: _page(client, "/work-orders"))


def work_orders_of_line(url: str, now: datetime) -> Iterable[list[float]]:
    """The same page for the leader of one line, who sees the orders that run or fit there."""
    client = _client(url, now, BADGES["line"])
    yield []
    yield _rounds(lambda: _page(client, "/work-orders"))


def lists(url: str, now: datetime) -> Iterable[list[float]]:
    """The first page of each list; of the slowest."""
    house: Any = importlib.import_module("pressline.house")
    client = _client(url, now, BADGES["pages"])
    yield []
    took = [(_rounds(lambda name=name: _page(client, f"/{name}")), name) for name in house.LISTS]
    slowest, name = max(took, key=lambda each: sorted(each[0])[len(each[0]) // 2])
    print(f"slowest: /{name}", file=sys.stderr)
    yield slowest


def press_at(url: str, now: datetime) -> Iterable[list[float]]:
    """All presses as the wall board asks for them."""
    with Connection.connect(url, autocommit=True) as connection:
        ask = b"select * from board.press_at(%s)"
        yield []
        yield _rounds(lambda: connection.execute(ask, [now]).fetchall())


def on_hand(url: str, now: datetime) -> Iterable[list[float]]:
    """What is on hand of every item, as the ledger tells it."""
    del now
    with Connection.connect(url, autocommit=True) as connection:
        yield []
        if _has(connection, "erp.balance"):
            listings, house = _first("people.listings"), _first("pressline.house")
            stock = house.LISTS["stock"]
            yield _rounds(lambda: listings.all_rows(connection, stock, listings.Wanted()))
            return
        ledger = _first("erp_core.stock.ledger", "erp_core.stock")
        items = [item for (item,) in connection.execute(b"select code from erp.item")]
        yield _rounds(lambda: [ledger.on_hand(connection, item) for item in items])


def _has(connection: Connection[Any], table: str) -> bool:
    return connection.execute(b"select to_regclass(%s)", [table]).fetchone() != (None,)


def bridge_second(url: str, now: datetime) -> Iterable[list[float]]:
    """A second of the bridge: every press strokes, one of them after a bad reading."""
    bridge: Any = importlib.import_module("mes_bridge.bridge")
    with Connection.connect(url, autocommit=True) as connection:
        at_work = bridge.Bridge(connection, late=timedelta(seconds=5))
        _read(connection, now + timedelta(seconds=1), None)
        at_work.advance(now + timedelta(seconds=1))
        yield []
        took: list[float] = []
        for n in range(2, SECONDS + 2):
            instant = now + timedelta(seconds=n)
            _read(connection, instant, n)
            took.append(_timed(lambda instant=instant: at_work.advance(instant)))
            if sum(took) > ENOUGH_S:
                break
        yield took


def _read(connection: Connection[Any], at: datetime, bad: int | None) -> None:
    """A reading of each press, committed at that instant; the n-th press's was bad just before."""
    with connection.transaction():
        connection.execute(
            b"""
            insert into signal.reading (arrived, at, channel, count, quality, outbox, number)
            select %(at)s, told.at, k.channel,
                   case when told.quality = 192
                        then coalesce(k.pend_value, k.base_value) + 1 end,
                   told.quality, 1,
                   o.number + row_number() over (order by told.at, k.channel)
            from mes.counter k
            cross join (select number from signal.outbox where id = 1) o
            cross join lateral (values
              (%(at)s::timestamptz, 192::smallint),
              (%(at)s::timestamptz - interval '0.5 s', 0::smallint)
            ) told (at, quality)
            where told.quality = 192 or k.channel = %(bad)s
            """,
            {"at": at, "bad": bad},
        )
        connection.execute(
            b"update signal.outbox set arrived = %s, "
            b"number = (select max(number) from signal.reading where outbox = 1) where id = 1",
            [at],
        )


def act(url: str, now: datetime) -> Iterable[list[float]]:
    """An act at the pages: scrap that an operator declares."""
    client = _client(url, now, BADGES["acts"])
    with Connection.connect(url) as connection:
        presses = len(connection.execute(b"select from board.press").fetchall())
    yield []
    yield [_timed(lambda n=n: _act(client, n % presses)) for n in range(ACTS)]


def _act(client: Any, n: int) -> None:
    body = {
        "id": str(uuid4()), "press": f"P{n + 1:03}", "act": "scrap",
        "args": {"qty": 1, "reason": "burr"},
    }  # fmt: skip
    answer = client.post("/api/acts", json=body)
    assert answer.status_code == 200, answer.text


MEASURED = {
    "work_orders": work_orders, "work_orders_of_line": work_orders_of_line, "press_at": press_at,
    "bridge_second": bridge_second,
    "on_hand": on_hand, "list": lists, "act": act,
}  # fmt: skip


def main(url: str, what: str, now: str) -> None:
    steps = iter(MEASURED[what](url, datetime.fromisoformat(now)))
    next(steps)
    print("ready", flush=True)
    print(json.dumps(next(steps)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:4])
