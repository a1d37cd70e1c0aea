"""What came of a floor: every stroke makes marked parts, and these are counted.

The rules are those of the floor, in plain words, and nothing of the product is used here: a stroke
belongs to the job that is on at its instant; a coil gives what is made while it is on the press; a
side of a die whose order comes later gives it all that the job has made. What nobody saw is known
only where nothing changed meanwhile.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Deed(NamedTuple):
    """What a person did and meant at a press, in milliseconds from the start.

    `kind`: scan (with `order`, `lot`), pass, finish, or scrap (`order`, `parts`). A mistake that
    was taken back is no deed.
    """

    at: int
    kind: str
    order: str = ""
    lot: str = ""
    parts: int = 0


class Span(NamedTuple):
    """From the last reading before to the first one after: what happened between was not seen."""

    since: int
    until: int


class Given(NamedTuple):
    """Strokes without a job that were given to an order afterwards."""

    since: int
    until: int
    order: str


@dataclass(frozen=True, slots=True)
class Side:
    """A part that a die makes at every stroke, and how much of which coil it takes."""

    item: str
    operation: int
    coil: str | None = None
    per_part: str = "0"


@dataclass(slots=True)
class Press:
    """A press with one die, and all that happened there."""

    name: str
    sides: Sequence[Side]
    strokes: list[int] = field(default_factory=list[int])
    deeds: list[Deed] = field(default_factory=list[Deed])
    unseen: list[Span] = field(default_factory=list[Span])
    given: list[Given] = field(default_factory=list[Given])


@dataclass(slots=True, eq=False)
class Job:
    """What is on at a press: the order of each side, as it is in the end."""

    orders: dict[str, str | None]


class Part(NamedTuple):
    """A marked part."""

    job: Job
    side: Side
    kind: str  # setup or production
    lot: str | None
    at: int

    @property
    def order(self) -> str | None:
        """The order it belongs to; None: nobody's."""
        return self.job.orders.get(self.side.item)


@dataclass(slots=True)
class Made:
    """All parts of a press, how many strokes belong to nobody, and the jobs in order."""

    parts: list[Part]
    stray: int
    jobs: list[Job]

    def add(self, press: Press, job: Job | None, kind: str, lot: str | None, at: int) -> None:
        """One stroke: a part of each side of the job, or nobody's."""
        if job is None:
            self.stray += 1
            return
        self.parts += [Part(job, side, kind, lot if side.coil else None, at)
                       for side in press.sides]  # fmt: skip


def work(press: Press, items: Mapping[str, str], borders: Sequence[int]) -> Made:
    """Mark the parts of a press; `items`: order -> item, `borders`: ends of shifts."""
    job, lot, kind = None, None, "setup"
    gifts = {given: Job({press.sides[0].item: given.order}) for given in press.given}
    made = Made([], 0, list(gifts.values()))
    for at, deed in sorted([*_strokes(press), *((d.at, d) for d in press.deeds)], key=_when):
        if deed is None:
            owner = job if _known(press, at, borders) else None
            gift = next((gifts[g] for g in press.given if g.since <= at < g.until), None)
            made.add(press, owner or gift, kind if owner else "production", lot, at)
        elif deed.kind == "scan":
            job = _scanned(press, job, deed.order, items[deed.order])
            lot = deed.lot or lot
            made.jobs.append(job)
        elif deed.kind == "pass":
            kind = "production"
        elif deed.kind == "finish":
            job = None
    return made


def scrapped(presses: Sequence[Press]) -> Counter[tuple[str, str]]:
    """Scrap that stands, by press and order."""
    told: Counter[tuple[str, str]] = Counter()
    for press in presses:
        for deed in press.deeds:
            if deed.kind == "scrap":
                told[press.name, deed.order] += deed.parts
    return told


def _strokes(press: Press) -> Iterator[tuple[int, None]]:
    """Each stroke at the instant at which it was seen."""
    for at in press.strokes:
        yield next((gap.until for gap in press.unseen if gap.since < at <= gap.until), at), None


def _when(happening: tuple[int, Deed | None]) -> tuple[int, bool]:
    return happening[0], happening[1] is None  # what begins at the instant has the stroke


def _known(press: Press, at: int, borders: Sequence[int]) -> bool:
    """Whether a stroke seen at that instant was seen, or nothing changed while it was not."""
    for gap in press.unseen:
        if gap.until == at:
            changes = [d.at for d in press.deeds if d.kind in {"scan", "finish"}]
            return not any(gap.since < each <= gap.until for each in [*changes, *borders])
    return True


def _scanned(press: Press, job: Job | None, order: str, item: str) -> Job:
    if job is not None and job.orders[item] in {None, order}:
        job.orders[item] = order
        return job
    carried = job.orders if job is not None else {}
    return Job({side.item: carried.get(side.item) for side in press.sides} | {item: order})
