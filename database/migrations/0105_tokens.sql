-- Tokens with which programs of a person make calls: kept as a hash, with rights no wider than the person's.

create table people.token (
  id bigint generated always as identity primary key,
  token_hash text not null unique,
  person text not null references people.person,
  name text not null,
  rights text[] not null,
  made timestamptz not null,
  ends timestamptz not null,
  ended timestamptz,
  ended_by text,
  constraint token_span check (ends > made)
);
comment on table people.token is 'What a program of a person may: these rights, as far as the person has them at each use.';
comment on column people.token.ended is 'When it was ended before its time: by an act, or with the person.';
create unique index token_open on people.token (person, name) where ended is null;

create table people.token_use (
  token bigint primary key references people.token,
  at timestamptz not null,
  address text
);
comment on table people.token_use is 'When each token was used last, to the minute, and from where.';

alter table people.act add column token bigint references people.token;
comment on column people.act.token is 'The token by which a program did it for the person; null: the person did.';

alter table people.sign_in drop constraint login_method;
alter table people.sign_in add constraint login_method check (method in ('badge', 'pin', 'token'));
comment on table people.sign_in is 'Every attempt to sign in, also the refused ones, and calls with a wrong token; given is the badge or person code, never a PIN or a token.';

insert into people.role_right (role, may)
select r.role, a.may
from (values ('planner'), ('it'), ('manager')) r (role) cross join (values ('token.create'), ('token.end')) a (may);
insert into people.role_right (role, may) values ('it', 'token.see'), ('manager', 'token.see');
