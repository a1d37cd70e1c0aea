-- Items, routings, dies and partners are changed by acts: each row says by its version which state a person saw.
alter table erp.item add column version integer not null default 1;
alter table erp.item add column routing_version integer not null default 1;
alter table erp.die add column version integer not null default 1;
comment on column erp.item.routing_version is 'Counts the changes of its list of operations.';
comment on column erp.die.version is 'Counts the changes of the die, its presses and its outputs.';

create table erp.partner (
  code text primary key,
  name text not null,
  short_name text not null default '',
  kind text not null,
  contact text not null default '',
  active boolean not null default true,
  version integer not null default 1,
  constraint partner_kind check (kind in ('customer', 'supplier', 'both'))
);
comment on table erp.partner is 'Whom the plant sells to and buys from; who is not active any more stays for what names them.';

create function erp.count_version() returns trigger language plpgsql set search_path to '' as $$
begin
  if to_jsonb(new) - '{version,routing_version}'::text[] is distinct from to_jsonb(old) - '{version,routing_version}'::text[] then
    new.version := old.version + 1;
  end if;
  return new;
end $$;

create trigger item_version before update on erp.item for each row execute function erp.count_version();
create trigger die_version before update on erp.die for each row execute function erp.count_version();
create trigger partner_version before update on erp.partner for each row execute function erp.count_version();

insert into people.role_right (role, may)
with shipped (roles, rights) as (values
  ('planner manager', 'item.create item.change routing.change die.create die.change partner.create partner.change'),
  ('planner warehouse quality it manager', 'partner.see')
)
select distinct role, may
from shipped cross join regexp_split_to_table(roles, ' ') as role cross join regexp_split_to_table(rights, ' ') as may
on conflict do nothing;
