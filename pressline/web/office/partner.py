"""The page of a partner: who it is, how it is reached, what was changed."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from erp_core.partners.acts import PARTNER
from pressline.web.shell import document, figures
from pressline.web.shell.pages import language, page
from pressline.web.shell.request import Database
from pressline.web.shell.sign_in import SignedIn, needs

router = APIRouter()


@router.get("/partner/{code:path}", dependencies=[needs("partner.see")])
def partner(request: Request, person: SignedIn, connection: Database, code: str) -> HTMLResponse:
    """A customer or supplier, changed here by who may."""
    locale = language(request, person.locale)
    facts = document.facts(connection, person, PARTNER, code, locale)
    return page(
        request, "document.html", locale, figures.time_zone(connection), person=person, **facts
    )
