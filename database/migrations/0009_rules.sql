-- The rules of counting have a history: a plant file that is changed changes no past, and the audit recounts
-- each reading by the rules of its day. A channel declared with another unit or scale is another channel:
-- stored numbers keep their meaning.

alter table signal.channel
  add column replaced boolean not null default false,
  drop constraint channel_once,
  add constraint channel_once unique nulls not distinct (site, node, device, name, unit, scale);
comment on column signal.channel.replaced is 'Its name is declared with another unit or scale now.';

create index channel_device on signal.channel (device, name);

create or replace view mes.own_channel as
select c.id, c.site, c.node, c.device, c.name, c.kind, c.unit, c.scale, c.modulus, c.replaced
from signal.channel c
join mes.plant on plant.site = c.site
join (select name, node from mes.press union all select name, node from mes.meter) machine
  on machine.name = c.device and (machine.node is null or machine.node = c.node);

create view mes.counter_plan as
with machine as (
  select name, name as press, null::text as meter, 'stroke' as measure, name as of_press, stroke_channel as counter,
         top_spm::float8 / 60 as top_rate
  from mes.press
  union all
  select name, null, name, 'wh', press, energy_channel, top_kw::float8 * 1000 / 3600 from mes.meter
)
select c.id as channel, m.press, m.meter, m.measure, m.of_press, u.factor,
       case when abs(c.modulus * u.factor) < 2::float8 ^ 62 then (c.modulus * u.factor)::bigint end as modulus,
       m.top_rate, plant.silence
from machine m
join mes.own_channel c on c.device = m.name and c.name = m.counter
cross join mes.plant
cross join lateral (
  select c.scale * case when m.measure = 'stroke' then 1 else case lower(c.unit)
    when 'kwh' then 1e3 when 'mwh' then 1e6 when 'gwh' then 1e9 else 1 end end as factor) u
where not c.replaced;
comment on view mes.counter_plan is 'Channels to be counted on, and how, by the plant as it is now.';

create table mes.counter_rule (
  id bigint generated always as identity primary key,
  channel int not null references mes.counter,
  outbox int,
  number bigint not null,
  line bigint,
  of_press text references mes.press,
  factor double precision not null,
  modulus bigint,
  top_rate double precision not null,
  silence interval not null
);
comment on table mes.counter_rule is 'By which rules a channel is counted, append-only: each row holds from its record on, until the next.';
comment on column mes.counter_rule.outbox is 'Null: from the beginning.';
comment on column mes.counter_rule.line is 'Readings of one line are one counter, whatever channels they came on; null: from here on the channel is not counted.';
comment on column mes.counter_rule.of_press is 'Whose runs get what is counted: the press, or the one a meter measures.';
comment on column mes.counter_rule.factor is 'Strokes or Wh in one step of the stored value.';
comment on column mes.counter_rule.modulus is 'In strokes or Wh.';
comment on column mes.counter_rule.top_rate is 'Most the machine can do, in strokes or Wh per second.';
comment on column mes.counter_rule.silence is 'Longer than this between two readings is time unseen.';
create index counter_rule_channel on mes.counter_rule (channel, id desc);
create view mes.rule_in_force as
select distinct on (channel) * from mes.counter_rule order by channel, id desc;
comment on view mes.rule_in_force is 'The newest rule of each channel.';
create sequence mes.counter_line owned by mes.counter_rule.line;

insert into mes.counter_rule (channel, number, line, of_press, factor, modulus, top_rate, silence)
select k.channel, 0, nextval('mes.counter_line'), coalesce(k.press, m.press),
       c.scale * case when k.measure = 'stroke' then 1 else case lower(c.unit)
         when 'kwh' then 1e3 when 'mwh' then 1e6 when 'gwh' then 1e9 else 1 end end,
       k.modulus, k.top_rate, plant.silence
from mes.counter k
join signal.channel c on c.id = k.channel
left join mes.meter m on m.name = k.meter
cross join mes.plant
order by k.channel;

create trigger counter_rule_append_only before update or delete on mes.counter_rule
  for each row execute function erp.refuse_change();
alter table mes.counter drop column modulus, drop column top_rate, drop column epoch, add column told_by int;
comment on column mes.counter.told_by is 'Outbox of the latest reading that was not late: before one of another outbox lies time unseen.';
update mes.counter set told_by = outbox;
