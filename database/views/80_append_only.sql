-- What refuses to be changed or deleted refuses to be emptied, too: every such table, also those to come.
do $$
declare
  each record;
begin
  for each in
    select distinct c.oid::regclass as name, c.relname from pg_trigger t join pg_class c on c.oid = t.tgrelid
    where t.tgfoid = 'people.refuse_change()'::regprocedure
      and not exists (select from pg_trigger e where e.tgrelid = c.oid and e.tgfoid = t.tgfoid and e.tgtype & 32 > 0)
  loop
    execute format('create trigger %I before truncate on %s for each statement execute function people.refuse_change()',
                   each.relname || '_never_emptied', each.name);
  end loop;
end $$;
