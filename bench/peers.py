"""A peer on the same work: telegraf, where it is on the PATH. Null figures where it is not.

Polling: the devices of bench/edge.py, read by telegraf's inputs.modbus and stored by its
outputs.postgresql, beside our agent, broker and ingest. Stream: the readings of bench/traffic.py,
as line protocol, since inputs.mqtt_consumer knows no Sparkplug; in the middle the database is
killed for ten seconds. Its configuration is in bench/telegraf.
"""

import json
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import LiteralString

import psycopg

from bench.devices import CHANNELS, fields, write_plant
from bench.edge import DEVICES, FIRST_PORT, Seen, device_command, observe
from bench.figure import Figure
from bench.rig import Rig, cpu_seconds, line_of, resident_mb, rig, say
from database.errors import ServerNotStartedError, UnreachableError
from pressline.demo.processes import Child

HERE = Path(__file__).parent / "telegraf"
NOT_HERE = "telegraf is not on the PATH"
WATCHED_S = 25.0
METRICS, SENDERS, STREAM, STREAM_S = 10, 100, 10_000, 35  # readings a second, seconds
KILL_AFTER_S, AWAY_S = 10.0, 10.0
QUIET_S, LONGEST_S = 6.0, 60.0  # without a new row; for everything that was kept to be written
POLLING = {
    "cpu_us": "CPU us a reading, all between device and database",
    "agent_cpu_us": "of it who polls", "database_cpu_us": "CPU us a reading, the database",
    "rss_mb": "MB resident, all", "agent_rss_mb": "of it who polls", "lateness_p99_s": "s",
    "requests_ratio": "of the least possible", "readings_per_s": "committed",
}  # fmt: skip
STREAMING = {
    "cpu_us": "CPU us a reading", "rss_mb": "MB resident, at the end", "readings_per_s": "sent",
    "broker_cpu_us": "CPU us a reading, the broker",
    "lost": "readings, database away for 10 s", "twice": "readings that are there again",
    "caught_up_s": "s after the last was sent",
}  # fmt: skip


def peers_figures() -> list[Figure]:
    """Ours and the peer's, on the same machine in the same run."""
    program = shutil.which("telegraf")
    figures = _figures("modbus", "pressline", POLLING, _polling(_ours_polls))
    figures += _figures("modbus", "telegraf", POLLING, program and _polling(_telegraf_polls))
    figures += _figures("mqtt", "pressline", STREAMING, _stream(_ours_takes))
    figures += _figures("mqtt", "telegraf", STREAMING, program and _stream(_telegraf_takes))
    return figures


def _figures(
    path: str, who: str, units: dict[str, str], found: dict[str, float] | str | None
) -> list[Figure]:
    values: dict[str, float] = found if isinstance(found, dict) else {}
    limits = {"lost": 0.5, "twice": 0.5} if who == "pressline" else {}
    return [
        Figure(f"peer_{path}_{name}_{who}", values.get(name), "<", limits.get(name), unit,
               "" if values else NOT_HERE, absent=not values)
        for name, unit in units.items()
    ]  # fmt: skip


# -- polling ---------------------------------------------------------------------------------------


# Who polls, what else its readings pass on their way to the database, how many are stored.
Poller = tuple[Child, list[Child], Callable[[], int]]


def _polling(start: Callable[[Rig], Poller]) -> dict[str, float]:
    with rig() as made:
        devices = made.program("devices", *device_command(FIRST_PORT, DEVICES))
        line_of(devices)
        agent, others, readings = start(made)
        seen: Seen = observe(made, agent, devices, readings, WATCHED_S, others)
    return {
        "cpu_us": 1e6 * seen.way_share / seen.rate, "agent_cpu_us": 1e6 * seen.share / seen.rate,
        "database_cpu_us": 1e6 * seen.database / seen.rate,
        "rss_mb": seen.way_memory, "agent_rss_mb": seen.memory,
        "lateness_p99_s": seen.late, "requests_ratio": seen.requests, "readings_per_s": seen.rate,
    }  # fmt: skip


def _ours_polls(made: Rig) -> Poller:
    ingest = made.ingest()
    plant = write_plant(made.folder, made.port, FIRST_PORT, DEVICES)
    return made.edge(plant), [made.children.all["broker"], ingest], made.readings


def _telegraf_polls(made: Rig) -> Poller:
    folder = _configuration(made)
    device = Template((HERE / "modbus.conf").read_text())
    for n in range(DEVICES):
        told = device.substitute(name=f"B{n:03}", port=FIRST_PORT + n, fields=_telegraf_fields())
        (folder / f"device-{n:03}.conf").write_text(told)
    return _telegraf(made, folder), [], lambda: CHANNELS * _rows(made, "device")


def _telegraf_fields() -> str:
    """Every channel of the device as a field; whole numbers as 64-bit integers."""
    rows: list[str] = []
    for name, (address, code) in fields().items():
        if code.startswith("bit"):
            how = f'type="BIT", bit={code.removeprefix("bit")}'
        else:
            how = f'type="{code.upper()}"' + ("" if "float" in code else ', output="INT64"')
        rows.append(f'      {{ address={address}, name="{name}", {how} }},')
    return "\n".join(rows)


# -- the stream ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Taker:
    """A program that takes the stream, the one that sends it, and how many readings are stored.

    `different`: those that are not there already; what came twice makes good for nothing lost.
    """

    program: Child
    sender: Child
    readings: Callable[[], int]
    different: Callable[[], int]


def _stream(start: Callable[[Rig], Taker]) -> dict[str, float]:
    with rig() as made:
        _keep_everything(made)
        taker = start(made)
        first = METRICS * SENDERS
        made.until("the first round", lambda: taker.readings() >= first, 60)
        both = taker.program, made.children.all["broker"]
        before = [cpu_seconds(child.pid) for child in both]
        say(taker.sender)
        time.sleep(KILL_AFTER_S)
        made.server.kill()
        time.sleep(AWAY_S)
        _start_again(made)
        told = json.loads(line_of(taker.sender))
        ended = time.monotonic()
        stored, quiet = _settled(taker.readings, first + told["readings"])
        spent = [cpu_seconds(child.pid) - cpu for child, cpu in zip(both, before, strict=True)]
        different = taker.different()
        return {
            "cpu_us": 1e6 * spent[0] / told["readings"],
            "broker_cpu_us": 1e6 * spent[1] / told["readings"],
            "rss_mb": resident_mb(taker.program.pid),
            "readings_per_s": told["readings"] / told["seconds"],
            "lost": first + told["readings"] - different,
            "twice": stored - different,
            "caught_up_s": max(0.0, quiet - ended),
        }


def _keep_everything(made: Rig) -> None:
    """The broker holds as much as it is sent: what is lost then is not the broker's doing."""
    settings = made.folder / "mosquitto.conf"
    limits = "max_queued_messages 0\nmax_inflight_messages 1000\n"
    settings.write_text(settings.read_text() + limits)
    made.children.restart_killed("broker", 0.2)


def _start_again(made: Rig) -> None:
    end = time.monotonic() + 20
    while True:
        try:
            made.server.start()
        except ServerNotStartedError:  # sessions of the dead server are still there
            if time.monotonic() > end:
                raise
            time.sleep(0.5)
        else:
            return


def _settled(readings: Callable[[], int], expected: int) -> tuple[int, float]:
    """What is stored once nothing is added any more, and since when that was so."""
    stored, since = readings(), time.monotonic()
    end = since + LONGEST_S
    while stored < expected and time.monotonic() < min(since + QUIET_S, end):
        time.sleep(0.2)
        if (now := readings()) != stored:
            stored, since = now, time.monotonic()
    return stored, since


def _ours_takes(made: Rig) -> Taker:
    ingest = made.ingest()
    sender = _sender(made, "bench.traffic")
    return Taker(ingest, sender, made.readings, lambda: _counted(made, "reading"))


def _telegraf_takes(made: Rig) -> Taker:
    folder = _configuration(made)
    shutil.copy(HERE / "mqtt.conf", folder)
    program = _telegraf(made, folder)
    time.sleep(3)  # it has no word for being subscribed
    return Taker(
        program,
        _sender(made, "bench.lines"),
        lambda: METRICS * _rows(made, "press"),
        lambda: METRICS * _counted(made, "message"),
    )


def _sender(made: Rig, module: str) -> Child:
    numbers = map(str, (made.port, METRICS, SENDERS, STREAM, STREAM_S))
    sender = made.program("sender", sys.executable, "-m", module, *numbers)
    line_of(sender)
    return sender


# -- telegraf --------------------------------------------------------------------------------------


def _configuration(made: Rig) -> Path:
    folder = made.folder / "telegraf.d"
    folder.mkdir()
    return folder


def _telegraf(made: Rig, folder: Path) -> Child:
    where = {"DATABASE": made.server.url, "MQTT_PORT": str(made.port)}
    output = str(HERE / "output.conf")
    command = ["telegraf", "--config", output, "--config-directory", str(folder)]
    return made.children.start_program("telegraf", command, environment=where)


def _rows(made: Rig, table: str) -> int:
    """Rows of telegraf's table; 0 while it or the database is not there."""
    try:
        return _counted(made, table)
    except (psycopg.errors.UndefinedTable, psycopg.OperationalError, UnreachableError):
        return 0


def _counted(made: Rig, what: str) -> int:
    with made.connection() as connection:
        row = connection.execute(_COUNTS[what]).fetchone()
    return row[0] if row else 0


_COUNTS: dict[str, LiteralString] = {
    "device": "select count(*) from public.device", "press": "select count(*) from public.press",
    "message": "select count(distinct (time, device)) from public.press",
    "reading": "select count(distinct (number, channel)) from signal.reading",
}  # fmt: skip
