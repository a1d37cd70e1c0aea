"""Who is here: sign-in by badge or PIN, the session cookie, and what a person may see.

Every act names a person, so every act needs a session. The wall board needs none. A team leader
sees the lines of their own; who has no lines listed, and a manager, sees all.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict

from database.connection import Connection
from erp_core import people
from erp_core.people import Person, SignIn
from pressline.web.shell import figures, words
from pressline.web.shell.pages import decides, language, page
from pressline.web.shell.request import Database, Now

router = APIRouter()

COOKIE = "pressline_session"
LONGEST = timedelta(hours=14)  # a session without a shift to end it
HANDOVER = timedelta(minutes=15)  # after the shift's end, for the last report


class SignedOutError(Exception):
    """A call that needs a person came without a session, or with one that has ended."""


class NotFoundError(Exception):
    """Nothing goes by this name; `kind` is what was looked for."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{kind} {name}")
        self.kind, self.name = kind, name


class NotYoursError(Exception):
    """The thing belongs to a line that is not this person's."""

    def __init__(self, what: str, lines: Sequence[str]) -> None:
        super().__init__(what)
        self.what, self.lines = what, lines


class NotAllowedError(Exception):
    """The page is for others than `who`: those who decide, or IT; `told` names the sentence."""

    def __init__(self, who: str, told: str = "not_allowed") -> None:
        super().__init__(who)
        self.who, self.told = who, told


class GivenSignIn(BaseModel):
    """A badge, or a person with a PIN; `press` when it happens beside one."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    badge: str | None = None
    person: str | None = None
    pin: str | None = None
    press: str | None = None


def who(request: Request, connection: Database, now: Now) -> Person | None:
    """The person of this request's session; None without a living one."""
    token = request.cookies.get(COOKIE)
    if not token:
        return None
    return people.session_person(connection, token, now)


def must_be(person: Annotated[Person | None, Depends(who, scope="function")]) -> Person:
    """The person signed in; raises SignedOutError without one."""
    if person is None:
        raise SignedOutError
    return person


Anyone = Annotated[Person | None, Depends(who, scope="function")]
SignedIn = Annotated[Person, Depends(must_be, scope="function")]


def sees(person: Person, line: str) -> bool:
    """Whether this person may look at a line: their own, or any for a manager."""
    return person.role == "manager" or person.works_on(line)


def told(person: Person) -> dict[str, object]:
    """What pages are told about a person."""
    return {
        "person": person.code,
        "name": person.name,
        "role": person.role,
        "locale": person.locale,
        "lines": person.lines,
        "decides": decides(person),
    }


@router.post("/api/sign-in")
def sign_in(request: Request, given: GivenSignIn, connection: Database, now: Now) -> JSONResponse:
    """Sign in; every attempt is written down. 401 with a sentence when refused."""
    address = request.client.host if request.client else None
    outcome = _try(connection, given, address, now)
    if outcome.person is None:
        return _refused(request, connection, outcome)
    ends = _ends(connection, given.press, now)
    token = people.open_session(connection, outcome.person.code, given.press, now, ends - now)
    answer = JSONResponse(told(outcome.person))
    answer.set_cookie(
        COOKIE,
        token,
        max_age=int((ends - now).total_seconds()),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


def _try(connection: Connection, given: GivenSignIn, address: str | None, now: datetime) -> SignIn:
    if given.badge is not None:
        return people.sign_in_badge(connection, _printed(connection, given.badge), address, now)
    return people.sign_in_pin(connection, given.person or "", given.pin or "", address, now)


def _printed(connection: Connection, scanned: str) -> str:
    """The badge as it is on file: cards may carry the scanner's prefix `EMP:` or leave it out."""
    badge = scanned.strip()
    bare = badge.removeprefix("EMP:")
    known = connection.execute(
        "select badge from erp.person where badge = any (%s) limit 1",
        [[badge, bare, f"EMP:{bare}"]],
    ).fetchone()
    return known[0] if known else badge


def _refused(request: Request, connection: Connection, outcome: SignIn) -> JSONResponse:
    code = outcome.refusal or "pin_wrong"
    zone = ZoneInfo(figures.time_zone(connection))
    until = outcome.until.astimezone(zone).strftime("%H:%M") if outcome.until else ""
    text = words.say(language(request), f"say.{code}", until=until)
    return JSONResponse({"code": code, "message": text}, 401)


def _ends(connection: Connection, press: str | None, now: datetime) -> datetime:
    """A session at a press ends with the shift, so that nobody works under another's name."""
    if press is not None:
        row = connection.execute(
            "select upper(span) from mes.shift where span @> %s::timestamptz", [now]
        ).fetchone()
        if row and row[0]:
            return row[0] + HANDOVER
    return now + LONGEST


@router.post("/api/sign-out")
def sign_out(request: Request, connection: Database, now: Now) -> JSONResponse:
    """End the session of this device."""
    token = request.cookies.get(COOKIE)
    if token:
        people.end_session(connection, token, now)
    answer = JSONResponse({})
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer


@router.get("/api/session")
def session(person: SignedIn) -> dict[str, object]:
    """Who is signed in here; 401 when nobody is."""
    return told(person)


@router.get("/sign-in")
def sign_in_page(request: Request, person: Anyone, connection: Database) -> Response:
    """The page that asks who is there, and then goes on to `next`."""
    onward = request.query_params.get("next", "/")
    if not onward.startswith("/") or onward.startswith(("//", "/\\")):
        onward = "/"
    if person is not None:
        return RedirectResponse(onward, 303)
    locale = language(request)
    zone = figures.time_zone(connection)
    return page(request, "sign_in.html", locale, zone, person=None, onward=onward)
