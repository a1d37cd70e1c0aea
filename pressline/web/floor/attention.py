"""What waits for a leader: reports, strokes without an order, counts that are held.

The page and the terminal decide by acts alone. What is offered for strokes without an order is
what the act `assign` will take: an interval, and released orders that its die makes.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Query, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import HTMLResponse
from psycopg.rows import dict_row

from database.connection import Connection
from erp_core.quality import reasons
from mes_bridge.reporting.dispositions import OVERRUN
from people.staff import Person
from pressline.web.api import acts
from pressline.web.shell import figures
from pressline.web.shell.pages import language, page
from pressline.web.shell.paging import Cut, PageNumber, Part
from pressline.web.shell.request import Database, Now
from pressline.web.shell.sign_in import SignedIn, needs

router = APIRouter()

Row = dict[str, Any]

LATELY = timedelta(hours=12)  # decisions that are still shown
GOING_ON = timedelta(minutes=2)  # strokes so young may not be the last of their interval
MOST = 60  # intervals and events on one page


@router.get("/attention", dependencies=[needs("accept", "not_allowed")])
def attention(
    request: Request, person: SignedIn, connection: Database, now: Now,
    reports: PageNumber | None = None, strokes: PageNumber = 1, counts: PageNumber = 1,
    report: Annotated[str, Query(max_length=80)] = "",
) -> HTMLResponse:  # fmt: skip
    """Everything that waits on the lines of this person, and what was decided lately.

    `report`: the page of reports that has this one, unless a page is asked for.
    """
    presses = presses_of(connection, person)
    asked = reports or acts.page_with(connection, person, "waiting", report)
    return page(
        request,
        "attention.html",
        language(request, person.locale),
        figures.time_zone(connection),
        person=person,
        presses=presses,
        reports=acts.reports_in(connection, person, "waiting", asked),
        scrap_reasons=(OVERRUN, *reasons.codes(connection, "scrap")),
        strokes=stray(connection, presses, now, strokes),
        events=events(connection, presses, counts),
        decided=decided(connection, presses, now),
        reasons=reasons.codes(connection, "reject"),
    )


def place_of(notice: Row) -> str:
    """Where the report of a notice is decided, whatever page of the list it stands on."""
    return f"/attention?{urlencode({'report': notice['subject']})}#{quote(notice['subject'])}"


@router.get("/api/attention", dependencies=[needs("accept", "not_allowed")])
def waiting(
    person: SignedIn, connection: Database, now: Now, press: str | None = None
) -> dict[str, Any]:
    """How much waits on this person's lines; with `press`, its strokes without an order too."""
    here = [name for name in presses_of(connection, person) if name == press]
    strokes = stray(connection, here, now).rows
    return jsonable_encoder({"n": count(connection, person), "strokes": strokes})


def count(connection: Connection, person: Person) -> int:
    """How much waits on this person's lines: reports, intervals of strokes, held counts."""
    presses = presses_of(connection, person)
    n = acts.count_reports(connection, person, "waiting") + count_events(connection, presses)
    return n + count_intervals(connection, presses)


def presses_of(connection: Connection, person: Person) -> list[str]:
    """Presses of the lines this person sees, in the plant's order."""
    rows = connection.execute("select name, line from plant.press order by position, name")
    return [name for name, line in rows if person.sees(line)]


def stray(connection: Connection, presses: Sequence[str], now: datetime, number: int = 1) -> Part:
    """Intervals of strokes that no order owns, each with the orders they can be given to."""
    found = intervals(connection, presses, number)
    for each in found.rows:
        each["going_on"] = now - each["until"] < GOING_ON
        each["parts"] = parts(connection, each)
    return found


def intervals(connection: Connection, presses: Sequence[str], number: int = 1) -> Part:
    """Strokes that no run owns, together where neither a pause nor a run or die lies between.

    `since` to `to` is what to assign: half-open, so `to` lies a hair after the last reading. A
    stroke belongs to its later reading; one of unseen time only to who holds that time whole.
    Unseen strokes that begin at the reading before stay with it: no border fits between them.
    """
    cut = Cut(count_intervals(connection, presses), number, MOST)
    with connection.cursor(row_factory=dict_row) as cursor:
        values = {"presses": list(presses), "most": MOST, "offset": cut.offset}
        rows = cursor.execute(_INTERVALS, values).fetchall() if cut.total else []
    return Part(cut, rows, "strokes")


def count_intervals(connection: Connection, presses: Sequence[str]) -> int:
    """How many such intervals there are."""
    row = connection.execute(_HOW_MANY, {"presses": list(presses)}).fetchone()
    return row[0] if row else 0


# Counts without an owner, looked for only in minutes that have such strokes.
_STRAY = """
with suspect as (
  select press, minute from mes.fact_minute
  where segment is null and strokes > 0 and press = any (%(presses)s)
), found as (
  select o.* from suspect s
  join mes.owned_count o on o.press = s.press and not o.unseen
    and o.at >= s.minute and o.at < s.minute + interval '1 minute'
  union all
  select o.* from suspect s
  join mes.owned_count o on o.press = s.press and o.unseen
  where s.minute is null
), stray as (
  select o.press, o.id, o.from_at, o.at, o.amount, o.unseen or o.kind = 'gap' as unseen
  from found o where o.measure = 'stroke' and o.segment is null
),
"""
# Cut where a pause, a run or another die lies between, and behind unseen time that a run crosses.
_PIECES = """
crossed as (
  select s.*, s.unseen and exists (
           select from mes.run r
           where r.press = s.press and r.span && tstzrange(s.from_at, s.at, '(]')
         ) as crossing
  from stray s
), beside as (
  select *, lag(at) over row as before, lag(crossing) over row as after_crossing
  from crossed window row as (partition by press order by at, id)
), cut as (
  select b.*,
         b.before is null or b.after_crossing
         or not (b.unseen and b.from_at <= b.before)
            and (b.from_at - b.before > interval '2 minutes'
                 or exists (
                   select from mes.run r
                   where r.press = b.press
                     and r.span && tstzrange(b.before, b.at, '(]'))
                 or exists (
                   select from mes.die_mount m
                   where m.press = b.press
                     and m.span && tstzrange(b.before, b.at, '(]')
                     and (lower(m.span) > b.before or upper(m.span) <= b.at))
                ) as begins
  from beside b
), numbered as (
  select *, count(*) filter (where begins)
            over (partition by press order by at, id) as piece
  from cut
), piece as (
  select press, min(case when unseen then from_at else at end) as since,
         max(at) as until, min(from_at) as from_at, sum(amount)::bigint as strokes,
         coalesce(sum(amount) filter (where unseen), 0)::bigint as unseen
  from numbered group by press, piece
)
"""
# Each piece with its die, and with the orders that ran before and after it.
_BESIDE = """
select i.press, p.line, i.since, i.until + interval '1 millisecond' as to, i.until,
       i.from_at, i.strokes, i.unseen, m.die,
       earlier.work_orders as before, later.work_orders as after
from piece i
join plant.press p on p.name = i.press
left join mes.die_mount m on m.press = i.press and m.span @> i.since
left join lateral (
  select array(select op.work_order from mes.run_output o
               join erp.work_order_operation op on op.id = o.operation
               where o.run = r.id order by o.id) as work_orders
  from mes.run r where r.press = i.press and lower(r.span) < i.since
  order by lower(r.span) desc limit 1
) earlier on true
left join lateral (
  select array(select op.work_order from mes.run_output o
               join erp.work_order_operation op on op.id = o.operation
               where o.run = r.id order by o.id) as work_orders
  from mes.run r where r.press = i.press and lower(r.span) >= i.since
  order by lower(r.span) limit 1
) later on true
order by p.position, i.press, i.since desc limit %(most)s offset %(offset)s
"""
_INTERVALS = _STRAY + _PIECES + _BESIDE
_COUNTED = "select count(*) from piece"
_HOW_MANY = _STRAY + _PIECES + _COUNTED


def parts(connection: Connection, interval: Row) -> list[Row]:
    """What the interval's strokes made, each with the orders it can be given to.

    One part for every output of the die; without a die one for all, its item unknown.
    `proposed` is the order when it is the only one that fits.
    """
    found = fitting(connection, interval)
    if interval["die"] is None:
        return [_part({"item": None}, found)]
    with connection.cursor(row_factory=dict_row) as cursor:
        outputs = cursor.execute(
            """
            select d.item, i.name_zh, i.name_en
            from erp.die_output d join erp.item i on i.code = d.item
            where d.die = %s group by d.item, i.name_zh, i.name_en order by d.item
            """,
            [interval["die"]],
        ).fetchall()
    return [_part(one, [o for o in found if o["item"] == one["item"]]) for one in outputs]


def _part(output: Row, orders: list[Row]) -> Row:
    only = orders[0]["work_order"] if len(orders) == 1 else None
    return {**output, "orders": orders, "proposed": only}


def fitting(connection: Connection, interval: Row) -> list[Row]:
    """Released orders made by the die of the interval; without one, by a single fitting die.

    An order that has all its parts is offered where it ran just before or after.
    """
    near: list[str] = [*(interval["before"] or ()), *(interval["after"] or ())]
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """
            with fits as (
              select w.code, w.item, w.qty, w.state, w.due, d.die,
                     count(*) over (partition by w.code) as dies
              from erp.work_order w
              join erp.die_output d on d.item = w.item
              where (w.state in ('released', 'running')
                     or w.state = 'produced' and w.code = any (%(near)s))
                and (%(die)s::text is null or d.die = %(die)s)
                and (not exists (select from erp.die_press f where f.die = d.die)
                     or exists (select from erp.die_press f
                                where f.die = d.die and f.press = %(press)s))
                and exists (select from erp.work_order_operation op
                            where op.work_order = w.code and (op.die is null or op.die = d.die))
            )
            select f.code as work_order, f.item, i.name_zh, i.name_en, f.qty, f.state, f.die,
                   count(*) over (partition by f.item) as n
            from fits f join erp.item i on i.code = f.item
            where f.dies = 1
            order by f.code <> all (%(near)s), f.state <> 'running', f.due nulls last, f.code
            limit 200
            """,
            {"press": interval["press"], "die": interval["die"], "near": near},
        ).fetchall()


def events(connection: Connection, presses: Sequence[str], number: int = 1) -> Part:
    """Held counter events, newest first.

    `most` is what the press can have done in that time: at its top speed, with the headroom that
    counting gives it (docs/counting.md).
    """
    cut = Cut(count_events(connection, presses), number, MOST)
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(
            """
            select e.event, e.press, e.kind, e.from_at, e.at, e.old_value, e.new_value, e.strokes,
                   extract(epoch from e.at - e.from_at)::float as seconds,
                   floor(p.top_spm / 60 * extract(epoch from e.at - e.from_at) * 1.2 + 1)::bigint
                     as most
            from board.counter_event e join plant.press p on p.name = e.press
            where e.held and e.press = any (%s) order by e.at desc, e.event limit %s offset %s
            """,
            [list(presses), cut.size, cut.offset],
        )
        return Part(cut, cursor.fetchall(), "counts")


def count_events(connection: Connection, presses: Sequence[str]) -> int:
    """How many counter events are held on these presses."""
    row = connection.execute(
        "select count(*) from board.counter_event e where e.held and e.press = any (%s)",
        [list(presses)],
    ).fetchone()
    return row[0] if row else 0


def decided(connection: Connection, presses: Sequence[str], now: datetime) -> list[Row]:
    """What leaders did on these presses in the last hours, newest first."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """
            select a.at, e.name as who_name, a.press, a.act, a.args ->> 'reason' as reason,
                   coalesce(a.args ->> 'report', a.args ->> 'event', a.args ->> 'work_order')
                     as subject,
                   case a.act when 'assign' then (a.args ->> 'from')::timestamptz end as since,
                   case a.act when 'assign' then (a.args ->> 'to')::timestamptz end as to,
                   a.args ->> 'to' as became,
                   case when a.act = 'dispose' then a.outcome ->> 'qty' end as parts,
                   case a.act when 'decide' then a.outcome ->> 'count'
                              when 'assign' then (
                     select sum(f.strokes)::text from mes.run_segment g
                     join mes.fact_minute f on f.segment = g.id
                     where g.run = (a.outcome ->> 'run')::bigint) end as strokes
            from people.act a join people.person e on e.code = a.who
            where a.act in ('assign', 'decide', 'accept', 'dispose', 'reject', 'reverse')
              and a.press = any (%s) and a.at > %s
            order by a.at desc, a.recorded_at desc limit 20
            """,
            [list(presses), now - LATELY],
        ).fetchall()
