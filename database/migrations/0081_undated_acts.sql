-- Acts of a device whose clock cannot be believed: kept with both times for a leader, and not done.

create table mes.undated_act (
  id uuid primary key,
  who text not null,
  press text not null references plant.press,
  act text not null,
  args jsonb not null,
  at timestamptz not null,
  heard timestamptz,
  came timestamptz not null,
  settled_at timestamptz,
  settled_by text
);
comment on table mes.undated_act is 'What people did at a press at a time that cannot be told; nothing of it is in the books.';
comment on column mes.undated_act.at is 'When it was done by the clock of the device.';
comment on column mes.undated_act.heard is 'The server''s time that the device had heard last before; it was done between this and came. Null: it told none.';

insert into people.role_right (role, may)
select r.role, a.may
from (values ('leader'), ('manager')) r (role) cross join (values ('undated.see'), ('undated.settle')) a (may);
