"""What ingest makes of each message: taken, dropped, quarantined, answered, asked for again."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from spoken import (
    DBIRTH,
    DDATA,
    DDEATH,
    FORCE,
    NBIRTH,
    NDATA,
    NDEATH,
    NOW,
    RECORD_ALIAS,
    STROKES,
    UUID,
    Clock,
    data,
    device_birth,
    foreign_birth,
    node_birth,
    strokes,
)  # fmt: skip

from database.connection import Connection
from edge_agent.sample import BAD, GOOD, STALE, Sample
from edge_agent.sparkplug_pb2 import Payload
from edge_agent.wire import Ack, Channel, DataType, death
from ingest.intake import Answers, Intake

DAY = 86_400_000


@pytest.fixture
def intake(connection: Connection, clock: Clock) -> Intake:
    return clock.intake(connection)


def tell(intake: Intake, *messages: tuple[str, bytes]) -> Answers:
    for topic, payload in messages:
        intake.take(topic, payload)
    return intake.commit()


def born(intake: Intake, *channels: Channel, first: int = 1) -> Answers:
    declared = channels or (STROKES, FORCE)
    return tell(intake, (NBIRTH, node_birth(first=first)), (DBIRTH, device_birth(*declared)))


def acks(answers: Answers) -> list[Ack]:
    return [ack for _, ack in answers.acks]


def counts(connection: Connection) -> list[int]:
    rows = connection.execute("select count from signal.reading order by number")
    return [count for (count,) in rows]


def reasons(connection: Connection) -> list[str]:
    rows = connection.execute("select reason from signal.quarantine order by id")
    return [reason for (reason,) in rows]


def test_a_birth_is_answered_with_the_watermark(intake: Intake) -> None:
    assert acks(born(intake)) == [Ack(UUID, 0)]


def test_records_are_stored_with_their_channel_and_number(
    intake: Intake, connection: Connection
) -> None:
    born(intake)
    sample = Sample("force", NOW - 5, 12.5, source_at=NOW - 9)
    message = data(1, (STROKES, Sample("strokes", NOW, 7)), (FORCE, sample))
    assert acks(tell(intake, (DDATA, message))) == [Ack(UUID, 1)]
    rows = connection.execute(
        "select c.name, c.device, c.kind, c.unit, c.scale, c.modulus, count, gauge, quality, "
        "number, (extract(epoch from at) * 1000)::bigint, "
        "(extract(epoch from source_at) * 1000)::bigint "
        "from signal.reading r join signal.channel c on c.id = r.channel order by c.name desc"
    ).fetchall()
    assert rows == [
        ("strokes", "P01", "counter", None, 1.0, 65536, 7, None, 192, 1, NOW, None),
        ("force", "P01", "gauge", "kN", 0.1, None, None, 12.5, 192, 1, NOW - 5, NOW - 9),
    ]


VALUES = [
    (DataType.INT8, -128, "count"), (DataType.INT16, -32768, "count"),
    (DataType.INT32, -(2**31), "count"), (DataType.INT64, -(2**63), "count"),
    (DataType.UINT8, 255, "count"), (DataType.UINT16, 65535, "count"),
    (DataType.UINT32, 2**32 - 1, "count"), (DataType.UINT64, 2**63 - 1, "count"),
    (DataType.BOOLEAN, 1, "count"), (DataType.DATETIME, NOW, "count"),
    (DataType.FLOAT, -0.5, "gauge"), (DataType.DOUBLE, 1e300, "wide"),
    (DataType.STRING, "模具 D-1", "word"), (DataType.TEXT, "", "word"),
]  # fmt: skip


def test_every_data_type_has_its_column(intake: Intake, connection: Connection) -> None:
    channels = [
        Channel(datatype.name, datatype, "gauge", alias=100 + datatype) for datatype, _, _ in VALUES
    ]
    born(intake, *channels)
    told = [
        (channel, Sample(channel.name, NOW, value))
        for channel, (_, value, _) in zip(channels, VALUES, strict=True)
    ]
    tell(intake, (DDATA, data(1, *told)))
    for datatype, value, column in VALUES:
        row = connection.execute(
            "select count, gauge, wide, word from signal.reading r "
            "join signal.channel c on c.id = r.channel where c.name = %s",
            [datatype.name],
        ).fetchone()
        expected = [
            value if name == column else None for name in ("count", "gauge", "wide", "word")
        ]
        assert list(row or ()) == expected, datatype


@pytest.mark.parametrize("quality", [BAD, STALE])
def test_a_bad_sample_has_no_value_but_its_status(
    intake: Intake, connection: Connection, quality: int
) -> None:
    born(intake)
    sample = Sample("strokes", NOW, None, quality, status=0x80050000)
    other = Sample("force", NOW, 3.0, quality)
    tell(intake, (DDATA, data(1, (STROKES, sample), (FORCE, other))))
    rows = connection.execute("select count, gauge, quality, status from signal.reading").fetchall()
    assert rows == [(None, None, quality, 0x80050000), (None, None, quality, None)]


def test_a_duplicate_is_dropped_and_answered_at_most_every_200_ms(
    intake: Intake, connection: Connection, clock: Clock
) -> None:
    born(intake)
    tell(intake, (DDATA, strokes(1)), (DDATA, strokes(2)))
    clock.steady += 0.1
    assert acks(tell(intake, (DDATA, strokes(1)))) == []
    clock.steady += 0.1
    assert acks(tell(intake, (DDATA, strokes(2)), (DDATA, strokes(1)))) == [Ack(UUID, 2)]
    assert counts(connection) == [1, 2]


def test_a_hole_is_answered_and_never_stored_around(
    intake: Intake, connection: Connection, clock: Clock
) -> None:
    born(intake)
    assert acks(tell(intake, (DDATA, strokes(1)), (DDATA, strokes(3)))) == [Ack(UUID, 1, hole=True)]
    assert acks(tell(intake, (DDATA, strokes(4)))) == []
    clock.steady += 0.2
    assert acks(tell(intake, (DDATA, strokes(5)))) == [Ack(UUID, 1, hole=True)]
    assert counts(connection) == [1]
    resent = [(DDATA, strokes(number)) for number in (2, 3, 4, 5)]
    assert acks(tell(intake, *resent)) == [Ack(UUID, 5)]
    assert counts(connection) == [1, 2, 3, 4, 5]


def test_records_that_the_edge_gave_up_become_a_gap_and_the_stream_goes_on(
    intake: Intake, connection: Connection
) -> None:
    born(intake)
    tell(intake, (DDATA, strokes(1)))
    assert acks(born(intake, first=10)) == [Ack(UUID, 9)]
    assert acks(tell(intake, (DDATA, strokes(10)))) == [Ack(UUID, 10)]
    assert connection.execute("select first, last from signal.gap").fetchall() == [(2, 9)]
    assert connection.execute(
        "select count, quality, number, (extract(epoch from at) * 1000)::bigint "
        "from signal.reading order by number"
    ).fetchall() == [(1, GOOD, 1, NOW), (None, STALE, 9, NOW + 1), (10, GOOD, 10, NOW)]


def test_garbage_goes_to_quarantine_and_the_next_message_is_taken(
    intake: Intake, connection: Connection
) -> None:
    born(intake)
    garbage = b"\xff\xfegarbage"
    assert acks(tell(intake, (DDATA, garbage), (DDATA, strokes(1)))) == [Ack(UUID, 1)]
    [(topic, payload, reason)] = connection.execute(
        "select topic, payload, reason from signal.quarantine"
    ).fetchall()
    assert (topic, bytes(payload)) == (DDATA, garbage)
    assert reason.startswith("no Sparkplug payload")
    assert counts(connection) == [1]


FAULTS: Sequence[tuple[str, Channel, Sample]] = [
    ("is impossible", STROKES, Sample("strokes", 946_684_799_999, 5)),
    ("is impossible", STROKES, Sample("strokes", NOW + DAY + 1, 5)),
    (
        "double_value where UINT32",
        replace(STROKES, datatype=DataType.DOUBLE),
        Sample("strokes", NOW, 5),
    ),
    ("long_value where FLOAT", replace(FORCE, datatype=DataType.INT64), Sample("force", NOW, 5)),
]


@pytest.mark.parametrize(("reason", "channel", "sample"), FAULTS)
def test_a_faulty_metric_is_quarantined_its_record_acknowledged_its_company_stored(
    intake: Intake, connection: Connection, reason: str, channel: Channel, sample: Sample
) -> None:
    born(intake)
    good = (STROKES, Sample("strokes", NOW, 1))
    answers = tell(intake, (DDATA, data(1, (channel, sample), good)), (DDATA, strokes(2)))
    assert acks(answers) == [Ack(UUID, 2)]
    assert counts(connection) == [1, 2]
    [told] = reasons(connection)
    assert reason in told


def test_a_day_ahead_and_the_year_2000_are_still_possible(
    intake: Intake, connection: Connection
) -> None:
    born(intake)
    tell(intake, (DDATA, strokes(1, at=NOW + DAY)), (DDATA, strokes(2, at=946_684_800_000)))
    assert counts(connection) == [1, 2]


def test_a_number_too_big_for_the_database_is_quarantined(
    intake: Intake, connection: Connection
) -> None:
    wide = Channel("wide", DataType.UINT64, "counter", alias=30)
    born(intake, wide)
    assert acks(tell(intake, (DDATA, data(1, (wide, Sample("wide", NOW, 2**63)))))) == [
        Ack(UUID, 1)
    ]
    assert "does not fit" in reasons(connection)[0]


def test_words_that_no_text_column_holds_are_quarantined(
    intake: Intake, connection: Connection
) -> None:
    word = Channel("word", DataType.STRING, "text", alias=30)
    born(intake, word)
    bad = Payload.FromString(data(1, (word, Sample("word", NOW, "xx"))))
    broken = bad.SerializeToString().replace(b"xx", b"\xff\xff")
    tell(intake, (DDATA, broken), (DDATA, data(2, (word, Sample("word", NOW, "a\0b")))))
    assert len(reasons(connection)) == 2
    tell(intake, (DDATA, data(3, (word, Sample("word", NOW, "ok")))))
    assert connection.execute("select word from signal.reading").fetchall() == [("ok",)]


def test_an_empty_birth_is_quarantined_and_the_node_keeps_its_outbox(
    intake: Intake, connection: Connection
) -> None:
    born(intake)
    answers = tell(intake, (NBIRTH, b""), (DDATA, strokes(1)))
    assert answers.rebirths == []
    assert [ack.number for ack in acks(answers)] == [1]
    assert counts(connection) == [1]
    reason = connection.execute("select reason from signal.quarantine").fetchall()
    assert reason == [("an NBIRTH without bdSeq: the standard demands it",)]


def test_a_birth_that_cannot_be_stored_is_quarantined(
    intake: Intake, connection: Connection
) -> None:
    tell(intake, (NBIRTH, node_birth()), (DBIRTH, device_birth(replace(STROKES, name="a\0b"))))
    assert "NUL cannot be stored" in reasons(connection)[0]
    born(intake)
    assert acks(tell(intake, (DDATA, strokes(1)))) == [Ack(UUID, 1)]


def test_data_before_any_birth_asks_for_one_and_takes_the_resend(
    intake: Intake, connection: Connection
) -> None:
    answers = tell(intake, (DDATA, strokes(1)), (DDATA, strokes(2)))
    assert [node.node for node in answers.rebirths] == ["edge-1"]
    assert acks(answers) == []
    born(intake)
    assert acks(tell(intake, (DDATA, strokes(1)), (DDATA, strokes(2)))) == [Ack(UUID, 2)]
    assert counts(connection) == [1, 2]


def test_an_unknown_alias_asks_for_one_rebirth_and_is_throttled(
    intake: Intake, connection: Connection, clock: Clock
) -> None:
    born(intake, STROKES)
    message = data(1, (FORCE, Sample("force", NOW, 1.0)))
    assert len(tell(intake, (DDATA, message), (DDATA, message)).rebirths) == 1
    clock.steady += 1
    assert tell(intake, (DDATA, message)).rebirths == []
    clock.steady += 1
    assert len(tell(intake, (DDATA, message)).rebirths) == 1
    born(intake, STROKES, FORCE)
    assert acks(tell(intake, (DDATA, message))) == [Ack(UUID, 1)]
    assert reasons(connection) == []


def test_an_alias_still_unknown_after_the_rebirth_is_quarantined_and_acknowledged(
    intake: Intake, connection: Connection
) -> None:
    born(intake, STROKES)
    strokes_too = (STROKES, Sample("strokes", NOW, 1))
    message = data(1, (FORCE, Sample("force", NOW, 1.0)), strokes_too)
    tell(intake, (DDATA, message))
    born(intake, STROKES)
    assert acks(tell(intake, (DDATA, message), (DDATA, strokes(2)))) == [Ack(UUID, 2)]
    assert reasons(connection) == [f"alias {FORCE.alias} is in no birth"]
    assert counts(connection) == [1, 2]


def test_births_tell_the_latest_and_never_become_readings(
    intake: Intake, connection: Connection
) -> None:
    value = Sample("strokes", NOW, 4711)
    tell(intake, (NBIRTH, node_birth()), (DBIRTH, device_birth(STROKES, values=[value])))
    assert connection.execute("select count from signal.newest").fetchall() == [(4711,)]
    tell(intake, (DDATA, strokes(1, at=NOW - 60_000)))
    assert connection.execute("select count from signal.newest").fetchall() == [(4711,)]
    tell(intake, (DDATA, strokes(2, at=NOW + 1)))
    assert connection.execute("select count from signal.newest").fetchall() == [(2,)]
    assert counts(connection) == [1, 2]


def test_a_channel_keeps_its_row_when_its_declaration_changes(
    intake: Intake, connection: Connection
) -> None:
    born(intake, STROKES)
    born(intake, replace(STROKES, datatype=DataType.UINT64, modulus=None))
    assert connection.execute("select id, datatype, modulus from signal.channel").fetchall() == [
        (1, DataType.UINT64, None)
    ]


def test_numbers_in_another_unit_or_scale_are_another_channel(
    intake: Intake, connection: Connection
) -> None:
    for number, declared in enumerate(
        (FORCE, replace(FORCE, scale=1), replace(FORCE, scale=1, unit="t"), FORCE), 1
    ):
        born(intake, declared)
        told = Sample("force", NOW, float(number))
        tell(intake, (DDATA, data(number, (declared, told))))
    assert connection.execute(
        "select unit, scale, replaced, array_agg(gauge order by number) from signal.reading r "
        "join signal.channel c on c.id = r.channel group by c.id order by c.id"
    ).fetchall() == [("kN", 0.1, False, [1, 4]), ("kN", 1, True, [2]), ("t", 1, True, [3])]


def test_a_restart_knows_aliases_and_watermarks_without_a_birth(
    intake: Intake, connection: Connection, clock: Clock
) -> None:
    born(intake)
    tell(intake, (DDATA, strokes(1)))
    restarted = clock.intake(connection)
    answers = tell(restarted, (DDATA, strokes(1)), (DDATA, strokes(2)))
    assert acks(answers) == [Ack(UUID, 2)]
    assert answers.rebirths == []
    assert counts(connection) == [1, 2]


def test_a_death_of_an_earlier_session_is_ignored(intake: Intake, connection: Connection) -> None:
    tell(intake, (NBIRTH, node_birth(bdseq=7)), (DBIRTH, device_birth(STROKES)))
    tell(intake, (NDEATH, death(6, NOW)))
    assert connection.execute("select online from signal.node").fetchall() == [(True,)]
    tell(intake, (NDEATH, death(7, NOW)))
    assert connection.execute("select online from signal.node").fetchall() == [(False,)]
    assert connection.execute("select online from signal.device").fetchall() == [(False,)]


def test_a_copied_outbox_is_refused_while_the_first_node_lives_and_then_goes_on(
    intake: Intake, connection: Connection
) -> None:
    renamed = [(topic.replace("edge-1", "edge-2")) for topic in (NBIRTH, DBIRTH, DDATA)]
    born(intake)
    tell(intake, (DDATA, strokes(1)))
    births = [(renamed[0], node_birth()), (renamed[1], device_birth(STROKES))]
    assert acks(tell(intake, *births)) == []
    assert "another live node's" in reasons(connection)[0]
    assert acks(tell(intake, (DDATA, strokes(2)))) == [Ack(UUID, 2)]
    tell(intake, (NDEATH, death(0, NOW)))
    assert acks(tell(intake, *births, (renamed[2], strokes(3)))) == [Ack(UUID, 3)]
    assert connection.execute("select node, number from signal.outbox").fetchall() == [
        ("edge-2", 3)
    ]


def test_a_flood_of_garbage_is_counted_instead_of_kept(
    intake: Intake, connection: Connection
) -> None:
    tell(intake, *[(DDATA, b"\xff%d" % n) for n in range(300)])
    assert 100 <= len(reasons(connection)) <= 200  # a minute may turn between


def test_messages_of_ever_new_nodes_fill_no_memory_and_the_real_one_goes_on(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.intake.MOST_NODES", 100)
    born(intake)
    nobody = [(DDATA.replace("edge-1", f"nobody-{n}"), strokes(1)) for n in range(500)]
    assert tell(intake, *nobody).rebirths
    assert len(intake.nodes) <= 100
    assert acks(tell(intake, (DDATA, strokes(1)))) == [Ack(UUID, 1)]


# -- foreign nodes: no outbox, no numbers ---------------------------------------------------------

PLAIN = Channel("speed", DataType.DOUBLE, "gauge", alias=RECORD_ALIAS)


def foreign(intake: Intake) -> Answers:
    birth = device_birth(PLAIN, values=[Sample("speed", NOW, 1.0)], numbered=False)
    return tell(intake, (NBIRTH, foreign_birth()), (DBIRTH, birth))


def speed(value: float, seq: int) -> bytes:
    return data(None, (PLAIN, Sample("speed", NOW, value)), seq=seq)


def speeds(connection: Connection) -> list[tuple[float | None, int]]:
    return connection.execute("select wide, quality from signal.reading order by number").fetchall()


def test_a_foreign_node_is_served_without_acknowledgements(
    intake: Intake, connection: Connection
) -> None:
    assert acks(foreign(intake)) == []
    assert acks(tell(intake, (DDATA, speed(2.0, 2)), (DDATA, speed(3.0, 3)))) == []
    rows = connection.execute("select wide, number from signal.reading order by number").fetchall()
    assert rows == [(1.0, 1), (2.0, 2), (3.0, 3)]


def test_a_foreign_sequence_with_a_hole_becomes_a_gap_and_asks_for_a_rebirth(
    intake: Intake, connection: Connection, clock: Clock
) -> None:
    foreign(intake)
    answers = tell(intake, (DDATA, speed(2.0, 2)), (DDATA, speed(5.0, 5)), (DDATA, speed(6.0, 6)))
    assert answers.rebirths == []
    assert speeds(connection) == [(1.0, GOOD), (2.0, GOOD)]
    clock.steady += 2
    assert [node.node for node in intake.commit().rebirths] == ["edge-1"]
    [(first, last, reason)] = connection.execute(
        "select first, last, reason from signal.gap"
    ).fetchall()
    assert (first, last) == (3, 3)
    assert reason == "seq 5 where 3 was next: what lay between is lost"
    assert speeds(connection) == [
        (1.0, GOOD), (2.0, GOOD), (None, STALE), (5.0, GOOD), (6.0, GOOD)
    ]  # fmt: skip
    assert connection.execute(
        "select (extract(epoch from at) * 1000)::bigint from signal.reading where number = 3"
    ).fetchall() == [(NOW + 1,)]  # right after what was heard last


def test_foreign_messages_that_overtook_each_other_are_put_in_order(
    intake: Intake, connection: Connection, clock: Clock
) -> None:
    foreign(intake)
    tell(intake, (DDATA, speed(4.0, 4)), (DDATA, speed(3.0, 3)), (DDATA, speed(2.0, 2)))
    clock.steady += 5
    assert tell(intake, (DDATA, speed(5.0, 5))).rebirths == []
    assert speeds(connection) == [(float(n), GOOD) for n in range(1, 6)]
    assert connection.execute("select count(*) from signal.gap").fetchone() == (0,)


def test_a_foreign_message_whose_place_was_passed_goes_to_quarantine(
    intake: Intake, connection: Connection, clock: Clock
) -> None:
    foreign(intake)
    tell(intake, (DDATA, speed(2.0, 2)), (DDATA, speed(4.0, 4)))
    clock.steady += 2
    intake.commit()
    tell(intake, (DDATA, speed(3.0, 3)), (DDATA, speed(5.0, 5)))
    clock.steady += 2
    assert intake.commit().rebirths == []
    assert speeds(connection)[-2:] == [(4.0, GOOD), (5.0, GOOD)]
    assert reasons(connection) == ["seq 3 came when its place was passed: out of order"]


def test_a_foreign_sequence_that_began_anew_unheard_is_followed_after_a_gap(
    intake: Intake, connection: Connection, clock: Clock
) -> None:
    foreign(intake)
    tell(intake, *((DDATA, speed(float(n), n)) for n in range(2, 100)))
    tell(intake, (DDATA, speed(1.5, 1)), (DDATA, speed(2.5, 2)))
    clock.steady += 2
    assert len(intake.commit().rebirths) == 1
    tell(intake, (DDATA, speed(3.5, 3)))
    assert [value for value, _ in speeds(connection)][-4:] == [None, 1.5, 2.5, 3.5]
    assert reasons(connection) == []


def test_foreign_messages_are_not_held_without_bound(
    intake: Intake, connection: Connection
) -> None:
    foreign(intake)
    answers = tell(intake, *((DDATA, speed(float(n), n)) for n in range(3, 90)))
    assert len(answers.rebirths) == 1
    assert len(speeds(connection)) == 1 + 1 + 87  # the birth, the gap, and what was held


def test_the_life_of_a_foreign_node_shows_on_its_channels(
    intake: Intake, connection: Connection, clock: Clock
) -> None:
    foreign(intake)
    tell(intake, (DDEATH, Payload(timestamp=NOW + 7, seq=2).SerializeToString()))
    assert speeds(connection) == [(1.0, GOOD), (None, STALE)]
    foreign(intake)
    clock.steady += 3
    tell(intake, (NDEATH, death(0, NOW)))
    assert speeds(connection) == [(1.0, GOOD), (None, STALE)] * 2
    assert connection.execute(
        "select (extract(epoch from at) * 1000)::bigint from signal.reading "
        "where quality = 500 order by number"
    ).fetchall() == [(NOW + 8,), (NOW + 3001,)]
    assert connection.execute("select quality from signal.newest").fetchall() == [(STALE,)]
    foreign(intake)
    assert speeds(connection)[-1] == (1.0, GOOD)


def test_what_a_foreign_node_said_while_this_host_was_away_is_a_gap(
    intake: Intake, connection: Connection, clock: Clock
) -> None:
    foreign(intake)
    restarted = clock.intake(connection)
    answers = tell(restarted, (DDATA, speed(9.0, 9)))
    assert len(answers.rebirths) == 1
    assert speeds(connection) == [(1.0, GOOD), (None, STALE), (9.0, GOOD)]
    again = clock.intake(connection)
    tell(again, (NBIRTH, foreign_birth(bdseq=1)))  # and its death was not heard
    assert speeds(connection)[-1] == (None, STALE)


def test_a_foreign_birth_says_what_is_true_when_it_is_sent(
    intake: Intake, connection: Connection
) -> None:
    birth = device_birth(PLAIN, values=[Sample("speed", NOW - 9000, 1.0)], numbered=False)
    tell(intake, (NBIRTH, foreign_birth()), (DBIRTH, birth))
    assert connection.execute(
        "select (extract(epoch from at) * 1000)::bigint, "
        "(extract(epoch from source_at) * 1000)::bigint from signal.reading"
    ).fetchall() == [(NOW, NOW - 9000)]


def test_a_foreign_metric_by_name_and_node_level_data_are_taken(
    intake: Intake, connection: Connection
) -> None:
    birth = Payload.FromString(foreign_birth())
    metric = birth.metrics.add()
    metric.name, metric.datatype, metric.timestamp = "Line/Temp", DataType.INT16, NOW
    metric.int_value = 0xFFFFFFFF  # -1, its sign extended to 32 bits as some senders do
    message = Payload(timestamp=NOW, seq=1)
    told = message.metrics.add()
    told.name, told.int_value = "Line/Temp", 21
    tell(intake, (NBIRTH, birth.SerializeToString()), (NDATA, message.SerializeToString()))
    assert counts(connection) == [-1, 21]
    assert connection.execute("select device, name from signal.channel").fetchall() == [
        ("", "Line/Temp")
    ]
