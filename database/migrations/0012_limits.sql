-- What nobody may do beside the program: hold its locks.

create table signal.host (
  id text primary key,
  pid int not null,
  started timestamptz not null
);
comment on table signal.host is 'Which session is at work as a Sparkplug host. A lock that anybody may take could be held by anybody.';
comment on column signal.host.started is 'When that session began: a process id comes again.';

-- The session is there, and one that may write: a reader who gets the process id of a host that is gone is none.
-- What another role may not see of it (null) counts for it.
create function signal.is_at_work(host_id text) returns boolean language sql volatile set search_path = '' as $$
  select exists (
    select from signal.host h
    join pg_catalog.pg_stat_activity a on a.pid = h.pid and a.datname = current_database()
    where h.id = host_id and (a.backend_start = h.started or a.backend_start is null)
      and has_table_privilege(a.usesysid, 'signal.host', 'update'))
$$;
comment on column signal.node.host is 'Host id that serves the node. Another one may take it once no session is at work as this one (signal.host).';

create unlogged table mes.act_claim (
  id uuid primary key
);
comment on table mes.act_claim is 'Acts being done: the second of one id waits here for the first. Empty but for a moment.';
