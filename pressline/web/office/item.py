"""The page of an item: what it is made of and where it is used, what lies where, what was done."""

from typing import Any, LiteralString

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from psycopg.rows import dict_row

from database.connection import Connection
from erp_core.items import boms, routings
from erp_core.items.item_acts import ITEM
from erp_core.items.routing_acts import Change as Routing
from erp_core.stock import ledger
from people.staff import Person
from plant import clock
from pressline.web.shell import document, figures, forms
from pressline.web.shell.forms import Form
from pressline.web.shell.pages import language, page
from pressline.web.shell.request import Database, Now
from pressline.web.shell.sign_in import SignedIn, needs

router = APIRouter()

Row = dict[str, Any]
MOST = 100  # rows of a table


@router.get("/item/{code:path}", dependencies=[needs("item.see")])
def item(
    request: Request, person: SignedIn, connection: Database, now: Now, code: str
) -> HTMLResponse:
    """An item with its bill of material, uses, dies, stock, open orders and history."""
    locale = language(request, person.locale)
    facts = document.facts(connection, person, ITEM, code, locale)
    current = boms.in_force(connection, code, clock.day(connection, now))
    sees_stock = person.may("stock.see")
    return page(
        request,
        "item.html",
        locale,
        figures.time_zone(connection),
        person=person,
        item=facts["row"],
        **facts,
        routing_form=_routing_form(connection, person, facts["row"], locale),
        bom=current,
        boms=boms.versions(connection, code),
        lines=_all(connection, _LINES, code, current),
        uses=_all(connection, _USES, code),
        dies=_all(connection, _DIES, code),
        steps=routings.of(connection, code),
        orders=_all(connection, _ORDERS, code) if person.may("work_order.see") else [],
        stock=ledger.on_hand(connection, code) if sees_stock else None,
        places=ledger.stock_locations(connection),
        most=MOST,
    )


def _routing_form(connection: Connection, person: Person, item: Row, locale: str) -> Form | None:
    if not person.may("routing.change"):
        return None
    steps = [step._asdict() for step in routings.of(connection, item["code"])]
    args = {"item": item["code"], "version": item["routing_version"]}
    values = {"operations": steps}
    return forms.change(connection, "routing.change", Routing, locale, args, values)


def _all(
    connection: Connection, query: LiteralString, code: str, version: str | None = None
) -> list[Row]:
    with connection.cursor(row_factory=dict_row) as cursor:
        values = {"item": code, "version": version, "most": MOST}
        return cursor.execute(query, values).fetchall()


_LINES = """
select l.component, c.name_zh, c.name_en, l.qty, c.unit, l.seq
from erp.bom_line l join erp.item c on c.code = l.component
where l.item = %(item)s and l.version = %(version)s order by l.seq nulls first, l.component
limit %(most)s
"""
_USES = """
select l.item, i.name_zh, i.name_en, l.version, l.qty, i.unit,
       erp.enough_for(l.component, erp.bom_takes(l.qty, l.scrap)) as enough_for
from erp.bom_line l join erp.item i on i.code = l.item
join erp.bom b on b.item = l.item and b.version = l.version and b.state <> 'obsolete'
where l.component = %(item)s order by l.item, l.version limit %(most)s
"""
_DIES = """
select distinct o.die, coalesce((select string_agg(p.press, ' ' order by p.press)
                                 from erp.die_press p where p.die = o.die), '') as presses
from erp.die_output o where o.item = %(item)s order by o.die limit %(most)s
"""
_ORDERS = """
select code, qty, state, due from erp.work_order
where item = %(item)s and state not in ('closed', 'cancelled')
order by due nulls last, code limit %(most)s
"""
