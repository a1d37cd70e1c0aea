-- What everybody may do in a new database and only the programs need; run by who administers the server,
-- after the roles are made. What roles may do to tables is in views/90_grants.sql.

do $$
declare
  each record;
  everywhere text := current_database();
begin
  execute format('revoke create, temporary on database %I from public', everywhere);
  for each in
    select rolname from pg_roles
    where rolname in ('pressline_owner', 'pressline_ingest', 'pressline_bridge', 'pressline_web')
  loop
    execute format('grant connect, temporary on database %I to %I', everywhere, each.rolname);
  end loop;

  -- Advisory locks that others wait for, and large objects that fill the disk: what a reader could do without
  -- any right on a table. These functions are the server's own, so only a superuser takes them from everybody.
  if (select rolsuper from pg_roles where rolname = current_user) then
    for each in
      select oid::regprocedure as name from pg_proc
      where pronamespace = 'pg_catalog'::regnamespace
        and (proname ~ '^pg_(try_)?advisory_' or proname ~ '^lo_?(creat|create|from_bytea|put|open|write|import|truncate|truncate64|unlink|export)$')
    loop
      execute format('revoke execute on function %s from public', each.name);
    end loop;
  end if;
end $$;

-- What was made before there was an owner is the owner's from now on.
do $$
declare
  each record;
  ours text[] := array['signal', 'erp', 'mes', 'board', 'people', 'plant', 'planning', 'plantwork'];
begin
  if not exists (select from pg_roles where rolname = 'pressline_owner') then
    return;
  end if;
  execute format('alter database %I owner to pressline_owner', current_database());
  if exists (select from pg_available_extensions where name = 'timescaledb')
     and current_setting('shared_preload_libraries') like '%timescaledb%' then
    create extension if not exists timescaledb;
  end if;
  for each in
    select format('schema %I', nspname) as what from pg_namespace where nspname = any(ours)
    union all
    select format('%s %s', case c.relkind when 'v' then 'view' when 'm' then 'materialized view'
                           when 'S' then 'sequence' else 'table' end, c.oid::regclass)
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where (n.nspname = any(ours) or n.nspname = 'public' and c.relname in ('migration', 'set_aside'))
      and c.relkind in ('r', 'p', 'v', 'm', 'S')
      and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid
                      and d.deptype in ('e', 'i') or c.relkind = 'S' and d.objid = c.oid and d.deptype = 'a')
    union all
    select format('routine %s', p.oid::regprocedure)
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where n.nspname = any(ours)
      and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
  loop
    execute format('alter %s owner to pressline_owner', each.what);
  end loop;
end $$;
