-- P01 with die D1 (2 left, 2 right per stroke): 10 min setup, then production at 30 spm until minute 50.
-- Setup 20 strokes, production 1,200 strokes in 40 running minutes, 10 minutes stopped; 60 left parts
-- declared scrap. The shift is 12 h, with a break of 10 minutes in that stop. 08:00 in the plant is 00:00 UTC.
insert into plant.site values (true, 'site', 'Asia/Shanghai', '30 s');
insert into plant.line values ('L1', 1);
insert into plant.press (name, line, position, top_spm, stop_after, stroke_channel)
  values ('P01', 'L1', 1, 60, '30 s', 'strokes');
insert into plant.shift (date, code, span) values ('2026-03-02', 'day', '[2026-03-02 00:00Z, 2026-03-02 12:00Z)');
insert into plant.shift_break select id, '[2026-03-02 00:50Z, 2026-03-02 01:00Z)' from plant.shift;
insert into people.person (code, name, role) values ('op', 'Li', 'operator');
insert into erp.item (code, name_zh, name_en, unit, kind)
  select code, code, code, 'pcs', 'part' from unnest(array['L', 'R']) code;
insert into erp.die (code, life_strokes, ideal_spm, opening_strokes) values ('D1', 10000, 40, 7000);
insert into erp.die_output (die, item, parts_num, parts_den, from_at)
  select 'D1', code, 2, 1, '-infinity' from unnest(array['L', 'R']) code;
insert into erp.work_order (code, item, qty, state, created, created_by)
  values ('WO-L', 'L', 5000, 'released', '2026-03-01Z', 'planner');
insert into erp.work_order_operation (work_order, seq, name, die, last) values ('WO-L', 10, 'draw', 'D1', true);
insert into mes.die_mount (press, die, span) values ('P01', 'D1', '[2026-03-02 00:00Z,)');
insert into mes.run (press, die, span, source) values ('P01', 'D1', '[2026-03-02 00:00Z,)', 'scan');
insert into mes.run_segment (run, kind, span) select id, 'setup', '[2026-03-02 00:00Z, 2026-03-02 00:10Z)' from mes.run;
insert into mes.run_segment (run, kind, span) select id, 'production', '[2026-03-02 00:10Z,)' from mes.run;
insert into mes.run_output (run, item, operation) select r.id, 'L', o.id from mes.run r, erp.work_order_operation o;
insert into mes.run_output (run, item) select id, 'R' from mes.run;
insert into mes.segment_output (segment, run_output, parts_num, parts_den)
  select s.id, o.id, 2, 1 from mes.run_segment s, mes.run_output o;
insert into mes.fact_minute (press, minute, segment, strokes, running_s, stopped_s, unknown_s, run_wh, idle_wh)
  select 'P01', '2026-03-02 00:00Z'::timestamptz + m * interval '1 minute', s.id,
         case when m < 10 then 2 when m < 50 then 30 else 0 end,
         case when m < 50 then 60 else 0 end, case when m < 50 then 0 else 60 end, 0,
         case when m < 50 then 50 else 0 end, case when m < 50 then 0 else 10 end
  from generate_series(0, 59) m
  join mes.run_segment s on s.span @> '2026-03-02 00:00Z'::timestamptz + m * interval '1 minute';
insert into mes.count (channel, press, measure, from_at, at, amount, kind)
  select 1, 'P01', 'stroke', f.minute, f.minute + interval '30 s', f.strokes, 'step'
  from mes.fact_minute f where f.strokes > 0;
insert into mes.press_state (press, span, state) values
  ('P01', '[2026-03-02 00:00Z, 2026-03-02 00:50Z)', 'running'), ('P01', '[2026-03-02 00:50Z,)', 'stopped');
insert into mes.press_watch (press, dirty_from) values ('P01', '2026-03-02 01:00Z');
insert into people.act (id, who, press, at, act, args, outcome)
  select gen_random_uuid(), 'op', 'P01', '2026-03-02 00:45Z', 'scrap',
         '{"item": "L", "qty": 60, "reason": "burr"}', jsonb_build_object('run_output', id, 'qty', 60)
  from mes.run_output where item = 'L';
insert into signal.channel (site, node, device, name, kind, datatype)
  values ('site', 'edge-1', 'P01', 'strokes', 'counter', 5);
insert into signal.latest (site, node, device, part, revision, channel, arrived, at, quality)
  select site, node, device, 0, 1, array[id], array[timestamptz '2026-03-02 01:00Z'], array[timestamptz '2026-03-02 01:00Z'], array[192] from signal.channel;
