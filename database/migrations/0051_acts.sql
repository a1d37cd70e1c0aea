-- Acts of every room; roles and their rights as rows; what changed, written by the database.

create table people.role (
  code text primary key,
  name_zh text not null,
  name_en text not null,
  position integer not null
);

create table people.role_right (
  role text not null references people.role,
  may text not null,
  primary key (role, may)
);
comment on column people.role_right.may is 'The name of an act, or `<noun>.see` of a list.';

insert into people.role values
  ('operator', '操作工', 'operator', 1), ('leader', '班长', 'shift leader', 2), ('planner', '计划员', 'planner', 3),
  ('warehouse', '仓管员', 'storekeeper', 4), ('quality', '检验员', 'inspector', 5), ('it', '信息部', 'IT', 6),
  ('manager', '厂长', 'plant manager', 7);

insert into people.role_right (role, may)
with shipped (roles, rights) as (values
  ('operator leader manager', 'mount dismount scan segment first_article scrap output stop_reason finish undo'),
  ('quality', 'first_article scrap output segment undo'),
  ('leader manager', 'assign decide accept dispose reject reverse swap'),
  ('it', 'swap'),
  ('leader', 'weigh consume'),
  ('quality leader manager', 'first_article.release'),
  ('leader it manager', 'freshness.see'),
  ('planner manager', 'work_order.create work_order.change work_order.release work_order.hold work_order.resume '
                      'work_order.close work_order.cancel undo'),
  ('warehouse manager', 'stock.receive stock.count stock.move weigh consume undo'),
  ('it manager', 'people.see person.leave person.pin person.badge role.see role.change message.replay '
                 'trail.see undo'),
  ('operator leader planner warehouse quality it manager', 'work_order.see notice.see press.see'),
  ('leader planner warehouse quality it manager', 'stock.see item.see die.see')
)
select distinct role, may
from shipped cross join regexp_split_to_table(roles, ' ') as role cross join regexp_split_to_table(rights, ' ') as may;

alter table people.person drop constraint person_role;
alter table people.person add constraint person_role_fkey foreign key (role) references people.role;

alter table people.act add column about text[] not null default '{}';
comment on column people.act.about is 'The documents that it is about, as `noun/key`.';
create index act_about on people.act using gin (about) where about <> '{}';
create index act_undone on people.act ((args ->> 'act')) where act = 'undo';

-- What was done about people is an act as any other.
insert into people.act (id, who, press, at, act, args, outcome, recorded_at, about)
select id, who, null, at, 'person.' || act, jsonb_build_object('person', person),
       jsonb_build_object('act', id, 'message', 'person_' || act), at, array['person/' || person]
from people.person_act;
drop table people.person_act;

create table people.change (
  id bigint generated always as identity primary key,
  act uuid,
  at timestamptz not null default clock_timestamp(),
  "table" text not null,
  key text not null,
  before jsonb,
  after jsonb
);
comment on table people.change is 'What changed in tables that people change, written by trigger; only the columns that differ, secret ones without their value.';
comment on column people.change.act is 'The act that did it; null: the program itself, or a file that was loaded by command.';
create index change_of on people.change ("table", key, id);
create index change_by on people.change (act) where act is not null;
create trigger change_append_only before update or delete on people.change
  for each row execute function people.refuse_change();

create function people.write_change() returns trigger language plpgsql set search_path to '' as $$
declare
  keys text[] := string_to_array(tg_argv[0], ',');
  secret text[] := string_to_array(tg_argv[1], ',');
  name text := tg_table_schema || '.' || tg_table_name;
  done uuid := nullif(current_setting('pressline.act', true), '');
begin
  if tg_op = 'INSERT' then
    insert into people.change (act, "table", key, after)
    select done, name, people.key_of(n.j, keys), people.without(n.j, secret)
    from (select to_jsonb(a) as j from added a) n;
  elsif tg_op = 'DELETE' then
    insert into people.change (act, "table", key, before)
    select done, name, people.key_of(o.j, keys), people.without(o.j, secret)
    from (select to_jsonb(r) as j from removed r) o;
  else
    insert into people.change (act, "table", key, before, after)
    select done, name, coalesce(o.key, n.key), people.differing(o.j, n.j, secret), people.differing(n.j, o.j, secret)
    from (select to_jsonb(r) as j, people.key_of(to_jsonb(r), keys) as key from removed r) o
    full join (select to_jsonb(a) as j, people.key_of(to_jsonb(a), keys) as key from added a) n on n.key = o.key
    where o.j is distinct from n.j;
  end if;
  return null;
end $$;

create function people.key_of(given jsonb, keys text[]) returns text language sql immutable set search_path to '' as
$$ select string_agg(given ->> k.name, '/' order by k.n) from unnest(keys) with ordinality as k (name, n) $$;

create function people.without(given jsonb, secret text[]) returns jsonb language sql immutable set search_path to '' as
$$ select coalesce(jsonb_object_agg(e.key, case when e.key = any (secret) then '"…"'::jsonb else e.value end), '{}')
   from jsonb_each(given) e where e.value <> 'null' $$;

create function people.differing(given jsonb, other jsonb, secret text[]) returns jsonb language sql immutable set search_path to '' as
$$ select coalesce(jsonb_object_agg(e.key, case when e.key = any (secret) and e.value <> 'null' then '"…"'::jsonb else e.value end), '{}')
   from jsonb_each(given) e where other is null or e.value is distinct from other -> e.key $$;

-- A document that is changed says by its version which state a person saw.
alter table erp.work_order add column version integer not null default 1;
alter table erp.work_order drop constraint work_order_state;
alter table erp.work_order add constraint work_order_state
  check (state in ('draft', 'released', 'running', 'held', 'produced', 'closed', 'cancelled'));

create table erp.number_series (
  series text not null,
  year integer not null,
  last bigint not null,
  primary key (series, year)
);
