"""Actors of the wire's stories: an ingest process, edge nodes, a probe at the broker, a watcher."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, LiteralString, Self, TypeVar

import psycopg

from database.connection import Connection
from edge_agent.node import Node
from edge_agent.outbox import Outbox
from edge_agent.outbox.bounds import Limits
from edge_agent.plantfile.entries import Mqtt
from edge_agent.sample import Sample
from edge_agent.wire import Channel, DataType

T = TypeVar("T")

PATIENCE_S = 30.0
SITE, NODE, PRESS = "plant", "edge-1", "P01"
STROKES = Channel("strokes", DataType.UINT32, "counter")
EACH_ONCE = (
    "select count(*), count(distinct r.number), max(r.number), "
    "count(*) filter (where r.count <> r.number) "
    "from signal.reading r join signal.outbox o on o.id = r.outbox where o.node = %s"
)
START_INGEST = (
    "import sys; from ingest.host import run; "
    "run(*sys.argv[1:3], int(sys.argv[3]), sys.argv[4], sys.argv[5:])"
)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait for something that nobody announces."""
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.02)


@dataclass
class Ingest:
    """An ingest process that can be killed and started again."""

    database: str
    port: int
    host_id: str = "pressline"
    nodes: Sequence[str] = ()
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        arguments = [self.database, "127.0.0.1", str(self.port), self.host_id, *self.nodes]
        self.process = subprocess.Popen([sys.executable, "-c", START_INGEST, *arguments])

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self) -> int:
        """Ask it to end; its exit code."""
        assert self.process is not None
        self.process.terminate()
        code = self.process.wait(PATIENCE_S)
        self.process = None
        return code


class Watcher:
    """Looks into the database; wakes up when readings are committed."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        connection.execute("listen reading")

    def value(self, query: LiteralString, *arguments: object) -> Any:
        row = self.connection.execute(query, arguments).fetchone()
        return None if row is None else row[0]

    def rows(self, query: LiteralString, *arguments: object) -> list[tuple[Any, ...]]:
        return self.connection.execute(query, arguments).fetchall()

    def until(self, query: LiteralString, *arguments: object) -> None:
        """Wait until a query says true."""
        end = time.monotonic() + PATIENCE_S
        while not self.value(query, *arguments):
            assert time.monotonic() < end, f"waited in vain for {query}"
            for _ in self.connection.notifies(timeout=0.1, stop_after=1):
                pass

    def until_number(self, number: int) -> None:
        """Wait until every record up to a number is committed."""
        self.until("select exists (select from signal.outbox where number >= %s)", number)

    def nothing_lost_or_doubled(self, last: int, node: str = NODE) -> None:
        """Each record is there once, and carries what was sent: its own number."""
        [(rows, numbers, highest, wrong)] = self.rows(EACH_ONCE, node)
        assert (rows, numbers, highest, wrong) == (last, last, last, 0)
        assert self.rows("select * from signal.gap") == []


@dataclass
class Edge:
    """An edge node in a thread; each record's value is its own number."""

    folder: Path
    port: int
    devices: dict[str, Sequence[Channel]] = field(
        default_factory=lambda: {PRESS: [STROKES]}
    )  # fmt: skip
    mqtt: Mqtt | None = None
    name: str = NODE
    off: int = 0  # ms by which its clock is wrong
    node: Node = field(init=False)
    outbox: Outbox = field(init=False)

    def __enter__(self) -> Self:
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()))
        self._thread.start()
        assert self._ready.wait(PATIENCE_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _live(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self.outbox = Outbox(self.folder / "outbox.sqlite")
        mqtt = self.mqtt or Mqtt(port=self.port)
        self.node = Node(
            SITE, self.name, devices=self.devices, outbox=self.outbox, mqtt=mqtt, clock=self.clock
        )
        self.next = self.outbox.last + 1
        running = asyncio.create_task(self.node.run())
        self._ready.set()
        await self._stop.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        self.outbox.close()

    def ask(self, work: Callable[[], T]) -> T:
        """Call something on the node's own loop and wait for its result."""

        async def called() -> T:
            return work()

        return self.run(called())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something on the node's own loop and wait for its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)

    def clock(self) -> int:
        """What its clock shows (ms)."""
        return now_ms() + self.off

    def set_clock(self, by: int) -> None:
        """The clock is set by so much (ms), and the node notices."""

        def notice() -> None:
            self.off += by
            self.node.clock_stepped(by, self.clock())

        self.ask(notice)

    def limit(self, most_bytes: int) -> None:
        """The outbox may be no larger."""
        self.node._keeping.bounds.limits = Limits(bytes=most_bytes)

    def strokes(self, records: int, at: int | None = None) -> None:
        """So many records, each with one reading."""

        def write() -> None:
            for _ in range(records):
                self.node.samples(PRESS, [Sample("strokes", at or self.clock(), self.next)])
                self.next += 1

        self.ask(write)

    def until_acknowledged(self, number: int) -> None:
        until(lambda: self.node.sender.acknowledged >= number, f"ack of {number}")


def lock_watermarks(url: str) -> psycopg.Connection:
    """Hold every outbox row, so that a commit of ingest must wait; close to let go."""
    holder = psycopg.connect(url)
    holder.execute("select * from signal.outbox for update")
    return holder
