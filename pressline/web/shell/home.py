"""The front page: lines, presses, orders, reports that wait."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from psycopg.rows import dict_row

from database.connection import Connection
from erp_core.people import Person
from ingest import quarantine
from pressline.web.api import acts
from pressline.web.collection import freshness
from pressline.web.shell import figures
from pressline.web.shell.pages import keeps_running, language, page
from pressline.web.shell.request import Database, Now
from pressline.web.shell.sign_in import Anyone, SignedIn, scope, sees

router = APIRouter()

Row = dict[str, Any]


@router.get("/")
def index(request: Request, person: Anyone, connection: Database, now: Now) -> HTMLResponse:
    """Where everything is; orders and reports for who is signed in."""
    presses = figures.press_now(connection, now)
    if person is not None:
        presses = [row for row in presses if sees(person, row["line"])]
    lines = {
        row["line"]: [each for each in presses if each["line"] == row["line"]] for row in presses
    }
    return page(
        request,
        "index.html",
        language(request, person.locale if person else None),
        figures.time_zone(connection),
        person=person,
        lines=lines,
        orders=orders(connection, person)[:12] if person else [],
        reports=acts.reports_in(connection, person, "waiting") if person else [],
        calls=freshness.calls_at(connection, now) if keeps_running(person) else 0,
        kept=quarantine.count(connection) if keeps_running(person) else 0,
    )


@router.get("/work-orders")
def work_orders(request: Request, person: SignedIn, connection: Database) -> HTMLResponse:
    """Every work order, the most urgent first."""
    return page(
        request,
        "work_orders.html",
        language(request, person.locale),
        figures.time_zone(connection),
        person=person,
        orders=orders(connection, person),
    )


def orders(connection: Connection, person: Person) -> list[Row]:
    """Work orders of this person's lines with their progress: running ones, then by due date."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """
            select p.work_order, p.item, i.name_zh, i.name_en, p.qty, p.state, p.due,
                   p.good_live, p.waiting, p.in_stock, live.presses,
                   coalesce(live.scrap, 0) as scrap
            from board.work_order_progress p
            join erp.item i on i.code = p.item
            cross join lateral (
              select sum(o.scrap)::bigint as scrap,
                     array_agg(o.press order by o.press) filter (where o.until is null) as presses
              from board.run_output o
              join erp.work_order_operation op on op.id = o.operation and op.last
              where o.work_order = p.work_order
            ) live
            where p.state <> 'cancelled'
              and (%(lines)s::text[] is null or board.order_on_lines(p.work_order, %(lines)s))
            order by live.presses is null, p.state = 'running' desc,
                     p.state in ('closed', 'produced'), p.due nulls last, p.work_order
            limit 300
            """,
            {"lines": scope(person)},
        ).fetchall()
