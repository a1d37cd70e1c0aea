"""Another node that speaks in a press's name is stored, and never counted."""

from datetime import UTC, datetime

from database.connection import Connection
from mes_bridge.counting import counter_store
from mes_bridge.tail import TailReading


def test_only_the_node_that_reads_a_press_counts_its_strokes(connection: Connection) -> None:
    connection.execute(
        """
        insert into plant.site (site, time_zone, silence) values ('site', 'UTC', '30 s');
        insert into plant.line values ('L1', 1);
        insert into plant.press (name, line, position, top_spm, stop_after, stroke_channel, node)
        values ('P01', 'L1', 1, 60, '30 s', 'strokes', 'edge-1');
        insert into signal.channel (site, node, device, name, kind, datatype) values
          ('site', 'edge-1', 'P01', 'strokes', 'counter', 7),
          ('site', 'stranger', 'P01', 'strokes', 'counter', 7),
          ('elsewhere', 'edge-1', 'P01', 'strokes', 'counter', 7);
        """
    )
    channels = [row[0] for row in connection.execute("select id from signal.channel order by id")]
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    counter_store.count(connection, [TailReading(each, noon, 1, 1, 1, noon) for each in channels])
    assert connection.execute("select channel from mes.counter").fetchall() == [(channels[0],)]
