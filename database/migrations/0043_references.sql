-- What names something names what is there. Rows from before may name what never was: they stay, new ones are checked,
-- and `pressline health` tells of them until `pressline migrate` finds them mended. Nothing is read through here.

alter table erp.production_report
  add constraint production_report_run_fkey foreign key (run) references mes.run not valid,
  add constraint production_report_shift_fkey foreign key (shift) references mes.shift not valid;
alter table erp.report_use
  add constraint report_use_lot_fkey foreign key (component, lot) references erp.lot (item, code) not valid;
alter table erp.die_press
  add constraint die_press_press_fkey foreign key (press) references mes.press not valid;
alter table erp.notification
  add constraint notification_press_fkey foreign key (press) references mes.press not valid;
alter table erp.login
  add constraint login_person_fkey foreign key (person) references erp.person not valid;
alter table mes.counter_event
  add constraint counter_event_press_fkey foreign key (press) references mes.press not valid,
  add constraint counter_event_meter_fkey foreign key (meter) references mes.meter not valid;
alter table mes.count
  add constraint count_press_fkey foreign key (press) references mes.press not valid;

-- A person's lines stand in one column, which no foreign key knows.
create function erp.require_lines() returns trigger language plpgsql set search_path = '' as $$
declare
  missing text;
begin
  select string_agg(line, ', ') into missing
  from unnest(new.lines) as line where not exists (select from mes.line l where l.name = line);
  if missing is not null then
    raise exception 'person % works on % which the plant does not have', new.code, missing
      using errcode = 'foreign_key_violation', constraint = 'person_lines', hint = 'load the plant file first';
  end if;
  return new;
end $$;
create trigger person_lines before insert or update of lines on erp.person
  for each row execute function erp.require_lines();
