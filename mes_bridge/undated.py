"""Acts that cannot be dated: the device's clock says a time at which they cannot have been done.

A terminal tells with each act the server's time that it had heard last before. The act was done
between that and its arrival; where its own date lies outside, its clock was set wrong meanwhile.
Such an act is not done: a leader sees both times and tells at the press what holds.
"""

from datetime import datetime, timedelta
from types import MappingProxyType
from uuid import UUID

from psycopg.types.json import Jsonb

from database.connection import Connection
from mes_bridge.refusal import Refused
from people import notices
from people.acts import CLOCK_AHEAD, Act, Deed, Kind, Kinds, Outcome
from people.arguments import Arguments
from people.listings import Column, Listing

KIND = "act_undated"
CODES = frozenset({"undatable", "act_too_old"})  # refusals after which a leader is told
BACK = timedelta(seconds=5)  # so far two measurements of one clock may differ


def check(act: Act, heard: datetime | None, now: datetime) -> None:
    """Raises Refused undatable for an act that lies outside of what the server knows of it.

    Where the server's own clock was set back, the act waits for it as any other.
    """
    if heard is None or heard > now + CLOCK_AHEAD:
        return
    if act.at < heard - BACK or act.at > now + CLOCK_AHEAD:
        raise Refused("undatable", at=act.at, since=heard, until=now)


def keep(connection: Connection, act: Act, heard: datetime | None, now: datetime) -> None:
    """Keep such an act, and tell the leaders of the line; once, however often it is sent."""
    kept = connection.execute(
        """
        insert into mes.undated_act (id, who, press, act, args, at, heard, came)
        select %s, %s, p.name, %s, %s, %s, %s, %s from plant.press p where p.name = %s
        on conflict (id) do nothing
        """,
        [act.id, act.who, act.act, Jsonb(dict(act.args)), act.at, heard, now, act.press],
    )
    if kept.rowcount:
        notices.raise_once(connection, KIND, str(act.id), act.press, "leader", now)


class Settle(Arguments):
    """undated.settle{id}: the leader has told what holds."""

    id: UUID


def _settle(deed: Deed, given: Settle) -> Outcome:
    row = deed.connection.execute(
        "select u.press, p.line from mes.undated_act u join plant.press p on p.name = u.press "
        "where u.id = %s and u.settled_at is null for update of u",
        [given.id],
    ).fetchone()
    if row is None:
        raise Refused("undated_gone")
    if not deed.person.works_on(row[1]):
        raise Refused("press_wrong_line", press=row[0], line=row[1], who=deed.person.code,
                      lines=deed.person.lines)  # fmt: skip
    deed.connection.execute(
        "update mes.undated_act set settled_at = %s, settled_by = %s where id = %s",
        [deed.now, deed.person.code, given.id],
    )
    notices.close(deed.connection, KIND, str(given.id), deed.now)
    return {"message": "undated_settled", "press": row[0]}


ACTS: Kinds = MappingProxyType({"undated.settle": Kind(Settle, _settle)})

UNDATED = Listing(
    "undated", "undated.see",
    """
    select u.came, u.id::text as id, u.press, coalesce(p.name, u.who) as who, u.act,
           (select coalesce(string_agg(a.key || ' ' || a.value, ' · ' order by a.key), '')
            from jsonb_each_text(u.args) a) as said,
           u.at as device_at, u.heard, coalesce(s.name, u.settled_by, '') as settled_by
    from mes.undated_act u
    join plant.press f on f.name = u.press
    left join people.person p on p.code = u.who
    left join people.person s on s.code = u.settled_by
    where %(lines)s::text[] is null or f.line = any (%(lines)s)
    """,
    (
        Column("came", "at"), Column("press"), Column("who"),
        Column("act", "word", word="act_word"), Column("said"),
        Column("device_at", "at"), Column("heard", "at"), Column("settled_by"),
    ),
    key=("came", "id"), exact=("press",), newest_first=True,
)  # fmt: skip

LISTS = (UNDATED,)
