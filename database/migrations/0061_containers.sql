-- A report is cut at each full container, where the item says how many parts one takes.

alter table erp.item add column container bigint
  constraint item_container check (container > 0);
comment on column erp.item.container is 'Parts of a full container, at which a report is made; null: none is.';
