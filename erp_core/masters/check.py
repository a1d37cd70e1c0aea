"""What a well-formed master data file can still get wrong: doubles, loose ends, circles."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from database.connection import Connection
from erp_core.items.item_acts import moved
from erp_core.items.routings import Step, die_fault, makes, numbered
from erp_core.masters.fault import Fault, Place
from erp_core.masters.file import Masters, StepRow, StockRow
from erp_core.masters.kept import Kept, kept, resets
from erp_core.stock.ledger import LOCATIONS
from people.codes import alike


@dataclass(frozen=True, slots=True)
class Floor:
    """Lines and presses of the plant, and the zone of its days."""

    lines: frozenset[str]
    presses: frozenset[str]
    time_zone: str = "UTC"


class BomLine(NamedTuple):
    """A line of a BOM, to compare."""

    component: str
    qty: Decimal
    operation: int | None
    scrap: Decimal


@dataclass(frozen=True, slots=True)
class Known:
    """What may be referred to: what the database has and what the file brings."""

    items: Mapping[str, str]  # item -> kind
    makes: Mapping[str, frozenset[str]]  # die -> items that it makes at some time
    moved: frozenset[str]  # items whose stock has moved
    locations: frozenset[str]
    badges: Mapping[str, str]  # badge -> person
    orders: Mapping[str, str]  # work order -> item
    opening: Mapping[str, object]  # idempotency key -> quantity
    ends: Mapping[str, date | None]  # item -> last day of its life
    codes: Mapping[str, frozenset[str]]  # table -> codes that the database has
    boms: Mapping[tuple[str, str], frozenset[BomLine]]  # (item, version) -> its lines
    kept: Kept


NOTHING = Known({}, {}, frozenset(), frozenset(), {}, {}, {}, {}, {}, {}, {})


def check(
    connection: Connection | None, masters: Masters, floor: Floor | None = None,
    *, today: date, reset: bool = False, distinct: bool = False,
) -> list[Fault]:  # fmt: skip
    """Every fault of the file, given what the database already has; None: the file alone.

    `floor` None: presses and lines are not compared. `today`: the plant's day, for items whose life
    has ended. `reset`: what a file leaves out may fall back to its default. `distinct`: new codes
    that are written like others are meant.
    """
    known = _known(connection, masters)
    return [
        *_doubles(masters),
        *_loose_ends(masters, known),
        *_circles(masters, known),
        *_unmakeable(masters, known, today),
        *(() if distinct else _near_doubles(masters, known)),
        *(_off_the_floor(masters, floor) if floor else ()),
        *_contradictions(masters, known),
        *(() if reset else resets(masters, known.kept)),
    ]


def steps(rows: Sequence[StepRow]) -> list[Step]:
    """Operations with their numbers: given, else ten more than the one before."""
    return numbered([(row.seq, row.name, row.die) for row in rows])


def opening_key(row: StockRow) -> str:
    """What makes opening stock the same: its item, location and lot."""
    return f"opening/{row.item}/{row.location}/{row.lot or ''}"


def _known(connection: Connection | None, masters: Masters) -> Known:
    there = _in_database(connection, masters) if connection else NOTHING
    return Known(
        items={**there.items, **{row.code: row.kind for row in masters.item}},
        makes={
            **there.makes,
            **{
                d.code: there.makes.get(d.code, frozenset()) | {o.item for o in d.outputs}
                for d in masters.die
            },
        },
        moved=there.moved,
        locations=there.locations | {row[0] for row in LOCATIONS},
        badges=there.badges,
        orders=there.orders,
        opening=there.opening,
        ends={**there.ends, **{row.code: row.until for row in masters.item}},
        codes=there.codes,
        boms=there.boms,
        kept=there.kept,
    )


def _in_database(connection: Connection, masters: Masters) -> Known:
    execute = connection.execute
    badges = execute("select badge, code from people.person where badge is not null")
    opening = execute(
        "select idempotency_key, qty from erp.stock_move where idempotency_key = any(%s)",
        [[opening_key(row) for row in masters.stock]],
    )
    return Known(
        items=dict(execute("select code, kind from erp.item").fetchall()),
        makes={die: frozenset(items) for die, items in makes(connection).items()},
        moved=frozenset(moved(connection)),
        locations=frozenset(code for (code,) in execute("select code from erp.location")),
        badges=dict(badges.fetchall()),
        orders=dict(execute("select code, item from erp.work_order").fetchall()),
        opening=dict(opening.fetchall()),
        ends=dict(execute("select code, until from erp.item").fetchall()),
        codes=_codes(connection),
        boms=_boms(connection),
        kept=kept(connection),
    )


def _boms(connection: Connection) -> dict[tuple[str, str], frozenset[BomLine]]:
    rows = connection.execute(
        "select b.item, b.version, l.component, l.qty, l.seq, l.scrap "
        "from erp.bom b join erp.bom_line l on l.item = b.item and l.version = b.version "
        "where b.state <> 'obsolete'"
    )
    found: dict[tuple[str, str], set[BomLine]] = {}
    for item, version, *line in rows:
        found.setdefault((item, version), set()).add(BomLine(*line))
    return {version: frozenset(lines) for version, lines in found.items()}


def _codes(connection: Connection) -> dict[str, frozenset[str]]:
    rows = connection.execute(
        """
        select 'item', code from erp.item union all select 'die', code from erp.die
        union all select 'work_order', code from erp.work_order
        union all select 'person', code from people.person
        union all select 'stock', item || '/' || code from erp.lot
        union all select 'reason', kind || '/' || code from erp.reason
        """
    ).fetchall()
    found: dict[str, set[str]] = {}
    for table, code in rows:
        found.setdefault(table, set()).add(code)
    return {table: frozenset(codes) for table, codes in found.items()}


def _doubles(masters: Masters) -> Iterator[Fault]:
    """The same code twice."""
    yield from _repeated("item", "code", [row.code for row in masters.item])
    yield from _repeated("bom", "version", [(row.item, row.version) for row in masters.bom])
    yield from _repeated("die", "code", [row.code for row in masters.die])
    yield from _repeated("routing", "item", [row.item for row in masters.routing])
    yield from _repeated("work_order", "code", [row.code for row in masters.work_order])
    yield from _repeated("stock", "lot", [opening_key(row) for row in masters.stock])
    yield from _repeated("person", "code", [row.code for row in masters.person])
    yield from _repeated("person", "badge", [row.badge for row in masters.person])
    yield from _doubled_pins(masters)
    for n, bom in enumerate(masters.bom):
        yield from _repeated_in(("bom", n, "lines"), [line.item for line in bom.lines])
    for n, die in enumerate(masters.die):
        yield from _repeated_in(("die", n, "outputs"), [(o.item, o.since) for o in die.outputs])
    for place, rows in _step_lists(masters):
        yield from _repeated_in(place, [step.seq for step in steps(rows)])


def _doubled_pins(masters: Masters) -> Iterator[Fault]:
    first: dict[str, str] = {}
    for n, person in enumerate(masters.person):
        if person.pin is None:
            continue
        if person.pin in first:
            what = f"{first[person.pin]} has the same PIN"
            yield Fault(("person", n, "pin"), what, "give each person a PIN of their own")
        first.setdefault(person.pin, person.code)


def _near_doubles(masters: Masters, known: Known) -> Iterator[Fault]:
    """New codes that a reader takes for one that is there: another width, case, or spaces."""
    lots = [(n, f"{row.item}/{row.lot}") for n, row in enumerate(masters.stock) if row.lot]
    tables: Mapping[str, Iterable[tuple[int, str]]] = {
        "item": enumerate(row.code for row in masters.item),
        "die": enumerate(row.code for row in masters.die),
        "work_order": enumerate(row.code for row in masters.work_order),
        "person": enumerate(row.code for row in masters.person),
        "stock": lots,
        "reason": enumerate(f"{row.kind}/{row.code}" for row in masters.reason),
    }
    for table, named in tables.items():
        there = known.codes.get(table, frozenset[str]())
        like = {alike(code): code for code in sorted(there)}
        for n, code in named:
            other = like.setdefault(alike(code), code)
            if other != code and code not in there:
                yield _near_double((table, n, "lot" if table == "stock" else "code"), other)


def _near_double(place: Place, other: str) -> Fault:
    cure = f"write {other} if that is meant, or say --distinct if they are two"
    return Fault(place, f"differs from {other} in case, width or spaces only", cure)


def _repeated(table: str, key: str, values: Sequence[Hashable]) -> Iterator[Fault]:
    for n, value in enumerate(values):
        if value is not None and value in values[:n]:
            yield Fault((table, n, key), "stands here a second time", "keep one of them")


def _repeated_in(place: Place, values: Sequence[Hashable]) -> Iterator[Fault]:
    for n, value in enumerate(values):
        if value in values[:n]:
            yield Fault((*place, n), f"{value} stands here a second time", "keep one of them")


def _step_lists(masters: Masters) -> Iterator[tuple[Place, Sequence[StepRow]]]:
    for n, routing in enumerate(masters.routing):
        yield ("routing", n, "operations"), routing.operations
    for n, order in enumerate(masters.work_order):
        yield ("work_order", n, "routing"), order.routing


def _loose_ends(masters: Masters, known: Known) -> Iterator[Fault]:
    """References to what is neither in the file nor in the database."""
    for place, item in _item_references(masters):
        if item not in known.items:
            like = sorted(code for code in known.items if alike(code) == alike(item))
            cure = f"write {like[0]}" if like else "add an [[item]] or mend the code"
            yield Fault(place, f"there is no item {item}", cure)
    for n, held in enumerate(masters.stock):
        if held.location not in known.locations:
            place = ("stock", n, "location")
            cure = f"write one of {', '.join(sorted(known.locations))}"
            yield Fault(place, f"there is no location {held.location}", cure)
    for n, routing in enumerate(masters.routing):
        yield from _die_faults(
            ("routing", n, "operations"), routing.operations, routing.item, known
        )
    for n, order in enumerate(masters.work_order):
        yield from _die_faults(("work_order", n, "routing"), order.routing, order.item, known)


def _item_references(masters: Masters) -> Iterator[tuple[Place, str]]:
    for n, bom in enumerate(masters.bom):
        yield ("bom", n, "item"), bom.item
        for k, line in enumerate(bom.lines):
            yield ("bom", n, "lines", k), line.item
    for n, die in enumerate(masters.die):
        for k, output in enumerate(die.outputs):
            yield ("die", n, "outputs", k), output.item
    yield from ((("routing", n, "item"), row.item) for n, row in enumerate(masters.routing))
    yield from ((("work_order", n, "item"), row.item) for n, row in enumerate(masters.work_order))
    yield from ((("stock", n, "item"), row.item) for n, row in enumerate(masters.stock))


def _die_faults(place: Place, rows: Sequence[StepRow], item: str, known: Known) -> Iterator[Fault]:
    for n, die in ((n, row.die) for n, row in enumerate(rows) if row.die is not None):
        fault = die_fault(item, die, known.makes)
        if fault == "die_not_there":
            yield Fault((*place, n), f"there is no die {die}", "add a [[die]] or mend the code")
        elif fault is not None:
            cure = f"add {item} to the outputs of the die, or name another die"
            yield Fault((*place, n), f"die {die} does not make {item}", cure)


def _circles(masters: Masters, known: Known) -> Iterator[Fault]:
    """Items that would be made from themselves."""
    parts: dict[str, set[str]] = {}
    for (item, _), lines in known.boms.items():
        parts.setdefault(item, set()).update(line.component for line in lines)
    for bom in masters.bom:
        parts.setdefault(bom.item, set()).update(line.item for line in bom.lines)
    for n, bom in enumerate(masters.bom):
        if bom.item in _reachable(parts, bom.item):
            cure = "take out the line that leads back to it"
            yield Fault(("bom", n, "lines"), f"{bom.item} would be made from itself", cure)


def _unmakeable(masters: Masters, known: Known, today: date) -> Iterator[Fault]:
    """Orders for what is not made here, what nothing makes, or what is not made any more."""
    made = frozenset[str]().union(*known.makes.values())
    for n, order in enumerate(masters.work_order):
        kind, end = known.items.get(order.item, ""), known.ends.get(order.item)
        if kind in ("coil", "bought"):
            told = {"coil": "a coil", "bought": "a bought item"}[kind]
            what, cure = f"{order.item} is {told}: nothing makes it", "order a part instead"
        elif kind and order.item not in made:
            what, cure = f"no die makes {order.item}", "add it to the outputs of a [[die]]"
        elif end and end < today and order.code not in known.orders:
            what = f"{order.item} is made until {end} only"
            cure = "order what follows it, or write a later until"
        else:
            continue
        yield Fault(("work_order", n, "item"), what, cure)


def _off_the_floor(masters: Masters, floor: Floor) -> Iterator[Fault]:
    """Presses and lines that the plant does not have."""
    for n, die in enumerate(masters.die):
        for press in die.presses:
            if press not in floor.presses:
                cure = f"write one of {_some(floor.presses)}, or add it to the plant file first"
                yield Fault(("die", n, "presses"), f"there is no press {press}", cure)
    for n, person in enumerate(masters.person):
        for line in person.lines:
            if line not in floor.lines:
                cure = f"write one of {_some(floor.lines)}, or add it to the plant file first"
                yield Fault(("person", n, "lines"), f"there is no line {line}", cure)


def _other_lines(masters: Masters, known: Known) -> Iterator[Fault]:
    """Versions of BOMs that are there with other lines: what was made by one stays explained."""
    for n, bom in enumerate(masters.bom):
        lines = frozenset(
            BomLine(line.item, line.qty, line.operation, line.scrap) for line in bom.lines
        )
        if known.boms.get((bom.item, bom.version), lines) != lines:
            what = f"version {bom.version} of {bom.item} is there with other lines"
            yield Fault(("bom", n, "lines"), what, "give these lines a version of their own")


def _some(names: Iterable[str], most: int = 12) -> str:
    found = sorted(names)
    return ", ".join(found[:most]) + (", …" if len(found) > most else "")


def _reachable(parts: Mapping[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        new = parts.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found


def _contradictions(masters: Masters, known: Known) -> Iterator[Fault]:
    """What the database has already, and differently."""
    yield from _other_lines(masters, known)
    for n, row in enumerate(masters.item):
        unit = known.kept.get("item", {}).get(row.code, {}).get("unit", row.unit)
        if unit != row.unit and row.code in known.moved:
            what = f"stock of {row.code} has moved in {unit}: its unit stays"
            yield Fault(("item", n, "unit"), what, f"write {unit}, or make another item")
    for n, order in enumerate(masters.work_order):
        item = known.orders.get(order.code, order.item)
        if item != order.item:
            what = f"{order.code} is already an order for {item}"
            yield Fault(("work_order", n, "item"), what, "choose another code")
    for n, row in enumerate(masters.stock):
        before = known.opening.get(opening_key(row), row.qty)
        if before != row.qty:
            what = f"was loaded before as {before:f}, and stock has moved since"
            yield Fault(("stock", n, "qty"), what, "receive or count the difference instead")
    for n, person in enumerate(masters.person):
        owner = known.badges.get(person.badge or "", person.code)
        if owner != person.code:
            what = f"{person.badge} is the badge of {owner}"
            yield Fault(("person", n, "badge"), what, "give each person a badge of their own")
    for n, die in enumerate(masters.die):
        if die.warn > die.due:
            what = f"warns at {die.warn:f} of its life, and is due at {die.due:f} already"
            yield Fault(("die", n, "warn"), what, "write a warn that is not above due")
