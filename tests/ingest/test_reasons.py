"""Real bad messages through the real intake, each counted in the class that people filter by."""

from dataclasses import replace

import psycopg
import pytest
from spoken import (
    DBIRTH,
    DDATA,
    NBIRTH,
    NOW,
    STROKES,
    Clock,
    data,
    device_birth,
    node_birth,
    strokes,
)

from database.connection import Connection
from edge_agent.sample import Sample
from edge_agent.wire import Channel, DataType, Topic
from ingest.quarantine import Filter, faults, next_ids, tally
from ingest.reasons import KINDS, obstacle_of
from ingest.replay import CUT, OUTDATED, replay

PIECES = Channel("pieces", DataType.FLOAT, "gauge", alias=STROKES.alias)


BAD = [
    ("undecodable", DDATA, b"\xff\xfegarbage"),
    ("impossible_time", DDATA, strokes(1, at=1000)),
    ("wrong_type", DDATA, data(1, (PIECES, Sample("pieces", NOW, 2.5)))),
    ("wrong_type", DBIRTH, device_birth(replace(STROKES, scale=0.0))),
    ("protocol", str(Topic("NBIRTH", "plant", "edge-2")), node_birth()),
]


@pytest.mark.parametrize(("kind", "topic", "payload"), BAD, ids=[kind for kind, *_ in BAD])
def test_a_bad_message_is_counted_in_its_class(
    connection: Connection, kind: str, topic: str, payload: bytes
) -> None:
    intake = Clock().intake(connection)
    born = ((NBIRTH, node_birth()), (DBIRTH, device_birth(STROKES)))
    for told in (*born, (topic, payload)):
        intake.take(*told)
    intake.commit()
    [fault] = faults(connection, 10)
    assert fault.kind == kind, fault.reason
    assert tally(connection) == [(fault.node, kind, 1, int(fault.again))]


def test_a_channel_that_no_birth_declares_has_a_class_too(connection: Connection) -> None:
    intake = Clock().intake(connection)
    born = ((NBIRTH, node_birth()), (DBIRTH, device_birth()))
    for topic, payload in (*born, (DDATA, strokes(1)), *born, (DDATA, strokes(1))):
        intake.take(topic, payload)
    intake.commit()
    assert [fault.kind for fault in faults(connection, 10)] == ["no_birth"]
    elsewhere = {"no_birth", "not_taken"}  # test_foreign.py: templates and their like
    assert {kind for kind, *_ in BAD} | elsewhere == set(KINDS)


def test_filters_page_through_what_they_mean(connection: Connection) -> None:
    intake = Clock().intake(connection)
    for n in range(6):
        intake.take(f"spBv1.0/plant/DDATA/edge-{n % 2}/P01", b"\xff")
    intake.commit()
    connection.execute("update signal.quarantine set kind = 'other' where id > 2")
    mine = Filter(node="plant/edge-1")
    assert [fault.id for fault in faults(connection, 2, mine)] == [6, 4]
    assert [fault.id for fault in faults(connection, 2, mine, before=4)] == [2]
    assert next_ids(connection, Filter(kind="other"), 2, 3) == [3, 4, 5]
    assert next_ids(connection, Filter(kind="undecodable"), 0, 3) == []
    assert faults(connection, 2, Filter(kind="no_birth")) == []


def test_who_tried_is_kept_for_good(connection: Connection) -> None:
    intake = Clock().intake(connection)
    intake.take(DDATA, b"\xff")
    intake.commit()
    [outcome] = replay(connection, [1], who="qian")
    assert obstacle_of(outcome.reason) == "faulty"
    connection.commit()
    assert connection.execute("select who, message, taken from signal.replay").fetchall() == [
        ("qian", 1, None)
    ]
    with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
        connection.execute("delete from signal.replay")


def test_reasons_to_stay_have_their_classes() -> None:
    assert [obstacle_of(reason) for reason in (CUT, OUTDATED)] == ["cut", "outdated"]
    assert obstacle_of("no such message in quarantine") == "gone"
