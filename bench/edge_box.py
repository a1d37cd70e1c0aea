"""What people do to an edge box: a plant file changed, a disk exchanged, a second box forgotten.

Every act is a generator that takes a step whenever the lab looks at it (bench/breakage.py).
"""

import re
import shutil
import sqlite3
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from bench.steps import LOOK_S, Steps, pause, until
from bench.surroundings import Disk, WallClock
from database.errors import UnreachableError
from edge_agent.outbox import UNANSWERED
from pressline.demo.processes import Child
from pressline.demo.river import River

SECOND = "edge-2"
REFUSAL_S = 15.0  # for a process to start and to find the outbox taken, on a busy machine
OUTBOX = "outbox.sqlite"
FULL = ("cannot write the outbox", "its reserve is in use")


@dataclass
class EdgeBox:
    """The edge of a running plant, and the disk its outbox lies on."""

    river: River
    disk: Disk
    _copies: set[str] = field(default_factory=set[str])  # identities that were put back

    @property
    def outbox(self) -> Path:
        """The outbox's file."""
        return self.disk.folder / OUTBOX

    @property
    def agent(self) -> Child:
        """The agent's process."""
        return self.river.children.all["edge"]

    # -- the plant file ---------------------------------------------------------------------------

    def reload(self, poll_ms: int, pause_s: float) -> Steps:
        """Every press is polled at another pace for a while: SIGHUP, twice."""
        yield from until(self._in_use)
        plant = self.river.files.plant
        before = plant.read_text()
        _replace(plant, re.sub(r"(?m)^(stop_after_s = .*)$", rf"\1\npoll_ms = {poll_ms}", before))
        self.agent.hang_up()
        yield from pause(pause_s)
        _replace(plant, before)
        self.agent.hang_up()

    # -- the disk ---------------------------------------------------------------------------------

    def full_disk(self, pause_s: float) -> Generator[None, None, int]:
        """Not one byte more for a while; returns how often the agent said so.

        SQLite goes on in what it has written before, so that is taken away first; and what the
        agent gives up of its reserve, too.
        """
        told, end = self.agent.said(*FULL), time.monotonic() + pause_s
        yield from until(self._in_use)
        with closing(sqlite3.connect(self.outbox, timeout=1)) as outbox:
            outbox.execute("pragma wal_checkpoint(truncate)")
        while time.monotonic() < end:
            self.disk.fill(self.agent.pid)
            yield from pause(LOOK_S)
        self.disk.free(self.agent.pid)
        return self.agent.said(*FULL) - told

    def new_disk(self, pause_s: float) -> Steps:
        """The agent dies with its disk; it starts on an empty one."""
        yield from self._delivered()
        self.agent.kill()
        for file in self._files():
            file.unlink()
        yield from pause(pause_s)
        self.agent.start()

    def old_disk(self, pause_s: float) -> Steps:
        """An image of the disk is taken while the agent is down; later it is played back."""
        image = self.disk.folder.with_name("image")
        yield from until(self._in_use)
        self.agent.kill()
        image.mkdir()
        for file in self._files():
            shutil.copy(file, image)
        self.agent.start()
        yield from pause(pause_s)
        yield from self._delivered()
        self.agent.kill()
        for file in self._files():
            file.unlink()
        for file in image.iterdir():
            shutil.copy(file, self.disk.folder)
        shutil.rmtree(image)
        self._copies.add(self._stands()[0])
        self.agent.start()

    def _files(self) -> list[Path]:
        return [file for file in self.disk.folder.iterdir() if file.name.startswith(OUTBOX)]

    def _delivered(self) -> Steps:
        """Until the database has what the outbox holds now: a lost disk takes the rest with it.

        What an old copy holds has numbers that the database knows of others: it must first have
        found out, and begun anew; or been answered, where nothing came after the image was taken.
        """
        yield from until(lambda: self._in_use() and self._is_known())
        uuid, last = self._stands()
        yield from until(lambda: self._watermark(uuid) >= last)

    def _is_known(self) -> bool:
        """Whether the database has answered the outbox since it was put back, if it was."""
        return self._stands()[0] not in self._copies or UNANSWERED not in self._meta()

    def _in_use(self) -> bool:
        """Whether the agent has its outbox and something in it: one just started has not."""
        lock = self.outbox.with_name(f"{OUTBOX}.lock")
        try:
            return lock.read_text() == str(self.agent.pid) and self._stands()[1] > 0
        except (OSError, sqlite3.OperationalError):
            return False

    def _stands(self) -> tuple[str, int]:
        """The outbox's identity and its newest record; 0 before the first."""
        known = self._meta()
        return str(known.get("uuid", "")), int(str(known.get("last", 0)))

    def _meta(self) -> dict[str, object]:
        with closing(sqlite3.connect(f"file:{self.outbox}?mode=ro", uri=True)) as outbox:
            return dict(outbox.execute("select key, value from meta"))

    def _watermark(self, uuid: str) -> int:
        try:
            with self.river.connection() as connection:
                row = connection.execute(
                    "select number from signal.outbox where uuid = %s", [uuid]
                ).fetchone()
        except (UnreachableError, psycopg.Error):  # it is away just now
            return -1
        return row[0] if row else -1

    # -- the clock --------------------------------------------------------------------------------

    def start_at_another_hour(self, clock: WallClock, seconds: int, pause_s: float) -> Steps:
        """The box starts with a clock that is hours off, reads, and is put right at work."""
        yield from until(self._in_use)
        self.agent.kill()
        _, last = self._stands()
        clock.set(seconds)
        self.agent.start()
        yield from until(lambda: self._in_use() and self._stands()[1] > last)
        yield from pause(pause_s)
        clock.set(0)

    # -- a second one -----------------------------------------------------------------------------

    def start_twice(self, pause_s: float) -> Generator[None, None, bool]:
        """The same agent is started once more on the same box; returns whether it was refused."""
        yield from until(self._in_use)
        second = self.river.start_edge(SECOND, environment=self.agent.environment)
        yield from pause(pause_s)
        end = time.monotonic() + REFUSAL_S
        yield from until(lambda: not second.is_running or time.monotonic() > end)
        refused = not second.is_running
        self._end(second)
        return refused

    def second_box(self, pause_s: float) -> Steps:
        """The exchanged box is switched on again: same plant file, an outbox of its own."""
        kept = self.disk.folder.with_name("second-box")
        kept.mkdir(exist_ok=True)
        second = self.river.start_edge(SECOND, "--outbox", str(kept / OUTBOX))
        yield from pause(pause_s)
        self._end(second)

    def _end(self, second: Child) -> None:
        self.river.children.all.pop(SECOND, None)
        second.kill()


def _replace(file: Path, text: str) -> None:
    """Whole or not at all: an agent may read it at any moment."""
    new = file.with_suffix(".new")
    new.write_text(text)
    new.replace(file)
