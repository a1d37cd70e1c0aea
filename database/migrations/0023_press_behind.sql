-- One press's trouble is its own: it is set aside, with marks of its own, and the others go on.
create table mes.press_behind (
  owner text primary key,
  since timestamptz not null,
  again timestamptz not null,
  tries int not null default 0,
  reason text
);
comment on table mes.press_behind is 'Presses (and meters of no one press) whose readings wait: held by somebody else, or they could not be taken in.';
comment on column mes.press_behind.reason is 'What went wrong; null: another transaction held the press.';

create table mes.press_mark (
  owner text references mes.press_behind on delete cascade,
  outbox int references signal.outbox,
  number bigint not null,
  arrived timestamptz not null,
  primary key (owner, outbox)
);
comment on table mes.press_mark is 'How far the readings of a press that is set aside were taken in; without a row, mes.mark holds.';

alter table mes.timer add column again timestamptz, add column tries int not null default 0, add column reason text;
comment on column mes.timer.again is 'Not before then, where it could not be done when it was due.';
