"""Foreign nodes as the field has them: hours off, by exception, compressed, without bdSeq."""

import gzip
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from spoken import DBIRTH, DDATA, DDEATH, NBIRTH, NDEATH, NOW, STROKES, Clock, Direct, device_birth

from database.connection import Connection
from edge_agent.sample import GOOD, STALE, Sample
from edge_agent.sparkplug_pb2 import Payload
from edge_agent.wire import DataType, death, write_sample
from ingest.births import ASKS_BEFORE_QUARANTINE
from ingest.compressed import COMPRESSED, MOST_BYTES
from ingest.intake import Answers, Intake
from ingest.replay import replay

pytestmark = pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")
HOUR = 3_600_000
S = 1000


class Hall:
    """A foreign node whose messages come when they are due, and the host that takes them."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self.connection, self.clock, self.now, self.seq = connection, clock, NOW, 0
        self.intake = self.host()

    def host(self) -> Intake:
        return Intake(Direct(self.connection), lambda: self.now, lambda: self.clock.steady)

    def passes(self, seconds: float) -> None:
        for _ in range(round(seconds)):
            self.now += S
            self.clock.steady += 1
            self.intake.commit()

    def tell(self, topic: str, payload: Payload | bytes) -> Answers:
        raw = payload if isinstance(payload, bytes) else payload.SerializeToString()
        self.intake.take(topic, raw)
        return self.intake.commit()

    def born(self, off: int = 0, bdseq: int = 0, unit: int = 1) -> None:
        self.tell(NBIRTH, death(bdseq, (self.now + off) // unit))  # bdSeq is all it has to say
        birth = Payload.FromString(device_birth(STROKES, numbered=False, seq=1))
        birth.timestamp, self.seq = (self.now + off) // unit, 1
        self.tell(DBIRTH, birth)

    def counts(self, count: int, off: int = 0, unit: int = 1) -> Answers:
        self.seq += 1
        sent = (self.now + off) // unit
        payload = Payload(timestamp=sent, seq=self.seq)
        write_sample(payload.metrics.add(), STROKES, Sample("strokes", sent, count))
        return self.tell(DDATA, payload)

    def readings(self) -> Sequence[tuple[int, int | None, int | None, int]]:
        """Time after NOW, the node's own time after it, value, quality: of what says a value."""
        return self.connection.execute(
            "select (extract(epoch from at) * 1000)::bigint - %s, "
            "(extract(epoch from source_at) * 1000)::bigint - %s, count, quality "
            "from signal.reading where count is not null or quality = %s order by number",
            [NOW, NOW, STALE],
        ).fetchall()

    def reasons(self) -> list[str]:
        rows = self.connection.execute("select reason from signal.quarantine order by id")
        return [reason for (reason,) in rows]


@pytest.fixture
def hall(connection: Connection, clock: Clock) -> Hall:
    return Hall(connection, clock)


# -- clocks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("off", [8 * HOUR, -8 * HOUR, 23 * HOUR, 10 * S])
def test_a_node_in_local_time_is_dated_anew_and_its_own_time_stays(hall: Hall, off: int) -> None:
    hall.born(off)
    for count in (1, 2, 3):
        hall.counts(count, off)
        hall.passes(1)
    at_once = [(n * S, n * S + off, n + 1, GOOD) for n in range(3)]
    assert hall.readings() == at_once
    assert hall.reasons() == []


def test_a_clock_that_is_set_right_turns_no_time_back(hall: Hall) -> None:
    hall.born(8 * HOUR)
    hall.counts(1, 8 * HOUR)
    hall.passes(2)
    hall.counts(2)
    hall.passes(2)
    hall.counts(3)
    assert hall.readings() == [
        (0, 8 * HOUR, 1, GOOD), (2 * S, None, 2, GOOD), (4 * S, None, 3, GOOD),
    ]  # fmt: skip


def test_slow_ways_turn_no_time_of_a_wrong_clock_back(hall: Hall) -> None:
    hall.born(8 * HOUR)
    hall.counts(1, 8 * HOUR - 1500)  # on its way for 1.5 s, the next one not at all
    hall.now += 100
    hall.counts(2, 8 * HOUR - 1400)
    hall.counts(3, 8 * HOUR)
    times = [at for at, *_ in hall.readings()]
    assert times == sorted(times)


def test_what_it_says_of_its_past_is_put_right_by_as_much(hall: Hall) -> None:
    hall.born(8 * HOUR)
    payload = Payload(timestamp=NOW + 8 * HOUR, seq=2)
    write_sample(payload.metrics.add(), STROKES, Sample("strokes", NOW + 7 * HOUR, 5))
    hall.tell(DDATA, payload)
    assert hall.readings() == [(-HOUR, 7 * HOUR, 5, GOOD)]


def test_a_device_ahead_of_its_node_is_dated_by_the_node(hall: Hall) -> None:
    hall.born()
    payload = Payload(timestamp=NOW, seq=2)
    write_sample(payload.metrics.add(), STROKES, Sample("strokes", NOW + 8 * HOUR, 5))
    hall.tell(DDATA, payload)
    assert hall.readings() == [(0, 8 * HOUR, 5, GOOD)]


def test_times_in_seconds_are_taken_as_such(hall: Hall) -> None:
    hall.born(unit=S)
    hall.counts(7, unit=S)
    assert hall.readings() == [(NOW // S * S - NOW, None, 7, GOOD)]
    assert hall.reasons() == []


def test_a_message_out_of_quarantine_is_dated_as_it_would_have_been(hall: Hall) -> None:
    hall.born(8 * HOUR)
    payload = Payload(timestamp=NOW + 8 * HOUR)
    write_sample(payload.metrics.add(), STROKES, Sample("strokes", NOW + 8 * HOUR, 5))
    payload.metrics[0].ClearField("alias")
    payload.metrics[0].name = "strokes"
    hall.connection.execute(
        "insert into signal.quarantine (topic, payload, reason, kind, arrived) "
        "values (%s, %s, 'x is in no birth', 'no_birth', %s)",
        [DDATA, payload.SerializeToString(), datetime.fromtimestamp(NOW / 1000, UTC)],
    )
    [outcome] = replay(hall.connection, who="li")
    assert outcome.taken == 1, outcome
    [(at, own, count, _)] = hall.readings()
    assert (abs(at) <= 1, own, count) == (True, 8 * HOUR, 5)


# -- alive, and silent ----------------------------------------------------------------------------


def test_a_node_by_exception_that_lives_stands_still(hall: Hall) -> None:
    """It stood 45 s and said nothing: what it said holds, and when it said so stays beside."""
    hall.born()
    hall.counts(5)
    hall.passes(45)
    hall.counts(6)
    told = hall.readings()
    assert told[0][2:] == (5, GOOD)
    assert told[-1] == (45 * S, None, 6, GOOD)
    repeated = told[1:-1]
    assert {(own, count, quality) for _, own, count, quality in repeated} == {(0, 5, GOOD)}
    times = [at for at, *_ in told]
    assert times == sorted(times)
    assert max(b - a for a, b in pairwise(times)) < 15 * S


def test_a_dead_node_and_a_dead_device_stand_no_more(hall: Hall) -> None:
    hall.born()
    hall.counts(5)
    hall.tell(DDEATH, Payload(timestamp=hall.now, seq=3))
    hall.passes(45)
    assert [(count, quality) for *_, count, quality in hall.readings()] == [
        (5, GOOD), (None, STALE),
    ]  # fmt: skip


def test_a_host_that_begins_anew_asks_and_claims_nothing_meanwhile(hall: Hall) -> None:
    hall.born()
    hall.counts(5)
    hall.intake = hall.host()
    hall.now, hall.clock.steady = hall.now + 2 * S, hall.clock.steady + 2
    assert [node.node for node in hall.intake.commit().rebirths] == ["edge-1"]
    hall.passes(45)
    assert len(hall.readings()) == 1


def test_a_will_of_another_session_than_its_birth_is_told(hall: Hall) -> None:
    hall.born(bdseq=5)
    hall.counts(5)
    hall.tell(NDEATH, death(4, hall.now))
    [reason] = hall.reasons()
    assert "bdSeq 4" in reason
    assert "NBIRTH said 5" in reason
    hall.passes(45)  # it may be dead: nobody says that it stands
    assert len(hall.readings()) == 1
    hall.counts(6)
    assert hall.readings()[-1][2:] == (6, GOOD)


def test_the_late_death_of_an_earlier_life_is_no_fault(hall: Hall) -> None:
    hall.born(bdseq=4)
    hall.born(bdseq=5)
    hall.tell(NDEATH, death(4, hall.now))
    assert hall.reasons() == []
    assert _online(hall)


@pytest.mark.parametrize("said", ["nothing", "alias"])
def test_a_death_that_can_only_mean_this_life_ends_it(hall: Hall, said: str) -> None:
    birth = Payload.FromString(death(7, hall.now))
    birth.metrics[0].alias = 3
    hall.tell(NBIRTH, birth)
    end = Payload(timestamp=hall.now)
    if said == "alias":
        metric = end.metrics.add()
        metric.alias, metric.datatype, metric.long_value = 3, DataType.INT64, 7
    hall.tell(NDEATH, end)
    assert not _online(hall)


def test_a_death_without_bdseq_may_be_that_of_an_earlier_life(hall: Hall) -> None:
    hall.born(bdseq=4)
    hall.born(bdseq=5)
    hall.tell(NDEATH, Payload(timestamp=hall.now))
    assert _online(hall)
    hall.tell(NDEATH, Payload(timestamp=hall.now))  # that one is over: this can only be the second
    assert not _online(hall)


def _online(hall: Hall) -> bool:
    row = hall.connection.execute("select online from signal.node").fetchone()
    return row is not None and row[0]


# -- asked in vain --------------------------------------------------------------------------------


def test_a_node_that_is_asked_in_vain_is_told_as_such(hall: Hall) -> None:
    for count in range(ASKS_BEFORE_QUARANTINE + 1):
        hall.counts(count)
        hall.passes(3)
    assert hall.reasons()
    assert all("was asked" in reason and "did not answer" in reason for reason in hall.reasons())


def test_a_refused_birth_lengthens_the_pause_to_the_next_request(hall: Hall) -> None:
    asked: list[float] = []
    for _ in range(200):
        if hall.counts(1).rebirths:
            asked.append(hall.clock.steady)
            hall.tell(NBIRTH, Payload(timestamp=hall.now, seq=0))  # without bdSeq
        hall.passes(1)
    pauses = [b - a for a, b in pairwise(asked)]
    assert pauses == [4, 8, 16, 32, 64]
    hall.born()
    assert hall.counts(2).acks == []
    assert hall.readings()[-1][2:] == (2, GOOD)


# -- what is not taken, and what is inflated ------------------------------------------------------


def test_templates_and_data_sets_are_told_once_as_what_they_are(hall: Hall) -> None:
    hall.tell(NBIRTH, death(0, hall.now))
    birth = Payload.FromString(device_birth(STROKES, numbered=False))
    for name, alias, datatype in (("recipe", 30, 19), ("table", 31, 16), ("trend", 32, 30)):
        metric = birth.metrics.add()
        metric.name, metric.alias, metric.datatype = name, alias, datatype
    hall.tell(DBIRTH, birth)
    payload = Payload(timestamp=NOW, seq=2)
    write_sample(payload.metrics.add(), STROKES, Sample("strokes", NOW, 5))
    template = payload.metrics.add()
    template.alias, template.datatype, template.is_null = 30, 19, True
    assert hall.tell(DDATA, payload).rebirths == []
    assert hall.reasons() == [
        "recipe (a template), table (a data set), trend (an array): "
        "plain values are taken, these are not"
    ]
    assert hall.connection.execute("select kind from signal.quarantine").fetchone() == (
        "not_taken",
    )
    assert [count for *_, count, _ in hall.readings()] == [5]


def compressed(payload: Payload, algorithm: str) -> Payload:
    raw = payload.SerializeToString()
    body = gzip.compress(raw) if algorithm == "GZIP" else zlib.compress(raw)
    outer = Payload(uuid=COMPRESSED, body=body, timestamp=payload.timestamp)
    metric = outer.metrics.add()
    metric.name, metric.datatype, metric.string_value = "algorithm", DataType.STRING, algorithm
    return outer


@pytest.mark.parametrize("algorithm", ["GZIP", "DEFLATE"])
def test_compressed_payloads_are_inflated_and_known_again(hall: Hall, algorithm: str) -> None:
    hall.tell(NBIRTH, compressed(Payload.FromString(death(0, NOW)), algorithm))
    birth = Payload.FromString(device_birth(STROKES, numbered=False))
    hall.tell(DBIRTH, compressed(birth, algorithm))
    hall.intake = hall.host()  # births were kept, and are read again
    payload = Payload(timestamp=NOW, seq=2)
    write_sample(payload.metrics.add(), STROKES, Sample("strokes", NOW, 5))
    hall.tell(DDATA, compressed(payload, algorithm))
    assert hall.readings()[-1][2:] == (5, GOOD)
    assert hall.reasons() == []


@pytest.mark.parametrize(
    ("body", "algorithm", "why"),
    [
        (zlib.compress(bytes(MOST_BYTES + 1)), "DEFLATE", "becomes more than"),
        (zlib.compress(b"payload")[:-3], "DEFLATE", "cut short"),
        (b"no such thing", "GZIP", "cannot be inflated"),
        (b"", "LZ4", "compressed by LZ4"),
    ],
)
def test_what_cannot_be_inflated_is_told(hall: Hall, body: bytes, algorithm: str, why: str) -> None:
    outer = compressed(Payload(), algorithm)
    outer.body = body
    hall.tell(NBIRTH, outer)
    [reason] = hall.reasons()
    assert why in reason
