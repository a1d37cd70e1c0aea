"""A host that begins knows its nodes again: all of them at once, as they were."""

import time

import pytest
from spoken import (
    DBIRTH,
    DDATA,
    FORCE,
    NBIRTH,
    STROKES,
    UUID,
    Clock,
    device_birth,
    node_birth,
    strokes,
)

from database.connection import Connection
from edge_agent.sparkplug_pb2 import Payload
from edge_agent.wire import Channel, DataType
from ingest.births import declared
from ingest.group import Group
from ingest.store import hold_host

pytestmark = pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")
NODES, CHANNELS = 2000, 10
GROUP = Group("pressline")


def test_two_thousand_nodes_are_known_again_in_few_statements(
    connection: Connection, clock: Clock
) -> None:
    """Statements are counted, not seconds: what was 20,000 of them must stay some dozens."""
    channels = [Channel(f"c{n}", DataType.UINT32, "gauge", alias=20 + n) for n in range(CHANNELS)]
    birth = device_birth(*channels)
    _furnish(connection, birth)
    connection.execute("analyze")
    assert hold_host(connection, GROUP.host)
    asked = _Asked(connection)
    began = time.process_time()
    intake = Clock.intake(clock, asked, GROUP)  # pyright: ignore[reportArgumentType] -- counts what is asked
    spent = time.process_time() - began
    assert len(intake.nodes) == NODES
    assert all(node.stream is not None and node.online for node in intake.nodes)
    assert all(len(node.devices["P01"].aliases) == CHANNELS for node in intake.nodes)
    assert asked.times < 40
    assert spent < 10  # seconds of this process; 1.4 on a machine that is busy


class _Asked:
    """A connection that counts what it is asked."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self.times = connection, 0

    def __getattr__(self, name: str) -> object:
        self.times += 1
        return getattr(self._connection, name)


def _furnish(connection: Connection, birth: bytes) -> None:
    names = [f"n{n:04}" for n in range(NODES)]
    births = [node_birth(uuid=name) for name in names]
    connection.execute(
        "insert into signal.node (site, node, online, bdseq, since, birth, birth_at, host) "
        "select 'plant', name, true, 0, clock_timestamp(), birth, clock_timestamp(), 'pressline' "
        "from unnest(%s::text[], %s::bytea[]) as t(name, birth)",
        [names, births],
    )
    connection.execute(
        "insert into signal.device (site, node, device, online, since, birth) "
        "select 'plant', name, 'P01', true, clock_timestamp(), %s from unnest(%s::text[]) name",
        [birth, names],
    )
    connection.execute(
        "insert into signal.outbox (uuid, site, node, number, arrived) "
        "select name, 'plant', name, 7, clock_timestamp() from unnest(%s::text[]) name",
        [names],
    )
    told = declared(Payload.FromString(birth))
    connection.execute(
        "insert into signal.channel (site, node, device, name, kind, datatype, scale) "
        "select 'plant', node, 'P01', name, 'gauge', %s, 1 "
        "from unnest(%s::text[]) node cross join unnest(%s::text[]) name",
        [int(DataType.UINT32), names, [each.name for each in told]],
    )


def test_a_birth_that_the_database_has_otherwise_is_declared_anew(
    connection: Connection, clock: Clock
) -> None:
    """Somebody restored an older table of channels: what a birth says holds, as before."""
    intake = clock.intake(connection)
    for topic, payload in ((NBIRTH, node_birth()), (DBIRTH, device_birth(STROKES, FORCE))):
        intake.take(topic, payload)
    intake.take(DDATA, strokes(1))
    intake.commit()
    connection.execute("update signal.channel set unit = 'N' where name = 'force'")
    again = clock.intake(connection)
    again.take(DDATA, strokes(2))
    assert [ack.number for _, ack in again.commit().acks] == [2]
    units = connection.execute(
        "select unit, replaced from signal.channel where name = 'force' order by id"
    ).fetchall()
    assert units == [("N", True), ("kN", False)]
    assert connection.execute("select uuid, number from signal.outbox").fetchall() == [(UUID, 2)]
