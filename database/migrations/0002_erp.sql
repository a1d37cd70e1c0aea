-- Master data, work orders, stock and people. Written by erp_core alone.

create schema erp;

-- People -----------------------------------------------------------------------------------------

create table erp.person (
  code text primary key,
  name text not null,
  role text not null constraint person_role check (role in ('operator', 'leader', 'planner', 'warehouse', 'quality', 'manager', 'it')),
  lines text[] not null default '{}',
  locale text not null default 'zh' constraint person_locale check (locale in ('zh', 'en')),
  badge text unique,
  pin_hash text,
  active boolean not null default true
);
comment on column erp.person.lines is 'Lines this person works on; empty means every line.';

create table erp.session (
  token_hash text primary key,
  person text not null references erp.person,
  press text,
  started timestamptz not null,
  expires timestamptz not null,
  ended timestamptz
);

create table erp.login (
  id bigint generated always as identity primary key,
  at timestamptz not null,
  person text,
  given text not null,
  method text not null constraint login_method check (method in ('badge', 'pin')),
  ok boolean not null,
  refusal text,
  address text,
  constraint login_refusal check (ok = (refusal is null))
);
create index login_person on erp.login (person, at);
comment on table erp.login is 'Every attempt to sign in, also the refused ones; given is the badge or person code, never a PIN.';

-- Items, BOMs, dies, routings -----------------------------------------------------------------------

create table erp.item (
  code text primary key,
  name_zh text not null,
  name_en text not null,
  unit text not null,
  kind text not null constraint item_kind check (kind in ('part', 'coil', 'blank', 'bought')),
  over_tolerance numeric not null default 0 constraint item_over_tolerance check (over_tolerance >= 0)
);
comment on column erp.item.over_tolerance is 'Share of the ordered quantity that may be made beyond it before parts count as excess; 0.02 is 2 %.';

create table erp.bom (
  item text not null references erp.item,
  version text not null,
  primary key (item, version)
);

create table erp.bom_line (
  item text not null,
  version text not null,
  component text not null references erp.item,
  qty numeric(18, 6) not null constraint bom_line_qty check (qty > 0),
  primary key (item, version, component),
  foreign key (item, version) references erp.bom
);

create table erp.die (
  code text primary key,
  name text not null default '',
  life_strokes bigint constraint die_life check (life_strokes > 0),
  warn_share numeric not null default 0.8,
  due_share numeric not null default 1.0,
  opening_strokes bigint not null default 0,
  ideal_spm numeric constraint die_ideal_spm check (ideal_spm > 0)
);
comment on column erp.die.ideal_spm is 'Ideal strokes per minute; null: the top speed of the press is the ideal.';
comment on column erp.die.opening_strokes is 'Strokes made before pressline counted them.';

create table erp.die_press (
  die text not null references erp.die,
  press text not null,
  primary key (die, press)
);
comment on table erp.die_press is 'Presses a die fits; a die without rows fits every press.';

create table erp.die_output (
  die text not null references erp.die,
  item text not null references erp.item,
  from_at timestamptz not null default '-infinity',
  parts_num int not null constraint die_output_num check (parts_num > 0),
  parts_den int not null constraint die_output_den check (parts_den > 0),
  primary key (die, item, from_at)
);
comment on table erp.die_output is 'Parts per stroke of each output, as a ratio, dated: the newest row not after an instant holds.';

create table erp.routing (
  item text not null references erp.item,
  seq int not null,
  name text not null,
  die text references erp.die,
  primary key (item, seq)
);

-- Work orders ----------------------------------------------------------------------------------------

create table erp.work_order (
  code text primary key,
  item text not null references erp.item,
  qty bigint not null constraint work_order_qty check (qty > 0),
  state text not null constraint work_order_state check (state in ('draft', 'released', 'running', 'produced', 'closed', 'cancelled')),
  due date,
  created timestamptz not null,
  created_by text not null
);

create table erp.work_order_operation (
  id bigint generated always as identity primary key,
  work_order text not null references erp.work_order,
  seq int not null,
  name text not null,
  die text references erp.die,
  last boolean not null,
  constraint operation_once unique (work_order, seq)
);
comment on column erp.work_order_operation.last is 'Only the last operation puts parts into stock and issues material.';

create table erp.work_order_material (
  work_order text not null references erp.work_order,
  component text not null references erp.item,
  qty_per numeric(18, 6) not null,
  primary key (work_order, component)
);
comment on table erp.work_order_material is 'The BOM as it was when the order was released.';

create table erp.production_report (
  id bigint generated always as identity primary key,
  operation bigint not null references erp.work_order_operation,
  n int not null,
  run bigint not null,
  shift bigint,
  good bigint not null,
  excess bigint not null,
  other bigint not null,
  state text not null constraint report_state check (state in ('waiting', 'accepted', 'rejected', 'reversed')),
  flags text[] not null default '{}',
  lot text not null,
  material_lots jsonb not null default '{}',
  proposed_at timestamptz not null,
  decided_at timestamptz,
  decided_by text,
  reason text,
  constraint report_once unique (operation, n),
  constraint report_decided check ((state = 'waiting') = (decided_at is null))
);
comment on column erp.production_report.other is 'Parts made that are not good: scrap, setup scrap, trial, maintenance, sample, rework. They use material.';
comment on column erp.production_report.material_lots is 'component -> lot mounted on the press for this run';

-- Stock ----------------------------------------------------------------------------------------------

create table erp.location (
  code text primary key,
  name_zh text not null,
  name_en text not null,
  kind text not null constraint location_kind check (kind in ('stock', 'production', 'scrap', 'supplier', 'customer', 'count'))
);
comment on column erp.location.kind is 'stock locations are on hand; the others are where stock comes from or goes to.';

create table erp.lot (
  item text not null references erp.item,
  code text not null,
  created timestamptz not null,
  primary key (item, code)
);

create table erp.stock_move (
  id bigint generated always as identity primary key,
  at timestamptz not null,
  item text not null references erp.item,
  lot text,
  qty numeric(18, 6) not null constraint stock_move_qty check (qty > 0),
  from_location text not null references erp.location,
  to_location text not null references erp.location,
  report bigint references erp.production_report,
  work_order text references erp.work_order,
  reverses bigint unique references erp.stock_move,
  who text not null,
  reason text not null,
  idempotency_key text unique,
  recorded_at timestamptz not null default clock_timestamp(),
  constraint stock_move_goes_somewhere check (from_location <> to_location),
  foreign key (item, lot) references erp.lot
);
create index stock_move_item on erp.stock_move (item, lot);
create index stock_move_report on erp.stock_move (report);
create index stock_move_work_order on erp.stock_move (work_order);

create table erp.notification (
  id bigint generated always as identity primary key,
  at timestamptz not null,
  kind text not null,
  subject text not null,
  press text,
  role text not null,
  done_at timestamptz,
  constraint notification_once unique (kind, subject)
);
comment on table erp.notification is 'What waits for someone: one row per thing, closed when it is done.';

create function erp.refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only: write a new row that names the old one', tg_table_schema || '.' || tg_table_name
    using errcode = 'restrict_violation';
end $$;
create trigger stock_move_append_only before update or delete on erp.stock_move
  for each row execute function erp.refuse_change();
