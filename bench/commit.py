"""What a live commit costs: ten records of 49 channels, as a hundred devices at 1 Hz bring them.

A bulk delivery hides it: there a batch has each channel once, here every record tells all of its
device, or a fifth of it. The records go through ingest's own intake, in this process, into a
quiet database. CPU of ingest is all between the message and the commit; WAL is what the commits
wrote.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TypeVar
from uuid import uuid4

from bench.figure import Figure
from bench.publisher import births, make_device, records
from bench.rig import Rig, rig, server_cpu
from database.connection import Connection
from ingest.intake import Intake
from ingest.packets import Messages, cut

CHANNELS, DEVICES, TOGETHER, COMMITS = 49, 100, 10, 400
AN_HOUR = 3_600_000  # ms
TOLD = {"live": 1, "sparse": 5}  # one of so many channels is told
T = TypeVar("T")


@dataclass
class Direct:
    """Writes with one connection, at once."""

    connection: Connection

    def run(self, work: Callable[[Connection], T]) -> T:
        return work(self.connection)

    def start(self, work: Callable[[Connection], T]) -> "Future[T]":
        done: Future[T] = Future()
        done.set_result(self.run(work))
        return done


def commit_figures() -> list[Figure]:
    """Both loads, each on a database of its own."""
    figures: list[Figure] = []
    for load, every in TOLD.items():
        with rig() as ground:
            figures += _figures(f"commit_{load}", *_run(ground, every))
    return figures


def _figures(name: str, readings: int, ingest: float, database: float, wal: int) -> list[Figure]:
    return [
        Figure(f"{name}_ingest_cpu_us", 1e6 * ingest / readings, "<", None, "CPU us a reading"),
        Figure(f"{name}_database_cpu_us", 1e6 * database / readings, "<", None, "CPU us a reading"),
        Figure(f"{name}_wal_bytes", wal / readings, "<", None, "bytes a reading"),
    ]


def _run(ground: Rig, every: int) -> tuple[int, float, float, int]:
    """Readings, CPU of ingest and of the database (s), WAL (bytes)."""
    devices = [make_device(number, CHANNELS) for number in range(DEVICES)]
    packets = births(devices, str(uuid4()), _now() - AN_HOUR)  # before all that is told
    told = [replace(each, channels=each.channels[::every]) for each in devices]
    live = records(told, TOGETHER * COMMITS, _now())
    with ground.connection() as connection:
        intake = Intake(Direct(connection), _now, time.monotonic)
        _take(intake, packets)
        connection.execute("checkpoint")
        wal, database, began = _wal(connection), server_cpu(ground.server), time.process_time()
        for start in range(0, len(live), TOGETHER):
            _take(intake, b"".join(live[start : start + TOGETHER]))
        ingest = time.process_time() - began
        database = server_cpu(ground.server) - database
        return ground.readings(), ingest, database, _wal(connection) - wal


def _take(intake: Intake, packets: bytes) -> None:
    messages: Messages
    messages, place = cut(packets, 0)
    assert place == len(packets)
    for topic, payload in messages:
        intake.take(topic, payload)
    intake.commit()


def _wal(connection: Connection) -> int:
    row = connection.execute("select pg_current_wal_lsn() - '0/0'").fetchone()
    assert row is not None
    return int(row[0])


def _now() -> int:
    return time.time_ns() // 1_000_000
