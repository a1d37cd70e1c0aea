"""Acts on bills of material: create (also as a copy), change, check, reopen, release, retire."""

from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import Field

from erp_core.items import boms, items, strips
from erp_core.items.boms import Bom, Line
from erp_core.items.strips import Strip
from erp_core.quantity import Amount, plain
from erp_core.refusal import Refused
from erp_core.values import Size
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
    """A line: what one piece takes, as `qty` or as `pitch` in mm for `pitch_parts` parts of a coil.

    `qty` is in the component's unit, or says another ("8.06 g"). Scrap in percent of it.
    """

    component: Code
    qty: Amount | None = None
    pitch: Size | None = None
    pitch_parts: Annotated[Whole, Field(gt=0, le=1000)] | None = None
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
    lines = [_line(deed, line) for line in given.lines]
    if before.state == "draft" and sorted(map(_plain, lines)) == sorted(map(_plain, was)):
        raise Refused("nothing_changes", name=before.name)
    bom = boms.write_lines(deed.connection, before, lines)
    return {**told(deed, bom, before, "bom_changed"), "lines": [_plain(line) for line in was]}


def _line(deed: Deed, given: LineGiven) -> Line:
    """A line in its component's unit; raises Refused."""
    found = items.find(deed.connection, given.component)
    if found is None:
        raise Refused("item_not_there", item=given.component)
    scrap = given.scrap_percent / HUNDRED
    if (given.qty is None) == (given.pitch is None):
        raise Refused("line_amount", component=found.code)
    if given.pitch is not None:
        strip = strips.of(found, given.pitch, given.pitch_parts or 1)
        return Line(found.code, strips.mass(strip, found.unit), given.operation, scrap, strip)
    qty = given.qty.of(found.code, found.unit) if given.qty else Decimal(0)
    if qty <= 0:
        raise Refused("line_amount", component=found.code)
    return Line(found.code, qty, given.operation, scrap)


def _plain(line: Line) -> list[str]:
    """A line as it is kept in an outcome, and compared."""
    qty, scrap = (plain(number) for number in (line.qty, line.scrap))
    strip = [plain(Decimal(each)) for each in line.strip or ()]
    return [line.component, qty, str(line.seq or ""), scrap, *strip]


def _again(kept: list[str]) -> Line:
    """A line from an outcome."""
    component, qty, seq, scrap, *strip = kept
    parts = [Decimal(each) for each in strip]
    return Line(
        component, Decimal(qty), int(seq) if seq else None, Decimal(scrap),
        Strip(parts[0], int(parts[1]), *parts[2:]) if parts else None,
    )  # fmt: skip


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
        lines = [_again(line) for line in done.outcome["lines"]]
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
