"""The lives of nodes and devices as the database keeps them, and whose nodes they are.

Births are kept there: they decode aliases, and a restart of the host needs none.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Protocol, TypeVar

import structlog

from database.connection import Connection
from edge_agent.sparkplug_pb2 import Payload
from edge_agent.wire import Topic
from ingest import store
from ingest.births import Message, Node, NodeBirth, declared, read_node_birth
from ingest.group import Group
from ingest.readings import Signal
from ingest.recall import Recalled, claim_all, recall
from ingest.stream import Stream

log = structlog.get_logger()

T = TypeVar("T")


class Writer(Protocol):
    """Does work on the database in the order given, until it succeeded; see ingest.writer."""

    def run(self, work: Callable[[Connection], T]) -> T:
        """The result of `work`, which may be called again after an outage."""
        ...

    def start(self, work: Callable[[Connection], T]) -> "Future[T]":
        """The same without waiting for the result."""
        ...


class Lives:
    """Writes births and deaths down, and knows again what was written before a restart.

    With a `group`, nodes that another live host serves are left to it.
    """

    def __init__(self, writer: Writer, group: Group | None = None) -> None:
        self._writer, self._group = writer, group

    def recalled(self) -> Iterator[Node]:
        """The nodes that lived when the host stopped; those of another host without a stream."""
        group = self._group
        if group is not None:
            for site, name in self._writer.run(lambda c: store.served(c, group.host)):
                if not group.has(site, name):
                    self._writer.run(lambda c, site=site, name=name: store.let_go(c, site, name))
        known = self._writer.run(store.known_nodes)
        ours = {(each.site, each.node) for each in known}
        if group is not None:
            ours = {owner for owner in ours if group.has(*owner)}
            free = self._writer.run(lambda c: claim_all(c, group.host, ours))
            for site, name in sorted(ours - free):
                self.claim(Node(site, name))  # tells whose it is
            ours = free
        births = {
            (each.site, each.node): read_node_birth(Payload.FromString(each.birth))
            for each in known
        }
        uuids = {births[owner].outbox or "/".join(owner): owner for owner in ours}
        found = self._writer.run(lambda c: recall(c, ours, uuids))
        for each in known:
            node = Node(each.site, each.node)
            if (each.site, each.node) in ours:
                self._remember(node, each, births[each.site, each.node], found)
            yield node

    def claim(self, node: Node) -> bool:
        """Make a node this host's at its birth; False: another live one serves it."""
        return self._is_free(node, store.claim)

    def has_room(self, node: Node) -> bool:
        """Whether a node is known, or one more may be: strangers can invent any number."""
        if self._group is None or node.stream is not None:
            return True
        most = self._group.most
        return self._writer.run(lambda c: store.has_room(c, node.site, node.node, most))

    def serves(self, node: Node) -> bool:
        """Whether this host may ask a node for its births: no other live one serves it."""
        return self._is_free(node, store.other_host)

    def _is_free(self, node: Node, ask: Callable[[Connection, str, str, str], str | None]) -> bool:
        if self._group is None:
            return True
        host = self._group.host
        other = self._writer.run(lambda c: ask(c, host, node.site, node.node))
        if other and other != node.elsewhere:
            log.error(
                "another host serves this node: not taken here; give each host its own --nodes",
                node=node.name,
                served_by=other,
                this_host=host,
            )
        node.elsewhere = other or ""
        if other:
            node.stream = None
        return not other

    def node_born(self, node: Node, message: Message) -> None:
        """An NBIRTH; its devices are not alive before their own."""
        raw, bdseq = message.raw, node.bdseq
        self._declare(
            node, "", message.payload,
            lambda c: store.node_born(c, node.site, node.node, bdseq, raw),
        )  # fmt: skip

    def device_born(self, node: Node, message: Message) -> None:
        """A DBIRTH."""
        device, raw = message.topic.device, message.raw
        self._declare(
            node, device, message.payload,
            lambda c: store.device_born(c, node.site, node.node, device, raw),
        )  # fmt: skip

    def node_died(self, node: Node) -> None:
        """An NDEATH: its devices are gone as well."""
        self._writer.run(lambda c: store.node_died(c, node.site, node.node))

    def device_died(self, topic: Topic) -> None:
        """A DDEATH."""
        self._writer.run(lambda c: store.device_died(c, topic.site, topic.node, topic.device))

    def stream(self, node: Node, uuid: str) -> Stream:
        """The stream of a node's outbox, from its watermark on."""
        return self._writer.run(lambda c: store.open_outbox(c, uuid, node.site, node.node))

    def skip(self, stream: Stream, first: int) -> None:
        """Records before `first` can never come: a gap, and the stream goes on."""
        self._writer.run(lambda c: store.skip_to(c, stream, first))

    def _declare(
        self,
        node: Node,
        device: str,
        payload: Payload,
        write: Callable[[Connection], None] | None = None,
    ) -> None:
        """Write a birth down with the channels that it declares: whole, or not at all."""
        channels = declared(payload)

        def born(connection: Connection) -> dict[str, Signal]:
            with connection.transaction():
                if write is not None:
                    write(connection)
                if not channels:
                    return {}
                return store.register(connection, node.site, node.node, device, channels)

        node.device_born(device, payload, self._writer.run(born))

    def _remember(
        self, node: Node, known: store.KnownNode, birth: NodeBirth, found: Recalled
    ) -> None:
        node.born(birth)
        uuid = birth.outbox or node.name
        node.stream = found.streams.get(uuid) or self.stream(node, uuid)
        for device, raw in {"": known.birth, **known.devices}.items():
            payload = Payload.FromString(raw)
            signals = found.signals((node.site, node.node, device), declared(payload))
            if signals is None:
                self._declare(node, device, payload)
            else:
                node.device_born(device, payload, signals)
