-- KPIs by ISO 22400-2: sums of each press and shift, ratios from sums only.

-- Sums of each press and of each shift that touches [since, as_of): ISO 22400-2 elements in
-- seconds. Ratios are made from sums only, and both halves of each come from the same time:
--   off      breaks, and stops for a reason that is planned (erp.reason): no planned busy time, unless the press ran in it;
--   pbt_s    shift less off, plus what the press ran in off: work in a break is planned by who works;
--   known_s  of that, what was seen: running or stopped. What is unknown is in no half of a ratio;
--   apt_s    of that, running in production;
--   ideal_s  strokes seen in production, each as long as an ideal stroke, by the share of its parts that came
--            out: a closed cavity makes half the parts of a stroke, so its strokes are worth half (PRI is per part);
--   ideal_good_s  the same, of good parts. made, good and scrap count parts over unseen time, too.
--   too_fast why ideal_s is more than 1.05 x apt_s, where it is: `outputs` (the die makes more than its outputs say),
--            `signal` (strokes while the press was not seen to run), `gap` (strokes of minutes that were not wholly
--            seen), else `speed` (it runs faster than its ideal speed). A fault in master data or machine, never capped.
create or replace function board.press_shift(since timestamptz, as_of timestamptz)
returns table (press text, line text, shift bigint, shift_date date, shift_code text,
               shift_from timestamptz, shift_to timestamptz, pbt_s numeric, apt_s numeric, known_s numeric,
               ideal_s numeric, ideal_good_s numeric, strokes bigint, made bigint, good bigint, scrap bigint,
               too_fast text)
language sql stable security definer set search_path = '' as $$
  select p.name, p.line, sh.id, sh.date, sh.code, lower(sh.span), upper(sh.span),
         planned.s + worked.running_s, coalesce(fact.apt_s, 0), coalesce(fact.known_s, 0) - worked.stopped_s,
         coalesce(part.ideal_s, 0), coalesce(part.ideal_good_s, 0),
         coalesce(part.strokes, 0), coalesce(part.made, 0), coalesce(part.made, 0) - coalesce(part.scrap, 0),
         coalesce(part.scrap, 0),
         case when part.ideal_s > 1.05 * coalesce(fact.apt_s, 0) then case
           when part.share > 1.05 then 'outputs'
           when greatest(fact.unmoved, fact.half_seen) * part.ideal_s / nullif(part.strokes, 0)
                < (part.ideal_s - coalesce(fact.apt_s, 0)) / 2
             then 'speed'
           when fact.unmoved >= fact.half_seen then 'signal'
           else 'gap' end end
  from plant.press p
  cross join plant.shift sh
  left join (select x.press, x.dirty_from from mes.press_watch x) w on w.press = p.name
  cross join lateral (
    -- facts are of whole minutes: asked of an instant within one, all go as far as they do, at most to that minute's end
    select greatest(as_of, least(coalesce(w.dirty_from, as_of),
             date_trunc('minute', as_of - interval '1 microsecond') + interval '1 minute')) as at
  ) until
  cross join lateral (
    select board.off_time(p.name, sh.id, sh.span) as spans
  ) off
  cross join lateral (
    select coalesce(sum(extract(epoch from upper(span) - lower(span))), 0) as s
    from unnest(tstzmultirange(sh.span * tstzrange(null, until.at)) - off.spans) as span
  ) planned
  cross join lateral (
    -- what the press did in off time, as far as its facts go
    select coalesce(sum(part.s) filter (where part.state = 'running'), 0) as running_s,
           coalesce(sum(part.s) filter (where part.state in ('stopped', 'alarm')), 0) as stopped_s
    from (
      select s.state, extract(epoch from upper(piece) - lower(piece)) as s
      from mes.press_state s
      cross join unnest(tstzmultirange(s.span * tstzrange(null, least(w.dirty_from, until.at))) * off.spans) as piece
      where s.press = p.name and w.dirty_from is not null
        and not isempty(off.spans) and s.span && range_merge(off.spans)
    ) part
  ) worked
  left join lateral (
    select sum(f.running_s) filter (where seg.kind = 'production') as apt_s,
           sum(f.running_s) + sum(f.stopped_s) as known_s,
           coalesce(sum(f.strokes) filter (where seg.kind = 'production' and f.running_s = 0), 0) as unmoved,
           coalesce(sum(f.strokes) filter (where seg.kind = 'production' and f.unknown_s > 0), 0) as half_seen
    from mes.fact_minute f left join mes.run_segment seg on seg.id = f.segment
    where f.press = p.name and f.minute >= lower(sh.span) and f.minute < least(upper(sh.span), as_of)
  ) fact on true
  left join lateral (
    select sum(k.strokes) filter (where k.first)::bigint as strokes,
           sum(k.ideal_s) as ideal_s, max(k.share) as share,
           sum(k.ideal_s * case when k.made > 0 then greatest(k.made - k.scrap, 0)::numeric / k.made else 1 end) as ideal_good_s,
           sum(k.made)::bigint as made, sum(k.scrap)::bigint as scrap
    from (
      select made.*, coalesce(lost.qty, 0) as scrap,
             sum(made.part) over (partition by made.run) as share,
             row_number() over (partition by made.run order by made.run_output) = 1 as first
      from (
        -- each stroke is read once: boards ask every few seconds, and a shift has tens of thousands
        select seg.run, so.run_output, sum(own.strokes) as strokes,
               floor(sum(own.strokes * so.parts_num::numeric / so.parts_den))::bigint as made,
               max(so.parts_num::numeric / so.parts_den / nullif(die.parts, 0)) as part,
               coalesce(sum(own.seen * ideal.stroke_s * so.parts_num / so.parts_den / nullif(die.parts, 0)), 0) as ideal_s
        from (
          select f.segment, sum(f.strokes) as strokes, sum(f.strokes) as seen from mes.fact_minute f
          where f.press = p.name and f.minute >= lower(sh.span) and f.minute < least(upper(sh.span), as_of)
          group by f.segment
          union all
          select c.segment, sum(c.amount), 0 from mes.owned_count c
          where c.press = p.name and c.measure = 'stroke' and c.unseen and c.shift = sh.id
          group by c.segment
        ) own
        join mes.run_segment seg on seg.id = own.segment and seg.kind = 'production'
        join mes.run r on r.id = seg.run
        join mes.segment_output so on so.segment = seg.id
        cross join lateral (
          select 60 / coalesce(d.ideal_spm, p.top_spm) as stroke_s from erp.die d where d.code = r.die
        ) ideal
        cross join lateral (
          -- what a stroke of this die makes with every cavity open
          select sum(o.parts_num::numeric / o.parts_den) as parts
          from (select distinct on (x.item) x.parts_num, x.parts_den from erp.die_output x
                where x.die = r.die and x.from_at <= lower(seg.span) order by x.item, x.from_at desc) o
        ) die
        where own.strokes <> 0
        group by seg.run, so.run_output
      ) made
      left join lateral (
        -- scrap belongs to the shift that made it: the last one that produced before it was told
        select sum(s.qty)::bigint as qty from board.scrap s
        where s.run_output = made.run_output and s.at >= lower(sh.span) and not exists (
          select from mes.owned_count x
          join mes.run_segment xs on xs.id = x.segment and xs.kind = 'production'
          where x.press = p.name and x.measure = 'stroke' and x.run = made.run
            and x.at >= upper(sh.span) and x.at <= s.at)
      ) lost on true
    ) k
  ) part on true
  where sh.span && tstzrange(since, as_of)
$$;

-- The running shift of each line: OEE = sum(PRI x GQ) / sum(PBT), over the time that was seen; coverage says how much
-- of the planned time that is. `too_fast`: the presses whose performance is above 1.05, each with the cause.
-- Division by nothing is null.
create or replace function board.line_shift_at(as_of timestamptz)
returns table (line text, shift_date date, shift_code text, shift_from timestamptz, shift_to timestamptz,
               oee numeric, availability numeric, performance numeric, quality numeric, coverage numeric,
               good bigint, scrap bigint, too_fast text[])
language sql stable security definer set search_path = '' as $$
  select k.line, k.shift_date, k.shift_code, k.shift_from, k.shift_to,
         round(sum(k.ideal_good_s) / nullif(sum(k.known_s), 0), 4),
         round(sum(k.apt_s) / nullif(sum(k.known_s), 0), 4),
         round(sum(k.ideal_s) / nullif(sum(k.apt_s), 0), 4),
         round(sum(k.ideal_good_s) / nullif(sum(k.ideal_s), 0), 4),
         round(sum(k.known_s) / nullif(sum(k.pbt_s), 0), 4),
         sum(k.good)::bigint, sum(k.scrap)::bigint,
         array_agg(k.press || '/' || k.too_fast order by k.press) filter (where k.too_fast is not null)
  from board.press_shift(as_of - interval '1 microsecond', as_of) k
  group by 1, 2, 3, 4, 5
$$;

create or replace view board.line_shift as select * from board.line_shift_at(now());

