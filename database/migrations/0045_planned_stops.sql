-- A stop may be planned: its reason says so, and its time is then no planned busy time, as a break.

alter table erp.reason
  add column planned boolean not null default false,
  add constraint reason_planned_stop check (not planned or kind = 'stop');
comment on column erp.reason.planned is 'A stop for this reason is no loss: its time leaves planned busy time.';
update erp.reason set planned = true where kind = 'stop' and code = 'meal';
