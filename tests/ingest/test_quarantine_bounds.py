"""Quarantine has bounds: rubbish fills no disk, nothing goes unsaid, own data goes last."""

from collections.abc import Iterator, Sequence

import pytest
import structlog
from spoken import (
    DBIRTH,
    DDATA,
    FORCE,
    NBIRTH,
    NOW,
    STROKES,
    Clock,
    data,
    device_birth,
    node_birth,
)
from typer.testing import CliRunner

from database.connection import Connection, connect
from edge_agent.sample import Sample
from ingest import metrics
from ingest.quarantine import Filter, faults, next_ids, unkept
from ingest.quarantine_bounds import Bounds, Keeping, Quarantine
from ingest.replay import CUT, replay
from pressline.__main__ import app

pytestmark = pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")
FEW = Bounds(megabytes=2, days=30, per_minute=5)


class Kept:
    """A host with few bounds, whose own node sends a force that no birth declares."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self.connection, self.clock, self.number = connection, clock, 0
        self.keeping = Keeping(Quarantine(FEW, lambda: clock.steady))
        self.intake = clock.intake(connection, quarantine=self.keeping.quarantine)
        self.born()
        self.own(1)  # it is asked for its births
        self.born()
        self.number = 0

    def born(self) -> None:
        self.tell((NBIRTH, node_birth()), (DBIRTH, device_birth(STROKES)))

    def tell(self, *messages: tuple[str, bytes]) -> None:
        for topic, payload in messages:
            self.intake.take(topic, payload)
        self.intake.commit()

    def own(self, records: int) -> None:
        for _ in range(records):
            self.number += 1
            told = ((STROKES, Sample("strokes", NOW, 1)), (FORCE, Sample("force", NOW, 2.5)))
            self.intake.take(DDATA, data(self.number, *told))
        self.intake.commit()

    def rubbish(self, messages: int, size: int = 50, names: int = 10**6) -> None:
        topics = [f"spBv1.0/plant/DDATA/nobody-{n % names}/P01" for n in range(messages)]
        self.tell(*[(topic, b"\xff" * size) for topic in topics])

    def tidy(self) -> None:
        self.keeping.tidy(self.connection)

    def nodes(self) -> Sequence[str]:
        rows = self.connection.execute("select node from signal.quarantine order by id")
        return [node for (node,) in rows]


@pytest.fixture
def kept(database: str, clock: Clock) -> Iterator[Kept]:
    with connect(database, autocommit=True) as connection:
        yield Kept(connection, clock)


def counted() -> float:
    value = metrics.REGISTRY.get_sample_value("pressline_ingest_unkept_total", {"why": "rate"})
    assert value is not None
    return value


def test_one_sender_is_kept_so_far_and_the_rest_is_counted_with_its_name(kept: Kept) -> None:
    before = counted()
    kept.rubbish(20, names=1)
    assert kept.nodes() == ["plant/nobody-0"] * 5
    [told] = unkept(kept.connection, 10)
    assert (told.node, told.kind, told.why) == ("plant/nobody-0", "undecodable", "rate")
    assert (told.messages, told.bytes) == (15, 15 * 50)
    kept.clock.steady += 60
    kept.rubbish(7, names=1)
    assert len(kept.nodes()) == 10
    [told] = unkept(kept.connection, 10)
    assert told.messages == 17
    assert told.first < told.last
    assert counted() - before == 17


def test_ever_new_names_share_one_allowance_and_no_memory_grows(kept: Kept) -> None:
    kept.rubbish(2000)
    assert len(kept.nodes()) == 10 * FEW.per_minute
    told = unkept(kept.connection, 100)
    assert sum(each.messages for each in told) == 2000 - 50
    assert len(told) == 51  # fifty by name, the others together
    assert told[0].node == ""
    assert len(kept.keeping.quarantine._topics) <= 50


def test_big_rubbish_is_cut_and_bounded_in_bytes(kept: Kept) -> None:
    kept.rubbish(50, size=100_000)
    [size] = kept.connection.execute("select sum(length(payload)) from signal.quarantine")
    assert size[0] <= FEW.size // 64
    assert len(kept.nodes()) == 1  # 16 kB of it
    assert sum(each.bytes for each in unkept(kept.connection, 100)) == 49 * 100_000


def test_a_flood_of_strangers_takes_nothing_from_the_own_nodes(kept: Kept) -> None:
    kept.rubbish(2000)
    kept.own(40)
    own = [node for node in kept.nodes() if node == "plant/edge-1"]
    assert len(own) == 40  # more than a topic's share: a person may want them
    assert all(each.node != "plant/edge-1" for each in unkept(kept.connection, 100))


def test_without_room_strangers_go_first_and_then_the_oldest_of_the_own(kept: Kept) -> None:
    kept.own(10)
    kept.rubbish(20, size=600)
    kept.connection.execute(  # as if much had come since
        "insert into signal.quarantine (arrived, topic, payload, reason, kind) "
        "select clock_timestamp(), 'spBv1.0/plant/DDATA/nobody/P01', "
        "decode(repeat('ff', 10000), 'hex'), 'no Sparkplug payload', 'undecodable' "
        "from generate_series(1, 220)"
    )
    kept.tidy()
    left = kept.nodes()
    assert left.count("plant/edge-1") == 10
    assert 170 < left.count("plant/nobody") < 180  # 1.8 MB in all
    assert left.count("plant/nobody-0") == 0  # the oldest go first
    gone = [each for each in unkept(kept.connection, 10) if each.why == "room"]
    assert sum(each.messages for each in gone) == 250 - len(left)
    kept.connection.execute(
        "insert into signal.quarantine (arrived, topic, payload, reason, kind) "
        f"select clock_timestamp(), '{DDATA}', decode(repeat('ff', 10000), 'hex'), "
        "'force is in no birth', 'no_birth' from generate_series(1, 220)"
    )
    kept.keeping = Keeping(Quarantine(FEW))  # started anew
    kept.tidy()
    assert set(kept.nodes()) == {"plant/edge-1"}
    oldest = kept.connection.execute("select min(length(payload)) from signal.quarantine")
    assert oldest.fetchone() == (10000,)


def test_what_was_kept_for_its_time_goes_and_is_told(kept: Kept) -> None:
    kept.rubbish(3, names=1)
    kept.connection.execute(
        "update signal.quarantine set arrived = arrived - interval '31 days' where id < ("
        "select max(id) from signal.quarantine)"
    )
    kept.tidy()
    assert len(kept.nodes()) == 1
    [told] = unkept(kept.connection, 10)
    assert (told.why, told.messages, told.node) == ("age", 2, "")


def test_within_its_bounds_nothing_goes(kept: Kept) -> None:
    kept.own(3)
    kept.rubbish(4, names=1)
    kept.tidy()
    assert len(kept.nodes()) == 7
    assert unkept(kept.connection, 10) == []


def test_a_piece_that_was_cut_is_never_taken_in(kept: Kept) -> None:
    kept.tell(("spBv1.0/plant/DDATA/nobody/P01", b"\xff" * 20_000))
    [fault] = faults(kept.connection, 10)
    assert (fault.size, fault.again) == (20_000, False)
    [outcome] = replay(kept.connection, [fault.id], who="qian")
    assert outcome.reason == CUT


def test_only_what_can_change_is_taken_in_again_with_all(kept: Kept) -> None:
    kept.rubbish(3, names=1)
    kept.own(2)
    kept.tell((DBIRTH.replace("P01", "P02"), b"\xff"))
    again = [fault.id for fault in faults(kept.connection, 10) if fault.again]
    assert len(again) == 2
    assert sorted(again) == next_ids(kept.connection, Filter(), 0, 10)
    assert sorted(one.id for one in replay(kept.connection, who="qian")) == sorted(again)


def test_the_list_for_a_terminal_begins_with_what_was_not_kept(kept: Kept, database: str) -> None:
    kept.rubbish(20, names=1)
    said = CliRunner().invoke(app, ["quarantine", "list", "--database", database])
    structlog.reset_defaults()
    first, *others = said.output.splitlines()
    assert first.startswith("not kept: 15 messages (750 B) of plant/nobody-0, undecodable, ")
    assert first.endswith(": more came in a minute than is kept")
    assert len(others) == 5
