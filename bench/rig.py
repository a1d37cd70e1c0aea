"""What a measurement runs on: a database, a broker and the rooms, each a process of its own."""

import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from database.connection import Connection, connect
from database.migrate import migrate
from database.server import Server, embedded_binaries, let_server_pass
from pressline.demo.broker import answers, broker_command, find_mosquitto
from pressline.demo.processes import Child, Children
from pressline.demo.shopfloor import free_ports

TICKS = os.sysconf("SC_CLK_TCK")
LOOK_S = 0.1
COMMIT_TIMES = "track_commit_timestamp=on"


class BenchError(Exception):
    """A measurement could not be taken, or would not have been true; the message says why."""


@dataclass
class Rig:
    """One folder with a migrated database (plain unless asked otherwise) and mosquitto, running."""

    folder: Path
    server: Server
    port: int
    children: Children

    def connection(self) -> Connection:
        """A connection of its own transactions."""
        return connect(self.server.url, autocommit=True, application="bench")

    def ingest(self) -> Child:
        """Start the Sparkplug host."""
        return self.children.start(
            "ingest", "ingest", "run", "--database", self.server.url, "--mqtt-port", f"{self.port}"
        )

    def edge(self, plant: Path, name: str = "edge") -> Child:
        """Start the agent of a plant file."""
        return self.children.start(name, "edge", "run", str(plant))

    def program(self, name: str, *command: str) -> Child:
        """Start a program that talks over its standard input and output."""
        return self.children.start_program(name, command, piped=True)

    def readings(self) -> int:
        """How many are committed."""
        with self.connection() as connection:
            row = connection.execute("select count(*) from signal.reading").fetchone()
        assert row is not None
        return row[0]

    def until(self, what: str, met: Callable[[], bool], limit: float) -> None:
        """Wait until something is so; BenchError when it is not in time."""
        end = time.monotonic() + limit
        while not met():
            self.children.check()
            if time.monotonic() > end:
                raise BenchError(f"waited {limit:.0f} s for {what}\n{self._logs()}")
            time.sleep(LOOK_S)

    def _logs(self) -> str:
        told = (f"{child.log}:\n{child.last_lines()}" for child in self.children.all.values())
        return "\n".join(told)


@contextmanager
def rig(*settings: str, binaries: Path | None = None, preload: str = "") -> Generator[Rig]:
    """A rig in a folder of its own; everything ends with it. `settings` are of the server.

    `binaries` are another server's than the embedded one's, `preload` libraries it loads.
    """
    with TemporaryDirectory(prefix="pressline-bench-") as name:
        folder = Path(name)
        let_server_pass(folder)
        programs = binaries or embedded_binaries()
        server = Server(programs, folder / "data", preload, settings).start()
        children = Children(folder)
        try:
            migrate(server.url)
            check_durable(server.url)
            [port] = free_ports(1)
            children.start_program("broker", broker_command(folder, port, find_mosquitto()))
            made = Rig(folder, server, port, children)
            made.until("the broker", lambda: answers(port), 10)
            yield made
        finally:
            children.stop()
            server.stop()


def check_durable(url: str) -> None:
    """BenchError when the server promises less than PostgreSQL does by itself."""
    with connect(url, autocommit=True, application="bench") as connection:
        eased = connection.execute(EASED).fetchall()
    if eased:
        told = ", ".join(f"{name}={setting}" for name, setting in eased)
        raise BenchError(f"not measured on a server that does not keep what it commits: {told}")


EASED = """
select name, setting from pg_settings
where name in ('fsync', 'synchronous_commit', 'full_page_writes') and setting <> 'on'
"""


def cpu_seconds(pid: int, *, reaped: bool = False) -> float:
    """CPU time of a process and all its threads until now; `reaped`: of its ended children, too.

    BenchError when it has ended: what is measured does not end by itself.
    """
    fields = _told_of(pid, "stat").rsplit(")", 1)[1].split()
    return sum(int(field) for field in fields[11 : 15 if reaped else 13]) / TICKS


def server_cpu(server: Server) -> float:
    """CPU seconds of every process of a database server, those that have ended too.

    Workers come and go: when one went between the look at the list and at its time, its time is
    with its parent by now, and all is looked at once more.
    """
    assert server.pid is not None
    while True:
        workers = workers_of(server.pid)
        try:
            spent = sum(cpu_seconds(worker) for worker in workers)
        except BenchError:
            continue
        whole = spent + cpu_seconds(server.pid, reaped=True)
        if workers == workers_of(server.pid):
            return whole


def workers_of(pid: int) -> list[int]:
    """Child processes that are alive."""
    return [int(child) for child in _told_of(pid, f"task/{pid}/children").split()]


def resident_mb(pid: int) -> float:
    """Memory of a process that is in RAM, shared pages included."""
    for line in _told_of(pid, "status").splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise BenchError(f"process {pid} has ended while it was measured")


def _told_of(pid: int, what: str) -> str:
    try:
        return Path(f"/proc/{pid}/{what}").read_text()
    except (FileNotFoundError, ProcessLookupError) as error:
        raise BenchError(f"process {pid} has ended while it was measured") from error


def line_of(child: Child) -> str:
    """The next line that a program says; waits for it."""
    assert child.process is not None
    assert child.process.stdout is not None
    line = child.process.stdout.readline()
    if not line:
        child.check()
    return line


def say(child: Child, line: str = "") -> None:
    """Tell a program something."""
    assert child.process is not None
    assert child.process.stdin is not None
    child.process.stdin.write(f"{line}\n")
    child.process.stdin.flush()
