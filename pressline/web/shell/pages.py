"""Pages: templates with the words of one language and the plant's time."""

import hashlib
from datetime import datetime
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from people.staff import Person
from pressline.web.shell import words
from pressline.web.shell.paths import here, path, signing_in

FOLDER = Path(__file__).parents[1]
STATIC = FOLDER / "static"
LANGUAGE_COOKIE = "pressline_lang"
A_YEAR = 365 * 24 * 3600  # seconds

templates = Environment(
    loader=FileSystemLoader(FOLDER / "templates"),
    autoescape=select_autoescape(("html", "svg")),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
templates.globals["path"] = path  # pyright: ignore[reportArgumentType] - any function may stand there


@cache
def static_version() -> str:
    """Changes with any file a page loads, so that no browser mixes old and new ones."""
    digest = hashlib.sha256()
    for file in sorted(STATIC.rglob("*")):
        if file.is_file():
            digest.update(file.read_bytes())
    return digest.hexdigest()[:10]


def language(request: Request, person: str | None = None) -> str:
    """The language for this request; `person` is that of whoever is signed in."""
    return words.choose(
        request.query_params.get("lang"),
        person,
        request.cookies.get(LANGUAGE_COOKIE),
        request.headers.get("accept-language"),
    )


def number(value: object) -> str:
    """A quantity with thousands apart; a dash for what is not known.

    Exact quantities keep every digit, measured ones three decimals, or three digits below 0.01.
    """
    if value is None:
        return "–"
    quantity = Decimal(str(value))
    if isinstance(value, float):
        quantity = round(quantity, max(3, 2 - quantity.adjusted()) if quantity else 0)
    text = f"{quantity:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def per_cent(share: object) -> str:
    """A share as a percentage; a dash when it was divided by nothing."""
    return "–" if share is None else f"{float(str(share)) * 100:.1f} %"


def render(template: str, locale: str, **facts: Any) -> str:
    """A piece of a page in one language."""
    return templates.get_template(template).render(
        t=partial(words.say, locale), number=number, locale=locale, **facts
    )


def page(
    request: Request, template: str, locale: str, zone: str, status: int = 200, **facts: Any
) -> HTMLResponse:
    """Render a template in one language; times shown are the plant's."""

    def t(key: str, **places: object) -> str:
        return words.say(locale, key, **places)

    def when(at: datetime | None, form: str = "%m-%d %H:%M:%S") -> str:
        return at.astimezone(ZoneInfo(zone)).strftime(form) if at else "–"

    html = templates.get_template(template).render(
        t=t,
        when=when,
        at=when(request.app.state.clock(), "%H:%M:%S"),
        number=number,
        per_cent=per_cent,
        reason_word=partial(words.plant_word, locale, "reason"),
        shift_word=partial(words.plant_word, locale, "shift"),
        unit_word=partial(words.plant_word, locale, "unit"),
        room_word=partial(words.of_room, locale),
        label=partial(words.label, locale),
        locale=locale,
        tag=words.TAGS[locale],
        here=partial(here, request),
        within=request.url.path.startswith,
        sign_in=signing_in(request),
        other_language=here(request, lang="en" if locale == "zh" else "zh"),
        version=static_version(),
        decides=decides(facts.get("person")),
        manages_people=manages_people(facts.get("person")),
        keeps_running=keeps_running(facts.get("person")),
        **facts,
    )
    answer = HTMLResponse(html, status)
    remember_language(request, answer)
    return answer


def decides(person: Person | None) -> bool:
    """Whether this person decides about reports, counts and strokes without an order."""
    return person is not None and person.may("accept")


def keeps_running(person: Person | None) -> bool:
    """Whether this person keeps the collection running: IT and the manager."""
    return person is not None and person.may("message.replay")


def manages_people(person: Person | None) -> bool:
    """Whether this person says who works here: IT and the manager."""
    return person is not None and person.may("people.see")


def remember_language(request: Request, answer: Response) -> None:
    """Keep the language asked for in the address, for this device's next page."""
    asked = request.query_params.get("lang")
    if asked in words.LOCALES:
        answer.set_cookie(LANGUAGE_COOKIE, asked, max_age=A_YEAR, httponly=True, samesite="strict")
