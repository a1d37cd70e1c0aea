"""The outbox: every record of one edge node, kept on disk until the database has it.

SQLite in WAL mode with `synchronous=FULL`: a commit is on the disk before any of its records is
published, so a record number never means two things. A power cut costs at most the samples of
the group that was being written, and those had been handed to nobody.

Entries lie in one order. A record's place is its number; births and deaths of devices that come
before record n lie between n - 1 and n. Both fit one integer: `number * 2**20 + part`, where a
record has the highest part.
"""

import contextlib
import fcntl
import sqlite3
import threading
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import structlog

from edge_agent.errors import EdgeError
from edge_agent.wire import FIRST_CHANNEL_ALIAS

log = structlog.get_logger()

PARTS = 1 << 20
RECORD = PARTS - 1  # the part of a record; smaller parts are births and deaths before it
BDSEQ_CYCLE = 256  # Sparkplug 3.0: bdSeq runs from 0 to 255
VERSION = 1
TABLES = """
create table meta (key text primary key, value) without rowid;
create table entry (
  position integer primary key, device text not null, at integer not null, body blob
);
create table device (name text primary key, birth blob) without rowid;
create table alias (
  device text, name text, alias integer not null unique, primary key (device, name)
) without rowid;
"""


class OutboxError(EdgeError):
    """The outbox file cannot be used; the message says which, why and what to do."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A record, or a device's birth or death, at its place in outbox order.

    `body` is a record's encoded metrics, a birth's encoded declaration, or None for a death;
    `at` is the newest capture time in it (ms).
    """

    position: int
    device: str
    at: int
    body: bytes | None

    @property
    def number(self) -> int:
        """The record's number; of a birth or death, that of the record it comes before."""
        return self.position // PARTS

    @property
    def is_record(self) -> bool:
        """Whether it is a record, not a birth or death."""
        return self.position % PARTS == RECORD


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry that has no place yet."""

    device: str
    at: int
    body: bytes | None
    is_record: bool


def end_of(number: int) -> int:
    """The place of record `number`: everything up to it lies at or before."""
    return number * PARTS + RECORD


class Outbox:
    """One outbox file, used by one agent at a time.

    `append` and `next_bdseq` may be called from any thread, everything else from one.
    """

    def __init__(self, path: Path) -> None:
        """Open or make the file; a damaged one is set aside and a new outbox begun.

        Raises OutboxError when the file is in use or its folder cannot be written.
        """
        self.path = path
        self._lock = threading.Lock()
        self._guard = _take(path)
        try:
            self._writer, self._reader = _open_sound(path)
            self.uuid = str(self._meta("uuid", str(uuid.uuid4())))
            self.last = self.opened_at = int(str(self._meta("last", 0)))
        except BaseException:
            self._guard.close()
            raise
        self._tail = self._reader.execute("select max(position) from entry").fetchone()[0] or 0
        self._tail = max(self._tail, end_of(self.last))

    def close(self) -> None:
        """Close the file; nothing is lost."""
        with self._lock:
            self._reader.close()
            self._writer.close()
            self._guard.close()

    @property
    def tail(self) -> int:
        """Place of the newest entry."""
        return self._tail

    @property
    def first(self) -> int:
        """Lowest record number still kept; the next one to come when nothing is kept."""
        row = self._reader.execute(
            "select position from entry where position % ? = ? order by position limit 1",
            [PARTS, RECORD],
        ).fetchone()
        return row[0] // PARTS if row else self.last + 1

    def next_bdseq(self) -> int:
        """The bdSeq of the next CONNECT: 0, 1, … 255, 0, …; on disk before it is told."""
        with self._lock:
            bdseq = (int(str(self._meta("bdseq", -1))) + 1) % BDSEQ_CYCLE
            self._writer.execute("update meta set value = ? where key = 'bdseq'", [bdseq])
            return bdseq

    def aliases(self, device: str, names: Iterable[str]) -> dict[str, int]:
        """A number for each name, unique over the node and the same for ever."""
        with self._lock:
            self._writer.executemany(
                "insert into alias select ?1, ?2, coalesce(max(alias) + 1, ?3) from alias "
                "where true on conflict do nothing",
                [(device, name, FIRST_CHANNEL_ALIAS) for name in names],
            )
            return dict(
                self._writer.execute("select name, alias from alias where device = ?", [device])
            )

    def append(self, drafts: Sequence[Draft], acknowledged: int = 0) -> list[Entry]:
        """Commit drafts in order and forget every record up to `acknowledged`; one fsync."""
        with self._lock:
            last, tail, placed = self.last, self._tail, list[Entry]()
            for draft in drafts:
                if draft.is_record:
                    last += 1
                    tail = end_of(last)
                else:
                    tail = max(tail + 1, (last + 1) * PARTS)
                placed.append(Entry(tail, draft.device, draft.at, draft.body))
            self._commit(placed, last, min(acknowledged, last))
            self.last, self._tail = last, tail
            return placed

    def read(self, after: int, limit: int) -> list[Entry]:
        """The next entries after a place, in order."""
        rows = self._reader.execute(
            "select position, device, at, body from entry where position > ? "
            "order by position limit ?",
            [after, limit],
        )
        return [Entry(*row) for row in rows]

    def births_at(self, place: int) -> dict[str, bytes]:
        """Devices that are alive at a place, with their birth declarations."""
        state: dict[str, bytes | None] = dict(
            self._reader.execute("select name, birth from device")
        )
        lives = self._reader.execute(
            "select device, body from entry where position <= ? and position % ? <> ? "
            "order by position",
            [place, PARTS, RECORD],
        )
        state.update(lives)
        return {device: birth for device, birth in state.items() if birth is not None}

    def place_before_next_record(self, after: int) -> int:
        """The last place from `after` on with no record on the way to it."""
        record = self._reader.execute(
            "select position from entry where position > ? and position % ? = ? "
            "order by position limit 1",
            [after, PARTS, RECORD],
        ).fetchone()
        if record is None:
            return max(after, self._tail)
        [place] = self._reader.execute(
            "select max(position) from entry where position < ?", record
        ).fetchone()
        return max(after, place or 0)

    def give_up(self, kept: int) -> int:
        """Give up the oldest records until `kept` remain; returns how many were given up."""
        with self._lock:
            up_to = self.last - kept
            row = self._writer.execute("select min(position) from entry").fetchone()
            gone = max(0, up_to - row[0] // PARTS + 1) if row[0] is not None else 0
            if gone:
                self._commit([], self.last, up_to)
            return gone

    def renew(self) -> None:
        """Take a new identity: this file is an older copy of an outbox that went on elsewhere.

        What the copy held was delivered from there; records written since it was opened keep their
        order and are numbered from 1 again.
        """
        with self._lock:
            self._commit([], self.last, self.opened_at)
            shift = self.opened_at * PARTS
            writer = self._writer
            writer.execute("begin immediate")
            writer.execute("update entry set position = position - ?", [shift])
            self.uuid = str(uuid.uuid4())
            self.last, self._tail = self.last - self.opened_at, self._tail - shift
            writer.execute("update meta set value = ? where key = 'uuid'", [self.uuid])
            writer.execute("update meta set value = ? where key = 'last'", [self.last])
            writer.execute("commit")
            self.opened_at = 0

    @property
    def bytes(self) -> int:
        """Bytes that kept entries take in the file; freed pages do not count."""
        [pages], [free], [size] = (
            self._reader.execute(f"pragma {name}").fetchone()
            for name in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * size

    def _commit(self, placed: Sequence[Entry], last: int, acknowledged: int) -> None:
        place = end_of(acknowledged) if acknowledged > 0 else -1
        writer = self._writer
        writer.execute("begin immediate")
        try:
            writer.execute(
                "insert or replace into device select device, body from entry "
                "where position <= ? and position % ? <> ? order by position",
                [place, PARTS, RECORD],
            )
            writer.execute("delete from entry where position <= ?", [place])
            writer.executemany(
                "insert into entry values (?, ?, ?, ?)",
                [(entry.position, entry.device, entry.at, entry.body) for entry in placed],
            )
            writer.execute("update meta set value = ? where key = 'last'", [last])
            writer.execute("commit")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                writer.execute("rollback")
            raise

    def _meta(self, key: str, default: object) -> object:
        self._writer.execute("insert or ignore into meta values (?, ?)", [key, default])
        return self._writer.execute("select value from meta where key = ?", [key]).fetchone()[0]


def _take(path: Path) -> IO[str]:
    """Hold the outbox for this process; the kernel lets go when the process ends, however."""
    lock = path.with_name(f"{path.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        guard = lock.open("w")
    except OSError as error:
        raise OutboxError(
            f"Cannot write the outbox {path}: {error.strerror}. Give the agent's user write access "
            "to that folder, or set [outbox] path in plant.toml to a folder it may write."
        ) from error
    try:
        fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        guard.close()
        raise OutboxError(
            f"The outbox {path} is in use by another agent. Stop that one first, or give this node "
            "an outbox of its own ([outbox] path in plant.toml)."
        ) from None
    return guard


def _open_sound(path: Path) -> tuple[sqlite3.Connection, sqlite3.Connection]:
    try:
        return _open(path)
    except sqlite3.OperationalError as error:
        raise OutboxError(
            f"Cannot open the outbox {path}: {error}. Is the disk full or read-only?"
        ) from error
    except sqlite3.DatabaseError as error:
        aside = _set_aside(path)
        log.error(  # noqa: TRY400 - the reason is told; a traceback would not help
            "the outbox is damaged: set aside, a new one begun; what it kept was not delivered",
            outbox=str(path),
            kept_as=str(aside),
            reason=str(error),
        )
        return _open(path)


def _open(path: Path) -> tuple[sqlite3.Connection, sqlite3.Connection]:
    writer = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        _prepare(writer, path)
        return writer, sqlite3.connect(path, isolation_level=None)
    except BaseException:
        writer.close()
        raise


def _prepare(writer: sqlite3.Connection, path: Path) -> None:
    writer.execute("pragma journal_mode = wal")
    writer.execute("pragma synchronous = full")
    [sound] = writer.execute("pragma quick_check(1)").fetchone()
    if sound != "ok":
        raise sqlite3.DatabaseError(sound)
    [version] = writer.execute("pragma user_version").fetchone()
    if version == 0:
        writer.executescript(f"begin; {TABLES} pragma user_version = {VERSION}; commit;")
    elif version != VERSION:
        raise OutboxError(
            f"The outbox {path} is of form {version}; this program knows form {VERSION}. "
            "Use the program that wrote it until it is drained."
        )


def _set_aside(path: Path) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside
