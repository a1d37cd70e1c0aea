-- The date of a shift that crosses midnight is the plant's setting; a changed pattern knows since when it holds.

alter table mes.plant
  add column shift_date text not null default 'began' constraint plant_shift_date check (shift_date in ('began', 'ended')),
  add column pattern_since timestamptz not null default '-infinity';
comment on column mes.plant.shift_date is 'Whether a shift that crosses midnight belongs to the date it began or ended. Shifts that are there keep theirs.';
comment on column mes.plant.pattern_since is 'Since when the shift pattern is the one that it is.';
comment on column mes.shift.date is 'The date that the shift belongs to: on which it began, or ended, as the plant had it when the shift was made.';

-- Where the setting is turned back, two nights may have the same date; no two shifts have the same instant.
alter table mes.shift drop constraint shift_once;
create index shift_date on mes.shift (date, code);
