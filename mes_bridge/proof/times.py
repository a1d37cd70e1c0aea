"""The equation `time`: seconds of each press and shift that is over, recounted from its states.

Nothing here asks the views' own helpers: time off, production and states are laid over one another
anew. Facts exist from the first state of a press until its facts are complete (`dirty_from`).
"""

from typing import LiteralString

SECONDS: LiteralString = """
create or replace function pg_temp.audit_seconds(spans tstzmultirange)
returns numeric language sql immutable as $$
  select coalesce(sum(extract(epoch from upper(span) - lower(span))), 0) from unnest(spans) span
$$
"""

# Each press and shift that is over, with what the press did in it and what its time was meant for.
# Elements of the KPIs: planned and off are the shift; each element lies within the one before.
TIME: LiteralString = """
with seen as (
  select w.press, w.dirty_from as until, min(lower(s.span)) as since
  from mes.press_watch w join mes.press_state s on s.press = w.press
  where w.dirty_from is not null group by w.press, w.dirty_from
), closed as (
  select n.press, s.id as shift, s.date, s.code, s.span,
         s.span * tstzrange(n.since, null) as seen
  from seen n join plant.shift s on upper(s.span) <= n.until and upper(s.span) > n.since
), did as (
  select c.press, c.shift,
         coalesce(range_agg(s.span * c.span) filter (where s.state = 'running'), '{}') as ran,
         coalesce(range_agg(s.span * c.span) filter (
           where s.state in ('stopped', 'alarm')), '{}') as stood,
         coalesce(range_agg(s.span * c.span) filter (where s.state = 'unknown'), '{}') as unseen
  from closed c join mes.press_state s on s.press = c.press and s.span && c.seen
  group by c.press, c.shift
), off as (
  select o.press, o.shift, range_agg(o.span) as spans
  from (
    select c.press, c.shift, b.span * c.span as span
    from closed c join plant.shift_break b on b.shift = c.shift
    union all
    select c.press, c.shift, r.span * c.span
    from closed c
    join mes.stop_reason r on r.press = c.press and r.span && c.span
    join erp.reason y on y.kind = 'stop' and y.code = r.reason and y.planned
  ) o group by o.press, o.shift
), owned as (
  select c.press, c.shift, r.source, range_agg(g.span * c.span) as spans,
         coalesce(range_agg(g.span * c.span) filter (where g.kind = 'production'), '{}') as made
  from closed c
  join mes.run r on r.press = c.press and r.span && c.span
  join mes.run_segment g on g.run = r.id and g.span && c.span
  group by c.press, c.shift, r.source
), laid as (
  select c.*, d.ran, d.stood, d.unseen, coalesce(o.spans, '{}') as off,
         coalesce(s.made, '{}')
         + (coalesce(a.made, '{}') - coalesce(s.spans, '{}')) as production
  from closed c
  join did d using (press, shift)
  left join off o using (press, shift)
  left join owned s on s.press = c.press and s.shift = c.shift and s.source = 'scan'
  left join owned a on a.press = c.press and a.shift = c.shift and a.source = 'assigned'
), recounted as (
  select l.*, pg_temp.audit_seconds(l.ran) as ran_s, pg_temp.audit_seconds(l.stood) as stood_s,
         pg_temp.audit_seconds(l.unseen) as unseen_s,
         pg_temp.audit_seconds(tstzmultirange(l.seen)) as length_s
  from laid l
), told as (
  select c.press, c.shift, coalesce(sum(f.running_s), 0) as ran_s,
         coalesce(sum(f.stopped_s), 0) as stood_s, coalesce(sum(f.unknown_s), 0) as unseen_s
  from closed c
  left join mes.fact_minute f
    on f.press = c.press and f.minute >= lower(c.span) and f.minute < upper(c.span)
  group by c.press, c.shift
)
select 'time' as equation, r.press, null::bigint as run, r.date as day,
       r.code || ' ' || part.name as subject, part.recounted, part.booked, 0 as waits
from recounted r
join told t using (press, shift)
left join (
  select k.* from (select min(lower(span)) as since, max(upper(span)) as until from closed) x
  cross join lateral board.press_shift(x.since, x.until) k where x.since is not null
) k on k.press = r.press and k.shift = r.shift
cross join lateral (values
  ('seconds running', r.ran_s, t.ran_s),
  ('seconds stopped', r.stood_s, t.stood_s),
  ('seconds unknown', r.unseen_s, t.unseen_s),
  ('seconds of the shift', r.length_s, t.ran_s + t.stood_s + t.unseen_s),
  ('seconds planned and off', pg_temp.audit_seconds(tstzmultirange(r.span)),
   k.pbt_s + pg_temp.audit_seconds(r.off - r.ran)),
  ('seconds seen of the planned', r.ran_s + pg_temp.audit_seconds(r.stood - r.off), k.known_s),
  ('seconds in production', pg_temp.audit_seconds(r.ran * r.production), k.apt_s),
  ('seconds seen <= planned', least(k.known_s, k.pbt_s), k.known_s),
  ('availability 0 to 1', greatest(least(k.apt_s, k.known_s), 0), k.apt_s),
  ('quality 0 to 1', greatest(least(k.ideal_good_s, k.ideal_s), 0), k.ideal_good_s)
) as part(name, recounted, booked)
order by r.date, lower(r.span), r.press
"""
