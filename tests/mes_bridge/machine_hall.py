"""A press shop whose machines are read: readings go into the database as ingest writes them.

One outbox per node. Times are "HH:MM[:SS]" of the shop's day in UTC, the heartbeat is 10 s.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from press_shop import Shop, clock

from database.connection import Connection
from mes_bridge.bridge import Bridge
from mes_bridge.proof import audit
from mes_bridge.proof.audit import AuditResult

PRESSES = ("P01", "P02", "P11")
GOOD, BAD = 192, 0
SITE = "s"


@dataclass
class Hall:
    connection: Connection
    shop: Shop
    channels: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    outboxes: dict[str, int] = field(default_factory=dict[str, int])
    numbers: dict[str, int] = field(default_factory=dict[str, int])

    @classmethod
    def opened(cls, connection: Connection) -> "Hall":
        """The press shop with stroke counters (16 bit), a run signal on P11, a meter on P01."""
        hall = cls(connection, Shop(connection).furnish())
        connection.execute("""
            insert into plant.meter values ('E01', 'P01', 36, 'energy');
            update plant.press set run_channel = 'running' where name = 'P11';
        """)
        for press in PRESSES:
            hall.channel(press, "strokes", "counter", modulus=65536)
        hall.channel("P11", "running", "state")
        hall.channel("E01", "energy", "gauge", unit="kWh")
        connection.commit()
        return hall

    def channel(
        self, device: str, name: str, kind: str, *, unit: str | None = None,
        modulus: int | None = None, node: str = "edge-1",
    ) -> None:  # fmt: skip
        row = self.connection.execute(
            "insert into signal.channel (site, node, device, name, kind, datatype, unit, modulus) "
            "values (%s, %s, %s, %s, %s, 4, %s, %s) returning id",
            [SITE, node, device, name, kind, unit, modulus],
        ).fetchone()
        assert row is not None
        self.channels[device, name] = row[0]

    def outbox(self, node: str) -> int:
        if node not in self.outboxes:
            row = self.connection.execute(
                "insert into signal.outbox (uuid, site, node) values (%s, %s, %s) returning id",
                [f"outbox-{node}", SITE, node],
            ).fetchone()
            assert row is not None
            self.outboxes[node] = row[0]
        return self.outboxes[node]

    def read(
        self, at: str | datetime, value: float | None, device: str = "P01",
        channel: str = "strokes", *, arrived: str | datetime | None = None, node: str = "edge-1",
    ) -> None:  # fmt: skip
        """One record with one sample; no value: a bad one."""
        self.numbers[node] = self.numbers.get(node, 0) + 1
        self.write(at, value, device, channel, self.numbers[node], arrived=arrived, node=node)

    def write(
        self, at: str | datetime, value: float | None, device: str, channel: str, number: int, *,
        arrived: str | datetime | None = None, node: str = "edge-1",
    ) -> None:  # fmt: skip
        instant = clock(at) if isinstance(at, str) else at
        came = clock(arrived) if isinstance(arrived, str) else arrived or instant
        whole = isinstance(value, int)
        self.connection.execute(
            "insert into signal.reading "
            "(arrived, at, channel, count, wide, quality, outbox, number) "
            "values (%s, %s, %s, %s, %s, %s, %s, %s)",
            [came, instant, self.channels[device, channel], value if whole else None,
             None if whole else value, BAD if value is None else GOOD, self.outbox(node), number],
        )  # fmt: skip
        self.connection.execute(
            "update signal.outbox set number = greatest(number, %s) where id = %s",
            [number, self.outbox(node)],
        )

    def stroke(self, since: str, strokes: int, device: str = "P01", first: int = 0) -> str:
        """Strokes one a second, read each second, from a first reading on; when the last was."""
        start = clock(since)
        for n in range(strokes + 1):
            self.read(start + timedelta(seconds=n), first + n, device)
        return f"{start + timedelta(seconds=strokes):%H:%M:%S}"

    def advance(self, now: str, limit: int | None = None) -> None:
        bridge = Bridge(self.connection)
        while bridge.advance(clock(now), limit) and limit:
            pass

    def timers(self, now: str) -> None:
        self.advance(now)
        Bridge(self.connection).run_timers(clock(now))

    def audit(self) -> AuditResult:
        return audit.audit(self.connection)

    def counted(self, owner: str = "P01") -> int:
        """Strokes of a press, or Wh of a meter."""
        row = self.connection.execute(
            "select coalesce(sum(amount), 0) from mes.count c "
            "join mes.counter k on k.channel = c.channel where coalesce(k.press, k.meter) = %s",
            [owner],
        ).fetchone()
        assert row is not None
        return int(row[0])

    def events(self, owner: str = "P01") -> list[tuple[str, int]]:
        return self.connection.execute(
            "select kind, amount from mes.counter_event where coalesce(press, meter) = %s "
            "order by n",
            [owner],
        ).fetchall()

    def states(self, press: str = "P01") -> list[tuple[str, str, str | None]]:
        rows = self.connection.execute(
            "select state, lower(span), upper(span) from mes.press_state where press = %s "
            "order by span",
            [press],
        )
        return [(s, f"{a:%H:%M:%S}", f"{b:%H:%M:%S}" if b else None) for s, a, b in rows]

    def facts(self, press: str = "P01") -> list[tuple[Any, ...]]:
        """Minute (None: unseen), owned by a run or not, strokes, seconds, Wh of each fact."""
        rows = self.connection.execute(
            "select minute, segment is not null, strokes, running_s, stopped_s, unknown_s, run_wh, "
            "idle_wh from mes.fact_minute where press = %s order by minute nulls first, segment",
            [press],
        )
        return [
            (f"{minute:%H:%M}" if minute else None, owned, *(float(figure) for figure in figures))
            for minute, owned, *figures in rows
        ]

    def everything(self) -> list[list[tuple[Any, ...]]]:
        """All that is derived, without the numbers that order of writing gives."""
        queries = (
            "select press, meter, n, kind, from_at, at, old_value, new_value, amount, unseen, held "
            "from mes.counter_event order by 1, 2, 3",
            "select channel, press, measure, from_at, at, amount, kind, unseen from mes.count "
            "order by channel, at, from_at, amount",
            "select channel, base_value, base_at, pend_value, pend_at, pend_unseen, unseen "
            "from mes.counter order by 1",
            "select press, span, state from mes.press_state order by 1, 2",
            "select press, minute, segment, strokes, running_s, stopped_s, unknown_s, run_wh, "
            "idle_wh, unknown_wh from mes.fact_minute order by 1, 2, 3",
        )
        return [self.connection.execute(query).fetchall() for query in queries]
