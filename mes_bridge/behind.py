"""Presses that are set aside: their readings wait behind marks of their own, the others go on.

An owner is a press, or a meter that measures no one press. It is set aside when another
transaction holds the press for longer than a moment, or when its readings cannot be taken in; it
is tried again by itself, a second later and then less and less often. Someone is told.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from database.connection import Connection
from people import notices

SOON = timedelta(seconds=1)
LONGEST = timedelta(minutes=5)  # between two tries
TOLD = "press_behind"  # the kind of notification


def hold(connection: Connection, owners: Collection[str]) -> set[str]:
    """Lock the presses among these; returns the owners that may be worked on.

    A press that is held for longer than `mes.hold` waits is passed over.
    """
    names = sorted(owners)
    if connection.execute("select mes.hold(%s)", [names]).fetchone() == (True,):
        return set(names)
    return set(names) - _held_elsewhere(connection, names)


def _held_elsewhere(connection: Connection, names: Sequence[str]) -> set[str]:
    rows = connection.execute(
        "select name from plant.press where name = any(%s) order by name for update skip locked",
        [names],
    )
    free = {name for (name,) in rows}
    there = connection.execute("select name from plant.press where name = any(%s)", [names])
    return {name for (name,) in there} - free


def set_aside(
    connection: Connection, owners: Iterable[str], before: Sequence[tuple[int, int, datetime]],
    reason: str | None, now: datetime,
) -> None:  # fmt: skip
    """Keep what comes of these owners behind the marks `before` for later.

    Each mark is outbox, number, arrived; outboxes not named stand where their mark stands now.
    """
    names = sorted(owners)
    connection.execute(
        "insert into mes.press_behind (owner, since, again, reason) "
        "select owner, %(now)s, %(now)s, %(reason)s from unnest(%(owners)s::text[]) as owner "
        "on conflict do nothing",
        {"owners": names, "now": now, "reason": reason},
    )
    connection.execute(
        """
        insert into mes.press_mark (owner, outbox, number, arrived)
        select owner, m.outbox, coalesce(b.number, m.number), coalesce(b.arrived, m.arrived)
        from unnest(%(owners)s::text[]) as owner
        cross join mes.mark m
        left join unnest(%(outbox)s::int[], %(number)s::bigint[], %(arrived)b::timestamptz[])
          as b(outbox, number, arrived) on b.outbox = m.outbox
        on conflict do nothing
        """,
        {
            "owners": names,
            "outbox": [outbox for outbox, _, _ in before],
            "number": [number for _, number, _ in before],
            "arrived": [arrived for _, _, arrived in before],
        },
    )


def owners(connection: Connection) -> set[str]:
    """All that are set aside."""
    return {owner for (owner,) in connection.execute("select owner from mes.press_behind")}


def due(connection: Connection, now: datetime) -> list[str]:
    """Owners that are set aside and may be tried now, the longest waiting first."""
    rows = connection.execute(
        "select owner from mes.press_behind where again <= %s order by again, owner", [now]
    )
    return [owner for (owner,) in rows]


def try_later(connection: Connection, owner: str, reason: str | None, now: datetime) -> timedelta:
    """It could not be taken in: try again after a pause, which doubles; returns the pause."""
    row = connection.execute(
        "update mes.press_behind set tries = tries + 1, reason = %s where owner = %s "
        "returning tries",
        [reason, owner],
    ).fetchone()
    assert row is not None
    pause = SOON if reason is None else min(SOON * 2 ** min(row[0] - 1, 12), LONGEST)
    connection.execute(
        "update mes.press_behind set again = %s where owner = %s", [now + pause, owner]
    )
    if reason is not None:
        press = connection.execute("select name from plant.press where name = %s", [owner])
        name = (press.fetchone() or (None,))[0]
        notices.raise_once(connection, TOLD, owner, name, "leader", now)
    return pause


def take_back(connection: Connection, owner: str, now: datetime) -> None:
    """The owner has caught up and goes on with the others."""
    connection.execute("delete from mes.press_behind where owner = %s", [owner])
    notices.close(connection, TOLD, owner, now)
