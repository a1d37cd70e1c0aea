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
begin
  if not exists (select from pg_roles where rolname = 'pressline_owner') then
    return;
  end if;
  for each in
    select p.name::regclass as name, p.policy, format('%s using (%s)', p.rest, p.seen) || coalesce(' with check (' || p.kept || ')', '') as text
    from (
      select t.name, 'customers', 'to pressline_web' || case when t.owner_too then ', pressline_owner' else '' end, t.seen, t.kept
      from (values
        ('erp.partner', true, format('%s or code = any (%s)', every, own), null),
        ('people.act', false, format('customers = ''{}'' or %s or customers <@ %s', every, own), null),
        ('people.act_about', false, document, null),
        ('people.change', true, format('case "table" when ''erp.partner'' then %s or key = any (%s)
            when ''people.attachment'' then exists (select from people.attachment a where a.id = key::bigint) else true end', every, own), null),
        ('people.attachment', true, document, null),
        ('people.file', true, 'exists (select from people.attachment a where a.sha256 = file.sha256)', 'true')
      ) t (name, owner_too, seen, kept)
      union all
      select t.name, 'programs', 'to pressline_bridge' || case when t.owner_too then '' else ', pressline_owner' end, 'true', null
      from (values ('erp.partner', true), ('people.act', false), ('people.act_about', false), ('people.change', true),
                   ('people.attachment', true), ('people.file', true)) t (name, owner_too)
    ) p (name, policy, rest, seen, kept)
  loop
    continue when exists (
      select from pg_policy o join pg_class c on c.oid = o.polrelid
      where c.oid = each.name and c.relrowsecurity and c.relforcerowsecurity and o.polname = each.policy
        and obj_description(o.oid, 'pg_policy') = md5(each.text) || md5(concat(pg_get_expr(o.polqual, o.polrelid), pg_get_expr(o.polwithcheck, o.polrelid), o.polroles::regrole[])));
    execute format('alter table %s enable row level security, force row level security', each.name);
    execute format('drop policy if exists %I on %s', each.policy, each.name);
    execute format('create policy %I on %s %s', each.policy, each.name, each.text);
    -- What it says and what the server made of it: one that was altered is made again.
    select md5(each.text) || md5(concat(pg_get_expr(o.polqual, o.polrelid), pg_get_expr(o.polwithcheck, o.polrelid), o.polroles::regrole[]))
      into mark from pg_policy o where o.polrelid = each.name and o.polname = each.policy;
    execute format('comment on policy %I on %s is %L', each.policy, each.name, mark);
  end loop;

  for each in
    select polrelid::regclass as name, polname from pg_policy join pg_class c on c.oid = polrelid
    where c.relnamespace in ('erp'::regnamespace, 'people'::regnamespace)
      and (polname not in ('customers', 'programs') or not polrelid = any (array[
        'erp.partner', 'people.act', 'people.act_about', 'people.change', 'people.attachment', 'people.file']::regclass[]))
  loop
    execute format('drop policy %I on %s', each.polname, each.name);
  end loop;
end $$;
