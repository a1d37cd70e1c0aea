-- Notices: read by whom, and whose they become when nobody sees to them.

create table people.notice_kind (
  code text primary key,
  minutes integer,
  next_role text references people.role,
  constraint notice_kind_minutes check (minutes between 1 and 43200),
  constraint notice_kind_whole check ((minutes is null) = (next_role is null))
);
comment on table people.notice_kind is 'After how many minutes an open notice of a kind is told to the next role too; null: never.';

insert into people.notice_kind values
  ('report', 240, 'manager'), ('unattributed', 240, 'manager'), ('first_article', 60, 'manager'),
  ('press_behind', 15, 'it'), ('signal_unlisted', 1440, 'manager'), ('act_undated', 1440, 'manager'),
  ('stock_below_zero', 1440, 'manager'), ('coil_over_weight', 1440, 'manager'),
  ('order_without_material', 480, 'manager'), ('job_failed', 60, 'it');

alter table people.notice
  add column escalated_at timestamptz,
  add column escalated_to text references people.role,
  add constraint notice_escalated_whole check ((escalated_at is null) = (escalated_to is null));
comment on column people.notice.escalated_to is 'The role that it was told to as well, because nobody had seen to it.';

create table people.notice_read (
  notice bigint not null references people.notice on delete cascade,
  who text not null references people.person,
  at timestamptz not null,
  primary key (notice, who)
);
comment on table people.notice_read is 'Who has read what waits, and when first; told again, it is unread again.';

insert into people.role_right (role, may)
select r.role, a.may
from (values ('it'), ('manager')) r (role) cross join (values ('notice_kind.see'), ('notice_kind.change')) a (may);
