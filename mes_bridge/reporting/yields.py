"""From strokes to what should have been posted: pure rules, exact, no clock and no database.

An output of a run yields floor(sum of strokes x parts per stroke) parts, carried over the whole
run: each cell (segment, shift) gets the difference of the running floors, so that the cells add up
to the floor of the total, however they are cut. People then move parts between kinds (scrap,
adjust), and what exceeds the order is excess; the sum stays what it was (docs/counting.md).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from itertools import pairwise
from types import MappingProxyType
from typing import NamedTuple

KINDS: Mapping[str, str] = MappingProxyType({
    "production": "good",
    "setup": "setup",
    "first_article": "sample",
    "trial": "trial",
    "maintenance": "maintenance",
})  # fmt: skip
"""Segment kind -> posting kind."""


class Cell(NamedTuple):
    """Strokes of one segment in one shift, in order of time, with the parts one stroke gives."""

    segment: str
    shift: int | None
    strokes: int
    parts: Fraction
    first: datetime


class Scrap(NamedTuple):
    """Parts somebody declared to be scrap; `shift` is the one of that instant."""

    at: datetime
    qty: int
    reason: str
    shift: int | None


class Decided(NamedTuple):
    """Excess that somebody decided about: so many parts are of that kind (docs/counting.md)."""

    shift: int | None
    kind: str
    reason: str | None
    qty: int


class Key(NamedTuple):
    """What a posting is counted under."""

    run_output: int
    shift: int | None
    kind: str
    reason: str | None = None


class Share(NamedTuple):
    """Good parts of one output in one shift, and when they began."""

    key: Key
    first: datetime
    qty: int


Target = dict[Key, int]


def whole_parts(cells: Iterable[Cell]) -> list[int]:
    """Whole parts of each cell: differences of the floor of the running sum."""
    total, floors = Fraction(0), [0]
    for cell in cells:
        total += cell.strokes * cell.parts
        floors.append(total.numerator // total.denominator)
    return [after - before for before, after in pairwise(floors)]


def target(
    run_output: int, cells: Sequence[Cell], scraps: Iterable[Scrap],
    adjusted: Mapping[int | None, int], decided: Iterable[Decided] = (), *, ordered: bool,
) -> Target:  # fmt: skip
    """What should be posted for one output, before excess; zeros are left out.

    `adjusted` is what was rejected or reversed, by shift; a `decided` transfer takes parts away, or
    (less than 0) gives them. An output without an order (`ordered`
    False) is unattributed as a whole.
    """
    main = "good" if ordered else "unattributed"
    made: Counter[Key] = Counter()
    for cell, parts in zip(cells, whole_parts(cells), strict=True):
        kind = KINDS[cell.segment] if ordered else main
        made[Key(run_output, cell.shift, kind)] += parts
    for scrap in scraps:
        shift = _shift_of(scrap, cells)
        made[Key(run_output, shift, main)] -= scrap.qty
        made[Key(run_output, shift, "scrap", scrap.reason)] += scrap.qty
    for shift, qty in adjusted.items():
        made[Key(run_output, shift, main)] -= qty
        made[Key(run_output, shift, "adjust")] += qty
    for shift, kind, reason, qty in decided:
        made[Key(run_output, shift, main)] -= qty
        made[Key(run_output, shift, kind, reason)] += qty
    return {key: qty for key, qty in made.items() if qty}


def _shift_of(scrap: Scrap, cells: Sequence[Cell]) -> int | None:
    """Scrap belongs to the shift that made it: the last one that produced before it was told."""
    good = [cell for cell in cells if cell.segment == "production" and cell.strokes]
    before = [cell for cell in good if cell.first <= scrap.at]
    return before[-1].shift if before else scrap.shift


def split_excess(shares: Iterable[Share], limit: int, posted: Mapping[Key, int]) -> Target:
    """Good up to `limit`, the rest excess; zeros are left out.

    What was posted as good stays good while it is there: parts that are made later on another
    press are the excess ones. What room is left goes to the rest in order of time.
    """
    ordered = sorted(shares, key=lambda each: (each.first, each.key.run_output))
    good = Counter({each.key: each.qty for each in ordered if each.qty < 0})
    room = max(limit - sum(good.values()), 0)
    for kept in (True, False):
        for share in ordered:
            wanted = min(share.qty, posted.get(share.key, 0)) if kept else share.qty
            more = min(max(wanted - good[share.key], 0), room)
            good[share.key] += more
            room -= more
    split = Counter(good)
    for share in ordered:
        split[share.key._replace(kind="excess")] += share.qty - good[share.key]
    return {key: qty for key, qty in split.items() if qty}


def cut(qty: int, before: int, container: int | None) -> list[int]:
    """So many good parts more, cut where a container is full; `before` were made until now.

    The last one is what is left: 0 where that is nothing. Parts that are taken back are not cut.
    """
    if container is None or qty <= 0:
        return [qty]
    pieces: list[int] = []
    while qty >= (room := container - before % container):
        pieces.append(room)
        qty, before = qty - room, before + room
    return [*pieces, qty]


def difference(wanted: Mapping[Key, int], posted: Mapping[Key, int]) -> Target:
    """What is still to be posted so that the postings become what is wanted."""
    missing = {key: wanted.get(key, 0) - posted.get(key, 0) for key in {*wanted, *posted}}
    return {key: qty for key, qty in missing.items() if qty}
