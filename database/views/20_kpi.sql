-- KPIs by ISO 22400-2: sums of each press and shift, ratios from sums only.

-- Sums of each press and of each shift that touches [since, as_of): ISO 22400-2 elements in
-- seconds. Ratios are made from sums only.
create function board.press_shift(since timestamptz, as_of timestamptz)
returns table (press text, line text, shift bigint, shift_date date, shift_code text,
               shift_from timestamptz, shift_to timestamptz, pbt_s numeric, apt_s numeric, known_s numeric,
               ideal_s numeric, ideal_good_s numeric, strokes bigint, made bigint, good bigint, scrap bigint)
language sql stable security definer set search_path = '' as $$
  select p.name, p.line, sh.id, sh.date, sh.code, lower(sh.span), upper(sh.span),
         planned.pbt_s, coalesce(fact.apt_s, 0), coalesce(fact.known_s, 0),
         coalesce(part.ideal_s, 0), coalesce(part.ideal_good_s, 0),
         coalesce(part.strokes, 0), coalesce(part.made, 0), coalesce(part.made, 0) - coalesce(part.scrap, 0),
         coalesce(part.scrap, 0)
  from mes.press p
  cross join mes.shift sh
  cross join lateral (
    select extract(epoch from least(upper(sh.span), as_of) - lower(sh.span))
           - coalesce((select sum(extract(epoch from least(upper(b.span), as_of) - lower(b.span)))
                       from mes.shift_break b where b.shift = sh.id and lower(b.span) < as_of), 0) as pbt_s
  ) planned
  left join lateral (
    select sum(f.running_s) filter (where seg.kind = 'production') as apt_s,
           sum(f.running_s + f.stopped_s) as known_s
    from mes.fact_minute f left join mes.run_segment seg on seg.id = f.segment
    where f.press = p.name and f.minute >= lower(sh.span) and f.minute < upper(sh.span)
      and not exists (select from mes.shift_break b where b.shift = sh.id and b.span @> f.minute)
  ) fact on true
  left join lateral (
    select sum(k.strokes)::bigint as strokes,
           sum(k.strokes * k.ideal) as ideal_s,
           sum(k.strokes * k.ideal * case when k.made > 0 then greatest(k.made - k.scrap, 0)::numeric / k.made else 1 end) as ideal_good_s,
           sum(k.made)::bigint as made, sum(k.scrap)::bigint as scrap
    from (
      select made.run, made.strokes, 60 / coalesce(d.ideal_spm, p.top_spm) as ideal,
             made.parts as made, coalesce(lost.qty, 0) as scrap
      from (
        -- each stroke is read once: boards ask every few seconds, and a shift has tens of thousands
        select seg.run, sum(own.strokes)::bigint as strokes,
               floor(sum(own.strokes * per_stroke.parts))::bigint as parts
        from (
          select f.segment, f.strokes from mes.fact_minute f
          where f.press = p.name and f.minute >= lower(sh.span) and f.minute < upper(sh.span)
          union all
          select c.segment, c.amount from mes.owned_count c
          where c.press = p.name and c.measure = 'stroke' and c.unseen and c.shift = sh.id
        ) own
        join mes.run_segment seg on seg.id = own.segment and seg.kind = 'production'
        cross join lateral (
          select sum(so.parts_num::numeric / so.parts_den) as parts
          from mes.segment_output so where so.segment = own.segment
        ) per_stroke
        where own.strokes <> 0
        group by seg.run
      ) made
      join mes.run r on r.id = made.run
      join erp.die d on d.code = r.die
      left join lateral (
        -- scrap belongs to the shift that made it: the last one that produced before it was told
        select sum(s.qty)::bigint as qty from board.scrap s join mes.run_output ro on ro.id = s.run_output
        where ro.run = made.run and s.at >= lower(sh.span) and not exists (
          select from mes.owned_count x
          join mes.run_segment xs on xs.id = x.segment and xs.kind = 'production'
          where x.press = p.name and x.measure = 'stroke' and x.run = made.run
            and x.at >= upper(sh.span) and x.at <= s.at)
      ) lost on true
    ) k
  ) part on true
  where sh.span && tstzrange(since, as_of)
$$;

-- The running shift of each line: OEE = sum(PRI x GQ) / sum(PBT), with how much of the time is known.
-- Division by nothing is null.
create function board.line_shift_at(as_of timestamptz)
returns table (line text, shift_date date, shift_code text, shift_from timestamptz, shift_to timestamptz,
               oee numeric, availability numeric, performance numeric, quality numeric, coverage numeric,
               good bigint, scrap bigint)
language sql stable security definer set search_path = '' as $$
  select k.line, k.shift_date, k.shift_code, k.shift_from, k.shift_to,
         round(sum(k.ideal_good_s) / nullif(sum(k.pbt_s), 0), 4),
         round(sum(k.apt_s) / nullif(sum(k.pbt_s), 0), 4),
         round(sum(k.ideal_s) / nullif(sum(k.apt_s), 0), 4),
         round(sum(k.ideal_good_s) / nullif(sum(k.ideal_s), 0), 4),
         round(sum(k.known_s) / nullif(sum(k.pbt_s), 0), 4),
         sum(k.good)::bigint, sum(k.scrap)::bigint
  from board.press_shift(as_of - interval '1 microsecond', as_of) k
  group by 1, 2, 3, 4, 5
$$;

create view board.line_shift as select * from board.line_shift_at(now());

