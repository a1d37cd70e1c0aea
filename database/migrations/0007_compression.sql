-- Readings take fewer bytes: TimescaleDB would keep a Bloom filter of (outbox, number) for every batch of 1000
-- readings, a whole byte for each, although a batch knows its first and last record anyway. What a reader by time
-- needs is named instead. Chunks that are compressed already stay as they are.
do $$
begin
  if exists (select from pg_extension where extname = 'timescaledb') then
    begin
      alter table signal.reading set (timescaledb.sparse_index = 'minmax(at)');
    exception when invalid_parameter_value then
      null; -- an older TimescaleDB: it makes no such filters, and keeps first and last time by itself
    end;
  end if;
end $$;
