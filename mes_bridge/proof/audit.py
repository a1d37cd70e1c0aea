"""The equations of zero residual, recounted from the readings with SQL of its own.

Nothing here calls the counting code. The readings are laid side by side with window functions;
values that the next one takes back are struck out, pass by pass, until none is left; what remains
is added up and given to runs anew. From what was written before, only people's decisions (jumps
decided, counters exchanged) are taken over. See docs/counting.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_CEILING, Decimal
from typing import LiteralString

from psycopg.pq import TransactionStatus

from database.connection import Connection
from mes_bridge.proof import recount, times

EQUATIONS = {
    "strokes": "strokes (Wh) read = attributed + unattributed + held",
    "parts": "floor(strokes x parts per stroke) = posted to orders + unattributed, by output",
    "reports": "posted = accepted + waiting",
    "decided": "excess decided = posted, and what one order gave another got",
    "stock": "on hand = sum of moves of accepted reports",
    "balance": "moves into a place - moves out of it = what is written as on hand there",
    "made": "strokes (Wh) read in a segment of a run = what is written as made in it",
    "wear": "strokes counted while a die was mounted = what wore it",
    "feed": "made at an operation <= good of the one before, or told to the leader",
    "coil": "parts made while a lot was on the press = reported as made from it",
    "weighed": "shown by a scale, or declared to be gone = in the books",
    "time": "running + stopped + unknown = the shift, planned + off too; 0 <= A, Q <= 1",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One side by side: what the recount says, and what the books say.

    `waits`: parts of an open run, or of strokes that came since the last boundary: they are
    reported at the next one. The residual is what nothing explains.
    """

    equation: str
    press: str | None
    run: int | None
    day: date | None
    subject: str
    recounted: Decimal
    booked: Decimal
    waits: Decimal

    @property
    def residual(self) -> Decimal:
        """What does not fit."""
        return abs(self.recounted - self.booked - self.waits)

    def __str__(self) -> str:
        where = " ".join(
            str(part)
            for part in (self.press, self.run and f"run {self.run}", self.day, self.subject)
            if part
        )
        waits = f", {self.waits.normalize():f} not yet reported" if self.waits else ""
        return (
            f"{self.equation}: {where}: {self.recounted.normalize():f} recounted, "
            f"{self.booked.normalize():f} in the books{waits}: residual {self.residual:f}"
        )


@dataclass(frozen=True, slots=True)
class AuditResult:
    """Every line of the equations; `residual` is 0 when everything fits."""

    rows: Sequence[Row]

    @property
    def residual(self) -> int:
        """Sum of all residuals, each rounded up."""
        return sum(int(row.residual.to_integral_value(ROUND_CEILING)) for row in self.rows)

    @property
    def wrong(self) -> list[Row]:
        """The lines that do not fit."""
        return [row for row in self.rows if row.residual]

    def __str__(self) -> str:
        lines = [self._line(equation, meaning) for equation, meaning in EQUATIONS.items()]
        return "\n".join([*lines, *map(str, self.wrong), f"residual {self.residual}"])

    def _line(self, equation: str, meaning: str) -> str:
        rows = [row for row in self.rows if row.equation == equation]
        wrong = sum(1 for row in rows if row.residual)
        return f"{meaning}: {len(rows)} checked, {wrong} wrong"


def audit(connection: Connection, as_of: datetime | None = None) -> AuditResult:
    """Recount everything that the bridge has taken in; `as_of`: only strokes until then.

    Reads one state of the database; writes nothing but temporary tables.
    """
    idle = connection.info.transaction_status == TransactionStatus.IDLE
    with connection.transaction(force_rollback=True):
        if idle:
            connection.execute("set transaction isolation level repeatable read")
        recount.lay_out(connection, as_of)
        rows = [*_rows(connection, _COUNTED, as_of), *_rows(connection, _HELD, as_of)]
        if as_of is None:
            rows += _rows(connection, _PARTS, as_of)
            rows += _rows(connection, _MADE, as_of)
            rows += _rows(connection, _WEAR, as_of)
            rows += _rows(connection, _FEED, as_of)
            connection.execute(_LOT_PARTS)
            rows += _rows(connection, _COIL, as_of)
            rows += _rows(connection, _WEIGHED, as_of)
            connection.execute(times.SECONDS)
            rows += _rows(connection, times.TIME, as_of)
        rows += _rows(connection, _REPORTS, as_of)
        rows += _rows(connection, _DECIDED, as_of)
        rows += _rows(connection, _OUTPUT, as_of)
        rows += _rows(connection, _MATERIAL, as_of)
        rows += _rows(connection, _BALANCE, as_of)
    return AuditResult(rows)


def _rows(connection: Connection, query: LiteralString, as_of: datetime | None) -> list[Row]:
    return [
        Row(*where, *(Decimal(figure) for figure in (recounted, booked, waits)))
        for *where, recounted, booked, waits in connection.execute(query, {"as_of": as_of})
    ]


_COUNTED: LiteralString = """
with side as (
  select owner, measure, run, day, amount as recounted, 0 as booked
  from audit_pair where not held
  union all
  select coalesce(k.press, k.meter), o.measure, o.run,
         (o.at at time zone plant.time_zone)::date, 0, o.amount
  from mes.owned_count o
  join mes.counter k on k.channel = o.channel
  cross join plant.site plant
  where o.at <= coalesce(%(as_of)s, 'infinity'::timestamptz)
)
select 'strokes' as equation, owner as press, run, day,
       case measure when 'wh' then 'Wh' else 'strokes' end
       || case when run is null then ' unattributed' else '' end as subject,
       sum(recounted) as recounted, sum(booked) as booked, 0 as waits
from side group by owner, measure, run, day order by owner, measure, day, run
"""

_HELD: LiteralString = """
with side as (
  select owner, day, amount as recounted, 0 as booked from audit_pair where held
  union all
  select coalesce(e.press, e.meter), (e.at at time zone plant.time_zone)::date, 0, e.amount
  from mes.counter_event e cross join plant.site plant
  where e.held and e.at <= coalesce(%(as_of)s, 'infinity'::timestamptz)
)
select 'strokes' as equation, owner as press, null::bigint as run, day, 'held' as subject,
       sum(recounted) as recounted, sum(booked) as booked, 0 as waits
from side group by owner, day order by owner, day
"""

# What an output should have yielded, over all its segments, against every posting of it. An open
# run may owe parts until the next boundary; one that has ended, only what came after the last.
_PARTS: LiteralString = """
with yielded as (
  select so.run_output,
         floor(sum(p.amount * so.parts_num::numeric / so.parts_den) + 1e-9) as parts,
         max(p.came) as came
  from audit_pair p
  join mes.segment_output so on so.segment = p.segment
  where p.measure = 'stroke' and not p.held
  group by so.run_output
), posted as (
  select run_output, sum(qty) as parts from mes.posting group by run_output
), boundary as (
  select max(due) as next, min(greatest(
           due - report_every,
           (select max(upper(span)) from plant.shift where upper(span) < due))) as last
  from mes.timer cross join plant.site plant where name = 'boundary'
)
select 'parts' as equation, r.press, r.id as run, null::date as day, o.item as subject,
       coalesce(y.parts, 0) as recounted, coalesce(p.parts, 0) as booked,
       case when upper_inf(r.span) or b.next is null or y.came > b.last
            then greatest(coalesce(y.parts, 0) - coalesce(p.parts, 0), 0) else 0 end as waits
from mes.run r
join mes.run_output o on o.run = r.id
left join yielded y on y.run_output = o.id
left join posted p on p.run_output = o.id
cross join boundary b
order by r.id, o.id
"""

# Running sums beside what they are sums of. What a run made: by its segments, from the readings.
_MADE: LiteralString = """
with side as (
  select segment, measure, amount as recounted, 0::bigint as booked
  from audit_pair where segment is not null and not held
  union all
  select m.segment, of.measure, 0, of.amount from mes.run_made m
  cross join lateral (values
    ('stroke', m.strokes), ('wh', m.run_wh + m.idle_wh + m.unknown_wh)) of (measure, amount)
  where of.amount <> 0
)
select 'made' as equation, r.press, r.id as run, null::date as day,
       g.kind || ' since ' || lower(g.span)
       || case s.measure when 'wh' then ' Wh' else ' strokes' end as subject,
       sum(s.recounted) as recounted, sum(s.booked) as booked, 0 as waits
from side s join mes.run_segment g on g.id = s.segment join mes.run r on r.id = g.run
group by r.press, r.id, g.id, s.measure order by g.id, s.measure
"""

# Of a die, over all times that it was mounted; the counts are held against the readings above.
_WEAR: LiteralString = """
with counted as (
  select m.die, coalesce(sum(c.amount), 0) as strokes
  from mes.die_mount m
  left join mes.count c on c.press = m.press and c.measure = 'stroke' and m.span @> c.at
  group by m.die
)
select 'wear' as equation, null::text as press, null::bigint as run, null::date as day,
       coalesce(c.die, w.die) as subject,
       coalesce(c.strokes, 0) as recounted, coalesce(w.strokes, 0) as booked, 0 as waits
from counted c full join mes.die_wear w on w.die = c.die
order by subject
"""

_REPORTS: LiteralString = """
with posted as (
  select p.report, sum(p.qty) filter (where p.kind in ('good', 'excess')) as stocked,
         sum(p.qty) filter (where p.kind = 'surplus') as surplus,
         sum(p.qty) filter (where p.kind = 'transfer') as transferred,
         sum(p.qty) filter (
           where p.kind not in ('good', 'excess', 'surplus', 'transfer')) as other
  from mes.posting p where p.report is not null group by p.report
)
select 'reports' as equation, run.press, r.run, null::date as day,
       o.work_order || '/' || r.n || ' ' || part.name as subject,
       part.posted as recounted, part.reported as booked, 0 as waits
from erp.production_report r
join erp.work_order_operation o on o.id = r.operation
left join mes.run run on run.id = r.run
left join posted p on p.report = r.id
cross join lateral (select r.state in ('accepted', 'waiting') as counts) s
cross join lateral (values
  ('good', coalesce(p.stocked, 0), case when s.counts then r.good + r.excess else 0 end),
  ('surplus', coalesce(p.surplus, 0), case when s.counts then r.surplus else 0 end),
  ('given away', coalesce(p.transferred, 0), case when s.counts then r.transferred else 0 end),
  ('other', coalesce(p.other, 0), case when s.counts then r.other else 0 end)
) as part(name, posted, reported)
union all
select 'reports', r.press, r.id, null, o.item || ' posted without a report', sum(p.qty), 0, 0
from mes.posting p
join mes.run_output o on o.id = p.run_output
join mes.run r on r.id = o.run
where p.report is null and p.kind not in ('adjust', 'unattributed')
  and not (p.kind = 'transfer' and o.given)
group by r.press, r.id, o.item
"""

# What people decided about excess, beside what was posted; parts given and got add up to nothing.
_DECIDED: LiteralString = """
with side as (
  select run_output, kind, qty as decided, 0 as posted from mes.disposition
  where kind in ('surplus', 'transfer')
  union all
  select run_output, kind, 0, qty from mes.posting where kind in ('surplus', 'transfer')
)
select 'decided' as equation, r.press, r.id as run, null::date as day,
       o.item || ' ' || s.kind as subject,
       sum(s.decided) as recounted, sum(s.posted) as booked, 0 as waits
from side s join mes.run_output o on o.id = s.run_output join mes.run r on r.id = o.run
group by r.press, r.id, o.id, o.item, s.kind
union all
select 'decided', null, null, null, op.work_order || '/' || pr.n || ' given and got',
       sum(d.qty), 0, 0
from mes.disposition d
join erp.production_report pr on pr.id = d.report
join erp.work_order_operation op on op.id = pr.operation
where d.kind = 'transfer' group by pr.id, op.work_order, pr.n
"""

_OUTPUT: LiteralString = """
with moved as (
  select m.report, m.item,
         sum(case when f.kind = 'production' then m.qty else -m.qty end)
           filter (where 'SURPLUS' not in (m.from_location, m.to_location)) as parts,
         sum(case when f.kind = 'production' then m.qty else -m.qty end)
           filter (where 'SURPLUS' in (m.from_location, m.to_location)) as surplus
  from erp.stock_move m
  join erp.location f on f.code = m.from_location
  join erp.location t on t.code = m.to_location
  where m.report is not null and (f.kind = 'production') <> (t.kind = 'production')
  group by m.report, m.item
)
select 'stock' as equation, run.press, r.run, null::date as day,
       o.work_order || '/' || r.n || ' ' || w.item || part.name as subject,
       case when o.last and r.state = 'accepted' then part.reported else 0 end as recounted,
       coalesce(part.moved, 0) as booked, 0 as waits
from erp.production_report r
join erp.work_order_operation o on o.id = r.operation
join erp.work_order w on w.code = o.work_order
left join mes.run run on run.id = r.run
left join moved m on m.report = r.id and m.item = w.item
cross join lateral (values
  ('', r.good + r.excess, m.parts), (' surplus', r.surplus, m.surplus)
) as part(name, reported, moved)
where part.name = '' or part.reported <> 0 or part.moved is not null
order by r.id
"""

_MATERIAL: LiteralString = """
with needed as (
  select m.work_order, m.component, m.qty_per,
         (select o.id from erp.work_order_operation o where o.work_order = m.work_order
          order by (o.seq = m.seq) desc nulls last, o.seq limit 1) as operation
  from erp.work_order_material m
), made as (
  select coalesce(r.to_order, u.work_order) as work_order, u.component,
         sum(r.good + r.excess
             + case r.state when 'rejected' then 0 else r.surplus + r.transferred + r.other end)
           as parts
  from erp.production_report r
  join needed u on u.operation = r.operation
  where (r.state = 'accepted' or 'excess' = any(r.flags) and r.state in ('waiting', 'rejected'))
    and not exists (select from mes.run_output g
                    where g.run = r.run and g.operation = r.operation and g.given)
  group by 1, 2
), issued as (
  select m.work_order, m.item,
         sum(case when t.kind = 'production' then m.qty else -m.qty end) as qty
  from erp.stock_move m
  join erp.location f on f.code = m.from_location
  join erp.location t on t.code = m.to_location
  where m.work_order is not null and (f.kind = 'production') <> (t.kind = 'production')
  group by m.work_order, m.item
)
select 'stock' as equation, null::text as press, null::bigint as run, null::date as day,
       c.work_order || ' ' || c.component || ' used' as subject,
       (greatest(coalesce(made.parts, 0), 0) * c.qty_per) as recounted,
       coalesce(i.qty, 0) as booked,
       0 as waits
from needed c
left join made on made.work_order = c.work_order and made.component = c.component
left join issued i on i.work_order = c.work_order and i.item = c.component
order by c.work_order, c.component
"""

# The whole ledger in one row, and each place and lot whose balance is not the sum of its moves.
_BALANCE: LiteralString = """
with moved as (
  select s.item, s.location, s.lot, sum(s.qty) as qty
  from (
    select item, to_location as location, lot, qty from erp.stock_move
    union all select item, from_location, lot, -qty from erp.stock_move
  ) s
  where s.location in (select code from erp.location where kind = 'stock')
  group by s.item, s.location, s.lot
), beside as (
  select coalesce(m.item, b.item) as item, coalesce(m.location, b.location) as location,
         coalesce(m.lot, b.lot) as lot, coalesce(m.qty, 0) as recounted,
         coalesce(b.qty, 0) as booked
  from moved m
  full join erp.balance b on (b.item, b.location) = (m.item, m.location)
    and coalesce(b.lot, '') = coalesce(m.lot, '') and (b.lot is null) = (m.lot is null)
)
select 'balance' as equation, null::text as press, null::bigint as run, null::date as day,
       'all of the ledger' as subject, coalesce(sum(recounted), 0) as recounted,
       coalesce(sum(booked), 0) as booked, 0 as waits
from beside
union all
select 'balance', null, null, null, concat_ws(' ', item, location, lot), recounted, booked, 0
from beside where recounted <> booked
"""

# What an operation took in beyond what the one before it left, beside what a person was told of.
# What the one before has made and not yet reported counts as left.
_FEED: LiteralString = """
with counted as (
  select o.operation, floor(sum(p.amount * so.parts_num::numeric / so.parts_den)
           filter (where g.kind = 'production') + 1e-9) as parts
  from audit_pair p
  join mes.segment_output so on so.segment = p.segment
  join mes.run_segment g on g.id = p.segment
  join mes.run_output o on o.id = so.run_output
  where p.measure = 'stroke' and not p.held and o.operation is not null group by 1
), posted as (
  select o.operation,
         sum(p.qty) filter (where p.kind in ('good', 'excess')) as good,
         sum(p.qty) filter (where p.kind not in ('good', 'excess', 'setup', 'sample', 'trial',
                                                 'maintenance')) as gone,
         sum(p.qty) filter (where not o.given and p.kind in (
           'good', 'excess', 'scrap', 'sample', 'rework', 'surplus', 'transfer')) as taken
  from mes.posting p join mes.run_output o on o.id = p.run_output
  where o.operation is not null group by 1
), told as (
  select operation, sum(good + excess + surplus + transferred + other) as parts
  from erp.production_report
  where 'feed' = any(flags) and state in ('waiting', 'accepted') group by 1
), step as (
  select o.*, lag(o.id) over (partition by o.work_order order by o.seq) as before
  from erp.work_order_operation o
)
select 'feed' as equation, null::text as press, null::bigint as run, null::date as day,
       s.work_order || ' operation ' || s.seq as subject,
       greatest(coalesce(t.taken, 0) - coalesce(told.parts, 0)
                - greatest(coalesce(b.good, 0), coalesce(c.parts, 0) - coalesce(b.gone, 0))
                - coalesce((select -sum(r.good) from erp.production_report r
                            where r.operation = s.before and 'feed' = any(r.flags)
                              and r.good < 0 and r.state in ('waiting', 'accepted')), 0),
                0) as recounted,
       0 as booked, 0 as waits
from step s
join posted t on t.operation = s.id
left join posted b on b.operation = s.before
left join counted c on c.operation = s.before
left join told on told.operation = s.id
where s.before is not null
order by s.work_order, s.seq
"""

# Each pair of readings with the whole parts that it brought an output, and the lot of its material
# that was on the press then.
_LOT_PARTS: LiteralString = """
create temporary table audit_lot_part on commit drop as
with needed as (
  select o.id as run_output, o.run, m.component, m.qty_per
  from mes.run_output o
  join erp.work_order_operation op on op.id = o.operation
  join erp.work_order_material m on m.work_order = op.work_order
  where not o.given and op.id = (
      select f.id from erp.work_order_operation f where f.work_order = op.work_order
      order by (f.seq = m.seq) desc nulls last, f.seq limit 1)
), running as (
  select k.*, p.at, p.came, l.lot,
         sum(p.amount * so.parts_num::numeric / so.parts_den) over (
           partition by k.run_output, k.component order by p.at, p.from_at) + 1e-9 as after,
         p.amount * so.parts_num::numeric / so.parts_den as added
  from needed k
  join audit_pair p on p.run = k.run and p.measure = 'stroke' and not p.held
  join mes.segment_output so on so.segment = p.segment and so.run_output = k.run_output
  left join lateral (
    select m.lot from mes.material_mount m
    where m.press = p.press and m.item = k.component and m.span @> p.at
  ) l on true
)
select run_output, run, component, qty_per, at, came, lot,
       floor(after) - floor(after - added) as parts
from running
"""

# The parts of each lot, beside what reports say. Reports of before the lots were dealt out, and
# their runs, are left out.
_COIL: LiteralString = """
with side as (
  select a.run_output, a.component, coalesce(a.lot, '') as lot, a.parts as recounted, 0 as booked,
         a.came
  from audit_lot_part a
  where not exists (
      select from erp.report_use u join erp.production_report r on r.id = u.report
      where r.run = a.run and not u.dealt)
  union all
  select o.id, u.component, coalesce(u.lot, ''), 0, u.parts, null
  from mes.run_output o
  join erp.production_report r on r.run = o.run and r.operation = o.operation
  join erp.report_use u on u.report = r.id
  where not o.given and not exists (
      select from erp.report_use x join erp.production_report y on y.id = x.report
      where y.run = o.run and not x.dealt)
), boundary as (
  select max(due) as next, min(greatest(
           due - report_every,
           (select max(upper(span)) from plant.shift where upper(span) < due))) as last
  from mes.timer cross join plant.site plant where name = 'boundary'
)
select 'coil' as equation, r.press, r.id as run, null::date as day,
       o.item || ' from ' || s.component || ' ' || s.lot as subject,
       sum(s.recounted) as recounted, sum(s.booked) as booked,
       case when upper_inf(r.span) or b.next is null or max(s.came) > b.last
            then greatest(sum(s.recounted) - sum(s.booked), 0) else 0 end as waits
from side s
join mes.run_output o on o.id = s.run_output
join mes.run r on r.id = o.run
cross join boundary b
group by r.id, o.id, s.component, s.lot, b.next, b.last
order by r.id, o.id
"""

# What a scale showed of a lot, beside what came and went of it until then and what the strokes
# before it took by the formula, also where nobody said which lot was on; and what people declared
# to be gone, beside its moves.
_WEIGHED: LiteralString = """
with used as (
  select w.act, sum(r.parts * r.qty_per) as qty, max(r.came) as came
  from mes.coil_weight w
  join audit_lot_part r on r.component = w.item and r.lot = w.lot and r.at < w.at
  group by w.act
), charged as (
  select coalesce(r.to_order, o.work_order) as work_order, u.component as item, u.lot,
         sum(u.parts * x.qty_per) as qty
  from erp.report_use u
  join erp.production_report r on r.id = u.report
  join erp.work_order_operation o on o.id = r.operation
  join erp.work_order_material x on x.work_order = coalesce(r.to_order, o.work_order)
    and x.component = u.component
  where u.lot is not null
    and (r.state = 'accepted' or ('excess' = any (r.flags) and r.state in ('waiting', 'rejected')))
  group by 1, 2, 3
), gave as (
  select m.work_order, m.item, m.lot, min(m.id) as first,
         sum(case when m.to_location = 'PRODUCTION' then m.qty else -m.qty end) as qty
  from erp.stock_move m
  where m.work_order is not null and 'PRODUCTION' in (m.from_location, m.to_location)
    and m.item in (select item from mes.coil_weight)
  group by 1, 2, 3
), beyond as (
  select g.work_order, g.item, g.lot, g.first,
         greatest(g.qty - greatest(coalesce(c.qty, 0), 0), 0) as qty
  from gave g left join charged c on c.work_order = g.work_order and c.item = g.item
    and c.lot = g.lot
), drained as (
  select b.*, sum(b.qty) over (partition by b.work_order, b.item order by b.first) - b.qty as before
  from beyond b
), unknown as (
  select w.act, op.work_order, sum(p.parts * p.qty_per) as qty
  from mes.coil_weight w
  join audit_lot_part p on p.component = w.item and p.lot is null and p.at < w.at
  join mes.run_output o on o.id = p.run_output
  join erp.work_order_operation op on op.id = o.operation
  group by 1, 2
), unnamed as (
  select w.act, sum(least(greatest(u.qty - d.before, 0), d.qty)) as qty
  from mes.coil_weight w
  join drained d on d.item = w.item and d.lot = w.lot
  join unknown u on u.act = w.act and u.work_order = d.work_order
  group by 1
), moved as (
  select w.act, sum(case when t.kind = 'stock' then m.qty else -m.qty end) as qty
  from mes.coil_weight w
  join erp.stock_move m on m.item = w.item and m.lot = w.lot and m.at <= w.at
  join erp.location t on t.code = m.to_location
  join erp.location f on f.code = m.from_location
  where (t.kind = 'stock') <> (f.kind = 'stock') and 'production' not in (t.kind, f.kind)
  group by w.act
), boundary as (
  select max(due) as next, min(greatest(
           due - report_every,
           (select max(upper(span)) from plant.shift where upper(span) < due))) as last
  from mes.timer cross join plant.site where name = 'boundary'
), weighed as (
  select w.*, coalesce(m.qty, 0) - coalesce(u.qty, 0) - coalesce(n.qty, 0) as booked, u.came
  from mes.coil_weight w left join moved m using (act) left join used u using (act)
  left join unnamed n using (act)
)
select 'weighed' as equation, w.press, null::bigint as run, null::date as day,
       w.item || ' ' || w.lot || ' at ' || w.at as subject, w.qty as recounted, w.booked,
       case when b.next is null or w.came > b.last then w.qty - w.booked else 0 end as waits
from weighed w cross join boundary b
union all
select 'weighed', a.press, null, null, (a.args ->> 'item') || ' declared by ' || a.id,
       case when exists (select from people.act u
                         where u.act = 'undo' and u.undoes = a.id) then 0
            else (a.args ->> 'qty')::numeric end,
       coalesce((
         select sum(case when m.reverses is null then m.qty else -m.qty end) from erp.stock_move m
         where m.idempotency_key in ('consume/' || a.id, 'consume/' || a.id || '/undone')), 0), 0
from people.act a where a.act = 'consume'
"""
