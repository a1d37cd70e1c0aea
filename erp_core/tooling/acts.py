"""Acts on dies: create, and change with presses and outputs, which are dated; each with undo."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import Field

from erp_core import records
from erp_core.items import items
from erp_core.records import Record
from erp_core.refusal import Refused
from erp_core.tooling import dies
from erp_core.tooling.dies import Dated
from erp_core.values import MOST, Parts, Speed, Worn
from people.acts import Deed, Done, Kind, Kinds, Outcome, check_undo
from people.arguments import Arguments, Code, Whole, Words, partly, whole
from plant import clock


class Head(Arguments):
    """A die by itself: life in strokes, shares of it, speeds in strokes a minute."""

    code: Code
    name: Words = ""
    life_strokes: Annotated[Whole, Field(gt=0, le=MOST)] | None = None
    warn_share: Worn = Decimal("0.8")
    due_share: Worn = Decimal(1)
    opening_strokes: Annotated[Whole, Field(ge=0, le=10 * MOST)] = 0
    ideal_spm: Speed | None = None
    planned_spm: Speed | None = None


class Output(Arguments):
    """What the die makes per stroke: `parts` as 2 or 1/4, from an instant on (None: from now on).

    An instant without a time zone is by the plant's clock.
    """

    item: Code
    parts: Parts
    since: datetime | None = Field(default=None, alias="from", title="output_from")


Outputs = Annotated[list[Output], Field(min_length=1, max_length=100)]
Presses = Annotated[list[Code], Field(max_length=500)]


class Create(Head):
    """die.create{code, …, presses?, outputs}: it makes its outputs since ever, if not said else."""

    presses: Presses = Field(default_factory=list[Code])
    outputs: Outputs


# die.change{die, version?, …, presses?, outputs?}: all its presses; outputs from now on or later.
Change = partly(Head, "die", presses=(Presses | None, None), outputs=(Outputs | None, None))
DIE = Record("die", ("erp", "die"), Head)


def _create(deed: Deed, given: Create) -> Outcome:
    records.make(deed, DIE, given.model_dump(include=set(Head.model_fields)))
    _keep_presses(deed, given.code, given.presses)
    dated = _dated(deed, given.outputs, since=None)
    dies.put_outputs(deed.connection, given.code, dated)
    return records.told(deed, DIE, given.code, None, "created")


def _change(deed: Deed, given: Any) -> Outcome:
    before = records.seen(deed, DIE, given.die, given.version)
    was = records.write(deed.connection, DIE, before, whole(given, Head, before))
    fits, makes = dies.presses(deed.connection, given.die), None
    new_presses = given.presses is not None and _keep_presses(deed, given.die, given.presses)
    if given.outputs:
        makes = _change_outputs(deed, given.die, given.outputs)
    if not (was or new_presses or makes):
        raise Refused("nothing_changes", name=given.die)
    if new_presses or makes:
        records.count_version(deed.connection, DIE, given.die)
    told = records.told(deed, DIE, given.die, was, "changed")
    return {**told, "presses": fits if new_presses else None, "outputs": makes}


def _keep_presses(deed: Deed, die: str, presses: Sequence[str]) -> bool:
    """Whether its presses are others now; raises Refused press_not_there."""
    there = dies.all_presses(deed.connection)
    for press in presses:
        if press not in there:
            raise Refused("press_not_there", press=press, presses=there)
    return dies.put_presses(deed.connection, die, presses)


def _dated(deed: Deed, outputs: Sequence[Output], since: datetime | None) -> list[Dated]:
    """Outputs with their instants, each item once an instant; raises Refused."""
    zone = clock.time_zone(deed.connection) or UTC
    made: list[Dated] = []
    for output in outputs:
        if not items.known(deed.connection, output.item):
            raise Refused("item_not_there", item=output.item)
        at = output.since or since
        at = at.replace(tzinfo=zone) if at is not None and at.tzinfo is None else at
        made.append(Dated(output.item, at, output.parts.numerator, output.parts.denominator))
    keys = [(one.item, one.since) for one in made]
    for item, at in keys:
        if keys.count((item, at)) > 1:
            raise Refused("output_twice", item=item)
    return made


def _change_outputs(deed: Deed, die: str, outputs: Sequence[Output]) -> list[list[Any]]:
    """The rows that were put, each with the ratio it had (None: it is new).

    What was made is not made otherwise by it: they hold from now on, or later.
    """
    dated = _dated(deed, outputs, since=deed.act.at)
    for one in dated:
        if one.since is None or one.since < deed.act.at:
            raise Refused("output_in_past", item=one.item, at=one.since)
    return [
        [one.item, one.since and one.since.isoformat(), list(ratio) if ratio else None]
        for one, ratio in dies.put_outputs(deed.connection, die, dated)
    ]


def _undo(deed: Deed, done: Done, reason: str | None) -> Outcome:
    check_undo(deed, done, reason)
    code, was = str(done.outcome["die"]), done.outcome["before"]
    records.as_left(deed.connection, DIE, code, done.outcome["version"])
    if was is None:
        dies.clear(deed.connection, code)
        records.remove(deed.connection, DIE, code)
    else:
        _put_back(deed, code, done.outcome)
    return {**records.told(deed, DIE, code, None, "changed"), "message": "undone"}


def _put_back(deed: Deed, code: str, outcome: Mapping[str, Any]) -> None:
    if outcome["before"]:
        records.put(deed.connection, DIE, code, outcome["before"])
    if outcome["presses"] is not None:
        dies.put_presses(deed.connection, code, outcome["presses"])
    outputs: list[list[Any]] = outcome["outputs"] or []
    for item, since, ratio in outputs:
        dies.put_back(deed.connection, code, item, datetime.fromisoformat(since), ratio)
    records.count_version(deed.connection, DIE, code)


ACTS: Kinds = MappingProxyType({
    "die.create": Kind(Create, _create, _undo),
    "die.change": Kind(Change, _change, _undo),
})  # fmt: skip
