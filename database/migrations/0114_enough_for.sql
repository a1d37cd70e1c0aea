-- What a piece takes of a component; inlined, so no search_path of its own.
create function erp.bom_takes(qty numeric, scrap numeric) returns numeric
language sql immutable return qty * (1 + scrap);
comment on function erp.bom_takes is 'What an order takes of a component for each piece: the quantity of the line, and its scrap beside it.';

-- How many pieces what is on hand is enough for: kilograms of a coil, in the parts that are made of it.
create function erp.enough_for(component text, takes numeric) returns bigint
language sql stable set search_path to '' as $$
  select floor(greatest(coalesce(sum(b.qty), 0), 0) / takes)::bigint from erp.balance b where b.item = component
$$;
comment on function erp.enough_for is 'Whole pieces that all that is on hand of a component makes, where one takes so much of it, its scrap included.';
