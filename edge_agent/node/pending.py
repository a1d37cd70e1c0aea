"""Samples that wait to be written: a moment's worth, or all that comes while the disk is full.

Memory is bounded. Beyond the bound gauges are thinned as in the outbox; births, deaths, counters
and states stay, and only when no gauge is left the oldest records go. What went is counted.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from edge_agent.outbox import Draft
from edge_agent.outbox.bounds import Limits
from edge_agent.outbox.thinning import LEVELS, Gauges, Passes, Spans, Thinner

MOST_BYTES = 4_000_000
DRAFT_BYTES = 250  # what an empty draft takes
AT_ONCE = 2000  # drafts written by one commit


@dataclass
class Lost:
    """What was given up while the disk was full."""

    samples: int = 0
    records: int = 0
    level: int = -1
    within: dict[str, float] = field(default_factory=dict[str, float])

    def __bool__(self) -> bool:
        return bool(self.samples or self.records)

    @property
    def reason(self) -> str:
        """One sentence for people."""
        parts: list[str] = []
        if self.samples:
            share = LEVELS[self.level]
            left = f"each to within {share:.0%} of its span" if share < 1 else "no more of some"
            parts.append(f"{self.samples} gauge samples (the rest tells {left})")
        if self.records:
            parts.append(f"the {self.records} oldest waiting records")
        return f"the disk was full and nothing could be written: given up {' and '.join(parts)}"


class Waiting:
    """Drafts in order; the newest at the end."""

    def __init__(self, limits: Limits, most_bytes: int = MOST_BYTES) -> None:
        self.limits = limits
        self.drafts: list[Draft] = []
        self.lost = Lost()
        self._most = most_bytes
        self._weight = 0
        self._passes = Passes()

    @property
    def full(self) -> bool:
        """Whether memory is half used: time to give up records on the disk for these."""
        return 2 * self._weight > self._most

    def add(self, draft: Draft) -> None:
        """Take one more."""
        self.drafts.append(draft)
        self._weight += _weight(draft)

    def next(self) -> list[Draft]:
        """The oldest, as many as one commit takes."""
        return self.drafts[:AT_ONCE]

    def written(self, drafts: int) -> None:
        """So many of the oldest are on disk."""
        self._replace(0, drafts, [])

    def start_over(self, births: Mapping[str, Draft]) -> None:
        """What waits goes into a new outbox: its devices are born there first."""
        needed = [draft for device, draft in births.items() if device]
        self._replace(0, 0, needed)

    async def bound(self, alive: Callable[[], Mapping[str, bytes]]) -> None:
        """Give up what is too much; `alive` tells the births in force before the oldest draft."""
        while self._weight > self._most:
            stretch = self._passes.next(len(self.drafts))
            if stretch is None:
                self._drop(max(1, len(self.drafts) // 10))
                continue
            level, after, until = stretch
            births = dict(alive()) | _births(self.drafts[:after])
            part = self.drafts[after:until]
            kept, thinner = await asyncio.to_thread(self._thinned, births, part, level)
            self._replace(after, until, kept)
            self._passes.reached(level, after + len(kept))
            self.lost.samples += thinner.given_up.total()
            self.lost.within |= thinner.bounds()
            self.lost.level = max(self.lost.level, level)

    def _thinned(
        self, births: Mapping[str, bytes], part: list[Draft], level: int
    ) -> tuple[list[Draft], Thinner]:
        spans = Spans(Gauges(self.limits.exact))
        for device, declaration in births.items():
            spans.gauges.learn(device, declaration)
        for draft in part:
            spans.see(draft)
        thinner = Thinner(spans, level, self.limits.keep_ms)
        thinner.begin(births)
        kept: list[Draft] = []
        for draft in part:
            body = thinner.thin(draft)
            if body is draft.body:
                kept.append(draft)
            elif body:  # a record that has no number yet may go when it is empty
                kept.append(Draft(draft.device, draft.at, body, True))
        return kept, thinner

    def _drop(self, count: int) -> None:
        dropped = self.drafts[:count]
        lives = {draft.device: draft for draft in dropped if not draft.is_record}
        self.lost.records += sum(draft.is_record for draft in dropped)
        self._replace(0, count, list(lives.values()))

    def _replace(self, after: int, until: int, kept: list[Draft]) -> None:
        """Put others in the place of some; how far the passes came shifts with them."""
        gone = self.drafts[after:until]
        self.drafts[after:until] = kept
        self._weight += sum(map(_weight, kept)) - sum(map(_weight, gone))
        shift = len(kept) - len(gone)
        self._passes.ends = [
            end + shift if end >= until else min(end, after + len(kept))
            for end in self._passes.ends
        ]


def _weight(draft: Draft) -> int:
    return DRAFT_BYTES + (len(draft.body or b"") if draft.is_record else 0)


def _births(drafts: list[Draft]) -> dict[str, bytes]:
    return {d.device: d.body for d in drafts if not d.is_record and d.body is not None}
