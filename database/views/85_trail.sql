-- What people change is written down by the database: table, columns of its key, columns never told by value.
do $$
declare
  each record;
  told text;
begin
  for each in
    select format('%I.%I', s.folder, s.name)::regclass as name, s.name as plain, s.keys, s.secret
    from (values
      ('people', 'person', 'code', 'pin_hash,badge'),
      ('people', 'token', 'id', 'token_hash'),
      ('people', 'attachment', 'id', ''),
      ('people', 'role', 'code', ''),
      ('people', 'role_right', 'role,may', ''),
      ('people', 'notice_kind', 'code', ''),
      ('people', 'robot', 'name', 'address,secret'),
      ('plant', 'site', 'site', ''),
      ('plant', 'line', 'name', ''),
      ('plant', 'press', 'name', ''),
      ('plant', 'meter', 'name', ''),
      ('plant', 'shift_pattern', 'code', ''),
      ('erp', 'item', 'code', ''),
      ('erp', 'bom', 'item,version', ''),
      ('erp', 'bom_line', 'item,version,component', ''),
      ('erp', 'routing', 'item,seq', ''),
      ('erp', 'die', 'code', ''),
      ('erp', 'die_output', 'die,item,from_at', ''),
      ('erp', 'die_press', 'die,press', ''),
      ('erp', 'location', 'code', ''),
      ('erp', 'reason', 'kind,code', ''),
      ('erp', 'change_order', 'code', ''),
      ('erp', 'partner', 'code', ''),
      ('erp', 'work_order', 'code', '')
    ) s (folder, name, keys, secret)
  loop
    told := format('%L, %L', each.keys, each.secret);
    continue when exists (select from pg_trigger t where t.tgrelid = each.name and t.tgname = each.plain || '_added_told'
                          and t.tgnargs = 2);
    execute format('create trigger %I after insert on %s referencing new table as added
                    for each statement execute function people.write_change(%s)', each.plain || '_added_told', each.name, told);
    execute format('create trigger %I after update on %s referencing new table as added old table as removed
                    for each statement execute function people.write_change(%s)', each.plain || '_changed_told', each.name, told);
    execute format('create trigger %I after delete on %s referencing old table as removed
                    for each statement execute function people.write_change(%s)', each.plain || '_removed_told', each.name, told);
  end loop;
end $$;
