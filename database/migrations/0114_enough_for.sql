-- How many pieces what is on hand is enough for: kilograms of a coil, in the parts that are made of it.
create function erp.enough_for(component text, takes numeric) returns bigint
language sql stable set search_path to '' as $$
  select floor(greatest(coalesce(sum(b.qty), 0), 0) / takes)::bigint from erp.balance b where b.item = component
$$;
comment on function erp.enough_for is 'Whole pieces that all that is on hand of a component makes, where one takes so much of it, its scrap included.';
