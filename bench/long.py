"""`python -m bench.long --machines 3 --days 21`: weeks of one-second data, counted exactly.

Each machine tells its counter every second: breaks, stops, silences of minutes (also over the end
of a shift), restarts of the PLC, counters that wrap, and now and then a jump that somebody has to
look at. All strokes must be in the books, and no report may wait without a cause of its own.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from database.connection import Connection, connect
from edge_agent.plantfile.plant import load_plant
from edge_agent.wire import Channel, DataType, Sample
from erp_core.masters import masters
from ingest import store
from ingest.latest import LatestRows
from ingest.readings import Batch, Signal
from ingest.stream import Stream
from mes_bridge import acts
from mes_bridge import plant as mes_plant
from mes_bridge.acts import Act
from mes_bridge.bridge import Bridge
from mes_bridge.proof.audit import audit
from pressline.plant import translate
from pressline.scenario.scratch import scratch

START = datetime(2026, 3, 1, 23, 50, tzinfo=UTC)  # 07:50 in Shanghai
QUARTER, DAY = 900, 86_400  # seconds
MODULUS, JUMP = 65_536, 5_000
PER_MINUTE = 40


@dataclass(slots=True)
class Machine:
    """A press that runs by itself; what it truly made, and what it showed besides.

    `lost`: made in a silence in which the PLC restarted, so that no reading shows it. `held`: made
    between two readings of which the later one jumped; a person decides about both together.
    """

    name: str
    rng: random.Random
    made: int = 0
    jumps: int = 0
    lost: int = 0
    held: int = 0
    told: int = 0  # what was made until the last reading, or restart
    shown: int = 0
    next_stroke: float = 600.0
    quiet_until: int = 0
    standing_until: float = 0.0

    def second(self, now: int) -> int | None:
        """What is read in this second; None: nothing."""
        if now >= self.standing_until and self.rng.random() < 1 / 7_200:
            self.standing_until = now + self.rng.randrange(120, 2_400)
            if self.rng.random() < 0.2:
                self.shown = 0  # the PLC restarts while the press stands
                self.lost += self.made - self.told
                self.told = self.made
        if self.rng.random() < 1 / 20_000:
            self.quiet_until = now + self.rng.randrange(45, 600)
        while self.next_stroke <= now:
            if now >= self.standing_until and not _break(now):
                self.made += 1
                self.shown = (self.shown + 1) % MODULUS
            self.next_stroke += 60 / PER_MINUTE
        if self.rng.random() < 1 / (3 * DAY) and now >= self.quiet_until:
            self.jumps += 1
            self.held += self.made - self.told
            self.shown = (self.shown + JUMP) % MODULUS
        if now < self.quiet_until:
            return None
        self.told = self.made
        return self.shown


def _break(now: int) -> bool:
    """An hour at noon of the plant."""
    return 4 * 3600 + 600 <= now % DAY < 5 * 3600 + 600


@dataclass(slots=True)
class Result:
    """What came of it."""

    made: int
    lost: int
    jumps: int
    expected: int
    counted: int
    held: int
    waiting: int
    reports: int
    residual: int | None
    seconds: float

    def __str__(self) -> str:
        return (
            f"made {self.made}, of these {self.lost} unseen before a restart, "
            f"counted {self.counted}; {self.jumps} jumps, {self.held} strokes held; "
            f"{self.reports} reports, {self.waiting} waiting; residual {self.residual}; "
            f"{self.seconds:.0f} s"
        )

    @property
    def right(self) -> bool:
        """Every stroke in the books, and no report waits without a jump."""
        exact = self.counted + self.lost + self.held == self.made + self.jumps * JUMP
        exact = exact and self.held == self.expected
        return exact and self.waiting <= self.jumps and not self.residual


def play(
    database: str, machines: int, days: float, seed: int = 1, *, audited: bool = True
) -> Result:
    """So many days on this migrated database; a whole number of quarter hours."""
    began = time.monotonic()
    there = [Machine(f"P{n:02d}", random.Random(seed * 100 + n)) for n in range(1, machines + 1)]
    with connect(database, autocommit=True) as connection:
        _furnish(connection, there, days)
        bridge, intake = Bridge(connection), Intake(connection, there)
        for quarter in range(QUARTER, int(days * DAY) + QUARTER, QUARTER):
            intake.take(range(quarter - QUARTER, quarter))
            bridge.advance(_at(quarter))
            bridge.run_timers(_at(quarter))
            if quarter % (DAY // 2) == QUARTER:
                _scan(connection, there, quarter)
        bridge.run_timers(_at(int(days * DAY) + QUARTER))
        residual = int(audit(connection).residual) if audited else None
        return _result(connection, there, residual, time.monotonic() - began)


class Intake:
    """One edge node that tells of all machines."""

    def __init__(self, connection: Connection, machines: list[Machine]) -> None:
        self.connection, self.machines = connection, machines
        self.latest, self.number = LatestRows(), 0
        self.stream: Stream = store.open_outbox(connection, str(UUID(int=1)), "s", "edge-1")
        self.signals: list[Signal] = [
            store.register(connection, "s", "edge-1", machine.name, [
                Channel("strokes", DataType.INT64, "counter", modulus=MODULUS)])["strokes"]
            for machine in machines
        ]  # fmt: skip

    def take(self, seconds: range) -> None:
        """A quarter of an hour, a commit a minute."""
        for minute in range(seconds.start, seconds.stop, 60):
            batch = Batch()
            for now in range(minute, minute + 60):
                for signal, value in self._read(now):
                    self.number += 1
                    batch.extend_run(self.stream.outbox, self.number)
                    sample = Sample("strokes", int(_at(now).timestamp() * 1000), value)
                    batch.add(signal, sample, self.stream.outbox, self.number)
            if batch:
                store.commit(self.connection, batch, self.latest, _at(minute + 60))

    def _read(self, now: int) -> Iterator[tuple[Signal, int]]:
        for signal, machine in zip(self.signals, self.machines, strict=True):
            value = machine.second(now)
            if value is not None:
                yield signal, value


def _furnish(connection: Connection, machines: list[Machine], days: float) -> None:
    with tempfile.TemporaryDirectory() as folder, connection.transaction():
        plant, orders = Path(folder) / "plant.toml", Path(folder) / "orders.toml"
        plant.write_text(PLANT + "".join(PRESS.format(name=each.name) for each in machines))
        dies = "".join(DIE.format(name=each.name) for each in machines)
        orders.write_text(ORDERS + dies + "".join(
            f'[[work_order]]\ncode = "WO-{each.name}-{n}"\nitem = "PART"\nqty = 1000000\n'
            for each in machines for n in range(int(2 * days) + 2)
        ))  # fmt: skip
        mes_plant.store(connection, translate(load_plant(plant, addresses=False)), _at(0))
        masters.load(connection, orders, _at(0))


def _scan(connection: Connection, machines: list[Machine], now: int) -> None:
    """Each shift begins another order."""
    for machine in machines:
        code = f"WO-{machine.name}-{now // (DAY // 2)}"
        deeds: list[tuple[str, dict[str, object]]] = [
            ("scan", {"work_order": code, "die": f"D-{machine.name}"})
        ]
        if now < DAY // 2:
            deeds.append(("first_article", {"pass": True}))
        for act, args in deeds:
            number = UUID(int=now * 1000 + int(machine.name[1:]) * 10 + len(act) % 10)
            with connection.transaction():
                acts.record(connection, Act(number, "S01", machine.name, _at(now), act, args),
                            _at(now), replay=True)  # fmt: skip


def _result(
    connection: Connection, machines: list[Machine], residual: int | None, seconds: float
) -> Result:
    row = connection.execute(
        """
        select (select coalesce(sum(amount), 0)::bigint from mes.count where measure = 'stroke'),
          (select coalesce(sum(amount), 0)::bigint from mes.counter_event where held),
          count(*) filter (where state = 'waiting'), count(*)
        from erp.production_report
        """
    ).fetchone()
    assert row is not None
    counted, held, waiting, reports = row
    return Result(
        sum(m.made for m in machines), sum(m.lost for m in machines),
        sum(m.jumps for m in machines), sum(m.jumps * JUMP + m.held for m in machines), counted,
        held, waiting, reports, residual, seconds,
    )  # fmt: skip


def _at(second: int) -> datetime:
    return START + timedelta(seconds=second)


PLANT = """\
site = "s"
node = "edge-1"
time_zone = "Asia/Shanghai"
report_every = "hour"
shift = [
  { code = "day", start = "08:00", end = "20:00", breaks = ["12:00-13:00"] },
  { code = "night", start = "20:00", end = "08:00" },
]
line = [{ name = "L1" }]
"""
PRESS = """
[[press]]
name = "{name}"
line = "L1"
top_speed = 60
[[press.channel]]
name = "strokes"
kind = "counter"
modulus = 65536
"""
ORDERS = """
[[item]]
code = "PART"
[[person]]
code = "S01"
name = "Chen Jing"
role = "leader"
"""
DIE = '[[die]]\ncode = "D-{name}"\noutputs = [{{ item = "PART" }}]\n'


def main() -> int:
    """Play and tell; 1 when a stroke is missing or a report waits without a cause."""
    parser = argparse.ArgumentParser(prog="python -m bench.long")
    parser.add_argument("--machines", type=int, default=3)
    parser.add_argument("--days", type=float, default=21)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with scratch() as databases, databases.fresh() as database:
        result = play(database, asked.machines, asked.days, asked.seed)
    print(result)
    return 0 if result.right else 1


if __name__ == "__main__":
    sys.exit(main())
