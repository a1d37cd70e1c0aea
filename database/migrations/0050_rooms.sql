-- People and the plant have rooms of their own: who did what, what waits for whom; presses, lines and shifts.
create schema people;
create schema plant;

alter table erp.person set schema people;
alter table erp.person_act set schema people;
alter table erp.session set schema people;
alter table erp.device set schema people;
alter table erp.login set schema people;
alter table people.login rename to sign_in;
alter table erp.notification set schema people;
alter table people.notification rename to notice;
alter table mes.act set schema people;
alter table mes.act_claim set schema people;

alter table mes.plant set schema plant;
alter table plant.plant rename to site;
alter table mes.line set schema plant;
alter table mes.press set schema plant;
alter table mes.meter set schema plant;
alter table mes.shift set schema plant;
alter table mes.shift_pattern set schema plant;
alter table mes.shift_break set schema plant;

alter function erp.refuse_change() set schema people;
alter function erp.require_lines() set schema people;

create or replace function people.require_lines() returns trigger language plpgsql set search_path to '' as $$
declare
  missing text;
begin
  select string_agg(line, ', ') into missing
  from unnest(new.lines) as line where not exists (select from plant.line l where l.name = line);
  if missing is not null then
    raise exception 'person % works on % which the plant does not have', new.code, missing
      using errcode = 'foreign_key_violation', constraint = 'person_lines', hint = 'load the plant file first';
  end if;
  return new;
end $$;
