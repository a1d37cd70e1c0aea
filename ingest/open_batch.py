"""What taking a message in may bring about: rows of the open batch, a refusal, a wish for births.

The lowest part of intake: it knows what a message said, not what kind of node said it.
"""

from collections.abc import Callable, Iterable

import structlog

from edge_agent.sparkplug_pb2 import Metric
from ingest.births import ASKS_BEFORE_QUARANTINE, Device, Known, Message, Node
from ingest.quarantine_bounds import Quarantine
from ingest.readings import DAY, LAST_TIME, Batch

log = structlog.get_logger()


class Taking:
    """The open batch, and the moment at which a message is taken in.

    `now` and `latest_at`, the last time that a reading may have, are ms since 1970; `steady` is a
    clock that never goes back (seconds). Only nodes that this host `serves` are asked for births;
    `own` tells whether a topic is that of a node that numbers its records.
    """

    def __init__(
        self,
        wall_ms: Callable[[], int],
        steady: Callable[[], float],
        serves: Callable[[Node], bool],
        own: Callable[[str], bool],
        quarantine: Quarantine,
    ) -> None:
        self._wall_ms, self.steady, self._serves = wall_ms, steady, serves
        self._own, self._quarantine = own, quarantine
        self.batch = Batch()
        self.now = self.latest_at = 0
        self._asked: list[Node] = []

    def begin(self, size: int) -> None:
        """A message of so many bytes is at hand."""
        self.look()
        self.batch.messages += 1
        self.batch.size += size

    def look(self) -> None:
        """Look at the clock."""
        self.now = self._wall_ms()
        self.latest_at = min(self.now + DAY, LAST_TIME)

    def closed(self) -> Batch:
        """The batch, full; the next message opens another one."""
        batch, self.batch = self.batch, Batch()
        return batch

    def add(
        self,
        message: Message,
        found: list[Known],
        unknown: Iterable[Metric],
        record: bytes,
        unanswered: str = "",
    ) -> None:
        """What a record says becomes readings; what of it cannot be one is refused."""
        faults = self.batch.add_metrics(
            found, record, sent_at=message.payload.timestamp, latest_at=self.latest_at
        )
        for metric in unknown:
            name = metric.name if metric.HasField("name") else f"alias {metric.alias}"
            faults.append(f"{name} is in no birth{unanswered}")
        if faults:
            self.refuse(message, "; ".join(faults))

    def refuse(self, message: Message, reason: str) -> None:
        """The message goes to quarantine."""
        self.refuse_bytes(str(message.topic), message.raw, reason)

    def refuse_bytes(self, topic: str, payload: bytes, reason: str) -> None:
        """What could not even be decoded goes to quarantine."""
        self._quarantine.take(self.batch, topic, payload, reason, own=self._own(topic))

    def ask(self, node: Node, device: Device | None = None) -> None:
        """Ask a node for its births (because of a device), unless it was asked just now."""
        if node.may_ask(self.steady()) and self._serves(node):
            if device is not None:
                device.asked += 1
            node.asked += 1
            if node.asked == ASKS_BEFORE_QUARANTINE:
                log.warning("a node does not answer when asked for its births", node=node.name)
            self._asked.append(node)

    def asked(self) -> list[Node]:
        """The nodes to be asked for their births, each told once."""
        asked, self._asked = self._asked, []
        return asked
