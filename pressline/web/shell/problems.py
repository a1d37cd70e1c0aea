"""What goes wrong, told to people: what happened and what to do, as a page or as JSON."""

import secrets
from math import ceil

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from psycopg import DataError, OperationalError
from psycopg_pool import PoolTimeout
from starlette.exceptions import HTTPException

from people.listings import CursorError
from pressline.web.shell import words
from pressline.web.shell.pages import language, page
from pressline.web.shell.paper import NoFontError, NoSignError
from pressline.web.shell.paths import signing_in
from pressline.web.shell.request import CrowdedError
from pressline.web.shell.sign_in import (
    NotAllowedError,
    NotFoundError,
    NotYoursError,
    SignedOutError,
    WrongTokenError,
)

log = structlog.get_logger()


def answer_for(app: FastAPI) -> None:
    """Let these handlers answer."""
    app.add_exception_handler(SignedOutError, signed_out)
    app.add_exception_handler(WrongTokenError, wrong_token)
    app.add_exception_handler(NotFoundError, not_found)
    app.add_exception_handler(NotYoursError, not_yours)
    app.add_exception_handler(NotAllowedError, not_allowed)
    app.add_exception_handler(RequestValidationError, unclear)
    app.add_exception_handler(HTTPException, by_status)
    for impossible in (DataError, UnicodeError, OverflowError):
        app.add_exception_handler(impossible, not_storable)
    app.add_exception_handler(OperationalError, no_database)
    app.add_exception_handler(PoolTimeout, no_database)
    app.add_exception_handler(CrowdedError, crowded)
    app.add_exception_handler(CursorError, unclear_place)
    app.add_exception_handler(NoFontError, no_font)
    app.add_exception_handler(NoSignError, no_sign)
    app.add_exception_handler(Exception, unexpected)


def _told(
    request: Request, status: int, code: str, title: str, cure: str, reason: str = ""
) -> Response:
    """JSON for calls, a page for people; what is the server's own trouble is logged."""
    if status >= 500:
        log.warning(f"answered {status}", path=request.url.path, code=code, reason=reason)
    if request.url.path.startswith(("/api/", "/qr/", "/healthz")):
        return JSONResponse({"code": code, "message": cure}, status)
    return page(
        request,
        "problem.html",
        language(request),
        "UTC",
        status,
        person=None,
        title=title,
        cure=cure,
    )


def signed_out(request: Request, _error: Exception) -> Response:
    """401 for a call; a page goes by way of the sign-in page."""
    if not request.url.path.startswith("/api/"):
        return RedirectResponse(signing_in(request), 303)
    text = words.say(language(request), "say.signed_out")
    return _told(request, 401, "signed_out", text, text)


def wrong_token(request: Request, error: Exception) -> Response:
    """401, the same for every token that opens nothing; 429 while nothing is looked at."""
    assert isinstance(error, WrongTokenError)
    code, until = error.outcome.refusal or "token_wrong", error.outcome.until
    text = words.say(language(request), f"say.{code}")
    answer = _told(request, 429 if until else 401, code, text, text)
    if until:
        wait = (until - request.app.state.clock()).total_seconds()
        answer.headers["Retry-After"] = str(max(1, ceil(wait)))
    else:
        answer.headers["WWW-Authenticate"] = 'Bearer realm="pressline"'
    return answer


def not_found(request: Request, error: Exception) -> Response:
    """404, naming what was looked for."""
    assert isinstance(error, NotFoundError)
    locale = language(request)
    cure = words.say(locale, f"say.not_found_{error.kind}", name=error.name)
    return _told(request, 404, f"{error.kind}_unknown", words.say(locale, "say.not_found"), cure)


def not_yours(request: Request, error: Exception) -> Response:
    """403: the thing is on another line."""
    assert isinstance(error, NotYoursError)
    locale = language(request)
    cure = words.say(locale, "say.not_yours", what=error.what, lines=", ".join(error.lines))
    return _told(request, 403, "not_yours", words.say(locale, "say.not_yours_title"), cure)


def not_allowed(request: Request, error: Exception) -> Response:
    """403: the page is for others."""
    assert isinstance(error, NotAllowedError)
    locale = language(request)
    title, cure = words.say(locale, "say.not_allowed_title"), words.say(locale, f"say.{error.told}")
    return _told(request, 403, "not_allowed", title, cure)


def unclear(request: Request, error: Exception) -> Response:
    """422, naming the first field that cannot be meant."""
    assert isinstance(error, RequestValidationError)
    where = ".".join(str(part) for part in error.errors()[0]["loc"] if part != "body") or "body"
    text = words.say(language(request), "say.unclear", where=where)
    return _told(request, 422, "unclear", text, text)


def unclear_place(request: Request, _error: Exception) -> Response:
    """422: a list is asked to go on from where none of its pages ended."""
    text = words.say(language(request), "say.unclear", where="after")
    return _told(request, 422, "unclear", text, text)


def not_storable(request: Request, _error: Exception) -> Response:
    """422: what the database cannot hold: NUL, half a character, the year 10000."""
    text = words.say(language(request), "say.unclear", where=request.url.path.replace("\0", ""))
    return _told(request, 422, "unclear", text, text)


def by_status(request: Request, error: Exception) -> Response:
    """Whatever the framework itself refuses, first of all unknown pages."""
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return not_found(request, NotFoundError("page", request.url.path))
    return _told(request, error.status_code, "refused", str(error.detail), str(error.detail))


def crowded(request: Request, _error: Exception) -> Response:
    """503: more at once than can be answered in time; nothing was done."""
    locale = language(request)
    title, cure = words.say(locale, "say.crowded_title"), words.say(locale, "say.crowded")
    answer = _told(request, 503, "crowded", title, cure, "too many requests at once")
    answer.headers["Retry-After"] = "2"
    return answer


def no_database(request: Request, error: Exception) -> Response:
    """503: the pool has no connection to give, or the database did not answer in time."""
    locale = language(request)
    title, cure = words.say(locale, "say.no_database_title"), words.say(locale, "say.no_database")
    reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
    return _told(request, 503, "no_database", title, cure, reason)


def no_font(request: Request, _error: Exception) -> Response:
    """503: nothing Chinese can be printed; boxes are not printed instead."""
    locale = language(request)
    title, cure = words.say(locale, "say.no_font_title"), words.say(locale, "say.no_font")
    return _told(request, 503, "no_font", title, cure, "no font for Chinese")


def no_sign(request: Request, error: Exception) -> Response:
    """422: a text has a sign that no font of the server has."""
    assert isinstance(error, NoSignError)
    locale = language(request)
    cure = words.say(locale, "say.no_sign", sign=error.sign)
    return _told(request, 422, "no_sign", words.say(locale, "say.no_font_title"), cure)


def unexpected(request: Request, error: Exception) -> Response:
    """500: a fault of ours, with a number by which IT finds it in the log, traceback below."""
    locale, number = language(request), secrets.token_hex(3)
    title = words.say(locale, "say.unexpected_title")
    cure = words.say(locale, "say.unexpected", number=number)
    reason = f"{number} {type(error).__name__}: {' '.join(str(error).split())}"
    answer = _told(request, 500, "unexpected", title, cure, reason)
    answer.headers["Connection"] = "close"  # the server closes it; nobody may ask on it again
    return answer
