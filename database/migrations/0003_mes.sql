-- What the machine did and what it means. Written by mes_bridge alone; see docs/counting.md.

create schema mes;

-- The plant, as configured -------------------------------------------------------------------------

create table mes.plant (
  one boolean primary key default true check (one),
  site text not null,
  time_zone text not null,
  silence interval not null
);
comment on column mes.plant.silence is 'Without a reading for this long (three heartbeats), a press is unknown.';

create table mes.line (
  name text primary key,
  position int not null
);

create table mes.press (
  name text primary key,
  line text not null references mes.line,
  position int not null,
  top_spm numeric not null constraint press_top_spm check (top_spm > 0),
  stop_after interval not null,
  stroke_channel text not null,
  run_channel text,
  node text
);
comment on column mes.press.node is 'The edge node that reads this press: what another node says in its name is not counted. Null: any.';
comment on column mes.press.stop_after is 'Without a stroke for this long, a press has been stopped since its last stroke.';

create table mes.meter (
  name text primary key,
  press text references mes.press,
  top_kw numeric not null,
  energy_channel text not null,
  node text
);

create table mes.shift_pattern (
  code text primary key,
  start_time time not null,
  end_time time not null,
  breaks jsonb not null default '[]'
);

create table mes.shift (
  id bigint generated always as identity primary key,
  date date not null,
  code text not null,
  span tstzrange not null,
  constraint shift_once unique (date, code),
  constraint shift_no_overlap exclude using gist (span with &&)
);
comment on column mes.shift.date is 'The date the shift began: a night shift belongs to it.';

create table mes.shift_break (
  shift bigint not null references mes.shift on delete cascade,
  span tstzrange not null,
  primary key (shift, span)
);

-- L0b acts -------------------------------------------------------------------------------------------

create table mes.act (
  id uuid primary key,
  who text not null references erp.person,
  press text references mes.press,
  at timestamptz not null,
  act text not null,
  args jsonb not null,
  outcome jsonb not null default '{}',
  recorded_at timestamptz not null default clock_timestamp()
);
comment on table mes.act is 'What people did, append-only; at is the device time of the act, id is made by the client.';

-- L1 counts ------------------------------------------------------------------------------------------

create table mes.mark (
  outbox int primary key,
  number bigint not null,
  arrived timestamptz not null
);
comment on table mes.mark is 'How far the bridge has read each outbox.';

create table mes.counter (
  channel int primary key,
  press text references mes.press,
  meter text references mes.meter,
  measure text not null constraint counter_measure check (measure in ('stroke', 'wh')),
  modulus bigint,
  top_rate numeric not null,
  epoch int not null default 0,
  base_value bigint,
  base_at timestamptz,
  pend_value bigint,
  pend_at timestamptz,
  pend_unseen boolean not null default false,
  unseen boolean not null default false,
  outbox int,
  number bigint,
  constraint counter_owner check (num_nonnulls(press, meter) = 1),
  constraint counter_base check ((base_value is null) = (base_at is null)),
  constraint counter_pend check ((pend_value is null) = (pend_at is null))
);
comment on table mes.counter is 'State of each counting machine: the last good value (baseline), and the reading that waits for one more.';
comment on column mes.counter.top_rate is 'Most the machine can do, in strokes or Wh per second.';

create table mes.counter_event (
  id bigint generated always as identity primary key,
  press text,
  meter text,
  n int not null,
  channel int not null,
  kind text not null constraint event_kind check (kind in ('wrap', 'reset', 'glitch', 'jump', 'gap', 'swap', 'late')),
  from_at timestamptz not null,
  at timestamptz not null,
  old_value bigint,
  new_value bigint,
  amount bigint not null constraint event_amount check (amount >= 0),
  held boolean not null default false,
  decided_act uuid references mes.act deferrable initially deferred,
  decided_count bigint,
  outbox int,
  number bigint,
  constraint event_once unique nulls not distinct (press, meter, n)
);
comment on table mes.counter_event is 'Every pair of readings that was not a plain step, with its evidence and who decided.';

create table mes.count (
  id bigint generated always as identity primary key,
  channel int not null,
  press text,
  measure text not null constraint count_measure check (measure in ('stroke', 'wh')),
  from_at timestamptz not null,
  at timestamptz not null,
  amount bigint not null constraint count_amount check (amount > 0),
  kind text not null constraint count_kind check (kind in ('step', 'wrap', 'reset', 'gap', 'swap', 'decided')),
  event bigint references mes.counter_event,
  outbox int,
  number bigint,
  recorded_at timestamptz not null default clock_timestamp()
);
create index count_press on mes.count (press, measure, at) include (amount);
create index count_channel on mes.count (channel, at);
comment on table mes.count is 'What each pair of readings added: strokes or Wh. Derived from signal.reading, can be derived again.';

-- L2 runs --------------------------------------------------------------------------------------------

create table mes.die_mount (
  id bigint generated always as identity primary key,
  press text not null references mes.press,
  die text not null references erp.die,
  span tstzrange not null,
  act uuid references mes.act deferrable initially deferred,
  constraint die_mount_press exclude using gist (press with =, span with &&),
  constraint die_mount_die exclude using gist (die with =, span with &&)
);

create table mes.run (
  id bigint generated always as identity primary key,
  press text not null references mes.press,
  die text not null references erp.die,
  span tstzrange not null,
  source text not null constraint run_source check (source in ('scan', 'assigned')),
  act uuid references mes.act deferrable initially deferred,
  constraint run_no_overlap exclude using gist (press with =, source with =, span with &&)
);
comment on column mes.run.source is 'scan: opened at the press. assigned: a supervisor gave unattributed strokes to an order; it owns only strokes that no scanned run owns.';

create table mes.run_segment (
  id bigint generated always as identity primary key,
  run bigint not null references mes.run,
  kind text not null constraint segment_kind check (kind in ('setup', 'first_article', 'production', 'trial', 'maintenance')),
  span tstzrange not null,
  act uuid references mes.act deferrable initially deferred,
  constraint run_segment_no_overlap exclude using gist (run with =, span with &&)
);

create table mes.run_output (
  id bigint generated always as identity primary key,
  run bigint not null references mes.run,
  item text not null references erp.item,
  operation bigint references erp.work_order_operation,
  constraint run_output_once unique (run, item)
);
comment on column mes.run_output.operation is 'Null: the die makes this part, but no order was scanned for it; its parts are unattributed.';

create table mes.segment_output (
  segment bigint not null references mes.run_segment,
  run_output bigint not null references mes.run_output,
  parts_num int not null,
  parts_den int not null constraint segment_output_den check (parts_den > 0),
  closed_reason text,
  primary key (segment, run_output)
);
comment on table mes.segment_output is 'Parts per stroke of each output within a segment; 0/1 while the output is closed, with the reason.';

create table mes.material_mount (
  id bigint generated always as identity primary key,
  press text not null references mes.press,
  item text not null,
  lot text not null,
  span tstzrange not null,
  act uuid references mes.act deferrable initially deferred,
  foreign key (item, lot) references erp.lot,
  constraint material_mount_no_overlap exclude using gist (press with =, item with =, span with &&)
);

-- L2 states and facts ----------------------------------------------------------------------------------

create table mes.press_state (
  press text not null references mes.press,
  span tstzrange not null,
  state text not null constraint press_state_state check (state in ('running', 'stopped', 'unknown')),
  constraint press_state_no_overlap exclude using gist (press with =, span with &&)
);
comment on table mes.press_state is 'What the press was doing; the open span is what it is doing now. Unknown is a state.';

create table mes.press_watch (
  press text primary key references mes.press,
  last_seen timestamptz,
  last_stroke timestamptz,
  last_running boolean,
  bad_since timestamptz,
  dirty_from timestamptz
);

create table mes.stop_reason (
  id bigint generated always as identity primary key,
  press text not null references mes.press,
  span tstzrange not null,
  reason text not null,
  act uuid references mes.act deferrable initially deferred,
  constraint stop_reason_no_overlap exclude using gist (press with =, span with &&)
);

create table mes.fact_minute (
  press text not null references mes.press,
  minute timestamptz,
  segment bigint references mes.run_segment,
  strokes bigint not null default 0,
  running_s numeric not null default 0,
  stopped_s numeric not null default 0,
  unknown_s numeric not null default 0,
  run_wh bigint not null default 0,
  idle_wh bigint not null default 0,
  constraint fact_minute_once unique nulls not distinct (press, minute, segment)
);
comment on table mes.fact_minute is 'Additive facts; a null minute holds strokes of a gap, a null segment what no run owns.';
create index fact_minute_segment on mes.fact_minute (segment);

-- L3 postings ------------------------------------------------------------------------------------------

create table mes.posting (
  id bigint generated always as identity primary key,
  run_output bigint not null references mes.run_output,
  shift bigint references mes.shift,
  kind text not null constraint posting_kind check (kind in ('good', 'excess', 'setup', 'trial', 'maintenance', 'scrap', 'rework', 'sample', 'adjust', 'unattributed')),
  reason text,
  qty bigint not null constraint posting_qty check (qty <> 0),
  report bigint references erp.production_report,
  reverses bigint unique references mes.posting,
  idempotency_key text not null unique,
  at timestamptz not null,
  who text not null,
  recorded_at timestamptz not null default clock_timestamp()
);
create index posting_run_output on mes.posting (run_output);
create index posting_report on mes.posting (report);
create trigger posting_append_only before update or delete on mes.posting
  for each row execute function erp.refuse_change();
create trigger act_append_only before update or delete on mes.act
  for each row execute function erp.refuse_change();

create table mes.timer (
  name text primary key,
  due timestamptz not null
);
comment on table mes.timer is 'When the bridge next has to do something by the clock.';
