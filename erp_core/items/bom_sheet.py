"""The sheet of bills of material: a component a row, in drafts; lines that are not in it stay."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field

from database.connection import Connection
from erp_core.items import boms
from erp_core.items.boms import Bom, Line
from erp_core.items.routing_acts import Seq
from erp_core.refusal import Refused
from people.acts import Deed
from people.arguments import Arguments, Code, Quantity
from people.sheets import Broken, Change, Key, Row, Sheet

HUNDRED = Decimal(100)
Lines = dict[str, Line]  # by component


class Component(Arguments):
    """A row: `qty` in the component's unit for one piece, scrap in percent of it."""

    item: Code
    version: Code
    component: Code
    qty: Annotated[Quantity, Field(gt=0)]
    operation: Seq | None = None
    scrap_percent: Annotated[Quantity, Field(lt=100)] = Decimal(0)


def _lock(connection: Connection, items: Sequence[str]) -> None:
    connection.execute(
        "select from erp.bom where item = any(%s) order by item, version for no key update",
        [list(items)],
    )


def _rule(connection: Connection, changes: Sequence[Change]) -> Iterator[Broken]:
    """Rows that change something stand in a draft; its components are there."""
    differing = [change for change in changes if change.differs]
    drafts = {key: boms.find(connection, *key) for key in map(_version, differing)}
    wanted = [change.after["component"] for change in differing]
    rows = connection.execute("select code from erp.item where code = any(%s)", [wanted])
    there = {code for (code,) in rows}
    for change in differing:
        bom = drafts[_version(change)]
        if bom is None:
            item, version = _version(change)
            yield change, "version", Refused("bom_unknown", item=item, version=version)
        elif bom.state != "draft":
            yield change, "version", boms.not_now(bom)
        elif change.after["component"] not in there:
            yield change, "component", Refused("item_not_there", item=change.after["component"])


def _version(change: Change) -> tuple[str, str]:
    return change.after["item"], change.after["version"]


def _write(deed: Deed, changes: Sequence[Change]) -> None:
    by_version: dict[tuple[str, str], list[Change]] = defaultdict(list)
    for change in changes:
        by_version[_version(change)].append(change)
    for (item, version), rows in sorted(by_version.items()):
        bom, lines = _held(deed.connection, item, version)
        for row in rows:
            lines[row.after["component"]] = _line(lines.get(row.after["component"]), row.after)
        bom = boms.write_lines(deed.connection, bom, list(lines.values()))
        for row in rows:
            row.version = bom.row_version
        _touch(deed, bom)


def _held(connection: Connection, item: str, version: str) -> tuple[Bom, Lines]:
    bom = boms.lock(connection, item, version)
    return bom, {line.component: line for line in boms.lines(connection, item, version)}


def _line(there: Line | None, row: Row) -> Line:
    """A line as the row says; one by the pitch of a strip stays so while its quantity does."""
    scrap = row["scrap_percent"] / HUNDRED
    if there is not None and there.qty == row["qty"]:
        return there._replace(seq=row["operation"], scrap=scrap)
    return Line(row["component"], row["qty"], row["operation"], scrap)


def _touch(deed: Deed, bom: Bom) -> None:
    deed.touches("bom", bom.name)
    deed.touches("item", bom.item)


def _undo(deed: Deed, rows: Sequence[tuple[Key, int, Any]]) -> None:
    by_version: dict[tuple[str, str], list[tuple[str, int, Any]]] = defaultdict(list)
    for (item, version, component), count, before in rows:
        by_version[item, version].append((component, count, before))
    for (item, version), changed in sorted(by_version.items()):
        bom, lines = _held(deed.connection, item, version)
        if bom.row_version != changed[0][1]:
            raise Refused("undo_stands", name=bom.name)
        for component, _, before in changed:
            if before is None:
                del lines[component]
            else:
                lines[component] = _before(lines[component], before)
        boms.write_lines(deed.connection, bom, list(lines.values()))
        _touch(deed, bom)


def _before(line: Line, was: Row) -> Line:
    """The line with the values that it had."""
    now: Row = {"component": line.component, "qty": line.qty, "operation": line.seq,
                "scrap_percent": line.scrap * HUNDRED}  # fmt: skip
    row = now | was
    exact = {name: Decimal(row[name]) for name in ("qty", "scrap_percent")}
    return _line(line, row | exact)


BOM_LINES = Sheet(
    "bom_lines", "bom", Component, ("item", "version", "component"),
    """
    select l.item, l.version, l.component, l.qty, l.seq as operation,
           trim_scale(l.scrap * 100) as scrap_percent
    from erp.bom_line l join erp.bom b on b.item = l.item and b.version = l.version
    where b.state <> 'obsolete'
    """,
    _lock, _rule, _write, _undo,
)  # fmt: skip
