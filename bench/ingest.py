"""From MQTT to committed: readings a second, beside COPY of the same rows in the same run.

One node delivers 400 channels at 10 and at 100 metrics a message, messages ready beforehand,
through the acknowledgement window, a real broker and a real ingest. COPY gets the rows that this
left in `signal.reading`, packed as binary, by one connection into the same table, emptied.
"""

import json
import socket
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bench.figure import Figure
from bench.rig import cpu_seconds
from database.migrate import migrate
from database.server import Server, embedded_binaries, timescale_binaries
from pressline.demo.broker import answers, broker_command, find_mosquitto
from pressline.demo.processes import Child, Children

CHANNELS, ROUNDS = 400, 1500  # each channel has so many readings: more than one compressed batch
METRICS = (10, 100)
RATE, RATIOS, BYTES = 100_000, {10: 0.2, 100: 0.4}, 6
COPIES = 3
NO_TIMESCALE = "no server with TimescaleDB here"


@dataclass(frozen=True, slots=True)
class Run:
    """One delivery and its peer; CPU in seconds."""

    metrics: int
    readings: int
    seconds: float
    twice: int
    ingest_cpu: float
    database_cpu: float
    publisher_cpu: float
    copy_rate: float

    @property
    def rate(self) -> float:
        return self.readings / self.seconds

    def figures(self, flavour: str) -> list[Figure]:
        tail, each = f"_{self.metrics}{flavour}", 1e6 / self.readings
        ratio, limit = self.rate / self.copy_rate, RATIOS[self.metrics]
        return [
            Figure(f"ingest_readings_per_s{tail}", self.rate, ">", RATE, "committed"),
            Figure(f"ingest_copy_ratio{tail}", ratio, ">", limit, "of COPY"),
            Figure(f"copy_readings_per_s{tail}", self.copy_rate, ">", None, "one connection"),
            Figure(f"ingest_cpu_us{tail}", self.ingest_cpu * each, "<", None, "CPU us a reading"),
            Figure(f"database_cpu_us{tail}", self.database_cpu * each, "<", None, "same"),
            Figure(f"publisher_cpu_us{tail}", self.publisher_cpu * each, "<", None, "same"),
            Figure(f"sent_twice{tail}", self.twice, "<", None, "messages"),
        ]


def ingest_figures() -> list[Figure]:
    """Both shapes on each flavour of server; the headline is 100 metrics on plain PostgreSQL."""
    runs, _ = _on(embedded_binaries(), timescale=False)
    head = Figure("ingest_readings_per_s", runs[-1].rate, ">", RATE, "committed, 100 a message")
    figures = [head, *(figure for run in runs for figure in run.figures(""))]
    timescale = timescale_binaries()
    if timescale is None:
        return [*figures, Figure("bytes_per_reading", None, "<", BYTES, "bytes", NO_TIMESCALE)]
    runs, size = _on(timescale, timescale=True)
    figures += [figure for run in runs for figure in run.figures("_timescale")]
    return [*figures, Figure("bytes_per_reading", size, "<", BYTES, "bytes, compressed")]


def _on(binaries: Path, *, timescale: bool) -> tuple[list[Run], float]:
    """Every shape on one flavour, each on a fresh database; bytes a reading after compression."""
    runs: list[Run] = []
    size = 0.0
    for metrics in METRICS:
        with tempfile.TemporaryDirectory(prefix="pressline-bench-") as name:
            folder = Path(name)
            folder.chmod(0o755)
            with _server(binaries, folder, timescale=timescale) as server:
                runs.append(_deliver(folder, server, metrics))
                size = _compressed(server.url) if timescale else 0.0
    return runs, size


@contextmanager
def _server(binaries: Path, folder: Path, *, timescale: bool) -> Generator[Server]:
    preload = "timescaledb" if timescale else ""
    settings = ("timescaledb.telemetry_level=off",) if timescale else ()
    server = Server(binaries, folder / "data", preload, settings).start()
    try:
        migrate(server.url)
        yield server
    finally:
        server.stop()


def _deliver(folder: Path, server: Server, metrics: int) -> Run:
    port = _free_port()
    children = Children(folder)
    try:
        children.start_program("broker", broker_command(folder, port, find_mosquitto()))
        while not answers(port):
            time.sleep(0.05)
        ingest = children.start(
            "ingest", "ingest", "run", "--database", server.url, "--mqtt-port", f"{port}"
        )
        publisher = children.start_program("publisher", _publisher(port, metrics), piped=True)
        _line(publisher)
        before = cpu_seconds(ingest.pid), _server_cpu(server)
        _go(publisher)
        told = json.loads(_line(publisher))
        after = cpu_seconds(ingest.pid), _server_cpu(server)
    finally:
        children.stop()
    return Run(
        metrics, told["readings"], told["seconds"], told["twice"],
        after[0] - before[0], after[1] - before[1], told["own_cpu_s"], _copy_rate(server.url),
    )  # fmt: skip


def _publisher(port: int, metrics: int) -> list[str]:
    devices = CHANNELS // metrics
    numbers = (port, metrics, devices * ROUNDS, devices)
    return [sys.executable, "-m", "bench.publisher", *map(str, numbers)]


def _line(child: Child) -> str:
    assert child.process is not None
    assert child.process.stdout is not None
    line = child.process.stdout.readline()
    child.check()
    return line


def _go(child: Child) -> None:
    assert child.process is not None
    assert child.process.stdin is not None
    child.process.stdin.write("\n")
    child.process.stdin.flush()


# -- the peer ------------------------------------------------------------------------------------


def _copy_rate(url: str) -> float:
    """Rows a second of COPY, the best of several; the last one leaves its rows there."""
    with psycopg.connect(url, autocommit=True) as connection:
        packed, rows = _packed(connection), _count(connection)
        seconds = min(_copied(connection, packed) for _ in range(COPIES))
        if _count(connection) != rows:
            raise AssertionError("COPY did not bring back the rows that ingest had written")
    return rows / seconds


def _packed(connection: psycopg.Connection) -> list[bytes]:
    with connection.cursor().copy(
        "copy (select * from signal.reading order by outbox, number) to stdout (format binary)"
    ) as copy:
        whole = b"".join(bytes(piece) for piece in copy)
    return [whole[start : start + 2_000_000] for start in range(0, len(whole), 2_000_000)]


def _copied(connection: psycopg.Connection, packed: list[bytes]) -> float:
    connection.execute("truncate signal.reading")
    connection.execute("checkpoint")
    began = time.monotonic()
    with connection.cursor().copy("copy signal.reading from stdin (format binary)") as copy:
        for piece in packed:
            copy.write(piece)
    return time.monotonic() - began


def _count(connection: psycopg.Connection) -> int:
    row = connection.execute("select count(*) from signal.reading").fetchone()
    assert row is not None
    return row[0]


def _compressed(url: str) -> float:
    """Bytes on disk a reading, indexes too, once every chunk is compressed."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("select compress_chunk(c) from show_chunks('signal.reading') c")
        row = connection.execute("select hypertable_size('signal.reading')").fetchone()
        assert row is not None
        return row[0] / _count(connection)


def _server_cpu(server: Server) -> float:
    """CPU seconds of every process of the server that is alive."""
    assert server.pid is not None
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    return cpu_seconds(server.pid) + sum(cpu_seconds(int(child)) for child in children)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
