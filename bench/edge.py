"""The edge agent under load: memory, share of a core, lateness of its polls, requests it makes.

100 devices x 60 registers at 1 s, every value changing at every poll, outbox and MQTT running, all
acknowledged by a real ingest over a real broker into a real database. The devices are of one
profile, as a plant's are: 49 channels of several types in 60 registers, one block. Then the same
with 99 of them and one that cannot be: a serial adapter that refuses the parity it is set to.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from math import ceil

from bench.devices import CHANNELS, REGISTERS, write_plant
from bench.figure import Figure, percentile
from bench.rig import COMMIT_TIMES, Rig, cpu_seconds, line_of, resident_mb, rig, server_cpu
from bench.yardstick import reading_cpu_us
from pressline.demo.processes import Child

DEVICES, POLL_S = 100, 1.0
SETTLE_S, MEASURE_S = 10.0, 40.0
FIRST_PORT = 21_000
RATE = DEVICES * CHANNELS / POLL_S
CPU_RATIO, LATE_RATIO = 25, 0.05
LEAST_REQUESTS = DEVICES * ceil(REGISTERS / 125) / POLL_S  # 125 registers: the most one may ask for


@dataclass(frozen=True, slots=True)
class Seen:
    """What an agent was seen to do; `way`: with what brings its readings to the database."""

    share: float  # of a core
    memory: float  # MB
    way_share: float  # of a core
    way_memory: float  # MB
    database: float  # share of a core
    late: float  # s, p99
    requests: float  # of the least possible
    rate: float  # readings committed each second
    devices: float  # share of a core that the simulator took


IMPOSSIBLE = """[[press]]
name = "impossible"
line = "L1"
top_speed = 60
address = "modbus-rtu://{device}/1?parity=E"
[[press.channel]]
name = "strokes"
kind = "counter"
register = "holding:0:uint16"
"""


def edge_figures() -> list[Figure]:
    """Measure one agent after it has settled; then one with a machine that cannot be read."""
    seen, delays = _watched(DEVICES)
    ends = os.openpty()  # it takes no parity, and says so: termios.error
    try:
        beside, _ = _watched(DEVICES - 1, IMPOSSIBLE.format(device=os.ttyname(ends[1])))
    finally:
        for end in ends:
            os.close(end)
    cpu_us = 1e6 * seen.share / seen.rate
    return [
        Figure("edge_cpu_ratio", cpu_us / reading_cpu_us(), "<", CPU_RATIO, "of the least work"),
        Figure("edge_cpu_share", seen.share, "<", None, "of a core"),
        Figure("edge_rss_mb", seen.memory, "<", 60, "MB resident"),
        Figure("edge_lateness_ratio", seen.late / POLL_S, "<", LATE_RATIO, "of the period, p99"),
        Figure("edge_lateness_p99_s", seen.late, "<", None, "s"),
        Figure("edge_requests_ratio", seen.requests, "<", 1.02, "of the least possible"),
        Figure("edge_readings_ratio", seen.rate / RATE, ">", 0.98, "of those due, committed"),
        Figure("edge_readings_per_s", seen.rate, ">", None, "committed"),
        Figure("edge_cpu_us", cpu_us, "<", None, "CPU us a reading"),
        Figure("edge_committed_p50_s", percentile(delays, 50), "<", None, "s from capture"),
        Figure("edge_committed_p99_s", percentile(delays, 99), "<", None, f"{len(delays)} records"),
        Figure("edge_devices_cpu_share", seen.devices, "<", None, "the simulator, of a core"),
        Figure("edge_lateness_ratio_beside", beside.late / POLL_S, "<", LATE_RATIO,
               "of the period, with one impossible"),
        Figure("edge_requests_ratio_beside", beside.requests, ">", 0.98 * (DEVICES - 1) / DEVICES,
               "of 100 machines' least"),
    ]  # fmt: skip


def _watched(count: int, more: str = "") -> tuple[Seen, list[float]]:
    """What an agent of so many devices did, and how long each record took to be committed."""
    with rig(COMMIT_TIMES) as made:
        devices = made.program("devices", *device_command(FIRST_PORT, count))
        line_of(devices)
        made.ingest()
        agent = made.edge(write_plant(made.folder, made.port, FIRST_PORT, count, more=more))
        seen = observe(made, agent, devices, made.readings)
        return seen, _delays(made, datetime.now(UTC))


def _delays(made: Rig, until: datetime) -> list[float]:
    """Seconds from capture to commit of each record of the last stretch before this instant."""
    with made.connection() as connection:
        rows = connection.execute(
            "select extract(epoch from max(pg_xact_commit_timestamp(xmin)) - max(at))::float8 "
            "from signal.reading where at < %s - interval '3 s' "
            "and at >= %s - make_interval(secs => %s) group by outbox, number",
            [until, until, MEASURE_S],
        ).fetchall()
    return [delay for (delay,) in rows]


def observe(
    made: Rig, agent: Child, devices: Child, readings: Callable[[], int],
    seconds: float = MEASURE_S, others: Sequence[Child] = (),
) -> Seen:  # fmt: skip
    """Watch an agent for some time after it has settled; ends the devices.

    `others` are what its readings pass on their way to the database.
    """
    made.until("the first readings", lambda: readings() > RATE, 60)
    time.sleep(SETTLE_S)
    asked, rows = time.monotonic(), readings()  # counting takes time: none of it is given away
    since, spent = time.monotonic(), _spent(made, agent, devices, *others)
    time.sleep(seconds)
    until = time.monotonic()
    later = _spent(made, agent, devices, *others)
    server, share, simulator, *rest = (
        (after - before) / (until - since) for before, after in zip(spent, later, strict=True)
    )
    rate = (readings() - rows) / (time.monotonic() - asked)
    memory = [resident_mb(child.pid) for child in (agent, *others)]
    arrivals = _told_arrivals(devices)
    return Seen(
        share, memory[0], share + sum(rest), sum(memory), server,
        percentile(lateness(arrivals, since, until, POLL_S), 99),
        requests_per_s(arrivals, since, until) / LEAST_REQUESTS, rate, simulator,
    )  # fmt: skip


def _spent(made: Rig, *children: Child) -> list[float]:
    """CPU seconds of the database server and of these until now."""
    return [server_cpu(made.server), *(cpu_seconds(child.pid) for child in children)]


def device_command(first_port: int, count: int) -> list[str]:
    return [sys.executable, "-m", "bench.devices", str(first_port), str(count)]


def _told_arrivals(devices: Child) -> list[list[float]]:
    """When each device was asked, in seconds of the monotonic clock; ends the devices."""
    assert devices.process is not None
    devices.process.send_signal(signal.SIGTERM)
    return json.loads(line_of(devices))


def requests_per_s(arrivals: Sequence[Sequence[float]], since: float, until: float) -> float:
    """Requests that all devices together saw each second."""
    seen = sum(since <= moment < until for times in arrivals for moment in times)
    return seen / (until - since)


def lateness(
    arrivals: Sequence[Sequence[float]], since: float, until: float, period: float
) -> list[float]:
    """How far each poll came behind its device's own grid, in seconds.

    A device's grid is fixed by its earliest phase within the window: no poll can be early. A poll
    left out is late by what the next one came after it.
    """
    late: list[float] = []
    for times in arrivals:
        seen = [moment for moment in times if since <= moment < until]
        if not seen:
            late += [until - since]
            continue
        drift = [(moment - seen[0] + period / 2) % period - period / 2 for moment in seen]
        late += [each - min(drift) for each in drift]
        pauses = (after - before for before, after in pairwise(seen))
        late += [pause - period for pause in pauses if pause > 1.5 * period]
    return late
