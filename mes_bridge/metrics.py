"""What the bridge says of itself, for Prometheus: docs/metrics.md tells the meaning of each figure.

How far its mark is behind is asked of the database at each scrape, over a connection of its own, so
that it is told of a bridge that hangs, too.
"""

from collections.abc import Iterator

import psycopg
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from database.connection import Connection, connect
from database.errors import UnreachableError
from database.limits import PROBE
from mes_bridge import readings
from mes_bridge.readings import Stretch

MOST_OUTBOXES = 100  # told one by one, those furthest behind first

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

RECORDS = Counter(
    "pressline_bridge_records_total", "Records taken in behind the marks.", registry=REGISTRY
)
ADVANCE = Histogram(
    "pressline_bridge_advance_seconds",
    "Time to take in what came: count, derive states, refresh facts; one transaction.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
    registry=REGISTRY,
)
FACTS = Counter(
    "pressline_bridge_facts_refreshed_total", "Times that a press's facts were refreshed.",
    registry=REGISTRY,
)  # fmt: skip
REPORTS = Counter("pressline_bridge_reports_total", "Reports made.", registry=REGISTRY)
ERRORS = Counter(
    "pressline_bridge_errors_total",
    "Runs that ended in an error, by kind.",
    ["kind"],
    registry=REGISTRY,
)
for kind in ("database", "no_plant", "press", "timer"):
    ERRORS.labels(kind)

LAG = """
select o.site, o.node, o.id, coalesce(m.number, 0), coalesce(m.arrived, '2000-01-01'), o.number
from signal.outbox o
left join mes.mark m on m.outbox = o.id
where o.site in ('', (select site from plant.site))
"""


class Marks(Collector):
    """How far the bridge's mark is behind the newest committed record, per outbox."""

    def __init__(self, database: str) -> None:
        self.database = database

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The families; without lags while the database does not answer."""
        labels = ["site", "node", "outbox"]
        records = GaugeMetricFamily(
            "pressline_bridge_mark_lag_records",
            "Committed records that the bridge has not taken in.",
            labels=labels,
        )
        seconds = GaugeMetricFamily(
            "pressline_bridge_mark_lag_seconds",
            "How long the oldest reading that the bridge has not taken in has been waiting.",
            labels=labels,
        )
        up = GaugeMetricFamily(
            "pressline_bridge_database_up", "1 when the database answered this scrape."
        )
        rows = self._ask()
        up.add_metric([], rows is not None)
        for *name, behind, waiting in rows or ():
            records.add_metric(name, behind)
            seconds.add_metric(name, waiting)
        yield from (up, records, seconds)

    def _ask(self) -> list[tuple[str, str, str, float, float]] | None:
        try:
            with connect(
                self.database, application="pressline metrics", limits=PROBE
            ) as connection:
                return _lags(connection)
        except (UnreachableError, psycopg.Error):
            return None


def _lags(connection: Connection) -> list[tuple[str, str, str, float, float]]:
    """Site, node, outbox, records and seconds behind: those that wait longest, then the newest."""
    marks = connection.execute(LAG).fetchall()
    stretches = [Stretch(*row[2:]) for row in marks if row[5] > row[3]]
    waiting = readings.waiting(connection, stretches)
    marks.sort(key=lambda row: (waiting.get(row[2], 0.0), row[2]), reverse=True)
    return [
        (site, node, str(outbox), float(max(newest - number, 0)), waiting.get(outbox, 0.0))
        for site, node, outbox, number, _, newest in marks[:MOST_OUTBOXES]
    ]


def follow(database: str) -> None:
    """Tell the marks of this database from now on."""
    REGISTRY.register(Marks(database))
