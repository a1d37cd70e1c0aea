"""How large and how old an outbox may grow, and what goes first when it is full.

Gauges are thinned, oldest first and ever more coarsely; only when no gauge is left, the oldest
records go. Work goes in slices on another thread, with pauses, so that polling keeps its time.
"""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import structlog

from edge_agent.outbox import BegunAnewError, Entry, Outbox
from edge_agent.outbox.thinning import LEVELS, Gauges, Passes, Spans, Thinner
from edge_agent.outbox.writer import in_writer
from edge_agent.wire import GivenUp

SLICE = 512  # entries rewritten in one commit
KEPT = 0.9  # of the largest size, after room was made
SPARE, MOST_SPARE = 0.05, 1_000_000  # share of the file, bytes: freed pages on a full disk
DAY = 86_400  # seconds
NAMED = 200  # gauges whose bound is told by name
PASSES = "passes"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that an outbox keeps: bytes, and seconds that the agent ran since.

    A gauge's sample speaks for those of the next `keep_ms` when it is thinned. `exact` names gauges
    (device, channel) that count, as energy does: they are never thinned.
    """

    bytes: int = 8_000_000_000
    seconds: int = 90 * DAY
    keep_ms: int = 20_000
    exact: frozenset[tuple[str, str]] = frozenset()


class Bounds:
    """Keeps one outbox within its limits. `tight` while the disk is full and the reserve in use."""

    def __init__(self, outbox: Outbox, limits: Limits) -> None:
        self.tight = False
        self._outbox = outbox
        self._working = asyncio.Lock()
        self._of = ""  # the outbox that is held, by its uuid
        self.begin(limits)

    def begin(self, limits: Limits) -> None:
        """Other limits, or another outbox: nothing of it is known yet."""
        self.limits = limits
        self._spans = Spans(Gauges(limits.exact))
        self._measured = 0

    async def hold(
        self, *, disk_full: bool = False, keep_records: bool = True
    ) -> list[GivenUp]:  # fmt: skip
        """Give up what is too much or too old; what that was.

        A disk that was found full counts as full until the reserve can be taken again; whole
        records are given up for it only without `keep_records`. Raises DamagedError, and
        sqlite3.OperationalError when not even this can be written.
        """
        async with self._working:
            self._outbox.check()
            self._of = self._outbox.uuid
            with contextlib.suppress(BegunAnewError):
                told = await self._hold(disk_full=disk_full, keep_records=keep_records)
                if self._of == self._outbox.uuid:
                    return told
            return []  # what was given up was of the outbox before

    async def _hold(self, *, disk_full: bool, keep_records: bool) -> list[GivenUp]:
        self.tight = disk_full or (self.tight and not self._outbox.reserve.fill())
        told = await self._drop_old()
        if not self._has(self.limits.bytes, 1):
            goal = int(KEPT * self.limits.bytes)
            told += await self._make_room(goal, drop=not (self.tight and keep_records))
        for given in told:
            log.error("outbox_given_up", path=str(self._outbox.path), what=given.encode())
        return told

    def _has(self, most: int, spares: int) -> bool:
        """Whether the file is small enough and, on a full disk, has so many spare rooms."""
        size = self._outbox.size
        need = spares * min(MOST_SPARE, int(SPARE * size))
        return size <= most and (not self.tight or self._outbox.spare >= need)

    async def _drop_old(self) -> list[GivenUp]:
        began, number = self._outbox.first, self._outbox.older_than(self.limits.seconds)
        await self._drop(number)
        return self._dropped(began, f"older than {self.limits.seconds / DAY:g} days")

    async def _make_room(self, most: int, *, drop: bool) -> list[GivenUp]:
        told: list[GivenUp] = []
        passes = Passes.read(self._outbox.noted(PASSES, ""))
        began = 0
        while not self._has(most, 2):
            await self._measure()
            stretch = passes.next(self._outbox.tail)
            try:
                if stretch is not None:
                    told += await self._thin(passes, *stretch, lambda: self._has(most, 2))
                    continue
            except sqlite3.OperationalError:  # not even room to write what is smaller
                if not drop:
                    raise
                passes = Passes.read(self._outbox.noted(PASSES, ""))
            if not drop or self._outbox.first > self._outbox.last:
                break
            began = began or self._outbox.first
            await self._drop(self._outbox.first + (self._outbox.last - began) // 10)
        return told + (self._dropped(began, self._why()) if began else [])

    def _why(self) -> str:
        return "the disk is full" if self.tight else f"over {self.limits.bytes / 1e6:g} MB"

    async def _drop(self, number: int) -> None:
        """Whole records up to a number, in lots: each is a commit."""
        while self._outbox.first <= min(number, self._outbox.last):
            await in_writer(partial(self._outbox.give_up, number, of=self._of))

    def _dropped(self, began: int, why: str) -> list[GivenUp]:
        last = self._outbox.first - 1
        if last < began:
            return []
        reason = f"{why}: records {began} to {last} were given up"
        return [GivenUp("dropped", began, last, reason, records=last - began + 1)]

    async def _measure(self) -> None:
        """See the span of each gauge, over everything kept; from the start when it began anew."""
        spans = None
        while spans is not self._spans:
            spans, place, tail = self._spans, self._measured, self._outbox.tail
            for device, birth in self._outbox.births_at(place).items():
                spans.gauges.learn(device, birth)
            while place < tail:
                entries = await self._slice(place, tail, spans.see)
                place = entries[-1].position if entries else tail
            if spans is self._spans:
                self._measured = place

    async def _thin(
        self, passes: Passes, level: int, after: int, until: int, enough: Callable[[], bool]
    ) -> list[GivenUp]:
        thinner = Thinner(self._spans, level, self.limits.keep_ms)
        thinner.begin(self._outbox.births_at(after))

        def reached(place: int) -> tuple[str, str]:
            passes.reached(level, place)
            return PASSES, passes.write()

        first, last, place = 0, 0, after
        while place < until and not enough():
            entries = await self._slice(place, until, thinner.thin, reached)
            place = entries[-1].position if entries else until
            first = first or (entries[0].number if entries else 0)
            last = entries[-1].number if entries else last
        return [self._told(thinner, first, last)] if thinner.given_up else []

    def _told(self, thinner: Thinner, first: int, last: int) -> GivenUp:
        samples, share = thinner.given_up.total(), LEVELS[thinner.level]
        within = thinner.bounds()
        left = f"; the rest tells each to within {share:.0%} of its span" if within else ", all"
        reason = f"{self._why()}: {samples} gauge samples given up{left}"
        named = dict(list(within.items())[:NAMED])
        last = min(last, self._outbox.last)
        return GivenUp("thinned", first, last, reason, samples=samples, within=named)

    async def _slice(
        self, after: int, until: int, change: Callable[[Entry], bytes | None],
        note: Callable[[int], tuple[str, str]] | None = None,
    ) -> list[Entry]:  # fmt: skip
        began = time.monotonic()
        rewrite = partial(self._outbox.rewrite, after, until, SLICE, change, note, of=self._of)
        entries = await in_writer(rewrite)
        await asyncio.sleep(time.monotonic() - began)
        return entries
