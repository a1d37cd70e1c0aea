-- A badge that was given to somebody here stays, whatever the masters file says.
alter table erp.person add column badge_by text references erp.person (code);
comment on column erp.person.badge_by is 'Who gave (or took) the badge here; null: it follows the masters file.';
alter table erp.person_act drop constraint person_act_known,
  add constraint person_act_known check (act in ('leave', 'pin', 'badge'));
