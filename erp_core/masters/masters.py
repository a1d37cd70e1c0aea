"""Load master data: items, BOMs, dies, routings, people, opening stock, released work orders.

One file is loaded as a whole or not at all. Loading is an upsert: the same file again changes
nothing, an edited one changes what it names, and nothing is deleted. Opening stock is received
once per item, location and lot, however often it is loaded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from psycopg import DataError, errors

from database.connection import Connection
from erp_core.items import routings
from erp_core.masters.check import Floor, check, opening_key, steps
from erp_core.masters.errors import MastersError
from erp_core.masters.file import BomRow, DieRow, Masters, OrderRow, PersonRow, StockRow, read
from erp_core.production import work_orders
from erp_core.quality import reasons
from erp_core.stock import ledger
from erp_core.stock.ledger import Cause
from erp_core.tooling import dies
from erp_core.tooling.dies import Dated
from people import staff

WHO = "pressline"


@dataclass(frozen=True, slots=True)
class Loaded:
    """How many of each stand in the file; all of them are in the database now."""

    items: int
    boms: int
    dies: int
    routings: int
    people: int
    stock: int
    work_orders: int
    reasons: int
    left: Sequence[str] = ()  # people who are named no more

    def __str__(self) -> str:
        counts = [f.name for f in fields(self) if f.name != "left"]
        told = ", ".join(f"{name.replace('_', ' ')} {getattr(self, name)}" for name in counts)
        left = f"; not named any more, left: {', '.join(self.left)}" if self.left else ""
        return f"loaded: {told}{left}"


def load(
    connection: Connection, source: Path | Mapping[str, Any], now: datetime,
    *, floor: Floor | None = None, reset: bool = False, distinct: bool = False,
) -> Loaded:  # fmt: skip
    """Load a file, or tables of the same form, in the caller's transaction.

    `floor`: the plant's lines and presses, to compare with. `reset`: what the file leaves out of an
    item, die, order or person falls back to its default; else that is a fault. `distinct`: new
    codes that are written like others are meant so; else that is a fault, too. The default
    locations are made too. Raises MastersError with every fault (file, line, key, cure); then
    nothing was written.
    """
    raw, masters = read(source)
    day = now.astimezone(ZoneInfo(floor.time_zone if floor else "UTC")).date()
    raw.refuse(check(connection, masters, floor, today=day, reset=reset, distinct=distinct))
    try:
        with connection.transaction():
            return _write(connection, masters, now, day)
    except errors.ForeignKeyViolation as error:
        told = (error.diag.message_detail or error.diag.message_primary or str(error)).strip()
        cure = "load the plant file first (pressline plant load); nothing was written"
        name = source if isinstance(source, Path) else "masters"
        raise MastersError([f"{name}: {told}; {cure}"]) from error
    except DataError as error:  # NUL in a text, a number beyond 64 bits
        name = source if isinstance(source, Path) else "masters"
        what = f"{name}: {error}; take that value out, nothing was written"
        raise MastersError([what]) from error


def _write(connection: Connection, masters: Masters, now: datetime, day: date) -> Loaded:
    ledger.make_locations(connection)
    _write_items(connection, masters)
    for bom in masters.bom:
        _write_bom(connection, bom, now)
    for die in masters.die:
        _write_die(connection, die)
    _write_routings(connection, masters)
    left = _write_people(connection, masters.person, now)
    reasons.add(connection, [(reason.kind, reason.code) for reason in masters.reason])
    said = [(row.code, row.planned) for row in masters.reason if row.planned is not None]
    reasons.plan(connection, said)
    for row in masters.stock:
        _receive_once(connection, row, now)
    for order in masters.work_order:
        _write_order(connection, order, now, day)
    return Loaded(
        *(len(masters.item), len(masters.bom), len(masters.die), len(masters.routing)),
        *(len(masters.person), len(masters.stock), len(masters.work_order)),
        *(len(masters.reason), left),
    )


def _write_items(connection: Connection, masters: Masters) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            insert into erp.item (code, name_zh, name_en, unit, kind, over_tolerance, until,
                                  container)
            values (%s, %s, %s, %s, %s, %s, %s, %s)
            on conflict (code) do update set name_zh = excluded.name_zh,
              name_en = excluded.name_en, unit = excluded.unit, kind = excluded.kind,
              over_tolerance = excluded.over_tolerance, until = excluded.until,
              container = excluded.container
            """,
            [
                (
                    *(i.code, i.name_zh or i.code, i.name_en or i.code),
                    *(i.unit, i.kind, i.over_tolerance, i.until, i.container),
                )
                for i in masters.item
            ],
        )


def _write_bom(connection: Connection, bom: BomRow, now: datetime) -> None:
    """A new version is released with its lines; one that is there stays as it is."""
    made = connection.execute(
        "insert into erp.bom (item, version, from_day, created, created_by) "
        "values (%s, %s, %s, %s, %s) on conflict do nothing",
        [bom.item, bom.version, bom.from_day, now, WHO],
    )
    if made.rowcount == 0:
        return
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into erp.bom_line (item, version, component, qty, seq, scrap) "
            "values (%s, %s, %s, %s, %s, %s)",
            [
                (bom.item, bom.version, line.item, line.qty, line.operation, line.scrap)
                for line in bom.lines
            ],
        )
    connection.execute(
        "update erp.bom set state = 'released' where item = %s and version = %s",
        [bom.item, bom.version],
    )


def _write_die(connection: Connection, die: DieRow) -> None:
    connection.execute(
        """
        insert into erp.die (code, name, life_strokes, warn_share, due_share, opening_strokes,
          ideal_spm, planned_spm)
        values (%s, %s, %s, %s, %s, %s, %s, %s)
        on conflict (code) do update set name = excluded.name,
          life_strokes = excluded.life_strokes, warn_share = excluded.warn_share,
          due_share = excluded.due_share, opening_strokes = excluded.opening_strokes,
          ideal_spm = excluded.ideal_spm, planned_spm = excluded.planned_spm
        """,
        [
            *(die.code, die.name, die.life, die.warn, die.due, die.opening_strokes),
            *(die.speed, die.planned_speed),
        ],
    )
    dies.put_presses(connection, die.code, die.presses)
    dies.put_outputs(
        connection, die.code,
        [Dated(o.item, o.since, o.parts.numerator, o.parts.denominator) for o in die.outputs],
    )  # fmt: skip


def _write_routings(connection: Connection, masters: Masters) -> None:
    for row in masters.routing:
        routings.put(connection, row.item, steps(row.operations))


def _write_people(connection: Connection, listed: Sequence[PersonRow], now: datetime) -> list[str]:
    """Who is listed, works here; who is no more, has left. A file without people tells nothing.

    Whom an act sent away stays away, and a PIN or badge that an act has set stays.
    """
    if not listed:
        return []
    left = staff.leave_unlisted(connection, [person.code for person in listed], WHO, now)
    for person in listed:
        _write_person(connection, person)
        if person.pin is not None:
            staff.keep_pin(connection, person.code, person.pin, now)
    return left


def _write_person(connection: Connection, person: PersonRow) -> None:
    connection.execute(
        """
        insert into people.person as p (code, name, role, lines, locale, badge)
        values (%(code)s, %(name)s, %(role)s, %(lines)s, %(locale)s, %(badge)s)
        on conflict (code) do update set name = excluded.name, role = excluded.role,
          lines = excluded.lines, locale = excluded.locale,
          badge = case when p.badge_by is not null then p.badge
                       when p.active or p.left_by = %(us)s then excluded.badge end,
          active = p.active or p.left_by = %(us)s,
          left_at = case when p.left_by <> %(us)s then p.left_at end,
          left_by = nullif(p.left_by, %(us)s)
        """,
        {
            "code": person.code, "name": person.name or person.code, "role": person.role,
            "lines": list(person.lines), "locale": person.locale, "badge": person.badge, "us": WHO,
        },
    )  # fmt: skip


def _receive_once(connection: Connection, row: StockRow, now: datetime) -> None:
    cause = Cause(WHO, "opening stock", now, opening_key(row))
    ledger.receive(connection, row.item, row.lot, row.qty, cause, location=row.location)


def _write_order(connection: Connection, order: OrderRow, now: datetime, day: date) -> None:
    """A new order is released; of one that is there, quantity and due date follow the file."""
    if work_orders.find(connection, order.code) is None:
        work_orders.create(
            connection, order.code, order.item, order.qty, who=WHO, now=now, due=order.due,
            routing=steps(order.routing) or None,
        )  # fmt: skip
        work_orders.release(connection, order.code, day)
    else:
        work_orders.change(connection, order.code, order.qty, order.due)
