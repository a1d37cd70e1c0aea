"""The page of a work order: explains its number, step by step, down to the readings."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse
from psycopg.rows import dict_row

from database.connection import Connection
from erp_core.items import boms
from erp_core.production import work_orders
from erp_core.production.acts import ACTS
from erp_core.production.work_orders import STEPS
from erp_core.quality import reasons
from people import history
from people.staff import Person
from plant import clock
from pressline.web.office import evidence
from pressline.web.shell import document, figures
from pressline.web.shell.pages import language, page
from pressline.web.shell.request import Database, Now
from pressline.web.shell.sign_in import NotFoundError, NotYoursError, SignedIn, needs

router = APIRouter()

Row = dict[str, Any]
QUARTER = timedelta(minutes=15)


@router.get("/work-order/{code}", dependencies=[needs("work_order.see")])
def work_order(
    request: Request, person: SignedIn, connection: Database, now: Now, code: str
) -> HTMLResponse:
    """What was ordered, made, scrapped, reported and stocked, and why."""
    order = _order(connection, code)
    must_see(connection, person, code)
    runs, made = evidence.runs(connection, code, now), evidence.reports(connection, code)
    return page(
        request,
        "work_order.html",
        language(request, person.locale),
        figures.time_zone(connection),
        person=person,
        order=order,
        has_bom=_has_bom(connection, order, now),
        bom_versions=work_orders.bom_versions(connection, code),
        lacks_material=lacks_material(connection, order),
        ladder=ladder(order, runs),
        runs=runs,
        reports=made,
        decides_on={each["line"] for each in [*made, *runs] if person.sees(each["line"])},
        reasons=reasons.codes(connection, "reject"),
        postings=evidence.postings(connection, code),
        moves=evidence.moves(connection, code),
        steps=[
            step
            for state, step in STEPS
            if state == order["state"] and person.may(f"work_order.{step}")
        ],
        changeable=order["state"] not in {"closed", "cancelled"}
        and person.may("work_order.change"),
        **document.files(connection, person, "work_order", code),
        past=history.of(connection, "work_order", "erp.work_order", code),
        may_undo={act for act in ACTS if act.startswith("work_order.") and person.may(act)},
    )


def _chosen(person: SignedIn, connection: Database, now: Now, code: str, run: int) -> Row:
    """The run of the address; raises NotFoundError or NotYoursError."""
    must_see(connection, person, code)
    for each in evidence.runs(connection, code, now):
        if each["run"] == run:
            return {**each, "work_order": code}
    raise NotFoundError("run", str(run))


@router.get("/work-order/{code}/run/{run}", dependencies=[needs("work_order.see")])
def readings(
    *,
    request: Request,
    person: SignedIn,
    connection: Database,
    now: Now,
    chosen: Annotated[Row, Depends(_chosen, scope="function")],
    since: datetime | None = None,
) -> HTMLResponse:
    """The raw readings of a run's stroke counter, a quarter of an hour at a time."""
    quarters = evidence.quarters(connection, chosen, now)
    begin = since or (quarters[-1]["quarter"] if quarters else chosen["since"])
    rows = evidence.readings(connection, chosen, begin, begin + QUARTER)
    rest = rows[evidence.MOST :]  # more than one page holds: go on from the next
    rows = [{**row, **evidence.explained(row)} for row in rows[: evidence.MOST]]
    return page(
        request,
        "readings.html",
        language(request, person.locale),
        figures.time_zone(connection),
        person=person,
        code=chosen["work_order"],
        run=chosen,
        quarters=quarters,
        begin=begin,
        bars=evidence.bars(quarters),
        end=rest[0]["at"] if rest else begin + QUARTER,
        rows=rows,
        onward=rest[0]["at"] if rest else None,
        total=sum(row["amount"] or 0 for row in rows if row["mine"]),
    )


def _order(connection: Connection, code: str) -> Row:
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(
            """
            select p.*, coalesce(live.scrap, 0) as scrap_live, live.presses,
                   i.name_zh, i.name_en, i.over_tolerance, i.unit, w.created, w.created_by,
                   w.version
            from board.work_order_progress p
            join erp.work_order w on w.code = p.work_order
            join erp.item i on i.code = p.item
            cross join lateral (
              select sum(o.scrap)::bigint as scrap,
                     array_agg(o.press) filter (where o.until is null) as presses
              from board.run_output o
              join erp.work_order_operation op on op.id = o.operation and op.last
              where o.work_order = p.work_order
            ) live
            where p.work_order = %s
            """,
            [code],
        ).fetchone()
    if row is None:
        raise NotFoundError("work_order", code)
    return row


def _has_bom(connection: Connection, order: Row, now: datetime) -> bool:
    day = clock.day(connection, now)
    return boms.in_force(connection, order["item"], day) is not None


def lacks_material(connection: Connection, order: Row) -> bool:
    """Whether the order is at work and no material was fixed for it."""
    at_work = order["state"] not in {"draft", "closed", "cancelled"}
    return at_work and not work_orders.has_material(connection, order["work_order"])


def ladder(order: Row, runs: Sequence[Row]) -> list[tuple[str, object]]:
    """The steps from strokes to stock: each is the one above, less or more what its name says."""
    last = [run for run in runs if run["last"]]
    strokes = sum(run["strokes"] for run in last)
    production = sum(run["production"] for run in last)
    other = sum(run["other"] for run in last)
    scrap = sum(run["scrap"] for run in last)
    surplus = sum(run["surplus"] for run in last)
    transferred = sum(run["transferred"] for run in last)
    good = production - scrap - surplus - transferred
    posted = order["good"] + order["excess"]
    decided = [("surplus", -surplus), ("transferred", -transferred)]
    return [
        ("strokes", strokes),
        ("made", production + other),
        ("not_for_sale", -other),
        ("declared_scrap", -scrap),
        *(step for step in decided if step[1]),
        ("good_live", good),
        ("not_yet_posted", posted - good),
        ("posted", posted),
        ("waiting", -order["waiting"]),
        ("accepted", order["accepted"]),
        ("in_stock", order["in_stock"]),
    ]


def seen(connection: Connection, person: Person, code: str) -> bool:
    """Whether this person may look at this order: it ran or can run on their lines."""
    lines = person.scope
    if lines is None:
        return True
    row = connection.execute("select board.order_on_lines(%s, %s)", [code, lines]).fetchone()
    return row is not None and row[0]


def must_see(connection: Connection, person: Person, code: str) -> None:
    """Raise NotYoursError for an order of other lines."""
    if not seen(connection, person, code):
        raise NotYoursError(code, person.lines)
