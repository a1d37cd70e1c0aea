-- Rows about a customer are seen by who may see that customer, whatever a page forgets: row security, where the roles
-- are. Who asks is told by people.customers(); both its functions are run once a statement, never once a row. What is
-- always true is left out of a plan: those who see everything keep every index. A policy that is as it should be
-- stays: making one waits for every reader of its table.
do $$
declare
  each record;
  mark text;
  every constant text := '(select people.every_customer())';
  own constant text := '(select people.customers())::text[]'; -- the cast makes it an array, no rows to look through
  document constant text := format('not starts_with(document, ''partner/'') or %s or substr(document, 9) = any (%s)', every, own);
  -- What a policy was to say and what the server made of it: one that was altered is made again.
  mark_of constant text := 'select md5($1) || md5(concat(pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid),
    polroles::regrole[])) from pg_policy where polrelid = $2 and polname = $3';
begin
  if not exists (select from pg_roles where rolname = 'pressline_owner') then
    return;
  end if;
  for each in
    select t.name::regclass as name, p.policy,
           format('to %s using (%s)', p.who, p.seen) || coalesce(' with check (' || p.kept || ')', '') as text
    from (values -- whether the owner's views and functions obey as well, which rows are seen, which are written
      ('erp.partner', true, format('%s or code = any (%s)', every, own), null),
      ('people.act', false, format('customers = ''{}'' or %s or customers <@ %s', every, own), null),
      ('people.act_about', false, document, null),
      ('people.change', true, format('case "table" when ''erp.partner'' then %s or key = any (%s)
            when ''people.attachment'' then exists (select from people.attachment a where a.id = key::bigint) else true end', every, own), null),
      ('people.attachment', true, document, null),
      ('people.file', true, 'exists (select from people.attachment a where a.sha256 = file.sha256)', 'true')
    ) t (name, owner_too, seen, kept)
    cross join lateral (values
      ('customers', 'pressline_web' || case when t.owner_too then ', pressline_owner' else '' end, t.seen, t.kept),
      ('programs', 'pressline_bridge' || case when t.owner_too then '' else ', pressline_owner' end, 'true', null)
    ) p (policy, who, seen, kept)
  loop
    execute mark_of into mark using each.text, each.name, each.policy;
    continue when mark = (select obj_description(o.oid, 'pg_policy') from pg_policy o join pg_class c on c.oid = o.polrelid
                          where o.polrelid = each.name and o.polname = each.policy
                            and c.relrowsecurity and c.relforcerowsecurity);
    execute format('alter table %s enable row level security, force row level security', each.name);
    execute format('drop policy if exists %I on %s', each.policy, each.name);
    execute format('create policy %I on %s %s', each.policy, each.name, each.text);
    execute mark_of into mark using each.text, each.name, each.policy;
    execute format('comment on policy %I on %s is %L', each.policy, each.name, mark);
  end loop;

  -- Policies add up: another one for the web or for everybody would show what these hide. Those of a plant's own roles stay.
  for each in
    select o.polrelid::regclass as name, o.polname from pg_policy o join pg_policy ours using (polrelid)
    where ours.polname = 'programs' and o.polname not in ('customers', 'programs')
      and o.polroles && array[0::oid, 'pressline_web'::regrole::oid, 'pressline_owner'::regrole::oid]
  loop
    execute format('drop policy %I on %s', each.polname, each.name);
  end loop;
end $$;
