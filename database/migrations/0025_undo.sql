-- What people told is taken back by acts of its own, never by changing what was written.

create view mes.scrap_told as
select a.id as act, (a.outcome ->> 'run_output')::bigint as run_output, a.press,
  coalesce((a.outcome ->> 'told_at')::timestamptz, a.at) as at,
  (a.outcome ->> 'qty')::bigint as qty, coalesce(a.outcome ->> 'reason', a.args ->> 'reason') as reason
from mes.act a
where a.act in ('scrap', 'undo') and a.outcome ? 'run_output';
comment on view mes.scrap_told is 'Parts that people declared to be scrap, less than 0 where they took that back; at: when it was told first.';
