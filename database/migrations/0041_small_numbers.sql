-- Quantities keep their digits: a gram of plating on a thousand contacts is 0.000001 kg each, and less. No table is
-- written anew by this.

alter table erp.bom_line alter column qty type numeric;
alter table erp.work_order_material alter column qty_per type numeric;
alter table erp.stock_move alter column qty type numeric;
