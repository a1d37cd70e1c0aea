"""Thinning: gauges are given up sample by sample within an error bound; nothing else is touched.

A reading holds until the next one. A sample is given up when the one kept before it still tells
the same to within the bound, with the same quality, and is not too old. Thinning goes in passes
from the oldest record on, each coarser than the last; a pass adds only the difference to the bound
of the pass before, so that the bounds do not add up beyond the last one. The final pass gives up
all gauges. Counters, states and texts are never touched.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from google.protobuf.message import DecodeError

from edge_agent.sample import BAD, GOOD, Value
from edge_agent.sparkplug_pb2 import Metric, Payload
from edge_agent.wire import (
    QUALITY,
    READERS,
    STATUS,
    WORDS,
    WrongTypeError,
    read_channel,
    read_properties,
)

LEVELS = (0.01, 0.02, 0.05, 0.10, math.inf)  # of a gauge's span: how wrong it may be after a pass


class Placed(Protocol):
    """A record, birth or death in order: an entry of the outbox, or a draft."""

    @property
    def device(self) -> str: ...  # noqa: D102
    @property
    def body(self) -> bytes | None: ...  # noqa: D102
    @property
    def is_record(self) -> bool: ...  # noqa: D102


@dataclass
class Gauges:
    """Which aliases are gauges, by the births in force; `exact` names those never to be thinned."""

    exact: frozenset[tuple[str, str]] = frozenset()
    types: dict[str, dict[int, int]] = field(default_factory=dict[str, dict[int, int]])
    names: dict[int, str] = field(default_factory=dict[int, str])
    _learned: dict[str, bytes] = field(default_factory=dict[str, bytes])

    def learn(self, device: str, declaration: bytes | None) -> None:
        """A birth declares a device's channels; a death changes nothing."""
        if declaration is None or self._learned.get(device) == declaration:
            return
        self._learned[device] = declaration
        found: dict[int, int] = {}
        for metric in Payload.FromString(declaration).metrics:
            channel = read_channel(metric)
            if channel is None or channel.kind != "gauge" or channel.datatype in WORDS:
                continue
            if (device, channel.name) not in self.exact:
                found[channel.alias] = channel.datatype
                self.names[channel.alias] = f"{device}/{channel.name}"
        self.types[device] = found


@dataclass
class Spans:
    """The lowest and highest good value seen of each gauge."""

    gauges: Gauges
    seen: dict[int, tuple[float, float]] = field(default_factory=dict[int, tuple[float, float]])

    def see(self, entry: Placed) -> bytes | None:
        """Take a record's values in; returns its body as it is."""
        if not entry.is_record:
            self.gauges.learn(entry.device, entry.body)
            return entry.body
        types = self.gauges.types.get(entry.device)
        for metric in _metrics(entry.body) if types else ():
            datatype = types.get(metric.alias) if types else None
            value = None if datatype is None else _number(metric, datatype)
            if value is not None and math.isfinite(value):
                low, high = self.seen.get(metric.alias, (value, value))
                self.seen[metric.alias] = (min(low, value), max(high, value))
        return entry.body

    def width(self, alias: int) -> float:
        """Highest less lowest."""
        low, high = self.seen.get(alias, (0.0, 0.0))
        return high - low


@dataclass(slots=True)
class _Kept:
    """What the last kept sample of a gauge tells."""

    at: int
    value: float | None
    quality: tuple[object, object]


class Thinner:
    """One pass over a stretch of records in order: at which level, and what it gave up."""

    def __init__(self, spans: Spans, level: int, keep_ms: int) -> None:
        """A kept sample speaks for those of the next `keep_ms`."""
        self.level = level
        self.given_up: Counter[int] = Counter()
        self._gauges, self._keep_ms = spans.gauges, keep_ms
        self._spans, self._within = spans, dict[int, float]()
        self._share = LEVELS[level] - (LEVELS[level - 1] if level else 0.0)
        self._kept: dict[int, _Kept] = {}

    def begin(self, alive: Mapping[str, bytes]) -> None:
        """Those devices are alive at the place where the pass goes on."""
        for device, declaration in alive.items():
            self._gauges.learn(device, declaration)

    def thin(self, entry: Placed) -> bytes | None:
        """The body that stays; the very same object when nothing is given up."""
        if not entry.is_record:
            self._gauges.learn(entry.device, entry.body)
            for alias in self._gauges.types.get(entry.device, ()):
                self._kept.pop(alias, None)
            return entry.body
        types = self._gauges.types.get(entry.device)
        if not types:
            return entry.body
        metrics = _metrics(entry.body)
        kept = [metric for metric in metrics if not self._is_told(metric, types)]
        if len(kept) == len(metrics):
            return entry.body
        return Payload(metrics=kept).SerializeToString()

    def bounds(self) -> dict[str, float]:
        """How wrong each gauge that lost samples may be after this pass, in its own raw unit."""
        if math.isinf(self._share):
            return {}
        share = LEVELS[self.level]
        names = self._gauges.names
        return {names[alias]: share * self._spans.width(alias) for alias in sorted(self.given_up)}

    def _is_told(self, metric: Metric, types: Mapping[int, int]) -> bool:
        datatype = types.get(metric.alias)
        if datatype is None:
            return False
        if not math.isinf(self._share):
            kept = self._kept.get(metric.alias)
            now = _Kept(metric.timestamp, _number(metric, datatype), _quality(metric))
            if kept is None or not self._holds(kept, now, metric.alias):
                self._kept[metric.alias] = now
                return False
        self.given_up[metric.alias] += 1
        return True

    def _holds(self, kept: _Kept, now: _Kept, alias: int) -> bool:
        if not 0 <= now.at - kept.at < self._keep_ms or kept.quality != now.quality:
            return False
        if kept.value is None or now.value is None:
            return kept.value is now.value
        within = self._within.get(alias)
        if within is None:
            within = self._within[alias] = self._share * self._spans.width(alias)
        return abs(now.value - kept.value) <= within


class Passes:
    """How far each pass has come: `ends[k]` is the place up to which level k was applied.

    The next stretch belongs to the finest pass that is not through: new records are thinned finely
    before old ones are thinned coarsely.
    """

    def __init__(self, ends: list[int] | None = None) -> None:
        self.ends = ends or [0] * len(LEVELS)

    @staticmethod
    def read(text: str) -> "Passes":
        """What `write` wrote; nothing was thinned when the text tells nothing."""
        try:
            ends = [int(end) for end in text.split()]
        except ValueError:
            ends = []
        return Passes(ends if len(ends) == len(LEVELS) else None)

    def write(self) -> str:
        """For the next agent to go on from."""
        return " ".join(map(str, self.ends))

    def next(self, tail: int) -> tuple[int, int, int] | None:
        """Level, after which place, up to which place; None when nothing is left to thin."""
        before = tail
        for level, end in enumerate(self.ends):
            if end < before:
                return level, end, before
            before = end
        return None

    def reached(self, level: int, place: int) -> None:
        """A pass has come so far."""
        self.ends[level] = max(self.ends[level], place)


def _metrics(body: bytes | None) -> list[Metric]:
    try:
        return list(Payload.FromString(body or b"").metrics)
    except DecodeError:  # bytes that a worn disk changed: left as they are
        return []


def _number(metric: Metric, datatype: int) -> float | None:
    told = metric.WhichOneof("value")
    if told is None or metric.is_null:
        return None
    try:
        value: Value = READERS[datatype](metric, told)
    except WrongTypeError:
        return None
    return value if isinstance(value, int | float) else None


def _quality(metric: Metric) -> tuple[object, object]:
    if not metric.HasField("properties"):
        return BAD if metric.is_null else GOOD, None
    told = read_properties(metric)
    return told.get(QUALITY, GOOD), told.get(STATUS)
