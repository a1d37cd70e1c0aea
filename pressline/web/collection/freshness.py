"""How fresh the data is: each edge node, what it owes, its clock, its machines and their channels.

Unknown is a state: a machine is called good only while it is heard. One cause is told once: below
a node that is offline nothing is said of its machines, below a host that is down nothing of nodes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from psycopg.rows import dict_row

from database.connection import Connection
from database.health import at_work_on
from edge_agent.sparkplug_pb2 import Payload
from ingest.births import declared
from ingest.clock_repair import AHEAD
from mes_bridge import readings
from pressline.web.shell import figures, words
from pressline.web.shell.pages import language, page
from pressline.web.shell.request import Database, Now
from pressline.web.shell.sign_in import SignedIn, needs

router = APIRouter()

Row = dict[str, Any]

WORST_CLOCK_S = 2.0  # beyond it, stops and strokes of two nodes are put in the wrong order
LATELY = timedelta(days=1)  # gaps and clock steps so young call for someone
SHOWN = timedelta(days=30)  # older ones are not shown
MOST = 6  # gaps, clock steps, outboxes of one node; channels of one machine
ONE_BY_ONE = 4  # machines with one trouble; more are told together
URGENT = (
    "host_down", "node_offline", "node_silent", "records_lost", "device_offline", "channels_bad",
    "channels_silent", "clock_ahead", "clock_behind", "clock_steps",
)  # fmt: skip
ORDER = ("offline", "silent", "behind", "live", "unknown", "retired")
STEP = "clock/step"  # the node's own channel of steps of its clock, in ms


@dataclass
class Calls:
    """What someone must do: sentences by key, with their places."""

    found: list[Row] = field(default_factory=list[Row])

    def add(self, key: str, **places: object) -> None:
        """One more; `age` and `off` are seconds, worded when shown."""
        self.found.append({"what": key, **places})


@router.get("/freshness", dependencies=[needs("freshness.see", "not_allowed")])
def freshness(
    request: Request, person: SignedIn, connection: Database, now: Now
) -> HTMLResponse:  # fmt: skip
    """What each node delivers, how old it is, and where someone must act."""
    locale = language(request, person.locale)
    host = at_work_on(connection, "ingest")
    nodes = nodes_at(connection, now, person.scope)
    calls = judge(nodes, host=host)

    def lasting(seconds: float | None) -> str:
        return "–" if seconds is None else words.lasting(locale, seconds)

    return page(
        request,
        "freshness.html",
        locale,
        figures.time_zone(connection),
        person=person,
        host=host,
        nodes=sorted(nodes, key=lambda node: ORDER.index(node["state"])),
        calls=[_worded(call, lasting) for call in calls.found],
        now=now,
        lasting=lasting,
        worst_clock=WORST_CLOCK_S,
    )


def _worded(call: Row, lasting: Any) -> Row:
    return {name: lasting(value) if name == "age" else value for name, value in call.items()}


def calls_at(connection: Connection, now: datetime) -> int:
    """How many things someone must see to."""
    host = at_work_on(connection, "ingest")
    return len(judge(nodes_at(connection, now), host=host).found)


def judge(nodes: Iterable[Row], *, host: bool) -> Calls:
    """Give each node its state, and say what someone must do.

    States: unknown (the host is down), offline, retired (offline, and no machine of the plant file
    is its), silent, behind (catching up) or live.
    """
    calls = Calls()
    if not host:
        calls.add("host_down")
    for node in nodes:
        node["state"] = _state(node) if host else "unknown"
        if node["state"] not in ("unknown", "retired"):
            _judge_node(node, calls)
        if node["state"] in ("live", "behind"):
            _judge_devices(node, calls)
    calls.found.sort(key=lambda call: URGENT.index(call["what"].removeprefix("many_")))
    return calls


def _state(node: Row) -> str:
    if not node["online"]:
        return "offline" if node["planned"] or node["foreign"] else "retired"
    if node["foreign"]:
        return "live"
    if node["heard_s"] is None or node["heard_s"] > node["silence_s"]:
        return "silent"
    behind = node["reading_s"] is not None and node["reading_s"] > node["silence_s"]
    return "behind" if behind else "live"


def _judge_node(node: Row, calls: Calls) -> None:
    name, off = node["node"], node["clock_offset"]
    if node["state"] == "offline":
        calls.add("node_offline", node=name, age=node["since_s"])
    elif node["state"] == "silent":
        calls.add("node_silent", node=name, age=node["heard_s"])
    if off is not None and node["online"] and abs(off) > WORST_CLOCK_S:
        key = "clock_ahead" if off > 0 else "clock_behind"
        calls.add(key, node=name, off=f"{abs(off):,.1f}")
    if node["lost_lately"]:
        calls.add("records_lost", node=name, n=node["lost_lately"])
    lately = [step for step in node["steps"] if step["lately"]]
    if len(lately) > 1:
        calls.add("clock_steps", node=name, n=len(lately))


def _judge_devices(node: Row, calls: Calls) -> None:
    """A sentence for each machine; for many of one kind one for all, as they may have one cause."""
    found: dict[str, list[Row]] = {}
    for device in node["devices"]:
        if device["planned"] and not device["online"]:
            found.setdefault("device_offline", []).append(device)
        elif device["planned"]:
            for state in ("bad", "silent"):
                if device[state]:
                    found.setdefault(f"channels_{state}", []).append(device)
    for key, devices in found.items():
        if len(devices) > ONE_BY_ONE:
            names = ", ".join(device["device"] for device in devices[:ONE_BY_ONE])
            calls.add(f"many_{key}", node=node["node"], n=len(devices), names=names)
            continue
        for device in devices:
            state = key.removeprefix("channels_")
            first = next((one["name"] for one in device["channels"] if one["state"] == state), "")
            n = device.get(state, 0)
            calls.add(key, device=device["device"], age=device["since_s"], n=n, first=first)


# -- what the database knows ----------------------------------------------------------------------


def nodes_at(
    connection: Connection, now: datetime, lines: Sequence[str] | None = None
) -> list[Row]:
    """Every node with its outboxes, gaps, clock steps and machines; ages in seconds at `now`.

    With `lines`: only their machines, and the nodes that read one of them.
    """
    nodes = _rows(connection, NODES, now=now, lately=now - LATELY)
    heads = [(node["outbox"], node["number"], node["arrived"]) for node in nodes if node["arrived"]]
    captures = readings.last_captures(connection, heads)
    for node in nodes:
        node["reading"] = captures.get(node["outbox"])
        node["reading_s"] = _age(node, now)
        mine = {"site": node["site"], "node": node["node"], "now": now}
        node["outboxes"] = _rows(connection, OUTBOXES, **mine, most=MOST)
        node["gaps"] = _rows(connection, GAPS, **mine, since=now - SHOWN, most=MOST)
        node["steps"] = _steps(connection, node, now)
        node["devices"] = _devices(connection, node, now, lines)
        node["planned"] = any(device["planned"] for device in node["devices"])
    return [node for node in nodes if lines is None or node["devices"]]


def _age(node: Row, now: datetime) -> float | None:
    """Seconds since the newest reading was taken, put right by the node's clock."""
    off = node["clock_offset"] or 0
    right = off if off <= AHEAD / 1000 else 0  # beyond: dated anew by ingest
    return node["reading"] and (now - node["reading"]).total_seconds() + right


def _steps(connection: Connection, node: Row, now: datetime) -> list[Row]:
    rows = connection.execute(OWN, {"site": node["site"], "node": node["node"], "name": STEP})
    channels = [channel for (channel,) in rows]
    found = readings.newest(connection, channels, now - SHOWN, MOST)
    return [{"at": at, "seconds": by / 1000, "lately": at > now - LATELY} for at, by in found]


def _devices(
    connection: Connection, node: Row, now: datetime, lines: Sequence[str] | None
) -> list[Row]:
    mine = {"site": node["site"], "node": node["node"]}
    devices = _rows(connection, DEVICES, **mine, now=now, lines=lines)
    offset = node["clock_offset"] or 0
    off = timedelta(seconds=offset if offset <= AHEAD / 1000 else 0)  # beyond: dated anew by ingest
    doubtful = _rows(
        connection, DOUBTFUL, **mine, now=now, silence=node["silence"], off=off,
        foreign=node["foreign"],
    )  # fmt: skip
    for device in devices:
        channels = [one for one in doubtful if one["device"] == device["device"]]
        if channels:
            there = _names(device["birth"])
            channels = [one for one in channels if one["name"] in there]
        for state in ("bad", "silent"):
            device[state] = sum(one["state"] == state for one in channels)
        device["channels"] = channels[:MOST]
        device["more"] = len(channels) - len(device["channels"])
    return devices


def _names(birth: bytes | None) -> set[str]:
    """Channels that a device's last birth declared: one taken out of the plant file is no fault."""
    return {known.name for known in declared(Payload.FromString(bytes(birth or b"")))}


def _rows(connection: Connection, query: Any, **places: object) -> list[Row]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, places).fetchall()


NODES = """
select n.site, n.node, n.online, n.since, extract(epoch from %(now)s - n.since)::float as since_s,
       greatest(n.heard, o.arrived) as heard,
       extract(epoch from %(now)s - greatest(n.heard, o.arrived))::float as heard_s,
       n.clock_offset, n.clock_spread, o.uuid = n.site || '/' || n.node as foreign,
       greatest(n.newest - o.number, 0) as owed, o.id as outbox, o.number, o.arrived,
       coalesce(plant.silence, interval '30 s') as silence,
       extract(epoch from coalesce(plant.silence, interval '30 s'))::float as silence_s,
       (select count(*) from signal.gap g join signal.outbox b on b.id = g.outbox
        where (b.site, b.node) = (n.site, n.node) and g.noted > %(lately)s) as lost_lately
from signal.node n
left join plant.site plant on true
left join lateral (
  select * from signal.outbox o where (o.site, o.node) = (n.site, n.node)
  order by o.arrived desc nulls last, o.id desc limit 1
) o on true
where n.birth is not null
order by n.site <> coalesce(plant.site, n.site), n.site, n.node
"""

OUTBOXES = """
select uuid, number, arrived from signal.outbox where (site, node) = (%(site)s, %(node)s)
order by arrived desc nulls last, id desc limit %(most)s
"""

GAPS = """
select g.first, g.last, g.last - g.first + 1 as n, g.noted, g.reason
from signal.gap g join signal.outbox o on o.id = g.outbox
where (o.site, o.node) = (%(site)s, %(node)s) and g.noted > %(since)s
order by g.id desc limit %(most)s
"""

OWN = """
select id from signal.channel
where (site, node, device, name) = (%(site)s, %(node)s, '', %(name)s)
"""

DEVICES = """
select d.device, d.online, d.since, extract(epoch from %(now)s - d.since)::float as since_s,
       d.birth, machine.name is not null as planned
from signal.device d
left join (select name, node, position, line from plant.press
           union all
           select m.name, m.node, 1000000, p.line
           from plant.meter m left join plant.press p on p.name = m.press) machine
  on machine.name = d.device and (machine.node is null or machine.node = d.node)
     and d.site = (select site from plant.site)
where (d.site, d.node) = (%(site)s, %(node)s)
  and (%(lines)s::text[] is null or machine.line = any (%(lines)s))
order by machine.position nulls last, d.device
"""

# The age of a value is that of its capture, put right by the node's clock, or of its arrival,
# whichever is longer: a birth tells old values anew, and a wrong clock tells old times.
DOUBTFUL = """
with aged as (
  select c.device, c.name, l.quality,
         extract(epoch from greatest(%(now)s - l.arrived, %(now)s - l.at + %(off)s))::float as age
  from signal.channel c
  left join signal.newest l on l.channel = c.id and (l.site, l.node) = (%(site)s, %(node)s)
  where (c.site, c.node) = (%(site)s, %(node)s) and not c.replaced
)
select device, name, age,
       case when quality = 192 or quality is null then 'silent' else 'bad' end as state
from aged
where quality <> 192
   or not %(foreign)s and coalesce(age > extract(epoch from %(silence)s::interval), true)
order by state, age desc nulls first, name
"""
