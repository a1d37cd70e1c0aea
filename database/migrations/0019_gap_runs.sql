-- Many short gaps are one event with a count (docs/counting.md).

alter table mes.counter_event
  add column gaps int not null default 1 constraint event_gaps check (gaps >= 1 and (gaps = 1 or kind = 'gap'));
comment on column mes.counter_event.gaps is 'How many short gaps in a row it is: `amount` is what came in all of them, from the first to the last.';
