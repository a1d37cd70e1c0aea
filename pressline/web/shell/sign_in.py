"""Who is here: sign-in by badge or PIN, the session cookie, and what a person may see.

Every act names a person, so every act needs a session. The wall board needs none. A team leader
sees the lines of their own; who has no lines listed, and a manager, sees all.
"""

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, StringConstraints

from database.connection import Connection
from people import badges, sign_ins, staff
from people.sign_ins import Asked, Place, SignIn
from people.staff import Person
from pressline.web.shell import figures, words
from pressline.web.shell.pages import decides, language, page
from pressline.web.shell.request import CrowdedError, Database, Lane, Now

router = APIRouter()

Text = Annotated[str, StringConstraints(max_length=80)]
ONWARD = re.compile(r"/(?:[^/\\\x00-\x20\x7f-\x9f][^\\\x00-\x20\x7f-\x9f]*)?")

COOKIE = "pressline_session"
DEVICE_COOKIE = "pressline_device"
DEVICE_KNOWN = timedelta(days=400)  # the longest that browsers keep a cookie
PINS_WAITING = 500  # people whose PIN waits to be checked
PRESS = "X-Press"  # header of a terminal: its press, whose session is meant
BY_ACT = "by act"
LONGEST = timedelta(hours=14)  # a session without a shift to end it
HANDOVER = timedelta(minutes=15)  # after the shift's end, for the last report


class SignedOutError(Exception):
    """A call that needs a person came without a session, or with one that has ended."""


class WrongTokenError(Exception):
    """A program called with a token that opens nothing; `outcome` says why, or until when."""

    def __init__(self, outcome: SignIn) -> None:
        super().__init__(outcome.refusal)
        self.outcome = outcome


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
    badge: Text | None = None
    person: Text | None = None
    pin: Text | None = None
    press: Text | None = None


def who(request: Request, connection: Database, now: Now) -> Person | None:
    """The person of this request's session, or of its token; None without a living one.

    Raises WrongTokenError: a program that shows a token has nothing but it, not a session either.
    """
    bearer = bearer_of(request)
    if bearer is not None:
        return _by_token(request, connection, bearer, now)
    token = token_of(request)
    if not token:
        return None
    return _bound(connection, staff.session_person(connection, token, now), token)


def bearer_of(request: Request) -> str | None:
    """The token that a program shows; calls take it, pages do not."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    calls = request.url.path.startswith("/api/")
    return token.strip() if calls and kind.lower() == "bearer" else None


def _by_token(request: Request, connection: Connection, token: str, now: datetime) -> Person | None:
    """Committed at once: the last use is kept, a wrong one too, and neither holds others up."""
    address = request.client.host if request.client else None
    outcome = sign_ins.by_token(connection, token, address, now)
    connection.commit()
    if outcome.person is None:
        raise WrongTokenError(outcome)
    return _bound(connection, outcome.person, token)


def _bound(connection: Connection, person: Person | None, token: str) -> Person | None:
    """The transaction is theirs; who is bound to customers comes in where rows are kept apart."""
    if person is None:
        return None
    if person.customers and not staff.kept_apart(connection):
        raise NotAllowedError(person.code, "customers_mixed")
    staff.show(connection, token)
    return person


def token_of(request: Request) -> str | None:
    """The session that is meant: that of the terminal's press, elsewhere that of this browser."""
    return request.cookies.get(cookie_of(unquote(request.headers.get(PRESS, ""))))


def cookie_of(press: str) -> str:
    """The cookie of a press: several presses in one browser have a session each."""
    return f"{COOKIE}_{hashlib.sha256(press.encode()).hexdigest()[:16]}" if press else COOKIE


async def must_be(person: Annotated[Person | None, Depends(who, scope="function")]) -> Person:
    """The person signed in; raises SignedOutError without one."""
    if person is None:
        raise SignedOutError
    return person


Anyone = Annotated[Person | None, Depends(who, scope="function")]
SignedIn = Annotated[Person, Depends(must_be, scope="function")]


class Right:
    """Lets who may do `name` go on, raises NotAllowedError for others."""

    def __init__(self, name: str, told: str = "not_allowed_here") -> None:
        self.name, self.told = name, told

    async def __call__(self, person: Anyone) -> None:
        """Look at who asks."""
        if person is None:
            raise SignedOutError
        if self.name != BY_ACT and not person.may(self.name):
            raise NotAllowedError(person.code, self.told)


class Everybody:
    """Lets everybody go on and asks for nothing, not even a connection: it may be crowded."""

    name = None

    async def __call__(self) -> None:
        """Everybody."""


def needs(right: str, told: str = "not_allowed_here") -> Any:
    """A route's right: every route says one, or that it is for everybody (`for_everybody`).

    `told` names the sentence for who has it not.
    """
    return Depends(Right(right, told), scope="function")


def by_act() -> Any:
    """A route that does acts: each act's own name is the right, asked by the engine."""
    return Depends(Right(BY_ACT), scope="function")


def for_everybody() -> Any:
    """A route that needs no right: what it shows or does is told in its docstring."""
    return Depends(Everybody())


def rights_of(route: APIRoute) -> set[str | None]:
    """The rights that a route asks for."""
    asked = [each.call for each in route.dependant.dependencies]
    return {each.name for each in asked if isinstance(each, Right | Everybody)}


def told(person: Person) -> dict[str, object]:
    """What pages are told about a person."""
    return {
        "person": person.code,
        "name": person.name,
        "role": person.role,
        "locale": person.locale,
        "lines": person.lines,
        "decides": decides(person),
        "may": sorted(person.rights),
    }


@router.post("/api/sign-in", dependencies=[for_everybody()])
async def sign_in(request: Request, given: GivenSignIn, now: Now) -> JSONResponse:
    """Sign in; every try is written down. 401 with a sentence when refused.

    Beside the pages' connections, and none is held while a PIN is checked: that costs CPU time.
    """
    door: Lane = request.app.state.door
    if given.badge is None:
        async with door.lend() as connection:
            asked = await run_sync(_ask, connection, request, given, now)
        right = await _checked(request.app.state.pins, asked, given.pin or "")
        async with door.lend() as connection:
            return await run_sync(_by_pin, connection, request, given, now, asked, right)
    async with door.lend() as connection:
        return await run_sync(_by_badge, connection, request, given, now)


async def _checked(desks: CapacityLimiter, asked: Asked, pin: str) -> bool:
    """Whether it is the PIN; so many are looked at together, the others wait in a row."""
    if desks.statistics().tasks_waiting >= PINS_WAITING:
        raise CrowdedError
    return await run_sync(asked.right, pin, limiter=desks)


def _place(connection: Connection, request: Request) -> Place:
    address = request.client.host if request.client else None
    return sign_ins.place(connection, address, request.cookies.get(DEVICE_COOKIE))


def _ask(connection: Connection, request: Request, given: GivenSignIn, now: datetime) -> Asked:
    return sign_ins.ask(connection, given.person or "", _place(connection, request), now)


def _by_pin(
    connection: Connection, request: Request, given: GivenSignIn, now: datetime, asked: Asked,
    right: bool,
) -> JSONResponse:  # fmt: skip
    where = _place(connection, request)
    outcome = sign_ins.by_pin(connection, asked, where, now, right=right)
    return _answer(connection, request, given, now, where, outcome)


def _by_badge(
    connection: Connection, request: Request, given: GivenSignIn, now: datetime
) -> JSONResponse:
    where = _place(connection, request)
    badge = badges.on_file(connection, given.badge or "")
    outcome = sign_ins.by_badge(connection, badge, where, now)
    return _answer(connection, request, given, now, where, outcome)


def _answer(
    connection: Connection, request: Request, given: GivenSignIn, now: datetime, where: Place,
    outcome: SignIn,
) -> JSONResponse:  # fmt: skip
    """The session and who it is; the device is known from now on."""
    if outcome.person is None:
        return _refused(request, connection, outcome)
    elsewhere = _line_of_others(connection, outcome.person, given.press)
    if elsewhere:
        return _wrong_line(outcome.person, given.press or "", elsewhere)
    ends = _ends(connection, given.press, now)
    token = staff.open_session(connection, outcome.person.code, given.press, now, ends - now)
    answer = JSONResponse(told(outcome.person))
    for cookie in {COOKIE, cookie_of(given.press or "")}:
        _set_cookie(answer, request, cookie, token, ends - now)
    if where.device is None:
        device = sign_ins.know_device(connection, outcome.person.code, now)
        _set_cookie(answer, request, DEVICE_COOKIE, device, DEVICE_KNOWN)
    return answer


def _set_cookie(
    answer: Response, request: Request, name: str, value: str, lifetime: timedelta
) -> None:
    """Secure where the page came by HTTPS, also by way of a proxy that is named (serve)."""
    answer.set_cookie(
        name,
        value,
        max_age=int(lifetime.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


def _line_of_others(connection: Connection, person: Person, press: str | None) -> str | None:
    """The line of this press, where the person may not work on it."""
    row = connection.execute("select line from plant.press where name = %s", [press]).fetchone()
    return row[0] if row and not person.sees(row[0]) else None


def _wrong_line(person: Person, press: str, line: str) -> JSONResponse:
    facts = {"press": press, "line": line, "name": person.name, "lines": ", ".join(person.lines)}
    text = words.say(person.locale, "say.wrong_line", **facts)
    return JSONResponse({"code": "press_wrong_line", "message": text}, 403)


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
            "select upper(span) from plant.shift where span @> %s::timestamptz", [now]
        ).fetchone()
        if row and row[0]:
            return row[0] + HANDOVER
    return now + LONGEST


def here_only(address: str) -> str:
    """The address if it leads nowhere but here, else the front page.

    Browsers drop tabs and line ends, and take a backslash for a slash: then it may be elsewhere.
    """
    return address if ONWARD.fullmatch(address) else "/"


def knows_device(request: Request, connection: Database) -> bool:
    """Whether somebody has signed in on this device before: only there names are shown."""
    return _place(connection, request).device is not None


KnownDevice = Annotated[bool, Depends(knows_device, scope="function")]


@router.post("/api/sign-out", dependencies=[for_everybody()])
def sign_out(request: Request, connection: Database, now: Now) -> JSONResponse:
    """End the session of this device."""
    token = token_of(request)
    if token:
        staff.end_session(connection, token, now)
    answer = JSONResponse({})
    for cookie in [name for name, held in request.cookies.items() if held == token]:
        answer.delete_cookie(cookie, httponly=True, samesite="strict")
    return answer


@router.get("/api/session", dependencies=[for_everybody()])
def session(person: SignedIn) -> dict[str, object]:
    """Who is signed in here; 401 when nobody is."""
    return told(person)


@router.get("/sign-in", dependencies=[for_everybody()])
def sign_in_page(request: Request, person: Anyone, connection: Database) -> Response:
    """The page that asks who is there, and then goes on to `next`."""
    onward = here_only(request.query_params.get("next", "/"))
    if person is not None:
        return RedirectResponse(onward, 303)
    locale = language(request)
    zone = figures.time_zone(connection)
    return page(request, "sign_in.html", locale, zone, person=None, onward=onward)
