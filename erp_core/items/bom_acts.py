"""Acts on bills of material: create (also as a copy), change, check, reopen, release, retire."""

from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import Field

from erp_core.items import boms
from erp_core.items.boms import Bom, Line
from erp_core.refusal import Refused
from people.acts import Deed, Done, Kind, Kinds, Outcome, check_undo
from people.arguments import Arguments, Code, Quantity, Reason, Whole

MOST_LINES = 500
HUNDRED = Decimal(100)


class Create(Arguments):
    """bom.create{item, version?, copy_of?}: a draft, empty or with the lines of another version."""

    item: Code
    version: Code | None = None
    copy_of: Code | None = None


class OfBom(Arguments):
    """What is done with a version; `row_version` is the one that the person saw."""

    item: Code
    version: Code
    row_version: int | None = None


class LineGiven(Arguments):
    """A line: `qty` in the component's unit for one piece, scrap in percent of it."""

    component: Code
    qty: Annotated[Quantity, Field(gt=0)]
    operation: Whole | None = None
    scrap_percent: Annotated[Quantity, Field(lt=100)] = Decimal(0)


class Change(OfBom):
    """bom.change{item, version, row_version?, lines}: all lines of a draft."""

    lines: Annotated[list[LineGiven], Field(max_length=MOST_LINES)]


class Release(OfBom):
    """bom.release{item, version, row_version?, from_day?}: for orders released from that day on."""

    from_day: date | None = None


class Retire(OfBom):
    """bom.retire{item, version, row_version?, reason?}."""

    reason: Reason | None = None


def _create(deed: Deed, given: Create) -> Outcome:
    bom = boms.create(
        deed.connection, given.item, given.version, who=deed.person.code, now=deed.now
    )
    if given.copy_of is not None:
        copied = boms.lock(deed.connection, given.item, given.copy_of)
        found = boms.lines(deed.connection, copied.item, copied.version)
        bom = boms.write_lines(deed.connection, bom, found)
    return told(deed, bom, None, "bom_created")


def _change(deed: Deed, given: Change) -> Outcome:
    before = seen(deed, given)
    was = boms.lines(deed.connection, before.item, before.version)
    lines = [
        Line(line.component, line.qty, line.operation, line.scrap_percent / HUNDRED)
        for line in given.lines
    ]
    if before.state == "draft" and sorted(map(_plain, lines)) == sorted(map(_plain, was)):
        raise Refused("nothing_changes", name=before.name)
    bom = boms.write_lines(deed.connection, before, lines)
    return {**told(deed, bom, before, "bom_changed"), "lines": [_plain(line) for line in was]}


def _plain(line: Line) -> list[str]:
    """A line as it is kept in an outcome, and compared."""
    qty, scrap = (f"{number.normalize():f}" for number in (line.qty, line.scrap))
    return [line.component, qty, str(line.seq or ""), scrap]


def _check(deed: Deed, given: OfBom) -> Outcome:
    return _step(deed, given, "check", "bom_checked")


def _reopen(deed: Deed, given: OfBom) -> Outcome:
    return _step(deed, given, "reopen", "bom_reopened")


def _release(deed: Deed, given: Release) -> Outcome:
    return _step(deed, given, "release", "bom_released", given.from_day)


def _retire(deed: Deed, given: Retire) -> Outcome:
    return _step(deed, given, "retire", "bom_retired")


def _step(
    deed: Deed, given: OfBom, step: str, message: str, from_day: date | None = None
) -> Outcome:
    before = seen(deed, given)
    bom = boms.take_step(deed.connection, before, step, from_day)
    return told(deed, bom, before, message)


def seen(deed: Deed, given: OfBom) -> Bom:
    """The version, locked, as the person saw it; raises Refused."""
    bom = boms.lock(deed.connection, given.item, given.version)
    if given.row_version is not None and given.row_version != bom.row_version:
        who, at = deed.last_change("bom", bom.name)
        raise Refused("changed_meanwhile", name=bom.name, who=who, at=at)
    return bom


def told(deed: Deed, bom: Bom, before: Bom | None, message: str) -> Outcome:
    """The outcome of what was done with a version; it stands in its history and its item's."""
    deed.touches("bom", bom.name)
    deed.touches("item", bom.item)
    was = before and {"state": before.state, "from_day": _day(before.from_day)}
    return {"message": message, "item": bom.item, "version": bom.version, "state": bom.state,
            "from_day": _day(bom.from_day), "row_version": bom.row_version,
            "before": was}  # fmt: skip


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


def undo(deed: Deed, done: Done, reason: str | None) -> Outcome:
    """The version is as it was before, if nothing was changed of it since."""
    check_undo(deed, done, reason)
    outcome = done.outcome
    bom = boms.lock(deed.connection, str(outcome["item"]), str(outcome["version"]))
    if bom.row_version != outcome["row_version"]:
        raise Refused("undo_stands", name=bom.name)
    if done.act == "bom.release" and (order := boms.used(deed.connection, bom)):
        raise Refused("bom_used", name=bom.name, work_order=order)
    return told(deed, _as_it_was(deed, bom, done), None, "undone")


def _as_it_was(deed: Deed, bom: Bom, done: Done) -> Bom:
    was: dict[str, Any] | None = done.outcome["before"]
    if was is None:
        return boms.take_step(deed.connection, bom, "retire")
    if done.act == "bom.change":
        lines = [
            Line(component, Decimal(qty), int(seq) if seq else None, Decimal(scrap))
            for component, qty, seq, scrap in done.outcome["lines"]
        ]
        return boms.write_lines(deed.connection, bom, lines)
    day = date.fromisoformat(was["from_day"]) if was["from_day"] else None
    return boms.set_state(deed.connection, bom, was["state"], day)


ACTS: Kinds = MappingProxyType(
    {
        "bom.create": Kind(Create, _create, undo),
        "bom.change": Kind(Change, _change, undo),
        "bom.check": Kind(OfBom, _check, undo),
        "bom.reopen": Kind(OfBom, _reopen, undo),
        "bom.release": Kind(Release, _release, undo),
        "bom.retire": Kind(Retire, _retire, undo),
    }
)
