-- Group robots (WeCom, DingTalk, Feishu) that are told of notices, and what they were told.

create table people.robot (
  name text primary key,
  platform text not null,
  address text not null,
  secret text,
  language text not null,
  notice_kinds text[] not null default '{}',
  active boolean not null default true,
  constraint robot_platform check (platform in ('wecom', 'dingtalk', 'feishu')),
  constraint robot_language check (language in ('zh', 'en'))
);
comment on column people.robot.address is 'Whoever has it can write to the group: it is shown to nobody.';
comment on column people.robot.secret is 'With which the platform wants its messages signed.';
comment on column people.robot.notice_kinds is 'Which kinds of notices it is told of.';

create table people.robot_sent (
  id bigint generated always as identity primary key,
  robot text not null references people.robot on delete cascade,
  at timestamptz not null,
  notices integer not null,
  answer text not null
);
comment on table people.robot_sent is 'What a robot''s platform took; what it refused stands with the job.';
create index robot_sent_at on people.robot_sent (robot, at);

insert into people.role_right (role, may)
select r.role, a.may
from (values ('it'), ('manager')) r (role)
cross join (values ('robot.see'), ('robot.create'), ('robot.change'), ('robot.test'), ('robot.remove')) a (may);
