-- A queue of jobs is a row that a worker locks. Programs may take no advisory locks (sql/rights.sql).
create table people.work_queue (name text primary key);
comment on table people.work_queue is 'Queues of people.job; whoever has locked the row is at work on its jobs.';
insert into people.work_queue select distinct queue from people.job where queue is not null;
