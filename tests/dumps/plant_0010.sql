-- A plant that ran for an hour, as the program with schema 0010 left it (pg_dump --inserts).



CREATE SCHEMA board;

CREATE SCHEMA erp;

CREATE SCHEMA mes;

CREATE SCHEMA signal;

CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA public;

COMMENT ON EXTENSION btree_gist IS 'support for indexing common datatypes in GiST';

CREATE FUNCTION board.line_shift_at(as_of timestamp with time zone) RETURNS TABLE(line text, shift_date date, shift_code text, shift_from timestamp with time zone, shift_to timestamp with time zone, oee numeric, availability numeric, performance numeric, quality numeric, coverage numeric, good bigint, scrap bigint)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

CREATE FUNCTION board.press_at(as_of timestamp with time zone) RETURNS TABLE(press text, line text, "position" integer, state text, since timestamp with time zone, state_s numeric, reason text, data_age_s numeric, run bigint, run_since timestamp with time zone, segment_kind text, die text, die_strokes bigint, die_share numeric, die_state text, work_orders text[], items text[], good bigint, target bigint, gap_parts bigint, spm numeric, unattributed bigint)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  select p.name, p.line, p.position,
         now_state.state, now_state.since,
         extract(epoch from as_of - now_state.since)::numeric,
         why.reason,
         case when seen.at is not null then greatest(extract(epoch from as_of - seen.at), 0) end::numeric,
         r.id, lower(r.span), seg.kind, coalesce(r.die, m.die),
         dl.strokes, dl.share, dl.state,
         job.work_orders, job.items, job.good, job.target,
         (job.good - floor(pace.production_s * coalesce(d.ideal_spm, p.top_spm) / 60 * job.ratio))::bigint,
         fast.spm, coalesce(orphan.strokes, 0)
  from mes.press p
  cross join mes.plant plant
  left join lateral (
    select max(l.at) as at from mes.own_channel c join signal.latest l on l.channel = c.id
    where c.device = p.name and l.quality = 192
  ) seen on true
  left join lateral (
    select s.state, lower(s.span) as since from mes.press_state s
    where s.press = p.name and lower(s.span) <= as_of order by lower(s.span) desc limit 1
  ) kept on true
  cross join lateral (
    select case when silent then 'unknown' else kept.state end as state,
           case when silent and kept.state <> 'unknown' then seen.at + plant.silence else kept.since end as since
    from (select coalesce(as_of - seen.at > plant.silence, true) as silent) quiet
  ) now_state
  left join lateral (
    select sr.reason from mes.stop_reason sr
    where sr.press = p.name and sr.span @> as_of and now_state.state <> 'running'
    order by lower(sr.span) desc limit 1
  ) why on true
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
           (array_agg(so.parts_num::numeric / so.parts_den order by o.work_order is null, o.run_output))[1] as ratio
    from board.run_output o
    left join erp.work_order w on w.code = o.work_order
    left join mes.segment_output so on so.run_output = o.run_output and so.segment = seg.id
    left join lateral (
      select sum(e.good)::bigint as good from board.run_output e
      where e.operation = o.operation and e.run_output <> o.run_output
    ) earlier on true
    where o.run = r.id
  ) job on r.id is not null
  left join lateral (
    select coalesce(sum(f.running_s + f.stopped_s + f.unknown_s), 0) as production_s
    from mes.run_segment ps join mes.fact_minute f on f.segment = ps.id
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
  ) orphan on true
$$;

CREATE FUNCTION board.press_shift(since timestamp with time zone, as_of timestamp with time zone) RETURNS TABLE(press text, line text, shift bigint, shift_date date, shift_code text, shift_from timestamp with time zone, shift_to timestamp with time zone, pbt_s numeric, apt_s numeric, known_s numeric, ideal_s numeric, ideal_good_s numeric, strokes bigint, made bigint, good bigint, scrap bigint)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
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

CREATE FUNCTION board.run_parts(of_run bigint) RETURNS TABLE(run_output bigint, segment bigint, kind text, since timestamp with time zone, strokes bigint, parts bigint)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO ''
    AS $$
  with segment as (
    select s.id, s.kind, lower(s.span) as since,
           coalesce((select sum(f.strokes) from mes.fact_minute f where f.segment = s.id), 0)::bigint as strokes
    from mes.run_segment s where s.run = of_run
  ), cumulated as (
    select so.run_output, s.id, s.kind, s.since, s.strokes,
           s.strokes * so.parts_num::numeric / so.parts_den as own,
           sum(s.strokes * so.parts_num::numeric / so.parts_den)
             over (partition by so.run_output order by s.since) as upto
    from segment s join mes.segment_output so on so.segment = s.id
  )
  select c.run_output, c.id, c.kind, c.since, c.strokes,
         (floor(c.upto + 1e-9) - floor(c.upto - c.own + 1e-9))::bigint
  from cumulated c
$$;

CREATE FUNCTION erp.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
  raise exception '% is append-only: write a new row that names the old one', tg_table_schema || '.' || tg_table_name
    using errcode = 'restrict_violation';
end $$;



CREATE TABLE mes.counter_event (
    id bigint NOT NULL,
    press text,
    meter text,
    n integer NOT NULL,
    channel integer NOT NULL,
    kind text NOT NULL,
    from_at timestamp with time zone NOT NULL,
    at timestamp with time zone NOT NULL,
    old_value bigint,
    new_value bigint,
    amount bigint NOT NULL,
    held boolean DEFAULT false NOT NULL,
    decided_act uuid,
    decided_count bigint,
    outbox integer,
    number bigint,
    unseen boolean DEFAULT false NOT NULL,
    CONSTRAINT event_amount CHECK ((amount >= 0)),
    CONSTRAINT event_kind CHECK ((kind = ANY (ARRAY['wrap'::text, 'reset'::text, 'glitch'::text, 'jump'::text, 'gap'::text, 'swap'::text, 'late'::text])))
);

COMMENT ON TABLE mes.counter_event IS 'Every pair of readings that was not a plain step, with its evidence and who decided.';

CREATE VIEW board.counter_event AS
 SELECT ((press || '/'::text) || n) AS event,
    press,
    kind,
    from_at,
    at,
    old_value,
    new_value,
    amount AS strokes,
    held,
    decided_count
   FROM mes.counter_event e
  WHERE (press IS NOT NULL);

CREATE TABLE erp.die (
    code text NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    life_strokes bigint,
    warn_share numeric DEFAULT 0.8 NOT NULL,
    due_share numeric DEFAULT 1.0 NOT NULL,
    opening_strokes bigint DEFAULT 0 NOT NULL,
    ideal_spm numeric,
    CONSTRAINT die_ideal_spm CHECK ((ideal_spm > (0)::numeric)),
    CONSTRAINT die_life CHECK ((life_strokes > 0))
);

COMMENT ON COLUMN erp.die.opening_strokes IS 'Strokes made before pressline counted them.';

COMMENT ON COLUMN erp.die.ideal_spm IS 'Ideal strokes per minute; null: the top speed of the press is the ideal.';

CREATE TABLE mes.count (
    id bigint NOT NULL,
    channel integer NOT NULL,
    press text,
    measure text NOT NULL,
    from_at timestamp with time zone NOT NULL,
    at timestamp with time zone NOT NULL,
    amount bigint NOT NULL,
    kind text NOT NULL,
    event bigint,
    outbox integer,
    number bigint,
    recorded_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    unseen boolean DEFAULT false NOT NULL,
    CONSTRAINT count_amount CHECK ((amount > 0)),
    CONSTRAINT count_kind CHECK ((kind = ANY (ARRAY['step'::text, 'wrap'::text, 'reset'::text, 'gap'::text, 'swap'::text, 'decided'::text]))),
    CONSTRAINT count_measure CHECK ((measure = ANY (ARRAY['stroke'::text, 'wh'::text])))
);

COMMENT ON TABLE mes.count IS 'What each pair of readings added: strokes or Wh. Derived from signal.reading, can be derived again.';

COMMENT ON COLUMN mes.count.unseen IS 'Time passed unseen between the two readings (silence, or a bad reading): when within it the strokes fell is not known.';

CREATE TABLE mes.die_mount (
    id bigint NOT NULL,
    press text NOT NULL,
    die text NOT NULL,
    span tstzrange NOT NULL,
    act uuid
);

CREATE VIEW board.die_life AS
 SELECT d.code AS die,
    d.name,
    m.press,
    (d.opening_strokes + COALESCE(worn.strokes, (0)::bigint)) AS strokes,
    d.life_strokes,
    round((((d.opening_strokes + COALESCE(worn.strokes, (0)::bigint)))::numeric / (d.life_strokes)::numeric), 4) AS share,
        CASE
            WHEN (d.life_strokes IS NULL) THEN 'ok'::text
            WHEN (((d.opening_strokes + COALESCE(worn.strokes, (0)::bigint)))::numeric >= (d.due_share * (d.life_strokes)::numeric)) THEN 'due'::text
            WHEN (((d.opening_strokes + COALESCE(worn.strokes, (0)::bigint)))::numeric >= (d.warn_share * (d.life_strokes)::numeric)) THEN 'warn'::text
            ELSE 'ok'::text
        END AS state
   FROM ((erp.die d
     LEFT JOIN mes.die_mount m ON (((m.die = d.code) AND (upper(m.span) IS NULL))))
     LEFT JOIN LATERAL ( SELECT (sum(c.amount))::bigint AS strokes
           FROM (mes.die_mount x
             JOIN mes.count c ON (((c.press = x.press) AND (c.measure = 'stroke'::text) AND (c.at >= lower(x.span)) AND ((upper(x.span) IS NULL) OR (c.at < upper(x.span))))))
          WHERE (x.die = d.code)) worn ON (true));

CREATE VIEW board.line_shift AS
 SELECT line,
    shift_date,
    shift_code,
    shift_from,
    shift_to,
    oee,
    availability,
    performance,
    quality,
    coverage,
    good,
    scrap
   FROM board.line_shift_at(now()) line_shift_at(line, shift_date, shift_code, shift_from, shift_to, oee, availability, performance, quality, coverage, good, scrap);

CREATE TABLE mes.fact_minute (
    press text NOT NULL,
    minute timestamp with time zone,
    segment bigint,
    strokes bigint DEFAULT 0 NOT NULL,
    running_s numeric DEFAULT 0 NOT NULL,
    stopped_s numeric DEFAULT 0 NOT NULL,
    unknown_s numeric DEFAULT 0 NOT NULL,
    run_wh bigint DEFAULT 0 NOT NULL,
    idle_wh bigint DEFAULT 0 NOT NULL
);

COMMENT ON TABLE mes.fact_minute IS 'Additive facts; a null minute holds strokes of a gap, a null segment what no run owns.';

CREATE TABLE mes.press (
    name text NOT NULL,
    line text NOT NULL,
    "position" integer NOT NULL,
    top_spm numeric NOT NULL,
    stop_after interval NOT NULL,
    stroke_channel text NOT NULL,
    run_channel text,
    node text,
    CONSTRAINT press_top_spm CHECK ((top_spm > (0)::numeric))
);

COMMENT ON COLUMN mes.press.stop_after IS 'Without a stroke for this long, a press has been stopped since its last stroke.';

COMMENT ON COLUMN mes.press.node IS 'The edge node that reads this press: what another node says in its name is not counted. Null: any.';

CREATE VIEW board.minute AS
 SELECT f.press,
    p.line,
    f.minute,
    (sum(f.strokes))::bigint AS strokes,
    sum(f.running_s) AS running_s,
    sum(f.stopped_s) AS stopped_s,
    sum(f.unknown_s) AS unknown_s,
    (sum(f.run_wh))::bigint AS run_wh,
    (sum(f.idle_wh))::bigint AS idle_wh
   FROM (mes.fact_minute f
     JOIN mes.press p ON ((p.name = f.press)))
  WHERE (f.minute IS NOT NULL)
  GROUP BY f.press, p.line, f.minute;

CREATE TABLE signal.node (
    site text NOT NULL,
    node text NOT NULL,
    online boolean NOT NULL,
    bdseq bigint,
    since timestamp with time zone NOT NULL,
    birth bytea,
    birth_at timestamp with time zone,
    host text,
    heard timestamp with time zone,
    newest bigint,
    clock_offset real,
    clock_spread real
);

COMMENT ON TABLE signal.node IS 'Life of each edge node, with its last birth certificate: it decodes aliases after a restart of ingest.';

COMMENT ON COLUMN signal.node.host IS 'Host id that serves the node. Another one may take it once this one''s advisory lock is free.';

COMMENT ON COLUMN signal.node.heard IS 'When the host last heard the node (a few seconds old at most).';

COMMENT ON COLUMN signal.node.newest IS 'Highest record number the node was heard to have; of its outbox in force.';

COMMENT ON COLUMN signal.node.clock_offset IS 'Node''s clock minus host''s, in s: the most that any message of the last minute allows, since delay only makes it look less.';

COMMENT ON COLUMN signal.node.clock_spread IS 'How far that figure wandered within the minute, in s: its uncertainty.';

CREATE TABLE signal.outbox (
    id integer NOT NULL,
    uuid text NOT NULL,
    site text NOT NULL,
    node text NOT NULL,
    number bigint DEFAULT 0 NOT NULL,
    arrived timestamp with time zone,
    CONSTRAINT outbox_number_check CHECK ((number >= 0))
);

COMMENT ON TABLE signal.outbox IS 'One row per edge outbox (a new disk is a new outbox); number is the watermark: every record up to it is committed.';

CREATE VIEW board.node AS
 SELECT n.site,
    n.node,
    n.online,
    n.since,
    o.number AS committed,
    o.arrived
   FROM (signal.node n
     LEFT JOIN LATERAL ( SELECT x.number,
            x.arrived
           FROM signal.outbox x
          WHERE ((x.site = n.site) AND (x.node = n.node))
          ORDER BY x.id DESC
         LIMIT 1) o ON (true));

CREATE VIEW board.press AS
 SELECT name AS press,
    line,
    "position",
    top_spm
   FROM mes.press p;

CREATE VIEW board.press_now AS
 SELECT press,
    line,
    "position",
    state,
    since,
    state_s,
    reason,
    data_age_s,
    run,
    run_since,
    segment_kind,
    die,
    die_strokes,
    die_share,
    die_state,
    work_orders,
    items,
    good,
    target,
    gap_parts,
    spm,
    unattributed
   FROM board.press_at(now()) press_at(press, line, "position", state, since, state_s, reason, data_age_s, run, run_since, segment_kind, die, die_strokes, die_share, die_state, work_orders, items, good, target, gap_parts, spm, unattributed);

CREATE TABLE mes.press_state (
    press text NOT NULL,
    span tstzrange NOT NULL,
    state text NOT NULL,
    CONSTRAINT press_state_state CHECK ((state = ANY (ARRAY['running'::text, 'stopped'::text, 'unknown'::text])))
);

COMMENT ON TABLE mes.press_state IS 'What the press was doing; the open span is what it is doing now. Unknown is a state.';

CREATE VIEW board.press_state AS
 SELECT s.press,
    p.line,
    s.state,
    lower(s.span) AS since,
    upper(s.span) AS until
   FROM (mes.press_state s
     JOIN mes.press p ON ((p.name = s.press)));

CREATE TABLE erp.production_report (
    id bigint NOT NULL,
    operation bigint NOT NULL,
    n integer NOT NULL,
    run bigint NOT NULL,
    shift bigint,
    good bigint NOT NULL,
    excess bigint NOT NULL,
    other bigint NOT NULL,
    state text NOT NULL,
    flags text[] DEFAULT '{}'::text[] NOT NULL,
    lot text NOT NULL,
    material_lots jsonb DEFAULT '{}'::jsonb NOT NULL,
    proposed_at timestamp with time zone NOT NULL,
    decided_at timestamp with time zone,
    decided_by text,
    reason text,
    CONSTRAINT report_decided CHECK (((state = 'waiting'::text) = (decided_at IS NULL))),
    CONSTRAINT report_state CHECK ((state = ANY (ARRAY['waiting'::text, 'accepted'::text, 'rejected'::text, 'reversed'::text])))
);

COMMENT ON COLUMN erp.production_report.other IS 'Parts made that are not good: scrap, setup scrap, trial, maintenance, sample, rework. They use material.';

COMMENT ON COLUMN erp.production_report.material_lots IS 'component -> lot mounted on the press for this run';

CREATE TABLE erp.work_order (
    code text NOT NULL,
    item text NOT NULL,
    qty bigint NOT NULL,
    state text NOT NULL,
    due date,
    created timestamp with time zone NOT NULL,
    created_by text NOT NULL,
    CONSTRAINT work_order_qty CHECK ((qty > 0)),
    CONSTRAINT work_order_state CHECK ((state = ANY (ARRAY['draft'::text, 'released'::text, 'running'::text, 'produced'::text, 'closed'::text, 'cancelled'::text])))
);

CREATE TABLE erp.work_order_operation (
    id bigint NOT NULL,
    work_order text NOT NULL,
    seq integer NOT NULL,
    name text NOT NULL,
    die text,
    last boolean NOT NULL
);

COMMENT ON COLUMN erp.work_order_operation.last IS 'Only the last operation puts parts into stock and issues material.';

CREATE TABLE mes.run (
    id bigint NOT NULL,
    press text NOT NULL,
    die text NOT NULL,
    span tstzrange NOT NULL,
    source text NOT NULL,
    act uuid,
    CONSTRAINT run_source CHECK ((source = ANY (ARRAY['scan'::text, 'assigned'::text])))
);

COMMENT ON COLUMN mes.run.source IS 'scan: opened at the press. assigned: a supervisor gave unattributed strokes to an order; it owns only strokes that no scanned run owns.';

CREATE VIEW board.report AS
 SELECT ((((op.work_order || '/'::text) || w.item) || '/'::text) || pr.n) AS report,
    op.work_order,
    w.item,
    pr.n,
    r.press,
    p.line,
    pr.good,
    pr.excess,
    pr.other,
    pr.state,
    pr.flags,
    pr.proposed_at,
    pr.decided_at,
    pr.decided_by,
    pr.reason
   FROM ((((erp.production_report pr
     JOIN erp.work_order_operation op ON ((op.id = pr.operation)))
     JOIN erp.work_order w ON ((w.code = op.work_order)))
     JOIN mes.run r ON ((r.id = pr.run)))
     JOIN mes.press p ON ((p.name = r.press)));

CREATE TABLE mes.run_segment (
    id bigint NOT NULL,
    run bigint NOT NULL,
    kind text NOT NULL,
    span tstzrange NOT NULL,
    act uuid,
    CONSTRAINT segment_kind CHECK ((kind = ANY (ARRAY['setup'::text, 'first_article'::text, 'production'::text, 'trial'::text, 'maintenance'::text])))
);

CREATE VIEW board.run_energy AS
 SELECT r.id AS run,
    r.press,
    r.die,
    (COALESCE(sum(f.run_wh), (0)::numeric))::bigint AS run_wh,
    (COALESCE(sum(f.idle_wh), (0)::numeric))::bigint AS idle_wh
   FROM ((mes.run r
     LEFT JOIN mes.run_segment s ON ((s.run = r.id)))
     LEFT JOIN mes.fact_minute f ON ((f.segment = s.id)))
  GROUP BY r.id, r.press, r.die;

CREATE TABLE mes.act (
    id uuid NOT NULL,
    who text NOT NULL,
    press text,
    at timestamp with time zone NOT NULL,
    act text NOT NULL,
    args jsonb NOT NULL,
    outcome jsonb DEFAULT '{}'::jsonb NOT NULL,
    recorded_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

COMMENT ON TABLE mes.act IS 'What people did, append-only; at is the device time of the act, id is made by the client.';

CREATE VIEW board.scrap AS
 SELECT ((outcome ->> 'run_output'::text))::bigint AS run_output,
    at,
    who,
    press,
    (args ->> 'reason'::text) AS reason,
    ((outcome ->> 'qty'::text))::bigint AS qty
   FROM mes.act a
  WHERE (act = 'scrap'::text);

CREATE TABLE mes.run_output (
    id bigint NOT NULL,
    run bigint NOT NULL,
    item text NOT NULL,
    operation bigint
);

COMMENT ON COLUMN mes.run_output.operation IS 'Null: the die makes this part, but no order was scanned for it; its parts are unattributed.';

CREATE VIEW board.run_output AS
 SELECT ro.id AS run_output,
    ro.run,
    r.press,
    r.die,
    lower(r.span) AS since,
    upper(r.span) AS until,
    ro.item,
    ro.operation,
    op.work_order,
    r.source,
    COALESCE(made.production, (0)::bigint) AS production,
    COALESCE(made.other, (0)::bigint) AS other,
    COALESCE(made.strokes, (0)::bigint) AS strokes,
    COALESCE(lost.qty, (0)::bigint) AS scrap,
    (COALESCE(made.production, (0)::bigint) - COALESCE(lost.qty, (0)::bigint)) AS good
   FROM ((((mes.run_output ro
     JOIN mes.run r ON ((r.id = ro.run)))
     LEFT JOIN erp.work_order_operation op ON ((op.id = ro.operation)))
     LEFT JOIN LATERAL ( SELECT (sum(p.parts) FILTER (WHERE (p.kind = 'production'::text)))::bigint AS production,
            (sum(p.parts) FILTER (WHERE (p.kind <> 'production'::text)))::bigint AS other,
            (sum(p.strokes))::bigint AS strokes
           FROM board.run_parts(ro.run) p(run_output, segment, kind, since, strokes, parts)
          WHERE (p.run_output = ro.id)) made ON (true))
     LEFT JOIN LATERAL ( SELECT (sum(s.qty))::bigint AS qty
           FROM board.scrap s
          WHERE (s.run_output = ro.id)) lost ON (true));

CREATE TABLE mes.stop_reason (
    id bigint NOT NULL,
    press text NOT NULL,
    span tstzrange NOT NULL,
    reason text NOT NULL,
    act uuid
);

CREATE VIEW board.stop AS
 SELECT s.press,
    s.line,
    s.since,
    s.until,
    s.state,
    r.reason
   FROM (board.press_state s
     LEFT JOIN LATERAL ( SELECT sr.reason
           FROM mes.stop_reason sr
          WHERE ((sr.press = s.press) AND (sr.span && tstzrange(s.since, s.until)))
          ORDER BY (lower(sr.span)) DESC
         LIMIT 1) r ON (true))
  WHERE (s.state <> 'running'::text);

CREATE TABLE erp.location (
    code text NOT NULL,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    kind text NOT NULL,
    CONSTRAINT location_kind CHECK ((kind = ANY (ARRAY['stock'::text, 'production'::text, 'scrap'::text, 'supplier'::text, 'customer'::text, 'count'::text])))
);

COMMENT ON COLUMN erp.location.kind IS 'stock locations are on hand; the others are where stock comes from or goes to.';

CREATE TABLE erp.stock_move (
    id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    item text NOT NULL,
    lot text,
    qty numeric(18,6) NOT NULL,
    from_location text NOT NULL,
    to_location text NOT NULL,
    report bigint,
    work_order text,
    reverses bigint,
    who text NOT NULL,
    reason text NOT NULL,
    idempotency_key text,
    recorded_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT stock_move_goes_somewhere CHECK ((from_location <> to_location)),
    CONSTRAINT stock_move_qty CHECK ((qty > (0)::numeric))
);

CREATE TABLE mes.posting (
    id bigint NOT NULL,
    run_output bigint NOT NULL,
    shift bigint,
    kind text NOT NULL,
    reason text,
    qty bigint NOT NULL,
    report bigint,
    reverses bigint,
    idempotency_key text NOT NULL,
    at timestamp with time zone NOT NULL,
    who text NOT NULL,
    recorded_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT posting_kind CHECK ((kind = ANY (ARRAY['good'::text, 'excess'::text, 'setup'::text, 'trial'::text, 'maintenance'::text, 'scrap'::text, 'rework'::text, 'sample'::text, 'adjust'::text, 'unattributed'::text]))),
    CONSTRAINT posting_qty CHECK ((qty <> 0))
);

CREATE TABLE mes.segment_output (
    segment bigint NOT NULL,
    run_output bigint NOT NULL,
    parts_num integer NOT NULL,
    parts_den integer NOT NULL,
    closed_reason text,
    CONSTRAINT segment_output_den CHECK ((parts_den > 0))
);

COMMENT ON TABLE mes.segment_output IS 'Parts per stroke of each output within a segment; 0/1 while the output is closed, with the reason.';

CREATE VIEW board.work_order_progress AS
 SELECT w.code AS work_order,
    w.item,
    w.qty,
    w.state,
    w.due,
    COALESCE(live.good, (0)::bigint) AS good_live,
    COALESCE(live.strokes, (0)::bigint) AS strokes,
    COALESCE(posted.good, (0)::bigint) AS good,
    COALESCE(posted.excess, (0)::bigint) AS excess,
    COALESCE(posted.scrap, (0)::bigint) AS scrap,
    COALESCE(posted.other, (0)::bigint) AS other,
    COALESCE(report.waiting, (0)::bigint) AS waiting,
    COALESCE(report.accepted, (0)::bigint) AS accepted,
    COALESCE(stock.qty, (0)::numeric) AS in_stock,
    COALESCE(energy.run_wh, (0)::numeric) AS wh,
    COALESCE(energy.idle_wh, (0)::numeric) AS idle_wh,
    round((energy.run_wh / (NULLIF(((posted.good + posted.excess) + posted.scrap), 0))::numeric), 3) AS wh_per_part
   FROM (((((erp.work_order w
     LEFT JOIN LATERAL ( SELECT (sum(o.good))::bigint AS good,
            (sum(o.strokes))::bigint AS strokes
           FROM (board.run_output o
             JOIN erp.work_order_operation op ON (((op.id = o.operation) AND op.last)))
          WHERE (o.work_order = w.code)) live ON (true))
     LEFT JOIN LATERAL ( SELECT (sum(p.qty) FILTER (WHERE (p.kind = 'good'::text)))::bigint AS good,
            (sum(p.qty) FILTER (WHERE (p.kind = 'excess'::text)))::bigint AS excess,
            (sum(p.qty) FILTER (WHERE (p.kind = 'scrap'::text)))::bigint AS scrap,
            (sum(p.qty) FILTER (WHERE (p.kind <> ALL (ARRAY['good'::text, 'excess'::text, 'scrap'::text]))))::bigint AS other
           FROM ((mes.posting p
             JOIN mes.run_output ro ON ((ro.id = p.run_output)))
             JOIN erp.work_order_operation op ON (((op.id = ro.operation) AND op.last)))
          WHERE (op.work_order = w.code)) posted ON (true))
     LEFT JOIN LATERAL ( SELECT (sum((pr.good + pr.excess)) FILTER (WHERE (pr.state = 'waiting'::text)))::bigint AS waiting,
            (sum((pr.good + pr.excess)) FILTER (WHERE (pr.state = 'accepted'::text)))::bigint AS accepted
           FROM (erp.production_report pr
             JOIN erp.work_order_operation op ON (((op.id = pr.operation) AND op.last)))
          WHERE (op.work_order = w.code)) report ON (true))
     LEFT JOIN LATERAL ( SELECT sum((
                CASE
                    WHEN (t.kind = 'stock'::text) THEN m.qty
                    ELSE (0)::numeric
                END -
                CASE
                    WHEN (f.kind = 'stock'::text) THEN m.qty
                    ELSE (0)::numeric
                END)) AS qty
           FROM ((erp.stock_move m
             JOIN erp.location t ON ((t.code = m.to_location)))
             JOIN erp.location f ON ((f.code = m.from_location)))
          WHERE ((m.work_order = w.code) AND (m.item = w.item))) stock ON (true))
     LEFT JOIN LATERAL ( SELECT sum(((e.run_wh)::numeric * share.of_run)) AS run_wh,
            sum(((e.idle_wh)::numeric * share.of_run)) AS idle_wh
           FROM (((mes.run_output ro
             JOIN erp.work_order_operation op ON ((op.id = ro.operation)))
             JOIN board.run_energy e ON ((e.run = ro.run)))
             CROSS JOIN LATERAL ( SELECT (sum(((so.parts_num)::numeric / (so.parts_den)::numeric)) FILTER (WHERE (so.run_output = ro.id)) / NULLIF(sum(((so.parts_num)::numeric / (so.parts_den)::numeric)), (0)::numeric)) AS of_run
                   FROM (mes.segment_output so
                     JOIN mes.run_segment seg ON ((seg.id = so.segment)))
                  WHERE (seg.run = ro.run)) share)
          WHERE (op.work_order = w.code)) energy ON (true));

CREATE TABLE erp.bom (
    item text NOT NULL,
    version text NOT NULL
);

CREATE TABLE erp.bom_line (
    item text NOT NULL,
    version text NOT NULL,
    component text NOT NULL,
    qty numeric(18,6) NOT NULL,
    CONSTRAINT bom_line_qty CHECK ((qty > (0)::numeric))
);

CREATE TABLE erp.die_output (
    die text NOT NULL,
    item text NOT NULL,
    from_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    parts_num integer NOT NULL,
    parts_den integer NOT NULL,
    CONSTRAINT die_output_den CHECK ((parts_den > 0)),
    CONSTRAINT die_output_num CHECK ((parts_num > 0))
);

COMMENT ON TABLE erp.die_output IS 'Parts per stroke of each output, as a ratio, dated: the newest row not after an instant holds.';

CREATE TABLE erp.die_press (
    die text NOT NULL,
    press text NOT NULL
);

COMMENT ON TABLE erp.die_press IS 'Presses a die fits; a die without rows fits every press.';

CREATE TABLE erp.item (
    code text NOT NULL,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    unit text NOT NULL,
    kind text NOT NULL,
    over_tolerance numeric DEFAULT 0 NOT NULL,
    CONSTRAINT item_kind CHECK ((kind = ANY (ARRAY['part'::text, 'coil'::text, 'blank'::text, 'bought'::text]))),
    CONSTRAINT item_over_tolerance CHECK ((over_tolerance >= (0)::numeric))
);

COMMENT ON COLUMN erp.item.over_tolerance IS 'Share of the ordered quantity that may be made beyond it before parts count as excess; 0.02 is 2 %.';

CREATE TABLE erp.login (
    id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    person text,
    given text NOT NULL,
    method text NOT NULL,
    ok boolean NOT NULL,
    refusal text,
    address text,
    CONSTRAINT login_method CHECK ((method = ANY (ARRAY['badge'::text, 'pin'::text]))),
    CONSTRAINT login_refusal CHECK ((ok = (refusal IS NULL)))
);

COMMENT ON TABLE erp.login IS 'Every attempt to sign in, also the refused ones; given is the badge or person code, never a PIN.';

ALTER TABLE erp.login ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME erp.login_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE erp.lot (
    item text NOT NULL,
    code text NOT NULL,
    created timestamp with time zone NOT NULL
);

CREATE TABLE erp.notification (
    id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL,
    press text,
    role text NOT NULL,
    done_at timestamp with time zone
);

COMMENT ON TABLE erp.notification IS 'What waits for someone: one row per thing, closed when it is done.';

ALTER TABLE erp.notification ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME erp.notification_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE erp.person (
    code text NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    lines text[] DEFAULT '{}'::text[] NOT NULL,
    locale text DEFAULT 'zh'::text NOT NULL,
    badge text,
    pin_hash text,
    active boolean DEFAULT true NOT NULL,
    CONSTRAINT person_locale CHECK ((locale = ANY (ARRAY['zh'::text, 'en'::text]))),
    CONSTRAINT person_role CHECK ((role = ANY (ARRAY['operator'::text, 'leader'::text, 'planner'::text, 'warehouse'::text, 'quality'::text, 'manager'::text, 'it'::text])))
);

COMMENT ON COLUMN erp.person.lines IS 'Lines this person works on; empty means every line.';

ALTER TABLE erp.production_report ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME erp.production_report_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE erp.routing (
    item text NOT NULL,
    seq integer NOT NULL,
    name text NOT NULL,
    die text
);

CREATE TABLE erp.session (
    token_hash text NOT NULL,
    person text NOT NULL,
    press text,
    started timestamp with time zone NOT NULL,
    expires timestamp with time zone NOT NULL,
    ended timestamp with time zone
);

ALTER TABLE erp.stock_move ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME erp.stock_move_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE erp.work_order_material (
    work_order text NOT NULL,
    component text NOT NULL,
    qty_per numeric(18,6) NOT NULL
);

COMMENT ON TABLE erp.work_order_material IS 'The BOM as it was when the order was released.';

ALTER TABLE erp.work_order_operation ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME erp.work_order_operation_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE mes.count ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME mes.count_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE mes.counter (
    channel integer NOT NULL,
    press text,
    meter text,
    measure text NOT NULL,
    base_value bigint,
    base_at timestamp with time zone,
    pend_value bigint,
    pend_at timestamp with time zone,
    pend_unseen boolean DEFAULT false NOT NULL,
    unseen boolean DEFAULT false NOT NULL,
    outbox integer,
    number bigint,
    told_by integer,
    CONSTRAINT counter_base CHECK (((base_value IS NULL) = (base_at IS NULL))),
    CONSTRAINT counter_measure CHECK ((measure = ANY (ARRAY['stroke'::text, 'wh'::text]))),
    CONSTRAINT counter_owner CHECK ((num_nonnulls(press, meter) = 1)),
    CONSTRAINT counter_pend CHECK (((pend_value IS NULL) = (pend_at IS NULL)))
);

COMMENT ON TABLE mes.counter IS 'State of each counting machine: the last good value (baseline), and the reading that waits for one more.';

COMMENT ON COLUMN mes.counter.told_by IS 'Outbox of the latest reading that was not late: before one of another outbox lies time unseen.';

ALTER TABLE mes.counter_event ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME mes.counter_event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE mes.counter_rule (
    id bigint NOT NULL,
    channel integer NOT NULL,
    outbox integer,
    number bigint NOT NULL,
    line bigint,
    of_press text,
    factor double precision NOT NULL,
    modulus bigint,
    top_rate double precision NOT NULL,
    silence interval NOT NULL
);

COMMENT ON TABLE mes.counter_rule IS 'By which rules a channel is counted, append-only: each row holds from its record on, until the next.';

COMMENT ON COLUMN mes.counter_rule.outbox IS 'Null: from the beginning.';

COMMENT ON COLUMN mes.counter_rule.line IS 'Readings of one line are one counter, whatever channels they came on; null: from here on the channel is not counted.';

COMMENT ON COLUMN mes.counter_rule.of_press IS 'Whose runs get what is counted: the press, or the one a meter measures.';

COMMENT ON COLUMN mes.counter_rule.factor IS 'Strokes or Wh in one step of the stored value.';

COMMENT ON COLUMN mes.counter_rule.modulus IS 'In strokes or Wh.';

COMMENT ON COLUMN mes.counter_rule.top_rate IS 'Most the machine can do, in strokes or Wh per second.';

COMMENT ON COLUMN mes.counter_rule.silence IS 'Longer than this between two readings is time unseen.';

CREATE SEQUENCE mes.counter_line
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE mes.counter_line OWNED BY mes.counter_rule.line;

CREATE TABLE mes.meter (
    name text NOT NULL,
    press text,
    top_kw numeric NOT NULL,
    energy_channel text NOT NULL,
    node text
);

CREATE TABLE mes.plant (
    one boolean DEFAULT true NOT NULL,
    site text NOT NULL,
    time_zone text NOT NULL,
    silence interval NOT NULL,
    CONSTRAINT plant_one_check CHECK (one)
);

COMMENT ON COLUMN mes.plant.silence IS 'Without a reading for this long (three heartbeats), a press is unknown.';

CREATE TABLE signal.channel (
    id integer NOT NULL,
    site text NOT NULL,
    node text NOT NULL,
    device text NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    datatype integer NOT NULL,
    unit text,
    scale double precision DEFAULT 1 NOT NULL,
    modulus bigint,
    source text,
    replaced boolean DEFAULT false NOT NULL,
    CONSTRAINT channel_kind CHECK ((kind = ANY (ARRAY['counter'::text, 'state'::text, 'gauge'::text, 'text'::text])))
);

COMMENT ON COLUMN signal.channel.scale IS 'Value in unit = stored value x scale; readings are stored unscaled.';

COMMENT ON COLUMN signal.channel.replaced IS 'Its name is declared with another unit or scale now.';

CREATE VIEW mes.own_channel AS
 SELECT c.id,
    c.site,
    c.node,
    c.device,
    c.name,
    c.kind,
    c.unit,
    c.scale,
    c.modulus,
    c.replaced
   FROM ((signal.channel c
     JOIN mes.plant ON ((plant.site = c.site)))
     JOIN ( SELECT press.name,
            press.node
           FROM mes.press
        UNION ALL
         SELECT meter.name,
            meter.node
           FROM mes.meter) machine ON (((machine.name = c.device) AND ((machine.node IS NULL) OR (machine.node = c.node)))));

COMMENT ON VIEW mes.own_channel IS 'Channels of the plant''s machines, from the node that reads each: a stranger who speaks in a press''s name is stored and never counted.';

CREATE VIEW mes.counter_plan AS
 WITH machine AS (
         SELECT press.name,
            press.name AS press,
            NULL::text AS meter,
            'stroke'::text AS measure,
            press.name AS of_press,
            press.stroke_channel AS counter,
            ((press.top_spm)::double precision / (60)::double precision) AS top_rate
           FROM mes.press
        UNION ALL
         SELECT meter.name,
            NULL::text,
            meter.name,
            'wh'::text,
            meter.press,
            meter.energy_channel,
            (((meter.top_kw)::double precision * (1000)::double precision) / (3600)::double precision)
           FROM mes.meter
        )
 SELECT c.id AS channel,
    m.press,
    m.meter,
    m.measure,
    m.of_press,
    u.factor,
        CASE
            WHEN (abs(((c.modulus)::double precision * u.factor)) < ((2)::double precision ^ (62)::double precision)) THEN (((c.modulus)::double precision * u.factor))::bigint
            ELSE NULL::bigint
        END AS modulus,
    m.top_rate,
    plant.silence
   FROM (((machine m
     JOIN mes.own_channel c ON (((c.device = m.name) AND (c.name = m.counter))))
     CROSS JOIN mes.plant)
     CROSS JOIN LATERAL ( SELECT (c.scale * (
                CASE
                    WHEN (m.measure = 'stroke'::text) THEN (1)::numeric
                    ELSE
                    CASE lower(c.unit)
                        WHEN 'kwh'::text THEN '1000'::numeric
                        WHEN 'mwh'::text THEN '1000000'::numeric
                        WHEN 'gwh'::text THEN '1000000000'::numeric
                        ELSE (1)::numeric
                    END
                END)::double precision) AS factor) u)
  WHERE (NOT c.replaced);

COMMENT ON VIEW mes.counter_plan IS 'Channels to be counted on, and how, by the plant as it is now.';

ALTER TABLE mes.counter_rule ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME mes.counter_rule_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE mes.die_mount ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME mes.die_mount_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE mes.line (
    name text NOT NULL,
    "position" integer NOT NULL
);

CREATE TABLE mes.mark (
    outbox integer NOT NULL,
    number bigint NOT NULL,
    arrived timestamp with time zone NOT NULL
);

COMMENT ON TABLE mes.mark IS 'How far the bridge has read each outbox.';

CREATE TABLE mes.material_mount (
    id bigint NOT NULL,
    press text NOT NULL,
    item text NOT NULL,
    lot text NOT NULL,
    span tstzrange NOT NULL,
    act uuid
);

ALTER TABLE mes.material_mount ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME mes.material_mount_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE mes.shift (
    id bigint NOT NULL,
    date date NOT NULL,
    code text NOT NULL,
    span tstzrange NOT NULL
);

COMMENT ON COLUMN mes.shift.date IS 'The date the shift began: a night shift belongs to it.';

CREATE VIEW mes.owned_count AS
 SELECT c.id,
    c.channel,
    c.press,
    c.measure,
    c.from_at,
    c.at,
    c.amount,
    c.kind,
    c.event,
    c.unseen,
    COALESCE(scanned.segment, assigned.segment) AS segment,
    COALESCE(scanned.run, assigned.run) AS run,
    ( SELECT s.id
           FROM mes.shift s
          WHERE (s.span @> c.at)) AS shift
   FROM ((mes.count c
     LEFT JOIN LATERAL ( SELECT g.id AS segment,
            r.id AS run
           FROM (mes.run r
             JOIN mes.run_segment g ON (((g.run = r.id) AND (g.span @> c.at))))
          WHERE ((r.press = c.press) AND (r.source = 'scan'::text) AND (r.span @> c.at) AND (((NOT c.unseen) AND (c.kind <> 'gap'::text)) OR ((lower(r.span) <= c.from_at) AND (NOT (EXISTS ( SELECT
                   FROM mes.shift s
                  WHERE ((s.span && tstzrange(c.from_at, c.at, '(]'::text)) AND (NOT ((lower(s.span) <= c.from_at) AND (s.span @> c.at))))))))))) scanned ON (true))
     LEFT JOIN LATERAL ( SELECT g.id AS segment,
            r.id AS run
           FROM (mes.run r
             JOIN mes.run_segment g ON ((g.run = r.id)))
          WHERE ((scanned.segment IS NULL) AND (r.press = c.press) AND (r.source = 'assigned'::text) AND
                CASE
                    WHEN (c.unseen OR (c.kind = 'gap'::text)) THEN ((lower(g.span) <= c.from_at) AND (upper_inf(g.span) OR (c.at <= upper(g.span))))
                    ELSE (g.span @> c.at)
                END)
          ORDER BY r.id, g.id
         LIMIT 1) assigned ON (true));

COMMENT ON VIEW mes.owned_count IS 'mes.count with the segment and run that own each row (null: unattributed), and the shift of its later reading (null: outside every shift).';

ALTER TABLE mes.posting ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME mes.posting_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE mes.press_watch (
    press text NOT NULL,
    last_seen timestamp with time zone,
    last_stroke timestamp with time zone,
    last_running boolean,
    bad_since timestamp with time zone,
    dirty_from timestamp with time zone,
    since timestamp with time zone,
    latest timestamp with time zone,
    unknown tstzmultirange DEFAULT '{}'::tstzmultirange NOT NULL,
    due timestamp with time zone
);

COMMENT ON TABLE mes.press_watch IS 'Where the derivation of each press''s states stands, so that it goes on without reading everything again.';

COMMENT ON COLUMN mes.press_watch.dirty_from IS 'Facts are complete up to here.';

COMMENT ON COLUMN mes.press_watch.since IS 'What the press did from here on may still be seen otherwise: its last stroke, or change of the run signal.';

COMMENT ON COLUMN mes.press_watch.unknown IS 'Unknown spans after since that readings have closed.';

COMMENT ON COLUMN mes.press_watch.due IS 'When the clock alone changes the state next.';

CREATE VIEW mes.rule_in_force AS
 SELECT DISTINCT ON (channel) id,
    channel,
    outbox,
    number,
    line,
    of_press,
    factor,
    modulus,
    top_rate,
    silence
   FROM mes.counter_rule
  ORDER BY channel, id DESC;

COMMENT ON VIEW mes.rule_in_force IS 'The newest rule of each channel.';

ALTER TABLE mes.run ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME mes.run_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE mes.run_output ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME mes.run_output_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE mes.run_segment ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME mes.run_segment_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE mes.shift_break (
    shift bigint NOT NULL,
    span tstzrange NOT NULL
);

ALTER TABLE mes.shift ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME mes.shift_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE mes.shift_pattern (
    code text NOT NULL,
    start_time time without time zone NOT NULL,
    end_time time without time zone NOT NULL,
    breaks jsonb DEFAULT '[]'::jsonb NOT NULL
);

ALTER TABLE mes.stop_reason ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME mes.stop_reason_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE mes.timer (
    name text NOT NULL,
    due timestamp with time zone NOT NULL
);

COMMENT ON TABLE mes.timer IS 'When the bridge next has to do something by the clock.';

CREATE TABLE public.migration (
    name text NOT NULL
);

ALTER TABLE signal.channel ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME signal.channel_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE signal.device (
    site text NOT NULL,
    node text NOT NULL,
    device text NOT NULL,
    online boolean NOT NULL,
    since timestamp with time zone NOT NULL,
    birth bytea
);

COMMENT ON TABLE signal.device IS 'Life of each press or meter, with its last DBIRTH.';

CREATE TABLE signal.gap (
    id bigint NOT NULL,
    outbox integer NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    noted timestamp with time zone NOT NULL,
    reason text NOT NULL,
    CONSTRAINT gap_order CHECK ((first <= last))
);

COMMENT ON TABLE signal.gap IS 'Record numbers that can never come: given up by the edge, or lost with a restored database.';

ALTER TABLE signal.gap ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME signal.gap_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE signal.latest (
    channel integer NOT NULL,
    arrived timestamp with time zone NOT NULL,
    at timestamp with time zone NOT NULL,
    count bigint,
    gauge real,
    wide double precision,
    word text,
    quality smallint NOT NULL
);

COMMENT ON TABLE signal.latest IS 'Newest value of each channel, also from births: boards are live while a backlog drains.';

ALTER TABLE signal.outbox ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME signal.outbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE signal.quarantine (
    id bigint NOT NULL,
    arrived timestamp with time zone NOT NULL,
    topic text NOT NULL,
    payload bytea NOT NULL,
    reason text NOT NULL,
    kind text DEFAULT 'other'::text NOT NULL,
    node text GENERATED ALWAYS AS (((split_part(topic, '/'::text, 2) || '/'::text) || split_part(topic, '/'::text, 4))) STORED NOT NULL,
    size integer,
    again boolean GENERATED ALWAYS AS (((split_part(topic, '/'::text, 3) = ANY (ARRAY['NDATA'::text, 'DDATA'::text])) AND (kind <> ALL (ARRAY['undecodable'::text, 'impossible_time'::text])) AND (size IS NULL))) STORED NOT NULL
);

COMMENT ON COLUMN signal.quarantine.kind IS 'Class of the reason, one of a few; what lay there before classes were kept is other.';

COMMENT ON COLUMN signal.quarantine.size IS 'Bytes that came, where only the first of them were kept; null: payload is whole.';

COMMENT ON COLUMN signal.quarantine.again IS 'Whether taking it in again can change anything: whole data, refused for what may be mended.';

ALTER TABLE signal.quarantine ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME signal.quarantine_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE signal.reading (
    arrived timestamp with time zone NOT NULL,
    at timestamp with time zone NOT NULL,
    source_at timestamp with time zone,
    channel integer NOT NULL,
    count bigint,
    gauge real,
    wide double precision,
    word text,
    quality smallint NOT NULL,
    status bigint,
    outbox integer NOT NULL,
    number bigint NOT NULL
);

COMMENT ON COLUMN signal.reading.arrived IS 'Database clock, one instant per commit; partition key.';

COMMENT ON COLUMN signal.reading.at IS 'Capture time on the edge.';

COMMENT ON COLUMN signal.reading.source_at IS 'The device''s own time, only where it differs.';

COMMENT ON COLUMN signal.reading.quality IS 'Sparkplug quality: 0 bad, 192 good, 500 stale.';

CREATE TABLE signal.replay (
    id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    who text NOT NULL,
    message bigint NOT NULL,
    topic text NOT NULL,
    arrived timestamp with time zone NOT NULL,
    why text NOT NULL,
    taken integer,
    stays text,
    CONSTRAINT replay_outcome CHECK (((taken IS NULL) <> (stays IS NULL)))
);

COMMENT ON TABLE signal.replay IS 'Each try to take a message out of quarantine, append-only: who, when, and what became of it.';

COMMENT ON COLUMN signal.replay.why IS 'Why it was in quarantine.';

COMMENT ON COLUMN signal.replay.taken IS 'Readings written; null: it stays, and stays says why.';

ALTER TABLE signal.replay ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME signal.replay_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE signal.unkept (
    day date NOT NULL,
    node text NOT NULL,
    kind text NOT NULL,
    why text NOT NULL,
    messages bigint NOT NULL,
    bytes bigint NOT NULL,
    first timestamp with time zone NOT NULL,
    last timestamp with time zone NOT NULL,
    CONSTRAINT unkept_bytes_check CHECK ((bytes >= 0)),
    CONSTRAINT unkept_messages_check CHECK ((messages > 0)),
    CONSTRAINT unkept_order CHECK ((first <= last)),
    CONSTRAINT unkept_why CHECK ((why = ANY (ARRAY['rate'::text, 'room'::text, 'age'::text])))
);

COMMENT ON TABLE signal.unkept IS 'Messages that quarantine did not keep, or keeps no longer, by UTC day, node and class of reason.';

COMMENT ON COLUMN signal.unkept.node IS 'site/name; empty: too many senders to name each.';

COMMENT ON COLUMN signal.unkept.why IS 'rate: more came in a minute than is kept; room: others were kept instead; age: kept for its time.';

COMMENT ON COLUMN signal.unkept.first IS 'When the first of them came.';

INSERT INTO erp.die VALUES
	('D1', '', 10000, 0.8, 1.0, 7000, 40);

INSERT INTO erp.item VALUES
	('L', 'L', 'L', 'pcs', 'part', 0),
	('R', 'R', 'R', 'pcs', 'part', 0);

INSERT INTO erp.person VALUES
	('op', 'Li', 'operator', '{}', 'zh', NULL, NULL, true);

INSERT INTO erp.work_order VALUES
	('WO-L', 'L', 5000, 'released', NULL, '2026-03-01 00:00:00+00', 'planner');

INSERT INTO erp.work_order_operation OVERRIDING SYSTEM VALUE VALUES
	(1, 'WO-L', 10, 'draw', 'D1', true);

INSERT INTO mes.act VALUES
	('1f4d50c2-2aa5-4f5f-baf5-899801af652a', 'op', 'P01', '2026-03-02 00:45:00+00', 'scrap', '{"qty": 60, "item": "L", "reason": "burr"}', '{"qty": 60, "run_output": 1}', '2026-11-27 14:05:28.230237+00');

INSERT INTO mes.count OVERRIDING SYSTEM VALUE VALUES
	(1, 1, 'P01', 'stroke', '2026-03-02 00:00:00+00', '2026-03-02 00:00:30+00', 2, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.21124+00', false),
	(2, 1, 'P01', 'stroke', '2026-03-02 00:01:00+00', '2026-03-02 00:01:30+00', 2, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.21202+00', false),
	(3, 1, 'P01', 'stroke', '2026-03-02 00:02:00+00', '2026-03-02 00:02:30+00', 2, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212041+00', false),
	(4, 1, 'P01', 'stroke', '2026-03-02 00:03:00+00', '2026-03-02 00:03:30+00', 2, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212048+00', false),
	(5, 1, 'P01', 'stroke', '2026-03-02 00:04:00+00', '2026-03-02 00:04:30+00', 2, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212061+00', false),
	(6, 1, 'P01', 'stroke', '2026-03-02 00:05:00+00', '2026-03-02 00:05:30+00', 2, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212067+00', false),
	(7, 1, 'P01', 'stroke', '2026-03-02 00:06:00+00', '2026-03-02 00:06:30+00', 2, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212072+00', false),
	(8, 1, 'P01', 'stroke', '2026-03-02 00:07:00+00', '2026-03-02 00:07:30+00', 2, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212078+00', false),
	(9, 1, 'P01', 'stroke', '2026-03-02 00:08:00+00', '2026-03-02 00:08:30+00', 2, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212085+00', false),
	(10, 1, 'P01', 'stroke', '2026-03-02 00:09:00+00', '2026-03-02 00:09:30+00', 2, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.21209+00', false),
	(11, 1, 'P01', 'stroke', '2026-03-02 00:10:00+00', '2026-03-02 00:10:30+00', 30, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212097+00', false),
	(12, 1, 'P01', 'stroke', '2026-03-02 00:11:00+00', '2026-03-02 00:11:30+00', 30, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212103+00', false),
	(13, 1, 'P01', 'stroke', '2026-03-02 00:12:00+00', '2026-03-02 00:12:30+00', 30, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212109+00', false),
	(14, 1, 'P01', 'stroke', '2026-03-02 00:13:00+00', '2026-03-02 00:13:30+00', 30, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212115+00', false),
	(15, 1, 'P01', 'stroke', '2026-03-02 00:14:00+00', '2026-03-02 00:14:30+00', 30, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.21212+00', false),
	(16, 1, 'P01', 'stroke', '2026-03-02 00:15:00+00', '2026-03-02 00:15:30+00', 30, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212129+00', false),
	(17, 1, 'P01', 'stroke', '2026-03-02 00:16:00+00', '2026-03-02 00:16:30+00', 30, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212135+00', false),
	(18, 1, 'P01', 'stroke', '2026-03-02 00:17:00+00', '2026-03-02 00:17:30+00', 30, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212141+00', false),
	(19, 1, 'P01', 'stroke', '2026-03-02 00:18:00+00', '2026-03-02 00:18:30+00', 30, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212147+00', false),
	(20, 1, 'P01', 'stroke', '2026-03-02 00:19:00+00', '2026-03-02 00:19:30+00', 30, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212153+00', false),
	(21, 1, 'P01', 'stroke', '2026-03-02 00:20:00+00', '2026-03-02 00:20:30+00', 30, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212159+00', false),
	(22, 1, 'P01', 'stroke', '2026-03-02 00:21:00+00', '2026-03-02 00:21:30+00', 30, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212165+00', false),
	(23, 1, 'P01', 'stroke', '2026-03-02 00:22:00+00', '2026-03-02 00:22:30+00', 30, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212171+00', false),
	(24, 1, 'P01', 'stroke', '2026-03-02 00:23:00+00', '2026-03-02 00:23:30+00', 30, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212177+00', false),
	(25, 1, 'P01', 'stroke', '2026-03-02 00:24:00+00', '2026-03-02 00:24:30+00', 30, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212183+00', false),
	(26, 1, 'P01', 'stroke', '2026-03-02 00:25:00+00', '2026-03-02 00:25:30+00', 30, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212189+00', false),
	(27, 1, 'P01', 'stroke', '2026-03-02 00:26:00+00', '2026-03-02 00:26:30+00', 30, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212195+00', false),
	(28, 1, 'P01', 'stroke', '2026-03-02 00:27:00+00', '2026-03-02 00:27:30+00', 30, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212205+00', false),
	(29, 1, 'P01', 'stroke', '2026-03-02 00:28:00+00', '2026-03-02 00:28:30+00', 30, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212212+00', false),
	(30, 1, 'P01', 'stroke', '2026-03-02 00:29:00+00', '2026-03-02 00:29:30+00', 30, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212217+00', false),
	(31, 1, 'P01', 'stroke', '2026-03-02 00:30:00+00', '2026-03-02 00:30:30+00', 30, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212223+00', false),
	(32, 1, 'P01', 'stroke', '2026-03-02 00:31:00+00', '2026-03-02 00:31:30+00', 30, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212229+00', false),
	(33, 1, 'P01', 'stroke', '2026-03-02 00:32:00+00', '2026-03-02 00:32:30+00', 30, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212235+00', false),
	(34, 1, 'P01', 'stroke', '2026-03-02 00:33:00+00', '2026-03-02 00:33:30+00', 30, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212242+00', false),
	(35, 1, 'P01', 'stroke', '2026-03-02 00:34:00+00', '2026-03-02 00:34:30+00', 30, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212248+00', false),
	(36, 1, 'P01', 'stroke', '2026-03-02 00:35:00+00', '2026-03-02 00:35:30+00', 30, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212255+00', false),
	(37, 1, 'P01', 'stroke', '2026-03-02 00:36:00+00', '2026-03-02 00:36:30+00', 30, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212261+00', false),
	(38, 1, 'P01', 'stroke', '2026-03-02 00:37:00+00', '2026-03-02 00:37:30+00', 30, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212267+00', false),
	(39, 1, 'P01', 'stroke', '2026-03-02 00:38:00+00', '2026-03-02 00:38:30+00', 30, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212276+00', false),
	(40, 1, 'P01', 'stroke', '2026-03-02 00:39:00+00', '2026-03-02 00:39:30+00', 30, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212282+00', false),
	(41, 1, 'P01', 'stroke', '2026-03-02 00:40:00+00', '2026-03-02 00:40:30+00', 30, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212288+00', false),
	(42, 1, 'P01', 'stroke', '2026-03-02 00:41:00+00', '2026-03-02 00:41:30+00', 30, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212294+00', false),
	(43, 1, 'P01', 'stroke', '2026-03-02 00:42:00+00', '2026-03-02 00:42:30+00', 30, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212328+00', false),
	(44, 1, 'P01', 'stroke', '2026-03-02 00:43:00+00', '2026-03-02 00:43:30+00', 30, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212336+00', false),
	(45, 1, 'P01', 'stroke', '2026-03-02 00:44:00+00', '2026-03-02 00:44:30+00', 30, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212342+00', false),
	(46, 1, 'P01', 'stroke', '2026-03-02 00:45:00+00', '2026-03-02 00:45:30+00', 30, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212348+00', false),
	(47, 1, 'P01', 'stroke', '2026-03-02 00:46:00+00', '2026-03-02 00:46:30+00', 30, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212354+00', false),
	(48, 1, 'P01', 'stroke', '2026-03-02 00:47:00+00', '2026-03-02 00:47:30+00', 30, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.21236+00', false),
	(49, 1, 'P01', 'stroke', '2026-03-02 00:48:00+00', '2026-03-02 00:48:30+00', 30, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212366+00', false),
	(50, 1, 'P01', 'stroke', '2026-03-02 00:49:00+00', '2026-03-02 00:49:30+00', 30, 'step', NULL, NULL, NULL, '2026-11-27 14:05:28.212373+00', false);

INSERT INTO mes.die_mount OVERRIDING SYSTEM VALUE VALUES
	(1, 'P01', 'D1', '["2026-03-02 00:00:00+00",)', NULL);

INSERT INTO mes.fact_minute VALUES
	('P01', '2026-03-02 00:00:00+00', 1, 2, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:01:00+00', 1, 2, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:02:00+00', 1, 2, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:03:00+00', 1, 2, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:04:00+00', 1, 2, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:05:00+00', 1, 2, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:06:00+00', 1, 2, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:07:00+00', 1, 2, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:08:00+00', 1, 2, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:09:00+00', 1, 2, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:10:00+00', 2, 30, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:11:00+00', 2, 30, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:12:00+00', 2, 30, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:13:00+00', 2, 30, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:14:00+00', 2, 30, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:15:00+00', 2, 30, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:16:00+00', 2, 30, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:17:00+00', 2, 30, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:18:00+00', 2, 30, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:19:00+00', 2, 30, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:20:00+00', 2, 30, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:21:00+00', 2, 30, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:22:00+00', 2, 30, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:23:00+00', 2, 30, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:24:00+00', 2, 30, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:25:00+00', 2, 30, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:26:00+00', 2, 30, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:27:00+00', 2, 30, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:28:00+00', 2, 30, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:29:00+00', 2, 30, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:30:00+00', 2, 30, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:31:00+00', 2, 30, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:32:00+00', 2, 30, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:33:00+00', 2, 30, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:34:00+00', 2, 30, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:35:00+00', 2, 30, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:36:00+00', 2, 30, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:37:00+00', 2, 30, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:38:00+00', 2, 30, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:39:00+00', 2, 30, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:40:00+00', 2, 30, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:41:00+00', 2, 30, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:42:00+00', 2, 30, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:43:00+00', 2, 30, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:44:00+00', 2, 30, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:45:00+00', 2, 30, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:46:00+00', 2, 30, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:47:00+00', 2, 30, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:48:00+00', 2, 30, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:49:00+00', 2, 30, 60, 0, 0, 50, 0),
	('P01', '2026-03-02 00:50:00+00', 2, 0, 0, 60, 0, 0, 10),
	('P01', '2026-03-02 00:51:00+00', 2, 0, 0, 60, 0, 0, 10),
	('P01', '2026-03-02 00:52:00+00', 2, 0, 0, 60, 0, 0, 10),
	('P01', '2026-03-02 00:53:00+00', 2, 0, 0, 60, 0, 0, 10),
	('P01', '2026-03-02 00:54:00+00', 2, 0, 0, 60, 0, 0, 10),
	('P01', '2026-03-02 00:55:00+00', 2, 0, 0, 60, 0, 0, 10),
	('P01', '2026-03-02 00:56:00+00', 2, 0, 0, 60, 0, 0, 10),
	('P01', '2026-03-02 00:57:00+00', 2, 0, 0, 60, 0, 0, 10),
	('P01', '2026-03-02 00:58:00+00', 2, 0, 0, 60, 0, 0, 10),
	('P01', '2026-03-02 00:59:00+00', 2, 0, 0, 60, 0, 0, 10);

INSERT INTO mes.line VALUES
	('L1', 1);

INSERT INTO mes.plant VALUES
	(true, 'site', 'Asia/Shanghai', '00:00:30');

INSERT INTO mes.press VALUES
	('P01', 'L1', 1, 60, '00:00:30', 'strokes', NULL, NULL);

INSERT INTO mes.press_state VALUES
	('P01', '["2026-03-02 00:00:00+00","2026-03-02 00:50:00+00")', 'running'),
	('P01', '["2026-03-02 00:50:00+00",)', 'stopped');

INSERT INTO mes.run OVERRIDING SYSTEM VALUE VALUES
	(1, 'P01', 'D1', '["2026-03-02 00:00:00+00",)', 'scan', NULL);

INSERT INTO mes.run_output OVERRIDING SYSTEM VALUE VALUES
	(1, 1, 'L', 1),
	(2, 1, 'R', NULL);

INSERT INTO mes.run_segment OVERRIDING SYSTEM VALUE VALUES
	(1, 1, 'setup', '["2026-03-02 00:00:00+00","2026-03-02 00:10:00+00")', NULL),
	(2, 1, 'production', '["2026-03-02 00:10:00+00",)', NULL);

INSERT INTO mes.segment_output VALUES
	(1, 1, 2, 1, NULL),
	(2, 1, 2, 1, NULL),
	(1, 2, 2, 1, NULL),
	(2, 2, 2, 1, NULL);

INSERT INTO mes.shift OVERRIDING SYSTEM VALUE VALUES
	(1, '2026-03-02', 'day', '["2026-03-02 00:00:00+00","2026-03-02 12:00:00+00")');

INSERT INTO mes.shift_break VALUES
	(1, '["2026-03-02 00:50:00+00","2026-03-02 01:00:00+00")');

INSERT INTO public.migration VALUES
	('0001_signal'),
	('0002_erp'),
	('0003_mes'),
	('0004_mes_facts'),
	('0005_host'),
	('0007_compression'),
	('0008_freshness'),
	('0009_rules'),
	('0010_quarantine');

INSERT INTO signal.channel OVERRIDING SYSTEM VALUE VALUES
	(1, 'site', 'edge-1', 'P01', 'strokes', 'counter', 5, NULL, 1, NULL, NULL, false);

INSERT INTO signal.latest VALUES
	(1, '2026-03-02 01:00:00+00', '2026-03-02 01:00:00+00', NULL, NULL, NULL, NULL, 192);

SELECT pg_catalog.setval('erp.login_id_seq', 1, false);

SELECT pg_catalog.setval('erp.notification_id_seq', 1, false);

SELECT pg_catalog.setval('erp.production_report_id_seq', 1, false);

SELECT pg_catalog.setval('erp.stock_move_id_seq', 1, false);

SELECT pg_catalog.setval('erp.work_order_operation_id_seq', 1, true);

SELECT pg_catalog.setval('mes.count_id_seq', 50, true);

SELECT pg_catalog.setval('mes.counter_event_id_seq', 1, false);

SELECT pg_catalog.setval('mes.counter_line', 1, false);

SELECT pg_catalog.setval('mes.counter_rule_id_seq', 1, false);

SELECT pg_catalog.setval('mes.die_mount_id_seq', 1, true);

SELECT pg_catalog.setval('mes.material_mount_id_seq', 1, false);

SELECT pg_catalog.setval('mes.posting_id_seq', 1, false);

SELECT pg_catalog.setval('mes.run_id_seq', 1, true);

SELECT pg_catalog.setval('mes.run_output_id_seq', 2, true);

SELECT pg_catalog.setval('mes.run_segment_id_seq', 2, true);

SELECT pg_catalog.setval('mes.shift_id_seq', 1, true);

SELECT pg_catalog.setval('mes.stop_reason_id_seq', 1, false);

SELECT pg_catalog.setval('signal.channel_id_seq', 1, true);

SELECT pg_catalog.setval('signal.gap_id_seq', 1, false);

SELECT pg_catalog.setval('signal.outbox_id_seq', 1, false);

SELECT pg_catalog.setval('signal.quarantine_id_seq', 1, false);

SELECT pg_catalog.setval('signal.replay_id_seq', 1, false);

ALTER TABLE ONLY erp.bom_line
    ADD CONSTRAINT bom_line_pkey PRIMARY KEY (item, version, component);

ALTER TABLE ONLY erp.bom
    ADD CONSTRAINT bom_pkey PRIMARY KEY (item, version);

ALTER TABLE ONLY erp.die_output
    ADD CONSTRAINT die_output_pkey PRIMARY KEY (die, item, from_at);

ALTER TABLE ONLY erp.die
    ADD CONSTRAINT die_pkey PRIMARY KEY (code);

ALTER TABLE ONLY erp.die_press
    ADD CONSTRAINT die_press_pkey PRIMARY KEY (die, press);

ALTER TABLE ONLY erp.item
    ADD CONSTRAINT item_pkey PRIMARY KEY (code);

ALTER TABLE ONLY erp.location
    ADD CONSTRAINT location_pkey PRIMARY KEY (code);

ALTER TABLE ONLY erp.login
    ADD CONSTRAINT login_pkey PRIMARY KEY (id);

ALTER TABLE ONLY erp.lot
    ADD CONSTRAINT lot_pkey PRIMARY KEY (item, code);

ALTER TABLE ONLY erp.notification
    ADD CONSTRAINT notification_once UNIQUE (kind, subject);

ALTER TABLE ONLY erp.notification
    ADD CONSTRAINT notification_pkey PRIMARY KEY (id);

ALTER TABLE ONLY erp.work_order_operation
    ADD CONSTRAINT operation_once UNIQUE (work_order, seq);

ALTER TABLE ONLY erp.person
    ADD CONSTRAINT person_badge_key UNIQUE (badge);

ALTER TABLE ONLY erp.person
    ADD CONSTRAINT person_pkey PRIMARY KEY (code);

ALTER TABLE ONLY erp.production_report
    ADD CONSTRAINT production_report_pkey PRIMARY KEY (id);

ALTER TABLE ONLY erp.production_report
    ADD CONSTRAINT report_once UNIQUE (operation, n);

ALTER TABLE ONLY erp.routing
    ADD CONSTRAINT routing_pkey PRIMARY KEY (item, seq);

ALTER TABLE ONLY erp.session
    ADD CONSTRAINT session_pkey PRIMARY KEY (token_hash);

ALTER TABLE ONLY erp.stock_move
    ADD CONSTRAINT stock_move_idempotency_key_key UNIQUE (idempotency_key);

ALTER TABLE ONLY erp.stock_move
    ADD CONSTRAINT stock_move_pkey PRIMARY KEY (id);

ALTER TABLE ONLY erp.stock_move
    ADD CONSTRAINT stock_move_reverses_key UNIQUE (reverses);

ALTER TABLE ONLY erp.work_order_material
    ADD CONSTRAINT work_order_material_pkey PRIMARY KEY (work_order, component);

ALTER TABLE ONLY erp.work_order_operation
    ADD CONSTRAINT work_order_operation_pkey PRIMARY KEY (id);

ALTER TABLE ONLY erp.work_order
    ADD CONSTRAINT work_order_pkey PRIMARY KEY (code);

ALTER TABLE ONLY mes.act
    ADD CONSTRAINT act_pkey PRIMARY KEY (id);

ALTER TABLE ONLY mes.count
    ADD CONSTRAINT count_pkey PRIMARY KEY (id);

ALTER TABLE ONLY mes.counter_event
    ADD CONSTRAINT counter_event_pkey PRIMARY KEY (id);

ALTER TABLE ONLY mes.counter
    ADD CONSTRAINT counter_pkey PRIMARY KEY (channel);

ALTER TABLE ONLY mes.counter_rule
    ADD CONSTRAINT counter_rule_pkey PRIMARY KEY (id);

ALTER TABLE ONLY mes.die_mount
    ADD CONSTRAINT die_mount_die EXCLUDE USING gist (die WITH =, span WITH &&);

ALTER TABLE ONLY mes.die_mount
    ADD CONSTRAINT die_mount_pkey PRIMARY KEY (id);

ALTER TABLE ONLY mes.die_mount
    ADD CONSTRAINT die_mount_press EXCLUDE USING gist (press WITH =, span WITH &&);

ALTER TABLE ONLY mes.counter_event
    ADD CONSTRAINT event_once UNIQUE NULLS NOT DISTINCT (press, meter, n);

ALTER TABLE ONLY mes.fact_minute
    ADD CONSTRAINT fact_minute_once UNIQUE NULLS NOT DISTINCT (press, minute, segment);

ALTER TABLE ONLY mes.line
    ADD CONSTRAINT line_pkey PRIMARY KEY (name);

ALTER TABLE ONLY mes.mark
    ADD CONSTRAINT mark_pkey PRIMARY KEY (outbox);

ALTER TABLE ONLY mes.material_mount
    ADD CONSTRAINT material_mount_no_overlap EXCLUDE USING gist (press WITH =, item WITH =, span WITH &&);

ALTER TABLE ONLY mes.material_mount
    ADD CONSTRAINT material_mount_pkey PRIMARY KEY (id);

ALTER TABLE ONLY mes.meter
    ADD CONSTRAINT meter_pkey PRIMARY KEY (name);

ALTER TABLE ONLY mes.plant
    ADD CONSTRAINT plant_pkey PRIMARY KEY (one);

ALTER TABLE ONLY mes.posting
    ADD CONSTRAINT posting_idempotency_key_key UNIQUE (idempotency_key);

ALTER TABLE ONLY mes.posting
    ADD CONSTRAINT posting_pkey PRIMARY KEY (id);

ALTER TABLE ONLY mes.posting
    ADD CONSTRAINT posting_reverses_key UNIQUE (reverses);

ALTER TABLE ONLY mes.press
    ADD CONSTRAINT press_pkey PRIMARY KEY (name);

ALTER TABLE ONLY mes.press_state
    ADD CONSTRAINT press_state_no_overlap EXCLUDE USING gist (press WITH =, span WITH &&);

ALTER TABLE ONLY mes.press_watch
    ADD CONSTRAINT press_watch_pkey PRIMARY KEY (press);

ALTER TABLE ONLY mes.run
    ADD CONSTRAINT run_no_overlap EXCLUDE USING gist (press WITH =, source WITH =, span WITH &&);

ALTER TABLE ONLY mes.run_output
    ADD CONSTRAINT run_output_once UNIQUE (run, item);

ALTER TABLE ONLY mes.run_output
    ADD CONSTRAINT run_output_pkey PRIMARY KEY (id);

ALTER TABLE ONLY mes.run
    ADD CONSTRAINT run_pkey PRIMARY KEY (id);

ALTER TABLE ONLY mes.run_segment
    ADD CONSTRAINT run_segment_no_overlap EXCLUDE USING gist (run WITH =, span WITH &&);

ALTER TABLE ONLY mes.run_segment
    ADD CONSTRAINT run_segment_pkey PRIMARY KEY (id);

ALTER TABLE ONLY mes.segment_output
    ADD CONSTRAINT segment_output_pkey PRIMARY KEY (segment, run_output);

ALTER TABLE ONLY mes.shift_break
    ADD CONSTRAINT shift_break_pkey PRIMARY KEY (shift, span);

ALTER TABLE ONLY mes.shift
    ADD CONSTRAINT shift_no_overlap EXCLUDE USING gist (span WITH &&);

ALTER TABLE ONLY mes.shift
    ADD CONSTRAINT shift_once UNIQUE (date, code);

ALTER TABLE ONLY mes.shift_pattern
    ADD CONSTRAINT shift_pattern_pkey PRIMARY KEY (code);

ALTER TABLE ONLY mes.shift
    ADD CONSTRAINT shift_pkey PRIMARY KEY (id);

ALTER TABLE ONLY mes.stop_reason
    ADD CONSTRAINT stop_reason_no_overlap EXCLUDE USING gist (press WITH =, span WITH &&);

ALTER TABLE ONLY mes.stop_reason
    ADD CONSTRAINT stop_reason_pkey PRIMARY KEY (id);

ALTER TABLE ONLY mes.timer
    ADD CONSTRAINT timer_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.migration
    ADD CONSTRAINT migration_pkey PRIMARY KEY (name);

ALTER TABLE ONLY signal.channel
    ADD CONSTRAINT channel_once UNIQUE NULLS NOT DISTINCT (site, node, device, name, unit, scale);

ALTER TABLE ONLY signal.channel
    ADD CONSTRAINT channel_pkey PRIMARY KEY (id);

ALTER TABLE ONLY signal.device
    ADD CONSTRAINT device_pkey PRIMARY KEY (site, node, device);

ALTER TABLE ONLY signal.gap
    ADD CONSTRAINT gap_pkey PRIMARY KEY (id);

ALTER TABLE ONLY signal.latest
    ADD CONSTRAINT latest_pkey PRIMARY KEY (channel);

ALTER TABLE ONLY signal.node
    ADD CONSTRAINT node_pkey PRIMARY KEY (site, node);

ALTER TABLE ONLY signal.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (id);

ALTER TABLE ONLY signal.outbox
    ADD CONSTRAINT outbox_uuid_key UNIQUE (uuid);

ALTER TABLE ONLY signal.quarantine
    ADD CONSTRAINT quarantine_pkey PRIMARY KEY (id);

ALTER TABLE ONLY signal.replay
    ADD CONSTRAINT replay_pkey PRIMARY KEY (id);

ALTER TABLE ONLY signal.unkept
    ADD CONSTRAINT unkept_pkey PRIMARY KEY (day, node, kind, why);

CREATE INDEX login_person ON erp.login USING btree (person, at);

CREATE INDEX stock_move_item ON erp.stock_move USING btree (item, lot);

CREATE INDEX stock_move_report ON erp.stock_move USING btree (report);

CREATE INDEX stock_move_work_order ON erp.stock_move USING btree (work_order);

CREATE INDEX count_channel ON mes.count USING btree (channel, at);

CREATE INDEX count_press ON mes.count USING btree (press, measure, at) INCLUDE (amount);

CREATE INDEX count_unseen ON mes.count USING btree (press) WHERE unseen;

CREATE INDEX counter_rule_channel ON mes.counter_rule USING btree (channel, id DESC);

CREATE INDEX fact_minute_segment ON mes.fact_minute USING btree (segment);

CREATE INDEX fact_minute_unattributed ON mes.fact_minute USING btree (press) WHERE ((segment IS NULL) AND (strokes > 0));

CREATE INDEX posting_report ON mes.posting USING btree (report);

CREATE INDEX posting_run_output ON mes.posting USING btree (run_output);

CREATE INDEX channel_device ON signal.channel USING btree (device, name);

CREATE INDEX quarantine_again ON signal.quarantine USING btree (id) WHERE again;

CREATE INDEX quarantine_kind ON signal.quarantine USING btree (kind, id);

CREATE INDEX quarantine_node ON signal.quarantine USING btree (node, id);

CREATE INDEX reading_channel ON signal.reading USING btree (channel, at);

CREATE INDEX reading_outbox ON signal.reading USING btree (outbox, number);

CREATE INDEX replay_message ON signal.replay USING btree (message);

CREATE TRIGGER stock_move_append_only BEFORE DELETE OR UPDATE ON erp.stock_move FOR EACH ROW EXECUTE FUNCTION erp.refuse_change();

CREATE TRIGGER act_append_only BEFORE DELETE OR UPDATE ON mes.act FOR EACH ROW EXECUTE FUNCTION erp.refuse_change();

CREATE TRIGGER counter_rule_append_only BEFORE DELETE OR UPDATE ON mes.counter_rule FOR EACH ROW EXECUTE FUNCTION erp.refuse_change();

CREATE TRIGGER posting_append_only BEFORE DELETE OR UPDATE ON mes.posting FOR EACH ROW EXECUTE FUNCTION erp.refuse_change();

CREATE TRIGGER replay_append_only BEFORE DELETE OR UPDATE ON signal.replay FOR EACH ROW EXECUTE FUNCTION erp.refuse_change();

ALTER TABLE ONLY erp.bom
    ADD CONSTRAINT bom_item_fkey FOREIGN KEY (item) REFERENCES erp.item(code);

ALTER TABLE ONLY erp.bom_line
    ADD CONSTRAINT bom_line_component_fkey FOREIGN KEY (component) REFERENCES erp.item(code);

ALTER TABLE ONLY erp.bom_line
    ADD CONSTRAINT bom_line_item_version_fkey FOREIGN KEY (item, version) REFERENCES erp.bom(item, version);

ALTER TABLE ONLY erp.die_output
    ADD CONSTRAINT die_output_die_fkey FOREIGN KEY (die) REFERENCES erp.die(code);

ALTER TABLE ONLY erp.die_output
    ADD CONSTRAINT die_output_item_fkey FOREIGN KEY (item) REFERENCES erp.item(code);

ALTER TABLE ONLY erp.die_press
    ADD CONSTRAINT die_press_die_fkey FOREIGN KEY (die) REFERENCES erp.die(code);

ALTER TABLE ONLY erp.lot
    ADD CONSTRAINT lot_item_fkey FOREIGN KEY (item) REFERENCES erp.item(code);

ALTER TABLE ONLY erp.production_report
    ADD CONSTRAINT production_report_operation_fkey FOREIGN KEY (operation) REFERENCES erp.work_order_operation(id);

ALTER TABLE ONLY erp.routing
    ADD CONSTRAINT routing_die_fkey FOREIGN KEY (die) REFERENCES erp.die(code);

ALTER TABLE ONLY erp.routing
    ADD CONSTRAINT routing_item_fkey FOREIGN KEY (item) REFERENCES erp.item(code);

ALTER TABLE ONLY erp.session
    ADD CONSTRAINT session_person_fkey FOREIGN KEY (person) REFERENCES erp.person(code);

ALTER TABLE ONLY erp.stock_move
    ADD CONSTRAINT stock_move_from_location_fkey FOREIGN KEY (from_location) REFERENCES erp.location(code);

ALTER TABLE ONLY erp.stock_move
    ADD CONSTRAINT stock_move_item_fkey FOREIGN KEY (item) REFERENCES erp.item(code);

ALTER TABLE ONLY erp.stock_move
    ADD CONSTRAINT stock_move_item_lot_fkey FOREIGN KEY (item, lot) REFERENCES erp.lot(item, code);

ALTER TABLE ONLY erp.stock_move
    ADD CONSTRAINT stock_move_report_fkey FOREIGN KEY (report) REFERENCES erp.production_report(id);

ALTER TABLE ONLY erp.stock_move
    ADD CONSTRAINT stock_move_reverses_fkey FOREIGN KEY (reverses) REFERENCES erp.stock_move(id);

ALTER TABLE ONLY erp.stock_move
    ADD CONSTRAINT stock_move_to_location_fkey FOREIGN KEY (to_location) REFERENCES erp.location(code);

ALTER TABLE ONLY erp.stock_move
    ADD CONSTRAINT stock_move_work_order_fkey FOREIGN KEY (work_order) REFERENCES erp.work_order(code);

ALTER TABLE ONLY erp.work_order
    ADD CONSTRAINT work_order_item_fkey FOREIGN KEY (item) REFERENCES erp.item(code);

ALTER TABLE ONLY erp.work_order_material
    ADD CONSTRAINT work_order_material_component_fkey FOREIGN KEY (component) REFERENCES erp.item(code);

ALTER TABLE ONLY erp.work_order_material
    ADD CONSTRAINT work_order_material_work_order_fkey FOREIGN KEY (work_order) REFERENCES erp.work_order(code);

ALTER TABLE ONLY erp.work_order_operation
    ADD CONSTRAINT work_order_operation_die_fkey FOREIGN KEY (die) REFERENCES erp.die(code);

ALTER TABLE ONLY erp.work_order_operation
    ADD CONSTRAINT work_order_operation_work_order_fkey FOREIGN KEY (work_order) REFERENCES erp.work_order(code);

ALTER TABLE ONLY mes.act
    ADD CONSTRAINT act_press_fkey FOREIGN KEY (press) REFERENCES mes.press(name);

ALTER TABLE ONLY mes.act
    ADD CONSTRAINT act_who_fkey FOREIGN KEY (who) REFERENCES erp.person(code);

ALTER TABLE ONLY mes.count
    ADD CONSTRAINT count_event_fkey FOREIGN KEY (event) REFERENCES mes.counter_event(id);

ALTER TABLE ONLY mes.counter_event
    ADD CONSTRAINT counter_event_decided_act_fkey FOREIGN KEY (decided_act) REFERENCES mes.act(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY mes.counter
    ADD CONSTRAINT counter_meter_fkey FOREIGN KEY (meter) REFERENCES mes.meter(name);

ALTER TABLE ONLY mes.counter
    ADD CONSTRAINT counter_press_fkey FOREIGN KEY (press) REFERENCES mes.press(name);

ALTER TABLE ONLY mes.counter_rule
    ADD CONSTRAINT counter_rule_channel_fkey FOREIGN KEY (channel) REFERENCES mes.counter(channel);

ALTER TABLE ONLY mes.counter_rule
    ADD CONSTRAINT counter_rule_of_press_fkey FOREIGN KEY (of_press) REFERENCES mes.press(name);

ALTER TABLE ONLY mes.die_mount
    ADD CONSTRAINT die_mount_act_fkey FOREIGN KEY (act) REFERENCES mes.act(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY mes.die_mount
    ADD CONSTRAINT die_mount_die_fkey FOREIGN KEY (die) REFERENCES erp.die(code);

ALTER TABLE ONLY mes.die_mount
    ADD CONSTRAINT die_mount_press_fkey FOREIGN KEY (press) REFERENCES mes.press(name);

ALTER TABLE ONLY mes.fact_minute
    ADD CONSTRAINT fact_minute_press_fkey FOREIGN KEY (press) REFERENCES mes.press(name);

ALTER TABLE ONLY mes.fact_minute
    ADD CONSTRAINT fact_minute_segment_fkey FOREIGN KEY (segment) REFERENCES mes.run_segment(id);

ALTER TABLE ONLY mes.material_mount
    ADD CONSTRAINT material_mount_act_fkey FOREIGN KEY (act) REFERENCES mes.act(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY mes.material_mount
    ADD CONSTRAINT material_mount_item_lot_fkey FOREIGN KEY (item, lot) REFERENCES erp.lot(item, code);

ALTER TABLE ONLY mes.material_mount
    ADD CONSTRAINT material_mount_press_fkey FOREIGN KEY (press) REFERENCES mes.press(name);

ALTER TABLE ONLY mes.meter
    ADD CONSTRAINT meter_press_fkey FOREIGN KEY (press) REFERENCES mes.press(name);

ALTER TABLE ONLY mes.posting
    ADD CONSTRAINT posting_report_fkey FOREIGN KEY (report) REFERENCES erp.production_report(id);

ALTER TABLE ONLY mes.posting
    ADD CONSTRAINT posting_reverses_fkey FOREIGN KEY (reverses) REFERENCES mes.posting(id);

ALTER TABLE ONLY mes.posting
    ADD CONSTRAINT posting_run_output_fkey FOREIGN KEY (run_output) REFERENCES mes.run_output(id);

ALTER TABLE ONLY mes.posting
    ADD CONSTRAINT posting_shift_fkey FOREIGN KEY (shift) REFERENCES mes.shift(id);

ALTER TABLE ONLY mes.press
    ADD CONSTRAINT press_line_fkey FOREIGN KEY (line) REFERENCES mes.line(name);

ALTER TABLE ONLY mes.press_state
    ADD CONSTRAINT press_state_press_fkey FOREIGN KEY (press) REFERENCES mes.press(name);

ALTER TABLE ONLY mes.press_watch
    ADD CONSTRAINT press_watch_press_fkey FOREIGN KEY (press) REFERENCES mes.press(name);

ALTER TABLE ONLY mes.run
    ADD CONSTRAINT run_act_fkey FOREIGN KEY (act) REFERENCES mes.act(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY mes.run
    ADD CONSTRAINT run_die_fkey FOREIGN KEY (die) REFERENCES erp.die(code);

ALTER TABLE ONLY mes.run_output
    ADD CONSTRAINT run_output_item_fkey FOREIGN KEY (item) REFERENCES erp.item(code);

ALTER TABLE ONLY mes.run_output
    ADD CONSTRAINT run_output_operation_fkey FOREIGN KEY (operation) REFERENCES erp.work_order_operation(id);

ALTER TABLE ONLY mes.run_output
    ADD CONSTRAINT run_output_run_fkey FOREIGN KEY (run) REFERENCES mes.run(id);

ALTER TABLE ONLY mes.run
    ADD CONSTRAINT run_press_fkey FOREIGN KEY (press) REFERENCES mes.press(name);

ALTER TABLE ONLY mes.run_segment
    ADD CONSTRAINT run_segment_act_fkey FOREIGN KEY (act) REFERENCES mes.act(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY mes.run_segment
    ADD CONSTRAINT run_segment_run_fkey FOREIGN KEY (run) REFERENCES mes.run(id);

ALTER TABLE ONLY mes.segment_output
    ADD CONSTRAINT segment_output_run_output_fkey FOREIGN KEY (run_output) REFERENCES mes.run_output(id);

ALTER TABLE ONLY mes.segment_output
    ADD CONSTRAINT segment_output_segment_fkey FOREIGN KEY (segment) REFERENCES mes.run_segment(id);

ALTER TABLE ONLY mes.shift_break
    ADD CONSTRAINT shift_break_shift_fkey FOREIGN KEY (shift) REFERENCES mes.shift(id) ON DELETE CASCADE;

ALTER TABLE ONLY mes.stop_reason
    ADD CONSTRAINT stop_reason_act_fkey FOREIGN KEY (act) REFERENCES mes.act(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY mes.stop_reason
    ADD CONSTRAINT stop_reason_press_fkey FOREIGN KEY (press) REFERENCES mes.press(name);

ALTER TABLE ONLY signal.gap
    ADD CONSTRAINT gap_outbox_fkey FOREIGN KEY (outbox) REFERENCES signal.outbox(id);

