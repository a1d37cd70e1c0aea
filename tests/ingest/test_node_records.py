"""What the edge node tells of itself, end to end: a real broker, ingest and database."""

from pathlib import Path

import pytest
from floor import Edge, Ingest, Watcher, now_ms

from tests.broker import Mosquitto

pytestmark = [
    pytest.mark.wire,
    pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session"),
]
HOUR = 3_600_000  # ms


def test_a_clock_step_lies_in_the_database_before_the_first_reading_with_the_new_time(
    tmp_path: Path, broker: Mosquitto, ingest: Ingest, watcher: Watcher
) -> None:
    with Edge(tmp_path, broker.port) as edge:
        edge.strokes(5)
        edge.ask(lambda: edge.node.clock_stepped(-HOUR, now_ms() - HOUR))
        edge.strokes(5, at=now_ms() - HOUR)
        edge.until_acknowledged(11)
        ingest.kill()  # resent to a new ingest, which knows the node's channels from its birth
        edge.ask(lambda: edge.node.clock_stepped(HOUR, now_ms()))
        edge.strokes(5)
        ingest.start()
        edge.until_acknowledged(17)
    assert watcher.rows(
        "select number, count, source_at > clock_timestamp() - interval '30 min' "
        "from signal.reading r "
        "join signal.channel c on c.id = r.channel and (c.device, c.name) = ('', 'clock/step') "
        "order by number"
    ) == [(6, -HOUR, False), (12, HOUR, None)]
    wrong = "source_at < clock_timestamp() - interval '30 min'"  # dated anew: the node's own time
    assert watcher.rows(f"select min(number), max(number) from signal.reading where {wrong}") == [
        (6, 11)
    ]
    assert watcher.rows("select bool_and(at > arrived - interval '1 min') from signal.reading") == [
        (True,)
    ]
    assert watcher.rows("select * from signal.gap") == []
    assert watcher.rows("select * from signal.quarantine") == []
