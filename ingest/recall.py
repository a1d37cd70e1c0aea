"""What a host that begins knows again, of all its nodes in a few statements.

Two thousand nodes are asked for as one is: a host that starts must not be away for as long
as it takes to ask for each of them by itself. What is not as a birth declares it is left to the way
that births go.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from database.connection import Connection
from edge_agent.wire import Channel
from ingest.clock_repair import Dating
from ingest.readings import Place, Signal
from ingest.store import STOOD
from ingest.stream import Stream

Owner = tuple[str, str]  # site and node
Declared = tuple[str | None, float, str, int, int | None, str | None]


@dataclass(frozen=True, slots=True)
class Recalled:
    """Streams by the uuid of their outbox; channels by device and name, as they are declared."""

    streams: Mapping[str, Stream]
    channels: Mapping[Place, Mapping[str, tuple[Declared, Signal]]]

    def signals(self, place: Place, channels: Sequence[Channel]) -> dict[str, Signal] | None:
        """The channels of a device; None when one is not there as its birth declares it."""
        known = self.channels.get(place, {})
        for each in channels:
            if each.name not in known or known[each.name][0] != _declared(each):
                return None
        return {name: signal for name, (_, signal) in known.items()}


def _declared(channel: Channel) -> Declared:
    return (
        channel.unit or None, channel.scale, channel.kind, int(channel.datatype), channel.modulus,
        channel.source or None,
    )  # fmt: skip


def claim_all(connection: Connection, host: str, owners: Iterable[Owner]) -> set[Owner]:
    """Make these nodes this host's, but for those of another host that is at work; which are."""
    rows = connection.execute(_CLAIM, [host, *_columns(owners), host])
    return {(site, node) for site, node in rows}


def recall(connection: Connection, owners: Iterable[Owner], uuids: Mapping[str, Owner]) -> Recalled:
    """What the database has of these nodes and of the outboxes that are theirs."""
    streams = {
        uuid: Stream(outbox, uuid, committed=number, taken=number, dating=Dating(at or 0, by or 0))
        for outbox, number, at, by, uuid, *owner in connection.execute(STOOD, [list(uuids)])
        if tuple(owner) == uuids[uuid]
    }
    channels: defaultdict[Place, dict[str, tuple[Declared, Signal]]] = defaultdict(dict)
    for site, node, device, name, channel, *told in connection.execute(_CHANNELS, _columns(owners)):
        place = (site, node, device)
        unit, scale, kind, datatype, modulus, source = told
        declared = (unit, scale, kind, datatype, modulus, source)
        channels[place][name] = declared, Signal(channel, name, datatype, device=place)
    return Recalled(streams, channels)


def _columns(owners: Iterable[Owner]) -> list[list[str]]:
    both = list(owners)
    return [[site for site, _ in both], [node for _, node in both]]


_CLAIM = """
update signal.node set host = %s
from unnest(%s::text[], %s::text[]) as t(site, node)
where (node.site, node.node) = (t.site, t.node)
  and (node.host is null or node.host = %s or not signal.is_at_work(node.host))
returning node.site, node.node
"""

_CHANNELS = """
select c.site, c.node, c.device, c.name, c.id, c.unit, c.scale, c.kind, c.datatype, c.modulus,
       c.source
from signal.channel c
join unnest(%s::text[], %s::text[]) as t(site, node) using (site, node)
where not c.replaced
"""
