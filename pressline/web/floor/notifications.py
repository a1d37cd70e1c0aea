"""What waits for people of a role: since when, what to do, and the page where it is done."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from psycopg.rows import dict_row
from pydantic import BaseModel, ConfigDict, Field

from database.connection import Connection
from people import notices
from people.staff import Person
from pressline.web.floor import attention
from pressline.web.shell import figures, words
from pressline.web.shell.pages import decides, language, page
from pressline.web.shell.paging import Cut, PageNumber, Part
from pressline.web.shell.paths import path
from pressline.web.shell.request import Database, Now
from pressline.web.shell.sign_in import SignedIn, needs

router = APIRouter()

Row = dict[str, Any]

OPEN, DONE = 50, 20  # rows on one page
LATELY = timedelta(days=7)  # done ones that are still shown


def _press(row: Row) -> str:
    return path("terminal", row["press"])


# Where it is done, by kind; a kind that is not here is shown without a way.
PLACES: Mapping[str, Callable[[Row], str]] = MappingProxyType({
    "report": attention.place_of,
    "unattributed": lambda _: "/attention#strokes",
    "first_article": _press,
    "press_behind": lambda _: "/freshness",
    "signal_unlisted": lambda _: "/freshness",
    "coil_over_weight": lambda row: path("lot", row["subject"]),
    "job_failed": lambda _: "/jobs?state=failed",
    "act_undated": lambda row: f"/undated?{urlencode({'press': row['press']})}",
    "stock_below_zero": lambda row: path("item", row["subject"]),
    "order_without_material": lambda row: path("work-order", row["subject"]) + "#material",
})  # fmt: skip


@router.get("/notifications", dependencies=[needs("notice.see")])
def notifications(
    request: Request, person: SignedIn, connection: Database, now: Now,
    number: PageNumber = 1, done: PageNumber = 1,
) -> HTMLResponse:  # fmt: skip
    """What waits for this person, the longest first; and what was done in the last days."""
    locale = language(request, person.locale)

    def lasting(since: datetime) -> str:
        return words.lasting(locale, (now - since).total_seconds())

    return page(
        request,
        "notifications.html",
        locale,
        figures.time_zone(connection),
        person=person,
        waiting=open_for(connection, person, number),
        done=done_for(connection, person, now - LATELY, done),
        what=partial(what, locale),
        to_do=partial(to_do, locale),
        lasting=lasting,
        clock=_clock,
    )


@router.get("/api/badges", dependencies=[needs("notice.see")])
def badges(person: SignedIn, connection: Database) -> dict[str, int | None]:
    """How many open notices this person has not read, and how much waits to be decided."""
    return {
        "notifications": _count(connection, _OPEN + _UNREAD, _whose(person)),
        "attention": attention.count(connection, person) if decides(person) else None,
    }


class Read(BaseModel):
    """Which notices were read; none named: all that are open for this person."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    notices: Annotated[list[int], Field(max_length=500)] | None = None


@router.post("/api/notices/read", dependencies=[needs("notice.see")])
def read(given: Read, person: SignedIn, connection: Database, now: Now) -> dict[str, int]:
    """Mark notices as read by this person; only what they may see. No act: it changes no book."""
    values = {**_whose(person), "given": given.notices}
    rows = connection.execute("select n.id" + _FROM + _OPEN + _UNREAD + _GIVEN, values).fetchall()
    notices.mark_read(connection, [number for (number,) in rows], person.code, now)
    return {"read": len(rows)}


def open_for(connection: Connection, person: Person, number: int = 1, size: int = OPEN) -> Part:
    """What waits for people of this person's role on their lines, unread first, longest first.

    A manager sees everybody's.
    """
    values = _whose(person)
    cut = Cut(_count(connection, _OPEN, values), number, size)
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(_ROWS + _OPEN + _OLDEST, {**values, **_limits(cut)})
        return Part(cut, [_with_place(row) for row in cursor], "number")


def done_for(connection: Connection, person: Person, since: datetime, number: int = 1) -> Part:
    """What was done since then, the latest first, and by whom."""
    values = {**_whose(person), "since": since}
    cut = Cut(_count(connection, _DONE, values), number, DONE)
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(_ROWS + _DONE + _LATEST, {**values, **_limits(cut)})
        return Part(cut, cursor.fetchall(), "done")


def what(locale: str, row: Row) -> str:
    """What waits; a kind without words of its own is told by its name."""
    return words.what_waits(locale, row)


def to_do(locale: str, row: Row) -> str:
    """What whoever is told can do about it."""
    return words.what_to_do(locale, row)


def _clock(told: str) -> datetime:
    """An instant as JSON has it."""
    return datetime.fromisoformat(told)


def _with_place(row: Row) -> Row:
    place = PLACES.get(row["kind"])
    return {**row, "place": place(row) if place else None}


def _whose(person: Person) -> Row:
    return {"role": person.role, "lines": person.scope, "who": person.code}


def _limits(cut: Cut) -> Row:
    return {"size": cut.size, "offset": cut.offset}


def _count(connection: Connection, which: Any, values: Row) -> int:
    row = connection.execute(_COUNT + which, values).fetchone()
    return row[0] if row else 0


_FROM = """
from people.notice n
left join board.press p on p.press = n.press
left join people.person e on e.code = n.done_by
left join people.notice_read mine on mine.notice = n.id and mine.who = %(who)s
where (%(role)s in (n.role, n.escalated_to) or %(role)s = 'manager')
  and (%(lines)s::text[] is null or n.press is null or p.line = any (%(lines)s))
"""
_COUNT = "select count(*)" + _FROM
_WHAT = """
select n.id, n.at, n.kind, n.subject, n.press, n.role, n.done_at, p.line, e.name as done_by,
       n.escalated_at, n.escalated_to, mine.at as read_at,
       coalesce((select json_agg(json_build_object('name', r.name, 'at', m.at) order by m.at)
                 from people.notice_read m join people.person r on r.code = m.who
                 where m.notice = n.id), '[]') as readers
"""
_ROWS = _WHAT + _FROM
_OPEN = "and n.done_at is null "
_DONE = "and n.done_at >= %(since)s "
_UNREAD = "and mine.at is null "
_GIVEN = "and (%(given)s::bigint[] is null or n.id = any (%(given)s))"
_OLDEST = "order by mine.at is not null, n.at, n.id limit %(size)s offset %(offset)s"
_LATEST = "order by n.done_at desc, n.id desc limit %(size)s offset %(offset)s"
