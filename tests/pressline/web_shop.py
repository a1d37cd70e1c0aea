"""A press shop behind the pages: real acts, the real bridge, a clock that the test moves."""

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
from servers import as_program

from database.connection import Connection, connect
from erp_core.production import work_orders
from erp_core.stock import ledger
from mes_bridge import acts
from mes_bridge.acts import Act
from mes_bridge.bridge import Bridge
from people import staff
from pressline.web.shell.application import Doors, Server, configured, make_application

MORNING = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)  # 09:00 in the plant
POLL = timedelta(seconds=5)

MASTERS = """
insert into plant.site (site, time_zone, silence) values ('dongguan-1', 'Asia/Shanghai', '30 s');
insert into plant.shift_pattern (code, start_time, end_time) values
  ('day', '08:00', '20:00'), ('night', '20:00', '08:00');
insert into plant.line values ('L1', 1), ('L2', 2);
insert into people.person (code, name, role, lines, locale, badge) values
  ('zhang', '张伟', 'operator', '{L1}', 'zh', 'B-101'),
  ('smith', 'Anna Smith', 'operator', '{L1}', 'en', 'B-106'),
  ('liu', '刘洋', 'leader', '{L1}', 'zh', 'B-201'),
  ('sun', '孙丽', 'leader', '{L2}', 'zh', 'B-202'),
  ('zhou', '周总', 'manager', '{}', 'zh', 'B-301'),
  ('qian', '钱进', 'it', '{}', 'zh', 'B-401');
insert into erp.item (code, name_zh, name_en, unit, kind) values
  ('BRK-210', '电池支架', 'Battery bracket', 'pcs', 'part'),
  ('HNG-L', '铰链 左', 'Hinge, left', 'pcs', 'part'),
  ('HNG-R', '铰链 右', 'Hinge, right', 'pcs', 'part'),
  ('WSH-08', '平垫圈 8', 'Washer 8', 'pcs', 'part'),
  ('COIL', '冷轧卷', 'Cold-rolled coil', 'kg', 'coil');
insert into erp.bom values ('BRK-210', '1');
insert into erp.bom_line values ('BRK-210', '1', 'COIL', 0.212);
update erp.bom set state = 'released';
insert into erp.die (code, name, life_strokes, opening_strokes, ideal_spm) values
  ('D-210', '支架连续模', 200000, 121000, 60), ('D-HNG', '铰链一模两件', 150000, 126000, 48),
  ('D-WSH', '垫圈模', 90000, 90120, 60);
insert into erp.die_output (die, item, parts_num, parts_den) values
  ('D-210', 'BRK-210', 1, 1), ('D-HNG', 'HNG-L', 1, 1), ('D-HNG', 'HNG-R', 1, 1),
  ('D-WSH', 'WSH-08', 2, 1);
"""


@dataclass
class WebShop:
    """Presses, orders and people; `now` is the time for pages, acts and bridge alike."""

    connection: Connection
    now: datetime = MORNING
    counters: dict[str, int] = field(default_factory=dict[str, int])
    number: int = 0

    def furnish(self, presses: int = 6) -> "WebShop":
        """Masters, and so many presses, a third of them on the second line."""
        ledger.make_locations(self.connection)
        self.connection.execute(MASTERS)
        for n in range(1, presses + 1):
            self._press(f"P{n:02}", "L2" if n > presses * 2 // 3 else "L1", n)
        for person, pin in (("zhang", "1101"), ("smith", "1106"), ("liu", "2201")):
            staff.keep_pin(self.connection, person, pin, self.now)
        self.order("WO-2601", "BRK-210", 5000)
        self.order("WO-2602", "HNG-L", 800)
        self.order("WO-2603", "HNG-R", 800)
        self.order("WO-2604", "WSH-08", 60)
        self.connection.commit()
        return self

    def _press(self, name: str, line: str, position: int) -> None:
        self.connection.execute(
            "insert into plant.press (name, line, position, top_spm, stop_after, stroke_channel) "
            "values (%s, %s, %s, 60, '30 s', 'strokes')",
            [name, line, position],
        )
        row = self.connection.execute(
            "insert into signal.channel (site, node, device, name, kind, datatype) "
            "values ('dongguan-1', 'edge-1', %s, 'strokes', 'counter', 5) returning id",
            [name],
        ).fetchone()
        assert row is not None
        self.connection.execute(
            "insert into mes.counter (channel, press, measure) "
            "values (%s, %s, 'stroke') on conflict do nothing",
            [row[0], name],
        )
        self.counters[name] = 1000 * position

    def order(self, code: str, item: str, qty: int) -> None:
        work_orders.create(self.connection, code, item, qty, who="zhou", now=self.now)
        work_orders.release(self.connection, code, self.now.date())

    def read(self, press: str, value: int | None, at: datetime) -> None:
        """One reading of the press's stroke counter; None: the PLC did not answer."""
        self.number += 1
        self.connection.execute(
            """
            with here as (select * from signal.channel where device = %(press)s),
            outbox as (
              insert into signal.outbox (uuid, site, node, number)
              values ('edge-1', 'dongguan-1', 'edge-1', %(number)s)
              on conflict (uuid) do update set number = %(number)s returning id
            ), kept as (
              insert into signal.reading (arrived, at, channel, count, quality, outbox, number)
              select %(at)s, %(at)s, here.id, %(value)s, %(quality)s, outbox.id, %(number)s
              from here, outbox
            )
            insert into signal.latest
              (site, node, device, part, revision, channel, arrived, at, count, quality)
            select site, node, device, 0, 1, array[id], array[%(at)s::timestamptz],
                   array[%(at)s::timestamptz], array[%(value)s::bigint], array[%(quality)s::int2]
            from here
            on conflict (site, node, device, part) do update
            set arrived = excluded.arrived, at = excluded.at, count = excluded.count,
                quality = excluded.quality
            """,
            {
                "press": press,
                "value": value,
                "at": at,
                "quality": 0 if value is None else 192,
                "number": self.number,
            },
        )

    def run(self, press: str, seconds: float, strokes: int) -> None:
        """Let time pass in which the press makes so many strokes, evenly, polled every 5 s."""
        self.pass_time(seconds, {press: strokes})

    def pass_time(self, seconds: float, strokes: dict[str, int]) -> None:
        """Let time pass for all these presses; a press with 0 strokes stands, and is polled."""
        polls = max(1, round(seconds / POLL.total_seconds()))
        begin, start = self.now, dict(self.counters)
        for n in range(1, polls + 1):
            at = begin + timedelta(seconds=seconds) * n / polls
            for press, made in strokes.items():
                self.counters[press] = start[press] + made * n // polls
                self.read(press, self.counters[press], at)
        self.now = begin + timedelta(seconds=seconds)
        self.derive()

    def later(self, seconds: float) -> None:
        """Let time pass in which nothing is read."""
        self.now += timedelta(seconds=seconds)

    def derive(self) -> None:
        """What the bridge does: take in, count, report what is due, tell who listens."""
        self.connection.commit()
        bridge = Bridge(self.connection)
        bridge.advance(self.now)
        bridge.run_timers(self.now)
        self.connection.commit()

    def do(self, act: str, press: str = "P01", who: str = "zhang", **args: Any) -> dict[str, Any]:
        """An act at a press, as if it came from a terminal; `passed` stands for `pass`."""
        given = {{"passed": "pass", "since": "from"}.get(name, name): v for name, v in args.items()}
        done = acts.record(
            self.connection, Act(uuid4(), who, press, self.now, act, given), self.now
        )
        self.connection.commit()
        return done

    def producing(self, press: str, order: str, who: str = "zhou") -> None:
        """Polled once, the order scanned, its first article passed."""
        self.pass_time(5, {press: 0})
        self.do("scan", press, who, work_order=order)
        self.do("first_article", press, who, passed=True)


@dataclass
class Site:
    """A served application: its address, and how to end it."""

    url: str
    server: Server

    def client(self, **options: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=60, **options)

    @contextmanager
    def signed_in(
        self, badge: str = "EMP:B-101", press: str | None = "P01"
    ) -> Generator[httpx.Client]:
        with self.client() as client:
            answer = client.post("/api/sign-in", json={"badge": badge, "press": press})
            assert answer.status_code == 200, answer.text
            yield client


@contextmanager
def served(
    database: str, shop: WebShop, proxy: str = "", program: str | None = "web"
) -> Generator[Site]:
    """The application on a free port, in a thread, with its own rights; its clock is the shop's."""
    address = as_program(database, program) if program else database
    app = make_application(address, lambda: shop.now)
    config = configured(app, Doors("127.0.0.1", 0, proxy=proxy))
    config.timeout_graceful_shutdown = 1
    server = Server(config, app.state.feed)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the application did not start"
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Site(f"http://127.0.0.1:{port}", server)
    finally:
        server.handle_exit(15, None)
        thread.join()


@contextmanager
def shop_at(database: str, presses: int = 6) -> Generator[tuple[WebShop, Site]]:
    with connect(database) as connection:
        shop = WebShop(connection).furnish(presses)
        with served(database, shop) as site:
            yield shop, site
