"""The edge agent under load: memory, share of a core, lateness of its polls.

50 devices x 40 registers at 1 s, every value changing at every poll, outbox and MQTT running, all
acknowledged by a real ingest over a real broker into a real database.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from bench.figure import Figure
from database.migrate import migrate
from database.server import Server, embedded_binaries
from pressline.demo.broker import answers, broker_command, find_mosquitto
from pressline.demo.processes import Children

DEVICES, REGISTERS, POLL_S = 50, 40, 1.0
SETTLE_S, MEASURE_S = 8.0, 30.0
TICKS = os.sysconf("SC_CLK_TCK")
FIRST_PORT = 21_000


def edge_figures() -> list[Figure]:
    """Measure one agent for half a minute, after it has settled."""
    with tempfile.TemporaryDirectory(prefix="pressline-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = Server(embedded_binaries(), folder / "data").start()
        try:
            migrate(server.url)
            return _with_plant(folder, server.url)
        finally:
            server.stop()


def _with_plant(folder: Path, database: str) -> list[Figure]:
    port = _free_port()
    plant = folder / "plant.toml"
    plant.write_text(_plant(port, folder))
    children = Children(folder)
    try:
        children.start_program("broker", broker_command(folder, port, find_mosquitto()))
        while not answers(port):
            time.sleep(0.05)
        with _devices() as devices:
            children.start(
                "ingest", "ingest", "run", "--database", database, "--mqtt-port", f"{port}"
            )
            agent = children.start("edge", "edge", "run", str(plant))
            return _measure(agent.pid, database, devices)
    finally:
        children.stop()


def _measure(agent: int, database: str, devices: "subprocess.Popen[str]") -> list[Figure]:
    time.sleep(SETTLE_S)
    rows, cpu, since = _committed(database), cpu_seconds(agent), time.monotonic()
    time.sleep(MEASURE_S)
    until = time.monotonic()
    share = (cpu_seconds(agent) - cpu) / (until - since)
    rate = (_committed(database) - rows) / (until - since)
    memory = _resident_mb(agent)
    devices.send_signal(signal.SIGTERM)
    assert devices.stdout is not None
    lateness = _lateness(json.loads(devices.stdout.read()), since, until)
    return [
        Figure("edge_rss_mb", memory, "<", 60, "MB resident"),
        Figure("edge_cpu_share", share, "<", 0.08, "of a core"),
        Figure("edge_lateness_p99_s", lateness, "<", 0.020, "s"),
        Figure("edge_readings_per_s", rate, ">", 0.98 * DEVICES * REGISTERS / POLL_S, "committed"),
    ]


def _plant(mqtt_port: int, folder: Path) -> str:
    head = f"""
site = "bench"
node = "edge-1"
time_zone = "UTC"
[mqtt]
host = "127.0.0.1"
port = {mqtt_port}
[outbox]
path = "{folder}/outbox.sqlite"
[[shift]]
code = "day"
start = "08:00"
end = "20:00"
[[line]]
name = "L1"
"""
    return head + "".join(_press(number) for number in range(DEVICES))


def _press(number: int) -> str:
    channels = "".join(
        f'[[press.channel]]\nname = "c{register}"\nkind = "counter"\nmodulus = 65536\n'
        f'register = "holding:{register}:uint16"\n'
        for register in range(REGISTERS)
    )
    return (
        f'[[press]]\nname = "B{number:03}"\nline = "L1"\ntop_speed = 6000\n'
        f'address = "modbus://127.0.0.1:{FIRST_PORT + number}/1"\n'
        f'poll_ms = {POLL_S * 1000:.0f}\nstroke_counter = "c0"\n{channels}'
    )


@contextmanager
def _devices() -> Generator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "bench.devices", str(FIRST_PORT), str(DEVICES)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.terminate()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _committed(database: str) -> int:
    with psycopg.connect(database) as connection:
        row = connection.execute("select count(*) from signal.reading").fetchone()
    return row[0] if row else 0


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmRSS")


def _lateness(arrivals: list[list[float]], since: float, until: float) -> float:
    """99th percentile of how far each poll came behind its device's own grid, in seconds.

    A device's grid is fixed by its earliest poll phase within the window: no poll can be early.
    """
    late: list[float] = []
    for times in arrivals:
        phases = [moment % POLL_S for moment in times if since <= moment <= until]
        first = phases[0]
        drift = [(phase - first + POLL_S / 2) % POLL_S - POLL_S / 2 for phase in phases]
        late += [each - min(drift) for each in drift]
    late.sort()
    return late[int(len(late) * 0.99)]
