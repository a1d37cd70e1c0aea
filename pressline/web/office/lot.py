"""The page of a coil or other lot: what is left of it, where it was, and what people told of it.

The notice that a coil gave more than its paper says leads here: it is weighed, and what no part
holds is declared, at the press that it is or was on.
"""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from psycopg.rows import dict_row

from database.connection import Connection
from erp_core.quality import reasons
from people.staff import Person
from pressline.web.shell import figures
from pressline.web.shell.pages import language, page
from pressline.web.shell.request import Database
from pressline.web.shell.sign_in import NotFoundError, SignedIn, needs

router = APIRouter()

Row = dict[str, Any]
PLACES = 12  # presses, newest first
TOLD = 60  # acts that are shown


@router.get("/lot/{name:path}", dependencies=[needs("press.see")])
def lot(request: Request, person: SignedIn, connection: Database, name: str) -> HTMLResponse:
    """A lot by its item and code, with a slash between them: `/lot/COIL%2FC-1`."""
    found = find(connection, name)
    places = presses(connection, person, found)
    return page(
        request,
        "lot.html",
        language(request, person.locale),
        figures.time_zone(connection),
        person=person,
        lot=found,
        places=places,
        told=told(connection, person, found),
        reasons=reasons.codes(connection, "scrap"),
    )


def find(connection: Connection, name: str) -> Row:
    """Item and lot of a name in which either may have slashes, too; raises NotFoundError."""
    cuts = [n for n, sign in enumerate(name) if sign == "/"]
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(
            """
            select l.item, l.code as lot, i.name_zh, i.name_en, i.unit, (
              select coalesce(sum(b.qty), 0) from erp.balance b
              where b.item = l.item and b.lot = l.code) as on_hand
            from unnest(%s::text[], %s::text[]) as n(item, code)
            join erp.lot l on l.item = n.item and l.code = n.code
            join erp.item i on i.code = l.item
            limit 1
            """,
            [[name[:n] for n in cuts], [name[n + 1 :] for n in cuts]],
        ).fetchone()
    if row is None:
        raise NotFoundError("lot", name)
    return row


def presses(connection: Connection, person: Person, found: Row) -> list[Row]:
    """Presses of this person's lines that the lot was on, the latest first, each with its orders.

    Without `until` it is there now. `orders` ran there meanwhile and take the item.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """
            select m.press, min(lower(m.span)) as since,
                   case when not bool_or(upper_inf(m.span)) then max(upper(m.span)) end as until,
                   (select coalesce(array_agg(distinct op.work_order order by op.work_order), '{}')
                    from mes.material_mount k
                    join mes.run r on r.press = k.press and r.span && k.span
                    join mes.run_output o on o.run = r.id
                    join erp.work_order_operation op on op.id = o.operation
                    join erp.work_order_material x
                      on x.work_order = op.work_order and x.component = k.item
                    where k.press = m.press and k.item = %(item)s and k.lot = %(lot)s) as orders
            from mes.material_mount m join plant.press p on p.name = m.press
            where m.item = %(item)s and m.lot = %(lot)s and not isempty(m.span)
              and (%(lines)s::text[] is null or p.line = any (%(lines)s))
            group by m.press order by max(lower(m.span)) desc limit %(most)s
            """,
            {**found, "lines": person.scope, "most": PLACES},
        ).fetchall()


def told(connection: Connection, person: Person, found: Row) -> list[Row]:
    """What was weighed and declared of it, newest first; `difference`: as booked."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """
            select a.id, a.at, coalesce(e.name, a.who) as who_name, a.press, a.act,
                   (a.args ->> 'qty')::numeric as qty, a.args ->> 'reason' as reason,
                   a.args ->> 'work_order' as work_order,
                   exists (select from people.act u
                           where u.act = 'undo' and u.undoes = a.id) as undone,
                   (select sum(case when t.kind = 'stock' then m.qty else -m.qty end)
                    from erp.stock_move m join erp.location t on t.code = m.to_location
                    where m.item = %(item)s and m.lot = %(lot)s
                      and starts_with(m.idempotency_key, 'weigh/' || a.id || '/')) as difference
            from people.act a
            join plant.press p on p.name = a.press
            left join people.person e on e.code = a.who
            where (a.act = 'weigh' and a.id in (
                     select w.act from mes.coil_weight w
                     where w.item = %(item)s and w.lot = %(lot)s)
                   or a.act = 'consume' and a.outcome ->> 'item' = %(item)s
                      and a.outcome ->> 'lot' = %(lot)s)
              and (%(lines)s::text[] is null or p.line = any (%(lines)s))
            order by a.at desc, a.recorded_at desc limit %(most)s
            """,
            {**found, "lines": person.scope, "most": TOLD},
        ).fetchall()
