"""Bills of material: versions with a life, dated; a released one never changes.

An order takes the version in force on the day it is released: of the released versions whose first
day has come, the one with the latest first day, and of these the newest. What a piece takes of a
component is its quantity x (1 + scrap).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from psycopg.rows import class_row, dict_row

from database.connection import Connection
from erp_core.items import items, routings
from erp_core.items.strips import Strip
from erp_core.refusal import Refused

# (state, step) -> state; what is not here is refused.
STEPS: Mapping[tuple[str, str], str] = MappingProxyType({
    ("draft", "check"): "checked",
    ("checked", "reopen"): "draft",
    ("checked", "release"): "released",
    ("draft", "retire"): "obsolete",
    ("checked", "retire"): "obsolete",
    ("released", "retire"): "obsolete",
})  # fmt: skip

# The cure of a step that is refused, by state.
CURES = MappingProxyType({
    "draft": "check", "checked": "reopen", "released": "copy", "obsolete": "copy",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bom:
    """One version; `from_day` is its first day (None: since ever), `row_version` counts changes."""

    item: str
    version: str
    state: str
    from_day: date | None
    row_version: int
    created: datetime | None
    created_by: str | None

    @property
    def name(self) -> str:
        """How people call it."""
        return f"{self.item}/{self.version}"


NO_STRIP = (None,) * len(Strip._fields)


class Line(NamedTuple):
    """A component: how much one piece takes, at which operation (None: the first), its scrap.

    `strip`: from what the quantity was computed; None: it was given.
    """

    component: str
    qty: Decimal
    seq: int | None = None
    scrap: Decimal = Decimal(0)
    strip: Strip | None = None


def find(connection: Connection, item: str, version: str) -> Bom | None:
    """That version, or None."""
    with connection.cursor(row_factory=class_row(Bom)) as cursor:
        return cursor.execute(
            "select * from erp.bom where item = %s and version = %s", [item, version]
        ).fetchone()


def lock(connection: Connection, item: str, version: str) -> Bom:
    """That version, held against others; raises Refused bom_unknown."""
    connection.execute(
        "select 1 from erp.bom where item = %s and version = %s for no key update", [item, version]
    )
    found = find(connection, item, version)
    if found is None:
        raise Refused("bom_unknown", item=item, version=version)
    return found


def versions(connection: Connection, item: str) -> list[Bom]:
    """All versions of an item, newest first; 10 is newer than 9."""
    with connection.cursor(row_factory=class_row(Bom)) as cursor:
        found = cursor.execute("select * from erp.bom where item = %s", [item]).fetchall()
    return sorted(found, key=lambda bom: items.version_order(bom.version), reverse=True)


def in_force(connection: Connection, item: str, day: date) -> str | None:
    """The version that an order takes which is released on that day of the plant, or None."""
    valid = [
        bom for bom in versions(connection, item)
        if bom.state == "released" and (bom.from_day or day) <= day
    ]  # fmt: skip
    newest = max(
        valid,
        key=lambda bom: (bom.from_day or date.min, items.version_order(bom.version)),
        default=None,
    )
    return newest.version if newest else None


def lines(connection: Connection, item: str, version: str) -> list[Line]:
    """The lines of a version, by operation and component."""
    rows = connection.execute(
        "select component, qty, seq, scrap, pitch, pitch_parts, width, thickness, density "
        "from erp.bom_line where item = %s and version = %s order by seq nulls first, component",
        [item, version],
    )
    return [
        Line(component, qty, seq, scrap, None if strip[0] is None else Strip._make(strip))
        for component, qty, seq, scrap, *strip in rows
    ]


def create(
    connection: Connection, item: str, version: str | None, *, who: str, now: datetime
) -> Bom:
    """A draft without lines; without a version the one after the newest.

    Raises Refused item_not_there, code_taken, code_wrong.
    """
    if not items.known(connection, item):
        raise Refused("item_not_there", item=item)
    version = version or _after(versions(connection, item))
    if "/" in version:
        raise Refused("code_wrong", name=version)
    made = connection.execute(
        "insert into erp.bom (item, version, created, created_by) values (%s, %s, %s, %s) "
        "on conflict do nothing",
        [item, version, now, who],
    )
    if made.rowcount == 0:
        raise Refused("code_taken", name=f"{item}/{version}")
    return lock(connection, item, version)


def _after(known: Sequence[Bom]) -> str:
    """The version after the newest: 1, 2, …; A, B, …; A9, A10."""
    if not known:
        return "1"
    newest = known[0].version
    head, number = newest.rstrip("0123456789"), newest[len(newest.rstrip("0123456789")) :]
    if number:
        return f"{head}{int(number) + 1}"
    last = newest[-1]
    return newest[:-1] + chr(ord(last) + 1) if last in "ABCDEFGHIJKLMNOPQRSTUVWXY" else f"{newest}2"


def write_lines(connection: Connection, bom: Bom, wanted: Sequence[Line]) -> Bom:
    """Give a draft these lines, in the place of those it has.

    Raises Refused bom_not_draft, bom_twice, item_not_there, bom_circle, bom_operation.
    """
    if bom.state != "draft":
        raise not_now(bom)
    _check(connection, bom.item, wanted)
    connection.execute(
        "delete from erp.bom_line where item = %s and version = %s", [bom.item, bom.version]
    )
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into erp.bom_line (item, version, component, qty, seq, scrap, "
            "pitch, pitch_parts, width, thickness, density) "
            "values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [(bom.item, bom.version, *line[:4], *(line.strip or NO_STRIP)) for line in wanted],
        )
    return _changed(connection, bom, bom.state, bom.from_day)


def _check(connection: Connection, item: str, wanted: Sequence[Line]) -> None:
    steps = {seq for seq, _, _ in routings.of(connection, item)} or {10}
    for n, line in enumerate(wanted):
        if not items.known(connection, line.component):
            raise Refused("item_not_there", item=line.component)
        if line.component in [other.component for other in wanted[:n]]:
            raise Refused("bom_twice", component=line.component)
        if line.seq is not None and line.seq not in steps:
            known = ", ".join(map(str, sorted(steps)))
            raise Refused("bom_operation", operation=line.seq, item=item, known=known)
    way = _way_back(connection, item, [line.component for line in wanted])
    if way:
        raise Refused("bom_circle", item=item, way=" → ".join(way))


def _way_back(connection: Connection, item: str, components: Sequence[str]) -> list[str] | None:
    """The way from an item over its components back to itself; versions that are gone count not."""
    row = connection.execute(
        """
        with recursive part as (
          select c as component, array[%(item)s, c] as way from unnest(%(components)s::text[]) c
          union all
          select l.component, p.way || l.component
          from part p
          join erp.bom_line l on l.item = p.component
          join erp.bom b on b.item = l.item and b.version = l.version and b.state <> 'obsolete'
          where p.component <> %(item)s and l.component <> all (p.way[2:])
        )
        select way from part where component = %(item)s order by cardinality(way) limit 1
        """,
        {"item": item, "components": list(components)},
    ).fetchone()
    return row[0] if row else None


def take_step(connection: Connection, bom: Bom, step: str, from_day: date | None = None) -> Bom:
    """Move the version along its table of steps; `from_day` is set by a release.

    Raises Refused step_not_possible, bom_empty for a version without lines.
    """
    state = STEPS.get((bom.state, step))
    if state is None:
        raise not_now(bom)
    if step in {"check", "release"} and not lines(connection, bom.item, bom.version):
        raise Refused("bom_empty", name=bom.name)
    if step == "check":
        _check_strips(connection, bom)
    return _changed(connection, bom, state, from_day if step == "release" else bom.from_day)


def _check_strips(connection: Connection, bom: Bom) -> None:
    """Raises Refused strip_changed where a coil has another section than a line was made with."""
    row = connection.execute(
        "select l.component from erp.bom_line l join erp.item c on c.code = l.component "
        "where l.item = %s and l.version = %s and l.pitch is not null "
        "and (l.width, l.thickness, l.density) is distinct from (c.width, c.thickness, c.density) "
        "order by 1 limit 1",
        [bom.item, bom.version],
    ).fetchone()
    if row is not None:
        raise Refused("strip_changed", item=row[0], name=bom.name)


def set_state(connection: Connection, bom: Bom, state: str, from_day: date | None) -> Bom:
    """Put it into a state, whatever it was: for undo; steps go through `take_step`."""
    return _changed(connection, bom, state, from_day)


def _changed(connection: Connection, bom: Bom, state: str, from_day: date | None) -> Bom:
    connection.execute(
        "update erp.bom set state = %s, from_day = %s, row_version = row_version + 1 "
        "where item = %s and version = %s",
        [state, from_day, bom.item, bom.version],
    )
    return lock(connection, bom.item, bom.version)


def not_now(bom: Bom) -> Refused:
    """Why something cannot be done with a version in its state, with the cure."""
    return Refused("bom_step", name=bom.name, bom_state=bom.state, bom_cure=CURES[bom.state])


def used(connection: Connection, bom: Bom) -> str | None:
    """A work order whose material was fixed from this version, or None."""
    row = connection.execute(
        "select m.work_order from erp.work_order_material m join erp.work_order w "
        "on w.code = m.work_order where w.item = %s and m.bom = %s order by 1 limit 1",
        [bom.item, bom.version],
    ).fetchone()
    return row[0] if row else None


def difference(
    connection: Connection, item: str, old: str | None, new: str
) -> list[dict[str, object]]:
    """Every component in which two versions differ, with quantity before and after a piece.

    `unit` is the component's, `on_hand` what lies of it. None stands where it is not needed.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """
            select component, c.name_zh, c.name_en, c.unit, erp.bom_takes(o.qty, o.scrap) as before,
                   erp.bom_takes(n.qty, n.scrap) as after, o.seq as seq_before, n.seq as seq_after,
                   (select coalesce(sum(b.qty), 0) from erp.balance b
                    where b.item = component) as on_hand
            from (select * from erp.bom_line where item = %(item)s and version = %(old)s) o
            full join (select * from erp.bom_line where item = %(item)s and version = %(new)s) n
              using (component)
            join erp.item c on c.code = component
            where (erp.bom_takes(o.qty, o.scrap), o.seq)
                  is distinct from (erp.bom_takes(n.qty, n.scrap), n.seq)
            order by component
            """,
            {"item": item, "old": old, "new": new},
        ).fetchall()
