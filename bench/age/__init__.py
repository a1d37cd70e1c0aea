"""A plant of 60 presses with two years in it: what a look, a second and an act cost there.

Beside this code, an earlier commit runs from a git worktree on a plant of the same size.
"""

import json
import os
import queue
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.age import derived, history
from bench.age.size import FRESH, Size
from bench.figure import Figure
from bench.rig import BenchError, check_durable
from database.connection import connect
from database.server import Server, embedded_binaries, let_server_pass

BEFORE = "ca6df39"
ROOT = Path(__file__).parent.parent.parent
PROBE = Path(__file__).with_name("probe.py")
SETTINGS = ("shared_buffers=1GB", "max_wal_size=8GB", "checkpoint_timeout=30min")
LONGEST = 60.0  # seconds, after which a measurement is ended
MADE_WITHIN = 300.0
LIMITS = {
    "work_orders": 0.05, "work_orders_of_line": 0.05, "press_at": 0.015,
    "bridge_second": 0.03, "on_hand": 0.05, "list": 0.1,
}  # fmt: skip
ACT_RATIO = 1.5
WARM_ACTS = 30
ACT_ROUNDS = 3
MIGRATE = """
import sys
try:
    from database.schema import furnish as made
except ImportError:  # a commit from before there was row security
    from database.migrate import migrate as made
made(sys.argv[1])
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds of a measurement: the median round; None with the reason where there is none."""

    seconds: float | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class House:
    """A folder with the code of a commit, and a server for its plants."""

    code: Path
    server: Server

    def plant(self, name: str, size: Size, *, history_too: bool = True) -> tuple[str, float]:
        """A plant on a database of its own: its address, and seconds until it was there."""
        with connect(self.server.url, autocommit=True, application="bench") as admin:
            admin.execute(f"create database {name} template template0".encode())
        url = self.server.url_of(name)
        subprocess.run([sys.executable, "-P", "-c", MIGRATE, url], env=_path(self.code), check=True)
        began = time.monotonic()
        with connect(url, autocommit=True, application="bench") as connection:
            history.furnish(connection, size, history=history_too)
        return url, time.monotonic() - began

    def take(self, url: str, what: str, size: Size, longest: float = LONGEST) -> list[float] | None:
        """Rounds of one measurement in seconds; None when it was ended after the longest time."""
        with subprocess.Popen(
            [sys.executable, "-W", "ignore", "-P", PROBE, url, what, size.now.isoformat()],
            env=_path(self.code), cwd=self.code, stdout=subprocess.PIPE, text=True,
        ) as probe:  # fmt: skip
            said: queue.Queue[str] = queue.Queue()
            assert probe.stdout is not None
            threading.Thread(target=_hear, args=(probe.stdout, said), daemon=True).start()
            try:
                if said.get(timeout=LONGEST) != "ready\n":
                    raise BenchError(f"age: {what} could not be prepared in {self.code}")
                told = said.get(timeout=longest)
            except queue.Empty:
                _end(probe, url)
                return None
        if not told:
            raise BenchError(f"age: {what} failed in {self.code}; its own words are above")
        return json.loads(told)


def age_figures(size: Size | None = None, before: str = BEFORE) -> list[Figure]:
    """Each figure with its limit, and `…_before` it, unless the history here lacks that commit."""
    full = size or Size()
    with _house(ROOT) as house:
        url, took = house.plant("aged", full)
        figures = [
            Figure("age_made_s", took, "<", MADE_WITHIN, "s until the plant was there"),
            _derived(house, url, full),
        ]
        now = {what: _median(house.take(url, what, full)) for what in LIMITS}
        with _worktree(before) as code:
            then = _before(code, full) if code else {}
            why = "" if code else f"{before} is not in the history here"
            figures += [each for what in LIMITS for each in _beside(what, now, then, why)]
            return [*figures, *_act_figures(house, code, why)]


def _beside(
    what: str, now: Mapping[str, Taken], then: Mapping[str, Taken], why: str
) -> list[Figure]:
    name, limit, taken = f"age_{what}_s", LIMITS[what], now[what]
    earlier = then.get(what, Taken(None, why))
    return [
        Figure(name, taken.seconds, "<", limit, "s", taken.why),
        Figure(f"{name}_before", earlier.seconds, "<", None, "s", earlier.why),
    ]


def _median(took: list[float] | None) -> Taken:
    if took is None:
        return Taken(None, f"> {LONGEST:.0f}")
    return Taken(statistics.median(took))


def _derived(house: House, url: str, size: Size) -> Figure:
    """How many rows of one day of one press the bridge derives otherwise than they were written."""
    beside, _ = house.plant("derived", size, history_too=False)
    with (
        connect(url, autocommit=True, application="bench") as written,
        connect(beside, autocommit=True, application="bench") as counted,
    ):
        derived.derive(counted, size)
        of_sql, of_code = derived.told(written, size), derived.told(counted, size)
    apart = sum(len(of_sql[table] ^ of_code[table]) for table in of_sql)
    return Figure(
        "age_day_apart", float(apart), "<", 1, "rows of a day that the code derives otherwise"
    )


def _before(code: Path, size: Size) -> dict[str, Taken]:
    """The same of the earlier commit; it had no lists."""
    with _house(code) as house:
        url, _ = house.plant("aged", size)
        took = {what: _median(house.take(url, what, size)) for what in LIMITS if what != "list"}
    return {**took, "list": Taken(None, "it had no lists")}


def _act_figures(house: House, code: Path | None, why: str) -> list[Figure]:
    """What an act costs on a fresh plant, and how many times what it cost before."""
    if code is None:
        return [Figure("age_act_ratio", None, "<", ACT_RATIO, "x", why, absent=True)]
    with _house(code) as earlier:
        now, then = _acts(house, earlier)
    return [
        Figure("age_act_s", now, "<", None, "s"),
        Figure("age_act_s_before", then, "<", None, "s"),
        Figure("age_act_ratio", now / then, "<", ACT_RATIO, "x"),
    ]


def _acts(house: House, earlier: House) -> tuple[float, float]:
    """The median act of both, of the best of some rounds that take turns: the machine is shared."""
    best = [float("inf"), float("inf")]
    for n in range(ACT_ROUNDS):
        for place, each in enumerate((house, earlier)):
            url, _ = each.plant(f"fresh_{n}", FRESH)
            took = each.take(url, "act", FRESH)
            if took is None:
                raise BenchError("age: an act took longer than a minute")
            best[place] = min(best[place], statistics.median(took[WARM_ACTS:]))
    return best[0], best[1]


@contextmanager
def _house(code: Path) -> Generator[House]:
    with tempfile.TemporaryDirectory(prefix="pressline-age-") as name:
        folder = Path(name)
        let_server_pass(folder)
        server = Server(embedded_binaries(), folder / "data", settings=SETTINGS).start()
        try:
            check_durable(server.url)
            yield House(code, server)
        finally:
            server.stop()


@contextmanager
def _worktree(commit: str) -> Generator[Path | None]:
    """The files of a commit in a folder of their own; None when the history here lacks it."""
    with tempfile.TemporaryDirectory(prefix="pressline-before-") as name:
        code = Path(name) / "code"
        git = ("git", "-C", str(ROOT))
        added = subprocess.run(
            [*git, "worktree", "add", "--quiet", "--detach", str(code), commit],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if added.returncode:
            yield None
            return
        try:
            yield code
        finally:
            subprocess.run([*git, "worktree", "remove", "--force", str(code)], check=False)


def _path(code: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(code)}


def _hear(stream: object, said: "queue.Queue[str]") -> None:
    """Pass on what the probe says, line by line; then that it has ended."""
    for line in stream:  # pyright: ignore[reportGeneralTypeIssues, reportUnknownVariableType]
        said.put(str(line))  # pyright: ignore[reportUnknownArgumentType]
    said.put("")


def _end(probe: "subprocess.Popen[str]", url: str) -> None:
    """End a measurement, and what it asked of its database."""
    probe.kill()
    with connect(url, autocommit=True, application="bench") as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )
