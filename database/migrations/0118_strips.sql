-- Coils have a section; a line of a bill of material may say how a part lies on the strip.

create domain erp.size as numeric constraint size_is_one check (value > 0 and value <= 100000);
comment on domain erp.size is 'A length in mm or a density in g/cm³: above zero, no NaN, no infinity.';

alter table erp.item
  add column width erp.size,
  add column thickness erp.size,
  add column density erp.size,
  add constraint item_strip check (num_nonnulls(width, thickness, density) in (0, 3));
comment on column erp.item.width is 'Of a coil''s strip, in mm; with thickness (mm) and density (g/cm³) it gives the mass of a pitch.';

alter table erp.bom_line
  add column pitch erp.size,
  add column pitch_parts integer,
  add column width erp.size,
  add column thickness erp.size,
  add column density erp.size,
  add constraint bom_line_strip check (num_nonnulls(pitch, pitch_parts, width, thickness, density) in (0, 5)),
  add constraint bom_line_pitch_parts check (pitch_parts between 1 and 1000);
comment on column erp.bom_line.pitch is 'How far the strip moves for `pitch_parts` parts, in mm; null: the quantity was given.';
comment on column erp.bom_line.width is 'The section (mm, mm, g/cm³) with which the quantity was computed, whatever the coil''s is today.';

insert into people.role_right (role, may) values
  ('planner', 'bom.import'), ('manager', 'bom.import');

-- NaN is above every number and infinity is one: a quantity above zero may be neither.
alter table erp.stock_move add constraint stock_move_finite check (qty < 'Infinity');
alter table erp.balance add constraint balance_finite check (qty > '-Infinity' and qty < 'Infinity');
alter table erp.bom_line add constraint bom_line_finite check (qty < 'Infinity');
alter table erp.work_order_material add constraint work_order_material_finite check (qty_per < 'Infinity');
alter table mes.coil_weight add constraint coil_weight_finite check (qty < 'Infinity');
