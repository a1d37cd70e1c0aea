"""The sheet of routings: an operation a row; operations that are not in it stay."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from database.connection import Connection
from erp_core.items import routings
from erp_core.items.routing_acts import Seq
from erp_core.items.routings import Step
from erp_core.refusal import Refused
from people.acts import Deed
from people.arguments import Arguments, Code, Name
from people.sheets import Broken, Change, Key, Sheet


class Operation(Arguments):
    """A row: without a die any that makes the item."""

    item: Code
    seq: Seq
    name: Name
    die: Code | None = None


def _lock(connection: Connection, items: Sequence[str]) -> None:
    connection.execute(
        "select from erp.item where code = any(%s) order by code for no key update", [list(items)]
    )


def _rule(connection: Connection, changes: Sequence[Change]) -> Iterator[Broken]:
    items = sorted({change.after["item"] for change in changes})
    rows = connection.execute("select code from erp.item where code = any(%s)", [items])
    there = {code for (code,) in rows}
    makes = routings.makes(connection, [c.after["die"] for c in changes if c.after["die"]])
    for change in changes:
        item, die = change.after["item"], change.after["die"]
        if item not in there:
            yield change, "item", Refused("item_not_there", item=item)
        elif (wrong := routings.die_refused(item, die, makes)) is not None:
            yield change, "die", wrong


def _write(deed: Deed, changes: Sequence[Change]) -> None:
    by_item: dict[str, list[Change]] = defaultdict(list)
    for change in changes:
        by_item[change.after["item"]].append(change)
    for item, rows in by_item.items():
        steps = {step.seq: step for step in routings.of(deed.connection, item)}
        for row in rows:
            steps[row.after["seq"]] = Step(row.after["seq"], row.after["name"], row.after["die"])
        routings.put(deed.connection, item, sorted(steps.values()))
        version = routings.lock(deed.connection, item)
        for row in rows:
            row.version = version
        deed.touches("item", item)


def _undo(deed: Deed, rows: Sequence[tuple[Key, int, Any]]) -> None:
    by_item: dict[str, list[tuple[int, int, Any]]] = defaultdict(list)
    for (item, seq), version, before in rows:
        by_item[item].append((seq, version, before))
    for item, changed in sorted(by_item.items()):
        if routings.lock(deed.connection, item) != changed[0][1]:
            raise Refused("undo_stands", name=item)
        steps = {step.seq: step for step in routings.of(deed.connection, item)}
        for seq, _, before in changed:
            if before is None:
                del steps[seq]
            else:
                steps[seq] = steps[seq]._replace(**before)
        routings.put(deed.connection, item, sorted(steps.values()))


ROUTINGS = Sheet(
    "routings", "routing", Operation, ("item", "seq"),
    "select item, seq, name, die from erp.routing",
    _lock, _rule, _write, _undo,
)  # fmt: skip
