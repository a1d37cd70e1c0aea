"""The outbox: every record of one edge node, kept on disk until the database has it.

SQLite in WAL mode with `synchronous=FULL`: a commit is on the disk before any of its records is
published, so a record number never means two things. A power cut costs at most the samples of
the group that was being written, and those had been handed to nobody.

Entries lie in one order. A record's place is its number; births and deaths of devices that come
before record n lie between n - 1 and n. Both fit one integer: `number * 2**20 + part`, where a
record has the highest part.
"""

import contextlib
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_agent.errors import EdgeError
from edge_agent.outbox.file import (
    LIVES,
    PARTS,
    RECORD,
    DamagedError,
    Opened,
    OutboxError,
    Rescued,
    Reserve,
    hold,
    open_sound,
    replace_damaged,
    sound,
)
from edge_agent.wire import FIRST_CHANNEL_ALIAS

__all__ = ["BegunAnewError", "DamagedError", "Draft", "Entry", "Outbox", "OutboxError", "end_of"]

BDSEQ_CYCLE = 256  # Sparkplug 3.0: bdSeq runs from 0 to 255
HOUR = 3600  # seconds between marks of the outbox's age
DROP_AT_ONCE = 20_000  # records deleted by one commit
UNANSWERED = "unanswered"  # key of where the file stood when it was opened, until it is answered


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


class BegunAnewError(EdgeError):
    """The outbox is another one than it was when the work on it began."""


class Outbox:
    """One outbox file, used by one agent at a time.

    `append`, `next_bdseq`, `rewrite` and `give_up` may be called from any thread, everything else
    from one. Each may raise DamagedError, and sqlite3.OperationalError when the disk is full.
    """

    def __init__(self, path: Path, reserve_bytes: int = 0) -> None:
        """Open or make the file; a damaged one is set aside and a new outbox begun.

        So much disk space is kept in reserve for when the disk is full. Raises OutboxError when
        the file is in use or its folder cannot be written.
        """
        self.path = path
        self.reserve = Reserve(path, reserve_bytes)
        self._lock = threading.Lock()
        self._guard = hold(path)
        self._bdseq = -1
        self._aliases: dict[tuple[str, str], int] = {}
        try:
            self._use(open_sound(path, self.reserve))
        except BaseException:
            self._guard.close()
            raise
        self.reserve.fill()

    def _use(self, opened: Opened) -> None:
        self._writer, self._reader, self.rescued = opened.writer, opened.reader, opened.rescued
        self._opened = time.monotonic()
        self.uuid = str(self._meta("uuid", str(uuid.uuid4())))
        self.last = self._number("last")
        self.opened_at, self._again = self._stood()
        found = self.rescued.bdseq if self.rescued else -1
        self._bdseq = max(self._bdseq, self._number("bdseq", found))
        self._ran_before = self._number("ran")
        tail = self._reader.execute("select max(position) from entry").fetchone()[0] or 0
        self._tail = max(tail, end_of(self.last))
        self._inode = self.path.stat().st_ino

    def _stood(self) -> tuple[int, bool]:
        """Where the file stood when it was opened, and whether an agent before died unanswered.

        That one's start counts: what it wrote since does not show what the database can have.
        """
        if self.last == 0:
            return 0, False
        row = self._writer.execute("select value from meta where key = ?", [UNANSWERED]).fetchone()
        if row is not None:
            return int(row[0]), True
        with contextlib.suppress(sqlite3.OperationalError):  # a full disk
            self._set(UNANSWERED, self.last)
        return self.last, False

    @property
    def known(self) -> int:
        """The newest record that the database can have of this file before it is answered.

        An agent that died unanswered had one record under way at a time.
        """
        return self.opened_at + self._again

    def answered(self) -> None:
        """The database answered, and had nothing that this file does not know of: it is no copy.

        Raises sqlite3.OperationalError when the disk is full: it is not answered yet, then.
        """
        with self._lock, sound(self.path):
            self._writer.execute("delete from meta where key = ?", [UNANSWERED])

    def close(self) -> None:
        """Close the file; nothing is lost."""
        with self._lock:
            self._reader.close()
            self._writer.close()
            self._guard.close()

    def start_over(self, reason: str) -> Rescued:
        """Set the damaged file aside and go on with a new one; aliases and bdSeq go on.

        Returns what was rescued, with what this process knows in the place of what the file says.
        """
        with self._lock:
            for connection in (self._reader, self._writer):
                with contextlib.suppress(sqlite3.Error):
                    connection.close()
            uuid, last = self.uuid, self.last
            self._use(replace_damaged(self.path, reason))
            self._writer.executemany(
                "insert or replace into alias values (?, ?, ?)",
                [(device, name, alias) for (device, name), alias in self._aliases.items()],
            )
            assert self.rescued is not None
            self.rescued.uuid, self.rescued.last = uuid, last
            return self.rescued

    def check(self) -> None:
        """Whether the file is still the one that was opened. Raises DamagedError."""
        try:
            there = self.path.stat().st_ino == self._inode
        except OSError:
            there = False
        if not there:
            raise DamagedError(f"The outbox {self.path} was removed or replaced by another file.")

    @property
    def tail(self) -> int:
        """Place of the newest entry."""
        return self._tail

    @property
    def first(self) -> int:
        """Lowest record number still kept; the next one to come when nothing is kept."""
        with sound(self.path):
            row = self._reader.execute(
                "select position from entry where position % ? = ? order by position limit 1",
                [PARTS, RECORD],
            ).fetchone()
        return row[0] // PARTS if row else self.last + 1

    @property
    def ran(self) -> int:
        """Seconds that agents have run on this outbox: an age that no set clock changes."""
        return self._ran_before + int(time.monotonic() - self._opened)

    def next_bdseq(self) -> int:
        """The bdSeq of the next CONNECT: 0, 1, … 255, 0, …; on disk before it is told.

        While the file cannot be written the number is kept in memory: a session is worth more.
        """
        with self._lock:
            self._bdseq = (self._bdseq + 1) % BDSEQ_CYCLE
            with contextlib.suppress(sqlite3.Error):
                self._set("bdseq", self._bdseq)
            return self._bdseq

    @property
    def clock(self) -> str:
        """Where the edge's clock stood, as last noted (a `Clock.mark`); empty: never."""
        with self._lock, sound(self.path):
            return str(self._meta("clock", ""))

    def note_clock(self, mark: str) -> None:
        """Keep where the edge's clock stands; on a full disk the note before stays."""
        with self._lock, contextlib.suppress(sqlite3.OperationalError):
            self._set("clock", mark)

    def aliases(self, device: str, names: Iterable[str]) -> dict[str, int]:
        """A number for each name, unique over the node and the same for ever."""
        with self._lock, sound(self.path):
            self._writer.executemany(
                "insert into alias select ?1, ?2, coalesce(max(alias) + 1, ?3) from alias "
                "where true on conflict do nothing",
                [(device, name, FIRST_CHANNEL_ALIAS) for name in names],
            )
            found: dict[str, int] = dict(
                self._writer.execute("select name, alias from alias where device = ?", [device])
            )
        self._aliases |= {(device, name): alias for name, alias in found.items()}
        return found

    def append(
        self, drafts: Sequence[Draft], acknowledged: int = 0, of: str = ""
    ) -> list[Entry]:  # fmt: skip
        """Commit drafts in order and forget every record up to `acknowledged`; one fsync.

        With `of`, a uuid, nothing is done when the outbox has begun anew under another meanwhile.
        """
        with self._lock, sound(self.path):
            if of and of != self.uuid:
                return []
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
        with sound(self.path):
            rows = self._reader.execute(
                "select position, device, at, body from entry where position > ? "
                "order by position limit ?",
                [after, limit],
            ).fetchall()
        return [Entry(*row) for row in rows]

    def of_node(self) -> list[Entry]:
        """The records of the node itself that are kept, in order."""
        with sound(self.path):
            rows = self._reader.execute(
                "select position, device, at, body from entry where device = '' order by position"
            )
            return [Entry(*row) for row in rows]

    def births_at(self, place: int) -> dict[str, bytes]:
        """Devices that are alive at a place, with their birth declarations."""
        with sound(self.path):
            state: dict[str, bytes | None] = dict(
                self._reader.execute("select name, birth from device")
            )
            lives = self._reader.execute(
                f"select device, body from entry indexed by life where {LIVES} "  # noqa: S608 - a constant: only so the index is found
                "and position <= ? order by position",
                [place],
            )
            state.update(lives)
        return {device: birth for device, birth in state.items() if birth is not None}

    def place_before_next_record(self, after: int) -> int:
        """The last place from `after` on with no record on the way to it."""
        with sound(self.path):
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

    # -- giving up --------------------------------------------------------------------------------

    @property
    def size(self) -> int:
        """Bytes that kept entries take in the file; freed pages do not count."""
        pages, free = self._pages()
        return pages - free

    @property
    def spare(self) -> int:
        """Bytes of freed pages: so much can be kept without the file growing."""
        return self._pages()[1]

    def _pages(self) -> tuple[int, int]:
        with sound(self.path):
            [pages], [free], [size] = (
                self._reader.execute(f"pragma {name}").fetchone()
                for name in ("page_count", "freelist_count", "page_size")
            )
        return pages * size, free * size

    def older_than(self, seconds: int) -> int:
        """The newest record that was written so many running seconds ago; 0 when there is none."""
        with sound(self.path):
            [number] = self._reader.execute(
                "select max(number) from hour where ran <= ?", [self.ran - seconds]
            ).fetchone()
        return number or 0

    def give_up(self, up_to: int, *, of: str = "") -> tuple[int, int]:
        """Give up records up to a number, a bounded lot at once; first and last of them.

        With `of`, a uuid, BegunAnewError when the outbox is another one meanwhile.
        """
        with self._lock, sound(self.path):
            self._must_be(of)
            row = self._writer.execute(
                "select position from entry where position % ? = ? order by position limit 1",
                [PARTS, RECORD],
            ).fetchone()
            first = row[0] // PARTS if row else self.last + 1
            last = min(up_to, first + DROP_AT_ONCE - 1, self.last)
            if first <= last:
                self._commit([], self.last, last)
                if self.opened_at:  # what is given up is told by its number: the next may be known
                    self.opened_at = max(self.opened_at, last)
            return first, last

    def rewrite(
        self, after: int, until: int, limit: int, change: Callable[[Entry], bytes | None],
        note: Callable[[int], tuple[str, str]] | None = None, *, of: str = "",
    ) -> list[Entry]:  # fmt: skip
        """Put other bodies into the next entries after a place; returns them as they were.

        `note` gets the place reached; what it returns is kept in the same commit, for `noted`.
        Numbers and places stay. Rows are deleted and written anew, because SQLite gives no page
        back when a row only shrinks. With `of`, a uuid, BegunAnewError when the outbox is another
        one meanwhile.
        """
        with self._lock, sound(self.path):
            self._must_be(of)
            rows = self._writer.execute(
                "select position, device, at, body from entry where position > ? "
                "and position <= ? order by position limit ?",
                [after, until, limit],
            ).fetchall()
            entries = [Entry(*row) for row in rows]
            bodies = [change(entry) for entry in entries]
            changed = any(body is not row[3] for body, row in zip(bodies, rows, strict=True))
            if changed or note:
                with self._transaction() as writer:
                    if changed:
                        self._replace([(*r[:3], b) for r, b in zip(rows, bodies, strict=True)])
                    for key, value in [note(rows[-1][0] if rows else until)] if note else []:
                        writer.execute("insert or replace into meta values (?, ?)", [key, value])
            return entries

    def _must_be(self, of: str) -> None:
        if of and of != self.uuid:
            raise BegunAnewError

    def _replace(self, rows: Sequence[tuple[int, str, int, bytes | None]]) -> None:
        place = "delete from entry where position between ? and ?"
        self._writer.execute(place, [rows[0][0], rows[-1][0]])
        self._writer.executemany("insert into entry values (?, ?, ?, ?)", rows)

    def noted(self, key: str, default: str) -> str:
        """What `rewrite` kept last under a key."""
        with self._lock, sound(self.path):
            return str(self._meta(key, default))

    def renew(self) -> None:
        """Take a new identity: this file is an older copy of an outbox that went on elsewhere.

        What the copy held was delivered from there; records written since it was opened keep their
        order and are numbered from 1 again.
        """
        with self._lock, sound(self.path):
            self._commit([], self.last, self.opened_at)
            shift, identity = self.opened_at * PARTS, str(uuid.uuid4())
            with self._transaction() as writer:
                writer.execute("update entry set position = position - ?", [shift])
                writer.execute("delete from hour")
                writer.execute("delete from meta where key not in ('bdseq', 'ran')")
                self._set("uuid", identity)
                self._set("last", self.last - self.opened_at)
            self.uuid = identity  # only now: on a full disk it is the old copy still
            self.last, self._tail = self.last - self.opened_at, self._tail - shift
            self.opened_at, self._again = 0, False

    # -- the file ---------------------------------------------------------------------------------

    def _commit(self, placed: Sequence[Entry], last: int, acknowledged: int) -> None:
        place = end_of(acknowledged) if acknowledged > 0 else -1
        with self._transaction() as writer:
            writer.execute(
                f"insert or replace into device select device, body from entry indexed by life "  # noqa: S608 - a constant: only so the index is found
                f"where {LIVES} and position <= ? order by position",
                [place],
            )
            writer.execute("delete from entry where position <= ?", [place])
            writer.executemany(
                "insert into entry values (?, ?, ?, ?)",
                [(entry.position, entry.device, entry.at, entry.body) for entry in placed],
            )
            self._set("last", last)
            known = "update meta set value = max(value, ?) where key = ?"
            writer.execute(known, [acknowledged, UNANSWERED])
            self._mark_hour(last, acknowledged)

    def _mark_hour(self, last: int, acknowledged: int) -> None:
        ran = self.ran
        self._set("ran", ran)
        self._writer.execute(
            "insert or ignore into hour select ?1, ?2 "
            "where ?2 >= (select coalesce(max(ran), 0) + ?3 from hour)",
            [last, ran, HOUR],
        )
        self._writer.execute("delete from hour where number <= ?", [acknowledged])

    @contextlib.contextmanager
    def _transaction(self):
        writer = self._writer
        writer.execute("begin immediate")
        try:
            yield writer
            writer.execute("commit")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                writer.execute("rollback")
            raise

    def _meta(self, key: str, default: object) -> object:
        self._writer.execute("insert or ignore into meta values (?, ?)", [key, default])
        return self._writer.execute("select value from meta where key = ?", [key]).fetchone()[0]

    def _number(self, key: str, default: int = 0) -> int:
        return int(str(self._meta(key, default)))

    def _set(self, key: str, value: object) -> None:
        self._writer.execute("insert or replace into meta values (?, ?)", [key, value])
