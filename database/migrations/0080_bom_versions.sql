-- A bill of material has a life: draft, checked, released, obsolete. A released one never changes.

alter table erp.bom
  add column state text not null default 'released',
  add column from_day date,
  add column row_version integer not null default 1,
  add column created timestamptz,
  add column created_by text,
  add constraint bom_state check (state in ('draft', 'checked', 'released', 'obsolete'));
alter table erp.bom alter column state set default 'draft';
comment on column erp.bom.from_day is 'The first day of the plant on which orders that are released take it; null: since ever.';
comment on column erp.bom.row_version is 'Counts what people changed of it.';
comment on column erp.bom.created is 'When it was made; null: before that was written down, or loaded from a file.';

alter table erp.bom_line
  add column scrap numeric not null default 0,
  add constraint bom_line_scrap check (scrap >= 0 and scrap < 1);
comment on column erp.bom_line.scrap is 'Share of qty that is lost beside it: an order takes qty x (1 + scrap) a piece.';

alter table erp.work_order_material add column bom text;
comment on column erp.work_order_material.bom is 'The version of the bill of material that it was fixed from; null: before that was written down.';

create function erp.keep_released_lines() returns trigger language plpgsql set search_path to '' as $$
declare
  kept record;
begin
  select b.item, b.version, b.state into kept from erp.bom b
  where (b.item, b.version) in ((old.item, old.version), (new.item, new.version)) and b.state <> 'draft' limit 1;
  if found then
    raise exception 'bill of material % of % is %: its lines do not change; make another version', kept.version, kept.item, kept.state
      using errcode = 'check_violation';
  end if;
  return coalesce(new, old);
end $$;
create trigger bom_line_released before insert or update or delete on erp.bom_line
  for each row execute function erp.keep_released_lines();

-- When work on an operation began, for whoever may still change what it takes.
alter table erp.work_order_operation add column begun timestamptz;
comment on column erp.work_order_operation.begun is 'When it was first at work on a press; null: not yet.';
update erp.work_order_operation w set begun = first.at
from (
  select o.operation, min(lower(r.span)) as at
  from mes.run_output o join mes.run r on r.id = o.run where o.operation is not null group by 1
) first
where first.operation = w.id;

create function mes.begin_operation() returns trigger language plpgsql set search_path to '' as $$
begin
  update erp.work_order_operation w set begun = (select lower(r.span) from mes.run r where r.id = new.run)
  where w.id = new.operation and w.begun is null;
  return null;
end $$;
create trigger run_output_begins after insert or update of operation on mes.run_output
  for each row when (new.operation is not null) execute function mes.begin_operation();

create table erp.change_order (
  code text primary key,
  item text not null,
  version text not null,
  at timestamptz not null,
  who text not null,
  reason text,
  undone boolean not null default false,
  foreign key (item, version) references erp.bom
);
comment on table erp.change_order is 'A version of a bill of material, released and given to open orders in one act.';
create index change_order_of on erp.change_order (item, version);

create table erp.change_order_line (
  change_order text not null references erp.change_order,
  work_order text not null references erp.work_order,
  policy text not null,
  primary key (change_order, work_order),
  constraint change_order_policy check (policy in ('new_only', 'not_started', 'hold'))
);
create index change_order_line_of on erp.change_order_line (work_order);

insert into people.role_right (role, may)
select r.role, a.may
from (values ('planner'), ('manager')) r (role)
cross join (values ('bom.create'), ('bom.change'), ('bom.check'), ('bom.reopen'), ('bom.release'), ('bom.retire'),
                   ('change_order.apply')) a (may);
