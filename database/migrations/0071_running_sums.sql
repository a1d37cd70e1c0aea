-- What a run made and what a die has worn are written with the fact: nobody sums history at a look. The audit recounts.

create table mes.run_made (
  segment bigint primary key references mes.run_segment on delete cascade,
  strokes bigint not null,
  run_wh bigint not null,
  idle_wh bigint not null,
  unknown_wh bigint not null
);
comment on table mes.run_made is 'Sums of mes.fact_minute by run segment; kept by triggers on it, recounted by the audit. Without a row: nothing was made.';

create function mes.made_by_facts() returns trigger language plpgsql set search_path = '' as $$
begin
  if tg_op = 'INSERT' then
    insert into mes.run_made as m (segment, strokes, run_wh, idle_wh, unknown_wh)
    select segment, sum(strokes), sum(run_wh), sum(idle_wh), sum(unknown_wh) from added
    where segment is not null and (strokes <> 0 or run_wh <> 0 or idle_wh <> 0 or unknown_wh <> 0)
    group by segment order by segment
    on conflict (segment) do update
    set strokes = m.strokes + excluded.strokes, run_wh = m.run_wh + excluded.run_wh,
        idle_wh = m.idle_wh + excluded.idle_wh, unknown_wh = m.unknown_wh + excluded.unknown_wh;
  elsif tg_op = 'DELETE' then
    update mes.run_made m
    set strokes = m.strokes - gone.strokes, run_wh = m.run_wh - gone.run_wh,
        idle_wh = m.idle_wh - gone.idle_wh, unknown_wh = m.unknown_wh - gone.unknown_wh
    from (select segment, sum(strokes) as strokes, sum(run_wh) as run_wh, sum(idle_wh) as idle_wh,
                 sum(unknown_wh) as unknown_wh
          from removed
          where segment is not null and (strokes <> 0 or run_wh <> 0 or idle_wh <> 0 or unknown_wh <> 0)
          group by segment) gone
    where m.segment = gone.segment;
  else
    insert into mes.run_made as m (segment, strokes, run_wh, idle_wh, unknown_wh)
    select segment, sum(strokes), sum(run_wh), sum(idle_wh), sum(unknown_wh)
    from (select segment, strokes, run_wh, idle_wh, unknown_wh from added
          union all select segment, -strokes, -run_wh, -idle_wh, -unknown_wh from removed) changed
    where segment is not null group by segment order by segment
    on conflict (segment) do update
    set strokes = m.strokes + excluded.strokes, run_wh = m.run_wh + excluded.run_wh,
        idle_wh = m.idle_wh + excluded.idle_wh, unknown_wh = m.unknown_wh + excluded.unknown_wh;
  end if;
  return null;
end $$;
create trigger fact_added_made after insert on mes.fact_minute
  referencing new table as added for each statement execute function mes.made_by_facts();
create trigger fact_removed_made after delete on mes.fact_minute
  referencing old table as removed for each statement execute function mes.made_by_facts();
create trigger fact_changed_made after update on mes.fact_minute
  referencing old table as removed new table as added for each statement execute function mes.made_by_facts();

insert into mes.run_made (segment, strokes, run_wh, idle_wh, unknown_wh)
select segment, sum(strokes), sum(run_wh), sum(idle_wh), sum(unknown_wh) from mes.fact_minute
where segment is not null group by segment;

-- A die's life is one row, not one of each time it was mounted.
create table mes.die_wear (
  die text primary key references erp.die,
  strokes bigint not null
);
comment on table mes.die_wear is 'Strokes counted while the die was mounted; kept by triggers on mes.count and mes.die_mount, recounted by the audit.';

create or replace function mes.wear_by_counts() returns trigger language plpgsql set search_path = '' as $$
begin
  if tg_op = 'INSERT' then
    insert into mes.die_wear as w (die, strokes)
    select m.die, sum(n.amount) from added n
    join mes.die_mount m on m.press = n.press and m.span @> n.at
    where n.measure = 'stroke' group by m.die order by m.die
    on conflict (die) do update set strokes = w.strokes + excluded.strokes;
  elsif tg_op = 'DELETE' then
    update mes.die_wear w set strokes = w.strokes - gone.strokes
    from (select m.die, sum(o.amount) as strokes from removed o
          join mes.die_mount m on m.press = o.press and m.span @> o.at
          where o.measure = 'stroke' group by m.die) gone
    where w.die = gone.die;
  else
    insert into mes.die_wear as w (die, strokes)
    select m.die, sum(d.amount) from (
      select press, at, measure, amount from added
      union all select press, at, measure, -amount from removed
    ) d
    join mes.die_mount m on m.press = d.press and m.span @> d.at
    where d.measure = 'stroke' group by m.die order by m.die
    on conflict (die) do update set strokes = w.strokes + excluded.strokes;
  end if;
  return null;
end $$;

-- A mounting that begins, ends or goes wears by what lies between; only that is summed.
create or replace function mes.wear_by_mounts() returns trigger language plpgsql set search_path = '' as $$
declare
  before tstzmultirange := '{}';
  after tstzmultirange := '{}';
  on_press text := coalesce(new.press, old.press);
begin
  if tg_op <> 'INSERT' then
    before := tstzmultirange(old.span);
  end if;
  if tg_op <> 'DELETE' then
    after := tstzmultirange(new.span);
  end if;
  insert into mes.die_wear as w (die, strokes)
  values (coalesce(new.die, old.die), mes.strokes_within(on_press, after - before)
                                      - mes.strokes_within(on_press, before - after))
  on conflict (die) do update set strokes = w.strokes + excluded.strokes;
  return null;
end $$;
drop trigger die_mount_wears on mes.die_mount;
create trigger die_mount_wears after insert or delete or update of span on mes.die_mount
  for each row execute function mes.wear_by_mounts();

insert into mes.die_wear (die, strokes)
select m.die, sum(w.strokes) from mes.die_mount m join mes.mount_wear w on w.mount = m.id group by m.die;
drop table mes.mount_wear;

-- Scrap of an output is asked for with every look at a run.
create index act_scrap on people.act (((outcome ->> 'run_output')::bigint))
  where act in ('scrap', 'undo') and outcome ? 'run_output';

-- Asked for with every look, and once a second: by their newest rows, not through all of them.
create index run_output_run on mes.run_output (run);
create index run_output_operation on mes.run_output (operation);
create index segment_output_of on mes.segment_output (run_output);
create index run_open on mes.run (press) where upper_inf(span);
create index work_order_state on erp.work_order (state);
create index act_recorded on people.act (recorded_at, (id::text));
create index die_mount_open on mes.die_mount (die) where upper(span) is null;

-- What was counted over unseen time has no minute: who owned it when it was added to the facts, so that a second adds
-- what came, and sums nothing anew.
create table mes.unseen_owned (
  count bigint primary key references mes.count on delete cascade,
  press text not null references plant.press,
  at timestamptz not null,
  segment bigint,
  measure text not null,
  amount bigint not null
);
comment on table mes.unseen_owned is 'Counts over unseen time with the segment in whose facts they are (null: nobody''s).';
create index unseen_owned_press on mes.unseen_owned (press, at);
insert into mes.unseen_owned (count, press, at, segment, measure, amount)
select id, press, at, segment, measure, amount from mes.owned_count where unseen and press is not null;
