-- An item has an end of life.

alter table erp.item add column until date;
comment on column erp.item.until is 'The last day on which new orders for it are taken, in plant time; null: it is made. Orders that are there run to their end.';
