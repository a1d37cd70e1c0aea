"""Reasons people choose from: what this press needed most in the last thirty days comes first."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from database.connection import Connection

STOP = (
    "material",
    "die_jam",
    "die_repair",
    "machine",
    "quality",
    "meal",
    "staff",
    "changeover",
    "other",
)
SCRAP = ("burr", "crack", "dent", "size", "scratch", "other_scrap")
REJECT = ("count_wrong", "order_wrong", "quality_hold", "other")
LOOK_BACK = timedelta(days=30)


def ordered(connection: Connection, press: str, now: datetime) -> dict[str, list[str]]:
    """The codes for stops, scrap and rejections; pages word them by `reason.<code>`."""
    since = now - LOOK_BACK
    return {
        "stop": _by_use(STOP, _used_for_stops(connection, press, since)),
        "scrap": _by_use(SCRAP, _used_for_scrap(connection, press, since)),
        "reject": list(REJECT),
    }


def _by_use(codes: tuple[str, ...], used: Iterable[str]) -> list[str]:
    times = Counter(used)
    return sorted(codes, key=lambda code: -times[code])


def _used_for_stops(connection: Connection, press: str, since: datetime) -> list[str]:
    rows = connection.execute(
        "select reason from mes.stop_reason where press = %s and lower(span) > %s", [press, since]
    )
    return [reason for (reason,) in rows]


def _used_for_scrap(connection: Connection, press: str, since: datetime) -> list[str]:
    rows = connection.execute(
        "select args ->> 'reason' from mes.act where act = 'scrap' and press = %s and at > %s",
        [press, since],
    )
    return [reason for (reason,) in rows]
