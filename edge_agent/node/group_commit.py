"""Keeping: what sources brought goes to disk in groups, and what the database has is deleted.

A full disk ends nothing: the reserve is released, gauges are thinned in the outbox and, while not
even that helps, in memory.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial

import structlog

from edge_agent.node.pending import Lost, Waiting
from edge_agent.outbox import DamagedError, Draft, Entry, Outbox
from edge_agent.outbox.bounds import Bounds
from edge_agent.outbox.writer import in_writer
from edge_agent.wire import GivenUp

log = structlog.get_logger()

GROUP_S = 0.03  # samples wait this long for company before a commit
FORGET_AFTER = 256  # acknowledged records that wait for company before a commit of their own
FULL_DISK_S = 1.0  # between tries to write an outbox whose disk is full


class Keeping:
    """Drafts on their way into the outbox, and acknowledged records on their way out."""

    def __init__(
        self, outbox: Outbox, waiting: Waiting, bounds: Bounds,
        kept: Callable[[Sequence[Entry]], None], gave_up: Callable[[Sequence[GivenUp]], None],
    ) -> None:  # fmt: skip
        """`kept` hears of entries that are on disk, `gave_up` of what is not kept."""
        self.waiting, self.bounds = waiting, bounds
        self._outbox, self._kept, self._gave_up = outbox, kept, gave_up
        self._acknowledged = 0  # still to be deleted
        self._wake = asyncio.Event()
        self._trouble = ""  # why the last try to write failed
        self._lost_between: list[int] = []  # numbers of records written since samples were lost
        self._set_aside = 0  # times that what was written went with a damaged file

    def add(self, draft: Draft) -> None:
        """Keep this one soon."""
        self.waiting.add(draft)
        self._wake.set()

    def forget(self, number: int) -> None:
        """The database has every record up to this one."""
        self._acknowledged = number
        if number - self._outbox.first >= FORGET_AFTER:
            self._wake.set()

    def start_over(self, births: dict[str, Draft]) -> None:
        """The file was set aside; what waits is written to the new one, after these births.

        So is what is being written now: its commit, if there was one, went with the old file.
        """
        self._set_aside += 1
        self.waiting.start_over(births)
        self.renewed()

    def renewed(self) -> None:
        """The outbox goes on under another identity, with all that was written."""
        self._acknowledged = 0
        self._lost_between = []
        self._wake.set()

    async def run(self, mend: Callable[[DamagedError], None]) -> None:
        """Commit until cancelled; then once more."""
        self._wake.set()
        try:
            while True:
                await self._wake.wait()
                await asyncio.sleep(GROUP_S)
                try:
                    await self.commit()
                except DamagedError as error:
                    mend(error)
        finally:
            self._commit_last()

    async def commit(self) -> None:
        """Write what waits and delete what is acknowledged. Raises DamagedError."""
        self._wake.clear()
        try:
            await self._write_all()
        except sqlite3.OperationalError as error:
            await self._make_do(error)
        else:
            self._recovered()

    async def _write_all(self) -> None:
        left = len(self.waiting.drafts)
        while True:
            drafts, of, aside = self.waiting.next(), self._outbox.uuid, self._set_aside
            append = partial(self._outbox.append, drafts, self._acknowledged, of)
            writing = asyncio.ensure_future(in_writer(append))
            try:
                entries = await asyncio.shield(writing)
            except asyncio.CancelledError:
                if await asyncio.wait([writing]) and writing.exception() is None:
                    self._written(writing.result(), aside)
                raise
            self._written(entries, aside)
            if of != self._outbox.uuid:
                return  # it began anew meanwhile: what is left is written there
            if self.waiting.lost:
                self._lost_between += [e.number for e in (entries[:1] + entries[-1:])]
            self._kept(entries)
            left -= len(drafts)
            if left <= 0:
                return

    def _written(self, entries: Sequence[Entry], aside: int) -> None:
        if aside == self._set_aside:
            self.waiting.written(len(entries))

    async def _make_do(self, error: sqlite3.Error) -> None:
        """The disk is full, or cannot be written for another reason: samples wait in memory."""
        if str(error) != self._trouble:
            self._trouble = str(error)
            log.error("cannot write the outbox; trying on", path=self._outbox.path, reason=error)
        helped = self._outbox.reserve.release()
        if helped:
            log.error("the disk is full: its reserve is in use", path=self._outbox.reserve.path)
        with contextlib.suppress(sqlite3.OperationalError):
            helped = await self._make_room() or helped
        if not helped:
            with contextlib.suppress(sqlite3.OperationalError):
                await self.waiting.bound(lambda: self._outbox.births_at(self._outbox.tail))
            await asyncio.sleep(FULL_DISK_S)
        self._wake.set()

    async def _make_room(self) -> bool:
        """Delete what is acknowledged, thin what is left; whether the file has more room now."""
        spare = self._outbox.spare
        forget = partial(self._outbox.append, [], self._acknowledged, self._outbox.uuid)
        await in_writer(forget)
        full = self.waiting.full
        self._gave_up(await self.bounds.hold(disk_full=True, keep_records=not full))
        return self._outbox.spare > spare

    def _recovered(self) -> None:
        if self._trouble:
            log.info("the outbox is written again", path=self._outbox.path)
        self._trouble = ""
        lost, numbers = self.waiting.lost, self._lost_between
        if lost:
            self.waiting.lost, self._lost_between = Lost(), []
            first, last = (numbers[0], numbers[-1]) if numbers else (self._outbox.last,) * 2
            self._gave_up([
                GivenUp("unkept", max(1, first), max(1, last), lost.reason, samples=lost.samples,
                        records=lost.records, within=lost.within)
            ])  # fmt: skip

    def _commit_last(self) -> None:
        try:
            self._outbox.append(self.waiting.drafts, self._acknowledged)
        except (sqlite3.Error, DamagedError) as error:
            lost = sum(draft.is_record for draft in self.waiting.drafts)
            log.error("ended with records that could not be kept", records=lost, reason=str(error))  # noqa: TRY400 - told, not traced
