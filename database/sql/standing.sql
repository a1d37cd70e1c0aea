-- What stands on what: views by their rule, functions by what they return or by a parsed body.
with recursive link as (
  select case when d.classid = 'pg_catalog.pg_rewrite'::regclass then r.ev_class else d.objid end as upper,
         case when d.refclassid = 'pg_catalog.pg_type'::regclass then t.typrelid else d.refobjid end as lower
  from pg_catalog.pg_depend d
  left join pg_catalog.pg_rewrite r on d.classid = 'pg_catalog.pg_rewrite'::regclass and r.oid = d.objid
  left join pg_catalog.pg_type t on d.refclassid = 'pg_catalog.pg_type'::regclass and t.oid = d.refobjid
  where d.classid in ('pg_catalog.pg_rewrite'::regclass, 'pg_catalog.pg_proc'::regclass)
    and d.refclassid in ('pg_catalog.pg_class'::regclass, 'pg_catalog.pg_proc'::regclass, 'pg_catalog.pg_type'::regclass)
), thing as (
  select c.oid, case c.relkind when 'm' then 'materialized view' else 'view' end as kind,
         c.oid::regclass::text as name, c.relowner as owner, n.nspname,
         array_remove(array[
           case when exists (select from pg_catalog.pg_trigger x where x.tgrelid = c.oid) then 'triggers' end,
           case when exists (select from pg_catalog.pg_rewrite x where x.ev_class = c.oid and x.rulename <> '_RETURN') then 'rules' end,
           case when exists (select from pg_catalog.pg_attrdef x where x.adrelid = c.oid) then 'defaults' end,
           case when exists (select from pg_catalog.pg_attribute x where x.attrelid = c.oid and x.attacl is not null) then 'rights on columns' end
         ], null) as extras
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('v', 'm')
  union all
  select p.oid, 'routine', p.oid::regprocedure::text, p.proowner, n.nspname,
         case when n.nspname = any(%(ours)s) then '{}' else array['no way of ours to be made again'] end
  from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
), standing (oid) as (
  select oid from thing where nspname = any(%(ours)s)
  union
  select l.upper from standing s join link l on l.lower = s.oid
)
select t.oid::bigint as oid, t.kind, t.name, pg_catalog.pg_get_userbyid(t.owner)::text as owner,
       t.nspname = any(%(ours)s) as ours, t.nspname = 'board' as remade, t.extras,
       array(select distinct l.upper::bigint from link l join standing u on u.oid = l.upper
             where l.lower = t.oid and l.upper <> t.oid) as bears
from standing s join thing t on t.oid = s.oid
