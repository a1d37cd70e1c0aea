-- What machines reported, as they reported it. Written by ingest alone; see docs/wire.md.

create extension if not exists btree_gist;

create schema signal;

create table signal.outbox (
  id int generated always as identity primary key,
  uuid text not null unique,
  site text not null,
  node text not null,
  number bigint not null default 0 check (number >= 0),
  arrived timestamptz
);
comment on table signal.outbox is 'One row per edge outbox (a new disk is a new outbox); number is the watermark: every record up to it is committed.';

create table signal.node (
  site text not null,
  node text not null,
  online boolean not null,
  bdseq bigint,
  since timestamptz not null,
  birth bytea,
  birth_at timestamptz,
  primary key (site, node)
);
comment on table signal.node is 'Life of each edge node, with its last birth certificate: it decodes aliases after a restart of ingest.';

create table signal.device (
  site text not null,
  node text not null,
  device text not null,
  online boolean not null,
  since timestamptz not null,
  birth bytea,
  primary key (site, node, device)
);
comment on table signal.device is 'Life of each press or meter, with its last DBIRTH.';

create table signal.channel (
  id int generated always as identity primary key,
  site text not null,
  node text not null,
  device text not null,
  name text not null,
  kind text not null constraint channel_kind check (kind in ('counter', 'state', 'gauge', 'text')),
  datatype int not null,
  unit text,
  scale double precision not null default 1,
  modulus bigint,
  source text,
  constraint channel_once unique (site, node, device, name)
);
comment on column signal.channel.scale is 'Value in unit = stored value x scale; readings are stored unscaled.';

create table signal.reading (
  arrived timestamptz not null,
  at timestamptz not null,
  source_at timestamptz,
  channel int not null,
  count bigint,
  gauge real,
  wide double precision,
  word text,
  quality smallint not null,
  status bigint,
  outbox int not null,
  number bigint not null
);
comment on column signal.reading.arrived is 'Database clock, one instant per commit; partition key.';
comment on column signal.reading.at is 'Capture time on the edge.';
comment on column signal.reading.source_at is 'The device''s own time, only where it differs.';
comment on column signal.reading.quality is 'Sparkplug quality: 0 bad, 192 good, 500 stale.';
create index reading_outbox on signal.reading (outbox, number);
create index reading_channel on signal.reading (channel, at);

create table signal.latest (
  channel int primary key,
  arrived timestamptz not null,
  at timestamptz not null,
  count bigint,
  gauge real,
  wide double precision,
  word text,
  quality smallint not null
);
comment on table signal.latest is 'Newest value of each channel, also from births: boards are live while a backlog drains.';

create table signal.gap (
  id bigint generated always as identity primary key,
  outbox int not null references signal.outbox,
  first bigint not null,
  last bigint not null,
  noted timestamptz not null,
  reason text not null,
  constraint gap_order check (first <= last)
);
comment on table signal.gap is 'Record numbers that can never come: given up by the edge, or lost with a restored database.';

create table signal.quarantine (
  id bigint generated always as identity primary key,
  arrived timestamptz not null,
  topic text not null,
  payload bytea not null,
  reason text not null
);

-- On TimescaleDB the readings are a hypertable, compressed by channel; late data meets no compressed chunk,
-- because chunks follow arrival.
do $$
begin
  if exists (select from pg_available_extensions where name = 'timescaledb')
     and current_setting('shared_preload_libraries') like '%timescaledb%' then
    create extension if not exists timescaledb;
    perform create_hypertable('signal.reading', 'arrived', chunk_time_interval => interval '1 day',
                              create_default_indexes => false);
    alter table signal.reading set (timescaledb.compress, timescaledb.compress_segmentby = 'channel',
                                    timescaledb.compress_orderby = 'outbox, number');
    perform add_compression_policy('signal.reading', interval '2 days');
  end if;
end $$;
