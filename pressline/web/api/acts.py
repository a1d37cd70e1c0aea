"""What people do: one call for every act, answered with what became of it in their language."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse
from psycopg.rows import dict_row
from pydantic import AwareDatetime, BaseModel, ConfigDict

from database.connection import Connection
from mes_bridge import undated
from mes_bridge.refusal import Refused
from people import notices
from people.acts import Act
from people.staff import Person
from plant.clock import told_in_its_time
from pressline.house import preview, record
from pressline.web.shell import figures, words
from pressline.web.shell.pages import language, number
from pressline.web.shell.paging import Cut, PageNumber, Part
from pressline.web.shell.request import Database, Now
from pressline.web.shell.sign_in import SignedIn, Text, by_act, needs

router = APIRouter()

REPORTS = 50  # on one page


class GivenAct(BaseModel):
    """An act as a terminal sends it; `who` is who did it, when it waited for the network.

    `heard` is the server's time that the device had heard last before it was done.

    With `preview` it is told what the act would do, and nothing is written.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    id: UUID
    act: Text
    press: Text | None = None
    at: AwareDatetime | None = None
    args: dict[str, Any] = {}
    who: Text | None = None
    heard: AwareDatetime | None = None
    preview: bool = False


@router.post("/api/acts", dependencies=[by_act()])
def post_act(
    request: Request, given: GivenAct, person: SignedIn, connection: Database, now: Now
) -> JSONResponse:
    """Record an act of the person signed in; the same id again gives the first outcome.

    409 when it is refused: nothing was written, and the message says what to do.
    """
    locale = language(request, person.locale)
    if given.who is not None and given.who != person.code:
        return _refusal("other_person", words.say(locale, "say.other_person", who=given.who))
    act = Act(
        given.id, person.code, given.press, given.at or now, given.act, given.args, person.token
    )
    try:
        with told_in_its_time(connection):
            undated.check(act, given.heard, now)
        with connection.transaction():
            outcome = (preview if given.preview else record)(connection, act, now)
            notices.closed_by(connection, person.code, now)
    except Refused as refused:
        if refused.code in undated.CODES:
            undated.keep(connection, act, given.heard, now)
        return _refusal(refused.code, refused.text(locale), again=refused.again)
    told = {
        **outcome,
        "done": outcome["message"],
        "message": message(locale, given.act, outcome, figures.time_zone(connection)),
    }
    return JSONResponse(jsonable_encoder(told))


def _refusal(code: str, text: str, *, again: bool = False) -> JSONResponse:
    """`again`: nothing is wrong with the act, the terminal keeps it and asks again."""
    return JSONResponse({"code": code, "message": text, "again": again}, 409)


def message(locale: str, act: str, outcome: Mapping[str, Any], zone: str) -> str:
    """What became of an act, and what happens next, as a person of this language reads it."""
    told = outcome["message"]
    if act == "assign" and told == "reported_waiting":
        told = "assigned_waiting"  # to whom decides, "please wait" would be no news
    if act == "token.create" and outcome["token"] == "…":  # noqa: S105 - the same act again
        told = "token_told"
    facts = {
        "qty": "",
        "item": "",
        "work_order": "",
        "die": "",
        "report": "",
        "good": "",
        **outcome,
    }
    if facts.get("reason"):
        facts["reason"] = words.plant_word(locale, "reason", facts["reason"])
    if facts.get("unit"):
        facts["unit"] = words.plant_word(locale, "unit", facts["unit"])
    if told == "weighed":
        told, facts["difference"] = _weighed(Decimal(outcome["difference"]))
    if told == "stop_reason_late":
        facts["since"], facts["until"] = (_clock(outcome[name], zone) for name in ("from", "to"))
    return words.say(locale, f"done.{told}", **facts)


def _weighed(difference: Decimal) -> tuple[str, str]:
    """More or less than by the formula, and by how much."""
    if not difference:
        return "weighed", ""
    return "weighed_less" if difference < 0 else "weighed_more", number(abs(difference))


def _clock(instant: str, zone: str) -> str:
    return datetime.fromisoformat(instant).astimezone(ZoneInfo(zone)).strftime("%H:%M")


@router.get("/api/reports", dependencies=[needs("press.see")])
def reports(
    person: SignedIn, connection: Database, state: str = "waiting", page: PageNumber = 1
) -> dict[str, object]:
    """Reports in a state, newest first, of the lines this person sees; `n` of them in all."""
    found = reports_in(connection, person, state, page)
    return {"n": found.total, "reports": jsonable_encoder(found.rows)}


def reports_in(
    connection: Connection, person: Person, state: str, number: int = 1, size: int = REPORTS
) -> Part:
    """A page of the reports in this state on this person's lines."""
    values = {"state": state, "lines": person.scope}
    cut = Cut(count_reports(connection, person, state), number, size)
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            """
            select report, work_order, item, n, press, line, good, excess, surplus, transferred,
                   to_order, other, state, flags,
                   proposed_at, decided_at, decided_by, reason
            from board.report
            where state = %(state)s and (%(lines)s::text[] is null or line = any (%(lines)s))
            order by proposed_at desc, report limit %(size)s offset %(offset)s
            """,
            {**values, "size": size, "offset": cut.offset},
        ).fetchall()
    for row in rows:
        waits = row["state"] == "waiting" and row["excess"] > 0
        row["takers"] = takers(connection, row) if waits else []
    return Part(cut, rows, "reports")


def page_with(connection: Connection, person: Person, state: str, report: str) -> int:
    """On which page of the reports in this state that one stands; 1 when it is on none."""
    row = connection.execute(
        """
        select count(*) from board.report r, board.report sought
        where sought.report = %(report)s and sought.state = %(state)s and r.state = %(state)s
          and (%(lines)s::text[] is null or r.line = any (%(lines)s))
          and (r.proposed_at > sought.proposed_at
               or r.proposed_at = sought.proposed_at and r.report < sought.report)
        """,
        {"state": state, "lines": person.scope, "report": report},
    ).fetchone()
    return 1 + row[0] // REPORTS if row else 1


def count_reports(connection: Connection, person: Person, state: str) -> int:
    """How many reports are in this state on this person's lines."""
    row = connection.execute(
        """
        select count(*) from board.report
        where state = %(state)s and (%(lines)s::text[] is null or line = any (%(lines)s))
        """,
        {"state": state, "lines": person.scope},
    ).fetchone()
    return row[0] if row else 0


def takers(connection: Connection, report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Orders that want more of the report's parts, made by the same die: where excess can go."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """
            select w.code as work_order, w.due, w.qty - made.parts as room, count(*) over () as n
            from erp.work_order w
            cross join lateral (
              select coalesce(sum(p.qty), 0)::bigint as parts
              from erp.work_order_operation op
              join mes.run_output o on o.operation = op.id
              join mes.posting p on p.run_output = o.id and p.kind in ('good', 'excess')
              where op.work_order = w.code and op.last
            ) made
            where w.item = %(item)s and w.code <> %(work_order)s
              and w.state in ('released', 'running') and w.qty > made.parts
            order by w.due nulls last, w.code limit 200
            """,
            dict(report),
        ).fetchall()
