"""The outbox's file: held by one agent, opened sound or set aside; a reserve for a full disk."""

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import structlog

from edge_agent.errors import EdgeError

log = structlog.get_logger()

PARTS = 1 << 20  # places per record number; the highest is the record's own
RECORD = PARTS - 1
CHECKED_BYTES = 256_000_000  # a larger file is not read through at the start; damage shows in use
LARGEST_WAL = 4_000_000  # bytes that the write-ahead log keeps between checkpoints
FORM = 2
# Births and deaths have an index, so that a long backlog need not be read through for them.
LIVES = f"position % {PARTS} <> {RECORD}"
SECOND_FORM = f"""
create index life on entry (position) where {LIVES};
create table hour (number integer primary key, ran integer not null);
"""
OWN = "create index if not exists own on entry (position) where device = ''"
TABLES = f"""
create table meta (key text primary key, value) without rowid;
create table entry (
  position integer primary key, device text not null, at integer not null, body blob
);
create table device (name text primary key, birth blob) without rowid;
create table alias (
  device text, name text, alias integer not null unique, primary key (device, name)
) without rowid;
{SECOND_FORM}
"""


class OutboxError(EdgeError):
    """The outbox file cannot be used; the message says which, why and what to do."""


class DamagedError(EdgeError):
    """The file was found damaged while in use; `Outbox.start_over` goes on with a new one."""


@dataclass
class Rescued:
    """What could still be read of a damaged file, and where that file is now."""

    reason: str
    aside: Path
    uuid: str = ""
    last: int | None = None
    bdseq: int = -1
    aliases: list[tuple[str, str, int]] = field(default_factory=list[tuple[str, str, int]])


@dataclass(frozen=True, slots=True)
class Opened:
    """Both connections of a sound file, and what was rescued when the one before was damaged."""

    writer: sqlite3.Connection
    reader: sqlite3.Connection
    rescued: Rescued | None = None


class Reserve:
    """Disk space that is given back when the disk is full, so that deleting still works."""

    def __init__(self, outbox: Path, size: int) -> None:
        self.path, self.size = outbox.with_name(f"{outbox.name}.reserve"), size

    def fill(self) -> bool:
        """Take the space unless that would fill the disk; whether it is there now."""
        if self.size == 0 or self.path.exists():
            return True
        try:
            disk = os.statvfs(self.path.parent)
            if disk.f_bavail * disk.f_frsize < 2 * self.size:
                return False
            with self.path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, self.size)
        except OSError:
            self.path.unlink(missing_ok=True)
            return False
        return True

    def release(self) -> bool:
        """Give the space back; whether there was any."""
        try:
            self.path.unlink()
        except OSError:
            return False
        return True


@contextlib.contextmanager
def sound(path: Path) -> Generator[None]:
    """Tells damage found while the file is in use from every other trouble."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        raise DamagedError(f"The outbox {path} is damaged: {error}.") from error


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file itself is at fault, not the disk, the query or another process."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:  # what `quick_check` found
        return type(error) is sqlite3.DatabaseError
    return code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def hold(path: Path) -> IO[str]:
    """Hold the outbox for this process; the kernel lets go when the process ends, however.

    The lock file says who holds it, for `pressline edge reload`.
    """
    lock = path.with_name(f"{path.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        guard = lock.open("a+")
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
    # On a full disk the lock holds without the name in it; past the file's buffer, which would be
    # written once more, and refused, when the file is closed.
    with contextlib.suppress(OSError):
        os.ftruncate(guard.fileno(), 0)
        os.write(guard.fileno(), str(os.getpid()).encode())
    return guard


def holder(path: Path) -> int:
    """The process that holds an outbox now. Raises OutboxError when there is none."""
    lock = path.with_name(f"{path.name}.lock")
    with contextlib.suppress(OSError, ValueError), lock.open() as guard:
        try:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return int(guard.read())
    raise OutboxError(
        f"No agent runs with the outbox {path}. Start it with `pressline edge run`, or give the "
        "same --node and --outbox as it has."
    )


def open_sound(path: Path, reserve: Reserve) -> Opened:
    """Open or make the file; a damaged one is set aside first. Raises OutboxError."""
    try:
        return _open(path)
    except sqlite3.DatabaseError as error:
        if is_damage(error):
            return replace_damaged(path, str(error))
        if not reserve.release():
            raise _cannot_open(path, error) from error
    try:
        return _open(path)
    except sqlite3.DatabaseError as error:
        raise _cannot_open(path, error) from error


def replace_damaged(path: Path, reason: str) -> Opened:
    """Set the file aside and begin a new one with what could be rescued. Raises OutboxError."""
    rescued = _rescue(path, reason)
    log.error(
        "the outbox is damaged: set aside, a new one begun; what it kept was not delivered",
        outbox=str(path),
        kept_as=str(rescued.aside),
        reason=reason,
    )
    try:
        opened = _open(path)
    except sqlite3.DatabaseError as error:
        raise _cannot_open(path, error) from error
    opened.writer.executemany("insert or ignore into alias values (?, ?, ?)", rescued.aliases)
    return Opened(opened.writer, opened.reader, rescued)


def _cannot_open(path: Path, error: sqlite3.Error) -> OutboxError:
    return OutboxError(f"Cannot open the outbox {path}: {error}. Is the disk full or read-only?")


def _open(path: Path) -> Opened:
    writer = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        _prepare(writer, path)
        sync_folder(path)
        return Opened(writer, sqlite3.connect(path, isolation_level=None))
    except BaseException:
        writer.close()
        raise


def _prepare(writer: sqlite3.Connection, path: Path) -> None:
    writer.execute("pragma journal_mode = wal")
    writer.execute("pragma synchronous = full")
    writer.execute(f"pragma journal_size_limit = {LARGEST_WAL}")
    if path.stat().st_size <= CHECKED_BYTES:
        [found] = writer.execute("pragma quick_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(found)
    [form] = writer.execute("pragma user_version").fetchone()
    if form == 0:
        writer.executescript(f"begin; {TABLES} pragma user_version = {FORM}; commit;")
    elif form == 1:
        writer.executescript(f"begin; {SECOND_FORM} pragma user_version = {FORM}; commit;")
    elif form != FORM:
        raise OutboxError(
            f"The outbox {path} is of form {form}; this program knows form {FORM}. "
            "Use the program that wrote it until it is drained."
        )
    with contextlib.suppress(sqlite3.OperationalError):  # a full disk can do without
        writer.execute(OWN)


def sync_folder(path: Path) -> None:
    """Make the names of new files last: a power cut must not take the file back."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _rescue(path: Path, reason: str) -> Rescued:
    """Read what can be read of a damaged file without its records, and set it aside."""
    rescued = Rescued(reason, path)
    with (
        contextlib.suppress(sqlite3.Error, ValueError, TypeError),
        contextlib.closing(sqlite3.connect(path)) as old,
    ):
        known = dict(old.execute("select key, value from meta"))
        rescued.uuid = str(known.get("uuid", ""))
        rescued.last = int(known["last"]) if "last" in known else None
        rescued.bdseq = int(known.get("bdseq", -1))
        rescued.aliases = old.execute("select device, name, alias from alias").fetchall()
    rescued.aside = _set_aside(path)
    return rescued


def _set_aside(path: Path) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside
