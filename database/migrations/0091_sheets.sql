-- Master data is read in from a sheet by who may change it.
insert into people.role_right (role, may)
select r.role, a.may
from (values ('planner'), ('manager')) r (role)
cross join (values ('item.import'), ('routing.import'), ('die.import'), ('partner.import')) a (may)
on conflict do nothing;
