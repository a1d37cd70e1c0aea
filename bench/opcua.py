"""The edge agent on OPC UA: 10 presses x 60 items of one server, by subscription.

First each item changes once a second: memory, share of a core, delay. Then ever faster, until the
server cannot make the changes or not every one of them is committed in time. Judged by the
server's own count: a change counts when its value is in the database.
"""

import json
import sys
import time
from dataclasses import dataclass

from bench.figure import Figure
from bench.presses import write_plant
from bench.rig import BenchError, Rig, cpu_seconds, line_of, resident_mb, rig, say
from bench.yardstick import reading_cpu_us

PRESSES, ITEMS = 10, 60
PORT = 21_900
USUAL, USUAL_S = PRESSES * ITEMS, 25  # changes a second: each item once
STEPS, STEP_S = (1200, 2400, 3600, 4800, 7200, 9600), 8
CPU_RATIO = 200
MADE = 0.97  # of the changes asked for; a server that makes fewer is the bottleneck
IN_TIME_S = 3.0  # from the last change until the last commit


def opcua_figures() -> list[Figure]:
    """One agent at the usual pace, then at rising ones."""
    with rig() as made:
        return Measurement(made).figures()


@dataclass(frozen=True, slots=True)
class Step:
    """What came of one pace: changes a second, shares of a core, and how many are missing."""

    asked: int
    rate: float
    share: float
    server_share: float
    missing: int

    @property
    def kept(self) -> bool:
        """Whether the server made what was asked for, and all of it was committed in time."""
        return self.rate >= MADE * self.asked and self.missing == 0

    @property
    def why(self) -> str:
        """What fell short."""
        if self.rate < MADE * self.asked:
            return f"the server made {self.rate:.0f} of {self.asked}/s"
        return f"at {self.asked}/s {self.missing} were not committed within {IN_TIME_S:.0f} s"

    def __str__(self) -> str:
        return self.why


class Measurement:
    """One agent, one server, and how many changes were made until now."""

    def __init__(self, made: Rig) -> None:
        numbers = map(str, (PORT, PRESSES, ITEMS))
        self.made, self.changes = made, 0
        self.server = made.program("presses", sys.executable, "-m", "bench.presses", *numbers)
        line_of(self.server)
        made.ingest()
        self.agent = made.edge(write_plant(made.folder, made.port, PORT, PRESSES, ITEMS))
        made.until("the first values", lambda: made.readings() >= PRESSES * ITEMS, 60)
        time.sleep(3)

    def figures(self) -> list[Figure]:
        """The usual pace, then the highest that was kept."""
        usual = self._step(USUAL, USUAL_S)
        memory = resident_mb(self.agent.pid)
        if not usual.kept:
            raise BenchError(f"the usual pace was not kept: {usual}")
        best, limited = usual, "nothing up to the last step"
        for per_s in STEPS:
            step = self._step(per_s, STEP_S)
            if not step.kept:
                limited = step.why
                break
            best = step
        cpu_ratio = 1e6 * usual.share / usual.rate / reading_cpu_us()
        return [
            Figure("opcua_value_changes_per_s", best.rate, ">", None, f"then: {limited}"),
            Figure("opcua_cpu_ratio", cpu_ratio, "<", CPU_RATIO, f"of the least, at {USUAL}/s"),
            Figure("opcua_cpu_share", usual.share, "<", None, f"of a core, at {USUAL}/s"),
            Figure("opcua_rss_mb", memory, "<", 100, "MB resident"),
            Figure("opcua_delay_p99_s", self._delay(), "<", None, "s, source to capture"),
            Figure("opcua_cpu_us", 1e6 * best.share / best.rate, "<", None, "CPU us a change"),
            Figure("opcua_server_cpu_share", best.server_share, "<", None, "of a core, at most"),
            Figure("opcua_rss_after_mb", resident_mb(self.agent.pid), "<", None, "MB, at the end"),
        ]

    def _step(self, per_s: int, seconds: int) -> Step:
        cpu = cpu_seconds(self.agent.pid)
        say(self.server, f"{per_s} {seconds}")
        told = json.loads(line_of(self.server))
        ended = time.monotonic()
        self.changes += told["changes"]
        while (missing := self._missing()) and time.monotonic() < ended + IN_TIME_S:
            self.made.children.check()
            time.sleep(0.2)
        passed = told["seconds"]
        share = (cpu_seconds(self.agent.pid) - cpu) / passed
        rate = told["changes"] / passed
        return Step(per_s, rate, share, told["cpu_s"] / passed, missing)

    def _missing(self) -> int:
        """Changes whose value is not in the database; the first values were there before."""
        with self.made.connection() as connection:
            row = connection.execute(
                "select count(*) from (select distinct channel, count, gauge, wide "
                "from signal.reading where quality = 192) told"
            ).fetchone()
        assert row is not None
        return PRESSES * ITEMS + self.changes - row[0]

    def _delay(self) -> float:
        """How long after the server's time the agent had a value, in the first pace (p99)."""
        with self.made.connection() as connection:
            row = connection.execute(
                "select percentile_disc(0.99) within group "
                "(order by extract(epoch from at - coalesce(source_at, at)))::float8 "
                "from signal.reading where coalesce(count, wide, gauge) between 1 and 20"
            ).fetchone()
        assert row is not None
        return row[0]
