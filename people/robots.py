"""Group robots that are told of notices: which of them is told of what, and when."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zlib import crc32

from database.connection import Connection
from people import jobs

SEND = "robot.send"  # the kind of job
HALF_HOUR = timedelta(minutes=30)
BEFORE, AFTER = timedelta(minutes=1), timedelta(minutes=2)  # of a half hour: everybody sends then
SPREAD = 180  # seconds over which what is said then is spread


def queue_of(robot: str) -> str:
    """The queue of a robot's messages."""
    return f"robot/{robot}"


def tell(
    connection: Connection, kind: str, cause: str, facts: Mapping[str, Any], now: datetime
) -> None:
    """Have every robot say it that is told of this kind; `facts` are what the words need."""
    rows = connection.execute(
        "select name, platform from people.robot where active and %s = any (notice_kinds) "
        "order by name",
        [kind],
    ).fetchall()
    for name, platform in rows:
        say(connection, name, platform, cause, facts, now)


def say(
    connection: Connection, robot: str, platform: str, cause: str, facts: Mapping[str, Any],
    now: datetime,
) -> None:  # fmt: skip
    """Have one robot say it; Feishu asks not to be called at full and half hours."""
    key = f"{robot}/{cause}"
    due = beside_half_hours(now, key) if platform == "feishu" else now
    args = {**facts, "robot": robot, "at": now.isoformat()}
    jobs.add(connection, SEND, key, now, due=due, queue=queue_of(robot), args=args)


def beside_half_hours(now: datetime, key: str) -> datetime:
    """That instant, or some minutes later where a full or half hour (UTC) is near."""
    passed = timedelta(minutes=now.minute % 30, seconds=now.second, microseconds=now.microsecond)
    if AFTER <= passed < HALF_HOUR - BEFORE:
        return now
    half = now - passed if passed < AFTER else now - passed + HALF_HOUR
    return half + AFTER + timedelta(seconds=crc32(key.encode()) % SPREAD)
