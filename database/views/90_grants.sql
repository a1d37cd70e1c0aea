-- What each role may do; the roles are made by `pressline roles`, the board's also by `pressline board-role`.
-- Functions with their owner's rights are for those who are named here.
revoke execute on all functions in schema board from public;

do $$
declare
  each record;
begin
  for each in
    select g.* from (values
      ('board', 'board', 'select'),
      ('pressline_ingest', 'signal', 'select, insert, update, delete'),
      ('pressline_bridge', 'signal', 'select'),
      ('pressline_bridge', 'people', 'select, insert, update, delete'),
      ('pressline_bridge', 'plant', 'select, insert, update, delete'),
      ('pressline_bridge', 'erp', 'select, insert, update, delete'),
      ('pressline_bridge', 'mes', 'select, insert, update, delete'),
      ('pressline_bridge', 'board', 'select'),
      ('pressline_web', 'signal', 'select, insert, update, delete'), -- takes messages in again
      ('pressline_web', 'people', 'select, insert, update, delete'),
      ('pressline_web', 'plant', 'select, insert, update, delete'),
      ('pressline_web', 'erp', 'select, insert, update, delete'),
      ('pressline_web', 'mes', 'select, insert, update, delete'),
      ('pressline_web', 'board', 'select')
    ) g (role, folder, rights)
    join pg_roles on rolname = g.role
    join pg_namespace on nspname = g.folder
  loop
    execute format('grant usage on schema %I to %I', each.folder, each.role);
    execute format('grant %s on all tables in schema %I to %I', each.rights, each.folder, each.role);
    execute format('grant execute on all functions in schema %I to %I', each.folder, each.role);
    if each.rights <> 'select' then
      execute format('grant usage on all sequences in schema %I to %I', each.folder, each.role);
    end if;
  end loop;

  -- What is append-only is written once, by whomever.
  for each in
    select distinct tgrelid::regclass as name, rolname from pg_trigger, pg_roles
    where tgfoid = 'people.refuse_change()'::regprocedure
      and rolname in ('pressline_ingest', 'pressline_bridge', 'pressline_web')
  loop
    execute format('revoke update, delete on %s from %I', each.name, each.rolname);
  end loop;

  for each in
    select rolname from pg_roles where rolname in ('pressline_ingest', 'pressline_bridge', 'pressline_web')
  loop
    execute format('grant select on public.migration to %I', each.rolname);
  end loop;
end $$;
