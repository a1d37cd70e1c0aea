"""The front page: lines, presses, orders, reports that wait."""

from datetime import datetime
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from database.connection import Connection
from ingest import quarantine
from people import waiting
from people.staff import Person
from pressline.house import WAITS
from pressline.web.api import acts
from pressline.web.collection import freshness
from pressline.web.floor import notifications
from pressline.web.office.work_orders import orders
from pressline.web.shell import figures, words
from pressline.web.shell.pages import keeps_running, language, number, page
from pressline.web.shell.request import Database, Now
from pressline.web.shell.sign_in import Anyone, for_everybody

router = APIRouter()

SOME = 12  # orders and reports on the front page

Row = dict[str, Any]


@router.get("/", dependencies=[for_everybody()])
def index(request: Request, person: Anyone, connection: Database, now: Now) -> HTMLResponse:
    """Where everything is; orders and reports for who is signed in."""
    presses = figures.press_now(connection, now)
    if person is not None:
        presses = [row for row in presses if person.sees(row["line"])]
    lines = {
        row["line"]: [each for each in presses if each["line"] == row["line"]] for row in presses
    }
    locale = language(request, person.locale if person else None)
    return page(
        request,
        "index.html",
        locale,
        figures.time_zone(connection),
        person=person,
        mine=_mine(connection, person, locale) if person else [],
        since=partial(_since, locale, now),
        lines=lines,
        orders=orders(connection, person, size=SOME) if person else None,
        reports=acts.reports_in(connection, person, "waiting", size=SOME) if person else None,
        calls=freshness.calls_at(connection, now) if keeps_running(person) else 0,
        kept=quarantine.count(connection) if keeps_running(person) else 0,
    )


def _mine(connection: Connection, person: Person, locale: str) -> list[Row]:
    """What waits for this person: steps that they may take, and notices of their role."""
    steps = waiting.for_person(connection, WAITS, person, person.scope)
    told = notifications.open_for(connection, person, size=SOME)
    return [
        *({"what": words.say(locale, f"waits.{step.name}", n=number(step.n)), "to_do": "",
           "place": step.place, "since": step.since} for step in steps),
        *({"what": notifications.what(locale, row), "to_do": notifications.to_do(locale, row),
           "place": row["place"], "since": row["at"]} for row in told.rows),
    ]  # fmt: skip


def _since(locale: str, now: datetime, at: datetime | None) -> str:
    return words.lasting(locale, (now - at).total_seconds()) if at else ""
