-- Who comes in: devices that are known, people who have left, and wrong tries counted by where they were made.

create table erp.device (
  id bigint generated always as identity primary key,
  token_hash text not null unique,
  since timestamptz not null,
  person text not null references erp.person
);
comment on table erp.device is 'Browsers on which somebody has signed in: they are shown names, and strangers'' wrong PINs do not count there.';

alter table erp.login add column device bigint references erp.device;
comment on column erp.login.device is 'The known device; null: a stranger''s, told apart by its address.';
drop index erp.login_person;
create index login_at on erp.login (at);
create index session_open on erp.session (person) where ended is null;

alter table erp.person
  add column left_at timestamptz,
  add column left_by text,
  add column pin_by text;
comment on column erp.person.left_by is 'Who said so; pressline: the masters file names the person no more, and brings them back when it does again.';
comment on column erp.person.pin_by is 'Who set the PIN; what somebody set, the masters file does not put back.';

create table erp.person_act (
  id uuid primary key,
  at timestamptz not null,
  who text not null references erp.person,
  person text not null references erp.person,
  act text not null constraint person_act_known check (act in ('leave', 'pin'))
);
comment on table erp.person_act is 'What was done about people, append-only.';
create trigger person_act_append_only before update or delete on erp.person_act
  for each row execute function erp.refuse_change();
