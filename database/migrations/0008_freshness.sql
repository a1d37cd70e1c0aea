-- How fresh each node's data is, and who took what out of quarantine.

alter table signal.node
  add column heard timestamptz,
  add column newest bigint,
  add column clock_offset real,
  add column clock_spread real;
comment on column signal.node.heard is 'When the host last heard the node (a few seconds old at most).';
comment on column signal.node.newest is 'Highest record number the node was heard to have; of its outbox in force.';
comment on column signal.node.clock_offset is 'Node''s clock minus host''s, in s: the most that any message of the last minute allows, since delay only makes it look less.';
comment on column signal.node.clock_spread is 'How far that figure wandered within the minute, in s: its uncertainty.';

alter table signal.quarantine
  add column kind text not null default 'other',
  add column node text not null generated always as (split_part(topic, '/', 2) || '/' || split_part(topic, '/', 4)) stored;
comment on column signal.quarantine.kind is 'Class of the reason, one of a few; what lay there before classes were kept is other.';
create index quarantine_node on signal.quarantine (node, id);
create index quarantine_kind on signal.quarantine (kind, id);

create table signal.replay (
  id bigint generated always as identity primary key,
  at timestamptz not null,
  who text not null,
  message bigint not null,
  topic text not null,
  arrived timestamptz not null,
  why text not null,
  taken int,
  stays text,
  constraint replay_outcome check ((taken is null) <> (stays is null))
);
comment on table signal.replay is 'Each try to take a message out of quarantine, append-only: who, when, and what became of it.';
comment on column signal.replay.why is 'Why it was in quarantine.';
comment on column signal.replay.taken is 'Readings written; null: it stays, and stays says why.';
create index replay_message on signal.replay (message);
create trigger replay_append_only before update or delete on signal.replay
  for each row execute function erp.refuse_change();
