-- Who owns a count is asked for each of them, every second: scanned runs of a press and segments of a run follow one
-- another, so it is the last one that began, by an index in that order, instead of a search for what overlaps.
create index run_scanned on mes.run (press, span) where source = 'scan';
create index run_segment_in_order on mes.run_segment (run, span);

create or replace view mes.owned_count as
select c.id, c.channel, c.press, c.measure, c.from_at, c.at, c.amount, c.kind, c.event, c.unseen,
       coalesce(scanned.segment, assigned.segment) as segment,
       coalesce(scanned.run, assigned.run) as run,
       (select s.id from plant.shift s where s.span @> c.at) as shift
from mes.count c
left join lateral (
  select g.id as segment, r.id as run
  from (select id, span from mes.run
        where press = c.press and source = 'scan' and span <= tstzrange(c.at, null, '[]')
        order by span desc limit 1) r
  cross join lateral (
    select id, span from mes.run_segment
    where run = r.id and span <= tstzrange(c.at, null, '[]') order by span desc limit 1) g
  where r.span @> c.at and g.span @> c.at
    and (not c.unseen and c.kind <> 'gap'
         or lower(r.span) <= c.from_at
            and not exists (select from plant.shift s
                            where s.span && tstzrange(c.from_at, c.at, '(]')
                              and not (lower(s.span) <= c.from_at and s.span @> c.at)))
) scanned on true
left join lateral (
  select g.id as segment, r.id as run
  from mes.run r join mes.run_segment g on g.run = r.id
  where scanned.segment is null and r.press = c.press and r.source = 'assigned'
    and case when c.unseen or c.kind = 'gap'
             then lower(g.span) <= c.from_at and (upper_inf(g.span) or c.at <= upper(g.span))
             else g.span @> c.at end
  order by r.id, g.id limit 1
) assigned on true;

-- The last event of a press or meter is asked for with each new one.
create index counter_event_owner on mes.counter_event (coalesce(press, meter), n);
