"""Search over all documents, from any page: the lists that have a page for each row are asked."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from database.connection import Connection
from people import listings
from people.listings import Column, Listing, Wanted
from people.staff import Person
from pressline.house import LISTS
from pressline.web.shell import figures
from pressline.web.shell.listing import DOCUMENTS, value
from pressline.web.shell.pages import language, page
from pressline.web.shell.paths import path
from pressline.web.shell.request import Database
from pressline.web.shell.sign_in import SignedIn, needs

router = APIRouter()

Row = dict[str, Any]
SOME = 8  # hits of one list; the list has the others
PREFIX = re.compile(r"^\s*(WO|DIE|LOT|EMP)\s*:\s*", re.IGNORECASE)  # of a label that was scanned


@dataclass(frozen=True, slots=True)
class Hits:
    """What one list has: `more` when there are others."""

    listing: Listing
    rows: list[Row]
    more: bool


@router.get("/search", dependencies=[needs("press.see")], response_class=HTMLResponse)
def search(
    request: Request, person: SignedIn, connection: Database,
    q: Annotated[str, Query(max_length=200)] = "",
) -> Response:  # fmt: skip
    """Documents whose code, name or lot has this text; a code that is meant exactly is opened."""
    asked = PREFIX.sub("", q).strip()
    found = list(hits(connection, person, asked)) if asked else []
    exact = _exact(found, asked)
    if exact is not None:
        return RedirectResponse(exact, 303)
    locale = language(request, person.locale)
    return page(
        request, "search.html", locale, figures.time_zone(connection), person=person, q=q.strip(),
        found=found, place=place, head=head, cell_value=partial(value, locale=locale),
    )  # fmt: skip


def hits(connection: Connection, person: Person, q: str) -> Iterator[Hits]:
    """Of each list of documents that this person may see, the first rows with this text."""
    for listing in LISTS.values():
        if head(listing) is None or not listing.find or not person.may(listing.right):
            continue
        rows = listings.first(connection, listing, Wanted(person.scope, q, size=SOME + 1))
        if rows:
            yield Hits(listing, rows[:SOME], len(rows) > SOME)


def head(listing: Listing) -> Column | None:
    """The column that names the list's documents; None where its rows have no page of their own.

    Its key is that of the document; lines and moves are found by the document they belong to.
    """
    if tuple(listing.key) not in {("code",), ("item", "lot"), ("item", "version")}:
        return None
    last = listing.column(listing.key[-1])
    return last if last.noun in DOCUMENTS else None


def place(listing: Listing, row: Row) -> str:
    """Where a row's document is."""
    column = head(listing)
    assert column is not None
    assert column.noun is not None
    code = row[column.name]
    return path(column.noun, code if column.name == "code" else f"{row['item']}/{code}")


def _exact(found: list[Hits], q: str) -> str | None:
    """The one document of that code, if there is one of it only."""
    places = {
        place(hit.listing, row)
        for hit in found
        for row in hit.rows
        if str(row[(head(hit.listing) or hit.listing.columns[0]).name]).lower() == q.lower()
    }
    return places.pop() if len(places) == 1 else None
