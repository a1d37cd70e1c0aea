"""Stop reasons: what a person says about time in which a press did not run."""

from datetime import datetime, timedelta
from uuid import UUID

from database.connection import Connection
from mes_bridge.moment import Moment
from mes_bridge.refusal import Refused

RECENT = timedelta(hours=12)  # so long after its end a stop can be meant without being named


def meant(moment: Moment) -> tuple[datetime, datetime | None]:
    """The stop that a reason without a time can mean, from and to (None: it goes on).

    The one in which the press stands at the moment, explained or not; else the last one before,
    long enough to be asked about, that nobody has explained. Raises Refused no_stop.
    """
    row = moment.connection.execute(
        """
        select lower(s.span), upper(s.span)
        from mes.press_state s join plant.press p on p.name = s.press
        where s.press = %(press)s and s.state <> 'running' and lower(s.span) <= %(at)s
          and (s.span @> %(at)s::timestamptz
               or (upper(s.span) > %(at)s - %(recent)s::interval
                   and upper(s.span) - lower(s.span) >= p.stop_after
                   and not exists (
                     select from mes.stop_reason r where r.press = s.press and r.span && s.span)))
        order by lower(s.span) desc limit 1
        """,
        {"press": moment.press, "at": moment.at, "recent": RECENT},
    ).fetchone()
    if row is None:
        raise Refused("no_stop", press=moment.press)
    return row[0], row[1]


def label(moment: Moment, since: datetime, until: datetime | None, reason: str) -> datetime | None:
    """Say why the press stood; returns where the label ends (None: the stop goes on).

    Without `until` it holds as long as the stop that `since` lies in. What was said before about
    the same time is replaced. Raises Refused interval_empty, interval_future, and no_stop where
    the press made strokes all the time.
    """
    if since > moment.now or (until is not None and until > moment.now):
        raise Refused("interval_future", at=until or since)
    if until is not None and until <= since:
        raise Refused("interval_empty", since=since, to=until)
    if _ran(moment, since, until):
        raise Refused("no_stop_then", press=moment.press, at=since)
    end = until or _stop_ends(moment.connection, moment.press, since)
    _clear(moment, since, end)
    moment.connection.execute(
        "insert into mes.stop_reason (press, span, reason, act) "
        "values (%s, tstzrange(%s, %s), %s, %s)",
        [moment.press, since, end, reason, moment.act],
    )
    return end


def forget(moment: Moment, act: UUID) -> datetime | None:
    """Take a label back: what was said before about that time holds again.

    Returns since when; None where nothing of the label is left.
    """
    spans = moment.connection.execute(
        "delete from mes.stop_reason where press = %s and act = %s "
        "returning lower(span), upper(span)",
        [moment.press, act],
    ).fetchall()
    for since, until in spans:
        _say_again(moment, act, since, until)
    return min((since for since, _ in spans), default=None)


def _say_again(moment: Moment, act: UUID, since: datetime, until: datetime | None) -> None:
    """What was said before, in order, of this time: each says it anew of what it covered."""
    earlier = moment.connection.execute(
        """
        select a.id, a.args ->> 'reason', greatest((a.outcome ->> 'from')::timestamptz, %(since)s),
          least((a.outcome ->> 'to')::timestamptz, %(until)s::timestamptz)
        from people.act a
        where a.press = %(press)s and a.act = 'stop_reason'
          and a.recorded_at < (select recorded_at from people.act where id = %(act)s)
          and tstzrange((a.outcome ->> 'from')::timestamptz, (a.outcome ->> 'to')::timestamptz)
              && tstzrange(%(since)s, %(until)s)
          and not exists (select from people.act u where u.press = a.press and u.act = 'undo'
                          and u.undoes = a.id)
        order by a.recorded_at
        """,
        {"press": moment.press, "act": act, "since": since, "until": until},
    ).fetchall()
    for said, reason, begin, end in earlier:
        _clear(moment, begin, end)
        moment.connection.execute(
            "insert into mes.stop_reason (press, span, reason, act) "
            "values (%s, tstzrange(%s, %s), %s, %s)",
            [moment.press, begin, end, reason, said],
        )


def settle(connection: Connection, press: str | None = None) -> None:
    """End the open label of a press (None: of each) where its stop has ended."""
    connection.execute(
        """
        update mes.stop_reason r set span = tstzrange(lower(r.span), ran.since)
        from (
          select o.id, min(greatest(lower(s.span), lower(o.span))) as since
          from mes.stop_reason o
          join mes.press_state s on s.press = o.press and s.state = 'running' and s.span && o.span
          where (%(press)s::text is null or o.press = %(press)s) and upper_inf(o.span)
          group by o.id
        ) ran
        where r.id = ran.id
        """,
        {"press": press},
    )


def _ran(moment: Moment, since: datetime, until: datetime | None) -> bool:
    """Whether the press is known to have run at `since`, and on until `until` where that is given.

    A press that has made no stroke since may be at the beginning of a stop.
    """
    row = moment.connection.execute(
        """
        select from mes.press_state s
        where s.press = %(press)s and s.state = 'running' and s.span @> %(since)s::timestamptz
          and (%(until)s::timestamptz is null or s.span @> tstzrange(%(since)s, %(until)s))
          and exists (select from mes.count c where c.press = s.press and c.measure = 'stroke'
                      and c.at > coalesce(%(until)s, %(since)s))
        """,
        {"press": moment.press, "since": since, "until": until},
    ).fetchone()
    return row is not None


def _stop_ends(connection: Connection, press: str, since: datetime) -> datetime | None:
    row = connection.execute(
        "select min(lower(span)) from mes.press_state "
        "where press = %s and state = 'running' and lower(span) > %s",
        [press, since],
    ).fetchone()
    assert row is not None
    return row[0]


def _clear(moment: Moment, since: datetime, until: datetime | None) -> None:
    moment.connection.execute(
        """
        with old as (
          delete from mes.stop_reason
          where press = %(press)s and span && tstzrange(%(since)s, %(until)s)
          returning press, span, reason, act
        )
        insert into mes.stop_reason (press, span, reason, act)
        select press, rest, reason, act
        from old, unnest(
          tstzmultirange(span) - tstzmultirange(tstzrange(%(since)s, %(until)s))) rest
        """,
        {"press": moment.press, "since": since, "until": until},
    )
