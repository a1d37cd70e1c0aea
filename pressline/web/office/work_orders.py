"""The list of work orders, a page at a time: what runs first, then what is due first."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from psycopg.rows import dict_row

from database.connection import Connection
from people.staff import Person
from pressline.web.shell import figures
from pressline.web.shell.pages import language, page
from pressline.web.shell.paging import Cut, PageNumber, Part
from pressline.web.shell.request import Database
from pressline.web.shell.sign_in import SignedIn, needs

router = APIRouter()

Row = dict[str, Any]
Choice = Literal["open", "closed", "cancelled", "all"]

SIZE = 100  # orders on one page
STATES = {
    "open": ("draft", "released", "running", "held", "produced"),
    "closed": ("closed",),
    "cancelled": ("cancelled",),
}
EVERY = tuple(state for states in STATES.values() for state in states)


@router.get("/work-orders", dependencies=[needs("work_order.see")])
def work_orders(
    request: Request, person: SignedIn, connection: Database,
    q: Annotated[str, Query(max_length=200)] = "", state: Choice = "open", number: PageNumber = 1,
) -> HTMLResponse:  # fmt: skip
    """Work orders of this person's lines; `q` is part of a code or of an item."""
    return page(
        request,
        "work_orders.html",
        language(request, person.locale),
        figures.time_zone(connection),
        person=person,
        orders=orders(connection, person, q.strip(), state, number),
        q=q.strip(),
        state=state,
        choices=(*STATES, "all"),
    )


def orders(
    connection: Connection, person: Person, q: str = "", state: Choice = "open", number: int = 1,
    size: int = SIZE,
) -> Part:  # fmt: skip
    """A page of these orders with their progress, which is summed for this page alone."""
    values = {"lines": person.scope, "q": q, "states": list(STATES.get(state, EVERY)), "size": size}
    rows = _rows(connection, {**values, "offset": (number - 1) * size})
    if not rows and number > 1:  # beyond the last page: that one
        row = connection.execute(_MEANT + _COUNT, values).fetchone()
        last = Cut(row[0] if row else 0, number, size)
        rows = _rows(connection, {**values, "offset": last.offset})
    return Part(Cut(rows[0]["total"] if rows else 0, number, size), rows, "number")


def _rows(connection: Connection, values: Mapping[str, object]) -> list[Row]:
    """The rows from an offset on, each with how many there are in all: one look for both."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_MEANT + _PAGE, values).fetchall()


_MEANT = """
with meant as (
  select w.code, w.item, w.state, w.due
  from erp.work_order w join erp.item i on i.code = w.item
  where w.state = any (%(states)s)
    and (%(q)s = '' or position(lower(%(q)s) in lower(
      w.code || ' ' || w.item || ' ' || i.name_zh || ' ' || i.name_en)) > 0)
    and (%(lines)s::text[] is null or w.code in (
      select l.work_order from board.order_line l where l.line = any (%(lines)s)))
)
"""
_COUNT = "select count(*) from meant"
_PAGE = """
, on_press as (
  select o.work_order, array_agg(distinct r.press order by r.press) as presses
  from (select id, press from mes.run where upper_inf(span) and not isempty(span) offset 0) r
  cross join lateral (  -- of few runs: the planner expects a fifth of all
    select op.work_order from mes.run_output o
    join erp.work_order_operation op on op.id = o.operation and op.last
    where o.run = r.id offset 0
  ) o
  group by o.work_order
), shown as (
  select m.code, n.presses,
         row_number() over (
           order by n.presses is null, m.state = 'running' desc, m.state in ('closed', 'produced'),
                    case when m.state = 'closed' then null else m.due end nulls last,
                    m.due desc nulls last, m.code) as place
  from meant m left join on_press n on n.work_order = m.code
  order by place limit %(size)s offset %(offset)s
)
select p.work_order, p.item, i.name_zh, i.name_en, p.qty, p.state, p.due,
       p.good_live, p.waiting, p.in_stock, s.presses, coalesce(live.scrap, 0) as scrap,
       (select count(*) from meant) as total
from shown s
join board.work_order_progress p on p.work_order = s.code
join erp.item i on i.code = p.item
cross join lateral (
  select sum(o.scrap)::bigint as scrap
  from board.run_output o
  join erp.work_order_operation op on op.id = o.operation and op.last
  where o.work_order = p.work_order
) live
order by s.place
"""
