"""From MQTT to committed: readings a second, beside COPY of the same rows in the same run.

One node delivers 400 channels at 10 and at 100 metrics a message, messages ready beforehand,
through the acknowledgement window, a real broker and a real ingest. COPY gets the rows that this
left in `signal.reading`, packed as binary, by one connection into the same table with the same
indexes, emptied. Each shape runs three times, each time on a fresh database; every figure is the
median. Ratios are judged: on a busy machine both sides of a ratio are slow.

Bytes a reading are those on disk with indexes, once all is compressed: 1,500 readings a channel,
400 channels, one reading a second. A day's chunk has 86,400 a channel, so what every chunk costs
once weighs more here. `bytes_per_reading` is of the rows as the delivery left them, some seconds of
the plant in a commit. `bytes_per_reading_live` is of the same rows as if every second had been
committed 20 to 60 ms after it was read: then each has an arrival of its own, and that takes 2 to 3
bytes more.
"""

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import LiteralString

from psycopg import sql

from bench.figure import Figure
from bench.rig import Rig, cpu_seconds, line_of, rig, say, server_cpu
from database.connection import Connection
from database.server import embedded_binaries, timescale_binaries

CHANNELS, ROUNDS = 400, 1500
METRICS, RUNS, COPIES = (10, 100), 3, 2
RATIOS, BYTES = {10: 0.2, 100: 0.4}, 6
PIECE = 2_000_000  # bytes that COPY is given at once
NO_TIMESCALE = "no server with TimescaleDB here"


@dataclass(frozen=True, slots=True)
class Run:
    """One delivery and its peer; CPU in seconds. Bytes a reading: live, drained; where measured."""

    readings: int
    seconds: float
    twice: int
    cpu: dict[str, float]
    copy_rate: float
    sizes: tuple[float, float] | None

    @property
    def rate(self) -> float:
        return self.readings / self.seconds

    @property
    def copy_ratio(self) -> float:
        return self.rate / self.copy_rate


def ingest_figures() -> list[Figure]:
    """Both shapes on each flavour of server; the headline is 100 metrics on plain PostgreSQL."""
    plain, timescale = embedded_binaries(), timescale_binaries()
    runs = {metrics: _runs(plain, metrics, timescale=False) for metrics in METRICS}
    rate = median(run.rate for run in runs[METRICS[-1]])
    figures = [Figure("ingest_readings_per_s", rate, ">", None, "committed, 100 a message")]
    for metrics in METRICS:
        figures += _figures(f"_{metrics}", runs[metrics], RATIOS[metrics])
    if timescale is None:
        return figures + _missing()
    runs = {metrics: _runs(timescale, metrics, timescale=True) for metrics in METRICS}
    for metrics in METRICS:
        figures += _figures(f"_{metrics}_timescale", runs[metrics], RATIOS[metrics])
    sizes = [run.sizes for run in runs[METRICS[-1]] if run.sizes is not None]
    live, drained = (median(each) for each in zip(*sizes, strict=True))
    return [
        *figures,
        Figure("bytes_per_reading", drained, "<", BYTES, "bytes, compressed"),
        Figure("bytes_per_reading_live", live, "<", None, "same, a commit a second"),
    ]


def _missing() -> list[Figure]:
    ratios = [
        Figure(
            f"ingest_copy_ratio_{metrics}_timescale",
            None,
            ">",
            limit,
            "",
            NO_TIMESCALE,
            absent=True,
        )
        for metrics, limit in RATIOS.items()
    ]
    return [*ratios, Figure("bytes_per_reading", None, "<", BYTES, "", NO_TIMESCALE, absent=True)]


def _figures(tail: str, runs: list[Run], limit: float) -> list[Figure]:
    ratio = median(run.copy_ratio for run in runs)
    rate, copy_rate = (median(run.rate for run in runs), median(run.copy_rate for run in runs))
    used = [
        Figure(f"{who}_cpu_us{tail}", median(1e6 * run.cpu[who] / run.readings for run in runs),
               "<", None, "CPU us a reading")
        for who in runs[0].cpu
    ]  # fmt: skip
    return [
        Figure(f"ingest_copy_ratio{tail}", ratio, ">", limit, "of COPY"),
        Figure(f"ingest_readings_per_s{tail}", rate, ">", None, "committed"),
        Figure(f"copy_readings_per_s{tail}", copy_rate, ">", None, "one connection"),
        *used,
        Figure(f"sent_twice{tail}", median(run.twice for run in runs), "<", None, "messages"),
    ]


def _runs(binaries: Path, metrics: int, *, timescale: bool) -> list[Run]:
    preload = "timescaledb" if timescale else ""
    settings = ("timescaledb.telemetry_level=off",) if timescale else ()
    runs: list[Run] = []
    for _ in range(RUNS):
        with rig(*settings, binaries=binaries, preload=preload) as ground:
            runs.append(_deliver(ground, metrics, sized=timescale and metrics == METRICS[-1]))
    return runs


def _deliver(ground: Rig, metrics: int, *, sized: bool) -> Run:
    ingest = ground.ingest()
    publisher = ground.program("publisher", *_publisher(ground.port, metrics))
    line_of(publisher)
    before = _cpu(ground, ingest.pid)
    say(publisher)
    told = json.loads(line_of(publisher))
    after = _cpu(ground, ingest.pid)
    cpu = {who: after[who] - before[who] for who in after}
    ground.children.stop()
    with ground.connection() as connection:
        packed, rows = _packed(connection, "arrived"), _count(connection)
        rate = rows / median(_copied(connection, packed) for _ in range(COPIES))
        if _count(connection) != rows:
            raise AssertionError("COPY did not bring back the rows that ingest had written")
        sizes = _sizes(connection) if sized else None
    cpu["publisher"] = told["own_cpu_s"]
    return Run(told["readings"], told["seconds"], told["twice"], cpu, rate, sizes)


def _publisher(port: int, metrics: int) -> list[str]:
    devices = CHANNELS // metrics
    numbers = (port, metrics, devices * ROUNDS, devices)
    return [sys.executable, "-m", "bench.publisher", *map(str, numbers)]


def _cpu(ground: Rig, ingest: int) -> dict[str, float]:
    broker = ground.children.all["broker"].pid
    return {
        "ingest": cpu_seconds(ingest),
        "database": server_cpu(ground.server),
        "broker": cpu_seconds(broker),
    }


# -- the peer ------------------------------------------------------------------------------------


def _packed(connection: Connection, arrived: LiteralString) -> list[bytes]:
    """Every reading in the order of records, packed for COPY; `arrived` is an expression."""
    with connection.cursor().copy(
        sql.SQL(
            "copy (select {}, at, source_at, channel, count, gauge, wide, word, quality, status, "
            "outbox, number from signal.reading order by outbox, number) to stdout (format binary)"
        ).format(sql.SQL(arrived))
    ) as copy:
        whole = b"".join(bytes(piece) for piece in copy)
    return [whole[start : start + PIECE] for start in range(0, len(whole), PIECE)]


def _copied(connection: Connection, packed: list[bytes]) -> float:
    connection.execute("truncate signal.reading")
    connection.execute("checkpoint")
    began = time.monotonic()
    with connection.cursor().copy(
        "copy signal.reading (arrived, at, source_at, channel, count, gauge, wide, word, quality, "
        "status, outbox, number) from stdin (format binary)"
    ) as copy:
        for piece in packed:
            copy.write(piece)
    return time.monotonic() - began


def _count(connection: Connection) -> int:
    row = connection.execute("select count(*) from signal.reading").fetchone()
    assert row is not None
    return row[0]


# -- size ----------------------------------------------------------------------------------------

# A second of the plant, the records of 4 devices, is one commit: the last of them, and 20 to 60 ms.
LIVE: LiteralString = (
    "max(at) over (partition by outbox, (number - 1) / 4) "
    "+ (20000 + (number - 1) / 4 * 7919 % 40009) * interval '1 us'"
)


def _sizes(connection: Connection) -> tuple[float, float]:
    """Bytes a reading: of rows that came live, and of those that are there now (4 devices)."""
    live = _packed(connection, LIVE)
    drained = _compressed(connection)
    _copied(connection, live)
    return _compressed(connection), drained


def _compressed(connection: Connection) -> float:
    """Bytes on disk a reading, indexes too, once every chunk is compressed."""
    connection.execute("select compress_chunk(c) from show_chunks('signal.reading') c")
    row = connection.execute("select hypertable_size('signal.reading')").fetchone()
    assert row is not None
    return row[0] / _count(connection)
