"""Sheets as files: taken out to be edited, looked at as a preview, read in by the same bytes."""

import base64
import csv
import io
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from openpyxl import Workbook

from erp_core.sheets import SHEETS
from people import sheets
from people.acts import Act, Outcome
from people.refusal import Refused
from people.sheets import FaultyError, Sheet
from pressline.house import LISTS, preview, record
from pressline.web.shell import figures, words
from pressline.web.shell.listing import FILES, file_cell, file_text
from pressline.web.shell.pages import language, page, render
from pressline.web.shell.paths import path
from pressline.web.shell.request import Database, Now
from pressline.web.shell.sign_in import SignedIn, needs

router = APIRouter()

SHOWN = 200  # rows of a preview
FileName = Annotated[str, Query(max_length=200)]
Hash = Annotated[str, Query(pattern=r"^([0-9a-f]{64})?$")]
BY_NAME = {sheet.name: sheet for sheet in SHEETS}


async def body(request: Request) -> bytes:
    """The file itself, as it was sent."""
    return await request.body()


def _page_of(sheet: Sheet) -> Callable[..., Response]:
    def shown(request: Request, person: SignedIn, connection: Database) -> HTMLResponse:
        zone = figures.time_zone(connection)
        return page(
            request, "sheet.html", language(request, person.locale), zone, person=person,
            sheet=sheet,
        )  # fmt: skip

    return shown


def _file_of(sheet: Sheet, form: Literal["csv", "xlsx"]) -> Callable[..., Response]:
    def written(request: Request, person: SignedIn, connection: Database, now: Now) -> Response:
        locale = language(request, person.locale)
        zone = ZoneInfo(figures.time_zone(connection))
        rows = [
            [sheets.shown(about, row[about.name], locale) for about in sheet.columns]
            for row in sheets.present(connection, sheet).values()
        ]
        head = [sheets.header(about, locale) for about in sheet.columns]
        make = _workbook if form == "xlsx" else _csv
        name = f"{sheet.name}-edit-{now.astimezone(zone):%Y%m%d-%H%M}.{form}"
        return Response(
            make(head, rows, zone),
            media_type=FILES[form],
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    return written


def _workbook(head: list[str], rows: list[list[Any]], zone: ZoneInfo) -> bytes:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("1")
    sheet.freeze_panes = "A2"
    sheet.append(head)
    for row in rows:
        sheet.append([file_cell(sheet, each, zone) for each in row])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _csv(head: list[str], rows: list[list[Any]], zone: ZoneInfo) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([head, *([file_text(each, zone) for each in row] for row in rows)])
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def _call_of(sheet: Sheet) -> Callable[..., Response]:
    def taken(
        request: Request, person: SignedIn, connection: Database, now: Now,
        content: Annotated[bytes, Depends(body)], file: FileName = "", sha256: Hash = "",
        id: UUID | None = None,  # noqa: A002 - what an act calls it
    ) -> JSONResponse:  # fmt: skip
        locale = language(request, person.locale)
        args = {
            "file": file.strip() or sheet.name, "sha256": sha256 or sheets.digest(content),
            "content": base64.b64encode(content).decode(),
        }  # fmt: skip
        act = Act(id or uuid4(), person.code, None, now, sheet.act, args, person.token)
        try:
            with connection.transaction():
                outcome = (record if sha256 else preview)(connection, act, now)
        except Refused as refused:
            return _refusal(sheet, refused, locale)
        return _answer(sheet, outcome, args["sha256"], locale, done=bool(sha256))

    return taken


def _answer(
    sheet: Sheet, outcome: Outcome, sha256: str, locale: str, *, done: bool
) -> JSONResponse:
    """What it would change, as a piece of the page; or that it is done."""
    told = {name: outcome[name] for name in ("added", "changed", "unchanged")}
    message = words.say(locale, "done.imported" if done else "sheet.would", **told)
    rows = outcome["rows"][:SHOWN]
    html = "" if done else render(
        "sheet_preview.html", locale, sheet=sheet, outcome=outcome, rows=rows,
        columns={about.name: about for about in sheet.columns},
        shown=partial(sheets.shown, locale=locale), header=partial(sheets.header, locale=locale),
        message=message, sha256=sha256, faults=[],
    )  # fmt: skip
    answer = {"message": message, "sha256": sha256, "html": html, "rows": rows, **told}
    return JSONResponse(answer | ({"act": outcome["act"]} if done else {}))


def _refusal(sheet: Sheet, refused: Refused, locale: str) -> JSONResponse:
    """409: nothing was written; each fault with its cell."""
    lines = sheets.told(refused.faults, locale) if isinstance(refused, FaultyError) else []
    message = Refused.text(refused, locale)
    html = render("sheet_preview.html", locale, message=message, faults=lines, sheet=sheet)
    answer = {"code": refused.code, "message": message, "faults": lines, "html": html}
    return JSONResponse(answer, 409)


def _add(sheet: Sheet) -> None:
    may = [needs(sheet.act)]
    router.add_api_route(
        path("sheets", sheet.name), _page_of(sheet), dependencies=may, response_class=HTMLResponse
    )
    router.add_api_route(
        path("api", "sheets", sheet.name), _call_of(sheet), methods=["POST"], dependencies=may
    )
    for form in ("csv", "xlsx"):
        router.add_api_route(
            path("sheets", f"{sheet.name}.{form}"), _file_of(sheet, form),
            dependencies=[needs(LISTS[sheet.name].right)],
        )  # fmt: skip


for each in SHEETS:
    _add(each)
