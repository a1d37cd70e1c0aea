-- What the bridge asks and writes each second, of every press.

-- Facts are added to while nothing in them is later than what came: a clock that runs ahead is seen by this.
alter table mes.press_watch add column counted_to timestamptz;
comment on column mes.press_watch.counted_to is 'No count of the press was later when its facts were last brought up to date.';

-- Runs of a press, and its states, follow one another. What is asked for each second is the last of them: in the order of
-- their ends it stands at the end of an index, and nothing older is read with it.
create index press_state_end on mes.press_state (press, coalesce(upper(span), 'infinity'));
create index run_scanned_end on mes.run (press, coalesce(upper(span), 'infinity'))
  where source = 'scan' and not isempty(span);
create index run_end on mes.run (upper(span));
drop index mes.run_scanned;

create or replace view mes.owned_count as
select c.id, c.channel, c.press, c.measure, c.from_at, c.at, c.amount, c.kind, c.event, c.unseen,
       coalesce(scanned.segment, assigned.segment) as segment,
       coalesce(scanned.run, assigned.run) as run,
       (select s.id from plant.shift s where s.span @> c.at) as shift
from mes.count c
left join lateral (
  select g.id as segment, r.id as run
  from (select id, span from mes.run
        where press = c.press and source = 'scan' and not isempty(span)
          and coalesce(upper(span), 'infinity') > c.at
        order by coalesce(upper(span), 'infinity') limit 1) r
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

-- The presses among these are locked, unless somebody holds one of them for longer than a moment: then none is.
create function mes.hold(owners text[]) returns boolean
language plpgsql set search_path = '' set lock_timeout = '100ms' as $$
begin
  perform from plant.press where name = any(owners) order by name for update;
  return true;
exception when lock_not_available then
  return false;
end $$;
