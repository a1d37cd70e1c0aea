-- After-effects: what is to be done after an act or by the clock is a row written with its cause.

create table people.job (
  id bigint generated always as identity primary key,
  kind text not null,
  key text not null,
  queue text,
  args jsonb not null default '{}',
  made_at timestamptz not null,
  due timestamptz not null,
  tries integer not null default 0,
  error text,
  failed_at timestamptz,
  act uuid,
  constraint job_once unique (kind, key),
  constraint job_tries check (tries >= 0),
  constraint job_failed_says_why check (failed_at is null or error is not null)
);
comment on table people.job is 'What is still to be done: written in the transaction of its cause, gone with the transaction of its effect.';
comment on column people.job.key is 'Names the cause within its kind; the same cause again is the same job.';
comment on column people.job.queue is 'Jobs of one queue are done in their order, by one worker at a time, several at once where the kind can.';
comment on column people.job.due is 'Not before then; after a failure the instant of the next try.';
comment on column people.job.tries is 'How often it failed.';
comment on column people.job.error is 'Why the last try failed.';
comment on column people.job.failed_at is 'Since when nobody tries it any more; null while it is tried.';
comment on column people.job.act is 'The act that it follows, if any.';
create index job_due on people.job (due, id) where failed_at is null;
create index job_queue on people.job (queue, due) where queue is not null;

insert into people.role_right (role, may)
select r.role, a.may
from (values ('leader'), ('it'), ('manager')) r (role)
cross join (values ('job.see'), ('job.retry'), ('job.drop')) a (may);
