-- Reasons that people choose from, and codes as they are printed and scanned.

create table erp.reason (
  kind text not null constraint reason_kind check (kind in ('stop', 'scrap', 'close', 'reject')),
  code text not null,
  position int not null generated always as identity,
  primary key (kind, code)
);
comment on table erp.reason is 'Reasons that this plant knows, by what they explain; a reason that does not stand here is refused.';

insert into erp.reason (kind, code) values
  ('stop', 'material'), ('stop', 'die_jam'), ('stop', 'die_repair'), ('stop', 'machine'), ('stop', 'quality'),
  ('stop', 'meal'), ('stop', 'staff'), ('stop', 'changeover'), ('stop', 'other'),
  ('scrap', 'burr'), ('scrap', 'crack'), ('scrap', 'dent'), ('scrap', 'size'), ('scrap', 'scratch'),
  ('scrap', 'other_scrap'),
  ('close', 'cavity_blocked'), ('close', 'punch_broken'), ('close', 'cavity_worn'), ('close', 'one_side_only'),
  ('close', 'other_close'),
  ('reject', 'count_wrong'), ('reject', 'order_wrong'), ('reject', 'quality_hold'), ('reject', 'other');

-- A scanner in another mode sends other widths and cases of the same characters.
create index work_order_printed on erp.work_order (upper(normalize(code, nfkc)));
create index die_printed on erp.die (upper(normalize(code, nfkc)));
create index lot_printed on erp.lot (upper(normalize(code, nfkc)));
