-- Which operation of an order uses a line of its material has one home.

create function erp.operation_using(code text, named integer) returns integer language sql stable set search_path to '' as $$
  select coalesce(
    (select o.seq from erp.work_order_operation o where o.work_order = code and o.seq = named),
    (select min(o.seq) from erp.work_order_operation o where o.work_order = code))
$$;
comment on function erp.operation_using is 'The operation that the line names, where the order has it; else the first one.';
