-- Energy of time in which nobody saw what the press did is neither of running nor of idling.
alter table mes.fact_minute add column unknown_wh bigint not null default 0;
comment on column mes.fact_minute.unknown_wh is 'Counted over unseen time, or while the state of the press was unknown.';
