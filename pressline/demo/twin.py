"""A press that exists only here: it makes strokes, counts them and writes down when each happened.

What it writes is the ground truth of the demo. Nothing else writes it, and nothing but the final
comparison reads it.
"""

import asyncio
import math
import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

JITTER = 0.06  # share of the stroke period, either way
JAM_ALARM = 17
ON_DISK_S = 0.6  # what was read is on the edge's disk


@dataclass
class Twin:
    """One simulated press: when it makes strokes, and what its counter shows.

    `spm` is strokes per minute; the counter is taken modulo `modulus`. It makes strokes while the
    start button is on, it is not jammed, and its counter has been read at least once.

    A counter that was lost does not reach its old value again before it was read: from outside, 28
    strokes after a restart at 26 would be two.
    """

    name: str
    spm: float
    truth: Path
    counter: int = 0
    modulus: int = 1 << 32
    die: str = ""
    seed: int = 1
    strokes: int = 0
    started: bool = False
    moving: bool = False
    _jam_until: float = 0.0
    _changed: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    _read: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    _last_values_read: int = 0
    _lost_at: int | None = None
    _read_since: list[float] = field(default_factory=list[float])
    _file: IO[str] | None = field(default=None, repr=False)

    async def work(self) -> None:
        """Make strokes until cancelled, each written down in the instant it happens."""
        chance = random.Random(f"{self.seed}/{self.name}")  # noqa: S311 - a rhythm, not a secret
        with self.truth.open("a", buffering=1) as self._file:
            await self._read.wait()
            while True:
                await self._until_allowed()
                await asyncio.sleep(60 / self.spm * (1 + chance.uniform(-JITTER, JITTER)))
                if self._allowed():
                    self._stroke()

    def start(self) -> None:
        """The start button."""
        self.started = True
        self._changed.set()

    def stop(self) -> None:
        """The stop button: no further stroke; whatever was read before says nothing any more."""
        self.started = self.moving = False
        self._last_values_read = 0

    def jam(self, seconds: float) -> None:
        """A jam: no stroke for so many seconds, though the start button is on."""
        self._jam_until = time.monotonic() + seconds
        self.moving = False

    def lose_power(self) -> None:
        """The counter's memory is lost: it starts again from zero."""
        self._lost_at, self._read_since, self.counter = self.counter, [], 0

    def answered(self, strokes: int) -> None:
        """An answer has left that carries the counter as it stood after `strokes`."""
        self._read.set()
        if strokes == self.strokes and not self.started:
            self._last_values_read += 1
        if self._lost_at is not None:
            self._note_read_since_loss()

    @property
    def alarm(self) -> int:
        """The PLC's alarm number: 17 for a jam, 0 for none."""
        return JAM_ALARM if time.monotonic() < self._jam_until else 0

    @property
    def speed(self) -> float:
        """Strokes per minute as the PLC shows them."""
        return self.spm if self.moving else 0.0

    @property
    def tonnage(self) -> float:
        """Peak force of the last stroke in kN."""
        return 0.0 if self.strokes == 0 else 620 + 15 * math.sin(self.strokes / 7)

    @property
    def has_been_read(self) -> bool:
        """Whether any answer with the counter has left."""
        return self._read.is_set()

    @property
    def settled(self) -> bool:
        """Whether the press stands and its last value has been read since it stands.

        Twice: who asks again has received the answer before.
        """
        return not self.started and self._last_values_read >= 2

    @property
    def is_known_again(self) -> bool:
        """Whether its counter was read, and is on the edge's disk, since it was lost."""
        return self._lost_at is None

    def _allowed(self) -> bool:
        return self.started and time.monotonic() >= self._jam_until and not self._at_old_value()

    def _at_old_value(self) -> bool:
        return self._lost_at is not None and self.counter + 1 >= self._lost_at

    def _note_read_since_loss(self) -> None:
        self._read_since.append(time.monotonic())
        if len(self._read_since) > 2 and self._read_since[-1] > self._read_since[1] + ON_DISK_S:
            self._lost_at = None
            self._changed.set()

    async def _until_allowed(self) -> None:
        while not self._allowed():
            if self.started and not self._at_old_value():
                await asyncio.sleep(max(0.0, self._jam_until - time.monotonic()))
            else:
                self._changed.clear()
                await self._changed.wait()
        self.moving = True

    def _stroke(self) -> None:
        assert self._file is not None
        self.strokes += 1
        self.counter = (self.counter + 1) % self.modulus
        self._file.write(f"{time.time_ns()},{self.name},{self.strokes},{self.counter}\n")


@dataclass
class Energy:
    """An energy meter over some presses: Wh for idling and for each stroke."""

    presses: list[Twin]
    start_wh: float
    idle_w: float
    stroke_wh: float
    _since: float = field(default_factory=time.monotonic)

    @property
    def watts(self) -> float:
        """Power now, in W."""
        return self.idle_w + sum(
            p.spm / 60 * 3600 * self.stroke_wh for p in self.presses if p.moving
        )

    @property
    def kwh(self) -> float:
        """Total import in kWh, as the register shows it."""
        idle = self.idle_w * (time.monotonic() - self._since) / 3600
        strokes = sum(press.strokes for press in self.presses)
        return (self.start_wh + idle + strokes * self.stroke_wh) / 1000
