"""What the bridge calls people for: strokes of no run, run signals that say what is not listed."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from database.connection import Connection
from people import notices

UNATTRIBUTED, UNLISTED = "unattributed", "signal_unlisted"  # kinds of notices

STROKES = 20
AGE = timedelta(minutes=2)


def raise_due(connection: Connection, now: datetime) -> int:
    """Call a leader where more than 20 strokes have no run, or any for more than two minutes.

    One call per press; it is closed when every stroke has found its run.
    Returns how many calls are new.
    """
    found = _unattributed(connection)
    _close_settled(connection, found, now)
    return sum(
        notices.raise_once(connection, UNATTRIBUTED, press, press, "leader", now)
        for press, (strokes, first) in found.items()
        if strokes > STROKES or now - first > AGE
    )


def call_of_signals(connection: Connection, said: Iterable[tuple[str, int]], now: datetime) -> None:
    """Tell IT of values of a press's run signal that the plant file does not explain."""
    for press, value in sorted(said):
        notices.raise_once(connection, UNLISTED, f"{press}/{value}", press, "it", now)


def explain_signals(connection: Connection, now: datetime) -> None:
    """Close the calls about values that the plant file explains by now."""
    rows = connection.execute(
        """
        select n.subject from people.notice n join plant.press p on p.name = n.press
        where n.kind = 'signal_unlisted' and n.done_at is null
          and (p.run_states is null or p.run_states ? substr(n.subject, length(n.press) + 2))
        """
    ).fetchall()
    for (subject,) in rows:
        notices.close(connection, UNLISTED, subject, now)


def _unattributed(connection: Connection) -> dict[str, tuple[int, datetime]]:
    """Press -> strokes without a run, and the instant of the first of them.

    Only the first minute's strokes are looked at, and those counted over unseen time.
    """
    rows = connection.execute(
        """
        with open as (
          select press, sum(strokes) as strokes, min(minute) as minute,
                 bool_or(minute is null) as gap
          from mes.fact_minute where segment is null and strokes > 0 group by press
        )
        select o.press, o.strokes::bigint, first.at
        from open o
        cross join lateral (
          select min(c.at) as at from (
            select c.at from mes.owned_count c
            where c.press = o.press and c.measure = 'stroke' and c.segment is null
              and not c.unseen and c.at >= o.minute and c.at < o.minute + interval '1 minute'
            union all
            select c.at from mes.owned_count c
            where o.gap and c.press = o.press and c.measure = 'stroke' and c.segment is null
              and c.unseen
          ) c
        ) first
        """
    )
    return {press: (strokes, first) for press, strokes, first in rows}


def _close_settled(
    connection: Connection, found: dict[str, tuple[int, datetime]], now: datetime
) -> None:
    rows = connection.execute(
        "select subject from people.notice where kind = 'unattributed' and done_at is null "
        "and press <> all(%s)",
        [list(found)],
    ).fetchall()
    for (subject,) in rows:
        notices.close(connection, UNATTRIBUTED, subject, now)
