"""One Modbus machine behind a link: its grid, what is read of it, and what was learned of it.

Its channels are in exactly one of two places: in one of `reads`, or among the `refused`. A read
that fails is asked in parts until the channels at fault are alone (`rounds.py`); they are asked
again seldom, and the others are planned anew without them. Where all parts are answered and the
whole is not, the machine cannot be read across these places, or not so much at once: cuts. What was
learned is forgotten step by step, as soon as a trial shows that it holds no longer.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
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
from edge_agent.sources.modbus.link import NoAnswerError, RefusedError

FIRST_TRIAL_S, LAST_TRIAL_S = 10.0, 3600.0  # a PLC that starts refuses what it answers later
LAST_SEARCH_S = 60.0  # where all was refused, parts are asked again at the latest then
SECOND_POLL_S = 1.0  # where the period is longer
MOST_COMPARED = 8  # values of one read
FORGOTTEN = 0.1  # of the slowest answer, with each answer that is faster

Failure = NoAnswerError | RefusedError


@dataclass(slots=True)
class Split:
    """A read that failed as a whole: in how many parts it is asked, and where these begin."""

    starts: Sequence[Cut]
    answered: int = 0


@dataclass(slots=True)
class Read:
    """One block with what its bytes mean and what of it was told.

    `failed`: polls in a row that brought no answer to it. `split`: it is part of a read that
    failed, and was not answered itself yet.
    """

    block: Block
    channels: list[Channel]
    decode: Decode
    changes: PollChanges
    factors: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    products: list[tuple[int, tuple[str, ...]]] = field(
        default_factory=list[tuple[int, tuple[str, ...]]]
    )
    failed: int = 0
    complained: bool = False
    split: Split | None = None
    across: Cut | None = None  # a trial of what was cut


@dataclass(slots=True)
class Lesson:
    """What one poll taught of a machine's refusals."""

    kept: list[Read] = field(default_factory=list[Read])  # read as they are
    refused: dict[str, Failure] = field(default_factory=dict[str, Failure])  # by channel
    cuts: set[Cut] = field(default_factory=set[Cut])
    told: dict[str, Told] = field(default_factory=dict[str, Told])  # of refused reads
    is_news: bool = False

    def refuse(self, read: Read, why: Failure) -> None:
        """The channels of this read are what the machine refuses."""
        self.refused.update({channel.name: why for channel in read.channels})
        self.told.update(read.changes.told())
        self.is_news = True

    def keep(self, read: Read) -> None:
        """The machine answered this read. Where it answered all parts of one, that is cut."""
        self.kept.append(read)
        split, read.split = read.split, None
        if split is None:
            return
        self.is_news = True
        split.answered += 1
        if split.answered > len(split.starts):
            self.cuts.update(split.starts)


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
        self.retries = device.retries
        self.loose = device.transaction == "loose"
        self.online: bool | None = None
        self.why = ""  # it does not answer
        self.unlike: list[str] = []  # channels that come otherwise alone than with others
        self.due = self.origin = self.delay = 0.0
        self.missed = 0  # polls in a row that brought nothing
        self.answered_at = 0.0
        self.slowest = 0.0  # recent answer, in seconds; 0: there was none
        self.turn = 0  # of a machine that is away, what is asked next
        self.known: set[tuple[Table, int, int]] = set()  # blocks that were answered
        self.refused: dict[str, Failure] = {}  # by channel
        self.complained: set[str] = set()
        self.trial_at = self.trial_delay = 0.0
        self.trial_parts, self.trial_first = 1, 0
        self.search_at = self.search_delay = 0.0
        self.cuts: dict[Cut, None] = {}  # in the order in which they are tried
        self.factors: dict[str, float | None] = {
            name: None for channel in device.channels for name in channel.times
        }
        self.refusal = PollChanges((), heartbeat_s)
        self.reads = self._plan(device.channels, {}, ())

    # -- its grid ---------------------------------------------------------------------------------

    def start(self, now: float) -> None:
        """Lay the grid: polls at (phase + k) x period of the clock, whoever else is polled."""
        self.origin = now // self.period * self.period + self.phase * self.period
        self.due = self.origin if self.origin >= now else self.origin + self.period

    def schedule(self, now: float) -> None:
        """The next poll: on the grid, or after the delay of a machine that does not answer."""
        if not self.online:
            self.due = now + self.delay
            return
        passed = (now - self.origin) // self.period
        self.due = self.origin + (passed + 1) * self.period
        if self.missed:
            self.due = min(self.due, now + SECOND_POLL_S)

    # -- whether it answers -----------------------------------------------------------------------

    def heard(self, block: Block, took: float) -> None:
        """It answered a request."""
        self.known.add((block.table, block.start, block.count))
        self.slowest = max(took, self.slowest - FORGOTTEN * (self.slowest - took))

    def knows(self, block: Block) -> bool:
        """Whether it ever answered that block."""
        return (block.table, block.start, block.count) in self.known

    def is_one(self, read: Read) -> bool:
        """Whether it cannot be asked in parts: one value, or several that share registers."""
        return len(_spans(read.channels, read.block.table)) == 1

    def came(self, now: float) -> None:
        """A poll brought something."""
        self.missed, self.answered_at, self.search_at, self.search_delay = 0, now, 0.0, 0.0

    def went(self, now: float) -> bool:
        """A poll brought nothing; whether the machine is away: one such poll may be chance."""
        self.missed += 1
        self.turn += 1
        chance = self.missed == 1 and now - self.answered_at < self.heartbeat_s
        return not (self.online and chance)

    def in_turn(self) -> list[Read]:
        """What to ask, those that fail last. Of a machine that is away each time another one.

        Every other time it is none of them: then one value alone is asked (`probe`).
        """
        if self.online:
            return sorted(self.reads, key=lambda read: read.failed)
        if self.turn % 2:
            return []
        first = self.turn // 2 % max(len(self.reads), 1)
        return [*self.reads[first:], *self.reads[:first]]

    def probe(self) -> Read | None:
        """One value alone, each time another: tells a silent register from a silent machine."""
        alone = [
            (read, span) for read in self.reads for span in _spans(read.channels, read.block.table)
        ]
        if len(alone) == len(self.reads):
            return None  # each read is of one value
        read, span = alone[self.turn // 2 % len(alone)]
        return self._part(read.channels, span, {})

    def some(self, read: Read) -> list[Read]:
        """Some values of a read, the last one among them, each alone."""
        spans = _spans(read.channels, read.block.table)[::-1]
        chosen = spans[:: -(-len(spans) // MOST_COMPARED)]
        return [self._part(read.channels, span, {}) for span in chosen]

    def refused_all(self, now: float) -> None:
        """Nothing was answered in parts either: they are not asked again at once."""
        self.search_delay = min(max(2 * self.search_delay, FIRST_TRIAL_S), LAST_SEARCH_S)
        self.search_at = now + self.search_delay

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

    def _plan(
        self, channels: Sequence[Channel], told: Mapping[str, Told], cuts: Collection[Cut]
    ) -> list[Read]:
        """The reads that serve the channels; those that bring factors come first."""
        device = self.device
        placed = [(c, c.where) for c in channels if c.where is not None]
        good = [(c, where) for c, where in placed if c.name not in self.refused]
        bad = [where for c, where in placed if c.name in self.refused]
        blocks = plan_blocks(
            [where for _, where in good], device.longest_read, device.widest_hole,
            device.longest_bit_read, cuts=cuts, forbidden=bad,
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

    def parts(self, read: Read, most: int) -> list[Read]:
        """The read in up to `most` parts, holes first; [] when it is one value."""
        spans = _spans(read.channels, read.block.table)
        if len(spans) < 2:
            return []
        groups = _halves(spans) if most == 2 else _pieces(spans, most)
        told = read.changes.told()
        parts = [self._part(read.channels, chain.from_iterable(group), told) for group in groups]
        split = Split([(part.block.table, part.block.start) for part in parts[1:]])
        for part in parts:
            part.split = split
        return parts

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

    def learned(self, lesson: Lesson, now: float) -> None:
        """Go on with what one poll taught; plan anew once no part is left to be asked."""
        self.refused |= lesson.refused
        self.factors |= {name: None for name in lesson.refused if name in self.factors}
        self.cuts |= dict.fromkeys(lesson.cuts)
        self.reads = lesson.kept
        if all(read.split is None for read in self.reads):
            self._plan_anew(lesson.told)
        elif lesson.refused:
            self._resume_refusal({**lesson.told, **self.refusal.told()})
        if lesson.refused or lesson.cuts:
            self.came_back(now)

    def came_back(self, now: float) -> None:
        """A machine that was away may have a new program: what it refused is tried soon again."""
        self.trial_delay, self.trial_parts, self.trial_first = FIRST_TRIAL_S, 1, 0
        self.trial_at = now + FIRST_TRIAL_S

    def trials(self) -> list[Read]:
        """The refused channels in few reads, in more and smaller ones each time; and one cut."""
        channels = [c for c in self.device.channels if c.name in self.refused]
        told, reads = self.refusal.told(), self._uncut()
        for run in self._runs(channels):
            size = max(len(run) // self.trial_parts, 1)
            parts = [run[n : n + size] for n in range(0, len(run), size)]
            reads += [self._part(channels, chain.from_iterable(part), told) for part in parts]
        first = self.trial_first % max(len(reads), 1)
        return [*reads[first:], *reads[:first]]

    def _uncut(self) -> list[Read]:
        """The read that there would be without the oldest cut, if it joins anything."""
        for cut in self.cuts:
            others = self.cuts.keys() - {cut}
            told = {name: one for read in self.reads for name, one in read.changes.told().items()}
            table, start = cut
            for read in self._plan(self.device.channels, told, others):
                if read.block.table == table and read.block.start < start < read.block.end:
                    read.across = cut
                    return [read]
        return []

    def _runs(self, channels: Sequence[Channel]) -> list[list[list[Register]]]:
        """Spans that follow each other without a hole and could be read at once."""
        device = self.device
        placed = [(c, c.where) for c in channels if c.where is not None]
        blocks = plan_blocks(
            [where for _, where in placed], device.longest_read, 0, device.longest_bit_read
        )
        return [_spans([placed[n][0] for n in block.members], block.table) for block in blocks]

    def tried(self, accepted: Sequence[Read], now: float, asked: int = 0) -> None:
        """The machine answers these reads after all; the others are tried again later.

        `asked`: how many were asked, where not all were.
        """
        for read in accepted:
            for channel in read.channels:
                self.refused.pop(channel.name, None)
                self.complained.discard(channel.name)
            if read.across:
                del self.cuts[read.across]
                read.across = None
        if self.cuts:  # the next one first
            cut = next(iter(self.cuts))
            del self.cuts[cut]
            self.cuts[cut] = None
        if accepted:
            self.reads = [*self.reads, *accepted]
            self._plan_anew({})
        self.trial_first += asked
        self.trial_delay = FIRST_TRIAL_S if accepted else min(2 * self.trial_delay, LAST_TRIAL_S)
        self.trial_parts *= 2
        self.trial_at = now + self.trial_delay

    def _plan_anew(self, more: Mapping[str, Told]) -> None:
        told = {**more, **self.refusal.told()}
        for read in self.reads:
            told.update(read.changes.told())
        self.reads = self._plan(self.device.channels, told, self.cuts)
        self._resume_refusal(told)

    def _resume_refusal(self, told: Mapping[str, Told]) -> None:
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


def _halves(spans: list[list[Register]]) -> list[list[list[Register]]]:
    """Two parts: split at the widest hole, or in the middle."""
    holes = _holes(spans)
    middle = len(spans) / 2
    where = max(range(len(holes)), key=lambda n: (holes[n], -abs(n + 1 - middle)))
    return [spans[: where + 1], spans[where + 1 :]]


def _pieces(spans: list[list[Register]], most: int) -> list[list[list[Register]]]:
    """At most so many parts: split at the holes, or evenly where there are none."""
    pieces = [[spans[0]]]
    for hole, span in zip(_holes(spans), spans[1:], strict=True):
        if hole:
            pieces.append([span])
        else:
            pieces[-1].append(span)
    if len(pieces) == 1:
        pieces = [[span] for span in spans]
    size = -(-len(pieces) // most)
    return [list(chain.from_iterable(pieces[n : n + size])) for n in range(0, len(pieces), size)]


def _holes(spans: list[list[Register]]) -> list[int]:
    return [after[0].address - max(c.end for c in before) for before, after in pairwise(spans)]
