"""One Modbus machine behind a link: what one poll of it reads, and what it was learned to refuse.

Its channels are in exactly one of two places: in one of `reads`, or among the `refused`. A read
that the machine refuses is halved until the channels at fault are alone; they are asked again
seldom, and the others are planned anew without them. Where both halves are answered and the whole
is not, the machine cannot be read across that place, or not so much at once: a cut, kept.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import chain, pairwise
from operator import mul

from edge_agent.plantfile.blocks import Block, Cut, plan_blocks
from edge_agent.plantfile.entries import Meter, Press
from edge_agent.plantfile.profile import Channel
from edge_agent.plantfile.register import Decode, Register, Table, bit_decoder, word_decoder
from edge_agent.sample import Sample, Value
from edge_agent.sources.changes import PollChanges, Told

FIRST_TRIAL_S, LAST_TRIAL_S = 10.0, 3600.0  # a PLC that starts refuses what it answers later


@dataclass(slots=True)
class Read:
    """One block with what its bytes mean and what of it was told."""

    block: Block
    channels: list[Channel]
    decode: Decode
    changes: PollChanges
    factors: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    products: list[tuple[int, tuple[str, ...]]] = field(
        default_factory=list[tuple[int, tuple[str, ...]]]
    )
    failing: bool = False


@dataclass(slots=True)
class Lesson:
    """What one poll taught of a machine's refusals."""

    kept: list[Read] = field(default_factory=list[Read])  # answered as they are
    refused: dict[str, int] = field(default_factory=dict[str, int])  # channel: exception code
    cuts: set[Cut] = field(default_factory=set[Cut])
    told: dict[str, Told] = field(default_factory=dict[str, Told])  # of refused reads

    def refuse(self, read: Read, code: int) -> None:
        """The channels of this read are what the machine refuses."""
        self.refused.update({channel.name: code for channel in read.channels})
        self.told.update(read.changes.told())

    def cut(self, read: Read) -> None:
        """The machine cannot be read across the beginning of this one."""
        self.cuts.add((read.block.table, read.block.start))


class Unit:
    """One machine: its reads, its grid and whether it answers."""

    def __init__(
        self, device: Press | Meter, unit: int, heartbeat_s: float, phase: float = 0.0
    ) -> None:
        self.device = device
        self.unit = unit
        self.heartbeat_s = heartbeat_s
        self.phase = phase
        self.period = device.poll_ms / 1000
        self.timeout = device.timeout_ms / 1000
        self.pause = device.pause_ms / 1000
        self.online: bool | None = None
        self.why = ""  # it does not answer
        self.due = self.origin = self.delay = 0.0
        self.refused: dict[str, int] = {}  # channel: exception code
        self.complained: set[str] = set()
        self.trial_at = self.trial_delay = 0.0
        self.trial_parts = 1
        self.cuts: set[Cut] = set()
        self.factors: dict[str, float | None] = {
            name: None for channel in device.channels for name in channel.times
        }
        self.refusal = PollChanges((), heartbeat_s)
        self.reads = self._plan(device.channels, {})

    # -- its grid ---------------------------------------------------------------------------------

    def start(self, now: float) -> None:
        """Lay the grid: polls at (phase + k) x period of the clock, whoever else is polled."""
        self.origin = now // self.period * self.period + self.phase * self.period
        self.due = self.origin if self.origin >= now else self.origin + self.period

    def schedule(self, now: float) -> None:
        """The next poll: on the grid, or after the delay of a machine that does not answer."""
        if self.online:
            passed = (now - self.origin) // self.period
            self.due = self.origin + (passed + 1) * self.period
        else:
            self.due = now + self.delay

    # -- what is read -----------------------------------------------------------------------------

    def values(self, read: Read, data: bytes) -> Sequence[Value | None]:
        """What the bytes of a read mean, products formed."""
        values = read.decode(data)
        if not read.factors and not read.products:
            return values
        for number, name in read.factors:
            factor = values[number]
            self.factors[name] = factor if isinstance(factor, int | float) else None
        product = list(values)
        for number, names in read.products:
            product[number] = self._product(values[number], names)
        return tuple(product)

    def _product(self, value: Value | None, names: tuple[str, ...]) -> Value | None:
        """None while a factor is unknown or 0: a ratio that makes every reading 0 is none."""
        factors = [self.factors[name] for name in names]
        if not isinstance(value, int | float) or not all(factors):
            return None
        return reduce(mul, [factor for factor in factors if factor is not None], value)

    def failed(self, read: Read, at: int, now: float) -> list[Sample]:
        """Bad quality for what a read would have brought."""
        self.factors |= {name: None for _, name in read.factors}
        return read.changes.tell_bad(at, now)

    def tell_bad(self, at: int, now: float) -> list[Sample]:
        """Bad quality for every channel that was not bad already."""
        bad = [sample for read in self.reads for sample in self.failed(read, at, now)]
        return bad + self.refusal.tell_bad(at, now)

    def _plan(self, channels: Sequence[Channel], told: Mapping[str, Told]) -> list[Read]:
        """The reads that serve the channels; those that bring factors come first."""
        device = self.device
        placed = [(c, c.where) for c in channels if c.where is not None]
        good = [(c, where) for c, where in placed if c.name not in self.refused]
        bad = [where for c, where in placed if c.name in self.refused]
        blocks = plan_blocks(
            [where for _, where in good], device.longest_read, device.widest_hole,
            device.longest_bit_read, cuts=self.cuts, forbidden=bad,
        )  # fmt: skip
        reads = [self._read(block, [good[n] for n in block.members], told) for block in blocks]
        return sorted(reads, key=lambda read: not read.factors)

    def _read(
        self, block: Block, placed: list[tuple[Channel, Register]], told: Mapping[str, Told]
    ) -> Read:
        channels = [channel for channel, _ in placed]
        if block.is_bits:
            decode = bit_decoder([where for _, where in placed], block.start)
        else:
            decode = word_decoder([(where, c.layout) for c, where in placed], block.start)
        changes = PollChanges([channel.name for channel in channels], self.heartbeat_s)
        changes.resume(told)
        return Read(
            block, channels, decode, changes,
            factors=[(n, c.name) for n, c in enumerate(channels) if c.name in self.factors],
            products=[(n, c.times) for n, c in enumerate(channels) if c.times],
        )  # fmt: skip

    # -- what it refuses --------------------------------------------------------------------------

    def halves(self, read: Read) -> list[Read]:
        """The read in two, at its widest hole or in the middle; [] when it is one value."""
        spans = _spans(read.channels, read.block.table)
        if len(spans) < 2:
            return []
        holes = [after[0].address - max(c.end for c in before) for before, after in pairwise(spans)]
        middle = len(spans) / 2
        where = max(range(len(holes)), key=lambda n: (holes[n], -abs(n + 1 - middle)))
        told = read.changes.told()
        return [
            self._part(read.channels, chain.from_iterable(part), told)
            for part in (spans[: where + 1], spans[where + 1 :])
        ]

    def _part(
        self, channels: Sequence[Channel], places: Iterable[Register], told: Mapping[str, Told]
    ) -> Read:
        """One read of those channels that stand at these places, holes between them included."""
        within = set(places)
        placed = [(c, c.where) for c in channels if c.where is not None and c.where in within]
        start = min(where.address for where in within)
        count = max(where.end for where in within) - start
        block = Block(placed[0][1].table, start, count, tuple(range(len(placed))))
        return self._read(block, placed, told)

    def learned(self, lesson: "Lesson", now: float) -> None:
        """Plan anew with what one poll taught."""
        self.refused |= lesson.refused
        self.factors |= {name: None for name in lesson.refused if name in self.factors}
        self.cuts |= lesson.cuts
        self.reads = lesson.kept
        self._plan_anew(lesson.told)
        if lesson.refused:
            self.came_back(now)

    def came_back(self, now: float) -> None:
        """A machine that was away may have a new program: what it refused is tried soon again."""
        self.trial_delay, self.trial_parts = FIRST_TRIAL_S, 1
        self.trial_at = now + FIRST_TRIAL_S

    def trials(self) -> list[Read]:
        """The refused channels in few reads, in more and smaller ones each time."""
        channels = [c for c in self.device.channels if c.name in self.refused]
        told, reads = self.refusal.told(), list[Read]()
        for run in self._runs(channels):
            size = max(len(run) // self.trial_parts, 1)
            parts = [run[n : n + size] for n in range(0, len(run), size)]
            reads += [self._part(channels, chain.from_iterable(part), told) for part in parts]
        return reads

    def _runs(self, channels: Sequence[Channel]) -> list[list[list[Register]]]:
        """Spans that follow each other without a hole and could be read at once."""
        device = self.device
        placed = [(c, c.where) for c in channels if c.where is not None]
        blocks = plan_blocks(
            [where for _, where in placed], device.longest_read, 0, device.longest_bit_read
        )
        return [_spans([placed[n][0] for n in block.members], block.table) for block in blocks]

    def tried(self, accepted: Sequence[Read], now: float) -> None:
        """The machine answers these values after all; the others are tried again later."""
        for read in accepted:
            for channel in read.channels:
                del self.refused[channel.name]
        if accepted:
            self.reads = [*self.reads, *accepted]
            self._plan_anew({})
        self.trial_delay = min(2 * self.trial_delay, LAST_TRIAL_S)
        self.trial_parts *= 2
        self.trial_at = now + self.trial_delay

    def _plan_anew(self, more: Mapping[str, Told]) -> None:
        told = {**more, **self.refusal.told()}
        for read in self.reads:
            told.update(read.changes.told())
        self.reads = self._plan(self.device.channels, told)
        self.refusal = PollChanges(list(self.refused), self.heartbeat_s)
        self.refusal.resume(told)


def _spans(channels: Sequence[Channel], table: Table) -> list[list[Register]]:
    """Places in a table in order of address; those that share registers are together."""
    places = {c.where for c in channels if c.where is not None and c.where.table == table}
    spans: list[list[Register]] = []
    for place in sorted(places, key=lambda place: place.address):
        if spans and place.address < max(other.end for other in spans[-1]):
            spans[-1].append(place)
        else:
            spans.append([place])
    return spans
