"""The matrix of roles and rights: who may do what, and where that is changed."""

from itertools import groupby
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from mes_bridge.rights import DECIDE, FLOOR
from people import roles
from pressline.web.shell import figures
from pressline.web.shell.pages import language, page
from pressline.web.shell.request import Database
from pressline.web.shell.sign_in import SignedIn, needs

router = APIRouter()


@router.get("/roles", dependencies=[needs("role.see")])
def matrix(request: Request, person: SignedIn, connection: Database) -> HTMLResponse:
    """Every right in a row, every role in a column."""
    held = {role: set(may) for role, may in roles.rights(connection).items()}
    return page(
        request, "roles.html", language(request, person.locale), figures.time_zone(connection),
        person=person, held=held, groups=groups(), changes=person.may("role.change"),
    )  # fmt: skip


def groups() -> list[tuple[str, list[str]]]:
    """The rights in groups: what is done at presses, what leaders decide, then by noun."""
    named = sorted((_group(right), right) for right in roles.known())
    return [(group, [right for _, right in rows]) for group, rows in groupby(named, _first)]


def _first(pair: tuple[str, Any]) -> str:
    return pair[0]


def _group(right: str) -> str:
    if right in FLOOR:
        return "1_floor"
    if right in DECIDE or right.startswith("first_article"):
        return "2_decide"
    return f"3_{right.partition('.')[0]}"
