"""What is read of a floor, what is not, and what people tell afterwards."""

import random
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from bench.floor.model import Deed, Given, Press, Span, work
from bench.floor.world import LEADER, MINUTE, OPERATOR, Act, Crew, Reading, World, furnished, uuid

HEARTBEAT = 10_000
SETTLED = 45_000  # so long after a stroke it is in the books, where its reading came
MODULUS = {"P01": 1_000_000, "P02": 1_000_000, "P03": 65_536}


def make(seed: int) -> World:
    """The floor of a seed; the same seed makes the same floor."""
    rng = random.Random(seed)
    world = furnished(seed, rng)
    budget = Crew(world, rng, "P01").shift()
    Crew(world, rng, "P02", budget).shift()
    Crew(world, rng, "P03").shift()
    world.end = max(act.at for act in world.acts) + 2 * MINUTE
    for press in world.presses.values():
        _look_away(world, rng, press)
        away = _away(world, rng, press)
        _read(world, rng, press, away)
        _tell_scrap(world, rng, press, away)
        if press.name == "P01":
            _give(world, rng, press)
    world.acts.sort(key=lambda act: (act.at, act.number))
    return world


def _look_away(world: World, rng: random.Random, press: Press) -> None:
    """Stretches that nobody sees: never over a change that would leave two ways to take it."""
    instants = [*press.strokes, *range(HEARTBEAT, world.end, HEARTBEAT)]
    for _ in range(rng.choice([0, 0, 1, 2])):
        since = rng.choice(sorted(instants))
        until = min((at for at in instants if at > since + rng.randrange(40_000, 240_000, 2)),
                    default=world.end)  # fmt: skip
        gap = Span(since, until)
        if _clear(world, press, gap):
            press.unseen.append(gap)
            if not _fed(world):
                press.unseen.remove(gap)


def _clear(world: World, press: Press, gap: Span) -> bool:
    """Whether only a job ended in it, or one began after that; and no other gap is near."""
    meant, on = {deed.at: deed.kind for deed in press.deeds}, False
    for act in sorted(act for act in world.acts if act.press == press.name):
        kind, inside = meant.get(act.at), gap.since < act.at <= gap.until
        if inside and not (kind == "finish" or (kind == "scan" and not on)):
            return False
        on = {"scan": True, "finish": False}.get(kind or "", on)
    near = [each for each in press.unseen
            if each.since - MINUTE < gap.until and gap.since < each.until + MINUTE]  # fmt: skip
    return not near and gap.until < world.end - MINUTE


def _fed(world: World) -> bool:
    """Whether the second operation took no more than is known of the first.

    Where it did, a leader decides on its report (second_makes_more_than_the_first tells that).
    """
    first, second = (
        Counter(p.order for p in work(press, world.items, world.borders).parts
                if p.order and (p.kind == "production" or press.name == "P02"))
        for press in (world.presses["P01"], world.presses["P02"])
    )  # fmt: skip
    return second <= first


def _away(world: World, rng: random.Random, press: Press) -> Span | None:
    """When the network is away, if it is: what is read then comes when it is back."""
    if rng.random() < 0.6:
        return None
    since = rng.randrange(0, world.end - MINUTE)
    return Span(since, min(since + rng.randrange(MINUTE, 12 * MINUTE), world.end - MINUTE))


def _read(world: World, rng: random.Random, press: Press, away: Span | None) -> None:
    """Each stroke and each heartbeat, but for what was not seen."""
    base = 65_520 if press.name == "P03" and rng.random() < 0.5 else rng.randrange(0, 900)
    restart = _standstill(rng, press) if press.name == "P01" else None
    times = sorted({0, *press.strokes, *range(HEARTBEAT, world.end, HEARTBEAT)})
    rows: list[Reading] = []
    for at in times:
        if any(gap.since < at < gap.until for gap in press.unseen):
            continue
        made = sum(1 for stroke in press.strokes if stroke <= at)
        before = sum(1 for stroke in press.strokes if restart and stroke <= restart)
        value = base + made if restart is None or at < restart else made - before
        arrived = away.until if away and away.since <= at < away.until else at
        rows.append(Reading(arrived, at, value % MODULUS[press.name]))
    world.readings[press.name] = rows


def _standstill(rng: random.Random, press: Press) -> int | None:
    """When the PLC restarts, if it does: in a pause, in sight, so that no stroke is lost."""
    pauses = [
        (a + b) // 2 for a, b in pairwise(press.strokes)
        if b - a > 60_000 and not any(g.since < b and a < g.until for g in press.unseen)
    ]  # fmt: skip
    return rng.choice(pauses) if pauses and rng.random() < 0.3 else None


def _tell_scrap(world: World, rng: random.Random, press: Press, away: Span | None) -> None:
    """Scrap at random instants: some of it undone, or taken back by the leader."""
    for _ in range(rng.randint(0, 3)):
        at = rng.randrange(1, world.end - 3 * MINUTE, 2)
        busy = any(g.since <= at <= g.until + SETTLED for g in press.unseen)
        changed = any(at - SETTLED < act.at <= at for act in world.acts if act.press == press.name)
        if busy or changed or (away and away.since <= at <= away.until + SETTLED):
            continue
        order, good = _lately(world, press, at - SETTLED)
        if good >= 2:
            _tell(world, rng, press, at, order, rng.randint(1, good // 2))


def _lately(world: World, press: Press, at: int) -> tuple[str, int]:
    """An order with the good parts of its newest job by then, less what was told and is used.

    One that was scanned by then: nobody tells scrap of a side's order that is yet to come.
    """
    made = work(press, world.items, world.borders)
    known = {deed.order for deed in press.deeds if deed.kind == "scan" and deed.at <= at}
    good = Counter((p.job, p.order) for p in made.parts
                   if p.at <= at and p.kind == "production" and p.order in known)  # fmt: skip
    if not good:
        return "", 0
    job, order = max(good, key=lambda key: (made.jobs.index(key[0]), key[1]))
    told = sum(d.parts for d in press.deeds if d.kind == "scrap" and d.order == order)
    used = 0
    if press.name == "P01":
        second = world.presses["P02"]
        used = sum(1 for p in work(second, world.items, world.borders).parts if p.order == order)
        everything = sum(1 for p in made.parts if p.kind == "production" and p.order == order)
        return order, min(good[job, order] - told, everything - told - used)
    return order, good[job, order] - told


def _tell(world: World, rng: random.Random, press: Press, at: int, order: str, parts: int) -> None:
    args = {"item": world.items[order], "work_order": order, "qty": parts, "reason": "burr"}
    number = _act(world, at, OPERATOR, press.name, "scrap", args)
    after = at + 20_000
    kept = parts
    match rng.choice(["stands", "stands", "undone", "less"]):
        case "undone":
            _act(world, after, OPERATOR, press.name, "undo", {"act": uuid(number)})
            kept = 0
        case "less":
            back = rng.randint(1, parts)
            _act(world, after, LEADER, press.name, "scrap", args | {"qty": -back})
            kept = parts - back
        case _:
            pass
    press.deeds.append(Deed(at, "scrap", order, parts=kept))


def _give(world: World, rng: random.Random, press: Press) -> None:
    """Strokes between two jobs are given to an order, when all is over."""
    for since, until in _idle(press):
        owned = [at for at in press.strokes if since <= at < until]
        unseen = any(g.since < until and since < g.until for g in press.unseen)
        if owned and not unseen and rng.random() < 0.5:
            args = {"from": f"{world.instant(since):%FT%T.%f%z}",
                    "to": f"{world.instant(until):%FT%T.%f%z}", "work_order": "WO-A1"}  # fmt: skip
            _act(world, world.end + 1, LEADER, press.name, "assign", args)
            press.given.append(Given(since, until, "WO-A1"))


def _idle(press: Press) -> Iterator[tuple[int, int]]:
    """Stretches between a job's end and the next one's scan."""
    ended: int | None = 0
    for deed in sorted(press.deeds):
        if deed.kind == "finish":
            ended = deed.at
        elif deed.kind == "scan" and ended is not None:
            yield ended, deed.at
            ended = None


def _act(world: World, at: int, who: str, press: str, act: str, args: dict[str, Any]) -> int:
    number = len(world.acts) + 1
    world.acts.append(Act(at, number, who, press, act, args))
    return number
