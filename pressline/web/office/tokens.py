"""The tokens of one's own programs: made, shown once, ended; for some, those of others."""

from dataclasses import replace
from datetime import datetime
from typing import Any, LiteralString

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from psycopg.rows import dict_row

from database.connection import Connection
from people import tokens
from people.staff import Person
from pressline.web.office.roles import groups
from pressline.web.shell import figures, forms, words
from pressline.web.shell.forms import Form
from pressline.web.shell.pages import language, page
from pressline.web.shell.request import Database, Now
from pressline.web.shell.sign_in import SignedIn, needs

router = APIRouter()

Row = dict[str, Any]
MOST = 200  # tokens of one's own that are shown, and of others that are at work


@router.get("/my-tokens", dependencies=[needs("token.create")])
def my_tokens(request: Request, person: SignedIn, connection: Database, now: Now) -> HTMLResponse:
    """One's own tokens, newest first, and those of others that are at work."""
    locale = language(request, person.locale)
    others = _all(connection, _OTHERS, person, now) if person.may("token.see") else None
    return page(
        request, "tokens.html", locale, figures.time_zone(connection), person=person,
        mine=_all(connection, _MINE, person, now), others=others,
        form=_form(connection, person, locale), right_word=_right_words(locale).get,
        ends=person.may("token.end"), longest=tokens.LONGEST,
    )  # fmt: skip


def _form(connection: Connection, person: Person, locale: str) -> Form:
    """Which rights the token has is chosen among those of the person."""
    form = forms.create(connection, "token.create", locale)
    called = _right_words(locale)
    mine = set(tokens.choices(person))
    choices = {right: word for right, word in called.items() if right in mine}  # group by group
    fields = [replace(each, choices=choices) if each.name == "rights" else each
              for each in form.fields]  # fmt: skip
    return replace(form, fields=fields)


def _right_words(locale: str) -> dict[str, str]:
    """Each right with its group: "Stock · move"."""
    said: dict[str, str] = {}
    for group, rights in groups():
        called = words.say(locale, f"right_group.{group[2:]}")
        said |= {right: f"{called} · {words.say(locale, f'right.{right}')}" for right in rights}
    return said


def _all(connection: Connection, query: LiteralString, person: Person, now: datetime) -> list[Row]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, {"who": person.code, "now": now, "most": MOST}).fetchall()


_ROWS = """
select t.id, t.name, p.name as who, t.rights, t.made, t.ends, t.ended, u.at as used,
       u.address as used_from, t.ended is null and t.ends > %(now)s as works
from people.token t join people.person p on p.code = t.person
left join people.token_use u on u.token = t.id
"""
_MINE = _ROWS + "where t.person = %(who)s order by t.ended is null desc, t.id desc limit %(most)s"
_OTHERS = (
    _ROWS + "where t.person <> %(who)s and t.ended is null and t.ends > %(now)s "
    "order by t.id desc limit %(most)s"
)
