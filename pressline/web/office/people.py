"""Who works here, for those who manage people: badges, PINs, and who leaves."""

from collections.abc import Mapping
from typing import Annotated, Any, LiteralString

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from psycopg.rows import dict_row

from database.connection import Connection
from pressline.web.shell import figures
from pressline.web.shell.pages import language, page
from pressline.web.shell.paging import Cut, PageNumber, Part
from pressline.web.shell.request import Database, Now
from pressline.web.shell.sign_in import SignedIn, needs

router = APIRouter()

Row = dict[str, Any]

SIZE = 100  # people on one page


@router.get("/people", dependencies=[needs("people.see", "not_allowed_it")])
def people(
    request: Request, person: SignedIn, connection: Database, now: Now,
    q: Annotated[str, Query(max_length=200)] = "", number: PageNumber = 1, gone: PageNumber = 1,
) -> HTMLResponse:  # fmt: skip
    """Who works here and who has left; `q` is part of a name, a code or a line."""
    values = {"q": q.strip(), "now": now}
    return page(
        request,
        "people.html",
        language(request, person.locale),
        figures.time_zone(connection),
        person=person,
        q=q.strip(),
        here_now=_part(connection, _HERE, values, number, "number"),
        left=_part(connection, _LEFT, values, gone, "gone"),
    )


def _part(
    connection: Connection,
    which: LiteralString,
    values: Mapping[str, object],
    number: int,
    key: str,
) -> Part:
    row = connection.execute(_COUNT + which, values).fetchone()
    cut = Cut(row[0] if row else 0, number, SIZE)
    with connection.cursor(row_factory=dict_row) as cursor:
        limits = {"size": cut.size, "offset": cut.offset}
        cursor.execute(_ROWS + which + _PAGE, {**values, **limits})
        return Part(cut, [_shown(row) for row in cursor], key)


def _shown(row: Row) -> Row:
    """The end of a badge tells which card it is, and lets nobody copy it from a screen."""
    badge: str | None = row["badge"]
    return {**row, "badge": None if badge is None else f"…{badge[-3:]}" if len(badge) > 3 else "…"}


_COUNT = "select count(*)"
_ROWS = """
select p.code, p.name, p.role, p.lines, p.customers, p.badge, p.pin_hash is not null as pin,
       p.left_at, coalesce(o.name, p.left_by) as left_by,
       exists (select from people.session s
               where s.person = p.code and s.ended is null and s.expires > %(now)s) as signed_in
"""
_FROM = """
from people.person p left join people.person o on o.code = p.left_by
where (%(q)s = '' or position(lower(%(q)s) in lower(
         p.code || ' ' || p.name || ' ' || array_to_string(p.lines || p.customers, ' '))) > 0)
"""
_HERE = _FROM + "and p.active"
_LEFT = _FROM + "and not p.active"
_PAGE = " order by p.left_at desc nulls last, p.name, p.code limit %(size)s offset %(offset)s"
