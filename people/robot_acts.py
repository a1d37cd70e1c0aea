"""Acts about group robots: made, changed, tried, removed. Address and secret are never kept."""

import re
from types import MappingProxyType
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints

from people import notices, robots
from people.acts import Deed, Kind, Kinds, Outcome
from people.arguments import PRINTABLE, Arguments, Code
from people.refusal import Refused
from people.worker import FAILED

Platform = Annotated[Literal["wecom", "dingtalk", "feishu"], Field(title="platform")]
Language = Annotated[Literal["zh", "en"], Field(title="language")]
Secret = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=PRINTABLE),
]
LOOPBACK = re.compile(r"localhost|127\.[0-9.]+|::1")


class Create(Arguments):
    """robot.create{name, platform, address, secret?, language, notice_kinds}."""

    name: Code
    platform: Platform
    address: Secret
    secret: Secret | None = None
    language: Language = "zh"
    notice_kinds: list[Code] = Field(default=[], max_length=100)


class About(Arguments):
    """robot.test{robot}, robot.remove{robot}."""

    robot: Code


class Change(About):
    """robot.change{robot, …}: without address and secret, they stay as they are."""

    address: Secret | None = None
    secret: Secret | None = None
    language: Language
    notice_kinds: list[Code] = Field(default=[], max_length=100)
    active: bool = True


def _create(deed: Deed, given: Create) -> Outcome:
    _check(deed, given.address, given.notice_kinds)
    made = deed.connection.execute(
        "insert into people.robot (name, platform, address, secret, language, notice_kinds) "
        "values (%s, %s, %s, %s, %s, %s) on conflict do nothing",
        [given.name, given.platform, given.address, given.secret, given.language,
         given.notice_kinds],
    )  # fmt: skip
    if made.rowcount == 0:
        raise Refused("robot_taken", name=given.name)
    deed.touches("robot", given.name)
    return {"message": "robot_created", "robot": given.name}


def _change(deed: Deed, given: Change) -> Outcome:
    _hold(deed, given.robot)
    _check(deed, given.address, given.notice_kinds)
    deed.connection.execute(
        "update people.robot set address = coalesce(%s, address), secret = coalesce(%s, secret), "
        "language = %s, notice_kinds = %s, active = %s where name = %s",
        [given.address, given.secret, given.language, given.notice_kinds, given.active,
         given.robot],
    )  # fmt: skip
    _try_anew(deed, given.robot)
    return {"message": "robot_changed", "robot": given.robot}


def _test(deed: Deed, given: About) -> Outcome:
    platform = _hold(deed, given.robot)
    facts = {"test": deed.person.name}
    robots.say(deed.connection, given.robot, platform, f"test/{deed.act.id}", facts, deed.now)
    return {"message": "robot_tested", "robot": given.robot}


def _remove(deed: Deed, given: About) -> Outcome:
    _hold(deed, given.robot)
    rows = deed.connection.execute(
        "delete from people.job where queue = %s returning id", [robots.queue_of(given.robot)]
    ).fetchall()
    for (job,) in rows:
        notices.close(deed.connection, FAILED, f"{robots.SEND}/{job}", deed.now)
    deed.connection.execute("delete from people.robot where name = %s", [given.robot])
    return {"message": "robot_removed", "robot": given.robot}


def _hold(deed: Deed, robot: str) -> str:
    """Lock a robot; returns its platform."""
    row = deed.connection.execute(
        "select platform from people.robot where name = %s for update", [robot]
    ).fetchone()
    if row is None:
        raise Refused("robot_unknown", name=robot)
    deed.touches("robot", robot)
    return row[0]


def _check(deed: Deed, address: str | None, kinds: list[str]) -> None:
    if address is not None and not _can_be(address):
        raise Refused("robot_address")
    known = deed.connection.execute("select code from people.notice_kind").fetchall()
    for kind in kinds:
        if (kind,) not in known:
            raise Refused("notice_kind_unknown", kind=kind)


def _can_be(address: str) -> bool:
    """Https anywhere, http on this machine only: the address is a password."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        return False
    near = parts.scheme == "http" and LOOPBACK.fullmatch(host) is not None
    return bool(host) and (parts.scheme == "https" or near) and " " not in address


def _try_anew(deed: Deed, robot: str) -> None:
    """What waits or was given up is tried at once with what holds now."""
    rows = deed.connection.execute(
        "update people.job set due = %s, tries = 0, error = null, failed_at = null "
        "where queue = %s and error is not null returning id",
        [deed.now, robots.queue_of(robot)],
    ).fetchall()
    for (job,) in rows:
        notices.close(deed.connection, FAILED, f"{robots.SEND}/{job}", deed.now)
    deed.connection.execute("select pg_notify('job', '')")


_HIDDEN = frozenset({"address", "secret"})
ACTS: Kinds = MappingProxyType({
    "robot.create": Kind(Create, _create, secret=_HIDDEN),
    "robot.change": Kind(Change, _change, secret=_HIDDEN),
    "robot.test": Kind(About, _test),
    "robot.remove": Kind(About, _remove),
})  # fmt: skip
