"""When a node was last heard, and how its clock stands: kept seldom, and never fooled for long."""

import random

import pytest
from spoken import (
    DBIRTH,
    DDATA,
    NBIRTH,
    NDEATH,
    NOW,
    STROKES,
    Direct,
    data,
    device_birth,
    node_birth,
    strokes,
)

from database.connection import Connection
from edge_agent.sample import Sample
from edge_agent.sparkplug_pb2 import Payload
from edge_agent.wire import death
from ingest.clock_offset import Hearing
from ingest.intake import Intake

MINUTE = 60_000


def hear(hearing: Hearing, since: int, ahead: int, delays: list[int]) -> None:
    """One message a second from a node whose clock is so far ahead (ms)."""
    for n, delay in enumerate(delays):
        sent = since + 1000 * n
        hearing.take(sent + delay, sent + ahead)


def test_the_fastest_message_tells_the_clock_best() -> None:
    delays = [random.Random(7).randint(30, 900) for _ in range(60)]
    delays[17] = 30
    hearing = Hearing()
    hear(hearing, NOW, 1500, delays)
    told = hearing.heard(None)
    assert told.offset == pytest.approx(1.47)  # 1.5 s less the 30 ms that it travelled
    assert told.spread is not None
    assert 0 < told.spread < 0.87


def test_a_clock_set_forward_is_seen_at_once_and_one_set_back_within_a_minute() -> None:
    hearing = Hearing()
    hear(hearing, NOW, 0, [40] * 60)
    hear(hearing, NOW + MINUTE, 3_600_000, [40])
    assert hearing.heard(None).offset == pytest.approx(3599.96)
    hear(hearing, NOW + MINUTE + 1000, 0, [40] * 75)
    assert hearing.heard(None).offset == pytest.approx(-0.04)


def test_messages_without_a_time_say_nothing_of_the_clock() -> None:
    hearing = Hearing()
    hearing.take(NOW, 0)
    assert hearing.heard(7).offset is None


class Heard:
    """Intake whose host clock a test sets."""

    def __init__(self, connection: Connection) -> None:
        self.connection, self.now = connection, NOW
        self.intake = Intake(Direct(connection), lambda: self.now, lambda: self.now / 1000)
        self.say(NBIRTH, node_birth())
        self.say(DBIRTH, device_birth(STROKES))

    def say(self, topic: str, payload: bytes, ahead: int = 0) -> None:
        told = Payload.FromString(payload)
        told.timestamp = self.now + ahead
        self.intake.take(topic, told.SerializeToString())
        self.intake.commit()

    def row(self) -> tuple[int | None, float | None]:
        row = self.connection.execute("select newest, clock_offset from signal.node").fetchone()
        assert row is not None
        return row


def test_the_nodes_row_is_written_every_few_seconds(connection: Connection) -> None:
    heard = Heard(connection)
    heard.say(DDATA, strokes(1), ahead=250)
    heard.now += 5000
    heard.say(DDATA, strokes(2), ahead=250)
    assert heard.row() == (1, 0.25)  # what was known before the message that was due
    heard.now += 1000
    heard.say(DDATA, strokes(3), ahead=9000)
    assert heard.row() == (1, 0.25)
    heard.now += 4000
    heard.say(DDATA, strokes(4))
    assert heard.row() == (3, 9.0)


def test_a_will_written_long_ago_is_no_word_of_the_node(connection: Connection) -> None:
    heard = Heard(connection)
    heard.now += 5000
    heard.say(DDATA, strokes(1))
    before = heard.row()
    heard.now += 3_600_000
    heard.say(NDEATH, death(0, NOW), ahead=-3_600_000)
    assert heard.row() == before


def test_a_record_number_beyond_the_database_stops_nothing(connection: Connection) -> None:
    heard = Heard(connection)
    sample = (STROKES, Sample("strokes", NOW, 1))
    heard.now += 5000
    heard.say(DDATA, data((1 << 64) - 1, sample))
    heard.now += 5000
    heard.say(DDATA, strokes(1))
    assert heard.row()[0] == (1 << 63) - 1
    assert connection.execute("select count(*) from signal.reading").fetchone() == (1,)
