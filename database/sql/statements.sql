-- A view as statements: what it is, whose, its indexes, remarks and rights.
select array[
  format('create %%s %%I.%%I%%s as %%s', case c.relkind when 'm' then 'materialized view' else 'view' end,
         n.nspname, c.relname, ' with (' || array_to_string(c.reloptions, ', ') || ')',
         rtrim(pg_catalog.pg_get_viewdef(c.oid), ';')),
  format('alter table %%I.%%I owner to %%I', n.nspname, c.relname, pg_catalog.pg_get_userbyid(c.relowner))]
  || array(select pg_catalog.pg_get_indexdef(indexrelid) from pg_catalog.pg_index where indrelid = c.oid)
  || array(select case when d.objsubid = 0
      then format('comment on %%s %%I.%%I is %%L', case c.relkind when 'm' then 'materialized view' else 'view' end, n.nspname, c.relname, d.description)
      else format('comment on column %%I.%%I.%%I is %%L', n.nspname, c.relname, a.attname, d.description) end
    from pg_catalog.pg_description d left join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = d.objsubid
    where d.objoid = c.oid and d.classoid = 'pg_catalog.pg_class'::regclass)
  || array(select format('grant %%s on %%I.%%I to %%s%%s', x.privilege_type, n.nspname, c.relname,
        case x.grantee when 0 then 'public' else quote_ident(pg_catalog.pg_get_userbyid(x.grantee)) end,
        case when x.is_grantable then ' with grant option' else '' end)
      from pg_catalog.aclexplode(c.relacl) x where x.grantee <> c.relowner)
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.oid = %(oid)s::oid
