"""Lays out, in temporary tables, what the readings say: the audit's own way of counting.

`audit_told`: every reading of a counter behind the bridge's mark, in the order it was taken in.
`audit_reading`: those that count, in counted units, by the rules of their day.
`audit_point`: the good ones that are not late, with the exchanges that people declared.
`audit_pair`: what was added from each point that stands to the next, and whose strokes they are.
"""

from datetime import datetime

from database.connection import Connection


def lay_out(connection: Connection, as_of: datetime | None) -> None:
    """Make the tables; pairs after `as_of` are left out."""
    _make_most(connection)
    _read(connection)
    _apply_rules(connection)
    _add_exchanges(connection)
    _keep_points(connection)
    while _strike_out(connection):
        pass
    _pair(connection, as_of)
    _give_to_runs(connection)


def _make_most(connection: Connection) -> None:
    """What can have been added between two points: in their time, or since one well before both."""
    connection.execute(
        """
        create or replace function pg_temp.audit_most(
          rate float8, old bigint, old_at timestamptz, at timestamptz,
          before bigint, before_at timestamptz, older bigint, older_at timestamptz)
        returns float8 language sql immutable as $$
          select greatest(
            rate * extract(epoch from at - old_at)::float8 * 1.2 + 1,
            case when before <= old and before_at <= old_at
                 then rate * extract(epoch from at - before_at)::float8 * 1.2 + 1 - (old - before)
            end,
            case when older <= old and older_at <= old_at
                 then rate * extract(epoch from at - older_at)::float8 * 1.2 + 1 - (old - older)
            end)
        $$
        """
    )


def _read(connection: Connection) -> None:
    """Every reading that the bridge had of a channel that is or was counted on, in its order."""
    connection.execute(
        """
        create temp table audit_told on commit drop as
        with taken as (
          select r.*, max(r.arrived) over (partition by r.outbox order by r.number) as came
          from signal.reading r
          join mes.mark m on m.outbox = r.outbox and r.number <= m.number
          join mes.counter k on k.channel = r.channel
          left join plant.meter e on e.name = k.meter
          left join mes.press_behind b on b.owner = coalesce(k.press, e.press, k.meter)
          left join mes.press_mark p on p.owner = b.owner and p.outbox = r.outbox
          where b.owner is null or r.number <= coalesce(p.number, 0)
        )
        select channel, came, outbox, number, at, quality, count,
               coalesce(count::float8, wide, gauge) as value,
               row_number() over (order by came, outbox, number, at)::numeric as place
        from taken
        """
    )
    connection.execute("create index on audit_told (outbox, number)")
    connection.execute("analyze audit_told")


def _apply_rules(connection: Connection) -> None:
    """The readings that count, in counted units, with the rules of their day."""
    connection.execute(
        """
        create temp table audit_reading on commit drop as
        with rule as (
          select u.*, coalesce(k.press, k.meter) as owner, k.measure,
                 case when u.outbox is null then 0 else coalesce(t.place, 'infinity') end as first
          from mes.counter_rule u
          join mes.counter k using (channel)
          left join lateral (
            select place from audit_told t where t.outbox = u.outbox and t.number >= u.number
            order by t.number, t.place limit 1
          ) t on true
        ), span as (
          select *, lead(first, 1, 'infinity') over (partition by channel order by first, id)
                      as next
          from rule
        )
        select t.channel, s.line, s.owner, s.of_press as press, s.measure, s.top_rate as rate,
               s.modulus, s.silence, t.came, t.outbox, t.number, t.at, t.place,
               case when quality <> 192 then null
                    when factor = 1 and count is not null then count
                    when abs(value) <= 2::float8 ^ 62 / abs(factor)
                      then round(value * factor)::bigint end as value,
               null::text as exchange
        from audit_told t
        join span s on s.channel = t.channel and t.place >= s.first and t.place < s.next
        where s.line is not null
        """
    )


def _add_exchanges(connection: Connection) -> None:
    """An exchange stands where the counter was when it was told; what was read later, behind it."""
    connection.execute(
        """
        create temp table audit_exchange on commit drop as
        select e.channel, e.at, e.old_value, e.new_value, coalesce(max(r.place), 0) as place
        from mes.counter_event e
        left join audit_reading r on r.channel = e.channel and r.outbox = e.outbox
                                 and r.number <= e.number
        where e.kind = 'swap'
        group by e.id
        """
    )
    connection.execute(
        """
        update audit_reading r set place = x.place + 0.9
        from audit_exchange x
        where r.channel = x.channel and r.place <= x.place and r.at > x.at and r.value is not null
        """
    )
    connection.execute(
        """
        insert into audit_reading
        select c.channel, c.line, c.owner, c.press, c.measure, c.rate, c.modulus, c.silence,
               x.at, null, null, x.at, x.place + side.place, side.value, side.name
        from audit_exchange x
        cross join lateral (
          select * from audit_reading r where r.channel = x.channel
          order by r.place > x.place, abs(r.place - x.place) limit 1
        ) c
        cross join lateral (values (0.5, x.old_value, 'old'), (0.6, x.new_value, 'new'))
          as side(place, value, name)
        """
    )


def _keep_points(connection: Connection) -> None:
    """Good values, none older than one before it, each with the next one, which settles it.

    `blind` is the number of blind stretches so far.
    """
    _keep_good(connection)
    connection.execute(
        """
        create temp table audit_point on commit drop as
        with instant as (
          select line, at, min(value) as value from audit_good where exchange is null group by 1, 2
        ), seen as (
          select g.*, b.value as before, b.at as before_at,
                 sum(case when exchange = 'new' then 0
                          when g.at - at_before > g.silence or bad > bad_before
                               or outbox <> told_before then 1
                          else 0 end) over (partition by g.line order by place) as blind
          from audit_good g
          left join instant b on b.line = g.line and b.at = g.looks_back
                             and b.at >= g.at - interval '1 hour'
        )
        select *, lead(place) over w as next_place, lead(value) over w as next,
               lead(at) over w as next_at, lead(came) over w as next_came,
               lead(blind) over w as next_blind, lead(before) over w as next_before,
               lead(before_at) over w as next_before_at
        from seen window w as (partition by line order by place)
        """
    )


def _keep_good(connection: Connection) -> None:
    """Good values, none older than one before it, each with the instant that it looks back to.

    A table of its own: without statistics the planner compares each value with every other.
    """
    connection.execute(
        """
        create temp table audit_good on commit drop as
        with ordered as (
          select *, max(at) filter (where value is not null) over (
                      partition by line order by place
                      rows between unbounded preceding and 1 preceding) as newest
          from audit_reading
        ), numbered as (
          select *, count(*) filter (where value is null) over (
                      partition by line order by place) as bad,
                 lag(outbox) over (
                   partition by line, exchange is null order by place) as told_before
          from ordered where newest is null or at >= newest
        )
        select *, lag(at) over before as at_before, lag(bad) over before as bad_before,
               max(at) filter (where exchange is null) over (
                 partition by line order by at
                 range between unbounded preceding and interval '2 seconds' preceding
               ) as looks_back
        from numbered where value is not null
        window before as (partition by line order by place)
        """
    )
    connection.execute("analyze audit_good")


def _strike_out(connection: Connection) -> int:
    """Strike out values that the next one takes back; returns how many.

    What a value is, is judged from the one before it that stands, so a false one hides what follows
    until it is gone: hence pass by pass. A plain step from its neighbour stands in any case, and a
    pass strikes out the first false value after each of those.
    """
    return connection.execute(
        """
        with beside as (
          select *, lag(value) over w as old, lag(at) over w as old_at,
                 lag(blind) over w as old_blind, lag(before) over w as old_before,
                 lag(before_at) over w as old_before_at,
                 coalesce(lag(next_place) over w = place, false) as neighbour
          from audit_point window w as (partition by line order by place)
        ), room as (
          select *, value - old as added,
                 case when value < old and modulus is not null and value >= 0 and old < modulus
                      then value - old + modulus end as wrapped,
                 case when next >= value then next - value
                      when modulus is not null and next >= 0 and value < modulus
                      then next - value + modulus end as ahead,
                 pg_temp.audit_most(rate, old, old_at, at, before, before_at,
                                    old_before, old_before_at) as to_here,
                 pg_temp.audit_most(rate, value, at, next_at, next_before, next_before_at,
                                    before, before_at) as from_here,
                 pg_temp.audit_most(rate, old, old_at, next_at, next_before, next_before_at,
                                    old_before, old_before_at) as across,
                 rate * extract(epoch from at - old_at)::float8 * 1.2 + 1 as to_here_from_zero,
                 rate * extract(epoch from next_at - at)::float8 * 1.2 + 1 as from_here_from_zero
          from beside where exchange is null and old is not null and next is not null
        ), judged as (
          select line, place, added between 0 and to_here and blind = old_blind as step,
                 neighbour,
                 case when added between 0 and to_here and blind = old_blind then false
                      when added between 0 and to_here then back and not goes_on
                      when wrapped <= to_here then (back or back_wrapped) and not goes_on
                      else not goes_on or back and next_blind = old_blind end as wrong
          from room
          cross join lateral (
            select coalesce(ahead <= from_here, false)
                   or coalesce(added between 0 and to_here or wrapped <= to_here
                               or added < 0 and value between 0 and to_here_from_zero, false)
                      and blind > old_blind and next_blind > blind
                      and next between 0 and value - 1
                      and next <= from_here_from_zero as goes_on,
                   next >= old and next - old <= across as back,
                   coalesce(next between 0 and old - 1 and old < modulus
                            and next - old + modulus <= across, false) as back_wrapped) as after
        ), stretch as (
          select line, place, wrong,
                 count(*) filter (where step and neighbour) over (
                   partition by line order by place) as after
          from judged
        ), first as (
          select line, min(place) as place from stretch where wrong group by line, after
        )
        delete from audit_point p using first f where f.line = p.line and f.place = p.place
        """
    ).rowcount


def _pair(connection: Connection, as_of: datetime | None) -> None:
    """What each standing point adds to the one before; the last one waits unless it is a step."""
    connection.execute(
        """
        create temp table audit_pair on commit drop as
        with beside as (
          select *, lag(value) over w as old, lag(at) over w as from_at, lag(blind) over w as b,
                 lag(before) over w as old_before, lag(before_at) over w as old_before_at
          from audit_point window w as (partition by line order by place)
        ), room as (
          select *, value - old as added,
                 pg_temp.audit_most(rate, old, from_at, at, before, before_at,
                                    old_before, old_before_at) as most,
                 rate * extract(epoch from at - from_at)::float8 * 1.2 + 1 as most_from_zero,
                 case when modulus is not null and value >= 0 and old < modulus
                      then value - old + modulus end as wrapped
          from beside where from_at is not null and exchange is distinct from 'new'
        ), judged as (
          select *, blind > b as unseen,
                 case when exchange = 'old' and added < 0 then wrapped
                      when exchange = 'old' or added between 0 and most then added
                      when added > most then null
                      when wrapped <= most then wrapped
                      when value between 0 and most_from_zero then value end as sure
          from room
        )
        select j.owner, j.press, j.measure, j.from_at, j.at, j.unseen,
               coalesce(j.sure, d.decided_count, greatest(j.added, 0)) as amount,
               j.sure is null and d.id is null as held,
               greatest(coalesce(j.next_came, j.came), a.at) as came,
               (j.at at time zone plant.time_zone)::date as day,
               null::bigint as segment, null::bigint as run
        from judged j
        cross join plant.site plant
        left join mes.counter_event d on j.sure is null and d.channel = j.channel
          and d.kind = 'jump' and d.at = j.at and d.decided_act is not null
        left join people.act a on a.id = d.decided_act
        where (j.next_place is not null or j.exchange = 'old'
               or not j.unseen and j.added between 0 and j.most)
          and j.at <= coalesce(%s, 'infinity'::timestamptz)
        """,
        [as_of],
    )


def _give_to_runs(connection: Connection) -> None:
    """Scanned runs first: an unseen pair only when the run, and one shift, hold all of it."""
    connection.execute(
        """
        update audit_pair p set segment = g.id, run = r.id
        from mes.run r join mes.run_segment g on g.run = r.id
        where r.press = p.press and r.source = 'scan' and r.span @> p.at and g.span @> p.at
          and (not p.unseen
               or r.span @> p.from_at
                  and not exists (
                    select from plant.shift s
                    cross join lateral (values (lower(s.span)), (upper(s.span))) as border(at)
                    where border.at > p.from_at and border.at <= p.at))
        """
    )
    connection.execute(
        """
        update audit_pair p set segment = g.id, run = r.id
        from mes.run r join mes.run_segment g on g.run = r.id
        where p.run is null and r.press = p.press and r.source = 'assigned'
          and case when p.unseen
                   then lower(g.span) <= p.from_at and (upper_inf(g.span) or upper(g.span) >= p.at)
                   else g.span @> p.at end
        """
    )
