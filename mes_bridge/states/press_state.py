"""What a press was doing: running, stopped, in alarm, unknown. A pure derivation, by `at` alone.

Without a run signal, a press runs from stroke to stroke; a pause longer than `stop_after` was a
stop since the last stroke. With one, the signal decides. Without a good reading for longer than
`silence`, or from a bad reading on, it is unknown until the next good reading; where strokes fell
in unknown time, the pause before it ends where the unknown begins. See docs/counting.md.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from plant.layout import Signal

PressState = Signal | Literal["unknown"]
Meanings = Mapping[str, Signal]  # what the values of a run signal mean


@dataclass(frozen=True, slots=True)
class Rules:
    """How a press's states are told; `by_signal`: it has a run signal."""

    stop_after: timedelta
    silence: timedelta
    by_signal: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """A state from `start` up to and not including `end` (None: still so)."""

    start: datetime
    end: datetime | None
    state: PressState


@dataclass(frozen=True, slots=True)
class Seen:
    """A reading: good, or not (`good` False).

    `decides`: it is of the channel that decides the state; `signal` is what the run signal says.
    """

    at: datetime
    good: bool
    decides: bool = True
    signal: Signal | None = None


@dataclass(frozen=True, slots=True)
class Stroke:
    """Strokes were counted at the reading of this instant; `unseen`: they fell before it."""

    at: datetime
    unseen: bool = False


Sign = Seen | Stroke
Pause = tuple[datetime, datetime]  # from when, until when


@dataclass(frozen=True, slots=True)
class Watch:
    """Where the derivation stands.

    `since`: the last stroke, change of signal, or first reading; what came after it is not yet
    settled. `stroke`: `since` is a stroke. `seen`: the last good reading. `bad_since`: unknown
    since then. `unknown`: unknown spans after `since` that are over. `latest`: the last reading.
    """

    since: datetime
    seen: datetime
    latest: datetime
    stroke: bool = False
    signal: Signal | None = None
    bad_since: datetime | None = None
    unknown: tuple[Pause, ...] = ()


def signal_of(meanings: Meanings | None, value: int) -> Signal | None:
    """What a value of the run signal says; None where it is not one of those that are listed.

    Without meanings 0 is stopped, and everything else running.
    """
    if meanings is None:
        return "running" if value else "stopped"
    return meanings.get(str(value))


def follow(
    watch: Watch | None, signs: Iterable[Sign], rules: Rules
) -> tuple[Watch | None, list[Span]]:
    """Take signs in, none older than the watch; returns the new watch and the settled spans."""
    settled: list[Span] = []
    for sign in sorted(signs, key=_order):
        if watch is None:
            watch = _first(sign)
        elif isinstance(sign, Stroke):
            watch = watch if rules.by_signal else _stroke(watch, sign, rules, settled)
        elif sign.good:
            watch = _good(watch, sign, rules, settled)
        else:
            watch = _bad(watch, sign, rules)
    return watch, settled


def tail(watch: Watch, rules: Rules, now: datetime) -> list[Span]:
    """The spans from `watch.since` on, as the clock stands; the last one is open."""
    blind = watch.bad_since
    if blind is None and now - watch.seen > rules.silence:
        blind = watch.seen + rules.silence
    state = _state(watch, (blind or now) - watch.since, rules)
    if blind is None:
        return _cut(watch.since, None, state, watch.unknown)
    known = _cut(watch.since, blind, state, watch.unknown)
    return [*known, Span(blind, None, "unknown")]


def due(watch: Watch, rules: Rules, now: datetime) -> datetime | None:
    """The next instant after which the clock alone changes the tail; None when there is none."""
    if watch.bad_since is not None:
        return None
    turns = [watch.seen + rules.silence]
    if watch.stroke and not rules.by_signal:
        turns.append(watch.since + rules.stop_after)
    return min((turn for turn in turns if turn >= now), default=None)


def merged(spans: Sequence[Span]) -> list[Span]:
    """Neighbours of the same state as one; empty spans left out."""
    result: list[Span] = []
    for span in spans:
        if span.end is not None and span.end <= span.start:
            continue
        if result and result[-1].state == span.state and result[-1].end == span.start:
            result[-1] = replace(result[-1], end=span.end)
        else:
            result.append(span)
    return result


def _order(sign: Sign) -> tuple[datetime, int]:
    """By instant; of one instant a bad reading first (a good one beside it wins), strokes last."""
    return sign.at, 2 if isinstance(sign, Stroke) else int(sign.good)


def _first(sign: Sign) -> Watch | None:
    if isinstance(sign, Stroke) or not sign.good or not sign.decides:
        return None
    return Watch(since=sign.at, seen=sign.at, latest=sign.at, signal=sign.signal)


def _bad(watch: Watch, sign: Seen, rules: Rules) -> Watch:
    if not sign.decides or sign.at <= watch.seen:
        return watch
    since = watch.bad_since or min(sign.at, watch.seen + rules.silence)
    return replace(watch, bad_since=since, latest=max(sign.at, watch.latest))


def _good(watch: Watch, sign: Seen, rules: Rules, settled: list[Span]) -> Watch:
    watch = replace(watch, latest=max(sign.at, watch.latest))
    if watch.bad_since is not None and not sign.decides:
        return watch
    blind = watch.bad_since
    if blind is None and sign.at - watch.seen > rules.silence:
        blind = watch.seen + rules.silence
    if blind is None or blind >= sign.at:
        unknown = watch.unknown
    else:
        unknown = (*watch.unknown, (blind, sign.at))
    watch = replace(watch, seen=max(sign.at, watch.seen), bad_since=None, unknown=unknown)
    if not rules.by_signal or sign.signal is None or sign.signal == watch.signal:
        return watch
    settled += _cut(watch.since, sign.at, _state(watch, timedelta(), rules), watch.unknown)
    return replace(watch, since=sign.at, signal=sign.signal, unknown=())


def _stroke(watch: Watch, sign: Stroke, rules: Rules, settled: list[Span]) -> Watch:
    """Settle what lies before this stroke; the press was seen in it, whichever channel told it."""
    if sign.at > watch.seen:
        watch = _good(watch, Seen(sign.at, good=True, decides=True), rules, settled)
    unknown = tuple(part for pause in watch.unknown for part in _parted(pause, sign.at, rules))
    before = tuple(pause for pause in unknown if pause[0] < sign.at)
    quiet = before[-1][0] if sign.unseen and before else sign.at
    settled += _cut(watch.since, sign.at, _state(watch, quiet - watch.since, rules), before)
    after = unknown[len(before) :]
    return replace(watch, since=sign.at, stroke=True, unknown=after)


def _parted(pause: Pause, at: datetime, rules: Rules) -> Iterator[Pause]:
    """An unknown span, and what is left of it when the press was seen at an instant within."""
    blind, back = pause
    if not blind < at < back:
        yield pause
        return
    yield blind, at
    if at + rules.silence < back:
        yield at + rules.silence, back


def _state(watch: Watch, pause: timedelta, rules: Rules) -> PressState:
    if rules.by_signal:
        return watch.signal or "stopped"
    return "running" if watch.stroke and pause <= rules.stop_after else "stopped"


def _cut(
    start: datetime, end: datetime | None, state: PressState,
    unknown: Sequence[Pause],
) -> list[Span]:  # fmt: skip
    """[start, end) in this state, except where it was unknown."""
    spans: list[Span] = []
    for blind, back in unknown:
        spans += [Span(start, blind, state), Span(blind, back, "unknown")]
        start = back
    return merged([*spans, Span(start, end, state)])
