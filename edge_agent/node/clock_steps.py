"""Steps of the edge's clock among the records that wait, to tell by which clock one was captured.

A record that was captured before the clock was set and is sent afterwards carries a time of one
clock and a publishing time of another. How much lies between them, only the edge knows.
"""

from collections.abc import Sequence

from google.protobuf.message import DecodeError

from edge_agent.outbox import Entry, Outbox
from edge_agent.sparkplug_pb2 import Payload
from edge_agent.wire import CLOCK_STEP, NODE_CHANNELS, READERS, DataType

[ALIAS] = [known.alias for known in NODE_CHANNELS if known.name == CLOCK_STEP]


class Steps:
    """The steps that are still in the outbox, and those on their way into it."""

    def __init__(self, outbox: Outbox) -> None:
        """Find those that an agent before this one left there."""
        self._placed: list[tuple[int, int]] = []  # place of the record, step in ms
        self._coming = 0
        self.kept(outbox.of_node())

    def happened(self, by: int) -> None:
        """The clock was set by so much (ms); its record is being kept."""
        self._coming += by

    def kept(self, entries: Sequence[Entry]) -> None:
        """Entries are on disk, with every step that happened before."""
        self._coming = 0
        self._placed += [
            (entry.position, by)
            for entry in entries
            if entry.device == "" and entry.is_record and (by := _step_in(entry.body))
        ]

    def since(self, position: int) -> int:
        """By how much (ms) the clock was set since the record at a place was captured."""
        if not self._placed and not self._coming:
            return 0
        return self._coming + sum(by for place, by in self._placed if place > position)

    def forget(self, up_to: int) -> None:
        """The database has every record up to a place."""
        if self._placed and self._placed[0][0] <= up_to:
            self._placed = [step for step in self._placed if step[0] > up_to]

    def start_over(self) -> None:
        """The outbox begins anew."""
        self._placed.clear()


def _step_in(body: bytes | None) -> int:
    try:
        metrics = Payload.FromString(body or b"").metrics
    except DecodeError:
        return 0
    steps = [metric for metric in metrics if metric.alias == ALIAS]
    return sum(int(READERS[DataType.INT64](step, "long_value")) for step in steps)
