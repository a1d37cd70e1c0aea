-- Strokes that each mounting wore its die by, written with the counts: a die's life is looked at every second,
-- and a million strokes are not summed for it. The audit recounts them.

create table mes.mount_wear (
  mount bigint primary key references mes.die_mount on delete cascade,
  strokes bigint not null
);
comment on table mes.mount_wear is 'Strokes counted while a die was mounted; kept by triggers on mes.count and mes.die_mount, recounted by the audit.';

create function mes.strokes_within(on_press text, spans tstzmultirange) returns bigint
language sql stable set search_path = '' as $$
  select coalesce(sum(c.amount), 0)::bigint
  from unnest(spans) span
  join mes.count c on c.press = on_press and c.measure = 'stroke'
                  and c.at >= coalesce(lower(span), '-infinity') and c.at < coalesce(upper(span), 'infinity')
$$;

-- A stroke wears the die that is mounted at the instant of its later reading.
create function mes.wear_by_counts() returns trigger language plpgsql set search_path = '' as $$
begin
  if tg_op = 'INSERT' then
    insert into mes.mount_wear as w (mount, strokes)
    select m.id, sum(n.amount) from added n
    join mes.die_mount m on m.press = n.press and m.span @> n.at
    where n.measure = 'stroke' group by m.id order by m.id
    on conflict (mount) do update set strokes = w.strokes + excluded.strokes;
  elsif tg_op = 'DELETE' then
    update mes.mount_wear w set strokes = w.strokes - gone.strokes
    from (select m.id, sum(o.amount) as strokes from removed o
          join mes.die_mount m on m.press = o.press and m.span @> o.at
          where o.measure = 'stroke' group by m.id) gone
    where w.mount = gone.id;
  else
    insert into mes.mount_wear as w (mount, strokes)
    select m.id, sum(d.amount) from (
      select press, at, measure, amount from added
      union all select press, at, measure, -amount from removed
    ) d
    join mes.die_mount m on m.press = d.press and m.span @> d.at
    where d.measure = 'stroke' group by m.id order by m.id
    on conflict (mount) do update set strokes = w.strokes + excluded.strokes;
  end if;
  return null;
end $$;
create trigger count_added_wears after insert on mes.count
  referencing new table as added for each statement execute function mes.wear_by_counts();
create trigger count_removed_wears after delete on mes.count
  referencing old table as removed for each statement execute function mes.wear_by_counts();
create trigger count_changed_wears after update on mes.count
  referencing old table as removed new table as added for each statement execute function mes.wear_by_counts();

-- A mounting that begins or ends otherwise wears by what lies between; only that is summed.
create function mes.wear_by_mounts() returns trigger language plpgsql set search_path = '' as $$
declare
  before tstzmultirange := '{}';
begin
  if tg_op = 'UPDATE' then
    before := tstzmultirange(old.span);
  end if;
  insert into mes.mount_wear as w (mount, strokes)
  values (new.id, mes.strokes_within(new.press, tstzmultirange(new.span) - before)
                  - mes.strokes_within(new.press, before - tstzmultirange(new.span)))
  on conflict (mount) do update set strokes = w.strokes + excluded.strokes;
  return null;
end $$;
create trigger die_mount_wears after insert or update of span on mes.die_mount
  for each row execute function mes.wear_by_mounts();

insert into mes.mount_wear (mount, strokes)
select m.id, mes.strokes_within(m.press, tstzmultirange(m.span)) from mes.die_mount m;
