"""Readings of a story into the database by ingest's own store, without the network.

Each node of readings.csv is an outbox. A record that is there already is a redelivery and dropped;
one that comes too early is a hole and not taken, as over the wire.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from uuid import NAMESPACE_URL, uuid5

from database.connection import Connection
from edge_agent.plantfile import profile
from edge_agent.wire import Channel, DataType
from ingest import store
from ingest.latest import LatestRows
from ingest.readings import Batch, Signal
from ingest.stream import Stream, Verdict
from pressline.scenario.folder import Reading, Story

DATA_TYPES: Mapping[profile.Kind, DataType] = {
    "counter": DataType.INT64, "state": DataType.INT64,
    "gauge": DataType.DOUBLE, "text": DataType.STRING,
}  # fmt: skip


class Intake:
    """The nodes of a story as ingest knows them after their births."""

    def __init__(self, connection: Connection, story: Story) -> None:
        self.connection, self._latest = connection, LatestRows()
        self._signals = _register(connection, story)
        self._streams = _open(connection, story)

    def take(self, readings: Sequence[Reading]) -> None:
        """Commit these readings, one transaction per instant of arrival."""
        for arrived, together in groupby(readings, key=lambda reading: reading.arrived):
            batch, streams = Batch(), set[str]()
            for reading in together:
                if self._streams[reading.node].judge(reading.number) is Verdict.TAKE:
                    self._add(batch, reading)
                    streams.add(reading.node)
            if batch:
                store.commit(self.connection, batch, self._latest, arrived)
            for node in streams:
                self._streams[node].commit(self._streams[node].taken)

    def _add(self, batch: Batch, reading: Reading) -> None:
        outbox = self._streams[reading.node].outbox
        batch.extend_run(outbox, reading.number)
        signal = self._signals[reading.device][reading.sample.channel]
        batch.add(signal, reading.sample, outbox, reading.number)


def _register(connection: Connection, story: Story) -> dict[str, dict[str, Signal]]:
    """What the births declare: the channels of each machine, under the node that tells of it."""
    nodes = {reading.device: reading.node for reading in story.readings}
    return {
        device.name: store.register(
            connection,
            story.plant.site,
            nodes.get(device.name, device.node),
            device.name,
            [_channel(channel) for channel in device.channels],
        )
        for device in story.plant.devices
    }


def _channel(channel: profile.Channel) -> Channel:
    return Channel(
        channel.name, DATA_TYPES[channel.kind], channel.kind,
        unit=channel.unit, scale=channel.scale, modulus=channel.modulus,
    )  # fmt: skip


def _open(connection: Connection, story: Story) -> dict[str, Stream]:
    """An outbox per node, with the same identity whenever the story is played."""
    streams: dict[str, Stream] = {}
    for node in dict.fromkeys(reading.node for reading in story.readings):
        uuid = str(uuid5(NAMESPACE_URL, f"pressline:scenario/{story.plant.site}/{node}"))
        first = min(reading.number for reading in story.readings if reading.node == node)
        streams[node] = store.open_outbox(connection, uuid, story.plant.site, node)
        if streams[node].committed < first - 1:
            store.skip_to(connection, streams[node], first)
    return streams
