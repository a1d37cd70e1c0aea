-- Who owns what was counted. One place says it; facts and reporting both read it.

alter table mes.count add column unseen boolean not null default false;
comment on column mes.count.unseen is 'Time passed unseen between the two readings (silence, or a bad reading): when within it the strokes fell is not known.';
alter table mes.counter_event add column unseen boolean not null default false;

create index count_unseen on mes.count (press) where unseen;
create index fact_minute_unattributed on mes.fact_minute (press) where segment is null and strokes > 0;

-- A row belongs to the scanned segment in which its later reading falls; unseen rows only when
-- neither a run border nor a shift border lies within them. What no scanned run owns may belong to
-- an assigned run; unseen rows only when it holds them whole.
create view mes.owned_count as
select c.id, c.channel, c.press, c.measure, c.from_at, c.at, c.amount, c.kind, c.event, c.unseen,
       coalesce(scanned.segment, assigned.segment) as segment,
       coalesce(scanned.run, assigned.run) as run,
       (select s.id from mes.shift s where s.span @> c.at) as shift
from mes.count c
left join lateral (
  select g.id as segment, r.id as run
  from mes.run r
  join mes.run_segment g on g.run = r.id and g.span @> c.at
  where r.press = c.press and r.source = 'scan' and r.span @> c.at
    and (not c.unseen and c.kind <> 'gap'
         or lower(r.span) <= c.from_at
            and not exists (
              select from mes.shift s
              where s.span && tstzrange(c.from_at, c.at, '(]')
                and not (lower(s.span) <= c.from_at and s.span @> c.at)))
) scanned on true
left join lateral (
  select g.id as segment, r.id as run
  from mes.run r
  join mes.run_segment g on g.run = r.id
  where scanned.segment is null and r.press = c.press and r.source = 'assigned'
    and case when c.unseen or c.kind = 'gap'
             then lower(g.span) <= c.from_at
                  and (upper_inf(g.span) or c.at <= upper(g.span))
             else g.span @> c.at end
  order by r.id, g.id
  limit 1
) assigned on true;
comment on view mes.owned_count is 'mes.count with the segment and run that own each row (null: unattributed), and the shift of its later reading (null: outside every shift).';

alter table mes.press_watch
  add column since timestamptz,
  add column latest timestamptz,
  add column unknown tstzmultirange not null default '{}',
  add column due timestamptz;
comment on table mes.press_watch is 'Where the derivation of each press''s states stands, so that it goes on without reading everything again.';
comment on column mes.press_watch.since is 'What the press did from here on may still be seen otherwise: its last stroke, or change of the run signal.';
comment on column mes.press_watch.unknown is 'Unknown spans after since that readings have closed.';
comment on column mes.press_watch.due is 'When the clock alone changes the state next.';
comment on column mes.press_watch.dirty_from is 'Facts are complete up to here.';

create view mes.own_channel as
select c.id, c.site, c.node, c.device, c.name, c.kind, c.unit, c.scale, c.modulus
from signal.channel c
join mes.plant on plant.site = c.site
join (select name, node from mes.press union all select name, node from mes.meter) machine
  on machine.name = c.device and (machine.node is null or machine.node = c.node);
comment on view mes.own_channel is 'Channels of the plant''s machines, from the node that reads each: a stranger who speaks in a press''s name is stored and never counted.';
