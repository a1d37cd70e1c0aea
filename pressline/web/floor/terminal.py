"""The terminal beside a press: its page, and what the page needs beyond live figures."""

from datetime import datetime, timedelta
from typing import Annotated, Any, LiteralString, NamedTuple

from fastapi import APIRouter, Query, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import FileResponse, HTMLResponse
from psycopg.rows import dict_row

from database.connection import Connection
from erp_core import codes
from mes_bridge import rights, undoing
from people import staff
from people.staff import Person
from pressline.web.floor import reasons
from pressline.web.shell import figures, words
from pressline.web.shell.pages import STATIC, language, page
from pressline.web.shell.paging import Cut, PageNumber, Part
from pressline.web.shell.request import Database, Now
from pressline.web.shell.sign_in import (
    KnownDevice,
    NotFoundError,
    NotYoursError,
    SignedIn,
    for_everybody,
    needs,
)

router = APIRouter()

SHOWN = 60  # orders, dies that are shown at once
AT_PRESS = sorted(rights.FLOOR | {"swap"})  # who may any of these does something at a press
RECENT = timedelta(hours=12)  # stops that are still asked about
WEIGHED = timedelta(days=3)  # so long after it left the press a coil is offered to be weighed
GROUPS = (
    "terminal",
    "attention",
    "act",
    "act_word",
    "state",
    "segment",
    "time",
    "die",
    "reason",
    "flag",
    "wall",
    "role",
    "became",
    "unit",
)

Row = dict[str, Any]


@router.get("/terminal/worker.js", dependencies=[for_everybody()])
def worker() -> FileResponse:
    """The terminal's service worker; it must live under the pages it serves."""
    return FileResponse(STATIC / "terminal" / "worker.js", media_type="text/javascript")


@router.get("/terminal/{press:path}", dependencies=[for_everybody()])
def terminal(request: Request, connection: Database, now: Now, press: str) -> HTMLResponse:
    """The page; who stands at the press signs on in it."""
    locale, zone = language(request), figures.time_zone(connection)
    boot = {
        "press": press,
        "now": now,
        "locale": locale,
        "zone": zone,
        "silence_s": figures.silence_s(connection),
        "stop_after_s": figures.stop_after_s(connection, press),
        "figures": _figures(connection, press, now),
        "words": words.scripts_words(*GROUPS),
    }
    return page(
        request,
        "terminal.html",
        locale,
        zone,
        press=press,
        boot=jsonable_encoder(boot),
    )


@router.get("/api/press/{press:path}", dependencies=[needs("press.see")])
def details(person: SignedIn, connection: Database, now: Now, press: str) -> dict[str, Any]:
    """Live figures of a press, outputs of its open run, recent stops, reasons, what could run."""
    row = _figures(connection, press, now)
    if not person.sees(row["line"]):
        raise NotYoursError(press, person.lines)
    orders, dies = startable(connection, press), fitting_dies(connection, press)
    return jsonable_encoder(
        {
            "now": now,
            "figures": row,
            "outputs": outputs(connection, row["run"]) if row["run"] is not None else [],
            "releases": staff.releases(connection, person, row["line"]),
            "releasing": staff.releasing(connection, row["line"]),
            "counters": counters(connection, press) if person.may("swap") else [],
            "lots": lots(connection, press, now) if person.may("weigh") else [],
            "stops": stops(connection, press, now),
            "reasons": reasons.ordered(connection, press, now),
            "work_orders": orders.rows,
            "n_orders": orders.total,
            "dies": dies.rows,
            "n_dies": dies.total,
            "undoable": undoable(connection, person, press, now),
        }
    )


def undoable(connection: Connection, person: Person, press: str, now: datetime) -> list[Row]:
    """What the person may undo here, newest first; `own`: without a reason."""
    decides = person.may("assign")
    return [
        {"id": done.id, "act": done.act, "at": done.at, "who": done.who,
         "who_name": done.who_name, "args": done.args,
         "own": done.who == person.code and now - done.at <= undoing.OWN}
        for done in undoing.open_to(connection, press, person.code, now, decides=decides)
        if done.act not in rights.DECIDE or decides
    ]  # fmt: skip


@router.get("/api/startable/{press:path}", dependencies=[needs("press.see")])
def startable_at(
    _person: SignedIn, connection: Database, press: str,
    text: Annotated[str, Query(max_length=200)] = "", page: PageNumber = 1,
) -> dict[str, Any]:  # fmt: skip
    """A page of the orders that could run at a press, `text` in their code; `n` in all."""
    found = startable(connection, press, text, page)
    return jsonable_encoder({"n": found.total, "rows": found.rows})


@router.get("/api/dies/{press:path}", dependencies=[needs("press.see")])
def dies_at(
    _person: SignedIn, connection: Database, press: str, page: PageNumber = 1
) -> dict[str, Any]:
    """A page of the dies that fit a press; `n` in all."""
    found = fitting_dies(connection, press, page)
    return jsonable_encoder({"n": found.total, "rows": found.rows})


@router.get("/api/code", dependencies=[needs("press.see")])
def code(_person: SignedIn, connection: Database, text: str) -> dict[str, list[Row]]:
    """What a code without a prefix can mean, likeliest first: `{kind: "WO", code: "…"}`."""
    found = codes.read(connection, text)
    return {"reads": [{"kind": kind, "code": meant} for kind, meant in found]}


@router.get("/api/people/{press:path}", dependencies=[for_everybody()])
def people_at(connection: Database, known: KnownDevice, press: str) -> dict[str, list[Row]]:
    """Who may sign on here with a PIN: name tiles, for the terminal's first screen.

    Names are nothing for strangers: a device shows them once somebody has signed in on it.
    """
    if not known:
        return {"people": []}
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            """
            select e.code as person, e.name
            from people.person e
            join people.role r on r.code = e.role
            join plant.press p on p.name = %s
            where e.active and e.pin_hash is not null and (e.lines = '{}' or p.line = any (e.lines))
              and e.role in (select g.role from people.role_right g where g.may = any (%s))
            order by r.position, e.name
            """,
            [press, AT_PRESS],
        ).fetchall()
    return {"people": rows}


def _figures(connection: Connection, press: str, now: datetime) -> Row:
    for row in figures.press_now(connection, now):
        if row["press"] == press:
            return row
    raise NotFoundError("press", press)


def outputs(connection: Connection, run: int) -> list[Row]:
    """What a run makes, with names in both languages and what it made so far."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """
            select o.item, i.name_zh, i.name_en, o.work_order, w.qty as target,
                   o.production, o.good, o.scrap, o.other, closed.closed_reason
            from board.run_output o
            left join lateral (
              select so.closed_reason
              from mes.run_segment s join mes.segment_output so on so.segment = s.id
              where s.run = o.run and so.run_output = o.run_output and not isempty(s.span)
              order by lower(s.span) desc limit 1
            ) closed on true
            join erp.item i on i.code = o.item
            left join erp.work_order w on w.code = o.work_order
            where o.run = %s order by o.work_order is null, o.run_output
            """,
            [run],
        ).fetchall()


def stops(connection: Connection, press: str, now: datetime) -> list[Row]:
    """Stops of the last hours, newest first; a stop that still lasts has no `until`."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """
            select since, until, state, reason,
                   extract(epoch from coalesce(until, %(now)s) - since)::float as seconds
            from board.stop s
            where press = %(press)s
              and coalesce(until, %(now)s) - since
                  >= (select p.stop_after from plant.press p where p.name = s.press)
              and coalesce(until, %(now)s) > %(from)s and since <= %(now)s
            order by since desc limit 12
            """,
            {"press": press, "now": now, "from": now - RECENT},
        ).fetchall()


def counters(connection: Connection, press: str) -> list[Row]:
    """The counters of a press and its meters, with the strokes that were counted last."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """
            select distinct on (c.name) c.name as channel,
                   case when k.measure = 'stroke' then k.base_value end as value
            from mes.counter k
            join signal.channel c on c.id = k.channel
            join mes.rule_in_force r on r.channel = k.channel
            where r.of_press = %s order by c.name, r.line is null, k.base_at desc nulls last
            """,
            [press],
        ).fetchall()


def lots(connection: Connection, press: str, now: datetime) -> list[Row]:
    """Coils and other lots on the press in the last days, newest first; there now: no `until`.

    `orders` ran meanwhile and take the item, the last one first.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """
            select m.lot, m.item, i.name_zh, i.name_en, i.unit, lower(m.span) as since,
                   upper(m.span) as until, ran.orders
            from mes.material_mount m
            join erp.item i on i.code = m.item
            cross join lateral (
              select coalesce(array_agg(o.work_order order by o.since desc), '{}') as orders
              from (select op.work_order, max(lower(r.span)) as since
                    from mes.run r
                    join mes.run_output o on o.run = r.id
                    join erp.work_order_operation op on op.id = o.operation
                    join erp.work_order_material x
                      on x.work_order = op.work_order and x.component = m.item
                    where r.press = m.press and r.span && m.span group by op.work_order) o
            ) ran
            where m.press = %(press)s and not isempty(m.span) and lower(m.span) <= %(now)s
              and coalesce(upper(m.span), %(now)s) > %(from)s
            order by lower(m.span) desc limit 6
            """,
            {"press": press, "now": now, "from": now - WEIGHED},
        ).fetchall()


def startable(connection: Connection, press: str, text: str = "", number: int = 1) -> Part:
    """Released orders that a die fitting this press can make, most urgent first."""
    return _part(connection, _STARTABLE, {"press": press, "text": text}, number)


def fitting_dies(connection: Connection, press: str, number: int = 1) -> Part:
    """Dies that fit this press, with their life."""
    return _part(connection, _FITTING, {"press": press}, number)


class _Query(NamedTuple):
    """What is meant, how it is told, in which order."""

    meant: LiteralString
    told: LiteralString
    order: LiteralString


def _part(connection: Connection, query: _Query, values: Row, number: int) -> Part:
    """A page of it: what it tells of each row is looked up for that page alone."""
    row = connection.execute("select count(*) " + query.meant, values).fetchone()
    cut = Cut(row[0] if row else 0, number, SHOWN)
    page = "with page as (select m.* " + query.meant + query.order
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(
            page + " limit %(size)s offset %(offset)s) " + query.told,
            {**values, "size": cut.size, "offset": cut.offset},
        )
        return Part(cut, cursor.fetchall())


_STARTABLE = _Query(
    """
    from (select w.*, op.die from erp.work_order w
          join erp.work_order_operation op on op.work_order = w.code and op.last
          where w.state in ('released', 'running')) m
    where position(upper(%(text)s) in upper(m.code)) > 0
      and (m.die is null
           or not exists (select from erp.die_press f where f.die = m.die)
           or exists (select from erp.die_press f where f.die = m.die and f.press = %(press)s))
    """,
    """
    select w.code, w.item, i.name_zh, i.name_en, w.qty, w.due, w.state,
           coalesce(g.good_live, 0) as good, w.die
    from page w join erp.item i on i.code = w.item
    left join board.work_order_progress g on g.work_order = w.code
    order by w.due nulls last, w.code
    """,
    "order by m.due nulls last, m.code",
)
_FITTING = _Query(
    """
    from erp.die m
    where not exists (select from erp.die_press f where f.die = m.code)
       or exists (select from erp.die_press f where f.die = m.code and f.press = %(press)s)
    """,
    """
    select l.die, l.name, l.share, l.state, l.press as mounted
    from page d join board.die_life l on l.die = d.code order by l.die
    """,
    "order by m.code",
)
