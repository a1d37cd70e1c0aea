"""What ingest writes: readings and watermark in one transaction, births, lives, gaps."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from database.connection import Connection
from edge_agent.sample import STALE
from edge_agent.wire import Channel
from ingest.clock_repair import Dating
from ingest.latest import LatestRows
from ingest.readings import (
    ARRIVED,
    COLUMNS,
    HEADER,
    TRAILER,
    Batch,
    Signal,
)
from ingest.reasons import kind_of
from ingest.stream import Stream

EPOCH_2000 = datetime(2000, 1, 1, tzinfo=UTC)
GONE = "the edge no longer keeps these records: given up there, or this database was restored"


class OvertakenError(Exception):
    """The watermark is not where this writer left it: another writer was here. Nothing written."""


@dataclass(frozen=True, slots=True)
class KnownNode:
    """A node as the database remembers it."""

    site: str
    node: str
    birth: bytes
    devices: dict[str, bytes]


# -- readings -------------------------------------------------------------------------------------


def commit(
    connection: Connection, batch: Batch, latest: LatestRows, arrived: datetime | None = None
) -> None:
    """Write a batch: all of it, or nothing. `latest` is what this writer holds of signal.latest.

    `arrived` is the database clock unless given (scenarios). Raises OvertakenError when an outbox
    is not where the batch expects it. A batch that is there already (its commit had succeeded, the
    answer was lost) is left alone.
    """
    with latest.of_one_transaction(), connection.transaction():
        instant = _advance(connection, batch, arrived)
        if instant is None:
            return
        if batch.rows:
            with connection.cursor() as cursor:
                _copy(cursor, "signal.reading", batch.rows, instant)
            connection.execute("notify reading")
        latest.write(connection, batch.latest, instant)
        _write_gaps(connection, batch, instant)
        _write_quarantine(connection, batch, instant)
        _write_heard(connection, batch, instant)


def _advance(connection: Connection, batch: Batch, arrived: datetime | None) -> datetime | None:
    """Lock the outboxes, move their watermarks; the commit's instant, None when all was done."""
    outboxes = sorted(batch.runs)
    rows = connection.execute(
        "with locked as materialized (select id, number, arrived from signal.outbox "
        "where id = any(%s) order by id for update) "
        "select id, number, arrived, clock_timestamp() from locked",  # read once they are locked
        [outboxes],
    ).fetchall()
    marks = {outbox: number for outbox, number, _, _ in rows}
    if outboxes and all(marks.get(outbox) == batch.runs[outbox][1] for outbox in outboxes):
        return None
    if any(marks.get(outbox) != batch.runs[outbox][0] - 1 for outbox in outboxes):
        raise OvertakenError(f"watermarks {marks}, batch {batch.runs}")
    now = arrived or max([now for *_, now in rows], default=None) or _clock(connection)
    instant = max([now, *(at for _, _, at, _ in rows if at is not None)])
    firsts = [batch.runs[outbox][0] for outbox in outboxes]
    lasts = [batch.runs[outbox][1] for outbox in outboxes]
    moved = connection.execute(
        "update signal.outbox o set number = run.last, arrived = %s "
        "from unnest(%s::int[], %s::bigint[], %s::bigint[]) run (id, first, last) "
        "where o.id = run.id and o.number = run.first - 1",
        [instant, outboxes, firsts, lasts],
    )
    assert moved.rowcount == len(outboxes)
    return instant


def _clock(connection: Connection) -> datetime:
    row = connection.execute("select clock_timestamp()").fetchone()
    assert row is not None
    return row[0]


def _copy(
    cursor: psycopg.Cursor[TupleRow], table: LiteralString, rows: Sequence[bytes], instant: datetime
) -> None:
    columns = sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
    with cursor.copy(
        sql.SQL("copy {} ({}) from stdin (format binary)").format(sql.SQL(table), columns)
    ) as copy:
        copy.write(_packed(rows, instant))


def _packed(rows: Sequence[bytes], instant: datetime) -> bytes:
    arrived = (instant - EPOCH_2000) // timedelta(microseconds=1)
    start = ARRIVED.pack(len(COLUMNS), 8, arrived)
    return b"".join((HEADER, start, start.join(rows), TRAILER))


def add_missing(connection: Connection, batch: Batch, latest: LatestRows) -> int:
    """Write those rows of a batch that are not there yet, and say how many.

    A reading is there when its channel has the same value and quality at the same capture time,
    whichever record brought it. Where all are, not even the watermark moves.
    """
    with latest.of_one_transaction(), connection.transaction():
        connection.execute("create temp table again (like signal.reading)")
        with connection.cursor() as cursor:
            _copy(cursor, "again", batch.rows, EPOCH_2000)
            cursor.execute(
                "delete from again a where exists (select from signal.reading r "
                "where (r.channel, r.at) = (a.channel, a.at) "
                "and (r.count, r.gauge, r.wide, r.word, r.quality) "
                "is not distinct from (a.count, a.gauge, a.wide, a.word, a.quality))"
            )
            instant = _advance(connection, batch, None) if _any_again(connection) else None
            added = 0
            if instant is not None:
                added = cursor.execute(
                    "insert into signal.reading select %s, at, source_at, channel, count, gauge, "
                    "wide, word, quality, status, outbox, number from again",
                    [instant],
                ).rowcount
                cursor.execute("notify reading")
                latest.write(connection, batch.latest, instant)
            cursor.execute("drop table again")
    return added


def _any_again(connection: Connection) -> bool:
    return connection.execute("select from again limit 1").fetchone() is not None


def _write_gaps(connection: Connection, batch: Batch, instant: datetime) -> None:
    if batch.gaps:
        with connection.cursor() as cursor:
            cursor.executemany(
                "insert into signal.gap (outbox, first, last, reason, noted) "
                "values (%s, %s, %s, %s, %s)",
                [(*gap, instant) for gap in batch.gaps],
            )
    if batch.lost:
        with connection.cursor() as cursor:
            cursor.executemany(
                "insert into signal.gap (outbox, first, last, reason, noted) "
                "select old.id, greatest(old.number + 1, t.first), t.last, t.reason, %s "
                "from (values (%s::int, %s::text, %s::bigint, %s::bigint, %s::text)) "
                "t (outbox, uuid, first, last, reason) "
                "join signal.outbox o on o.id = t.outbox "
                "join signal.outbox old "
                "on old.uuid = t.uuid and (old.site, old.node) = (o.site, o.node) "
                "where greatest(old.number + 1, t.first) <= t.last",
                [(instant, *lost) for lost in batch.lost],
            )


def _write_quarantine(connection: Connection, batch: Batch, instant: datetime) -> None:
    if batch.quarantine:
        with connection.cursor() as cursor:
            cursor.executemany(
                "insert into signal.quarantine (topic, payload, reason, size, kind, arrived) "
                "values (%s, %s, %s, %s, %s, %s)",
                [(*fault, kind_of(fault.reason), instant) for fault in batch.quarantine],
            )
    if batch.unkept:
        with connection.cursor() as cursor:
            cursor.executemany(
                "insert into signal.unkept as u "
                "(day, node, kind, why, messages, bytes, first, last) "
                "values ((%s at time zone 'UTC')::date, %s, %s, 'rate', %s, %s, %s, %s) "
                "on conflict (day, node, kind, why) do update set "
                "messages = u.messages + excluded.messages, bytes = u.bytes + excluded.bytes, "
                "last = greatest(u.last, excluded.last)",
                [
                    (instant, *of_whom, *counted, instant, instant)
                    for of_whom, counted in sorted(batch.unkept.items())
                ],
            )


def _write_heard(connection: Connection, batch: Batch, instant: datetime) -> None:
    if batch.heard:
        with connection.cursor() as cursor:
            cursor.executemany(
                "update signal.node set heard = %s, newest = %s, clock_offset = %s, "
                "clock_spread = %s where (site, node) = (%s, %s)",
                [
                    (instant, told.newest, told.offset, told.spread, site, node)
                    for (site, node), told in batch.heard.items()
                ],
            )


# -- outboxes, channels, lives --------------------------------------------------------------------


# Where an outbox stood: its last record's time, and what the host last added to a wrong clock: the
# difference that most of its newest readings have.
STOOD = """
select o.id, o.number, floor(extract(epoch from last.at) * 1000)::bigint,
       floor(last.by * 1000)::bigint, o.uuid, o.site, o.node
from signal.outbox o
left join lateral (
  select max(r.at) filter (where r.number = o.number) as at,
         mode() within group (order by extract(epoch from r.at - r.source_at))
           filter (where abs(extract(epoch from r.at - r.source_at)) > 60) as by
  from signal.reading r
  where r.outbox = o.id and r.number > o.number - 50 and r.arrived >= o.arrived - interval '1 day'
) last on true
where o.uuid = any(%s)
"""


def open_outbox(connection: Connection, uuid: str, site: str, node: str) -> Stream:
    """The stream of an outbox, from its watermark on; a new outbox begins at 0."""
    with connection.transaction():
        connection.execute(
            "insert into signal.outbox (uuid, site, node) values (%s, %s, %s) "
            "on conflict (uuid) do update set site = excluded.site, node = excluded.node "
            "where (outbox.site, outbox.node) is distinct from (excluded.site, excluded.node)",
            [uuid, site, node],
        )
        row = connection.execute(STOOD, [[uuid]]).fetchone()
    assert row is not None
    outbox, number, newest, by, *_ = row
    dating = Dating(newest or 0, by or 0)
    return Stream(outbox, uuid, committed=number, taken=number, dating=dating)


def skip_to(connection: Connection, stream: Stream, first: int) -> None:
    """Records before `first` can never come: note the gap, also on the channels, and go on."""
    with connection.transaction():
        connection.execute(
            "update signal.outbox set number = %s, arrived = greatest(clock_timestamp(), arrived) "
            "where id = %s and number < %s",
            [first - 1, stream.outbox, first - 1],
        )
        connection.execute(  # a stale reading after the last one of each channel
            "insert into signal.reading (arrived, at, channel, quality, outbox, number) "
            "select o.arrived, last.at + interval '1 ms', c.id, %s, o.id, o.number "
            "from signal.outbox o join signal.channel c on (c.site, c.node) = (o.site, o.node) "
            "and not c.replaced "
            "cross join lateral (select r.at from signal.reading r "
            "where r.channel = c.id and r.outbox = o.id order by r.at desc limit 1) last "
            "where o.id = %s",
            [STALE, stream.outbox],
        )
        connection.execute("notify reading")
        connection.execute(
            "insert into signal.gap (outbox, first, last, noted, reason) "
            "values (%s, %s, %s, clock_timestamp(), %s)",
            [stream.outbox, stream.committed + 1, first - 1, GONE],
        )
    stream.committed = stream.taken = first - 1


def register(
    connection: Connection, site: str, node: str, device: str, channels: Sequence[Channel]
) -> dict[str, Signal]:
    """Make or refresh the channels of a device (empty: of the node itself); by name.

    What is declared with another unit or scale is another channel: stored numbers keep theirs.
    """
    declared: dict[str, object] = {
        "site": site, "node": node, "device": device,
        "name": [known.name for known in channels],
        "unit": [known.unit or None for known in channels],
        "scale": [known.scale for known in channels],
        "kind": [known.kind for known in channels],
        "datatype": [int(known.datatype) for known in channels],
        "modulus": [known.modulus for known in channels],
        "source": [known.source or None for known in channels],
    }  # fmt: skip
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(_REGISTER, declared)
        cursor.execute(_REPLACE, declared)
        rows = cursor.execute(
            "select id, name, datatype from signal.channel "
            "where (site, node, device) = (%s, %s, %s) and not replaced",
            [site, node, device],
        )
        return {
            name: Signal(channel, name, datatype, device=(site, node, device))
            for channel, name, datatype in rows
        }


def hold_host(connection: Connection, host: str) -> bool:
    """Whether this session is the host of that id, now or from now on; while it lives, no other is.

    The row is locked first: who is at work is asked by one at a time.
    """
    with connection.transaction():
        connection.execute(
            "insert into signal.host (id, pid, started) values (%s, 0, '-infinity') "
            "on conflict do nothing",
            [host],
        )
        connection.execute("select from signal.host where id = %s for update", [host])
        row = connection.execute(HOLD, [host]).fetchone()
    return row is not None


HOLD = """
update signal.host h set pid = a.pid, started = a.backend_start
from pg_stat_activity a
where a.pid = pg_backend_pid() and h.id = %s
  and ((h.pid, h.started) = (a.pid, a.backend_start) or not signal.is_at_work(h.id))
returning true
"""
CLAIM = """
insert into signal.node (site, node, online, since, host)
values (%s, %s, false, clock_timestamp(), %s)
on conflict (site, node) do update set host = excluded.host
where node.host is null or node.host = excluded.host or not signal.is_at_work(node.host)
returning true
"""
OTHER_HOST = """
select host from signal.node
where (site, node) = (%s, %s) and host <> %s and signal.is_at_work(host)
"""


_REGISTER = """
merge into signal.channel c
using unnest(%(name)s::text[], %(unit)s::text[], %(scale)s::float8[], %(kind)s::text[],
             %(datatype)s::int[], %(modulus)s::bigint[], %(source)s::text[])
      as t(name, unit, scale, kind, datatype, modulus, source)
on (c.site, c.node, c.device) = (%(site)s, %(node)s, %(device)s)
   and c.name = t.name and c.scale = t.scale and c.unit is not distinct from t.unit
when matched and (c.kind, c.datatype, c.modulus, c.source, c.replaced)
                 is distinct from (t.kind, t.datatype, t.modulus, t.source, false) then
  update set kind = t.kind, datatype = t.datatype, modulus = t.modulus, source = t.source,
             replaced = false
when not matched then
  insert (site, node, device, name, unit, scale, kind, datatype, modulus, source)
  values (%(site)s, %(node)s, %(device)s, t.name, t.unit, t.scale, t.kind, t.datatype, t.modulus,
          t.source)
"""

_REPLACE = """
update signal.channel c set replaced = true
from unnest(%(name)s::text[], %(unit)s::text[], %(scale)s::float8[]) as t(name, unit, scale)
where (c.site, c.node, c.device) = (%(site)s, %(node)s, %(device)s) and c.name = t.name
  and not c.replaced and (c.unit, c.scale) is distinct from (t.unit, t.scale)
"""


def claim(connection: Connection, host: str, site: str, node: str) -> str | None:
    """Make a node this host's, unless another host that is at work has it: then that one's id.

    For a node that is being born: from then on it has a row.
    """
    with connection.transaction():
        mine = connection.execute(CLAIM, [site, node, host]).fetchone()
        row = None if mine else connection.execute(
            "select host from signal.node where (site, node) = (%s, %s)", [site, node]
        ).fetchone()  # fmt: skip
    return row[0] if row else None


def other_host(connection: Connection, host: str, site: str, node: str) -> str | None:
    """The other host at work that serves a node, if there is one; nothing is written."""
    row = connection.execute(OTHER_HOST, [site, node, host]).fetchone()
    return row[0] if row else None


def has_room(connection: Connection, site: str, node: str, most: int) -> bool:
    """Whether a node has a row, or fewer than so many have one."""
    row = connection.execute(
        "select exists (select from signal.node where (site, node) = (%s, %s)) "
        "or (select count(*) from signal.node) < %s",
        [site, node, most],
    ).fetchone()
    return row is not None and bool(row[0])


def served(connection: Connection, host: str) -> list[tuple[str, str]]:
    """Site and node of every node that is this host's."""
    return connection.execute(
        "select site, node from signal.node where host = %s", [host]
    ).fetchall()


def let_go(connection: Connection, site: str, node: str) -> None:
    """Leave a node to whichever host hears it next."""
    connection.execute(
        "update signal.node set host = null where (site, node) = (%s, %s)", [site, node]
    )


def node_born(
    connection: Connection, site: str, node: str, bdseq: int | None, birth: bytes
) -> None:
    """The node is alive; its devices are not before their own births."""
    with connection.transaction():
        connection.execute(
            "insert into signal.node (site, node, online, bdseq, since, birth, birth_at) "
            "values (%s, %s, true, %s, clock_timestamp(), %s, clock_timestamp()) "
            "on conflict (site, node) do update set online = true, bdseq = excluded.bdseq, "
            "since = case when node.online then node.since else excluded.since end, "
            "birth = excluded.birth, birth_at = excluded.birth_at",
            [site, node, bdseq, birth],
        )
        _devices_offline(connection, site, node)


def node_died(connection: Connection, site: str, node: str) -> None:
    """The node is gone, and its devices with it."""
    with connection.transaction():
        connection.execute(
            "update signal.node set online = false, since = clock_timestamp() "
            "where (site, node) = (%s, %s) and online",
            [site, node],
        )
        _devices_offline(connection, site, node)


def _devices_offline(connection: Connection, site: str, node: str) -> None:
    connection.execute(
        "update signal.device set online = false, since = clock_timestamp() "
        "where (site, node) = (%s, %s) and online",
        [site, node],
    )


def device_born(connection: Connection, site: str, node: str, device: str, birth: bytes) -> None:
    """The device is alive; its birth is kept to decode aliases after a restart."""
    connection.execute(
        "insert into signal.device (site, node, device, online, since, birth) "
        "values (%s, %s, %s, true, clock_timestamp(), %s) "
        "on conflict (site, node, device) do update set online = true, birth = excluded.birth, "
        "since = case when device.online then device.since else excluded.since end",
        [site, node, device, birth],
    )


def device_died(connection: Connection, site: str, node: str, device: str) -> None:
    """The device is gone."""
    connection.execute(
        "update signal.device set online = false, since = clock_timestamp() "
        "where (site, node, device) = (%s, %s, %s) and online",
        [site, node, device],
    )


def known_nodes(connection: Connection) -> list[KnownNode]:
    """Every node that was online, with the births of its live devices."""
    nodes = connection.execute(
        "select site, node, birth from signal.node where online and birth is not null"
    ).fetchall()
    devices = connection.execute(
        "select site, node, device, birth from signal.device where online and birth is not null"
    ).fetchall()
    births: defaultdict[tuple[str, str], dict[str, bytes]] = defaultdict(dict)
    for site, node, device, birth in devices:
        births[site, node][device] = birth
    return [KnownNode(site, node, birth, births[site, node]) for site, node, birth in nodes]
