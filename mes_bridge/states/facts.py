"""Facts per press, minute and run segment, always recomputed from counts, segments and states.

Additive: strokes, seconds and Wh per state. A null minute holds what was counted over unseen time,
a null segment what no run owns.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from database.connection import Connection


def refresh(connection: Connection, press: str, from_at: datetime, now: datetime) -> None:
    """Compute the facts of one press anew, from the minute of `from_at` on, as of `now`."""
    refresh_all(connection, {press: from_at}, now)


def refresh_all(connection: Connection, since: Mapping[str, datetime], now: datetime) -> None:
    """Bring facts up to `now`: nothing that they are made of changed before each press's instant.

    Where they were complete up to that instant, what came since is added; else they are computed
    anew from its minute on. What was counted over unseen time has no minute: its sum changes by
    what of it came since, or has another owner.
    """
    asked = {"presses": list(since), "since": list(since.values()), "now": now}
    stand = [_Stand(*row) for row in connection.execute(_STAND, asked)]
    if again := [one for one in stand if not one.adds]:
        _delete(connection, _from_minutes(again))
    connection.execute(_ADD_FACTS, {
        "presses": [one.press for one in stand],
        "since": [one.since if one.adds else one.minute for one in stand],
        "open": [one.open if one.adds else one.minute for one in stand],
        "now": now,
    })  # fmt: skip
    _add_unseen(connection, _from_minutes(stand))
    connection.execute(_COMPLETE, asked)


@dataclass(frozen=True, slots=True)
class _Stand:
    """Where a press's facts stand: figures changed from `since`, time is told from `open` on.

    `adds`: they hold nothing from `since` on; else they are computed anew from `minute`.
    """

    press: str
    since: datetime
    minute: datetime
    open: datetime
    adds: bool


def _from_minutes(stand: Sequence[_Stand]) -> dict[str, Any]:
    return {
        "presses": [one.press for one in stand],
        "since": [one.minute for one in stand],
    }


def _delete(connection: Connection, asked: Mapping[str, Any]) -> None:
    """Asked of each press apart: of all at once the planner expects a third of all, and reads it.

    One statement, since what runs made is summed once for each. The presses are locked.
    """
    connection.execute(
        """
        delete from mes.fact_minute f
        where f.ctid = any(array(
          select old.ctid
          from unnest(%(presses)s::text[], %(since)b::timestamptz[]) as a(press, since)
          cross join lateral (
            select x.ctid from mes.fact_minute x
            where x.press = a.press and x.minute >= a.since offset 0) old))
        """,
        asked,
    )


def _add_unseen(connection: Connection, asked: Mapping[str, Any]) -> None:
    """Bring the facts without a minute up to date: by what came since, less what was there of it.

    `mes.unseen_owned` says who owned each count when it was added; what is older has not changed.
    """
    rows = connection.execute(_SOME_UNSEEN, asked).fetchall()
    if not rows:
        return
    of = {"presses": [press for press, _ in rows], "starts": [start for _, start in rows]}
    changed: Counter[tuple[str, int | None, str]] = Counter()
    for sign, query in _MOVED:
        for press, segment, measure, amount in connection.execute(query, of).fetchall():
            changed[press, segment, measure] += sign * amount
    _add(connection, changed)


def _add(connection: Connection, changed: Mapping[tuple[str, int | None, str], int]) -> None:
    """Add to facts without a minute; one in which nothing is left goes."""
    places = {key[:2] for key, amount in changed.items() if amount}
    connection.cursor().executemany(_ADD, _added(changed, places))
    connection.cursor().executemany(_CLEAR, list(places))


def _added(
    changed: Mapping[tuple[str, int | None, str], int], places: Iterable[tuple[str, int | None]]
) -> list[tuple[str, int | None, int, int]]:
    return [
        (press, segment, changed.get((press, segment, "stroke"), 0),
         changed.get((press, segment, "wh"), 0))
        for press, segment in places
    ]  # fmt: skip


_STAND: LiteralString = """
select a.press, a.since, date_trunc('minute', least(a.since, w.dirty_from, %(now)s)), w.dirty_from,
       coalesce(w.dirty_from <= least(a.since, %(now)s) and w.counted_to < a.since, false)
from unnest(%(presses)s::text[], %(since)b::timestamptz[]) with ordinality
  as a(press, since, place)
left join mes.press_watch w on w.press = a.press
order by a.place
"""
_COMPLETE: LiteralString = """
insert into mes.press_watch (press, dirty_from, counted_to)
select a.press, %(now)s, greatest(last_of.stroke, last_of.wh, '-infinity')
from unnest(%(presses)s::text[]) as a(press)
cross join lateral (
  select (select max(at) from mes.count where press = a.press and measure = 'stroke') as stroke,
         (select max(at) from mes.count where press = a.press and measure = 'wh') as wh) last_of
on conflict (press) do update
set dirty_from = excluded.dirty_from, counted_to = excluded.counted_to
"""
_SOME_UNSEEN: LiteralString = """
select a.press, a.start
from unnest(%(presses)s::text[], %(since)b::timestamptz[]) as a(press, start)
where exists (select from mes.count c where c.press = a.press and c.unseen and c.at >= a.start)
   or exists (select from mes.unseen_owned u where u.press = a.press and u.at >= a.start)
"""
_FORGET: LiteralString = """
delete from mes.unseen_owned u
where u.count = any(array(
  select old.count
  from unnest(%(presses)s::text[], %(starts)b::timestamptz[]) as a(press, start)
  cross join lateral (
    select x.count from mes.unseen_owned x
    where x.press = a.press and x.at >= a.start offset 0) old))
returning u.press, u.segment, u.measure, u.amount
"""
_OWN: LiteralString = """
insert into mes.unseen_owned (count, press, at, segment, measure, amount)
select o.id, o.press, o.at, o.segment, o.measure, o.amount
from unnest(%(presses)s::text[], %(starts)b::timestamptz[]) as a(press, start)
cross join lateral (
  select * from mes.owned_count o where o.press = a.press and o.unseen and o.at >= a.start offset 0
) o
returning press, segment, measure, amount
"""
_MOVED: Sequence[tuple[int, LiteralString]] = ((-1, _FORGET), (1, _OWN))
_ADD: LiteralString = """
insert into mes.fact_minute as f (press, minute, segment, strokes, unknown_wh)
values (%s, null, %s, %s, %s)
on conflict (press, minute, segment) do update
set strokes = f.strokes + excluded.strokes, unknown_wh = f.unknown_wh + excluded.unknown_wh
"""
_CLEAR: LiteralString = """
delete from mes.fact_minute
where press = %s and minute is null and segment is not distinct from %s
  and strokes = 0 and unknown_wh = 0
"""


# Each press: its counts from `start` on, its time within `span`.
_ASKED = """
with asked as (
  select press, since as start, 'infinity'::timestamptz as until,
         tstzrange(open, greatest(open, %(now)s)) as span
  from unnest(%(presses)s::text[], %(since)b::timestamptz[], %(open)b::timestamptz[])
    as a(press, since, open)
),
"""
# What was counted since, with its owner. Asked of each press apart and with both ends named: else
# the planner expects a third of all, and reads it.
_COUNTED = """
counted as (
  select o.press, date_trunc('minute', o.at) as minute, o.segment, o.measure, o.amount, o.at
  from asked a
  cross join lateral (
    select * from mes.owned_count o
    where o.press = a.press and o.measure in ('stroke', 'wh') and not o.unseen
      and o.at >= a.start and o.at < a.until offset 0) o
),
"""
# Who owned which time: a scanned run goes before an assigned one, nobody (null) has the rest. Runs
# of a press, and its states, follow one another: in the order of their ends, from the first that
# ends after the beginning to the first that reaches the end.
_OWNED = """
scanned as (
  select a.press, g.id as segment, tstzmultirange(g.span * a.span) as spans
  from asked a
  cross join lateral (
    select id, span from mes.run
    where press = a.press and source = 'scan' and not isempty(span)
      and coalesce(upper(span), 'infinity') > lower(a.span)
      and coalesce(upper(span), 'infinity') <= coalesce((
        select coalesce(upper(span), 'infinity') from mes.run
        where press = a.press and source = 'scan' and not isempty(span)
          and coalesce(upper(span), 'infinity') >= upper(a.span)
        order by coalesce(upper(span), 'infinity') limit 1), 'infinity') offset 0) r
  cross join lateral (
    select id, span from mes.run_segment where run = r.id and span && a.span offset 0) g
), taken as (
  select press, range_agg(spans) as spans from scanned group by press
), assigned as (
  select a.press, g.id as segment,
         tstzmultirange(g.span * a.span) - coalesce(t.spans, '{}') as spans
  from asked a
  join mes.run r on r.press = a.press and r.source = 'assigned' and r.span && a.span
  join mes.run_segment g on g.run = r.id and g.span && a.span
  left join taken t on t.press = a.press
), owned as (
  select * from scanned union all select * from assigned
), piece as (
  select press, segment, unnest(spans) as span from owned
  union all
  select a.press, null, unnest(tstzmultirange(a.span) - coalesce(
           (select range_agg(o.spans) from owned o where o.press = a.press), '{}'))
  from asked a
),
"""
# Seconds of each state within that, by minute.
_TIMED = """
known as (
  select p.press, p.segment, s.state, p.span * s.span as span
  from piece p
  cross join lateral (
    select state, span from mes.press_state
    where press = p.press and coalesce(upper(span), 'infinity') > lower(p.span)
      and coalesce(upper(span), 'infinity') <= coalesce((
        select coalesce(upper(span), 'infinity') from mes.press_state
        where press = p.press and coalesce(upper(span), 'infinity') >= upper(p.span)
        order by coalesce(upper(span), 'infinity') limit 1), 'infinity') offset 0) s
  where s.span && p.span
), timed as (
  select k.press, m as minute, k.segment, k.state,
         extract(epoch from least(upper(k.span), m + interval '1 minute')
                            - greatest(lower(k.span), m)) as seconds
  from known k
  cross join lateral generate_series(
    date_trunc('minute', lower(k.span)), upper(k.span) - interval '1 microsecond',
    interval '1 minute') as m
),
"""
# Both as facts. Energy belongs to the state that the press was seen in at the later reading.
_FACTS = """
fact as (
  select press, minute, segment,
         case when measure = 'stroke' then amount else 0 end as strokes,
         0 as running_s, 0 as stopped_s, 0 as unknown_s,
         case when measure = 'wh' and during.state = 'running' then amount else 0 end as run_wh,
         case when measure = 'wh' and during.state in ('stopped', 'alarm') then amount else 0
         end as idle_wh,
         case when measure = 'wh' and during.state = 'unknown' then amount else 0 end as unknown_wh
  from counted c
  cross join lateral (
    select coalesce((
      select s.state from mes.press_state s where s.press = c.press and s.span @> c.at
    ), 'unknown') as state) as during
  union all
  select press, minute, segment, 0,
         case state when 'running' then seconds else 0 end,
         case when state in ('stopped', 'alarm') then seconds else 0 end,
         case state when 'unknown' then seconds else 0 end, 0, 0, 0
  from timed
)
"""
_ADD_FACTS = (
    _ASKED + _COUNTED + _OWNED + _TIMED + _FACTS
    + """
insert into mes.fact_minute as f
  (press, minute, segment, strokes, running_s, stopped_s, unknown_s, run_wh, idle_wh, unknown_wh)
select press, minute, segment, sum(strokes), sum(running_s), sum(stopped_s),
       sum(unknown_s), sum(run_wh), sum(idle_wh), sum(unknown_wh)
from fact group by press, minute, segment
on conflict (press, minute, segment) do update
set strokes = f.strokes + excluded.strokes, running_s = f.running_s + excluded.running_s,
    stopped_s = f.stopped_s + excluded.stopped_s, unknown_s = f.unknown_s + excluded.unknown_s,
    run_wh = f.run_wh + excluded.run_wh, idle_wh = f.idle_wh + excluded.idle_wh,
    unknown_wh = f.unknown_wh + excluded.unknown_wh
"""
)  # fmt: skip
