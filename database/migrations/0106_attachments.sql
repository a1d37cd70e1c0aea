-- Files that hang on documents: bytes once by their content, in the database so that its backup has them.

create table people.file (
  sha256 text primary key,
  type text not null,
  bytes bytea not null,
  constraint file_size check (octet_length(bytes) between 1 and 10485760)
);
alter table people.file alter column bytes set storage external; -- images and PDF are compressed already
comment on table people.file is 'What was attached, once by its content, also when no document has it any more; type by its first bytes.';

create table people.attachment (
  id bigint generated always as identity primary key,
  document text not null,
  name text not null,
  version integer not null,
  sha256 text not null references people.file,
  size integer not null,
  person text not null,
  at timestamptz not null,
  removed timestamptz,
  unique (document, name, version)
);
comment on table people.attachment is 'A file on a document (`noun/key`); the same name again is its next version.';
comment on column people.attachment.removed is 'When it was taken off the document; the bytes stay.';

insert into people.role_right (role, may)
select r.role, a.may
from (values ('leader'), ('planner'), ('warehouse'), ('quality'), ('manager')) r (role)
cross join (values ('attachment.add'), ('attachment.remove')) a (may);
