-- The newest values stand in a row a device: a record that tells all of a press is one write, not one a channel.

alter table signal.latest rename to latest_of_channel;
alter table signal.latest_of_channel rename constraint latest_pkey to latest_of_channel_pkey;

create table signal.latest (
  site text not null,
  node text not null,
  device text not null,
  part smallint not null,
  revision bigint not null,
  channel int[] not null,
  arrived timestamptz[] not null,
  at timestamptz[] not null,
  quality smallint[] not null,
  count bigint[],
  gauge real[],
  wide double precision[],
  word text[],
  primary key (site, node, device, part)
) with (fillfactor = 50, toast_tuple_target = 8128);
create index latest_device on signal.latest (device);
-- These are written with every record: packing them would cost more than their bytes do.
alter table signal.latest
  alter column channel set storage external, alter column arrived set storage external,
  alter column at set storage external, alter column quality set storage external,
  alter column count set storage external, alter column gauge set storage external,
  alter column wide set storage external, alter column word set storage external;
comment on table signal.latest is 'Newest values of each device, also from births: boards are live while a backlog drains. Element by element of one channel; see signal.newest.';
comment on column signal.latest.part is 'A device of many channels has several rows: a change of one of them writes no long row anew.';
comment on column signal.latest.revision is 'Grows with each write. Who writes holds the row as it was, and looks again when another wrote it since.';
comment on column signal.latest.count is 'Null: no channel here has a whole number now; so for gauge, wide and word.';

insert into signal.latest
select site, node, device, part, 1, array_agg(channel order by channel), array_agg(arrived order by channel),
       array_agg(at order by channel), array_agg(quality order by channel), array_agg(count order by channel),
       array_agg(gauge order by channel), array_agg(wide order by channel), array_agg(word order by channel)
from (select c.site, c.node, c.device, l.*,
             (row_number() over (partition by c.site, c.node, c.device order by l.channel) - 1) / 64 as part
      from signal.latest_of_channel l join signal.channel c on c.id = l.channel) told
group by site, node, device, part;

drop table signal.latest_of_channel;

create view signal.newest as
select l.site, l.node, l.device, t.channel, t.arrived, t.at, t.count, t.gauge, t.wide, t.word, t.quality
from signal.latest l
cross join lateral unnest(l.channel, l.arrived, l.at, l.count, l.gauge, l.wide, l.word, l.quality)
  as t(channel, arrived, at, count, gauge, wide, word, quality);
comment on view signal.newest is 'Newest value of each channel, a row each. Ask it for a device or a node: by channel alone it reads all.';
