"""Reasons people choose from: what this press needed most in the last thirty days comes first."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from database.connection import Connection
from erp_core.quality import reasons

LOOK_BACK = timedelta(days=30)


def ordered(connection: Connection, press: str, now: datetime) -> dict[str, list[str]]:
    """The codes by what they explain; pages word the standard ones by `reason.<code>`."""
    since = now - LOOK_BACK
    stop, scrap = reasons.codes(connection, "stop"), reasons.codes(connection, "scrap")
    return {
        "stop": _by_use(stop, _used_for_stops(connection, press, since)),
        "scrap": _by_use(scrap, _used_for_scrap(connection, press, since)),
        "close": reasons.codes(connection, "close"),
        "reject": reasons.codes(connection, "reject"),
    }


def _by_use(codes: list[str], used: Iterable[str]) -> list[str]:
    times = Counter(used)
    return sorted(codes, key=lambda code: -times[code])


def _used_for_stops(connection: Connection, press: str, since: datetime) -> list[str]:
    rows = connection.execute(
        "select reason from mes.stop_reason where press = %s and lower(span) > %s", [press, since]
    )
    return [reason for (reason,) in rows]


def _used_for_scrap(connection: Connection, press: str, since: datetime) -> list[str]:
    rows = connection.execute(
        "select args ->> 'reason' from people.act where act = 'scrap' and press = %s and at > %s",
        [press, since],
    )
    return [reason for (reason,) in rows]
