"""What the edge node tells of itself, end to end: a real broker, ingest and database."""

import json
from pathlib import Path

import pytest
from floor import PRESS, STROKES, Edge, Ingest, Watcher, now_ms, until

from edge_agent.sample import Sample
from edge_agent.wire import Channel, DataType
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
        edge.set_clock(-HOUR)
        edge.strokes(5)
        edge.until_acknowledged(11)
        ingest.kill()  # resent to a new ingest, which knows the node's channels from its birth
        edge.set_clock(HOUR)
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


def test_what_an_hour_behind_captured_and_the_right_clock_sends_has_its_true_time(
    tmp_path: Path, broker: Mosquitto, ingest: Ingest, watcher: Watcher
) -> None:
    with Edge(tmp_path, broker.port) as edge:
        edge.strokes(1)
        edge.until_acknowledged(1)
        ingest.kill()
        edge.set_clock(-HOUR)
        edge.strokes(1)  # record 3
        captured = now_ms()
        edge.set_clock(HOUR)
        edge.strokes(1)
        until(lambda: edge.outbox.last == 5, "the outbox to be written")
        ingest.start()
        edge.until_acknowledged(5)
    [(at, source_at)] = watcher.rows(
        "select (extract(epoch from at) * 1000)::bigint, "
        "(extract(epoch from source_at) * 1000)::bigint from signal.reading where number = 3"
    )
    assert 0 <= captured - at < 1000
    assert at - source_at == HOUR


FORCE = Channel("force", DataType.FLOAT, "gauge", unit="kN")


def test_what_a_full_outbox_thinned_is_a_gap_and_every_count_is_there(
    tmp_path: Path, broker: Mosquitto, ingest: Ingest, watcher: Watcher
) -> None:
    """3000 s of a ramp 0…999, three times: at 1 % of its span every tenth value tells the rest."""
    with Edge(tmp_path, broker.port, {PRESS: [STROKES, FORCE]}) as edge:
        edge.strokes(1)
        edge.until_acknowledged(1)
        ingest.kill()
        start = now_ms() - HOUR

        def write() -> None:
            for n in range(3000):
                at = start + 1000 * n
                samples = [Sample("strokes", at, n + 2), Sample("force", at, float(n % 1000))]
                edge.node.samples(PRESS, samples)

        edge.ask(write)
        until(lambda: edge.outbox.last == 3001, "the outbox to be written")
        edge.ask(lambda: edge.limit(int(0.99 * edge.outbox.size)))
        edge.run(edge.node.bound())
        ingest.start()
        edge.until_acknowledged(3002)
    assert watcher.rows(
        "select count(distinct r.count), min(r.count), max(r.count) from signal.reading r "
        "join signal.channel c on c.id = r.channel and c.name = 'strokes'"
    ) == [(3001, 1, 3001)]
    [(first, last, reason)] = watcher.rows("select first, last, reason from signal.gap")
    assert (first, last > 1000) == (2, True)
    forces = [row[0] for row in watcher.rows("select gauge from signal.reading where gauge >= 0")]
    assert forces == [n % 1000 for n in range(3000) if n % 10 == 0 or n + 2 > last]
    lost = f"{3000 - len(forces)} gauge samples given up"
    assert f"{lost}; the rest tells each to within 1% of its span" in reason
    [word] = watcher.rows("select word from signal.reading where word is not null")
    assert json.loads(word[0])["within"] == {"P01/force": 9.99}


def damage(edge: Edge) -> None:
    """Overwrite the file in the middle, under the feet of the agent."""

    def overwrite() -> None:
        for connection in (edge.outbox._writer, edge.outbox._reader):
            connection.execute("pragma wal_checkpoint(truncate)").fetchall()
            connection.execute("pragma shrink_memory")
        with edge.outbox.path.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xa5" * (edge.outbox.path.stat().st_size - 4096))

    edge.ask(overwrite)


def test_what_lay_in_a_damaged_outbox_is_a_gap_of_that_outbox(
    tmp_path: Path, broker: Mosquitto, ingest: Ingest, watcher: Watcher
) -> None:
    with Edge(tmp_path, broker.port) as edge:
        edge.strokes(20)
        edge.until_acknowledged(20)
        old = edge.outbox.uuid
        ingest.kill()
        edge.strokes(30)
        until(lambda: edge.outbox.last == 50, "the outbox to be written")
        damage(edge)
        edge.strokes(5)
        ingest.start()
        whole = "select exists (select from signal.outbox where uuid <> %s and number = 6)"
        watcher.until(whole, old)
    [(first, last, reason)] = watcher.rows("select first, last, reason from signal.gap")
    assert (first, last) == (21, 50)
    assert "malformed" in reason
    assert list(tmp_path.glob("outbox.sqlite.damaged-*"))
    assert watcher.rows(
        "select o.number, array_agg(r.count order by r.number) from signal.outbox o "
        "join signal.reading r on r.outbox = o.id and r.count is not null group by o.id"
    ) == [(20, list(range(1, 21))), (6, list(range(51, 56)))]
