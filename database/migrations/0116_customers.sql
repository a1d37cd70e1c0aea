-- Customers that a person works for; acts and changes that are about one are read by who may see it.

alter table people.person add column customers text[] not null default '{}';
comment on column people.person.customers is 'Partners whose data this person may see; empty means every one''s.';

-- What is looked for in acts stands in plain columns: under row security a condition on JSON or an array finds no index.
drop index people.act_about;
drop index people.act_undone;

create function people.partners_of(about text[]) returns text[]
language sql immutable parallel safe as $$
  select array(select substr(a, 9) from unnest(about) a where starts_with(a, 'partner/'))
$$;

alter table people.act
  add column undoes uuid generated always as (
    case when act = 'undo' then replace(args ->> 'act', 'urn:uuid:', '')::uuid end) stored,
  add column customers text[] not null generated always as (people.partners_of(about)) stored;
comment on column people.act.undoes is 'The act that it took back.';
create index act_undoes on people.act (undoes) where undoes is not null;
comment on column people.act.customers is 'The partners that it is about: who may not see them all does not see it.';

create table people.act_about (
  document text not null,
  act uuid not null references people.act,
  primary key (document, act)
);
comment on table people.act_about is 'Acts by the documents (`noun/key`) that they are about, written by trigger.';
insert into people.act_about (document, act)
select distinct d, id from people.act, unnest(about) d;

create function people.write_about() returns trigger
language plpgsql as $$
begin
  insert into people.act_about (document, act) select distinct d, a.id from added a, unnest(a.about) d;
  return null;
end $$;
create trigger act_about_written after insert on people.act referencing new table as added
  for each statement execute function people.write_about();
create trigger act_about_append_only before update or delete on people.act_about
  for each row execute function people.refuse_change();

-- Who asks: the session or token that was shown, looked up anew in each statement. A name alone proves nothing, and
-- what is kept of a session does not open it.
create function people.asking() returns text
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select p.code
  from (select encode(sha256(convert_to(current_setting('pressline.session', true), 'UTF8')), 'hex') as shown) h
  cross join lateral (
    select s.person from people.session s where s.token_hash = h.shown and s.ended is null
    union all
    select t.person from people.token t where t.token_hash = h.shown and t.ended is null
    limit 1) e
  join people.person p on p.code = e.person and p.active
$$;
comment on function people.asking() is 'The person whose session or token is in `pressline.session`; null: nobody''s.';

create function people.no_person_asks() returns boolean
language sql stable set search_path = pg_catalog, pg_temp as $$
  select session_user = 'pressline_bridge'
      or exists (select from pg_roles r where r.rolname = session_user
                 and (r.rolsuper or exists (select from pg_roles o where o.rolname = 'pressline_owner'
                                            and pg_has_role(r.oid, o.oid, 'member'))))
$$;
comment on function people.no_person_asks() is 'Whether a program without people is connected, which sees everything, whatever role it has put on.';

create function people.every_customer() returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select people.no_person_asks()
      or coalesce((select p.customers = '{}' from people.person p where p.code = people.asking()), false)
$$;
comment on function people.every_customer() is 'Whether who asks sees every customer: a program without people, or a person who is bound to none.';

create function people.customers() returns text[]
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select coalesce((select p.customers from people.person p where p.code = people.asking()), '{}')
$$;
comment on function people.customers() is 'The partners that the person who asks is bound to.';
-- Who is bound to a partner would see the next one of that code.
create function people.refuse_bound() returns trigger
language plpgsql as $$
begin
  if exists (select from people.person p where old.code = any (p.customers)) then
    raise foreign_key_violation using message = format('somebody is bound to partner %s', old.code);
  end if;
  return old;
end $$;
create trigger partner_bound before delete on erp.partner for each row execute function people.refuse_bound();

revoke execute on function people.asking(), people.every_customer(), people.customers() from public;

insert into people.role_right (role, may) values ('it', 'person.customers'), ('manager', 'person.customers');
