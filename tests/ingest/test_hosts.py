"""Several hosts on one database: each serves its own nodes, and one of them may die."""

from collections.abc import Callable
from pathlib import Path

import pytest
from floor import Edge, Ingest, Watcher, until
from spoken import (
    DBIRTH,
    DDATA,
    DDEATH,
    NBIRTH,
    NDEATH,
    NOW,
    STROKES,
    Clock,
    device_birth,
    node_birth,
    strokes,
)

from database.connection import Connection, connect
from edge_agent.plantfile.entries import Mqtt
from edge_agent.wire import death
from ingest.errors import GroupError
from ingest.group import Group
from ingest.intake import Intake
from ingest.store import hold_host
from tests.broker import Mosquitto

ON_PLAIN = pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")


@pytest.mark.parametrize(
    ("patterns", "told"),
    [
        (("edge-1",), "edge-1 is no pattern of nodes: write site/node"),
        (("plant/#",), "is no pattern"),
        (("plant/edge-+",), "is no pattern"),
        (("plant/edge-1", "plant/+"), "plant/edge-1 and plant/.* name the same nodes"),
        (("plant/+", "+/edge-1"), "Name each node once"),
    ],
)
def test_patterns_that_cannot_be_are_refused_with_the_cure(
    patterns: tuple[str, ...], told: str
) -> None:
    with pytest.raises(GroupError, match=told):
        Group("pressline", patterns)


def test_a_group_subscribes_to_its_own_nodes_alone() -> None:
    group = Group("pressline", ("plant/edge-1", "other/+"))
    assert "spBv1.0/plant/NBIRTH/edge-1" in group.filters
    assert "spBv1.0/plant/DDATA/edge-1/+" in group.filters
    assert "spBv1.0/other/DBIRTH/+/+" in group.filters
    assert len(group.filters) == 12
    assert group.has("plant", "edge-1")
    assert not group.has("plant", "edge-2")


@pytest.mark.wire
@ON_PLAIN
def test_two_hosts_serve_a_node_each_and_one_killed_leaves_the_other_at_work(
    tmp_path: Path, broker: Mosquitto, watcher: Watcher, database: str
) -> None:
    hosts = [
        Ingest(database, broker.port, host_id, nodes)
        for host_id, nodes in (("north", ["plant/edge-1"]), ("south", ["plant/edge-2"]))
    ]
    edges = [
        Edge(tmp_path / name, broker.port, mqtt=Mqtt(port=broker.port, host_id=host), name=name)
        for name, host in (("edge-1", "north"), ("edge-2", "south"))
    ]
    for edge, host in zip(edges, hosts, strict=True):
        edge.folder.mkdir()
        host.start()
    try:
        with edges[0] as first, edges[1] as second:
            for edge in (first, second):
                edge.strokes(100)
                edge.until_acknowledged(100)
            hosts[0].kill()
            for edge in (first, second):
                edge.strokes(200)
            second.until_acknowledged(300)
            hosts[0].start()
            first.until_acknowledged(300)
    finally:
        for host in hosts:
            host.kill()
    for name in ("edge-1", "edge-2"):
        watcher.nothing_lost_or_doubled(300, name)
    assert watcher.rows("select node, host from signal.node order by node") == [
        ("edge-1", "north"),
        ("edge-2", "south"),
    ]


def lock(url: str, host: str) -> Connection:
    """What a host at work holds."""
    connection = connect(url, autocommit=True)
    assert hold_host(connection, host)
    return connection


def host_locks(connection: Connection) -> bool:
    connection.rollback()  # who is at work is looked up once a transaction
    row = connection.execute("select bool_or(signal.is_at_work(id)) from signal.host").fetchone()
    return row is not None and bool(row[0])


def take(intake: Intake, *messages: tuple[str, bytes]) -> list[int]:
    """What is acknowledged after these messages."""
    for topic, payload in messages:
        intake.take(topic, payload)
    return [ack.number for _, ack in intake.commit().acks]


BIRTHS = ((NBIRTH, node_birth()), (DBIRTH, device_birth(STROKES)))


def test_a_node_that_two_hosts_name_is_taken_by_one_and_by_the_other_once_that_is_gone(
    database: str, connection: Connection, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    connection.autocommit = True
    with lock(database, "north") as north, lock(database, "south"):
        first = clock.intake(north, Group("north"))
        second = clock.intake(connection, Group("south"))
        assert take(first, *BIRTHS, (DDATA, strokes(1))) == [1]
        assert take(second, *BIRTHS, (DDATA, strokes(1)), (DDATA, strokes(2))) == []
        assert take(second, (DDEATH, b""), (NDEATH, death(0, NOW))) == []
        said = capsys.readouterr().out
        assert said.count("another host serves this node") == 1
        assert "give each host its own --nodes" in said
        assert "served_by=north" in said
        assert take(first, (DDATA, strokes(2))) == [2]
    until(lambda: not host_locks(connection), "the locks of hosts that ended")
    clock.steady += 2
    second.take(DDATA, strokes(3))
    assert [node.node for node in second.commit().rebirths] == ["edge-1"]
    assert take(second, *BIRTHS, (DDATA, strokes(3))) == [3]
    assert connection.execute("select online, host from signal.node").fetchall() == [
        (True, "south")
    ]
    assert connection.execute("select count(*) from signal.reading").fetchone() == (3,)


def test_a_restart_with_other_nodes_lets_go_of_those_it_no_longer_serves(
    database: str, connection: Connection, clock: Clock
) -> None:
    connection.autocommit = True
    with lock(database, "north"):
        take(clock.intake(connection, Group("north")), *BIRTHS)
        restarted = clock.intake(connection, Group("north", ("plant/edge-9",)))
        assert connection.execute("select host from signal.node").fetchall() == [(None,)]
        assert restarted.commit().acks == []
        taken = take(clock.intake(connection, Group("south")), *BIRTHS, (DDATA, strokes(1)))
    assert taken == [1]


def test_a_restart_knows_the_nodes_it_serves_and_no_others(
    new_database: Callable[[], str], clock: Clock
) -> None:
    url = new_database()
    with lock(url, "north") as connection:
        take(clock.intake(connection, Group("north")), *BIRTHS, (DDATA, strokes(1)))
        assert take(clock.intake(connection, Group("north")), (DDATA, strokes(2))) == [2]
        stranger = clock.intake(connection, Group("south", ("other/+",)))
        assert stranger.commit().acks == []
