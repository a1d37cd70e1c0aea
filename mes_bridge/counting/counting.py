"""From readings of a cumulative counter to what was added: a pure machine, one reading at a time.

A pair of good readings is a plain step, or the later one waits for one more good reading, which
confirms it or takes it back. Counts strokes and Wh alike. See docs/counting.md.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

Kind = Literal["step", "wrap", "reset", "gap", "glitch", "jump", "late", "swap"]

HEADROOM = 1.2  # over the declared top speed, before an increase is more than the machine can do
SLACK = 1  # a stroke that falls just inside the pair
WAY = timedelta(seconds=2)  # what waited on the way is held against a reading so much older


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of the counter in counted units; `value` None means not good (bad or stale).

    `told_by` is the outbox that told it, where one did.
    """

    at: datetime
    value: int | None
    told_by: int | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """A good value and its instant."""

    at: datetime
    value: int


def _nothing(_at: datetime) -> Point | None:
    return None


@dataclass(frozen=True, slots=True)
class Rules:
    """What the machine behind a counter can do: `top_rate` in units per second.

    `modulus`: the counter goes from modulus - 1 to 0; None when it is not declared.
    `silence`: longer than this between two readings is time unseen.
    `before`: the newest good reading at least `WAY` before an instant, where one is known.
    """

    top_rate: float
    silence: timedelta
    modulus: int | None = None
    before: Callable[[datetime], Point | None] = field(default=_nothing, compare=False)


@dataclass(frozen=True, slots=True)
class State:
    """Where a counter stands: the baseline, and the reading that waits for one more.

    `pend_unseen`: time passed unseen between baseline and the waiting reading; `unseen`: a
    reading that was not good came after the latest good one. `told_by`: the outbox of the latest
    reading.
    """

    base: Point | None = None
    pend: Point | None = None
    pend_unseen: bool = False
    unseen: bool = False
    told_by: int | None = None

    @property
    def latest(self) -> Point | None:
        """The latest good reading."""
        return self.pend or self.base


@dataclass(frozen=True, slots=True)
class Pair:
    """Two good readings and what lies between them, in counted units.

    `held`: the amount (which may be 0) waits for a person's decision and counts nowhere yet.
    """

    kind: Kind
    old: Point
    new: Point
    amount: int
    unseen: bool = False

    @property
    def held(self) -> bool:
        """More than the machine can do, or a fall that is neither wrap nor restart."""
        return self.kind == "jump"

    @property
    def booked(self) -> bool:
        """Whether the amount counts."""
        return self.amount > 0 and not self.held


def step(state: State, reading: Reading, rules: Rules) -> tuple[State, list[Pair]]:
    """Take one reading in; returns the new state and the pairs that are settled by it.

    Another outbox than before (a new disk, an old copy) may have taken records with it: what lies
    between is time unseen.
    """
    latest = state.latest
    if latest is not None and reading.at < latest.at:
        value = reading.value
        late = [] if value is None else [Pair("late", latest, Point(reading.at, value), 0)]
        return state, late
    if None not in (state.told_by, reading.told_by) and state.told_by != reading.told_by:
        state = replace(state, unseen=True)
    after, pairs = _take(state, reading, rules)
    return replace(after, told_by=reading.told_by), pairs


def _take(state: State, reading: Reading, rules: Rules) -> tuple[State, list[Pair]]:
    if reading.value is None:
        return replace(state, unseen=True), []
    new, latest = Point(reading.at, reading.value), state.latest
    if latest is None or state.base is None:
        return State(base=new), []
    blind = state.unseen or new.at - latest.at > rules.silence
    if state.pend is None:
        return _advance(state.base, new, blind, rules)
    return _settle(state, new, blind, rules)


def exchange(state: State, old: Point, new: int, rules: Rules) -> tuple[State, list[Pair]] | None:
    """A person exchanged the counter when it showed `old`; the one in its place showed `new`.

    What was waiting is settled by `old`, as by a reading. None when that cannot be: `old` lies
    behind the baseline, or the counter was read and counted after the exchange.
    """
    later = state.pend if state.pend and state.pend.at > old.at else None
    base, settled = (state.base, []) if later else _settled_by(state, old, rules)
    unseen = later is not None and state.pend_unseen
    after = State(base=Point(old.at, new), unseen=unseen, told_by=state.told_by)
    pairs = [*settled]
    if base is not None:
        amount = old.value - base.value if old.value >= base.value else None
        if amount is None and _continues(base, old, rules):
            amount = _ahead(base, old, rules)
        if amount is None or base.at > old.at:
            return None
        waited = base is state.base and state.pend_unseen
        unseen = state.unseen or waited or old.at - base.at > rules.silence
        pairs.append(Pair("swap", base, old, amount, unseen))
    if later is None:
        return after, pairs
    after, more = step(after, Reading(later.at, later.value, state.told_by), rules)
    return after, [*pairs, *more]


def classify(old: Point, new: Point, unseen: bool, rules: Rules) -> Pair:
    """What a pair of good readings is, as far as the two alone can tell."""
    added, span = new.value - old.value, new.at - old.at
    if added >= 0:
        if not _possible(old, new, added, rules):
            return Pair("jump", old, new, added, unseen)
        return Pair("gap" if unseen else "step", old, new, added, unseen)
    wrapped = _ahead(old, new, rules)
    if wrapped is not None and _possible(old, new, wrapped, rules):
        return Pair("wrap", old, new, wrapped, unseen)
    if new.value >= 0 and plausible(new.value, span, rules):
        return Pair("reset", old, new, new.value, unseen)
    return Pair("jump", old, new, 0, unseen)


def plausible(added: int, span: timedelta, rules: Rules) -> bool:
    """Whether the machine can add this much in that time."""
    return added <= rules.top_rate * span.total_seconds() * HEADROOM + SLACK


def _possible(old: Point, new: Point, added: int, rules: Rules) -> bool:
    """Whether the machine can go from one reading to the other.

    `at` is when a reading came. One that waited on the way (a line that was away, an agent that
    was halted) comes closer to the next than it was made, so both may also be held against one
    from before the later one waited, or from before the earlier one did.
    """
    if plausible(added, new.at - old.at, rules):
        return True
    for at in (new.at, old.at):
        before = rules.before(at)
        if before is not None and before.at <= old.at and before.value <= old.value:
            since = added + old.value - before.value
            if plausible(since, new.at - before.at, rules):
                return True
    return False


def _advance(base: Point, new: Point, unseen: bool, rules: Rules) -> tuple[State, list[Pair]]:
    """From a settled baseline: a plain step is taken at once, anything else waits."""
    pair = classify(base, new, unseen, rules)
    if pair.kind == "step":
        return State(base=new), [pair]
    return State(base=base, pend=new, pend_unseen=unseen), []


def _settle(state: State, new: Point, blind: bool, rules: Rules) -> tuple[State, list[Pair]]:
    """The reading after the waiting one says what that was; then it is taken in itself."""
    base, settled = _settled_by(state, new, rules)
    assert base is not None
    back = base is state.base
    after, more = _advance(base, new, blind or (back and state.pend_unseen), rules)
    return after, [*settled, *more]


def _settled_by(state: State, new: Point, rules: Rules) -> tuple[Point | None, list[Pair]]:
    """The baseline once `new` has said what the waiting reading was."""
    if state.pend is None or state.base is None:
        return state.base, []
    pair = classify(state.base, state.pend, state.pend_unseen, rules)
    blind = state.unseen or new.at - state.pend.at > rules.silence
    if _taken_back(pair, new, blind, rules):
        return state.base, [replace(pair, kind="glitch", amount=0)]
    return state.pend, [pair]


def _taken_back(pair: Pair, new: Point, blind: bool, rules: Rules) -> bool:
    """Whether `new` goes on from the old value, and so says that the waiting one was false."""
    goes_on = _continues(pair.new, new, rules)
    if not pair.held and pair.unseen and blind and 0 <= new.value < pair.new.value:
        goes_on = goes_on or plausible(new.value, new.at - pair.new.at, rules)  # restarted since
    rose = new.value >= pair.old.value
    back = (rose or pair.kind == "wrap") and _continues(pair.old, new, rules)
    if pair.kind in {"gap", "wrap"}:  # possible in itself: only the old value speaks against it
        return back and not goes_on
    # It goes on from both, where the old value is small or two polls came close together. In time
    # that was seen, the old value wins; after a silence or a bad reading, a restart is believed.
    return not goes_on or (back and not (pair.unseen or blind))


def _continues(old: Point, new: Point, rules: Rules) -> bool:
    ahead = _ahead(old, new, rules)
    return ahead is not None and _possible(old, new, ahead, rules)


def _ahead(old: Point, new: Point, rules: Rules) -> int | None:
    """How far `new` is ahead of `old`, over the modulus where one is declared."""
    added = new.value - old.value
    if added >= 0:
        return added
    if rules.modulus is None or new.value < 0 or old.value >= rules.modulus:
        return None
    return added + rules.modulus
