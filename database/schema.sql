CREATE SCHEMA erp;

CREATE SCHEMA mes;

CREATE SCHEMA people;

CREATE SCHEMA plant;

CREATE SCHEMA signal;

CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA public;

COMMENT ON EXTENSION btree_gist IS 'support for indexing common datatypes in GiST';

CREATE DOMAIN erp.size AS numeric
	CONSTRAINT size_is_one CHECK (((VALUE > (0)::numeric) AND (VALUE <= (100000)::numeric)));

COMMENT ON DOMAIN erp.size IS 'A length in mm or a density in g/cm³: above zero, no NaN, no infinity.';

CREATE FUNCTION erp.bom_takes(qty numeric, scrap numeric) RETURNS numeric
    LANGUAGE sql IMMUTABLE
    RETURN (qty * ((1)::numeric + scrap));

COMMENT ON FUNCTION erp.bom_takes(qty numeric, scrap numeric) IS 'What an order takes of a component for each piece: the quantity of the line, and its scrap beside it.';

CREATE FUNCTION erp.count_version() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
begin
  if to_jsonb(new) - '{version,routing_version}'::text[] is distinct from to_jsonb(old) - '{version,routing_version}'::text[] then
    new.version := old.version + 1;
  end if;
  return new;
end $$;

CREATE FUNCTION erp.enough_for(component text, takes numeric) RETURNS bigint
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
  select floor(greatest(coalesce(sum(b.qty), 0), 0) / takes)::bigint from erp.balance b where b.item = component
$$;

COMMENT ON FUNCTION erp.enough_for(component text, takes numeric) IS 'Whole pieces that all that is on hand of a component makes, where one takes so much of it, its scrap included.';

CREATE FUNCTION erp.keep_balance() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
begin
  insert into erp.balance as b (item, location, lot, qty, first_move)
  select s.item, s.location, s.lot, sum(s.qty), min(s.id)
  from (
    select item, to_location as location, lot, qty, id from added
    union all
    select item, from_location, lot, -qty, id from added
  ) s
  join erp.location l on l.code = s.location and l.kind = 'stock'
  group by s.item, s.location, s.lot
  order by s.item, s.location, s.lot
  on conflict (item, location, lot) do update set qty = b.qty + excluded.qty;
  return null;
end $$;

CREATE FUNCTION erp.keep_released_lines() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
declare
  kept record;
begin
  select b.item, b.version, b.state into kept from erp.bom b
  where (b.item, b.version) in ((old.item, old.version), (new.item, new.version)) and b.state <> 'draft' limit 1;
  if found then
    raise exception 'bill of material % of % is %: its lines do not change; make another version', kept.version, kept.item, kept.state
      using errcode = 'check_violation';
  end if;
  return coalesce(new, old);
end $$;

CREATE FUNCTION erp.operation_using(code text, named integer) RETURNS integer
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
  select coalesce(
    (select o.seq from erp.work_order_operation o where o.work_order = code and o.seq = named),
    (select min(o.seq) from erp.work_order_operation o where o.work_order = code))
$$;

COMMENT ON FUNCTION erp.operation_using(code text, named integer) IS 'The operation that the line names, where the order has it; else the first one.';

CREATE FUNCTION mes.begin_operation() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
begin
  update erp.work_order_operation w set begun = (select lower(r.span) from mes.run r where r.id = new.run)
  where w.id = new.operation and w.begun is null;
  return null;
end $$;

CREATE FUNCTION mes.hold(owners text[]) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO ''
    SET lock_timeout TO '100ms'
    AS $$
begin
  perform from plant.press where name = any(owners) order by name for update;
  return true;
exception when lock_not_available then
  return false;
end $$;

CREATE FUNCTION mes.made_by_facts() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
begin
  if tg_op = 'INSERT' then
    insert into mes.run_made as m (segment, strokes, run_wh, idle_wh, unknown_wh)
    select segment, sum(strokes), sum(run_wh), sum(idle_wh), sum(unknown_wh) from added
    where segment is not null and (strokes <> 0 or run_wh <> 0 or idle_wh <> 0 or unknown_wh <> 0)
    group by segment order by segment
    on conflict (segment) do update
    set strokes = m.strokes + excluded.strokes, run_wh = m.run_wh + excluded.run_wh,
        idle_wh = m.idle_wh + excluded.idle_wh, unknown_wh = m.unknown_wh + excluded.unknown_wh;
  elsif tg_op = 'DELETE' then
    update mes.run_made m
    set strokes = m.strokes - gone.strokes, run_wh = m.run_wh - gone.run_wh,
        idle_wh = m.idle_wh - gone.idle_wh, unknown_wh = m.unknown_wh - gone.unknown_wh
    from (select segment, sum(strokes) as strokes, sum(run_wh) as run_wh, sum(idle_wh) as idle_wh,
                 sum(unknown_wh) as unknown_wh
          from removed
          where segment is not null and (strokes <> 0 or run_wh <> 0 or idle_wh <> 0 or unknown_wh <> 0)
          group by segment) gone
    where m.segment = gone.segment;
  else
    insert into mes.run_made as m (segment, strokes, run_wh, idle_wh, unknown_wh)
    select segment, sum(strokes), sum(run_wh), sum(idle_wh), sum(unknown_wh)
    from (select segment, strokes, run_wh, idle_wh, unknown_wh from added
          union all select segment, -strokes, -run_wh, -idle_wh, -unknown_wh from removed) changed
    where segment is not null group by segment order by segment
    on conflict (segment) do update
    set strokes = m.strokes + excluded.strokes, run_wh = m.run_wh + excluded.run_wh,
        idle_wh = m.idle_wh + excluded.idle_wh, unknown_wh = m.unknown_wh + excluded.unknown_wh;
  end if;
  return null;
end $$;

CREATE FUNCTION mes.strokes_within(on_press text, spans tstzmultirange) RETURNS bigint
    LANGUAGE sql STABLE
    SET search_path TO ''
    AS $$
  select coalesce(sum(c.amount), 0)::bigint
  from unnest(spans) span
  join mes.count c on c.press = on_press and c.measure = 'stroke'
                  and c.at >= coalesce(lower(span), '-infinity') and c.at < coalesce(upper(span), 'infinity')
$$;

CREATE FUNCTION mes.wear_by_counts() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
begin
  if tg_op = 'INSERT' then
    insert into mes.die_wear as w (die, strokes)
    select m.die, sum(n.amount) from added n
    join mes.die_mount m on m.press = n.press and m.span @> n.at
    where n.measure = 'stroke' group by m.die order by m.die
    on conflict (die) do update set strokes = w.strokes + excluded.strokes;
  elsif tg_op = 'DELETE' then
    update mes.die_wear w set strokes = w.strokes - gone.strokes
    from (select m.die, sum(o.amount) as strokes from removed o
          join mes.die_mount m on m.press = o.press and m.span @> o.at
          where o.measure = 'stroke' group by m.die) gone
    where w.die = gone.die;
  else
    insert into mes.die_wear as w (die, strokes)
    select m.die, sum(d.amount) from (
      select press, at, measure, amount from added
      union all select press, at, measure, -amount from removed
    ) d
    join mes.die_mount m on m.press = d.press and m.span @> d.at
    where d.measure = 'stroke' group by m.die order by m.die
    on conflict (die) do update set strokes = w.strokes + excluded.strokes;
  end if;
  return null;
end $$;

CREATE FUNCTION mes.wear_by_mounts() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
declare
  before tstzmultirange := '{}';
  after tstzmultirange := '{}';
  on_press text := coalesce(new.press, old.press);
begin
  if tg_op <> 'INSERT' then
    before := tstzmultirange(old.span);
  end if;
  if tg_op <> 'DELETE' then
    after := tstzmultirange(new.span);
  end if;
  insert into mes.die_wear as w (die, strokes)
  values (coalesce(new.die, old.die), mes.strokes_within(on_press, after - before)
                                      - mes.strokes_within(on_press, before - after))
  on conflict (die) do update set strokes = w.strokes + excluded.strokes;
  return null;
end $$;

CREATE FUNCTION people.asking() RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select p.code
  from (select encode(sha256(convert_to(current_setting('pressline.session', true), 'UTF8')), 'hex') as shown) h
  cross join lateral (
    select s.person from people.session s where s.token_hash = h.shown and s.ended is null
    union all
    select t.person from people.token t where t.token_hash = h.shown and t.ended is null
    limit 1) e
  join people.person p on p.code = e.person and p.active
$$;

COMMENT ON FUNCTION people.asking() IS 'The person whose session or token is in `pressline.session`; null: nobody''s.';

CREATE FUNCTION people.customers() RETURNS text[]
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select coalesce((select p.customers from people.person p where p.code = people.asking()), '{}')
$$;

COMMENT ON FUNCTION people.customers() IS 'The partners that the person who asks is bound to.';

CREATE FUNCTION people.differing(given jsonb, other jsonb, secret text[]) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    SET search_path TO ''
    AS $$ select coalesce(jsonb_object_agg(e.key, case when e.key = any (secret) and e.value <> 'null' then '"…"'::jsonb else e.value end), '{}')
   from jsonb_each(given) e where other is null or e.value is distinct from other -> e.key $$;

CREATE FUNCTION people.every_customer() RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select people.no_person_asks()
      or coalesce((select p.customers = '{}' from people.person p where p.code = people.asking()), false)
$$;

COMMENT ON FUNCTION people.every_customer() IS 'Whether who asks sees every customer: a program without people, or a person who is bound to none.';

CREATE FUNCTION people.key_of(given jsonb, keys text[]) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO ''
    AS $$ select string_agg(given ->> k.name, '/' order by k.n) from unnest(keys) with ordinality as k (name, n) $$;

CREATE FUNCTION people.no_person_asks() RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select session_user = 'pressline_bridge'
      or exists (select from pg_roles r where r.rolname = session_user
                 and (r.rolsuper or exists (select from pg_roles o where o.rolname = 'pressline_owner'
                                            and pg_has_role(r.oid, o.oid, 'member'))))
$$;

COMMENT ON FUNCTION people.no_person_asks() IS 'Whether a program without people is connected, which sees everything, whatever role it has put on.';

CREATE FUNCTION people.partners_of(about text[]) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
  select array(select substr(a, 9) from unnest(about) a where starts_with(a, 'partner/'))
$$;

CREATE FUNCTION people.refuse_bound() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
  if exists (select from people.person p where old.code = any (p.customers)) then
    raise foreign_key_violation using message = format('somebody is bound to partner %s', old.code);
  end if;
  return old;
end $$;

CREATE FUNCTION people.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
  raise exception '% is append-only: write a new row that names the old one', tg_table_schema || '.' || tg_table_name
    using errcode = 'restrict_violation';
end $$;

CREATE FUNCTION people.require_lines() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
declare
  missing text;
begin
  select string_agg(line, ', ') into missing
  from unnest(new.lines) as line where not exists (select from plant.line l where l.name = line);
  if missing is not null then
    raise exception 'person % works on % which the plant does not have', new.code, missing
      using errcode = 'foreign_key_violation', constraint = 'person_lines', hint = 'load the plant file first';
  end if;
  return new;
end $$;

CREATE FUNCTION people.without(given jsonb, secret text[]) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    SET search_path TO ''
    AS $$ select coalesce(jsonb_object_agg(e.key, case when e.key = any (secret) then '"…"'::jsonb else e.value end), '{}')
   from jsonb_each(given) e where e.value <> 'null' $$;

CREATE FUNCTION people.write_about() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
  insert into people.act_about (document, act) select distinct d, a.id from added a, unnest(a.about) d;
  return null;
end $$;

CREATE FUNCTION people.write_change() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO ''
    AS $$
declare
  keys text[] := string_to_array(tg_argv[0], ',');
  secret text[] := string_to_array(tg_argv[1], ',');
  name text := tg_table_schema || '.' || tg_table_name;
  done uuid := nullif(current_setting('pressline.act', true), '');
begin
  if tg_op = 'INSERT' then
    insert into people.change (act, "table", key, after)
    select done, name, people.key_of(n.j, keys), people.without(n.j, secret)
    from (select to_jsonb(a) as j from added a) n;
  elsif tg_op = 'DELETE' then
    insert into people.change (act, "table", key, before)
    select done, name, people.key_of(o.j, keys), people.without(o.j, secret)
    from (select to_jsonb(r) as j from removed r) o;
  else
    insert into people.change (act, "table", key, before, after)
    select done, name, coalesce(o.key, n.key), people.differing(o.j, n.j, secret), people.differing(n.j, o.j, secret)
    from (select to_jsonb(r) as j, people.key_of(to_jsonb(r), keys) as key from removed r) o
    full join (select to_jsonb(a) as j, people.key_of(to_jsonb(a), keys) as key from added a) n on n.key = o.key
    where o.j is distinct from n.j;
  end if;
  return null;
end $$;

CREATE FUNCTION signal.is_at_work(host_id text) RETURNS boolean
    LANGUAGE sql
    SET search_path TO ''
    AS $$
  select exists (
    select from signal.host h
    join pg_catalog.pg_stat_activity a on a.pid = h.pid and a.datname = current_database()
    where h.id = host_id and (a.backend_start = h.started or a.backend_start is null)
      and has_table_privilege(a.usesysid, 'signal.host', 'update'))
$$;

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
    gaps integer DEFAULT 1 NOT NULL,
    CONSTRAINT event_amount CHECK ((amount >= 0)),
    CONSTRAINT event_gaps CHECK (((gaps >= 1) AND ((gaps = 1) OR (kind = 'gap'::text)))),
    CONSTRAINT event_kind CHECK ((kind = ANY (ARRAY['wrap'::text, 'reset'::text, 'glitch'::text, 'jump'::text, 'gap'::text, 'swap'::text, 'late'::text])))
);

COMMENT ON TABLE mes.counter_event IS 'Every pair of readings that was not a plain step, with its evidence and who decided.';

COMMENT ON COLUMN mes.counter_event.gaps IS 'How many short gaps in a row it is: `amount` is what came in all of them, from the first to the last.';

CREATE TABLE erp.die (
    code text NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    life_strokes bigint,
    warn_share numeric DEFAULT 0.8 NOT NULL,
    due_share numeric DEFAULT 1.0 NOT NULL,
    opening_strokes bigint DEFAULT 0 NOT NULL,
    ideal_spm numeric,
    planned_spm numeric,
    version integer DEFAULT 1 NOT NULL,
    CONSTRAINT die_ideal_spm CHECK ((ideal_spm > (0)::numeric)),
    CONSTRAINT die_life CHECK ((life_strokes > 0)),
    CONSTRAINT die_planned_spm CHECK ((planned_spm > (0)::numeric))
);

COMMENT ON COLUMN erp.die.opening_strokes IS 'Strokes made before pressline counted them.';

COMMENT ON COLUMN erp.die.ideal_spm IS 'Ideal strokes per minute; null: the top speed of the press is the ideal.';

COMMENT ON COLUMN erp.die.planned_spm IS 'Strokes per minute the plan counts on; null: the ideal speed.';

COMMENT ON COLUMN erp.die.version IS 'Counts the changes of the die, its presses and its outputs.';

CREATE TABLE mes.die_mount (
    id bigint NOT NULL,
    press text NOT NULL,
    die text NOT NULL,
    span tstzrange NOT NULL,
    act uuid
);

CREATE TABLE mes.die_wear (
    die text NOT NULL,
    strokes bigint NOT NULL
);

COMMENT ON TABLE mes.die_wear IS 'Strokes counted while the die was mounted; kept by triggers on mes.count and mes.die_mount, recounted by the audit.';

CREATE TABLE mes.fact_minute (
    press text NOT NULL,
    minute timestamp with time zone,
    segment bigint,
    strokes bigint DEFAULT 0 NOT NULL,
    running_s numeric DEFAULT 0 NOT NULL,
    stopped_s numeric DEFAULT 0 NOT NULL,
    unknown_s numeric DEFAULT 0 NOT NULL,
    run_wh bigint DEFAULT 0 NOT NULL,
    idle_wh bigint DEFAULT 0 NOT NULL,
    unknown_wh bigint DEFAULT 0 NOT NULL
);

ALTER TABLE ONLY mes.fact_minute REPLICA IDENTITY FULL;

COMMENT ON TABLE mes.fact_minute IS 'Additive facts; a null minute holds strokes of a gap, a null segment what no run owns.';

COMMENT ON COLUMN mes.fact_minute.unknown_wh IS 'Counted over unseen time, or while the state of the press was unknown.';

CREATE TABLE plant.press (
    name text NOT NULL,
    line text NOT NULL,
    "position" integer NOT NULL,
    top_spm numeric NOT NULL,
    stop_after interval NOT NULL,
    stroke_channel text NOT NULL,
    run_channel text,
    node text,
    run_states jsonb,
    CONSTRAINT press_top_spm CHECK ((top_spm > (0)::numeric))
);

COMMENT ON COLUMN plant.press.stop_after IS 'Without a stroke for this long, a press has been stopped since its last stroke.';

COMMENT ON COLUMN plant.press.node IS 'The edge node that reads this press: what another node says in its name is not counted. Null: any.';

COMMENT ON COLUMN plant.press.run_states IS 'What the values of the run signal mean: {"0": "stopped", "2": "running", "3": "alarm"}; one that is not listed is unknown. Null: 0 is stopped, everything else running.';

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

COMMENT ON COLUMN signal.node.host IS 'Host id that serves the node. Another one may take it once no session is at work as this one (signal.host).';

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

CREATE TABLE erp.die_press (
    die text NOT NULL,
    press text NOT NULL
);

COMMENT ON TABLE erp.die_press IS 'Presses a die fits; a die without rows fits every press.';

CREATE TABLE erp.work_order_operation (
    id bigint NOT NULL,
    work_order text NOT NULL,
    seq integer NOT NULL,
    name text NOT NULL,
    die text,
    last boolean NOT NULL,
    begun timestamp with time zone
);

COMMENT ON COLUMN erp.work_order_operation.last IS 'Only the last operation puts parts into stock.';

COMMENT ON COLUMN erp.work_order_operation.begun IS 'When it was first at work on a press; null: not yet.';

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

CREATE TABLE mes.run_output (
    id bigint NOT NULL,
    run bigint NOT NULL,
    item text NOT NULL,
    operation bigint,
    given boolean DEFAULT false NOT NULL
);

COMMENT ON COLUMN mes.run_output.operation IS 'Null: the die makes this part, but no order was scanned for it; its parts are unattributed.';

COMMENT ON COLUMN mes.run_output.given IS 'No stroke makes these parts: they were excess of the run''s own output, and a person gave them to this order.';

CREATE TABLE mes.press_state (
    press text NOT NULL,
    span tstzrange NOT NULL,
    state text NOT NULL,
    CONSTRAINT press_state_state CHECK ((state = ANY (ARRAY['running'::text, 'stopped'::text, 'alarm'::text, 'unknown'::text])))
);

COMMENT ON TABLE mes.press_state IS 'What the press was doing; the open span is what it is doing now. Unknown is a state.';

COMMENT ON COLUMN mes.press_state.state IS 'alarm: it stands, and its run signal says why no better than that. Seconds of it are stopped seconds.';

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
    proposed_at timestamp with time zone NOT NULL,
    decided_at timestamp with time zone,
    decided_by text,
    reason text,
    surplus bigint DEFAULT 0 NOT NULL,
    transferred bigint DEFAULT 0 NOT NULL,
    to_order text,
    revision integer DEFAULT 0 NOT NULL,
    CONSTRAINT report_decided CHECK (((state = 'waiting'::text) = (decided_at IS NULL))),
    CONSTRAINT report_state CHECK ((state = ANY (ARRAY['waiting'::text, 'accepted'::text, 'rejected'::text, 'reversed'::text, 'withdrawn'::text])))
);

COMMENT ON COLUMN erp.production_report.excess IS 'Parts beyond order and tolerance that wait for a decision; in reports of earlier versions, also accepted ones.';

COMMENT ON COLUMN erp.production_report.other IS 'Parts made that are not good: scrap, setup scrap, trial, maintenance, sample, rework. They use material.';

COMMENT ON COLUMN erp.production_report.surplus IS 'Parts that were decided to be surplus: in stock, but not with the ordinary goods.';

COMMENT ON COLUMN erp.production_report.transferred IS 'Parts that were decided to be another order''s: they are in a report of that one.';

COMMENT ON COLUMN erp.production_report.revision IS 'How often it was taken back and waited again.';

CREATE TABLE erp.work_order (
    code text NOT NULL,
    item text NOT NULL,
    qty bigint NOT NULL,
    state text NOT NULL,
    due date,
    created timestamp with time zone NOT NULL,
    created_by text NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    CONSTRAINT work_order_qty CHECK ((qty > 0)),
    CONSTRAINT work_order_state CHECK ((state = ANY (ARRAY['draft'::text, 'released'::text, 'running'::text, 'held'::text, 'produced'::text, 'closed'::text, 'cancelled'::text])))
);

CREATE TABLE mes.run_made (
    segment bigint NOT NULL,
    strokes bigint NOT NULL,
    run_wh bigint NOT NULL,
    idle_wh bigint NOT NULL,
    unknown_wh bigint NOT NULL
);

COMMENT ON TABLE mes.run_made IS 'Sums of mes.fact_minute by run segment; kept by triggers on it, recounted by the audit. Without a row: nothing was made.';

CREATE TABLE mes.run_segment (
    id bigint NOT NULL,
    run bigint NOT NULL,
    kind text NOT NULL,
    span tstzrange NOT NULL,
    act uuid,
    CONSTRAINT segment_kind CHECK ((kind = ANY (ARRAY['setup'::text, 'first_article'::text, 'production'::text, 'trial'::text, 'maintenance'::text])))
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

CREATE TABLE mes.disposition (
    id bigint NOT NULL,
    act uuid,
    report bigint NOT NULL,
    run_output bigint NOT NULL,
    shift bigint,
    kind text NOT NULL,
    reason text,
    qty bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    who text NOT NULL,
    recorded_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT disposition_kind CHECK ((kind = ANY (ARRAY['scrap'::text, 'surplus'::text, 'transfer'::text]))),
    CONSTRAINT disposition_qty CHECK ((qty <> 0))
);

COMMENT ON TABLE mes.disposition IS 'What people decided about excess, append-only: so many parts of an output are of that kind. A transfer is taken from one output (more than 0) and given to another (less).';

COMMENT ON COLUMN mes.disposition.at IS 'An instant of the shift that made the parts: scrap counts there.';

CREATE TABLE people.act (
    id uuid NOT NULL,
    who text NOT NULL,
    press text,
    at timestamp with time zone NOT NULL,
    act text NOT NULL,
    args jsonb NOT NULL,
    outcome jsonb DEFAULT '{}'::jsonb NOT NULL,
    recorded_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    about text[] DEFAULT '{}'::text[] NOT NULL,
    token bigint,
    undoes uuid GENERATED ALWAYS AS (
CASE
    WHEN (act = 'undo'::text) THEN (replace((args ->> 'act'::text), 'urn:uuid:'::text, ''::text))::uuid
    ELSE NULL::uuid
END) STORED,
    customers text[] GENERATED ALWAYS AS (people.partners_of(about)) STORED NOT NULL
);

ALTER TABLE ONLY people.act FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE people.act IS 'What people did, append-only; at is the device time of the act, id is made by the client.';

COMMENT ON COLUMN people.act.about IS 'The documents that it is about, as `noun/key`.';

COMMENT ON COLUMN people.act.token IS 'The token by which a program did it for the person; null: the person did.';

COMMENT ON COLUMN people.act.undoes IS 'The act that it took back.';

COMMENT ON COLUMN people.act.customers IS 'The partners that it is about: who may not see them all does not see it.';

CREATE VIEW mes.scrap_told AS
 SELECT id AS act,
    ((outcome ->> 'run_output'::text))::bigint AS run_output,
    press,
    COALESCE(((outcome ->> 'told_at'::text))::timestamp with time zone, at) AS at,
    ((outcome ->> 'qty'::text))::bigint AS qty,
    COALESCE((outcome ->> 'reason'::text), (args ->> 'reason'::text)) AS reason
   FROM people.act a
  WHERE ((act = ANY (ARRAY['scrap'::text, 'undo'::text])) AND (outcome ? 'run_output'::text));

COMMENT ON VIEW mes.scrap_told IS 'Parts that people declared to be scrap, less than 0 where they took that back; at: when it was told first.';

CREATE TABLE mes.stop_reason (
    id bigint NOT NULL,
    press text NOT NULL,
    span tstzrange NOT NULL,
    reason text NOT NULL,
    act uuid
);

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
    qty numeric NOT NULL,
    from_location text NOT NULL,
    to_location text NOT NULL,
    report bigint,
    work_order text,
    reverses bigint,
    who text NOT NULL,
    reason text NOT NULL,
    idempotency_key text,
    recorded_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT stock_move_finite CHECK ((qty < 'Infinity'::numeric)),
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
    CONSTRAINT posting_kind CHECK ((kind = ANY (ARRAY['good'::text, 'excess'::text, 'surplus'::text, 'setup'::text, 'trial'::text, 'maintenance'::text, 'scrap'::text, 'rework'::text, 'sample'::text, 'adjust'::text, 'transfer'::text, 'unattributed'::text]))),
    CONSTRAINT posting_qty CHECK ((qty <> 0))
);

CREATE TABLE erp.balance (
    item text NOT NULL,
    location text NOT NULL,
    lot text,
    qty numeric NOT NULL,
    first_move bigint NOT NULL,
    CONSTRAINT balance_finite CHECK (((qty > '-Infinity'::numeric) AND (qty < 'Infinity'::numeric)))
);

ALTER TABLE ONLY erp.balance REPLICA IDENTITY FULL;

COMMENT ON TABLE erp.balance IS 'The sum of all moves into a stock location less those out of it; the audit sums the moves anew.';

COMMENT ON COLUMN erp.balance.first_move IS 'The oldest move of it: what came first goes first.';

CREATE TABLE erp.bom (
    item text NOT NULL,
    version text NOT NULL,
    state text DEFAULT 'draft'::text NOT NULL,
    from_day date,
    row_version integer DEFAULT 1 NOT NULL,
    created timestamp with time zone,
    created_by text,
    CONSTRAINT bom_state CHECK ((state = ANY (ARRAY['draft'::text, 'checked'::text, 'released'::text, 'obsolete'::text])))
);

COMMENT ON COLUMN erp.bom.from_day IS 'The first day of the plant on which orders that are released take it; null: since ever.';

COMMENT ON COLUMN erp.bom.row_version IS 'Counts what people changed of it.';

COMMENT ON COLUMN erp.bom.created IS 'When it was made; null: before that was written down, or loaded from a file.';

CREATE TABLE erp.bom_line (
    item text NOT NULL,
    version text NOT NULL,
    component text NOT NULL,
    qty numeric NOT NULL,
    seq integer,
    scrap numeric DEFAULT 0 NOT NULL,
    pitch erp.size,
    pitch_parts integer,
    width erp.size,
    thickness erp.size,
    density erp.size,
    CONSTRAINT bom_line_finite CHECK ((qty < 'Infinity'::numeric)),
    CONSTRAINT bom_line_pitch_parts CHECK (((pitch_parts >= 1) AND (pitch_parts <= 1000))),
    CONSTRAINT bom_line_qty CHECK ((qty > (0)::numeric)),
    CONSTRAINT bom_line_scrap CHECK (((scrap >= (0)::numeric) AND (scrap < (1)::numeric))),
    CONSTRAINT bom_line_strip CHECK ((num_nonnulls(pitch, pitch_parts, width, thickness, density) = ANY (ARRAY[0, 5])))
);

COMMENT ON COLUMN erp.bom_line.seq IS 'Number of the operation that uses it; null: the first one.';

COMMENT ON COLUMN erp.bom_line.scrap IS 'Share of qty that is lost beside it: an order takes qty x (1 + scrap) a piece.';

COMMENT ON COLUMN erp.bom_line.pitch IS 'How far the strip moves for `pitch_parts` parts, in mm; null: the quantity was given.';

COMMENT ON COLUMN erp.bom_line.width IS 'The section (mm, mm, g/cm³) with which the quantity was computed, whatever the coil''s is today.';

CREATE TABLE erp.change_order (
    code text NOT NULL,
    item text NOT NULL,
    version text NOT NULL,
    at timestamp with time zone NOT NULL,
    who text NOT NULL,
    reason text,
    undone boolean DEFAULT false NOT NULL
);

COMMENT ON TABLE erp.change_order IS 'A version of a bill of material, released and given to open orders in one act.';

CREATE TABLE erp.change_order_line (
    change_order text NOT NULL,
    work_order text NOT NULL,
    policy text NOT NULL,
    CONSTRAINT change_order_policy CHECK ((policy = ANY (ARRAY['new_only'::text, 'not_started'::text, 'hold'::text])))
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

CREATE TABLE erp.item (
    code text NOT NULL,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    unit text NOT NULL,
    kind text NOT NULL,
    over_tolerance numeric DEFAULT 0 NOT NULL,
    until date,
    container bigint,
    version integer DEFAULT 1 NOT NULL,
    routing_version integer DEFAULT 1 NOT NULL,
    width erp.size,
    thickness erp.size,
    density erp.size,
    CONSTRAINT item_container CHECK ((container > 0)),
    CONSTRAINT item_kind CHECK ((kind = ANY (ARRAY['part'::text, 'coil'::text, 'blank'::text, 'bought'::text]))),
    CONSTRAINT item_over_tolerance CHECK ((over_tolerance >= (0)::numeric)),
    CONSTRAINT item_strip CHECK ((num_nonnulls(width, thickness, density) = ANY (ARRAY[0, 3])))
);

COMMENT ON COLUMN erp.item.over_tolerance IS 'Share of the ordered quantity that may be made beyond it before parts count as excess; 0.02 is 2 %.';

COMMENT ON COLUMN erp.item.until IS 'The last day on which new orders for it are taken, in plant time; null: it is made. Orders that are there run to their end.';

COMMENT ON COLUMN erp.item.container IS 'Parts of a full container, at which a report is made; null: none is.';

COMMENT ON COLUMN erp.item.routing_version IS 'Counts the changes of its list of operations.';

COMMENT ON COLUMN erp.item.width IS 'Of a coil''s strip, in mm; with thickness (mm) and density (g/cm³) it gives the mass of a pitch.';

CREATE TABLE erp.lot (
    item text NOT NULL,
    code text NOT NULL,
    created timestamp with time zone NOT NULL
);

CREATE TABLE erp.number_series (
    series text NOT NULL,
    year integer NOT NULL,
    last bigint NOT NULL
);

CREATE TABLE erp.partner (
    code text NOT NULL,
    name text NOT NULL,
    short_name text DEFAULT ''::text NOT NULL,
    kind text NOT NULL,
    contact text DEFAULT ''::text NOT NULL,
    active boolean DEFAULT true NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    CONSTRAINT partner_kind CHECK ((kind = ANY (ARRAY['customer'::text, 'supplier'::text, 'both'::text])))
);

ALTER TABLE ONLY erp.partner FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE erp.partner IS 'Whom the plant sells to and buys from; who is not active any more stays for what names them.';

ALTER TABLE erp.production_report ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME erp.production_report_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE erp.reason (
    kind text NOT NULL,
    code text NOT NULL,
    "position" integer NOT NULL,
    planned boolean DEFAULT false NOT NULL,
    CONSTRAINT reason_kind CHECK ((kind = ANY (ARRAY['stop'::text, 'scrap'::text, 'close'::text, 'reject'::text]))),
    CONSTRAINT reason_planned_stop CHECK (((NOT planned) OR (kind = 'stop'::text)))
);

COMMENT ON TABLE erp.reason IS 'Reasons that this plant knows, by what they explain; a reason that does not stand here is refused.';

COMMENT ON COLUMN erp.reason.planned IS 'A stop for this reason is no loss: its time leaves planned busy time.';

ALTER TABLE erp.reason ALTER COLUMN "position" ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME erp.reason_position_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE erp.report_use (
    report bigint NOT NULL,
    component text NOT NULL,
    lot text,
    parts bigint NOT NULL,
    dealt boolean DEFAULT true NOT NULL,
    CONSTRAINT report_use_parts CHECK ((parts <> 0))
);

ALTER TABLE ONLY erp.report_use REPLICA IDENTITY FULL;

COMMENT ON TABLE erp.report_use IS 'How many parts of a report were made from which lot of a component. Derived from counts and mounted lots: dealt anew when these change.';

COMMENT ON COLUMN erp.report_use.lot IS 'The lot that was on the press; null: none was scanned, and the oldest on hand is taken.';

COMMENT ON COLUMN erp.report_use.dealt IS 'False: of a report from before lots were dealt out; its material was issued from what was scanned last, then the oldest.';

CREATE VIEW erp.report_charged AS
 SELECT u.report,
    COALESCE(r.to_order, o.work_order) AS work_order,
    u.component,
    u.lot,
    u.parts
   FROM ((erp.report_use u
     JOIN erp.production_report r ON ((r.id = u.report)))
     JOIN erp.work_order_operation o ON ((o.id = r.operation)))
  WHERE ((r.state = 'accepted'::text) OR (('excess'::text = ANY (r.flags)) AND (r.state = ANY (ARRAY['waiting'::text, 'rejected'::text]))));

COMMENT ON VIEW erp.report_charged IS 'Uses of material that are due, and the order that bears them: parts given to another order are its own.';

CREATE TABLE erp.routing (
    item text NOT NULL,
    seq integer NOT NULL,
    name text NOT NULL,
    die text
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
    qty_per numeric NOT NULL,
    seq integer,
    bom text,
    CONSTRAINT work_order_material_finite CHECK ((qty_per < 'Infinity'::numeric))
);

COMMENT ON TABLE erp.work_order_material IS 'The BOM as it was when the order was released.';

COMMENT ON COLUMN erp.work_order_material.seq IS 'Number of the operation that uses it; null: the first one.';

COMMENT ON COLUMN erp.work_order_material.bom IS 'The version of the bill of material that it was fixed from; null: before that was written down.';

ALTER TABLE erp.work_order_operation ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME erp.work_order_operation_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE mes.coil_weight (
    act uuid NOT NULL,
    press text NOT NULL,
    item text NOT NULL,
    lot text NOT NULL,
    at timestamp with time zone NOT NULL,
    qty numeric NOT NULL,
    CONSTRAINT coil_weight_finite CHECK ((qty < 'Infinity'::numeric)),
    CONSTRAINT coil_weight_qty CHECK ((qty >= (0)::numeric))
);

COMMENT ON TABLE mes.coil_weight IS 'What a scale showed of a lot at an instant: strokes from then on take from it.';

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

CREATE TABLE plant.meter (
    name text NOT NULL,
    press text,
    top_kw numeric NOT NULL,
    energy_channel text NOT NULL,
    node text
);

CREATE TABLE plant.site (
    one boolean DEFAULT true CONSTRAINT plant_one_not_null NOT NULL,
    site text CONSTRAINT plant_site_not_null NOT NULL,
    time_zone text CONSTRAINT plant_time_zone_not_null NOT NULL,
    silence interval CONSTRAINT plant_silence_not_null NOT NULL,
    report_every interval DEFAULT '00:15:00'::interval CONSTRAINT plant_report_every_not_null NOT NULL,
    shift_date text DEFAULT 'began'::text CONSTRAINT plant_shift_date_not_null NOT NULL,
    pattern_since timestamp with time zone DEFAULT '-infinity'::timestamp with time zone CONSTRAINT plant_pattern_since_not_null NOT NULL,
    CONSTRAINT plant_one_check CHECK (one),
    CONSTRAINT plant_report_every CHECK ((report_every = ANY (ARRAY['00:15:00'::interval, '01:00:00'::interval, '2 days'::interval]))),
    CONSTRAINT plant_shift_date CHECK ((shift_date = ANY (ARRAY['began'::text, 'ended'::text])))
);

COMMENT ON COLUMN plant.site.silence IS 'Without a reading for this long (three heartbeats), a press is unknown.';

COMMENT ON COLUMN plant.site.report_every IS 'Reports are made at the ends of quarter hours or hours of the plant''s clock, or (2 days) only of shifts; a shift end is always one.';

COMMENT ON COLUMN plant.site.shift_date IS 'Whether a shift that crosses midnight belongs to the date it began or ended. Shifts that are there keep theirs.';

COMMENT ON COLUMN plant.site.pattern_since IS 'Since when the shift pattern is the one that it is.';

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
     JOIN plant.site ON ((site.site = c.site)))
     JOIN ( SELECT press.name,
            press.node
           FROM plant.press
        UNION ALL
         SELECT meter.name,
            meter.node
           FROM plant.meter) machine ON (((machine.name = c.device) AND ((machine.node IS NULL) OR (machine.node = c.node)))));

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
           FROM plant.press
        UNION ALL
         SELECT meter.name,
            NULL::text,
            meter.name,
            'wh'::text,
            meter.press,
            meter.energy_channel,
            (((meter.top_kw)::double precision * (1000)::double precision) / (3600)::double precision)
           FROM plant.meter
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
    site.silence
   FROM (((machine m
     JOIN mes.own_channel c ON (((c.device = m.name) AND (c.name = m.counter))))
     CROSS JOIN plant.site)
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

ALTER TABLE mes.disposition ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME mes.disposition_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
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

CREATE TABLE plant.shift (
    id bigint NOT NULL,
    date date NOT NULL,
    code text NOT NULL,
    span tstzrange NOT NULL
);

COMMENT ON COLUMN plant.shift.date IS 'The date that the shift belongs to: on which it began, or ended, as the plant had it when the shift was made.';

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
           FROM plant.shift s
          WHERE (s.span @> c.at)) AS shift
   FROM ((mes.count c
     LEFT JOIN LATERAL ( SELECT g.id AS segment,
            r.id AS run
           FROM (( SELECT run.id,
                    run.span
                   FROM mes.run
                  WHERE ((run.press = c.press) AND (run.source = 'scan'::text) AND (NOT isempty(run.span)) AND (COALESCE(upper(run.span), 'infinity'::timestamp with time zone) > c.at))
                  ORDER BY COALESCE(upper(run.span), 'infinity'::timestamp with time zone)
                 LIMIT 1) r
             CROSS JOIN LATERAL ( SELECT run_segment.id,
                    run_segment.span
                   FROM mes.run_segment
                  WHERE ((run_segment.run = r.id) AND (run_segment.span <= tstzrange(c.at, NULL::timestamp with time zone, '[]'::text)))
                  ORDER BY run_segment.span DESC
                 LIMIT 1) g)
          WHERE ((r.span @> c.at) AND (g.span @> c.at) AND (((NOT c.unseen) AND (c.kind <> 'gap'::text)) OR ((lower(r.span) <= c.from_at) AND (NOT (EXISTS ( SELECT
                   FROM plant.shift s
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

CREATE TABLE mes.press_behind (
    owner text NOT NULL,
    since timestamp with time zone NOT NULL,
    again timestamp with time zone NOT NULL,
    tries integer DEFAULT 0 NOT NULL,
    reason text
);

COMMENT ON TABLE mes.press_behind IS 'Presses (and meters of no one press) whose readings wait: held by somebody else, or they could not be taken in.';

COMMENT ON COLUMN mes.press_behind.reason IS 'What went wrong; null: another transaction held the press.';

CREATE TABLE mes.press_mark (
    owner text NOT NULL,
    outbox integer NOT NULL,
    number bigint NOT NULL,
    arrived timestamp with time zone NOT NULL
);

COMMENT ON TABLE mes.press_mark IS 'How far the readings of a press that is set aside were taken in; without a row, mes.mark holds.';

CREATE TABLE mes.press_watch (
    press text NOT NULL,
    last_seen timestamp with time zone,
    last_stroke timestamp with time zone,
    bad_since timestamp with time zone,
    dirty_from timestamp with time zone,
    since timestamp with time zone,
    latest timestamp with time zone,
    unknown tstzmultirange DEFAULT '{}'::tstzmultirange NOT NULL,
    due timestamp with time zone,
    last_signal text,
    counted_to timestamp with time zone
);

COMMENT ON TABLE mes.press_watch IS 'Where the derivation of each press''s states stands, so that it goes on without reading everything again.';

COMMENT ON COLUMN mes.press_watch.dirty_from IS 'Facts are complete up to here.';

COMMENT ON COLUMN mes.press_watch.since IS 'What the press did from here on may still be seen otherwise: its last stroke, or change of the run signal.';

COMMENT ON COLUMN mes.press_watch.unknown IS 'Unknown spans after since that readings have closed.';

COMMENT ON COLUMN mes.press_watch.due IS 'When the clock alone changes the state next.';

COMMENT ON COLUMN mes.press_watch.last_signal IS 'What the run signal said last.';

COMMENT ON COLUMN mes.press_watch.counted_to IS 'No count of the press was later when its facts were last brought up to date.';

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
    due timestamp with time zone NOT NULL,
    again timestamp with time zone,
    tries integer DEFAULT 0 NOT NULL,
    reason text
);

COMMENT ON TABLE mes.timer IS 'When the bridge next has to do something by the clock.';

COMMENT ON COLUMN mes.timer.again IS 'Not before then, where it could not be done when it was due.';

CREATE TABLE mes.undated_act (
    id uuid NOT NULL,
    who text NOT NULL,
    press text NOT NULL,
    act text NOT NULL,
    args jsonb NOT NULL,
    at timestamp with time zone NOT NULL,
    heard timestamp with time zone,
    came timestamp with time zone NOT NULL,
    settled_at timestamp with time zone,
    settled_by text
);

COMMENT ON TABLE mes.undated_act IS 'What people did at a press at a time that cannot be told; nothing of it is in the books.';

COMMENT ON COLUMN mes.undated_act.at IS 'When it was done by the clock of the device.';

COMMENT ON COLUMN mes.undated_act.heard IS 'The server''s time that the device had heard last before; it was done between this and came. Null: it told none.';

CREATE TABLE mes.unseen_owned (
    count bigint NOT NULL,
    press text NOT NULL,
    at timestamp with time zone NOT NULL,
    segment bigint,
    measure text NOT NULL,
    amount bigint NOT NULL
);

COMMENT ON TABLE mes.unseen_owned IS 'Counts over unseen time with the segment in whose facts they are (null: nobody''s).';

CREATE TABLE people.act_about (
    document text NOT NULL,
    act uuid NOT NULL
);

ALTER TABLE ONLY people.act_about FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE people.act_about IS 'Acts by the documents (`noun/key`) that they are about, written by trigger.';

CREATE UNLOGGED TABLE people.act_claim (
    id uuid NOT NULL
);

COMMENT ON TABLE people.act_claim IS 'Acts being done: the second of one id waits here for the first. Empty but for a moment.';

CREATE TABLE people.attachment (
    id bigint NOT NULL,
    document text NOT NULL,
    name text NOT NULL,
    version integer NOT NULL,
    sha256 text NOT NULL,
    size integer NOT NULL,
    person text NOT NULL,
    at timestamp with time zone NOT NULL,
    removed timestamp with time zone
);

ALTER TABLE ONLY people.attachment FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE people.attachment IS 'A file on a document (`noun/key`); the same name again is its next version.';

COMMENT ON COLUMN people.attachment.removed IS 'When it was taken off the document; the bytes stay.';

ALTER TABLE people.attachment ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME people.attachment_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE people.change (
    id bigint NOT NULL,
    act uuid,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    "table" text NOT NULL,
    key text NOT NULL,
    before jsonb,
    after jsonb
);

ALTER TABLE ONLY people.change FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE people.change IS 'What changed in tables that people change, written by trigger; only the columns that differ, secret ones without their value.';

COMMENT ON COLUMN people.change.act IS 'The act that did it; null: the program itself, or a file that was loaded by command.';

ALTER TABLE people.change ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME people.change_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE people.device (
    id bigint NOT NULL,
    token_hash text NOT NULL,
    since timestamp with time zone NOT NULL,
    person text NOT NULL
);

COMMENT ON TABLE people.device IS 'Browsers on which somebody has signed in: they are shown names, and strangers'' wrong PINs do not count there.';

ALTER TABLE people.device ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME people.device_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE people.file (
    sha256 text NOT NULL,
    type text NOT NULL,
    bytes bytea NOT NULL,
    CONSTRAINT file_size CHECK (((octet_length(bytes) >= 1) AND (octet_length(bytes) <= 10485760)))
);
ALTER TABLE ONLY people.file ALTER COLUMN bytes SET STORAGE EXTERNAL;

ALTER TABLE ONLY people.file FORCE ROW LEVEL SECURITY;

COMMENT ON TABLE people.file IS 'What was attached, once by its content, also when no document has it any more; type by its first bytes.';

CREATE TABLE people.job (
    id bigint NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    queue text,
    args jsonb DEFAULT '{}'::jsonb NOT NULL,
    made_at timestamp with time zone NOT NULL,
    due timestamp with time zone NOT NULL,
    tries integer DEFAULT 0 NOT NULL,
    error text,
    failed_at timestamp with time zone,
    act uuid,
    CONSTRAINT job_failed_says_why CHECK (((failed_at IS NULL) OR (error IS NOT NULL))),
    CONSTRAINT job_tries CHECK ((tries >= 0))
);

COMMENT ON TABLE people.job IS 'What is still to be done: written in the transaction of its cause, gone with the transaction of its effect.';

COMMENT ON COLUMN people.job.key IS 'Names the cause within its kind; the same cause again is the same job.';

COMMENT ON COLUMN people.job.queue IS 'Jobs of one queue are done in their order, by one worker at a time, several at once where the kind can.';

COMMENT ON COLUMN people.job.due IS 'Not before then; after a failure the instant of the next try.';

COMMENT ON COLUMN people.job.tries IS 'How often it failed.';

COMMENT ON COLUMN people.job.error IS 'Why the last try failed.';

COMMENT ON COLUMN people.job.failed_at IS 'Since when nobody tries it any more; null while it is tried.';

COMMENT ON COLUMN people.job.act IS 'The act that it follows, if any.';

ALTER TABLE people.job ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME people.job_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE people.sign_in (
    id bigint CONSTRAINT login_id_not_null NOT NULL,
    at timestamp with time zone CONSTRAINT login_at_not_null NOT NULL,
    person text,
    given text CONSTRAINT login_given_not_null NOT NULL,
    method text CONSTRAINT login_method_not_null NOT NULL,
    ok boolean CONSTRAINT login_ok_not_null NOT NULL,
    refusal text,
    address text,
    device bigint,
    CONSTRAINT login_method CHECK ((method = ANY (ARRAY['badge'::text, 'pin'::text, 'token'::text]))),
    CONSTRAINT login_refusal CHECK ((ok = (refusal IS NULL)))
);

COMMENT ON TABLE people.sign_in IS 'Every attempt to sign in, also the refused ones, and calls with a wrong token; given is the badge or person code, never a PIN or a token.';

COMMENT ON COLUMN people.sign_in.device IS 'The known device; null: a stranger''s, told apart by its address.';

ALTER TABLE people.sign_in ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME people.login_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE people.notice (
    id bigint CONSTRAINT notification_id_not_null NOT NULL,
    at timestamp with time zone CONSTRAINT notification_at_not_null NOT NULL,
    kind text CONSTRAINT notification_kind_not_null NOT NULL,
    subject text CONSTRAINT notification_subject_not_null NOT NULL,
    press text,
    role text CONSTRAINT notification_role_not_null NOT NULL,
    done_at timestamp with time zone,
    done_by text,
    escalated_at timestamp with time zone,
    escalated_to text,
    CONSTRAINT notice_escalated_whole CHECK (((escalated_at IS NULL) = (escalated_to IS NULL)))
);

COMMENT ON TABLE people.notice IS 'What waits for someone: one row per thing, closed when it is done.';

COMMENT ON COLUMN people.notice.done_by IS 'Whose act closed it; null when its cause went away by itself.';

COMMENT ON COLUMN people.notice.escalated_to IS 'The role that it was told to as well, because nobody had seen to it.';

CREATE TABLE people.notice_kind (
    code text NOT NULL,
    minutes integer,
    next_role text,
    CONSTRAINT notice_kind_minutes CHECK (((minutes >= 1) AND (minutes <= 43200))),
    CONSTRAINT notice_kind_whole CHECK (((minutes IS NULL) = (next_role IS NULL)))
);

COMMENT ON TABLE people.notice_kind IS 'After how many minutes an open notice of a kind is told to the next role too; null: never.';

CREATE TABLE people.notice_read (
    notice bigint NOT NULL,
    who text NOT NULL,
    at timestamp with time zone NOT NULL
);

COMMENT ON TABLE people.notice_read IS 'Who has read what waits, and when first; told again, it is unread again.';

ALTER TABLE people.notice ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME people.notification_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE people.person (
    code text NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    lines text[] DEFAULT '{}'::text[] NOT NULL,
    locale text DEFAULT 'zh'::text NOT NULL,
    badge text,
    pin_hash text,
    active boolean DEFAULT true NOT NULL,
    left_at timestamp with time zone,
    left_by text,
    pin_by text,
    badge_by text,
    customers text[] DEFAULT '{}'::text[] NOT NULL,
    CONSTRAINT person_locale CHECK ((locale = ANY (ARRAY['zh'::text, 'en'::text])))
);

COMMENT ON COLUMN people.person.lines IS 'Lines this person works on; empty means every line.';

COMMENT ON COLUMN people.person.left_by IS 'Who said so; pressline: the masters file names the person no more, and brings them back when it does again.';

COMMENT ON COLUMN people.person.pin_by IS 'Who set the PIN; what somebody set, the masters file does not put back.';

COMMENT ON COLUMN people.person.badge_by IS 'Who gave (or took) the badge here; null: it follows the masters file.';

COMMENT ON COLUMN people.person.customers IS 'Partners whose data this person may see; empty means every one''s.';

CREATE TABLE people.robot (
    name text NOT NULL,
    platform text NOT NULL,
    address text NOT NULL,
    secret text,
    language text NOT NULL,
    notice_kinds text[] DEFAULT '{}'::text[] NOT NULL,
    active boolean DEFAULT true NOT NULL,
    CONSTRAINT robot_language CHECK ((language = ANY (ARRAY['zh'::text, 'en'::text]))),
    CONSTRAINT robot_platform CHECK ((platform = ANY (ARRAY['wecom'::text, 'dingtalk'::text, 'feishu'::text])))
);

COMMENT ON COLUMN people.robot.address IS 'Whoever has it can write to the group: it is shown to nobody.';

COMMENT ON COLUMN people.robot.secret IS 'With which the platform wants its messages signed.';

COMMENT ON COLUMN people.robot.notice_kinds IS 'Which kinds of notices it is told of.';

CREATE TABLE people.robot_sent (
    id bigint NOT NULL,
    robot text NOT NULL,
    at timestamp with time zone NOT NULL,
    notices integer NOT NULL,
    answer text NOT NULL
);

COMMENT ON TABLE people.robot_sent IS 'What a robot''s platform took; what it refused stands with the job.';

ALTER TABLE people.robot_sent ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME people.robot_sent_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE people.role (
    code text NOT NULL,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    "position" integer NOT NULL
);

CREATE TABLE people.role_right (
    role text NOT NULL,
    may text NOT NULL
);

COMMENT ON COLUMN people.role_right.may IS 'The name of an act, or `<noun>.see` of a list.';

CREATE TABLE people.session (
    token_hash text NOT NULL,
    person text NOT NULL,
    press text,
    started timestamp with time zone NOT NULL,
    expires timestamp with time zone NOT NULL,
    ended timestamp with time zone
);

CREATE TABLE people.token (
    id bigint NOT NULL,
    token_hash text NOT NULL,
    person text NOT NULL,
    name text NOT NULL,
    rights text[] NOT NULL,
    made timestamp with time zone NOT NULL,
    ends timestamp with time zone NOT NULL,
    ended timestamp with time zone,
    ended_by text,
    CONSTRAINT token_span CHECK ((ends > made))
);

COMMENT ON TABLE people.token IS 'What a program of a person may: these rights, as far as the person has them at each use.';

COMMENT ON COLUMN people.token.ended IS 'When it was ended before its time: by an act, or with the person.';

ALTER TABLE people.token ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME people.token_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE people.token_use (
    token bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    address text
);

COMMENT ON TABLE people.token_use IS 'When each token was used last, to the minute, and from where.';

CREATE TABLE people.work_queue (
    name text NOT NULL
);

COMMENT ON TABLE people.work_queue IS 'Queues of people.job; whoever has locked the row is at work on its jobs.';

CREATE TABLE plant.line (
    name text NOT NULL,
    "position" integer NOT NULL
);

CREATE TABLE plant.shift_break (
    shift bigint NOT NULL,
    span tstzrange NOT NULL
);

ALTER TABLE plant.shift ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME plant.shift_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE plant.shift_pattern (
    code text NOT NULL,
    start_time time without time zone NOT NULL,
    end_time time without time zone NOT NULL,
    breaks jsonb DEFAULT '[]'::jsonb NOT NULL
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

CREATE TABLE signal.host (
    id text NOT NULL,
    pid integer NOT NULL,
    started timestamp with time zone NOT NULL
);

COMMENT ON TABLE signal.host IS 'Which session is at work as a Sparkplug host. A lock that anybody may take could be held by anybody.';

COMMENT ON COLUMN signal.host.started IS 'When that session began: a process id comes again.';

CREATE TABLE signal.latest (
    site text NOT NULL,
    node text NOT NULL,
    device text NOT NULL,
    part smallint NOT NULL,
    revision bigint NOT NULL,
    channel integer[] CONSTRAINT latest_channel_not_null1 NOT NULL,
    arrived timestamp with time zone[] CONSTRAINT latest_arrived_not_null1 NOT NULL,
    at timestamp with time zone[] CONSTRAINT latest_at_not_null1 NOT NULL,
    quality smallint[] CONSTRAINT latest_quality_not_null1 NOT NULL,
    count bigint[],
    gauge real[],
    wide double precision[],
    word text[]
)
WITH (fillfactor='50', toast_tuple_target='8128');
ALTER TABLE ONLY signal.latest ALTER COLUMN channel SET STORAGE EXTERNAL;
ALTER TABLE ONLY signal.latest ALTER COLUMN arrived SET STORAGE EXTERNAL;
ALTER TABLE ONLY signal.latest ALTER COLUMN at SET STORAGE EXTERNAL;
ALTER TABLE ONLY signal.latest ALTER COLUMN quality SET STORAGE EXTERNAL;
ALTER TABLE ONLY signal.latest ALTER COLUMN count SET STORAGE EXTERNAL;
ALTER TABLE ONLY signal.latest ALTER COLUMN gauge SET STORAGE EXTERNAL;
ALTER TABLE ONLY signal.latest ALTER COLUMN wide SET STORAGE EXTERNAL;
ALTER TABLE ONLY signal.latest ALTER COLUMN word SET STORAGE EXTERNAL;

COMMENT ON TABLE signal.latest IS 'Newest values of each device, also from births: boards are live while a backlog drains. Element by element of one channel; see signal.newest.';

COMMENT ON COLUMN signal.latest.part IS 'A device of many channels has several rows: a change of one of them writes no long row anew.';

COMMENT ON COLUMN signal.latest.revision IS 'Grows with each write. Who writes holds the row as it was, and looks again when another wrote it since.';

COMMENT ON COLUMN signal.latest.count IS 'Null: no channel here has a whole number now; so for gauge, wide and word.';

CREATE VIEW signal.newest AS
 SELECT l.site,
    l.node,
    l.device,
    t.channel,
    t.arrived,
    t.at,
    t.count,
    t.gauge,
    t.wide,
    t.word,
    t.quality
   FROM (signal.latest l
     CROSS JOIN LATERAL UNNEST(l.channel, l.arrived, l.at, l.count, l.gauge, l.wide, l.word, l.quality) t(channel, arrived, at, count, gauge, wide, word, quality));

COMMENT ON VIEW signal.newest IS 'Newest value of each channel, a row each. Ask it for a device or a node: by channel alone it reads all.';

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

ALTER TABLE ONLY signal.reading REPLICA IDENTITY FULL;

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

ALTER TABLE ONLY erp.balance
    ADD CONSTRAINT balance_item_location_lot_key UNIQUE NULLS NOT DISTINCT (item, location, lot);

ALTER TABLE ONLY erp.bom_line
    ADD CONSTRAINT bom_line_pkey PRIMARY KEY (item, version, component);

ALTER TABLE ONLY erp.bom
    ADD CONSTRAINT bom_pkey PRIMARY KEY (item, version);

ALTER TABLE ONLY erp.change_order_line
    ADD CONSTRAINT change_order_line_pkey PRIMARY KEY (change_order, work_order);

ALTER TABLE ONLY erp.change_order
    ADD CONSTRAINT change_order_pkey PRIMARY KEY (code);

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

ALTER TABLE ONLY erp.lot
    ADD CONSTRAINT lot_pkey PRIMARY KEY (item, code);

ALTER TABLE ONLY erp.number_series
    ADD CONSTRAINT number_series_pkey PRIMARY KEY (series, year);

ALTER TABLE ONLY erp.work_order_operation
    ADD CONSTRAINT operation_once UNIQUE (work_order, seq);

ALTER TABLE ONLY erp.partner
    ADD CONSTRAINT partner_pkey PRIMARY KEY (code);

ALTER TABLE ONLY erp.production_report
    ADD CONSTRAINT production_report_pkey PRIMARY KEY (id);

ALTER TABLE ONLY erp.reason
    ADD CONSTRAINT reason_pkey PRIMARY KEY (kind, code);

ALTER TABLE ONLY erp.production_report
    ADD CONSTRAINT report_once UNIQUE (operation, n);

ALTER TABLE ONLY erp.report_use
    ADD CONSTRAINT report_use_once UNIQUE NULLS NOT DISTINCT (report, component, lot);

ALTER TABLE ONLY erp.routing
    ADD CONSTRAINT routing_pkey PRIMARY KEY (item, seq);

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

ALTER TABLE ONLY mes.coil_weight
    ADD CONSTRAINT coil_weight_pkey PRIMARY KEY (act);

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

ALTER TABLE ONLY mes.die_wear
    ADD CONSTRAINT die_wear_pkey PRIMARY KEY (die);

ALTER TABLE ONLY mes.disposition
    ADD CONSTRAINT disposition_pkey PRIMARY KEY (id);

ALTER TABLE ONLY mes.counter_event
    ADD CONSTRAINT event_once UNIQUE NULLS NOT DISTINCT (press, meter, n);

ALTER TABLE ONLY mes.fact_minute
    ADD CONSTRAINT fact_minute_once UNIQUE NULLS NOT DISTINCT (press, minute, segment);

ALTER TABLE ONLY mes.mark
    ADD CONSTRAINT mark_pkey PRIMARY KEY (outbox);

ALTER TABLE ONLY mes.material_mount
    ADD CONSTRAINT material_mount_no_overlap EXCLUDE USING gist (press WITH =, item WITH =, span WITH &&);

ALTER TABLE ONLY mes.material_mount
    ADD CONSTRAINT material_mount_pkey PRIMARY KEY (id);

ALTER TABLE ONLY mes.posting
    ADD CONSTRAINT posting_idempotency_key_key UNIQUE (idempotency_key);

ALTER TABLE ONLY mes.posting
    ADD CONSTRAINT posting_pkey PRIMARY KEY (id);

ALTER TABLE ONLY mes.posting
    ADD CONSTRAINT posting_reverses_key UNIQUE (reverses);

ALTER TABLE ONLY mes.press_behind
    ADD CONSTRAINT press_behind_pkey PRIMARY KEY (owner);

ALTER TABLE ONLY mes.press_mark
    ADD CONSTRAINT press_mark_pkey PRIMARY KEY (owner, outbox);

ALTER TABLE ONLY mes.press_state
    ADD CONSTRAINT press_state_no_overlap EXCLUDE USING gist (press WITH =, span WITH &&);

ALTER TABLE ONLY mes.press_state
    ADD CONSTRAINT press_state_pkey PRIMARY KEY (press, span);

ALTER TABLE ONLY mes.press_watch
    ADD CONSTRAINT press_watch_pkey PRIMARY KEY (press);

ALTER TABLE ONLY mes.run_made
    ADD CONSTRAINT run_made_pkey PRIMARY KEY (segment);

ALTER TABLE ONLY mes.run
    ADD CONSTRAINT run_no_overlap EXCLUDE USING gist (press WITH =, source WITH =, span WITH &&);

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

ALTER TABLE ONLY mes.stop_reason
    ADD CONSTRAINT stop_reason_no_overlap EXCLUDE USING gist (press WITH =, span WITH &&);

ALTER TABLE ONLY mes.stop_reason
    ADD CONSTRAINT stop_reason_pkey PRIMARY KEY (id);

ALTER TABLE ONLY mes.timer
    ADD CONSTRAINT timer_pkey PRIMARY KEY (name);

ALTER TABLE ONLY mes.undated_act
    ADD CONSTRAINT undated_act_pkey PRIMARY KEY (id);

ALTER TABLE ONLY mes.unseen_owned
    ADD CONSTRAINT unseen_owned_pkey PRIMARY KEY (count);

ALTER TABLE ONLY people.act_about
    ADD CONSTRAINT act_about_pkey PRIMARY KEY (document, act);

ALTER TABLE ONLY people.act_claim
    ADD CONSTRAINT act_claim_pkey PRIMARY KEY (id);

ALTER TABLE ONLY people.act
    ADD CONSTRAINT act_pkey PRIMARY KEY (id);

ALTER TABLE ONLY people.attachment
    ADD CONSTRAINT attachment_document_name_version_key UNIQUE (document, name, version);

ALTER TABLE ONLY people.attachment
    ADD CONSTRAINT attachment_pkey PRIMARY KEY (id);

ALTER TABLE ONLY people.change
    ADD CONSTRAINT change_pkey PRIMARY KEY (id);

ALTER TABLE ONLY people.device
    ADD CONSTRAINT device_pkey PRIMARY KEY (id);

ALTER TABLE ONLY people.device
    ADD CONSTRAINT device_token_hash_key UNIQUE (token_hash);

ALTER TABLE ONLY people.file
    ADD CONSTRAINT file_pkey PRIMARY KEY (sha256);

ALTER TABLE ONLY people.job
    ADD CONSTRAINT job_once UNIQUE (kind, key);

ALTER TABLE ONLY people.job
    ADD CONSTRAINT job_pkey PRIMARY KEY (id);

ALTER TABLE ONLY people.sign_in
    ADD CONSTRAINT login_pkey PRIMARY KEY (id);

ALTER TABLE ONLY people.notice_kind
    ADD CONSTRAINT notice_kind_pkey PRIMARY KEY (code);

ALTER TABLE ONLY people.notice_read
    ADD CONSTRAINT notice_read_pkey PRIMARY KEY (notice, who);

ALTER TABLE ONLY people.notice
    ADD CONSTRAINT notification_once UNIQUE (kind, subject);

ALTER TABLE ONLY people.notice
    ADD CONSTRAINT notification_pkey PRIMARY KEY (id);

ALTER TABLE ONLY people.person
    ADD CONSTRAINT person_badge_key UNIQUE (badge);

ALTER TABLE ONLY people.person
    ADD CONSTRAINT person_pkey PRIMARY KEY (code);

ALTER TABLE ONLY people.robot
    ADD CONSTRAINT robot_pkey PRIMARY KEY (name);

ALTER TABLE ONLY people.robot_sent
    ADD CONSTRAINT robot_sent_pkey PRIMARY KEY (id);

ALTER TABLE ONLY people.role
    ADD CONSTRAINT role_pkey PRIMARY KEY (code);

ALTER TABLE ONLY people.role_right
    ADD CONSTRAINT role_right_pkey PRIMARY KEY (role, may);

ALTER TABLE ONLY people.session
    ADD CONSTRAINT session_pkey PRIMARY KEY (token_hash);

ALTER TABLE ONLY people.token
    ADD CONSTRAINT token_pkey PRIMARY KEY (id);

ALTER TABLE ONLY people.token
    ADD CONSTRAINT token_token_hash_key UNIQUE (token_hash);

ALTER TABLE ONLY people.token_use
    ADD CONSTRAINT token_use_pkey PRIMARY KEY (token);

ALTER TABLE ONLY people.work_queue
    ADD CONSTRAINT work_queue_pkey PRIMARY KEY (name);

ALTER TABLE ONLY plant.line
    ADD CONSTRAINT line_pkey PRIMARY KEY (name);

ALTER TABLE ONLY plant.meter
    ADD CONSTRAINT meter_pkey PRIMARY KEY (name);

ALTER TABLE ONLY plant.site
    ADD CONSTRAINT plant_pkey PRIMARY KEY (one);

ALTER TABLE ONLY plant.press
    ADD CONSTRAINT press_pkey PRIMARY KEY (name);

ALTER TABLE ONLY plant.shift_break
    ADD CONSTRAINT shift_break_pkey PRIMARY KEY (shift, span);

ALTER TABLE ONLY plant.shift
    ADD CONSTRAINT shift_no_overlap EXCLUDE USING gist (span WITH &&);

ALTER TABLE ONLY plant.shift_pattern
    ADD CONSTRAINT shift_pattern_pkey PRIMARY KEY (code);

ALTER TABLE ONLY plant.shift
    ADD CONSTRAINT shift_pkey PRIMARY KEY (id);

ALTER TABLE ONLY signal.channel
    ADD CONSTRAINT channel_once UNIQUE NULLS NOT DISTINCT (site, node, device, name, unit, scale);

ALTER TABLE ONLY signal.channel
    ADD CONSTRAINT channel_pkey PRIMARY KEY (id);

ALTER TABLE ONLY signal.device
    ADD CONSTRAINT device_pkey PRIMARY KEY (site, node, device);

ALTER TABLE ONLY signal.gap
    ADD CONSTRAINT gap_pkey PRIMARY KEY (id);

ALTER TABLE ONLY signal.host
    ADD CONSTRAINT host_pkey PRIMARY KEY (id);

ALTER TABLE ONLY signal.latest
    ADD CONSTRAINT latest_pkey PRIMARY KEY (site, node, device, part);

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

CREATE INDEX change_order_line_of ON erp.change_order_line USING btree (work_order);

CREATE INDEX change_order_of ON erp.change_order USING btree (item, version);

CREATE INDEX die_printed ON erp.die USING btree (upper(NORMALIZE(code, NFKC)));

CREATE INDEX lot_printed ON erp.lot USING btree (upper(NORMALIZE(code, NFKC)));

CREATE INDEX stock_move_at ON erp.stock_move USING btree (at, id);

CREATE INDEX stock_move_item ON erp.stock_move USING btree (item, lot);

CREATE INDEX stock_move_report ON erp.stock_move USING btree (report);

CREATE INDEX stock_move_work_order ON erp.stock_move USING btree (work_order);

CREATE INDEX work_order_printed ON erp.work_order USING btree (upper(NORMALIZE(code, NFKC)));

CREATE INDEX work_order_state ON erp.work_order USING btree (state);

CREATE INDEX coil_weight_lot ON mes.coil_weight USING btree (item, lot, at);

CREATE INDEX count_channel ON mes.count USING btree (channel, at);

CREATE INDEX count_press ON mes.count USING btree (press, measure, at) INCLUDE (amount);

CREATE INDEX count_unseen ON mes.count USING btree (press, at) WHERE unseen;

CREATE INDEX counter_event_owner ON mes.counter_event USING btree (COALESCE(press, meter), n);

CREATE INDEX counter_rule_channel ON mes.counter_rule USING btree (channel, id DESC);

CREATE INDEX die_mount_open ON mes.die_mount USING btree (die) WHERE (upper(span) IS NULL);

CREATE INDEX disposition_report ON mes.disposition USING btree (report);

CREATE INDEX disposition_run_output ON mes.disposition USING btree (run_output);

CREATE INDEX fact_minute_segment ON mes.fact_minute USING btree (segment);

CREATE INDEX fact_minute_unattributed ON mes.fact_minute USING btree (press) WHERE ((segment IS NULL) AND (strokes > 0));

CREATE INDEX posting_report ON mes.posting USING btree (report);

CREATE INDEX posting_run_output ON mes.posting USING btree (run_output);

CREATE INDEX press_state_end ON mes.press_state USING btree (press, COALESCE(upper(span), 'infinity'::timestamp with time zone));

CREATE INDEX run_end ON mes.run USING btree (upper(span));

CREATE INDEX run_open ON mes.run USING btree (press) WHERE upper_inf(span);

CREATE UNIQUE INDEX run_output_given_once ON mes.run_output USING btree (run, operation) WHERE given;

CREATE UNIQUE INDEX run_output_once ON mes.run_output USING btree (run, item) WHERE (NOT given);

CREATE INDEX run_output_operation ON mes.run_output USING btree (operation);

CREATE INDEX run_output_run ON mes.run_output USING btree (run);

CREATE INDEX run_scanned_end ON mes.run USING btree (press, COALESCE(upper(span), 'infinity'::timestamp with time zone)) WHERE ((source = 'scan'::text) AND (NOT isempty(span)));

CREATE INDEX run_segment_in_order ON mes.run_segment USING btree (run, span);

CREATE INDEX segment_output_of ON mes.segment_output USING btree (run_output);

CREATE INDEX unseen_owned_press ON mes.unseen_owned USING btree (press, at);

CREATE INDEX act_press ON people.act USING btree (press, at);

CREATE INDEX act_recorded ON people.act USING btree (recorded_at, ((id)::text));

CREATE INDEX act_scrap ON people.act USING btree ((((outcome ->> 'run_output'::text))::bigint)) WHERE ((act = ANY (ARRAY['scrap'::text, 'undo'::text])) AND (outcome ? 'run_output'::text));

CREATE INDEX act_undoes ON people.act USING btree (undoes) WHERE (undoes IS NOT NULL);

CREATE INDEX change_by ON people.change USING btree (act) WHERE (act IS NOT NULL);

CREATE INDEX change_of ON people.change USING btree ("table", key, id);

CREATE INDEX job_due ON people.job USING btree (due, id) WHERE (failed_at IS NULL);

CREATE INDEX job_queue ON people.job USING btree (queue, due) WHERE (queue IS NOT NULL);

CREATE INDEX login_at ON people.sign_in USING btree (at);

CREATE INDEX notification_done ON people.notice USING btree (done_at) WHERE (done_at IS NOT NULL);

CREATE INDEX notification_open ON people.notice USING btree (at) WHERE (done_at IS NULL);

CREATE INDEX robot_sent_at ON people.robot_sent USING btree (robot, at);

CREATE INDEX session_open ON people.session USING btree (person) WHERE (ended IS NULL);

CREATE UNIQUE INDEX token_open ON people.token USING btree (person, name) WHERE (ended IS NULL);

CREATE INDEX shift_date ON plant.shift USING btree (date, code);

CREATE INDEX channel_device ON signal.channel USING btree (device, name);

CREATE INDEX latest_device ON signal.latest USING btree (device);

CREATE INDEX quarantine_again ON signal.quarantine USING btree (id) WHERE again;

CREATE INDEX quarantine_kind ON signal.quarantine USING btree (kind, id);

CREATE INDEX quarantine_node ON signal.quarantine USING btree (node, id);

CREATE INDEX reading_channel ON signal.reading USING btree (channel, at);

CREATE INDEX reading_outbox ON signal.reading USING btree (outbox, number);

CREATE INDEX replay_message ON signal.replay USING btree (message);

CREATE TRIGGER bom_added_told AFTER INSERT ON erp.bom REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('item,version', '');

CREATE TRIGGER bom_changed_told AFTER UPDATE ON erp.bom REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('item,version', '');

CREATE TRIGGER bom_line_added_told AFTER INSERT ON erp.bom_line REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('item,version,component', '');

CREATE TRIGGER bom_line_changed_told AFTER UPDATE ON erp.bom_line REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('item,version,component', '');

CREATE TRIGGER bom_line_released BEFORE INSERT OR DELETE OR UPDATE ON erp.bom_line FOR EACH ROW EXECUTE FUNCTION erp.keep_released_lines();

CREATE TRIGGER bom_line_removed_told AFTER DELETE ON erp.bom_line REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('item,version,component', '');

CREATE TRIGGER bom_removed_told AFTER DELETE ON erp.bom REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('item,version', '');

CREATE TRIGGER change_order_added_told AFTER INSERT ON erp.change_order REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('code', '');

CREATE TRIGGER change_order_changed_told AFTER UPDATE ON erp.change_order REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('code', '');

CREATE TRIGGER change_order_removed_told AFTER DELETE ON erp.change_order REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('code', '');

CREATE TRIGGER die_added_told AFTER INSERT ON erp.die REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('code', '');

CREATE TRIGGER die_changed_told AFTER UPDATE ON erp.die REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('code', '');

CREATE TRIGGER die_output_added_told AFTER INSERT ON erp.die_output REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('die,item,from_at', '');

CREATE TRIGGER die_output_changed_told AFTER UPDATE ON erp.die_output REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('die,item,from_at', '');

CREATE TRIGGER die_output_removed_told AFTER DELETE ON erp.die_output REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('die,item,from_at', '');

CREATE TRIGGER die_press_added_told AFTER INSERT ON erp.die_press REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('die,press', '');

CREATE TRIGGER die_press_changed_told AFTER UPDATE ON erp.die_press REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('die,press', '');

CREATE TRIGGER die_press_removed_told AFTER DELETE ON erp.die_press REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('die,press', '');

CREATE TRIGGER die_removed_told AFTER DELETE ON erp.die REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('code', '');

CREATE TRIGGER die_version BEFORE UPDATE ON erp.die FOR EACH ROW EXECUTE FUNCTION erp.count_version();

CREATE TRIGGER item_added_told AFTER INSERT ON erp.item REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('code', '');

CREATE TRIGGER item_changed_told AFTER UPDATE ON erp.item REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('code', '');

CREATE TRIGGER item_removed_told AFTER DELETE ON erp.item REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('code', '');

CREATE TRIGGER item_version BEFORE UPDATE ON erp.item FOR EACH ROW EXECUTE FUNCTION erp.count_version();

CREATE TRIGGER location_added_told AFTER INSERT ON erp.location REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('code', '');

CREATE TRIGGER location_changed_told AFTER UPDATE ON erp.location REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('code', '');

CREATE TRIGGER location_removed_told AFTER DELETE ON erp.location REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('code', '');

CREATE TRIGGER partner_added_told AFTER INSERT ON erp.partner REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('code', '');

CREATE TRIGGER partner_bound BEFORE DELETE ON erp.partner FOR EACH ROW EXECUTE FUNCTION people.refuse_bound();

CREATE TRIGGER partner_changed_told AFTER UPDATE ON erp.partner REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('code', '');

CREATE TRIGGER partner_removed_told AFTER DELETE ON erp.partner REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('code', '');

CREATE TRIGGER partner_version BEFORE UPDATE ON erp.partner FOR EACH ROW EXECUTE FUNCTION erp.count_version();

CREATE TRIGGER reason_added_told AFTER INSERT ON erp.reason REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('kind,code', '');

CREATE TRIGGER reason_changed_told AFTER UPDATE ON erp.reason REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('kind,code', '');

CREATE TRIGGER reason_removed_told AFTER DELETE ON erp.reason REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('kind,code', '');

CREATE TRIGGER routing_added_told AFTER INSERT ON erp.routing REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('item,seq', '');

CREATE TRIGGER routing_changed_told AFTER UPDATE ON erp.routing REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('item,seq', '');

CREATE TRIGGER routing_removed_told AFTER DELETE ON erp.routing REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('item,seq', '');

CREATE TRIGGER stock_move_append_only BEFORE DELETE OR UPDATE ON erp.stock_move FOR EACH ROW EXECUTE FUNCTION people.refuse_change();

CREATE TRIGGER stock_move_balanced AFTER INSERT ON erp.stock_move REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION erp.keep_balance();

CREATE TRIGGER stock_move_never_emptied BEFORE TRUNCATE ON erp.stock_move FOR EACH STATEMENT EXECUTE FUNCTION people.refuse_change();

CREATE TRIGGER work_order_added_told AFTER INSERT ON erp.work_order REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('code', '');

CREATE TRIGGER work_order_changed_told AFTER UPDATE ON erp.work_order REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('code', '');

CREATE TRIGGER work_order_removed_told AFTER DELETE ON erp.work_order REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('code', '');

CREATE TRIGGER coil_weight_append_only BEFORE DELETE OR UPDATE ON mes.coil_weight FOR EACH ROW EXECUTE FUNCTION people.refuse_change();

CREATE TRIGGER coil_weight_never_emptied BEFORE TRUNCATE ON mes.coil_weight FOR EACH STATEMENT EXECUTE FUNCTION people.refuse_change();

CREATE TRIGGER count_added_wears AFTER INSERT ON mes.count REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION mes.wear_by_counts();

CREATE TRIGGER count_changed_wears AFTER UPDATE ON mes.count REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION mes.wear_by_counts();

CREATE TRIGGER count_removed_wears AFTER DELETE ON mes.count REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION mes.wear_by_counts();

CREATE TRIGGER counter_rule_append_only BEFORE DELETE OR UPDATE ON mes.counter_rule FOR EACH ROW EXECUTE FUNCTION people.refuse_change();

CREATE TRIGGER counter_rule_never_emptied BEFORE TRUNCATE ON mes.counter_rule FOR EACH STATEMENT EXECUTE FUNCTION people.refuse_change();

CREATE TRIGGER die_mount_wears AFTER INSERT OR DELETE OR UPDATE OF span ON mes.die_mount FOR EACH ROW EXECUTE FUNCTION mes.wear_by_mounts();

CREATE TRIGGER disposition_append_only BEFORE DELETE OR UPDATE ON mes.disposition FOR EACH ROW EXECUTE FUNCTION people.refuse_change();

CREATE TRIGGER disposition_never_emptied BEFORE TRUNCATE ON mes.disposition FOR EACH STATEMENT EXECUTE FUNCTION people.refuse_change();

CREATE TRIGGER fact_added_made AFTER INSERT ON mes.fact_minute REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION mes.made_by_facts();

CREATE TRIGGER fact_changed_made AFTER UPDATE ON mes.fact_minute REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION mes.made_by_facts();

CREATE TRIGGER fact_removed_made AFTER DELETE ON mes.fact_minute REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION mes.made_by_facts();

CREATE TRIGGER posting_append_only BEFORE DELETE OR UPDATE ON mes.posting FOR EACH ROW EXECUTE FUNCTION people.refuse_change();

CREATE TRIGGER posting_never_emptied BEFORE TRUNCATE ON mes.posting FOR EACH STATEMENT EXECUTE FUNCTION people.refuse_change();

CREATE TRIGGER run_output_begins AFTER INSERT OR UPDATE OF operation ON mes.run_output FOR EACH ROW WHEN ((new.operation IS NOT NULL)) EXECUTE FUNCTION mes.begin_operation();

CREATE TRIGGER act_about_append_only BEFORE DELETE OR UPDATE ON people.act_about FOR EACH ROW EXECUTE FUNCTION people.refuse_change();

CREATE TRIGGER act_about_never_emptied BEFORE TRUNCATE ON people.act_about FOR EACH STATEMENT EXECUTE FUNCTION people.refuse_change();

CREATE TRIGGER act_about_written AFTER INSERT ON people.act REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_about();

CREATE TRIGGER act_append_only BEFORE DELETE OR UPDATE ON people.act FOR EACH ROW EXECUTE FUNCTION people.refuse_change();

CREATE TRIGGER act_never_emptied BEFORE TRUNCATE ON people.act FOR EACH STATEMENT EXECUTE FUNCTION people.refuse_change();

CREATE TRIGGER attachment_added_told AFTER INSERT ON people.attachment REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('id', '');

CREATE TRIGGER attachment_changed_told AFTER UPDATE ON people.attachment REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('id', '');

CREATE TRIGGER attachment_removed_told AFTER DELETE ON people.attachment REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('id', '');

CREATE TRIGGER change_append_only BEFORE DELETE OR UPDATE ON people.change FOR EACH ROW EXECUTE FUNCTION people.refuse_change();

CREATE TRIGGER change_never_emptied BEFORE TRUNCATE ON people.change FOR EACH STATEMENT EXECUTE FUNCTION people.refuse_change();

CREATE TRIGGER notice_kind_added_told AFTER INSERT ON people.notice_kind REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('code', '');

CREATE TRIGGER notice_kind_changed_told AFTER UPDATE ON people.notice_kind REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('code', '');

CREATE TRIGGER notice_kind_removed_told AFTER DELETE ON people.notice_kind REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('code', '');

CREATE TRIGGER person_added_told AFTER INSERT ON people.person REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('code', 'pin_hash,badge');

CREATE TRIGGER person_changed_told AFTER UPDATE ON people.person REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('code', 'pin_hash,badge');

CREATE TRIGGER person_lines BEFORE INSERT OR UPDATE OF lines ON people.person FOR EACH ROW EXECUTE FUNCTION people.require_lines();

CREATE TRIGGER person_removed_told AFTER DELETE ON people.person REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('code', 'pin_hash,badge');

CREATE TRIGGER robot_added_told AFTER INSERT ON people.robot REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('name', 'address,secret');

CREATE TRIGGER robot_changed_told AFTER UPDATE ON people.robot REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('name', 'address,secret');

CREATE TRIGGER robot_removed_told AFTER DELETE ON people.robot REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('name', 'address,secret');

CREATE TRIGGER role_added_told AFTER INSERT ON people.role REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('code', '');

CREATE TRIGGER role_changed_told AFTER UPDATE ON people.role REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('code', '');

CREATE TRIGGER role_removed_told AFTER DELETE ON people.role REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('code', '');

CREATE TRIGGER role_right_added_told AFTER INSERT ON people.role_right REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('role,may', '');

CREATE TRIGGER role_right_changed_told AFTER UPDATE ON people.role_right REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('role,may', '');

CREATE TRIGGER role_right_removed_told AFTER DELETE ON people.role_right REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('role,may', '');

CREATE TRIGGER token_added_told AFTER INSERT ON people.token REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('id', 'token_hash');

CREATE TRIGGER token_changed_told AFTER UPDATE ON people.token REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('id', 'token_hash');

CREATE TRIGGER token_removed_told AFTER DELETE ON people.token REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('id', 'token_hash');

CREATE TRIGGER line_added_told AFTER INSERT ON plant.line REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('name', '');

CREATE TRIGGER line_changed_told AFTER UPDATE ON plant.line REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('name', '');

CREATE TRIGGER line_removed_told AFTER DELETE ON plant.line REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('name', '');

CREATE TRIGGER meter_added_told AFTER INSERT ON plant.meter REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('name', '');

CREATE TRIGGER meter_changed_told AFTER UPDATE ON plant.meter REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('name', '');

CREATE TRIGGER meter_removed_told AFTER DELETE ON plant.meter REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('name', '');

CREATE TRIGGER press_added_told AFTER INSERT ON plant.press REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('name', '');

CREATE TRIGGER press_changed_told AFTER UPDATE ON plant.press REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('name', '');

CREATE TRIGGER press_removed_told AFTER DELETE ON plant.press REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('name', '');

CREATE TRIGGER shift_pattern_added_told AFTER INSERT ON plant.shift_pattern REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('code', '');

CREATE TRIGGER shift_pattern_changed_told AFTER UPDATE ON plant.shift_pattern REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('code', '');

CREATE TRIGGER shift_pattern_removed_told AFTER DELETE ON plant.shift_pattern REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('code', '');

CREATE TRIGGER site_added_told AFTER INSERT ON plant.site REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('site', '');

CREATE TRIGGER site_changed_told AFTER UPDATE ON plant.site REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('site', '');

CREATE TRIGGER site_removed_told AFTER DELETE ON plant.site REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION people.write_change('site', '');

CREATE TRIGGER replay_append_only BEFORE DELETE OR UPDATE ON signal.replay FOR EACH ROW EXECUTE FUNCTION people.refuse_change();

CREATE TRIGGER replay_never_emptied BEFORE TRUNCATE ON signal.replay FOR EACH STATEMENT EXECUTE FUNCTION people.refuse_change();

ALTER TABLE ONLY erp.balance
    ADD CONSTRAINT balance_item_fkey FOREIGN KEY (item) REFERENCES erp.item(code);

ALTER TABLE ONLY erp.balance
    ADD CONSTRAINT balance_location_fkey FOREIGN KEY (location) REFERENCES erp.location(code);

ALTER TABLE ONLY erp.bom
    ADD CONSTRAINT bom_item_fkey FOREIGN KEY (item) REFERENCES erp.item(code);

ALTER TABLE ONLY erp.bom_line
    ADD CONSTRAINT bom_line_component_fkey FOREIGN KEY (component) REFERENCES erp.item(code);

ALTER TABLE ONLY erp.bom_line
    ADD CONSTRAINT bom_line_item_version_fkey FOREIGN KEY (item, version) REFERENCES erp.bom(item, version);

ALTER TABLE ONLY erp.change_order
    ADD CONSTRAINT change_order_item_version_fkey FOREIGN KEY (item, version) REFERENCES erp.bom(item, version);

ALTER TABLE ONLY erp.change_order_line
    ADD CONSTRAINT change_order_line_change_order_fkey FOREIGN KEY (change_order) REFERENCES erp.change_order(code);

ALTER TABLE ONLY erp.change_order_line
    ADD CONSTRAINT change_order_line_work_order_fkey FOREIGN KEY (work_order) REFERENCES erp.work_order(code);

ALTER TABLE ONLY erp.die_output
    ADD CONSTRAINT die_output_die_fkey FOREIGN KEY (die) REFERENCES erp.die(code);

ALTER TABLE ONLY erp.die_output
    ADD CONSTRAINT die_output_item_fkey FOREIGN KEY (item) REFERENCES erp.item(code);

ALTER TABLE ONLY erp.die_press
    ADD CONSTRAINT die_press_die_fkey FOREIGN KEY (die) REFERENCES erp.die(code);

ALTER TABLE ONLY erp.die_press
    ADD CONSTRAINT die_press_press_fkey FOREIGN KEY (press) REFERENCES plant.press(name);

ALTER TABLE ONLY erp.lot
    ADD CONSTRAINT lot_item_fkey FOREIGN KEY (item) REFERENCES erp.item(code);

ALTER TABLE ONLY erp.production_report
    ADD CONSTRAINT production_report_operation_fkey FOREIGN KEY (operation) REFERENCES erp.work_order_operation(id);

ALTER TABLE ONLY erp.production_report
    ADD CONSTRAINT production_report_run_fkey FOREIGN KEY (run) REFERENCES mes.run(id);

ALTER TABLE ONLY erp.production_report
    ADD CONSTRAINT production_report_shift_fkey FOREIGN KEY (shift) REFERENCES plant.shift(id);

ALTER TABLE ONLY erp.production_report
    ADD CONSTRAINT production_report_to_order_fkey FOREIGN KEY (to_order) REFERENCES erp.work_order(code);

ALTER TABLE ONLY erp.report_use
    ADD CONSTRAINT report_use_component_fkey FOREIGN KEY (component) REFERENCES erp.item(code);

ALTER TABLE ONLY erp.report_use
    ADD CONSTRAINT report_use_lot_fkey FOREIGN KEY (component, lot) REFERENCES erp.lot(item, code);

ALTER TABLE ONLY erp.report_use
    ADD CONSTRAINT report_use_report_fkey FOREIGN KEY (report) REFERENCES erp.production_report(id);

ALTER TABLE ONLY erp.routing
    ADD CONSTRAINT routing_die_fkey FOREIGN KEY (die) REFERENCES erp.die(code);

ALTER TABLE ONLY erp.routing
    ADD CONSTRAINT routing_item_fkey FOREIGN KEY (item) REFERENCES erp.item(code);

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

ALTER TABLE ONLY mes.coil_weight
    ADD CONSTRAINT coil_weight_item_lot_fkey FOREIGN KEY (item, lot) REFERENCES erp.lot(item, code);

ALTER TABLE ONLY mes.coil_weight
    ADD CONSTRAINT coil_weight_press_fkey FOREIGN KEY (press) REFERENCES plant.press(name);

ALTER TABLE ONLY mes.count
    ADD CONSTRAINT count_event_fkey FOREIGN KEY (event) REFERENCES mes.counter_event(id);

ALTER TABLE ONLY mes.count
    ADD CONSTRAINT count_press_fkey FOREIGN KEY (press) REFERENCES plant.press(name);

ALTER TABLE ONLY mes.counter_event
    ADD CONSTRAINT counter_event_decided_act_fkey FOREIGN KEY (decided_act) REFERENCES people.act(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY mes.counter_event
    ADD CONSTRAINT counter_event_meter_fkey FOREIGN KEY (meter) REFERENCES plant.meter(name);

ALTER TABLE ONLY mes.counter_event
    ADD CONSTRAINT counter_event_press_fkey FOREIGN KEY (press) REFERENCES plant.press(name);

ALTER TABLE ONLY mes.counter
    ADD CONSTRAINT counter_meter_fkey FOREIGN KEY (meter) REFERENCES plant.meter(name);

ALTER TABLE ONLY mes.counter
    ADD CONSTRAINT counter_press_fkey FOREIGN KEY (press) REFERENCES plant.press(name);

ALTER TABLE ONLY mes.counter_rule
    ADD CONSTRAINT counter_rule_channel_fkey FOREIGN KEY (channel) REFERENCES mes.counter(channel);

ALTER TABLE ONLY mes.counter_rule
    ADD CONSTRAINT counter_rule_of_press_fkey FOREIGN KEY (of_press) REFERENCES plant.press(name);

ALTER TABLE ONLY mes.die_mount
    ADD CONSTRAINT die_mount_act_fkey FOREIGN KEY (act) REFERENCES people.act(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY mes.die_mount
    ADD CONSTRAINT die_mount_die_fkey FOREIGN KEY (die) REFERENCES erp.die(code);

ALTER TABLE ONLY mes.die_mount
    ADD CONSTRAINT die_mount_press_fkey FOREIGN KEY (press) REFERENCES plant.press(name);

ALTER TABLE ONLY mes.die_wear
    ADD CONSTRAINT die_wear_die_fkey FOREIGN KEY (die) REFERENCES erp.die(code);

ALTER TABLE ONLY mes.disposition
    ADD CONSTRAINT disposition_act_fkey FOREIGN KEY (act) REFERENCES people.act(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY mes.disposition
    ADD CONSTRAINT disposition_report_fkey FOREIGN KEY (report) REFERENCES erp.production_report(id);

ALTER TABLE ONLY mes.disposition
    ADD CONSTRAINT disposition_run_output_fkey FOREIGN KEY (run_output) REFERENCES mes.run_output(id);

ALTER TABLE ONLY mes.disposition
    ADD CONSTRAINT disposition_shift_fkey FOREIGN KEY (shift) REFERENCES plant.shift(id);

ALTER TABLE ONLY mes.fact_minute
    ADD CONSTRAINT fact_minute_press_fkey FOREIGN KEY (press) REFERENCES plant.press(name);

ALTER TABLE ONLY mes.fact_minute
    ADD CONSTRAINT fact_minute_segment_fkey FOREIGN KEY (segment) REFERENCES mes.run_segment(id);

ALTER TABLE ONLY mes.material_mount
    ADD CONSTRAINT material_mount_act_fkey FOREIGN KEY (act) REFERENCES people.act(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY mes.material_mount
    ADD CONSTRAINT material_mount_item_lot_fkey FOREIGN KEY (item, lot) REFERENCES erp.lot(item, code);

ALTER TABLE ONLY mes.material_mount
    ADD CONSTRAINT material_mount_press_fkey FOREIGN KEY (press) REFERENCES plant.press(name);

ALTER TABLE ONLY mes.posting
    ADD CONSTRAINT posting_report_fkey FOREIGN KEY (report) REFERENCES erp.production_report(id);

ALTER TABLE ONLY mes.posting
    ADD CONSTRAINT posting_reverses_fkey FOREIGN KEY (reverses) REFERENCES mes.posting(id);

ALTER TABLE ONLY mes.posting
    ADD CONSTRAINT posting_run_output_fkey FOREIGN KEY (run_output) REFERENCES mes.run_output(id);

ALTER TABLE ONLY mes.posting
    ADD CONSTRAINT posting_shift_fkey FOREIGN KEY (shift) REFERENCES plant.shift(id);

ALTER TABLE ONLY mes.press_mark
    ADD CONSTRAINT press_mark_outbox_fkey FOREIGN KEY (outbox) REFERENCES signal.outbox(id);

ALTER TABLE ONLY mes.press_mark
    ADD CONSTRAINT press_mark_owner_fkey FOREIGN KEY (owner) REFERENCES mes.press_behind(owner) ON DELETE CASCADE;

ALTER TABLE ONLY mes.press_state
    ADD CONSTRAINT press_state_press_fkey FOREIGN KEY (press) REFERENCES plant.press(name);

ALTER TABLE ONLY mes.press_watch
    ADD CONSTRAINT press_watch_press_fkey FOREIGN KEY (press) REFERENCES plant.press(name);

ALTER TABLE ONLY mes.run
    ADD CONSTRAINT run_act_fkey FOREIGN KEY (act) REFERENCES people.act(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY mes.run
    ADD CONSTRAINT run_die_fkey FOREIGN KEY (die) REFERENCES erp.die(code);

ALTER TABLE ONLY mes.run_made
    ADD CONSTRAINT run_made_segment_fkey FOREIGN KEY (segment) REFERENCES mes.run_segment(id) ON DELETE CASCADE;

ALTER TABLE ONLY mes.run_output
    ADD CONSTRAINT run_output_item_fkey FOREIGN KEY (item) REFERENCES erp.item(code);

ALTER TABLE ONLY mes.run_output
    ADD CONSTRAINT run_output_operation_fkey FOREIGN KEY (operation) REFERENCES erp.work_order_operation(id);

ALTER TABLE ONLY mes.run_output
    ADD CONSTRAINT run_output_run_fkey FOREIGN KEY (run) REFERENCES mes.run(id);

ALTER TABLE ONLY mes.run
    ADD CONSTRAINT run_press_fkey FOREIGN KEY (press) REFERENCES plant.press(name);

ALTER TABLE ONLY mes.run_segment
    ADD CONSTRAINT run_segment_act_fkey FOREIGN KEY (act) REFERENCES people.act(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY mes.run_segment
    ADD CONSTRAINT run_segment_run_fkey FOREIGN KEY (run) REFERENCES mes.run(id);

ALTER TABLE ONLY mes.segment_output
    ADD CONSTRAINT segment_output_run_output_fkey FOREIGN KEY (run_output) REFERENCES mes.run_output(id);

ALTER TABLE ONLY mes.segment_output
    ADD CONSTRAINT segment_output_segment_fkey FOREIGN KEY (segment) REFERENCES mes.run_segment(id);

ALTER TABLE ONLY mes.stop_reason
    ADD CONSTRAINT stop_reason_act_fkey FOREIGN KEY (act) REFERENCES people.act(id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY mes.stop_reason
    ADD CONSTRAINT stop_reason_press_fkey FOREIGN KEY (press) REFERENCES plant.press(name);

ALTER TABLE ONLY mes.undated_act
    ADD CONSTRAINT undated_act_press_fkey FOREIGN KEY (press) REFERENCES plant.press(name);

ALTER TABLE ONLY mes.unseen_owned
    ADD CONSTRAINT unseen_owned_count_fkey FOREIGN KEY (count) REFERENCES mes.count(id) ON DELETE CASCADE;

ALTER TABLE ONLY mes.unseen_owned
    ADD CONSTRAINT unseen_owned_press_fkey FOREIGN KEY (press) REFERENCES plant.press(name);

ALTER TABLE ONLY people.act_about
    ADD CONSTRAINT act_about_act_fkey FOREIGN KEY (act) REFERENCES people.act(id);

ALTER TABLE ONLY people.act
    ADD CONSTRAINT act_press_fkey FOREIGN KEY (press) REFERENCES plant.press(name);

ALTER TABLE ONLY people.act
    ADD CONSTRAINT act_token_fkey FOREIGN KEY (token) REFERENCES people.token(id);

ALTER TABLE ONLY people.act
    ADD CONSTRAINT act_who_fkey FOREIGN KEY (who) REFERENCES people.person(code);

ALTER TABLE ONLY people.attachment
    ADD CONSTRAINT attachment_sha256_fkey FOREIGN KEY (sha256) REFERENCES people.file(sha256);

ALTER TABLE ONLY people.device
    ADD CONSTRAINT device_person_fkey FOREIGN KEY (person) REFERENCES people.person(code);

ALTER TABLE ONLY people.sign_in
    ADD CONSTRAINT login_device_fkey FOREIGN KEY (device) REFERENCES people.device(id);

ALTER TABLE ONLY people.sign_in
    ADD CONSTRAINT login_person_fkey FOREIGN KEY (person) REFERENCES people.person(code);

ALTER TABLE ONLY people.notice
    ADD CONSTRAINT notice_escalated_to_fkey FOREIGN KEY (escalated_to) REFERENCES people.role(code);

ALTER TABLE ONLY people.notice_kind
    ADD CONSTRAINT notice_kind_next_role_fkey FOREIGN KEY (next_role) REFERENCES people.role(code);

ALTER TABLE ONLY people.notice_read
    ADD CONSTRAINT notice_read_notice_fkey FOREIGN KEY (notice) REFERENCES people.notice(id) ON DELETE CASCADE;

ALTER TABLE ONLY people.notice_read
    ADD CONSTRAINT notice_read_who_fkey FOREIGN KEY (who) REFERENCES people.person(code);

ALTER TABLE ONLY people.notice
    ADD CONSTRAINT notification_done_by_fkey FOREIGN KEY (done_by) REFERENCES people.person(code);

ALTER TABLE ONLY people.notice
    ADD CONSTRAINT notification_press_fkey FOREIGN KEY (press) REFERENCES plant.press(name);

ALTER TABLE ONLY people.person
    ADD CONSTRAINT person_badge_by_fkey FOREIGN KEY (badge_by) REFERENCES people.person(code);

ALTER TABLE ONLY people.person
    ADD CONSTRAINT person_role_fkey FOREIGN KEY (role) REFERENCES people.role(code);

ALTER TABLE ONLY people.robot_sent
    ADD CONSTRAINT robot_sent_robot_fkey FOREIGN KEY (robot) REFERENCES people.robot(name) ON DELETE CASCADE;

ALTER TABLE ONLY people.role_right
    ADD CONSTRAINT role_right_role_fkey FOREIGN KEY (role) REFERENCES people.role(code);

ALTER TABLE ONLY people.session
    ADD CONSTRAINT session_person_fkey FOREIGN KEY (person) REFERENCES people.person(code);

ALTER TABLE ONLY people.token
    ADD CONSTRAINT token_person_fkey FOREIGN KEY (person) REFERENCES people.person(code);

ALTER TABLE ONLY people.token_use
    ADD CONSTRAINT token_use_token_fkey FOREIGN KEY (token) REFERENCES people.token(id);

ALTER TABLE ONLY plant.meter
    ADD CONSTRAINT meter_press_fkey FOREIGN KEY (press) REFERENCES plant.press(name);

ALTER TABLE ONLY plant.press
    ADD CONSTRAINT press_line_fkey FOREIGN KEY (line) REFERENCES plant.line(name);

ALTER TABLE ONLY plant.shift_break
    ADD CONSTRAINT shift_break_shift_fkey FOREIGN KEY (shift) REFERENCES plant.shift(id) ON DELETE CASCADE;

ALTER TABLE ONLY signal.gap
    ADD CONSTRAINT gap_outbox_fkey FOREIGN KEY (outbox) REFERENCES signal.outbox(id);

CREATE POLICY customers ON erp.partner TO pressline_owner, pressline_web USING ((( SELECT people.every_customer() AS every_customer) OR (code = ANY (( SELECT people.customers() AS customers)::text[]))));

COMMENT ON POLICY customers ON erp.partner IS '332cf4a6a3ed955ad798ce85498d6afa14a04a4c0e688b47621dfcfdc7b67f79';

ALTER TABLE erp.partner ENABLE ROW LEVEL SECURITY;

CREATE POLICY programs ON erp.partner TO pressline_bridge USING (true);

COMMENT ON POLICY programs ON erp.partner IS '46d40afcc33c9aefb6c74d788908eb737347c21477c4b41582689ef0d9abe6ca';

ALTER TABLE people.act ENABLE ROW LEVEL SECURITY;

ALTER TABLE people.act_about ENABLE ROW LEVEL SECURITY;

ALTER TABLE people.attachment ENABLE ROW LEVEL SECURITY;

ALTER TABLE people.change ENABLE ROW LEVEL SECURITY;

CREATE POLICY customers ON people.act TO pressline_web USING (((customers = '{}'::text[]) OR ( SELECT people.every_customer() AS every_customer) OR (customers <@ ( SELECT people.customers() AS customers))));

COMMENT ON POLICY customers ON people.act IS '2cd15c748d3ac2e1634b28685751de805c1e91113454834de925ed31af2fb8ba';

CREATE POLICY customers ON people.act_about TO pressline_web USING (((NOT starts_with(document, 'partner/'::text)) OR ( SELECT people.every_customer() AS every_customer) OR (substr(document, 9) = ANY (( SELECT people.customers() AS customers)::text[]))));

COMMENT ON POLICY customers ON people.act_about IS '3796e84bb0dba87ec6875b90c1c4995ccdc13a091ff6f62576b89d4e40bd4b83';

CREATE POLICY customers ON people.attachment TO pressline_owner, pressline_web USING (((NOT starts_with(document, 'partner/'::text)) OR ( SELECT people.every_customer() AS every_customer) OR (substr(document, 9) = ANY (( SELECT people.customers() AS customers)::text[]))));

COMMENT ON POLICY customers ON people.attachment IS 'dfb790241009c220aea5764fcd0b9e09b61ed3d1aaf8a87decbf338004189d5e';

CREATE POLICY customers ON people.change TO pressline_owner, pressline_web USING (
CASE "table"
    WHEN 'erp.partner'::text THEN (( SELECT people.every_customer() AS every_customer) OR (key = ANY (( SELECT people.customers() AS customers)::text[])))
    WHEN 'people.attachment'::text THEN (EXISTS ( SELECT
       FROM people.attachment a
      WHERE (a.id = (change.key)::bigint)))
    ELSE true
END);

COMMENT ON POLICY customers ON people.change IS '50ca505ec91e4ad8f514340f54e9f378247efff9504f6d0857750ea6cd2531ff';

CREATE POLICY customers ON people.file TO pressline_owner, pressline_web USING ((EXISTS ( SELECT
   FROM people.attachment a
  WHERE (a.sha256 = file.sha256)))) WITH CHECK (true);

COMMENT ON POLICY customers ON people.file IS '6657eb85e8d684e7e5553d2949a6dccf1aaa88e631125898a48941c050fb99d0';

ALTER TABLE people.file ENABLE ROW LEVEL SECURITY;

CREATE POLICY programs ON people.act TO pressline_owner, pressline_bridge USING (true);

COMMENT ON POLICY programs ON people.act IS 'f51dedb18436c3443522c167566ac4434959b62d6b91905d22225b3953356d8d';

CREATE POLICY programs ON people.act_about TO pressline_owner, pressline_bridge USING (true);

COMMENT ON POLICY programs ON people.act_about IS 'f51dedb18436c3443522c167566ac4434959b62d6b91905d22225b3953356d8d';

CREATE POLICY programs ON people.attachment TO pressline_bridge USING (true);

COMMENT ON POLICY programs ON people.attachment IS '46d40afcc33c9aefb6c74d788908eb737347c21477c4b41582689ef0d9abe6ca';

CREATE POLICY programs ON people.change TO pressline_bridge USING (true);

COMMENT ON POLICY programs ON people.change IS '46d40afcc33c9aefb6c74d788908eb737347c21477c4b41582689ef0d9abe6ca';

CREATE POLICY programs ON people.file TO pressline_bridge USING (true);

COMMENT ON POLICY programs ON people.file IS '46d40afcc33c9aefb6c74d788908eb737347c21477c4b41582689ef0d9abe6ca';
