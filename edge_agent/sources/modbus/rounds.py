"""One round of requests to a Modbus machine: what it reads, asks again, and learns of refusals.

A request that fails is made again at once, as often as the machine's `retries` say and as no other
machine on the link has to wait for it. A block that still fails is bad only when it fails again in
the next round. From the second failure of a block on, while others are answered, it is asked in
parts, holes first, until what fails is alone.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

import structlog

from edge_agent.clock import Clock
from edge_agent.sample import Sample
from edge_agent.sources.modbus.link import (
    ClosedError,
    Link,
    NoAnswerError,
    NoConnectionError,
    RefusedError,
)
from edge_agent.sources.modbus.unit import Failure, Lesson, Read, Unit
from edge_agent.sources.tally import Tally

AT_FAULT = (1, 2, 3)  # exception codes that say: this request is wrong, and will be next time
ILLEGAL_FUNCTION = 1
BUSY = (5, 6)  # the machine, not the request: ask again after a moment
MOMENT_S = 0.02
QUICK_S = 0.1  # no answer for so long: asked again, where that holds up nobody
SLOW = 3  # times the slowest recent answer
PARTS = 8  # what is silent costs time: few steps, many parts
SEARCH_S = 0.5  # of silence in one round, at least

log = structlog.get_logger()


class Round:
    """One poll of one machine; `room` tells how long others behind the link can still wait."""

    def __init__(
        self, link: Link, unit: Unit, clock: Clock, tally: Tally, room: Callable[[], float | None]
    ) -> None:
        """`room` gives None when there are no others."""
        self.link, self.unit, self.clock, self.tally, self.room = link, unit, clock, tally, room
        self.samples: list[Sample] = []
        self.lesson = Lesson()
        self.failed: list[tuple[Read, Failure]] = []
        self.answered = False
        self.is_alive = False  # something was answered, if only to find out
        self.errors: list[Failure] = []
        self.silent_s = 0.0

    async def run(self) -> list[Sample]:
        """Ask for everything; what is news of it. Raises NoAnswerError when nothing came."""
        try:
            await self._work(deque(self.unit.in_turn()))
            if not self.answered and not self.is_alive:
                await self._find_out()
        except NoConnectionError:
            if not self.answered:
                raise
        if not self.answered:
            raise self._nothing()
        self._settle()
        await self._try_again()
        return self.samples

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    # -- asking -----------------------------------------------------------------------------------

    async def _work(self, work: "deque[Read]") -> None:
        """Ask read by read; what fails goes on in parts, or waits for the next round."""
        kept = self.lesson.kept
        while work:
            if self._is_hopeless() or (work[0].split and self._has_searched_enough()):
                kept.append(work.popleft())
                continue
            read = work.popleft()
            try:
                await self._read(read)
            except NoConnectionError:
                kept += [read, *work]
                raise
            except (NoAnswerError, RefusedError) as error:
                work.extendleft(reversed(self._fail(read, error)))
            else:
                read.failed, read.complained = 0, False
                self.lesson.keep(read)

    def _is_hopeless(self) -> bool:
        """Nobody answers: a machine that was there gets a second chance."""
        silent = sum(isinstance(error, NoAnswerError) for error in self.errors)
        return not self.is_alive and silent >= (2 if self.unit.online else 1)

    def _has_searched_enough(self) -> bool:
        """Parts that are silent cost time, of this machine and of its neighbours."""
        room = self.room()
        if room is not None and room < self.unit.timeout:
            return self.silent_s > 0
        return self.silent_s > max(self.unit.period, SEARCH_S)

    async def _read(self, read: Read, patience: float = 0.0) -> None:
        """Ask for a read, again where that helps; its time is when the answer came."""
        data = await self._ask_again(read, patience)
        at, now = self.clock.now(), self._now()
        self.answered = True
        self.samples += read.changes.tell(self.unit.values(read, data), at, now)

    async def _ask_again(self, read: Read, patience: float) -> bytes:
        tries = 0
        while True:
            tries += 1
            try:
                return await self._ask(read, patience or self._patience(read), again=tries > 1)
            except (NoAnswerError, RefusedError) as error:
                if not self._may_try_again(read, error, tries):
                    raise
                if isinstance(error, RefusedError) and error.code in BUSY:
                    await asyncio.sleep(min(MOMENT_S * 2**tries, self.unit.period / 8))

    async def _ask(self, read: Read, patience: float, *, again: bool = False) -> bytes:
        self.tally.round_trips += 1
        unit, begun = self.unit, self._now()
        try:
            data = await self.link.ask(
                unit.unit, read.block, patience, unit.pause, again=again, loose=unit.loose
            )
        except RefusedError:
            self.tally.refused += 1
            raise
        except NoAnswerError:
            self.silent_s += self._now() - begun
            raise
        self.is_alive = True
        unit.heard(read.block, self._now() - begun)
        return data

    def _patience(self, read: Read) -> float:
        """How long to wait before asking again: less than `timeout_ms` where that is safe.

        An answer that comes after all is still taken, by its number. Behind a gateway or on a
        line requests would queue up, and a block that never came may be slow.
        """
        unit = self.unit
        known = unit.knows(read.block) or read.split or read.across
        if self.room() is not None or self.link.rtu or unit.loose or not (known and unit.slowest):
            return unit.timeout
        return min(unit.timeout, max(QUICK_S, unit.period / 4, SLOW * unit.slowest))

    def _may_try_again(self, read: Read, error: Failure, tries: int) -> bool:
        unit, silent = self.unit, not isinstance(error, RefusedError)
        if isinstance(error, NoConnectionError):
            return False
        known = unit.knows(read.block)
        if isinstance(error, RefusedError) and error.code in AT_FAULT and not known:
            return False
        most = unit.retries
        if read.split:
            most = max(most, 1) if silent and unit.is_one(read) else 0
        elif silent and (not known or not unit.online or unit.missed or read.failed or self.errors):
            most = 0  # it may be gone: no more time for it than for one request
        if isinstance(error, ClosedError):
            most = max(most, 1)  # some devices close after each answer
        return tries <= most and self._has_room(silent=silent)

    def _has_room(self, *, silent: bool) -> bool:
        """Whether another request pushes no other machine out of its period."""
        room, unit = self.room(), self.unit
        needed = unit.timeout if silent else min(unit.timeout, 4 * unit.slowest or unit.timeout)
        return room is None or room >= needed

    # -- what fails -------------------------------------------------------------------------------

    def _fail(self, read: Read, error: Failure) -> list[Read]:
        """A read failed; the parts to ask instead."""
        self.errors.append(error)
        read.failed += 1
        if self._is_at_fault(read, error):
            return self._split(read, error)
        self.failed.append((read, error))
        self.lesson.kept.append(read)
        return []

    def _is_at_fault(self, read: Read, error: Failure) -> bool:
        """Whether the request is to be blamed, rather than chance or the whole machine."""
        refused = isinstance(error, RefusedError)
        if (refused and error.code in BUSY) or self._now() < self.unit.search_at:
            return False
        if refused and error.code in AT_FAULT and not self.unit.knows(read.block):
            return True
        return read.split is not None or (read.failed >= 2 and (self.is_alive or refused))

    def _split(self, read: Read, error: Failure) -> list[Read]:
        refused = isinstance(error, RefusedError)
        whole = refused and error.code == ILLEGAL_FUNCTION
        parts = [] if whole else self.unit.parts(read, 2 if refused else PARTS)
        if not parts:
            self.lesson.refuse(read, error)
        self.lesson.is_news = True
        return parts

    async def _find_out(self) -> None:
        """Nothing came again: the machine, a register in each block, or the connection."""
        unit = self.unit
        first = not unit.missed if unit.online else bool(self.errors)
        if first or not self._is_silent():
            return
        probe = unit.probe()
        try:
            if probe is not None:
                await self._ask(probe, self._patience(probe) if unit.online else unit.timeout)
        except (NoAnswerError, RefusedError) as error:
            if isinstance(error, NoConnectionError):
                raise
            self.errors.append(error)
        if self.is_alive:
            await self._work(self._rest())
        elif unit.online:
            await self._reopen()

    def _is_silent(self) -> bool:
        return all(isinstance(error, NoAnswerError) for error in self.errors)

    def _rest(self) -> "deque[Read]":
        """What failed goes on in parts; what was not asked yet is asked."""
        errors = {id(read): error for read, error in self.failed}
        asked, work = self.lesson.kept or self.unit.in_turn() or self.unit.reads, deque[Read]()
        self.lesson.kept, self.failed = [], []
        for read in asked:
            if id(read) in errors and read.failed >= 2:
                work.extend(self._split(read, errors[id(read)]))
            else:
                work.append(read)
        return work

    async def _reopen(self) -> None:
        """The last chance before it is told: a connection may be dead that looks open."""
        kept = self.lesson.kept
        if self.room() is not None or not kept:
            return
        if self.link.heard and not self.link.rtu:
            self.link.close()
        try:
            await self._read(kept[0], self.unit.timeout)
        except NoConnectionError:
            raise
        except (NoAnswerError, RefusedError) as error:
            self.errors.append(error)
        else:
            kept[0].failed = 0
            self.failed = [one for one in self.failed if one[0] is not kept[0]]

    def _nothing(self) -> NoAnswerError:
        """Why there is nothing to tell; of what was learned nothing is kept."""
        if self.lesson.refused:
            self.unit.refused_all(self._now())
        if self.errors and all(isinstance(error, RefusedError) for error in self.errors):
            return NoAnswerError(f"it refuses everything: {self.errors[-1]}")
        told = [error for error in self.errors if isinstance(error, NoAnswerError)]
        return told[-1] if told else NoAnswerError("no answer")

    # -- what is learned --------------------------------------------------------------------------

    def _settle(self) -> None:
        """Tell what fails again, and go on with what was learned."""
        unit, at, now = self.unit, self.clock.now(), self._now()
        unit.came(now)
        for read, error in self.failed:
            if read.failed >= 2 or not unit.knows(read.block):
                self.samples += unit.failed(read, at, now)
            if read.failed >= 2 and not read.complained:
                read.complained = True
                why = f"{read.block}: {error}"
                log.warning("read_failed", device=unit.device.name, why=why)
        if self.lesson.is_news:
            unit.learned(self.lesson, now)

    async def _try_again(self) -> None:
        """Ask for what was refused or cut, seldom: a PLC may have been starting, or was changed."""
        unit = self.unit
        if (unit.refused or unit.cuts) and not self.failed and self._now() >= unit.trial_at:
            await self._try(unit.trials())
        if unit.refused:
            self.samples += unit.refusal.tell_bad(self.clock.now(), self._now())

    async def _try(self, reads: Sequence[Read]) -> None:
        accepted, asked = list[Read](), 0
        for number, read in enumerate(reads, 1):
            try:
                data = await self._ask(read, self._patience(read))
            except RefusedError:
                continue
            except NoAnswerError:  # it costs time: the others another time
                asked = number
                break
            values = self.unit.values(read, data)
            self.samples += read.changes.tell(values, self.clock.now(), self._now())
            accepted.append(read)
        back = [c.name for read in accepted for c in read.channels if c.name in self.unit.refused]
        self.unit.tried(accepted, self._now(), asked)
        if back:
            log.info("registers_answered", device=self.unit.device.name, channels=back)
