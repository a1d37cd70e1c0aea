"""The wall board: one tile per press, readable across the hall, without signing in."""

from datetime import datetime

from fastapi import APIRouter, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import HTMLResponse

from pressline.web.shell import figures, words
from pressline.web.shell.pages import language, page
from pressline.web.shell.request import Database, Now
from pressline.web.shell.sign_in import NotFoundError, for_everybody

router = APIRouter()


@router.get("/wall", dependencies=[for_everybody()])
def whole_plant(request: Request, connection: Database, now: Now) -> HTMLResponse:
    """Every press of the plant."""
    return _board(request, connection, now, None)


@router.get("/wall/{line:path}", dependencies=[for_everybody()])
def one_line(request: Request, connection: Database, now: Now, line: str) -> HTMLResponse:
    """The presses of one line."""
    if line not in figures.line_names(connection):
        raise NotFoundError("line", line)
    return _board(request, connection, now, line)


@router.get("/api/line", dependencies=[for_everybody()])
def every_press(connection: Database, now: Now) -> dict[str, object]:
    """Live figures of all presses, and the running shift of each line."""
    return jsonable_encoder(
        {
            "now": now,
            "presses": figures.press_now(connection, now),
            "lines": figures.line_shift(connection, now),
        }
    )


def _board(request: Request, connection: Database, now: datetime, line: str | None) -> HTMLResponse:
    locale, zone = language(request), figures.time_zone(connection)
    lines = figures.line_shift(connection, now)
    boot = {
        "now": now,
        "line": line,
        "locale": locale,
        "zone": zone,
        "silence_s": figures.silence_s(connection),
        "presses": figures.press_now(connection, now, line),
        "lines": [row for row in lines if line in (None, row["line"])],
        "words": {
            locale: words.some(
                locale, "wall", "state", "segment", "time", "die", "reason", "shift", "too_fast"
            )
        },
    }
    return page(request, "wall.html", locale, zone, line=line, boot=jsonable_encoder(boot))
