"""How long a beginning takes: ingest that knows 2,000 nodes again, and `make demo`'s installation.

Both are promises to people, in seconds. The installation is that of a newcomer: a copy of the
files, no environment yet, packages fetched before (whatever pip's cache lacks is fetched first).
"""

import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.commit import Direct
from bench.figure import Figure
from bench.publisher import Device, births
from bench.rig import BenchError, rig
from database.connection import Connection
from edge_agent.wire import Channel, DataType
from ingest.group import Group
from ingest.intake import Intake
from ingest.packets import cut
from ingest.store import hold_host

TOP = Path(__file__).resolve().parents[1]
NODES, CHANNELS = 2000, 10
GROUP = Group("pressline")


def start_figures() -> list[Figure]:
    """Ingest first, then the installation."""
    wall, cpu = _ingest()
    return [
        Figure("start_ingest_2000_nodes_s", wall, "<", 1, "s, 10 channels each"),
        Figure("start_ingest_2000_nodes_cpu_s", cpu, "<", None, "CPU s of ingest"),
        Figure("start_demo_install_s", _demo_install(), "<", 60, "s, packages cached"),
    ]


def _ingest() -> tuple[float, float]:
    """Seconds, and CPU seconds of ingest, until it knows every node as it was."""
    with rig() as ground, ground.connection() as connection:
        _furnish(connection)
        if not hold_host(connection, GROUP.host):
            raise BenchError("another ingest holds the host")
        wall, cpu = time.perf_counter(), time.process_time()
        intake = Intake(Direct(connection), _now, time.monotonic, GROUP)
        spent = time.perf_counter() - wall, time.process_time() - cpu
        if len(intake.nodes) != NODES:
            raise BenchError(f"{len(intake.nodes)} of {NODES} nodes are known again")
        return spent


def _furnish(connection: Connection) -> None:
    names = [f"n{n:04}" for n in range(NODES)]
    channels = [Channel(f"c{n}", DataType.UINT32, "gauge", alias=20 + n) for n in range(CHANNELS)]
    press = Device("B000", channels, random.Random(0))
    told = [cut(births([press], name, _now()), 0)[0] for name in names]
    values = {
        "names": names, "births": [bytes(node) for (_, node), _ in told],
        "device": bytes(told[0][1][1]), "host": GROUP.host,
        "channels": [each.name for each in channels], "datatype": int(DataType.UINT32),
    }  # fmt: skip
    for statement in _KNOWN:
        connection.execute(statement, values)
    connection.execute("analyze")


_KNOWN = (
    "insert into signal.node (site, node, online, bdseq, since, birth, birth_at, host) "
    "select 'plant', name, true, 0, clock_timestamp(), birth, clock_timestamp(), %(host)s "
    "from unnest(%(names)s::text[], %(births)s::bytea[]) t(name, birth)",
    "insert into signal.device (site, node, device, online, since, birth) "
    "select site, node, 'B000', true, clock_timestamp(), %(device)s from signal.node",
    "insert into signal.outbox (uuid, site, node, number, arrived) "
    "select node, site, node, 7, clock_timestamp() from signal.node",
    "insert into signal.channel (site, node, device, name, kind, datatype, scale) "
    "select site, node, device, name, 'gauge', %(datatype)s, 1 "
    "from signal.device cross join unnest(%(channels)s::text[]) name",
)


def _demo_install() -> float:
    """Seconds of `make demo`'s installation in a copy of the files, the second time."""
    with TemporaryDirectory(prefix="pressline-install-") as name:
        folder = Path(name) / "pressline"
        _copy(folder)
        _install(folder)  # whatever is not cached yet
        shutil.rmtree(folder / ".venv")
        began = time.monotonic()
        _install(folder)
        return time.monotonic() - began


def _copy(folder: Path) -> None:
    listed = subprocess.run(
        ["git", "-C", TOP, "ls-files", "-z"], capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        source, target = TOP / name, folder / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


def _install(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, folder / "requirements" / "install.py", "demo"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise BenchError(f"the installation failed: {done.stderr.strip()}")


def _now() -> int:
    return time.time_ns() // 1_000_000
