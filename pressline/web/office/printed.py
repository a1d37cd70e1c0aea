"""What is printed of the office: the job card that travels with an order, labels of lots."""

from datetime import datetime
from functools import partial
from typing import Any, LiteralString
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import Response
from psycopg.rows import dict_row

from database.connection import Connection
from erp_core.stock.lists import LOTS
from people import listings
from people.listings import Wanted
from people.staff import Person
from pressline.web.floor.qr import svg
from pressline.web.office import lot as lots
from pressline.web.office.work_order import must_see
from pressline.web.shell import figures, paper, words
from pressline.web.shell.listing import Place, Search
from pressline.web.shell.pages import language, number
from pressline.web.shell.request import Database, Now
from pressline.web.shell.sign_in import NotFoundError, SignedIn, needs

router = APIRouter()

Row = dict[str, Any]


@router.get("/print/work-order/{code:path}.pdf", dependencies=[needs("work_order.see")])
def job_card(
    request: Request, person: SignedIn, connection: Database, now: Now, code: str
) -> Response:
    """The job card of an order: what is made of what on which press, and room to write."""
    order = _order(connection, code)
    must_see(connection, person, code)
    locale = language(request, person.locale)
    say = partial(words.say, locale)
    heading = f"{say('print.job_card')} {code}"
    content = paper.pdf(
        "sheet", heading, locale, now,
        heading=heading, code=f"WO:{code}", qr=svg(f"WO:{code}"),
        facts=_facts(order, locale),
        tables=[_operations(connection, code, locale), _materials(connection, code, locale)],
        remarks=say("print.remarks"), foot=_foot(connection, person, now, locale),
    )  # fmt: skip
    return paper.answer(content, code)


@router.get("/print/lot/{name:path}.pdf", dependencies=[needs("stock.see")])
def lot_label(
    request: Request, person: SignedIn, connection: Database, now: Now, name: str
) -> Response:
    """The label of a coil or other lot; the terminal reads it."""
    found = lots.find(connection, name)
    return _labels([found], language(request, person.locale), now, found["lot"])


@router.get("/print/lots.pdf", dependencies=[needs("stock.see")])
def lot_labels(
    request: Request, person: SignedIn, connection: Database, now: Now,
    q: Search = "", item: Search = "", after: Place = None,
) -> Response:  # fmt: skip
    """A label for each lot that the list shows with this filter, on this page of it."""
    wanted = Wanted(person.scope, q.strip(), {"item": item.strip()}, after, listings.PAGE)
    rows = listings.page(connection, LOTS, wanted).rows
    if not rows:
        raise NotFoundError("lot", q or item)
    return _labels(rows, language(request, person.locale), now, "lots")


def _labels(rows: list[Row], locale: str, now: datetime, name: str) -> Response:
    title = words.say(locale, "print.lot_labels")
    labels = [_label(row, locale) for row in rows]
    return paper.answer(paper.pdf("label", title, locale, now, labels=labels), name)


def _label(row: Row, locale: str) -> Row:
    """A lot's label: what it is called, what is in it by the books, what the terminal scans."""
    facts = [
        (words.say(locale, "col.item"), row["item"]),
        (words.say(locale, "col.on_hand"), _with_unit(row["on_hand"], row["unit"], locale)),
    ]
    code = svg(f"LOT:{row['lot']}")
    return {"heading": row["lot"], "name": row[f"name_{locale}"], "facts": facts, "qr": code}


def _facts(order: Row, locale: str) -> list[tuple[str, str]]:
    said = {
        "col.item": order["item"],
        "col.name": order[f"name_{locale}"],
        "col.qty": _with_unit(order["qty"], order["unit"], locale),
        "order.due": str(order["due"] or "–"),
        "print.bom": order["bom"] or "–",
    }
    return [(words.say(locale, key), value) for key, value in said.items()]


def _operations(connection: Connection, code: str, locale: str) -> Row:
    """The operations, each with room for what was made and who signs for it."""
    say = partial(words.say, locale)
    columns = {
        say("col.seq"): 8, say("col.operation"): 24, say("col.die"): 20, say("print.presses"): 22,
        say("order.good"): 14, say("order.scrap"): 12, say("print.signed"): 18,
    }  # fmt: skip
    rows = [
        [str(each["seq"]), each["name"], each["die"] or "–", each["presses"] or "–", "", "", ""]
        for each in _rows(connection, OPERATIONS, code)
    ]
    return paper.table(say("print.operations"), columns, rows)


def _materials(connection: Connection, code: str, locale: str) -> Row:
    """What the order takes, as it was fixed at its release, and room for the lot taken."""
    say = partial(words.say, locale)
    takes, needed = say("bom.takes"), say("print.needed")
    columns = {
        say("col.component"): 22, say("col.name"): 30, takes: 20, needed: 22, say("col.lot"): 24,
    }  # fmt: skip
    rows = [
        [each["component"], each[f"name_{locale}"],
         _with_unit(each["qty_per"], each["unit"], locale),
         _with_unit(each["needed"], each["unit"], locale), ""]
        for each in _rows(connection, MATERIALS, code)
    ]  # fmt: skip
    return paper.table(say("print.materials"), columns, rows, takes, needed)


def _with_unit(qty: object, unit: str, locale: str) -> str:
    return f"{number(qty)} {words.plant_word(locale, 'unit', unit)}"


def _foot(connection: Connection, person: Person, now: datetime, locale: str) -> str:
    """Who printed it and when: paper is as old as that."""
    at = now.astimezone(ZoneInfo(figures.time_zone(connection)))
    return words.say(locale, "print.foot", who=person.name, at=f"{at:%Y-%m-%d %H:%M}")


def _order(connection: Connection, code: str) -> Row:
    found = _rows(connection, ORDER, code)
    if not found:
        raise NotFoundError("work_order", code)
    return found[0]


def _rows(connection: Connection, query: LiteralString, code: str) -> list[Row]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, [code]).fetchall()


ORDER = """
select w.item, i.name_zh, i.name_en, i.unit, w.qty, w.due,
       (select string_agg(distinct m.bom, ', ') from erp.work_order_material m
        where m.work_order = w.code) as bom
from erp.work_order w join erp.item i on i.code = w.item where w.code = %s
"""
# A die that names no press fits all of them: the card says so by a dash.
OPERATIONS = """
select op.seq, op.name, op.die,
       (select string_agg(f.press, ', ' order by f.press) from erp.die_press f
        where f.die = op.die) as presses
from erp.work_order_operation op where op.work_order = %s order by op.seq
"""
MATERIALS = """
select m.component, i.name_zh, i.name_en, i.unit, m.qty_per, m.qty_per * w.qty as needed
from erp.work_order_material m
join erp.work_order w on w.code = m.work_order
join erp.item i on i.code = m.component
where m.work_order = %s order by m.seq nulls first, m.component
"""
