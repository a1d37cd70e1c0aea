"""Quarantine for people: what lies there, what it says, and taking it in again."""

from collections.abc import Iterator, Sequence

import psycopg
import pytest
import structlog
from spoken import (
    DBIRTH,
    DDATA,
    FORCE,
    NBIRTH,
    NDEATH,
    NOW,
    RECORD_ALIAS,
    STROKES,
    Clock,
    data,
    device_birth,
    foreign_birth,
    node_birth,
    strokes,
)
from typer.testing import CliRunner

from database.connection import Connection, connect
from edge_agent.sample import Sample
from edge_agent.wire import Channel, DataType, death
from ingest.intake import Intake
from ingest.quarantine import described, faults
from ingest.replay import Outcome, replay
from pressline.__main__ import app

GARBAGE = b"\xff\xfegarbage"
BOTH = data(1, (STROKES, Sample("strokes", NOW, 7)), (FORCE, Sample("force", NOW, 2.5)))


@pytest.fixture
def intake(connection: Connection) -> Intake:
    return Clock().intake(connection)


@pytest.fixture
def call() -> Iterator[CliRunner]:
    """Calls the command line; logs go back to where they went before."""
    yield CliRunner()
    structlog.reset_defaults()


def tell(intake: Intake, *messages: tuple[str, bytes]) -> None:
    for topic, payload in messages:
        intake.take(topic, payload)
    intake.commit()


def born(intake: Intake, *channels: Channel) -> None:
    tell(intake, (NBIRTH, node_birth()), (DBIRTH, device_birth(*channels)))


def force_unknown(intake: Intake) -> None:
    """A record whose `force` is in no birth, not even in the one that was asked for."""
    born(intake, STROKES)
    tell(intake, (DDATA, BOTH))
    born(intake, STROKES)
    tell(intake, (DDATA, BOTH))


def readings(connection: Connection) -> list[tuple[object, ...]]:
    return connection.execute(
        "select c.name, count, gauge from signal.reading r join signal.channel c on c.id = channel "
        "order by c.name"
    ).fetchall()


def outcomes(connection: Connection, ids: Sequence[int] | None = None) -> list[Outcome]:
    return list(replay(connection, ids, who="qian"))


def test_the_list_has_the_newest_first(intake: Intake, connection: Connection) -> None:
    born(intake, STROKES)
    tell(intake, (DDATA, GARBAGE), (DDATA, b"\xff"), (NBIRTH, GARBAGE))
    told = faults(connection, 2)
    assert [(fault.id, fault.topic, fault.size) for fault in told] == [
        (3, NBIRTH, 9), (2, DDATA, 1),
    ]  # fmt: skip
    assert "no Sparkplug payload" in str(told[0])


def test_show_prints_bytes_and_what_they_say(intake: Intake, connection: Connection) -> None:
    force_unknown(intake)
    tell(intake, (DDATA, GARBAGE))
    text = "\n".join(described(connection, 1) or [])
    assert f"alias {FORCE.alias} is in no birth" in text
    assert f"00000000  {BOTH[:16].hex(' ')}" in text
    assert "strokes = 7" in text
    text = "\n".join(described(connection, 2) or [])
    assert "ff fe 67 61 72 62 61 67 65" in text
    assert "..garbage" in text
    assert "no Sparkplug payload" in text
    assert described(connection, 99) is None


def test_garbage_stays_and_says_why_again(intake: Intake, connection: Connection) -> None:
    born(intake, STROKES)
    tell(intake, (DDATA, GARBAGE))
    [outcome] = outcomes(connection, [1])
    assert outcome.taken is None
    assert outcome.reason.startswith("no Sparkplug payload")
    assert len(faults(connection, 10)) == 1


def test_what_the_missing_birth_explains_is_taken_once(
    intake: Intake, connection: Connection
) -> None:
    force_unknown(intake)
    assert readings(connection) == [("strokes", 7, None)]
    assert [outcome.taken for outcome in outcomes(connection)] == [None]
    born(intake, STROKES, FORCE)
    assert outcomes(connection, [1]) == [Outcome(1, 1)]
    assert readings(connection) == [("force", None, 2.5), ("strokes", 7, None)]
    assert faults(connection, 10) == []
    assert outcomes(connection) == []
    assert "qian took it out already" in outcomes(connection, [1])[0].reason
    assert outcomes(connection, [9]) == [Outcome(9, None, "no such message in quarantine")]
    assert len(readings(connection)) == 2


def test_a_replayed_reading_comes_as_a_record_that_readers_of_the_tail_see(
    intake: Intake, connection: Connection
) -> None:
    force_unknown(intake)
    born(intake, STROKES, FORCE)
    outcomes(connection)
    assert connection.execute(
        "select o.uuid, r.number, o.number from signal.reading r "
        "join signal.outbox o on o.id = r.outbox where gauge is not null"
    ).fetchall() == [("quarantine", 1, 1)]
    tell(intake, (DDATA, strokes(2)))  # the live stream does not notice
    assert len(readings(connection)) == 3


def test_what_a_wrong_clock_left_in_quarantine_is_dated_as_the_rest_of_its_record_was(
    intake: Intake, connection: Connection
) -> None:
    later = NOW + 3_600_000
    ahead = data(
        1, (STROKES, Sample("strokes", later, 7)), (FORCE, Sample("force", later, 2.5)),
        sent_at=later,
    )  # fmt: skip
    born(intake, STROKES)
    tell(intake, (DDATA, ahead))
    born(intake, STROKES)
    tell(intake, (DDATA, ahead))
    born(intake, STROKES, FORCE)
    assert outcomes(connection) == [Outcome(1, 1)]
    assert readings(connection) == [("force", None, 2.5), ("strokes", 7, None)]
    times = connection.execute(
        "select distinct (extract(epoch from at) * 1000)::bigint, "
        "(extract(epoch from source_at) * 1000)::bigint from signal.reading"
    )
    assert times.fetchall() == [(NOW, later)]


def test_a_committed_record_is_not_taken_twice(intake: Intake, connection: Connection) -> None:
    born(intake, STROKES, FORCE)
    tell(intake, (DDATA, BOTH))
    connection.execute(
        "insert into signal.quarantine (arrived, topic, payload, reason) "
        "values (clock_timestamp(), %s, %s, 'an older program')",
        [DDATA, BOTH],
    )
    assert [str(outcome) for outcome in outcomes(connection)] == [
        "1: removed: all its readings are there already"
    ]
    assert len(readings(connection)) == 2


def test_a_record_that_its_edge_still_has_stays(intake: Intake, connection: Connection) -> None:
    born(intake, STROKES, FORCE)
    connection.execute(
        "insert into signal.quarantine (arrived, topic, payload, reason) "
        "values (clock_timestamp(), %s, %s, 'an older program')",
        [DDATA, BOTH],
    )
    assert "its edge still has it" in outcomes(connection)[0].reason
    tell(intake, (DDATA, BOTH))
    assert len(readings(connection)) == 2


def test_nothing_is_taken_of_a_node_that_is_offline(intake: Intake, connection: Connection) -> None:
    force_unknown(intake)
    born(intake, STROKES, FORCE)
    tell(intake, (NDEATH, death(0, NOW)))
    assert "wait until it is online" in outcomes(connection)[0].reason


def test_births_are_not_replayed(intake: Intake, connection: Connection) -> None:
    tell(intake, (NBIRTH, node_birth()))
    connection.execute(
        "insert into signal.quarantine (arrived, topic, payload, reason) "
        "values (clock_timestamp(), %s, %s, 'refused')",
        [NBIRTH, node_birth(bdseq=9)],
    )
    assert "its node's next one" in outcomes(connection, [1])[0].reason
    assert connection.execute("select bdseq from signal.node").fetchall() == [(0,)]


def test_aliases_of_a_foreign_node_are_void_after_its_next_birth(
    intake: Intake, connection: Connection
) -> None:
    plain = Channel("speed", DataType.DOUBLE, "gauge", alias=RECORD_ALIAS)
    birth = device_birth(plain, values=[Sample("speed", NOW, 1.0)], numbered=False)
    tell(intake, (NBIRTH, foreign_birth()), (DBIRTH, birth))
    late = data(None, (plain, Sample("speed", NOW - 1, 2.0)), seq=2)
    connection.execute(
        "insert into signal.quarantine (arrived, topic, payload, reason) values "
        "('2020-01-01Z', %(topic)s, %(payload)s, 'old'), "
        "(clock_timestamp(), %(topic)s, %(payload)s, 'new')",
        {"topic": DDATA, "payload": late},
    )
    old, new = outcomes(connection)
    assert "born again" in old.reason
    assert new.taken == 1


def test_the_command_line_lists_shows_and_replays(database: str, call: CliRunner) -> None:
    with connect(database, autocommit=True) as connection:
        intake = Clock().intake(connection)
        force_unknown(intake)
        born(intake, STROKES, FORCE)
        tell(intake, (DDATA, GARBAGE))
    listed = call.invoke(app, ["quarantine", "list", "--database", database])
    assert [line.split()[0] for line in listed.output.splitlines()] == ["2", "1"]
    shown = call.invoke(app, ["quarantine", "show", "1", "--database", database])
    assert "force = 2.5" in shown.output
    replayed = call.invoke(app, ["quarantine", "replay", "--all", "--database", database])
    assert (replayed.exit_code, replayed.output) == (0, "1: taken, 1 reading\n")
    never = call.invoke(app, ["quarantine", "replay", "2", "--database", database])
    assert never.exit_code == 1
    assert "2: stays: no Sparkplug payload" in never.output
    again = call.invoke(app, ["quarantine", "replay", "1", "--database", database])
    assert "took it out already" in again.output
    neither = call.invoke(app, ["quarantine", "replay", "--database", database])
    assert neither.exit_code == 2
    with psycopg.connect(database) as connection:
        assert len(readings(connection)) == 2
