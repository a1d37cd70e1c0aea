"""The act on a routing: the whole list of operations at once, with undo."""

from types import MappingProxyType
from typing import Annotated, Any

from pydantic import Field

from erp_core.items import routings
from erp_core.items.routings import Step
from erp_core.refusal import Refused
from people.acts import Deed, Done, Kind, Kinds, Outcome, check_undo
from people.arguments import Arguments, Code, Name, Whole

MOST_STEPS = 99
Seq = Annotated[Whole, Field(gt=0, le=9999)]


class Operation(Arguments):
    """One operation: without a number the next, without a name its die's, without a die any."""

    seq: Seq | None = None
    name: Name | None = None
    die: Code | None = None


class Change(Arguments):
    """routing.change{item, version?, operations}: all of them; none: one, by any of its dies."""

    item: Code
    version: int | None = None
    operations: Annotated[list[Operation], Field(max_length=MOST_STEPS)]


def _change(deed: Deed, given: Change) -> Outcome:
    _seen(deed, given)
    steps = routings.numbered([(o.seq, o.name, o.die) for o in given.operations])
    routings.check(deed.connection, given.item, steps)
    was = routings.of(deed.connection, given.item)
    if not routings.put(deed.connection, given.item, steps):
        raise Refused("nothing_changes", name=given.item)
    return _told(deed, given.item, was, "routing_changed")


def _seen(deed: Deed, given: Change) -> None:
    version = routings.lock(deed.connection, given.item)
    if version is None:
        raise Refused("item_not_there", item=given.item)
    if given.version is not None and given.version != version:
        who, at = deed.last_change("routing", given.item)
        raise Refused("changed_meanwhile", name=given.item, who=who, at=at)


def _told(deed: Deed, item: str, was: list[Step] | None, message: str) -> Outcome:
    deed.touches("routing", item)
    deed.touches("item", item)
    version = routings.lock(deed.connection, item)
    before = was and [list(step) for step in was]
    return {"message": message, "item": item, "version": version, "before": before}


def _undo(deed: Deed, done: Done, reason: str | None) -> Outcome:
    check_undo(deed, done, reason)
    item = str(done.outcome["item"])
    if routings.lock(deed.connection, item) != done.outcome["version"]:
        raise Refused("undo_stands", name=item)
    was: list[list[Any]] = done.outcome["before"] or []
    routings.put(deed.connection, item, [Step(*step) for step in was])
    return _told(deed, item, None, "undone")


ACTS: Kinds = MappingProxyType({"routing.change": Kind(Change, _change, _undo)})
