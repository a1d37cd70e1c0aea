"""What the host says of itself, for Prometheus: docs/metrics.md tells the meaning of each figure.

Counted per batch, in the threads that have the batch in hand; figures of nodes are read when asked.
"""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ingest.births import Node
from ingest.readings import Batch
from ingest.reasons import KINDS, OTHER, kind_of

MOST_NODES = 100  # told one by one: whoever reaches the broker can invent more

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

MESSAGES = Counter(
    "pressline_ingest_messages_total", "Messages taken from the broker.", registry=REGISTRY
)
RECEIVED = Counter(
    "pressline_ingest_received_bytes_total", "Bytes of their payloads.", registry=REGISTRY
)
DROPPED = Counter(
    "pressline_ingest_dropped_messages_total",
    "Messages dropped because more came than the database takes; numbered ones come again.",
    registry=REGISTRY,
)
READINGS = Counter(
    "pressline_ingest_readings_total", "Readings committed to signal.reading.", registry=REGISTRY
)
RECORDS = Counter(
    "pressline_ingest_records_total", "Records committed, of all outboxes.", registry=REGISTRY
)
COMMIT = Histogram(
    "pressline_ingest_commit_seconds",
    "Time a batch took to be committed.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=REGISTRY,
)
BATCH = Histogram(
    "pressline_ingest_batch_readings",
    "Readings in one committed batch.",
    buckets=(1, 10, 100, 1000, 10_000, 100_000),
    registry=REGISTRY,
)
ACKS = Counter(
    "pressline_ingest_acknowledgements_total", "Acknowledgements sent to nodes.", registry=REGISTRY
)
HOLES = Counter(
    "pressline_ingest_holes_total",
    "Acknowledgements that told a node of a missing record.",
    registry=REGISTRY,
)
REBIRTHS = Counter(
    "pressline_ingest_rebirths_asked_total", "Rebirths asked of nodes.", registry=REGISTRY
)
QUARANTINED = Counter(
    "pressline_ingest_quarantined_total",
    "Messages that went to quarantine, by class of reason.",
    ["reason"],
    registry=REGISTRY,
)
for kind in (*KINDS, OTHER):
    QUARANTINED.labels(kind)
UNKEPT = Counter(
    "pressline_ingest_unkept_total",
    "Faulty messages that quarantine does not keep, or no longer: rate, room or age.",
    ["why"],
    registry=REGISTRY,
)
for why in ("rate", "room", "age"):
    UNKEPT.labels(why)
QUARANTINE_BYTES = Gauge(
    "pressline_ingest_quarantine_bytes",
    "Bytes in quarantine, at most; looked at every minute.",
    registry=REGISTRY,
)
ONLINE = Gauge(
    "pressline_ingest_host_online",
    "1 while the host takes data; 0 while it waits for the database or stands by.",
    registry=REGISTRY,
)


def committed(batch: Batch, seconds: float) -> None:
    """A batch is in the database; it took so long."""
    MESSAGES.inc(batch.messages)
    RECEIVED.inc(batch.size)
    READINGS.inc(len(batch.rows))
    RECORDS.inc(sum(last - first + 1 for first, last in batch.runs.values()))
    COMMIT.observe(seconds)
    BATCH.observe(len(batch.rows))
    for fault in batch.quarantine:
        QUARANTINED.labels(kind_of(fault.reason)).inc()
    UNKEPT.labels("rate").inc(sum(messages for messages, _ in batch.unkept.values()))


class Nodes(Collector):
    """Figures of each node, read when asked; beyond MOST_NODES only how many there are."""

    def __init__(self, nodes: Callable[[], Iterable[Node]] = tuple) -> None:
        self.nodes = nodes

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The families, one sample per node that was born and has an outbox of its own."""
        labels = ["site", "node"]
        online = GaugeMetricFamily(
            "pressline_ingest_node_online", "1 while the node is alive.", labels=labels
        )
        heard = GaugeMetricFamily(
            "pressline_ingest_node_last_heard_timestamp_seconds",
            "When the node was last heard, seconds since 1970.",
            labels=labels,
        )
        lag = GaugeMetricFamily(
            "pressline_ingest_node_watermark_lag_records",
            "Records the node was heard to have that are not committed.",
            labels=labels,
        )
        offset = GaugeMetricFamily(
            "pressline_ingest_node_clock_offset_seconds",
            "The node's clock minus the host's.",
            labels=labels,
        )
        born = [node for node in self.nodes() if node.stream is not None]
        for node in born[:MOST_NODES]:
            name, stream = [node.site, node.node], node.stream
            told = node.hearing.heard(None)
            online.add_metric(name, node.online)
            if node.hearing.at:
                heard.add_metric(name, node.hearing.at / 1000)
            if told.offset is not None:
                offset.add_metric(name, told.offset)
            if stream is not None and not node.foreign:
                lag.add_metric(name, max(stream.newest - stream.committed, 0))
        count = GaugeMetricFamily("pressline_ingest_nodes", "Nodes known.", value=len(born))
        yield from (online, heard, lag, offset, count)


NODES = Nodes()
REGISTRY.register(NODES)
