-- A coil that was weighed: what the books say of it follows the scale from that instant on.

create table mes.coil_weight (
  act uuid primary key,
  press text not null references plant.press,
  item text not null,
  lot text not null,
  at timestamptz not null,
  qty numeric not null constraint coil_weight_qty check (qty >= 0),
  foreign key (item, lot) references erp.lot (item, code)
);
create index coil_weight_lot on mes.coil_weight (item, lot, at);
create index stock_move_lot on erp.stock_move (item, lot);
comment on table mes.coil_weight is 'What a scale showed of a lot at an instant: strokes from then on take from it.';
create trigger coil_weight_append_only before update or delete on mes.coil_weight
  for each row execute function people.refuse_change();
