-- How often reports are made is the plant's setting.

alter table mes.plant add column report_every interval not null default '15 minutes'
  constraint plant_report_every check (report_every in ('15 minutes', '1 hour', '2 days'));
comment on column mes.plant.report_every is 'Reports are made at the ends of quarter hours or hours of the plant''s clock, or (2 days) only of shifts; a shift end is always one.';
