"""The page of a die: how much of its life is used, what it makes, where it fits, who changed it."""

from typing import Any, LiteralString

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from psycopg.rows import dict_row

from database.connection import Connection
from erp_core.tooling import acts, dies
from pressline.web.shell import document, figures, forms, words
from pressline.web.shell.pages import language, page
from pressline.web.shell.request import Database
from pressline.web.shell.sign_in import SignedIn, needs

router = APIRouter()

Row = dict[str, Any]
MOST = 200  # rows of a table


@router.get("/die/{code:path}", dependencies=[needs("die.see")])
def die(request: Request, person: SignedIn, connection: Database, code: str) -> HTMLResponse:
    """A die with its life, outputs, presses, the routings that use it, and its history."""
    locale = language(request, person.locale)
    fits = dies.presses(connection, code)
    facts = document.facts(connection, person, acts.DIE, code, locale, {"presses": fits})
    args = {"die": code, "version": facts["row"]["version"]}
    outputs = forms.change(
        connection, "die.change", acts.Create, locale, args, {"outputs": None},
        words.say(locale, "die.change_outputs"),
    ) if person.may("die.change") else None  # fmt: skip
    return page(
        request, "die.html", locale, figures.time_zone(connection), person=person, **facts,
        fits=fits, outputs_form=outputs, life=_all(connection, _LIFE, code)[0],
        outputs=_all(connection, _OUTPUTS, code), routings=_all(connection, _ROUTINGS, code),
        sees_items=person.may("item.see"),
    )  # fmt: skip


def _all(connection: Connection, query: LiteralString, code: str) -> list[Row]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, {"die": code, "most": MOST}).fetchall()


_LIFE = "select press, strokes, life_strokes, share, state from board.die_life where die = %(die)s"
_OUTPUTS = """
select o.item, i.name_zh, i.name_en, o.parts_num, o.parts_den,
       nullif(o.from_at, '-infinity') as since
from erp.die_output o join erp.item i on i.code = o.item
where o.die = %(die)s order by o.item, o.from_at limit %(most)s
"""
_ROUTINGS = """
select r.item, i.name_zh, i.name_en, r.seq, r.name
from erp.routing r join erp.item i on i.code = r.item
where r.die = %(die)s order by r.item, r.seq limit %(most)s
"""
