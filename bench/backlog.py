"""A day of one node's records, drained while other nodes are live.

12 presses x 10 channels at 1 Hz: 1,036,800 records, written into the real outbox file by the code
that an agent keeps them with. The agent then starts, reads its presses as ever and drains the day
through broker and ingest into the database. A part of it is waited for: the pace shows the rest.
Two more agents deliver live; how long theirs take is told by the database's own commit times.
"""

import math
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from bench.devices import write_plant
from bench.edge import device_command
from bench.figure import Figure, percentile
from bench.rig import COMMIT_TIMES, BenchError, Rig, cpu_seconds, line_of, rig, server_cpu
from edge_agent.agent import channel
from edge_agent.node.devices import Device, Devices
from edge_agent.outbox import Draft, Outbox
from edge_agent.plantfile.plant import load_plant
from edge_agent.sample import Sample, Value
from edge_agent.sparkplug_pb2 import Payload

PRESSES, HOURS = 12, 24
CHANNELS = (
    "count0", "level0", "level1", "level2", "level3", "word0", "word1", "offset0", "bit0", "alarm",
)  # fmt: skip
SECONDS = HOURS * 3600
LIVE_NODES, LIVE_DEVICES = 2, 10
FIRST_PORT = 22_000
AT_ONCE = 5000  # records in one append
QUIET_S, WARM_S, MEASURE_S = 12.0, 5.0, 75.0
FASTER, SLOWER = 50, 5  # times: a day within half an hour; the live records beside it
KEPT = (
    0.97  # of the polls due; one left out is the edge's lateness (bench/edge.py), not its records'
)


def backlog_figures() -> list[Figure]:
    """Fill an outbox with a day, drain it for a while beside live nodes."""
    with rig(COMMIT_TIMES) as made:
        return _measured(made)


def _measured(made: Rig) -> list[Figure]:
    ports = PRESSES + LIVE_NODES * LIVE_DEVICES
    line_of(made.program("devices", *device_command(FIRST_PORT, ports)))
    late = write_plant(
        made.folder, made.port, FIRST_PORT, PRESSES, node="late", channels=CHANNELS
    )  # fmt: skip
    filled = fill(late)
    made.ingest()
    for n in range(LIVE_NODES):
        first = FIRST_PORT + PRESSES + n * LIVE_DEVICES
        made.edge(
            write_plant(made.folder, made.port, first, LIVE_DEVICES, node=f"live-{n}"), f"live-{n}"
        )
    made.until("the live nodes", lambda: made.readings() > 0, 60)
    quiet_since = datetime.now(UTC)
    time.sleep(QUIET_S)
    quiet_until = datetime.now(UTC)
    agent = made.edge(late, "late")
    made.until("the first record of the backlog", lambda: _drained(made) > 0, 60)
    time.sleep(WARM_S)
    before, cpu = _drained(made), (cpu_seconds(agent.pid), server_cpu(made.server))
    began, since = time.monotonic(), datetime.now(UTC)
    while time.monotonic() < began + MEASURE_S and _drained(made) < filled:
        made.children.check()
        time.sleep(0.5)
    passed, until = time.monotonic() - began, datetime.now(UTC)
    after = min(_drained(made), filled)
    spent = cpu_seconds(agent.pid) - cpu[0], server_cpu(made.server) - cpu[1]
    _check(made, before, after)
    delays = _delays(made, since, until)
    p99, alone = (
        percentile(each, 99) for each in (delays, _delays(made, quiet_since, quiet_until))
    )
    records = after - before
    return [
        Figure("backlog_speedup", records / PRESSES / passed, ">", FASTER, "x real time"),
        Figure("backlog_live_ratio", p99 / alone, "<", SLOWER, "of that before, p99"),
        Figure("backlog_live_p99_s", p99, "<", None, f"s, {len(delays)} records"),
        Figure("backlog_live_p50_s", percentile(delays, 50), "<", None, "s"),
        Figure("backlog_hours_drained", records / PRESSES / 3600, ">", None, f"of {HOURS} h"),
        Figure("backlog_edge_cpu_us", 1e6 * spent[0] / records, "<", None, "CPU us a record"),
        Figure("backlog_database_cpu_us", 1e6 * spent[1] / records, "<", None, "same, with live"),
    ]


# -- the day ---------------------------------------------------------------------------------------


def fill(plant_file: Path) -> int:
    """Write the day's records into the outbox of a plant file's node; returns their number."""
    plant = load_plant(plant_file)
    outbox = Outbox(plant.outbox.path)
    try:
        devices = Devices(plant.site, plant.node, outbox)
        devices.declare({d.name: [channel(c) for c in d.channels] for d in plant.devices})
        now = time.time_ns() // 1_000_000
        births = [
            Draft(d.name, now - 1000 * SECONDS, d.declaration, False) for d in devices.machines
        ]
        outbox.append(births)
        waiting: list[Draft] = []
        for draft in _day(devices.machines, now - 1000 * SECONDS):
            waiting.append(draft)
            if len(waiting) == AT_ONCE:
                outbox.append(waiting)
                waiting = []
        outbox.append(waiting)
        return outbox.last
    finally:
        outbox.close()


def _day(presses: list[Device], start: int) -> Iterator[Draft]:
    for second in range(SECONDS):
        for number, press in enumerate(presses):
            at = start + 1000 * second + 1000 * number // len(presses)
            payload = Payload()
            for known in press.channels.values():
                sample = Sample(known.name, at, _value(known.name, second))
                press.write(payload.metrics.add(), known, sample)
            yield Draft(press.name, at, payload.SerializeToString(), True)


def _value(name: str, second: int) -> Value:
    if name.startswith("level"):
        return 100 + 10 * math.sin(second / 60 + int(name[-1]))
    if name.startswith("bit"):
        return second // 60 % 2 == 0
    return second // 3600 if name == "alarm" else second & 0x7FFF


# -- what came of it -------------------------------------------------------------------------------


def _drained(made: Rig) -> int:
    """The watermark of the late node's outbox."""
    with made.connection() as connection:
        row = connection.execute("select number from signal.outbox where node = 'late'").fetchone()
    return row[0] if row else 0


def _check(made: Rig, first: int, last: int) -> None:
    """Every reading of the drained records is there once. Raises BenchError."""
    with made.connection() as connection:
        row = connection.execute(
            "select count(*) from signal.reading r join signal.outbox o on o.id = r.outbox "
            "where o.node = 'late' and r.number > %s and r.number <= %s",
            [first, last],
        ).fetchone()
    expected = (last - first) * len(CHANNELS)
    if row is None or row[0] != expected:
        raise BenchError(f"{expected} readings were drained, {row and row[0]} are in the table")


def _delays(made: Rig, since: datetime, until: datetime) -> list[float]:
    """Seconds from capture to commit of each record that a live node captured meanwhile.

    The slowest count most, so all of them are waited for: records come in order.
    """
    made.until("the last live records", lambda: _live_behind(made, until), 60)
    with made.connection() as connection:
        rows = connection.execute(
            "select extract(epoch from max(pg_xact_commit_timestamp(r.xmin)) - max(r.at))::float8 "
            "from signal.reading r join signal.outbox o on o.id = r.outbox "
            "where o.node like 'live-%%' and r.at >= %s and r.at < %s "
            "group by r.outbox, r.number",
            [since, until],
        ).fetchall()
    expected = LIVE_NODES * LIVE_DEVICES * (until - since).total_seconds()
    if len(rows) < KEPT * expected:
        raise BenchError(f"of {expected:.0f} live records only {len(rows)} are in the table")
    return [delay for (delay,) in rows]


def _live_behind(made: Rig, until: datetime) -> bool:
    """Whether every live device has a reading captured after this instant."""
    with made.connection() as connection:
        row = connection.execute(
            "select count(*) from signal.channel c where c.node like 'live-%%' "
            "and c.name = 'count0' and exists (select from signal.reading r "
            "where r.channel = c.id and r.at > %s)",
            [until],
        ).fetchone()
    return row == (LIVE_NODES * LIVE_DEVICES,)
