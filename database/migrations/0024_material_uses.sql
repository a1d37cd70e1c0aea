-- Material is due at the operation that uses it, from the lot that was on the press.

alter table erp.bom_line add column seq integer;
comment on column erp.bom_line.seq is 'Number of the operation that uses it; null: the first one.';
alter table erp.work_order_material add column seq integer;
comment on column erp.work_order_material.seq is 'Number of the operation that uses it; null: the first one.';
comment on column erp.work_order_operation.last is 'Only the last operation puts parts into stock.';

-- Orders that were released before keep to what was: their material was issued by the last operation.
update erp.work_order_material m set seq = o.seq
from erp.work_order_operation o
where o.work_order = m.work_order and o.last
  and exists (select from erp.work_order_operation f where f.work_order = o.work_order and f.seq < o.seq);

create table erp.report_use (
  report bigint not null references erp.production_report,
  component text not null references erp.item,
  lot text,
  parts bigint not null constraint report_use_parts check (parts <> 0),
  dealt boolean not null default true,
  constraint report_use_once unique nulls not distinct (report, component, lot)
);
comment on table erp.report_use is 'How many parts of a report were made from which lot of a component. Derived from counts and mounted lots: dealt anew when these change.';
comment on column erp.report_use.lot is 'The lot that was on the press; null: none was scanned, and the oldest on hand is taken.';

comment on column erp.report_use.dealt is 'False: of a report from before lots were dealt out; its material was issued from what was scanned last, then the oldest.';

insert into erp.report_use (report, component, lot, parts, dealt)
select r.id, m.component, null, r.good + r.excess + r.surplus + r.other, false
from erp.production_report r
join erp.work_order_operation o on o.id = r.operation and o.last
join erp.work_order_material m on m.work_order = o.work_order
where r.state = 'accepted' and r.good + r.excess + r.surplus + r.other <> 0;

alter table erp.production_report
  drop column material_lots,
  add column revision integer not null default 0;
comment on column erp.production_report.revision is 'How often it was taken back and waited again.';

create view erp.report_charged as
select u.report, coalesce(r.to_order, o.work_order) as work_order, u.component, u.lot, u.parts
from erp.report_use u
join erp.production_report r on r.id = u.report
join erp.work_order_operation o on o.id = r.operation
where r.state = 'accepted' or ('excess' = any(r.flags) and r.state in ('waiting', 'rejected'));
comment on view erp.report_charged is 'Uses of material that are due, and the order that bears them: parts given to another order are its own.';

-- What was rejected before used no material, and stays so.
update erp.production_report set flags = array_remove(flags, 'excess') where state = 'rejected';
