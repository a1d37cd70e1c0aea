"""The page of one version of a bill of material: lines, life, what it changes and touches."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from psycopg.rows import dict_row

from database.connection import Connection
from erp_core.items import boms
from erp_core.items.boms import Bom
from erp_core.production import change_orders
from people import history
from plant import clock
from pressline.web.shell import figures
from pressline.web.shell.pages import language, page
from pressline.web.shell.request import Database, Now
from pressline.web.shell.sign_in import NotFoundError, SignedIn, needs

router = APIRouter()

Row = dict[str, Any]
MOST = 2000  # items that are offered as components
DEEDS = ("check", "reopen", "release", "retire")


@router.get("/bom/{name:path}", dependencies=[needs("item.see")])
def bom(
    request: Request, person: SignedIn, connection: Database, now: Now, name: str
) -> HTMLResponse:
    """A version by its item and name, with a slash between them: `/bom/BRK-210%2FA`."""
    found = _bom(connection, name)
    current = boms.in_force(connection, found.item, clock.day(connection, now))
    may_apply = person.may("change_order.apply") and found.state in {"checked", "released"}
    sees_orders = person.may("work_order.see")
    return page(
        request,
        "bom.html",
        language(request, person.locale),
        figures.time_zone(connection),
        person=person,
        bom=found,
        item=_item(connection, found.item),
        lines=_lines(connection, found),
        current=current,
        versions=boms.versions(connection, found.item),
        differences=boms.difference(connection, found.item, current, found.version)
        if current not in {None, found.version}
        else [],
        touched=change_orders.touched(connection, found) if may_apply and sees_orders else [],
        applied=change_orders.applied(connection, found) if sees_orders else [],
        steps=[
            step
            for step in DEEDS
            if (found.state, step) in boms.STEPS and person.may(f"bom.{step}")
        ],
        components=_components(connection) if found.state == "draft" else [],
        past=history.of(connection, "bom", "erp.bom", found.name),
    )


def _bom(connection: Connection, name: str) -> Bom:
    """Item and version of a name in which the item may have slashes; raises NotFoundError."""
    item, _, version = name.rpartition("/")
    found = boms.find(connection, item, version)
    if found is None:
        raise NotFoundError("bom", name)
    return found


def _item(connection: Connection, code: str) -> Row:
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(
            "select code, name_zh, name_en, unit from erp.item where code = %s", [code]
        ).fetchone()
    assert row is not None
    return row


def _lines(connection: Connection, found: Bom) -> list[Row]:
    """The lines; `why` is what the quantity of a part on a strip was computed from."""
    strips = {
        line.component: line.strip for line in boms.lines(connection, found.item, found.version)
    }
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            """
            select l.component, c.name_zh, c.name_en, c.unit, l.qty, l.seq, l.scrap * 100 as scrap,
                   erp.bom_takes(l.qty, l.scrap) as takes, l.pitch, l.pitch_parts
            from erp.bom_line l join erp.item c on c.code = l.component
            where l.item = %s and l.version = %s order by l.seq nulls first, l.component
            """,
            [found.item, found.version],
        ).fetchall()
    return [{**row, "why": str(strips[row["component"]] or "")} for row in rows]


def _components(connection: Connection) -> list[str]:
    rows = connection.execute("select code from erp.item order by code limit %s", [MOST])
    return [code for (code,) in rows]
