-- Schema board: what boards, Grafana and outsiders may read. Nothing here is written through.
-- Figures that depend on the clock are functions of `as_of`, so that the past can be shown again;
-- the view of the same noun asks for the present. Functions run as their owner: a board role
-- needs no right on the tables below.

create or replace view board.press as
  select p.name as press, p.line, p.position, p.top_spm from plant.press p;

-- Parts that each output of a run yielded, by segment. The fraction of a part is carried over the
-- run, so the parts of all segments add up to floor(strokes x parts per stroke). Ask it of a run or an output.
create or replace view board.run_part as
  select c.run, c.run_output, c.segment, c.kind, c.since, c.strokes,
         (floor(c.upto + 1e-9) - floor(c.upto - c.own + 1e-9))::bigint as parts
  from (
    select s.run, so.run_output, s.id as segment, s.kind, lower(s.span) as since,
           coalesce(m.strokes, 0) as strokes,
           coalesce(m.strokes, 0) * so.parts_num::numeric / so.parts_den as own,
           sum(coalesce(m.strokes, 0) * so.parts_num::numeric / so.parts_den)
             over (partition by s.run, so.run_output order by lower(s.span)) as upto
    from mes.run_segment s
    join mes.segment_output so on so.segment = s.id
    left join mes.run_made m on m.segment = s.id
  ) c;

create or replace function board.run_parts(of_run bigint)
returns table (run_output bigint, segment bigint, kind text, since timestamptz, strokes bigint, parts bigint)
language sql stable security definer set search_path = '' as $$
  select p.run_output, p.segment, p.kind, p.since, p.strokes, p.parts from board.run_part p where p.run = of_run
$$;

-- Scrap that people declared, by run output.
create or replace view board.scrap as
  select t.run_output, t.at, a.who, t.press, t.reason, t.qty
  from mes.scrap_told t join people.act a on a.id = t.act
  union all
  select d.run_output, d.at, d.who, r.press, d.reason, d.qty
  from mes.disposition d join mes.run_output o on o.id = d.run_output join mes.run r on r.id = o.run
  where d.kind = 'scrap';

-- Time of a press in a shift that is not planned: breaks, and stops for a reason that is planned (erp.reason). What
-- overlaps counts once.
create or replace function board.off_time(of_press text, of_shift bigint, of_span tstzrange) returns tstzmultirange
language sql stable security definer set search_path = '' as $$
  select coalesce(range_agg(b.span), '{}')
  from (
    select b.span from plant.shift_break b where b.shift = of_shift
    union all
    select r.span * of_span from mes.stop_reason r
    join erp.reason why on why.kind = 'stop' and why.code = r.reason and why.planned
    where r.press = of_press and r.span && of_span
  ) b
$$;

-- One row per output of a run: what it made so far, live.
create or replace view board.run_output as
  select ro.id as run_output, ro.run, r.press, r.die, lower(r.span) as since, upper(r.span) as until,
         ro.item, ro.operation, op.work_order, r.source,
         coalesce(made.production, 0) as production, coalesce(made.other, 0) as other,
         coalesce(made.strokes, 0) as strokes,
         coalesce(lost.qty, 0) as scrap,
         coalesce(decided.surplus, 0) as surplus, coalesce(decided.transferred, 0) as transferred, ro.given,
         coalesce(made.production, 0) - coalesce(lost.qty, 0)
           - coalesce(decided.surplus, 0) - coalesce(decided.transferred, 0) as good
  from mes.run_output ro
  join mes.run r on r.id = ro.run
  left join erp.work_order_operation op on op.id = ro.operation
  left join lateral (
    select sum(p.parts) filter (where p.kind = 'production')::bigint as production,
           sum(p.parts) filter (where p.kind <> 'production')::bigint as other,
           sum(p.strokes)::bigint as strokes
    from board.run_part p where p.run = ro.run and p.run_output = ro.id
  ) made on true
  left join lateral (
    select sum(s.qty)::bigint as qty from board.scrap s where s.run_output = ro.id
  ) lost on true
  left join lateral (
    select sum(d.qty) filter (where d.kind = 'surplus')::bigint as surplus,
           sum(d.qty) filter (where d.kind = 'transfer')::bigint as transferred
    from mes.disposition d where d.run_output = ro.id
  ) decided on true;

-- Strokes and share of life of each die: strokes belong to the die mounted at that instant.
create or replace view board.die_life as
  select d.code as die, d.name, m.press,
         d.opening_strokes + coalesce(worn.strokes, 0) as strokes, d.life_strokes,
         round((d.opening_strokes + coalesce(worn.strokes, 0))::numeric / d.life_strokes, 4) as share,
         case when d.life_strokes is null then 'ok'
              when d.opening_strokes + coalesce(worn.strokes, 0) >= d.due_share * d.life_strokes then 'due'
              when d.opening_strokes + coalesce(worn.strokes, 0) >= d.warn_share * d.life_strokes then 'warn'
              else 'ok' end as state
  from erp.die d
  left join mes.die_mount m on m.die = d.code and upper(m.span) is null
  left join mes.die_wear worn on worn.die = d.code;

-- What each press is doing at an instant, for the wall board and the terminal. `gap_parts`: parts of
-- the running run beyond (less: behind) its planned speed in planned time, until the last reading. `over_parts`, `excess_parts`:
-- most that an order has beyond its quantity, and beyond its tolerance too. `alarm`: it stands and
-- should not; a break, a planned stop, setup, and a press without a job are no alarm. A machine's own alarm is the reason `machine_alarm`
-- until a person says another.
create or replace function board.press_at(as_of timestamptz)
returns table (press text, line text, "position" int, state text, since timestamptz, state_s numeric,
               reason text, data_age_s numeric, run bigint, run_since timestamptz, segment_kind text,
               die text, die_strokes bigint, die_share numeric, die_state text,
               work_orders text[], items text[], good bigint, target bigint, gap_parts bigint,
               spm numeric, unattributed bigint, over_parts bigint, excess_parts bigint, alarm boolean)
language plpgsql stable security definer set search_path = '' set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
begin
  -- planned once a session: planning takes longer than asking
  return query
  -- time of shifts without breaks since the oldest run that is open: of all presses at once, a plant without shifts plans
  -- every second (board.off_time says the same of one press and shift)
  with working as materialized (
    select case when exists (select from plant.shift) then coalesce(range_agg(s.spans), '{}')
                else '{(,)}' end as spans,
           exists (select from plant.shift) as shifts
    from (
      select tstzmultirange(s.span) - coalesce(
               (select range_agg(b.span) from plant.shift_break b where b.shift = s.id), '{}') as spans
      from plant.shift s
      where s.span && tstzrange((select min(lower(o.span)) from mes.run o
                                 where o.source = 'scan' and o.span @> as_of), as_of)
    ) s
  )
  select p.name, p.line, p.position,
         now_state.state, now_state.since,
         extract(epoch from as_of - now_state.since)::numeric,
         coalesce(why.reason, case when now_state.alarm then 'machine_alarm' end),
         case when seen.at is not null then greatest(extract(epoch from as_of - seen.at), 0) end::numeric,
         r.id, lower(r.span), seg.kind, coalesce(r.die, m.die),
         dl.strokes, dl.share, dl.state,
         job.work_orders, job.items, job.good, job.target,
         (job.own - floor(pace.strokes * coalesce(d.planned_spm, d.ideal_spm, p.top_spm) / 60))::bigint,
         fast.spm, coalesce(orphan.strokes, 0), coalesce(job.over, 0), coalesce(job.excess, 0),
         now_state.state = 'stopped' and r.id is not null and seg.kind = 'production' and planned.now
           and not (why.reason is not distinct from 'changeover' or coalesce(why.planned, false))
  from plant.press p
  cross join plant.site plant
  cross join working
  left join lateral (
    select max(told.at) as at
    from signal.latest l cross join lateral unnest(l.at, l.quality) as told(at, quality)
    where l.device = p.name and l.site = plant.site and (p.node is null or l.node = p.node) and told.quality = 192
  ) seen on true
  left join lateral (
    select s.state, lower(s.span) as since from mes.press_state s
    where s.press = p.name and s.span <= tstzrange(as_of, null, '[]') order by s.span desc limit 1
  ) kept on true
  cross join lateral (
    select case when silent then 'unknown' when kept.state = 'alarm' then 'stopped' else kept.state end as state,
           not silent and kept.state = 'alarm' as alarm,
           case when silent and kept.state <> 'unknown' then seen.at + plant.silence else kept.since end as since
    from (select coalesce(as_of - seen.at > plant.silence, true) as silent) quiet
  ) now_state
  left join lateral (
    select sr.reason, known.planned from mes.stop_reason sr
    left join erp.reason known on known.kind = 'stop' and known.code = sr.reason
    where sr.press = p.name and sr.span @> as_of and now_state.state <> 'running'
    order by lower(sr.span) desc limit 1
  ) why on true
  cross join lateral (
    select not exists (select from plant.shift) or exists (
      select from plant.shift s where s.span @> as_of
        and not exists (select from plant.shift_break b where b.shift = s.id and b.span @> as_of)) as now
  ) planned
  left join mes.run r on r.press = p.name and r.source = 'scan' and r.span @> as_of
  left join mes.run_segment seg on seg.run = r.id and seg.span @> as_of
  left join mes.die_mount m on m.press = p.name and m.span @> as_of
  left join erp.die d on d.code = coalesce(r.die, m.die)
  left join board.die_life dl on dl.die = d.code
  left join lateral (
    select array_agg(o.work_order order by o.run_output) filter (where o.work_order is not null) as work_orders,
           array_agg(o.item order by o.run_output) as items,
           (array_agg(o.good order by o.work_order is null, o.run_output))[1]
             + coalesce((array_agg(earlier.good order by o.work_order is null, o.run_output))[1], 0) as good,
           (array_agg(w.qty order by o.work_order is null, o.run_output))[1] as target,
           (array_agg(o.good + o.surplus + o.transferred order by o.work_order is null, o.run_output))[1] as own,
           (array_agg(o.run_output order by o.work_order is null, o.run_output))[1] as first,
           max(greatest(o.good + coalesce(earlier.good, 0) - w.qty, 0)) as over,
           max(greatest(o.good + coalesce(earlier.good, 0) - floor(w.qty * (1 + i.over_tolerance))::bigint, 0)) as excess
    from board.run_output o
    join erp.item i on i.code = o.item
    left join erp.work_order w on w.code = o.work_order
    left join lateral (
      select sum(e.good)::bigint as good from board.run_output e
      where e.operation = o.operation and e.run_output <> o.run_output
    ) earlier on true
    where o.run = r.id and not o.given
  ) job on r.id is not null
  left join lateral (
    select coalesce(range_agg(sr.span), '{}') as spans
    from mes.stop_reason sr join erp.reason why on why.kind = 'stop' and why.code = sr.reason and why.planned
    where working.shifts and sr.press = p.name and sr.span && r.span
  ) off on r.id is not null
  left join lateral (
    select coalesce(sum(planned.s * so.parts_num / so.parts_den), 0) as strokes
    from mes.run_segment ps join mes.segment_output so on so.segment = ps.id and so.run_output = job.first
    cross join lateral (
      select coalesce(sum(extract(epoch from upper(piece) - lower(piece))), 0) as s
      from unnest(working.spans * tstzmultirange(ps.span * tstzrange(null, least(as_of, seen.at))) - off.spans) piece
    ) planned
    where ps.run = r.id and ps.kind = 'production'
  ) pace on r.id is not null
  left join lateral (
    select coalesce(sum(c.amount), 0)::numeric as spm from mes.count c
    where c.press = p.name and c.measure = 'stroke' and c.at > as_of - interval '1 minute' and c.at <= as_of
  ) fast on true
  left join lateral (
    select sum(f.strokes)::bigint as strokes from mes.fact_minute f
    where f.press = p.name and f.segment is null and f.strokes > 0
      and (f.minute is null or f.minute > as_of - interval '12 hours')
  ) orphan on true;
end $$;

create or replace view board.press_now as select * from board.press_at(now());

-- Energy of each run, run and idle apart.
create or replace view board.run_energy as
  select r.id as run, r.press, r.die, coalesce(sum(m.run_wh), 0)::bigint as run_wh,
         coalesce(sum(m.idle_wh), 0)::bigint as idle_wh, coalesce(sum(m.unknown_wh), 0)::bigint as unknown_wh
  from mes.run r
  left join mes.run_segment s on s.run = r.id
  left join mes.run_made m on m.segment = s.id
  group by r.id, r.press, r.die;

-- Where each work order stands: posted, waiting, in stock, energy (each segment's is shared between the outputs of
-- the die by the parts per stroke that it had; equally while every output was closed).
create or replace view board.work_order_progress as
  select w.code as work_order, w.item, w.qty, w.state, w.due,
         coalesce(live.good, 0) as good_live, coalesce(live.strokes, 0) as strokes,
         coalesce(posted.good, 0) as good, coalesce(posted.excess, 0) as excess, coalesce(posted.scrap, 0) as scrap,
         coalesce(posted.surplus, 0) as surplus, coalesce(posted.transferred, 0) as transferred,
         coalesce(posted.other, 0) as other, coalesce(report.waiting, 0) as waiting, coalesce(report.accepted, 0) as accepted,
         coalesce(stock.qty, 0) as in_stock,
         coalesce(energy.run_wh, 0) as wh, coalesce(energy.idle_wh, 0) as idle_wh,
         coalesce(energy.unknown_wh, 0) as unknown_wh,
         round(energy.run_wh / nullif(posted.good + posted.excess + posted.scrap + posted.surplus + posted.transferred, 0), 3) as wh_per_part
  from erp.work_order w
  left join lateral (
    select sum(o.good)::bigint as good, sum(o.strokes)::bigint as strokes
    from board.run_output o join erp.work_order_operation op on op.id = o.operation and op.last
    where o.work_order = w.code
  ) live on true
  left join lateral (
    select sum(p.qty) filter (where p.kind = 'good')::bigint as good,
           sum(p.qty) filter (where p.kind = 'excess')::bigint as excess,
           sum(p.qty) filter (where p.kind = 'scrap')::bigint as scrap,
           coalesce(sum(p.qty) filter (where p.kind = 'surplus'), 0)::bigint as surplus,
           coalesce(sum(p.qty) filter (where p.kind = 'transfer'), 0)::bigint as transferred,
           sum(p.qty) filter (where p.kind not in ('good', 'excess', 'scrap', 'surplus', 'transfer'))::bigint as other
    from mes.posting p join mes.run_output ro on ro.id = p.run_output
    join erp.work_order_operation op on op.id = ro.operation and op.last
    where op.work_order = w.code
  ) posted on true
  left join lateral (
    select sum(pr.good + pr.excess) filter (where pr.state = 'waiting')::bigint as waiting,
           sum(pr.good + pr.excess) filter (where pr.state = 'accepted')::bigint as accepted
    from erp.production_report pr join erp.work_order_operation op on op.id = pr.operation and op.last
    where op.work_order = w.code
  ) report on true
  left join lateral (
    select sum(case when t.kind = 'stock' then m.qty else 0 end
               - case when f.kind = 'stock' then m.qty else 0 end) as qty
    from erp.stock_move m
    join erp.location t on t.code = m.to_location
    join erp.location f on f.code = m.from_location
    where m.work_order = w.code and m.item = w.item and 'SURPLUS' not in (m.from_location, m.to_location)
  ) stock on true
  left join lateral (
    select sum(e.run_wh * share.own) as run_wh, sum(e.idle_wh * share.own) as idle_wh,
           sum(e.unknown_wh * share.own) as unknown_wh
    from mes.run_output ro
    join erp.work_order_operation op on op.id = ro.operation
    join mes.segment_output own on own.run_output = ro.id
    left join mes.run_made e on e.segment = own.segment
    cross join lateral (
      select coalesce(own.parts_num::numeric / own.parts_den
                      / nullif(sum(so.parts_num::numeric / so.parts_den), 0), 1.0 / count(*)) as own
      from mes.segment_output so where so.segment = own.segment
    ) share
    where op.work_order = w.code
  ) energy on true;

-- The lines on which an order ran, or can run: its dies fit a press there; any line while no die says. A line may stand twice.
create or replace view board.order_line as
  select op.work_order, p.line
  from erp.work_order_operation op
  join erp.die_press f on f.die = op.die
  join plant.press p on p.name = f.press
  union all
  select op.work_order, l.line
  from erp.work_order_operation op cross join (select distinct line from plant.press) l
  where op.die is null or op.die not in (select f.die from erp.die_press f)
  union all
  select op.work_order, p.line
  from erp.work_order_operation op
  join mes.run_output o on o.operation = op.id
  join mes.run r on r.id = o.run
  join plant.press p on p.name = r.press;

create or replace function board.order_on_lines(code text, lines text[]) returns boolean
language sql stable security definer set search_path = '' as $$
  select exists (select from board.order_line l where l.work_order = code and l.line = any (lines))
$$;

-- For time series and timelines in Grafana.
create or replace view board.minute as
  select f.press, p.line, f.minute, sum(f.strokes)::bigint as strokes, sum(f.running_s) as running_s,
         sum(f.stopped_s) as stopped_s, sum(f.unknown_s) as unknown_s,
         sum(f.run_wh)::bigint as run_wh, sum(f.idle_wh)::bigint as idle_wh,
         sum(f.unknown_wh)::bigint as unknown_wh
  from mes.fact_minute f join plant.press p on p.name = f.press
  where f.minute is not null
  group by f.press, p.line, f.minute;

create or replace view board.press_state as
  select s.press, p.line, s.state, lower(s.span) as since, upper(s.span) as until
  from mes.press_state s join plant.press p on p.name = s.press;

create or replace view board.stop as
  select s.press, s.line, s.since, s.until, s.state,
         coalesce(r.reason, case when s.state = 'alarm' then 'machine_alarm' end) as reason
  from board.press_state s
  left join lateral (
    select sr.reason from mes.stop_reason sr
    where sr.press = s.press and sr.span && tstzrange(s.since, s.until)
    order by lower(sr.span) desc limit 1
  ) r on true
  where s.state <> 'running';

create or replace view board.counter_event as
  select e.press || '/' || e.n as event, e.press, e.kind, e.from_at, e.at, e.old_value, e.new_value,
         e.amount as strokes, e.held, e.decided_count, e.gaps
  from mes.counter_event e where e.press is not null;

create or replace view board.report as
  select op.work_order || '/' || w.item || '/' || pr.n as report, op.work_order, w.item, pr.n, r.press, p.line,
         pr.good, pr.excess, pr.surplus, pr.transferred, pr.to_order, pr.other, pr.state, pr.flags, pr.proposed_at, pr.decided_at, pr.decided_by, pr.reason
  from erp.production_report pr
  join erp.work_order_operation op on op.id = pr.operation
  join erp.work_order w on w.code = op.work_order
  join mes.run r on r.id = pr.run
  join plant.press p on p.name = r.press;

create or replace view board.node as
  select n.site, n.node, n.online, n.since, o.number as committed, o.arrived
  from signal.node n
  left join lateral (
    select x.number, x.arrived from signal.outbox x where x.site = n.site and x.node = n.node
    order by x.id desc limit 1
  ) o on true;
