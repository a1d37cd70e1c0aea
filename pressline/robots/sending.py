"""The job that says notices to a group: those of one robot together, no faster than it may."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

from database.connection import Connection
from people.jobs import Job, JobKind, JobKinds, Later
from people.robots import SEND
from plant.clock import time_zone
from pressline.robots import platforms
from pressline.robots.platforms import PLATFORMS, CrowdedError, Robot
from pressline.web.shell import words

TOGETHER = 50  # notices in one message
KEPT = timedelta(days=30)  # answers of platforms


def send(connection: Connection, batch: Sequence[Job], now: datetime) -> Sequence[Job] | None:
    """Say what waits for one robot, as much as goes into one message; the rest waits its turn."""
    name = batch[0].args["robot"]
    row = connection.execute(
        "select platform, address, secret, language, active from people.robot where name = %s",
        [name],
    ).fetchone()
    if row is None or not row[4]:
        return None
    platform, address, secret, language, _ = row
    _take_turn(connection, name, platform, now)
    zone = time_zone(connection) or ZoneInfo("UTC")
    text, said = compose(batch, language, zone, PLATFORMS[platform].limit)
    try:
        answer = platforms.send(Robot(platform, address, secret), text, now)
    except CrowdedError as crowded:
        raise Later(now + crowded.rest, str(crowded)) from crowded
    connection.execute(
        "insert into people.robot_sent (robot, at, notices, answer) values (%s, %s, %s, %s)",
        [name, now, len(said), answer],
    )
    return said


def compose(
    batch: Sequence[Job], language: str, zone: ZoneInfo, limit: int
) -> tuple[str, Sequence[Job]]:
    """One text of at most `limit` bytes, and the jobs whose lines stand in it: one at least."""
    lines = [words.say(language, "robot.head")]
    for n, job in enumerate(batch):
        line = _line(job, language, zone)
        if n and len("\n".join([*lines, line]).encode()) > limit:
            return "\n".join(lines), batch[:n]
        lines.append(line)
    return platforms.cut("\n".join(lines), limit), batch


def _line(job: Job, language: str, zone: ZoneInfo) -> str:
    facts = job.args
    at = datetime.fromisoformat(facts["at"]).astimezone(zone).strftime("%m-%d %H:%M")
    if "test" in facts:
        return f"{at} {words.say(language, 'robot.test', who=facts['test'])}"
    told = words.what_waits(language, facts)
    if facts.get("escalated_to"):
        role = words.say(language, f"role.{facts['escalated_to']}")
        return f"{at} {words.say(language, 'robot.up', what=told, role=role)}"
    return f"{at} {told}"


def _take_turn(connection: Connection, name: str, platform: str, now: datetime) -> None:
    """Raises Later while the last message is too fresh; forgets old answers."""
    row = connection.execute(
        "select max(at) from people.robot_sent where robot = %s", [name]
    ).fetchone()
    if row and row[0] is not None and now < row[0] + PLATFORMS[platform].gap:
        raise Later(row[0] + PLATFORMS[platform].gap)
    connection.execute(
        "delete from people.robot_sent where robot = %s and at < %s", [name, now - KEPT]
    )


JOBS: JobKinds = MappingProxyType({SEND: JobKind(send, TOGETHER, outside=True)})
