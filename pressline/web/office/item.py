"""The page of an item: what it is made of and where it is used, what lies where, what was done."""

from typing import Any, LiteralString

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from psycopg.rows import dict_row

from database.connection import Connection
from erp_core.items import boms, items
from erp_core.stock import ledger
from people import history
from plant import clock
from pressline.web.shell import figures
from pressline.web.shell.pages import language, page
from pressline.web.shell.request import Database, Now
from pressline.web.shell.sign_in import NotFoundError, SignedIn, needs

router = APIRouter()

Row = dict[str, Any]
MOST = 100  # rows of a table


@router.get("/item/{code:path}", dependencies=[needs("item.see")])
def item(
    request: Request, person: SignedIn, connection: Database, now: Now, code: str
) -> HTMLResponse:
    """An item with its bill of material, uses, dies, stock, open orders and history."""
    found = _one(connection, _ITEM, code)
    if found is None:
        raise NotFoundError("item", code)
    current = boms.in_force(connection, code, clock.day(connection, now))
    sees_stock = person.may("stock.see")
    return page(
        request,
        "item.html",
        language(request, person.locale),
        figures.time_zone(connection),
        person=person,
        item=found,
        bom=current,
        boms=boms.versions(connection, code),
        lines=_all(connection, _LINES, code, current),
        uses=_all(connection, _USES, code),
        dies=_all(connection, _DIES, code),
        steps=items.routing(connection, code),
        orders=_all(connection, _ORDERS, code) if person.may("work_order.see") else [],
        stock=ledger.on_hand(connection, code) if sees_stock else None,
        places=ledger.stock_locations(connection),
        past=history.of(connection, "item", "erp.item", code),
        most=MOST,
    )


def _one(connection: Connection, query: LiteralString, code: str) -> Row | None:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, {"item": code}).fetchone()


def _all(
    connection: Connection, query: LiteralString, code: str, version: str | None = None
) -> list[Row]:
    with connection.cursor(row_factory=dict_row) as cursor:
        values = {"item": code, "version": version, "most": MOST}
        return cursor.execute(query, values).fetchall()


_ITEM = "select * from erp.item where code = %(item)s"
_LINES = """
select l.component, c.name_zh, c.name_en, l.qty, c.unit, l.seq
from erp.bom_line l join erp.item c on c.code = l.component
where l.item = %(item)s and l.version = %(version)s order by l.seq nulls first, l.component
limit %(most)s
"""
_USES = """
select l.item, i.name_zh, i.name_en, l.version, l.qty
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
