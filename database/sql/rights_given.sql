-- What others were given on a view or function of ours, as statements.
select array(
  select format('grant %%s on %%s to %%s%%s', x.privilege_type, each.what,
                case x.grantee when 0 then 'public' else quote_ident(pg_catalog.pg_get_userbyid(x.grantee)) end,
                case when x.is_grantable then ' with grant option' else '' end)
  from (select c.oid::regclass::text as what, c.relacl as rights, c.relowner as owner
        from pg_catalog.pg_class c where c.oid = %(oid)s::oid and c.relkind in ('v', 'm')
        union all
        select 'routine ' || p.oid::regprocedure, p.proacl, p.proowner
        from pg_catalog.pg_proc p where p.oid = %(oid)s::oid) each
  cross join pg_catalog.aclexplode(each.rights) x
  where x.grantee <> each.owner and not (x.grantee = 0 and each.what ~ '^routine ')
    and pg_catalog.pg_get_userbyid(x.grantee) <> all(%(known)s))
