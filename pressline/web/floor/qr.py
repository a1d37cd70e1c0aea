"""QR codes as SVG, and sheets of them to print: what a scanner at a press reads."""

import io
from collections.abc import Sequence
from typing import LiteralString

import segno
from fastapi import APIRouter, Request
from fastapi.responses import Response
from psycopg.rows import dict_row

from database.connection import Connection
from erp_core.quality import reasons
from pressline.web.shell import figures
from pressline.web.shell.pages import language, page
from pressline.web.shell.paging import Cut, PageNumber, Part
from pressline.web.shell.request import Database
from pressline.web.shell.sign_in import NotFoundError, SignedIn, for_everybody, needs

router = APIRouter()

CARDS: tuple[reasons.Kind, ...] = ("stop", "scrap", "close")
LABELS = 120  # of one kind on a page: what is printed at once
A_DAY = "public, max-age=86400"


def svg(content: str) -> str:
    """A QR code with the quiet zone that scanners need; error correction M withstands oil."""
    out = io.BytesIO()
    segno.make(content, error="m", micro=False).save(
        out, kind="svg", xmldecl=False, svgns=True, border=4, scale=4, dark="#000", light="#fff"
    )
    return out.getvalue().decode()


def _svg(content: str) -> Response:
    return Response(svg(content), media_type="image/svg+xml", headers={"Cache-Control": A_DAY})


@router.get("/qr/work-order/{code:path}.svg", dependencies=[for_everybody()])
def work_order(connection: Database, code: str) -> Response:
    """`WO:<code>`, for the paper that travels with the order."""
    if connection.execute("select from erp.work_order where code = %s", [code]).fetchone() is None:
        raise NotFoundError("work_order", code)
    return _svg(f"WO:{code}")


@router.get("/qr/die/{code:path}.svg", dependencies=[for_everybody()])
def die(connection: Database, code: str) -> Response:
    """`DIE:<code>`, for the plate on the die."""
    if connection.execute("select from erp.die where code = %s", [code]).fetchone() is None:
        raise NotFoundError("die", code)
    return _svg(f"DIE:{code}")


@router.get("/qr/reason/{code:path}.svg", dependencies=[for_everybody()])
def reason(connection: Database, code: str) -> Response:
    """`RSN:<code>`, for cards that are scanned with gloves on."""
    if not reasons.kinds(connection, code):
        raise NotFoundError("reason", code)
    return _svg(f"RSN:{code}")


@router.get("/labels", dependencies=[needs("press.see")])
def labels(
    request: Request, person: SignedIn, connection: Database,
    orders: PageNumber = 1, dies: PageNumber = 1,
) -> Response:  # fmt: skip
    """A sheet to print: open work orders, all dies, the reasons."""
    locale = language(request, person.locale)
    return page(
        request,
        "labels.html",
        locale,
        figures.time_zone(connection),
        person=person,
        orders=_sheet(connection, "orders", _ORDERS, person.scope, orders),
        dies=_sheet(connection, "dies", _DIES, person.scope, dies),
        reasons={kind: reasons.codes(connection, kind) for kind in CARDS},
    )


def _sheet(
    connection: Connection, key: str, query: LiteralString, lines: Sequence[str] | None, number: int
) -> Part:
    values = {"lines": lines}
    row = connection.execute(_COUNT + query + ") q", values).fetchone()
    cut = Cut(row[0] if row else 0, number, LABELS)
    with connection.cursor(row_factory=dict_row) as cursor:
        part = {**values, "size": cut.size, "offset": cut.offset}
        cursor.execute(query + " limit %(size)s offset %(offset)s", part)
        return Part(cut, cursor.fetchall(), key)


_COUNT = "select count(*) from ("
_ORDERS = """
select w.code, w.item, w.qty, i.name_zh, i.name_en
from erp.work_order w join erp.item i on i.code = w.item
where w.state in ('released', 'running')
  and (%(lines)s::text[] is null or w.code in (
      select l.work_order from board.order_line l where l.line = any (%(lines)s)))
order by w.due nulls last, w.code
"""
_DIES = """
select d.code, d.name from erp.die d
where %(lines)s::text[] is null
   or not exists (select from erp.die_press f where f.die = d.code)
   or exists (select from erp.die_press f join plant.press p on p.name = f.press
              where f.die = d.code and p.line = any (%(lines)s))
order by d.code
"""
