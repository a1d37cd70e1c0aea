"""Each list of the house as a page, a call and a file, from its one description."""

import csv
import io
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import HTMLResponse, JSONResponse, Response
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

from database.connection import Connection
from people import listings
from people.listings import Column, Listing, Wanted
from people.staff import Person
from pressline.house import LISTS
from pressline.web.shell import figures, forms, words
from pressline.web.shell.forms import Form
from pressline.web.shell.pages import language, page
from pressline.web.shell.paths import path
from pressline.web.shell.request import Database, Now
from pressline.web.shell.sign_in import SignedIn, needs

router = APIRouter()

Row = dict[str, Any]
Search = Annotated[str, Query(max_length=200)]
Place = Annotated[str | None, Query(max_length=2000)]
Size = Annotated[int, Query(ge=1, le=1000)]
FILES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")  # what a sheet cannot hold
DOCUMENTS = ("work-order", "lot", "item", "bom", "die", "partner")  # nouns that have a page
PRINTED = ("lots",)  # lists whose rows have labels: /print/<list>.pdf
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a spreadsheet tells a formula in a CSV file


@router.get("/lists", dependencies=[needs("press.see")])
def lists(request: Request, person: SignedIn, connection: Database) -> HTMLResponse:
    """The lists that this person may see."""
    mine = [listing.name for listing in LISTS.values() if person.may(listing.right)]
    zone = figures.time_zone(connection)
    return page(request, "lists.html", language(request, person.locale), zone, person=person,
                lists=mine)  # fmt: skip


def _page_of(listing: Listing) -> Callable[..., Response]:
    def shown(
        request: Request, person: SignedIn, connection: Database,
        q: Search = "", after: Place = None,
    ) -> Response:  # fmt: skip
        locale = language(request, person.locale)
        found = listings.page(connection, listing, _wanted(request, listing, person, q, after))
        return page(
            request, "listing.html", locale,
            figures.time_zone(connection), person=person, listing=listing, found=found,
            q=q.strip(), after=after, given=request.query_params, documents=DOCUMENTS,
            choices={name: _choices(listing, name, locale) for name in listing.exact},
            cell_value=partial(value, locale=locale),
            query=f"?{request.url.query}" if request.url.query else "",
            printed=listing.name in PRINTED and bool(found.rows),
            sheet=listing.sheet if listing.sheet and person.may(listing.sheet) else None,
            forms=[forms.create(connection, act, locale) for act in listing.deeds
                   if person.may(act)],
            row_forms=[_row_forms(connection, listing, row, person, locale) for row in found.rows],
        )  # fmt: skip

    return shown


def _row_forms(
    connection: Connection, listing: Listing, row: Row, person: Person, locale: str
) -> list[Form]:
    """What this person may do with a row now."""
    mine = [act for act in listing.row_deeds if act in row["deeds"] and person.may(act)]
    return [forms.on_row(connection, act, row, listing.key[0], locale) for act in mine]


def _call_of(listing: Listing) -> Callable[..., Response]:
    def told(
        request: Request, person: SignedIn, connection: Database,
        q: Search = "", after: Place = None, limit: Size = listings.PAGE,
    ) -> Response:  # fmt: skip
        wanted = _wanted(request, listing, person, q, after, limit)
        found = listings.page(connection, listing, wanted)
        return JSONResponse(
            jsonable_encoder(
                {"rows": found.rows, "next": found.next, "count": found.count,
                 "totals": [total._asdict() for total in found.totals]},
                custom_encoder={Decimal: _exact},
            )
        )  # fmt: skip

    return told


def _file_of(listing: Listing, form: Literal["csv", "xlsx"]) -> Callable[..., Response]:
    def written(
        request: Request, person: SignedIn, connection: Database, now: Now, q: Search = ""
    ) -> Response:
        rows = listings.all_rows(connection, listing, _wanted(request, listing, person, q, None))
        zone = ZoneInfo(figures.time_zone(connection))
        locale = language(request, person.locale)
        make = _sheet if form == "xlsx" else _csv
        name = f"{listing.name}-{now.astimezone(zone):%Y%m%d-%H%M}.{form}"
        return Response(
            make(listing, rows, locale, zone),
            media_type=FILES[form],
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    return written


def _wanted(
    request: Request, listing: Listing, person: SignedIn, q: str, after: str | None,
    size: int = listings.PAGE,
) -> Wanted:  # fmt: skip
    exact = {name: request.query_params.get(name, "").strip() for name in listing.exact}
    return Wanted(person.scope, q.strip(), exact, after, size)


def _choices(listing: Listing, name: str, locale: str) -> dict[str, str]:
    """Code -> word of a column whose values have words; nothing where any text may stand."""
    word = listing.column(name).word
    group = words.some(locale, word) if word else {}
    return {key.partition(".")[2]: text for key, text in group.items()}


def _exact(value: Decimal) -> str:
    """A quantity with every digit: a JSON number would be read as a float."""
    return f"{value:f}"


def shown_columns(listing: Listing) -> list[Column]:
    """The columns of a file: those shown, each quantity followed by its unit."""
    columns: list[Column] = []
    for column in listing.columns:
        columns.append(column)
        if column.unit:
            columns.append(Column(column.unit, "word", word="unit"))
    return columns


def value(column: Column, row: Mapping[str, Any], locale: str) -> Any:
    """What a column shows of a row: a name in the language, a word for a code, else the value."""
    if column.form == "name":
        return row[f"name_{locale}"]
    given = row[column.name]
    if column.word is not None and given is not None:
        return words.plant_word(locale, column.word, given)
    return given


def _head(listing: Listing, locale: str) -> list[str]:
    return [words.say(locale, f"col.{column.name}") for column in shown_columns(listing)]


def _csv(listing: Listing, rows: list[Row], locale: str, zone: ZoneInfo) -> bytes:
    """With a byte order mark: Excel takes the file for another encoding without it."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_head(listing, locale))
    for row in rows:
        cells = [value(column, row, locale) for column in shown_columns(listing)]
        writer.writerow([file_text(cell, zone) for cell in cells])
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def file_text(cell: object, zone: ZoneInfo) -> str:
    """A value in a CSV file; what a spreadsheet would take for a formula is marked as text."""
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.astimezone(zone).isoformat(" ", "seconds")
    if isinstance(cell, Decimal):
        return f"{cell:f}"
    text = str(cell)
    return f"'{text}" if isinstance(cell, str) and text.startswith(FORMULA) else text


def _sheet(listing: Listing, rows: list[Row], locale: str, zone: ZoneInfo) -> bytes:
    book = Workbook(write_only=True)
    sheet = book.create_sheet(words.say(locale, f"list.{listing.name}")[:31])
    sheet.freeze_panes = "A2"
    sheet.append(_head(listing, locale))
    for row in rows:
        cells = [value(column, row, locale) for column in shown_columns(listing)]
        sheet.append([file_cell(sheet, cell, zone) for cell in cells])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def file_cell(sheet: Any, given: object, zone: ZoneInfo) -> object:
    """Text stays text, also where it begins like a formula; instants are the plant's clock."""
    if isinstance(given, datetime):
        return given.astimezone(zone).replace(tzinfo=None, microsecond=0)
    if isinstance(given, str):
        cell = WriteOnlyCell(sheet, UNSEEN.sub("", given))
        cell.data_type = "s"
        return cell
    return given if isinstance(given, int | float | Decimal | date | None) else str(given)


def _add(listing: Listing) -> None:
    may = [needs(listing.right)]
    add = router.add_api_route
    add(path(listing.name), _page_of(listing), dependencies=may, response_class=HTMLResponse)
    add(path("api", "v1", listing.name), _call_of(listing), dependencies=may, tags=["lists"],
        name=f"list {listing.name}")  # fmt: skip
    for form in ("csv", "xlsx"):
        add(path(f"{listing.name}.{form}"), _file_of(listing, form), dependencies=may)


for each in LISTS.values():
    _add(each)
