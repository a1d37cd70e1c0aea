"""The front page: lines, presses, orders, reports that wait."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from ingest import quarantine
from pressline.web.api import acts
from pressline.web.collection import freshness
from pressline.web.office.work_orders import orders
from pressline.web.shell import figures
from pressline.web.shell.pages import keeps_running, language, page
from pressline.web.shell.request import Database, Now
from pressline.web.shell.sign_in import Anyone, for_everybody, sees

router = APIRouter()

SOME = 12  # orders and reports on the front page


@router.get("/", dependencies=[for_everybody()])
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
        orders=orders(connection, person, size=SOME) if person else None,
        reports=acts.reports_in(connection, person, "waiting", size=SOME) if person else None,
        calls=freshness.calls_at(connection, now) if keeps_running(person) else 0,
        kept=quarantine.count(connection) if keeps_running(person) else 0,
    )
