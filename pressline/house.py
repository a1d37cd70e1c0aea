"""The house as one: what its rooms can do, in one table each."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import chain
from types import MappingProxyType
from typing import Any

from database.connection import Connection
from erp_core import acts as erp_acts
from erp_core import lists as erp_lists
from erp_core import notice_kinds as erp_notices
from erp_core import waits as erp_waits
from mes_bridge import acts as mes_acts
from mes_bridge import lists as mes_lists
from mes_bridge import notice_kinds as mes_notices
from mes_bridge import undated
from mes_bridge.holders import HOLDERS
from people import (
    acts,
    attachments,
    job_acts,
    notice_acts,
    notices,
    personnel,
    robot_acts,
    roles,
    tokens,
    worker,
)
from people import lists as people_lists
from people.acts import Act, Kind, Kinds, Outcome
from people.jobs import JobKinds
from people.listings import Listing, by_name
from people.notices import NoticeKind, NoticeKinds
from plant.clock import told_in_its_time
from pressline.robots import sending


class TakenNameError(Exception):
    """Two rooms give one name to two things."""


def _joined(*rooms: Kinds) -> dict[str, Kind[Any]]:
    kinds: dict[str, Kind[Any]] = {}
    for room in rooms:
        if taken := kinds.keys() & room.keys():
            raise TakenNameError(f"two rooms have an act called {', '.join(sorted(taken))}")
        kinds.update(room)
    return kinds


def _kinds(*rooms: Sequence[NoticeKind]) -> NoticeKinds:
    kinds: dict[str, NoticeKind] = {}
    for kind in chain(*rooms):
        if kind.code in kinds:
            raise TakenNameError(f"two rooms have a notice called {kind.code}")
        kinds[kind.code] = kind
    return MappingProxyType(kinds)


_OWN: Kinds = MappingProxyType(
    _joined(
        personnel.ACTS,
        tokens.ACTS,
        job_acts.ACTS,
        notice_acts.ACTS,
        robot_acts.ACTS,
        erp_acts.ACTS,
        mes_acts.ACTS,
        undated.ACTS,
        attachments.acts(HOLDERS),
    )
)
ACTS: Kinds = MappingProxyType({**_OWN, "undo": acts.undo(_OWN)})
LISTS: Mapping[str, Listing] = MappingProxyType(
    by_name((*erp_lists.LISTS, *mes_lists.LISTS, *people_lists.LISTS))
)
JOBS: JobKinds = MappingProxyType({**notices.JOBS, **sending.JOBS})
NOTICES: NoticeKinds = _kinds(erp_notices.NOTICES, mes_notices.NOTICES, worker.NOTICES)
WAITS = erp_waits.WAITS
# Rights that are no act: who may look at what, and pass first articles wherever they work.
LOOKS = (
    "die.see", "first_article.release", "freshness.see", "item.see", "job.see", "message.replay",
    "notice.see", "notice_kind.see", "partner.see", "people.see", "press.see", "robot.see",
    "role.see", "stock.see", "token.see", "trail.see", "undated.see",
    "work_order.see",
)  # fmt: skip
roles.know([*ACTS, *LOOKS])


def record(connection: Connection, act: Act, now: datetime) -> Outcome:
    """Apply an act of any room, as `people.acts.record` does; a refusal tells the plant's time."""
    with told_in_its_time(connection):
        return acts.record(connection, act, now, ACTS)


def preview(connection: Connection, act: Act, now: datetime) -> Outcome:
    """What an act of any room would do, as `people.acts.preview` does."""
    with told_in_its_time(connection):
        return acts.preview(connection, act, now, ACTS, JOBS)
