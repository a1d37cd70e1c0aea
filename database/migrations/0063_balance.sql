-- What is on hand is written with each move: nobody sums the ledger from its beginning at a look.
create table erp.balance (
  item text not null references erp.item,
  location text not null references erp.location,
  lot text,
  qty numeric not null,
  first_move bigint not null,
  unique nulls not distinct (item, location, lot)
);
alter table erp.balance replica identity full;
comment on table erp.balance is 'The sum of all moves into a stock location less those out of it; the audit sums the moves anew.';
comment on column erp.balance.first_move is 'The oldest move of it: what came first goes first.';

create function erp.keep_balance() returns trigger language plpgsql set search_path to '' as $$
begin
  insert into erp.balance as b (item, location, lot, qty, first_move)
  select s.item, s.location, s.lot, sum(s.qty), min(s.id)
  from (
    select item, to_location as location, lot, qty, id from added
    union all
    select item, from_location, lot, -qty, id from added
  ) s
  join erp.location l on l.code = s.location and l.kind = 'stock'
  group by s.item, s.location, s.lot
  order by s.item, s.location, s.lot
  on conflict (item, location, lot) do update set qty = b.qty + excluded.qty;
  return null;
end $$;

create trigger stock_move_balanced after insert on erp.stock_move
  referencing new table as added for each statement execute function erp.keep_balance();

insert into erp.balance (item, location, lot, qty, first_move)
select s.item, s.location, s.lot, sum(s.qty), min(s.id)
from (
  select item, to_location as location, lot, qty, id from erp.stock_move
  union all
  select item, from_location, lot, -qty, id from erp.stock_move
) s
join erp.location l on l.code = s.location and l.kind = 'stock'
group by s.item, s.location, s.lot;

create index stock_move_at on erp.stock_move (at, id);
drop index erp.stock_move_lot; -- the same columns as stock_move_item
