-- Excess is decided as what it is: for another order, surplus stock, or scrap.

alter table erp.production_report
  add column surplus bigint not null default 0,
  add column transferred bigint not null default 0,
  add column to_order text references erp.work_order,
  drop constraint report_state,
  add constraint report_state check (state in ('waiting', 'accepted', 'rejected', 'reversed', 'withdrawn'));
comment on column erp.production_report.excess is 'Parts beyond order and tolerance that wait for a decision; in reports of earlier versions, also accepted ones.';
comment on column erp.production_report.surplus is 'Parts that were decided to be surplus: in stock, but not with the ordinary goods.';
comment on column erp.production_report.transferred is 'Parts that were decided to be another order''s: they are in a report of that one.';

alter table mes.run_output
  add column given boolean not null default false,
  drop constraint run_output_once;
create unique index run_output_once on mes.run_output (run, item) where not given;
create unique index run_output_given_once on mes.run_output (run, operation) where given;
comment on column mes.run_output.given is 'No stroke makes these parts: they were excess of the run''s own output, and a person gave them to this order.';

alter table mes.posting
  drop constraint posting_kind,
  add constraint posting_kind check (kind in ('good', 'excess', 'surplus', 'setup', 'trial', 'maintenance', 'scrap', 'rework', 'sample', 'adjust', 'transfer', 'unattributed'));

create table mes.disposition (
  id bigint generated always as identity primary key,
  act uuid references mes.act deferrable initially deferred,
  report bigint not null references erp.production_report,
  run_output bigint not null references mes.run_output,
  shift bigint references mes.shift,
  kind text not null constraint disposition_kind check (kind in ('scrap', 'surplus', 'transfer')),
  reason text,
  qty bigint not null constraint disposition_qty check (qty <> 0),
  at timestamptz not null,
  who text not null,
  recorded_at timestamptz not null default clock_timestamp()
);
comment on table mes.disposition is 'What people decided about excess, append-only: so many parts of an output are of that kind. A transfer is taken from one output (more than 0) and given to another (less).';
comment on column mes.disposition.at is 'An instant of the shift that made the parts: scrap counts there.';
create index disposition_run_output on mes.disposition (run_output);
create index disposition_report on mes.disposition (report);
create trigger disposition_append_only before update or delete on mes.disposition
  for each row execute function erp.refuse_change();

alter table erp.die add column planned_spm numeric constraint die_planned_spm check (planned_spm > 0);
comment on column erp.die.planned_spm is 'Strokes per minute the plan counts on; null: the ideal speed.';

insert into erp.location (code, name_zh, name_en, kind) values ('SURPLUS', '超产库存', 'Surplus stock', 'stock')
  on conflict (code) do nothing;
