-- Quarantine is bounded; what was not kept is counted and told.

alter table signal.quarantine add column size int;
update signal.quarantine set size = length(payload) where length(payload) >= 1048576; -- was cut there
alter table signal.quarantine
  add column again boolean not null generated always as (
    split_part(topic, '/', 3) in ('NDATA', 'DDATA') and kind not in ('undecodable', 'impossible_time')
    and size is null) stored;
comment on column signal.quarantine.size is 'Bytes that came, where only the first of them were kept; null: payload is whole.';
comment on column signal.quarantine.again is 'Whether taking it in again can change anything: whole data, refused for what may be mended.';
create index quarantine_again on signal.quarantine (id) where again;

create table signal.unkept (
  day date not null,
  node text not null,
  kind text not null,
  why text not null constraint unkept_why check (why in ('rate', 'room', 'age')),
  messages bigint not null check (messages > 0),
  bytes bigint not null check (bytes >= 0),
  first timestamptz not null,
  last timestamptz not null,
  primary key (day, node, kind, why),
  constraint unkept_order check (first <= last)
);
comment on table signal.unkept is 'Messages that quarantine did not keep, or keeps no longer, by UTC day, node and class of reason.';
comment on column signal.unkept.node is 'site/name; empty: too many senders to name each.';
comment on column signal.unkept.why is 'rate: more came in a minute than is kept; room: others were kept instead; age: kept for its time.';
comment on column signal.unkept.first is 'When the first of them came.';
