"""What the edge node says, and when: heard where the broker would stand."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from edge_agent.node import Node
from edge_agent.outbox import Outbox, end_of
from edge_agent.outbox.bounds import Limits
from edge_agent.plantfile.entries import Mqtt
from edge_agent.sample import BAD, GOOD, Sample
from edge_agent.sparkplug_pb2 import Metric, Payload
from edge_agent.wire import (
    CLOCK_STEP,
    GIVEN_UP,
    OUTBOX_FIRST,
    OUTBOX_ID,
    OUTBOX_RECORD,
    QUALITY,
    REFUSED,
    Ack,
    Channel,
    DataType,
    GivenUp,
    State,
    read_channel,
    read_properties,
    rebirth_request,
    state_topic,
)

STROKES = Channel("strokes", DataType.UINT32, "counter")
FORCE = Channel("force", DataType.FLOAT, "gauge")
STATE, NCMD = state_topic("pressline"), "spBv1.0/plant/NCMD/edge-1"


class Heard:
    """Stands where the broker does."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, Payload]] = []

    def publish(self, topic: str, payload: bytes) -> None:
        _, _, kind, _, *device = topic.split("/")
        self.messages.append((" ".join([kind, *device]), Payload.FromString(payload)))

    def take(self) -> list[tuple[str, Payload]]:
        taken, self.messages = self.messages, []
        return taken

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.take()]

    def numbers(self) -> list[int]:
        """Record numbers of the data heard since the last look."""
        return [payload.metrics[0].long_value for kind, payload in self.take() if "DATA" in kind]


class Actor(Node):
    """A node whose commits the test makes."""

    heard: Heard

    async def write(self, *counts: int, device: str = "P01", at: int = 1000) -> None:
        for count in counts:
            self.samples(device, [Sample("strokes", at, count)])
        await self._keeping.commit()

    def online(self, timestamp: int = 1) -> None:
        self.connected(self.outbox.next_bdseq())
        self.received(STATE, State(True, timestamp).encode())

    def ack(self, number: int, *, hole: bool = False, uuid: str | None = None) -> None:
        ack = Ack(uuid or self.outbox.uuid, number, hole)
        self.received(NCMD, ack.encode(3, 0))


@asynccontextmanager
async def living(
    folder: Path, devices: dict[str, Sequence[Channel]] | None = None
) -> AsyncGenerator[Actor]:
    outbox = Outbox(folder / "outbox.sqlite")
    devices = devices or {"P01": [STROKES], "P02": [STROKES]}
    node = Actor("plant", "edge-1", devices=devices, outbox=outbox, mqtt=Mqtt(), clock=lambda: 5000)
    node.heard = Heard()
    node._delivery.wire = node.heard  # the seam to the network
    await node._keeping.commit()
    try:
        yield node
    finally:
        outbox.close()


def play(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(story)


def named(payload: Payload) -> dict[str, Metric]:
    return {metric.name: metric for metric in payload.metrics}


def test_waits_for_the_host_and_then_is_born_with_its_records(tmp_path: Path) -> None:
    async def story() -> None:
        async with living(tmp_path) as node:
            await node.write(1, 2)
            node.connected(0)
            assert node.heard.take() == []
            node.received(STATE, State(True, 1).encode())
            heard = node.heard.take()
            assert [kind for kind, _ in heard] == ["NBIRTH", "DBIRTH P01", "DDATA P01", "DDATA P01"]
            assert [payload.seq for _, payload in heard] == [0, 1, 2, 3]
            birth = named(heard[0][1])
            assert birth[OUTBOX_ID].string_value == node.outbox.uuid
            assert birth[OUTBOX_FIRST].long_value == 1

    play(story())


def test_births_carry_current_values_and_data_only_aliases(tmp_path: Path) -> None:
    async def story() -> None:
        async with living(tmp_path) as node:
            await node.write(41, 42)
            node.online()
            _, (_, birth), (_, data), _ = node.heard.take()
            declared = named(birth)
            assert declared["strokes"].int_value == 42
            assert OUTBOX_RECORD in declared
            assert [metric.name for metric in data.metrics] == ["", ""]
            assert data.metrics[1].alias == declared["strokes"].alias
            assert data.metrics[1].int_value == 41

    play(story())


def test_what_a_birth_has_overtaken_is_historical_and_so_is_a_resend(tmp_path: Path) -> None:
    async def story() -> None:
        async with living(tmp_path) as node:
            await node.write(1, at=1000)
            await node.write(2, at=2000)
            node.online()
            old, new = [payload for kind, payload in node.heard.take() if "DDATA" in kind]
            assert old.metrics[1].is_historical
            assert not new.metrics[1].is_historical
            node.ack(0, hole=True)
            assert [p.metrics[1].is_historical for _, p in node.heard.take()] == [True, True]

    play(story())


def test_an_offline_host_gets_an_ndeath_and_nothing_more(tmp_path: Path) -> None:
    async def story() -> None:
        async with living(tmp_path) as node:
            node.online(timestamp=5)
            node.heard.take()
            node.received(STATE, State(False, 4).encode())  # the late will of an earlier session
            assert node.heard.take() == []
            node.received(STATE, State(False, 5).encode())
            [(kind, death)] = node.heard.take()
            assert (kind, death.metrics[0].name, death.metrics[0].long_value) == (
                "NDEATH",
                "bdSeq",
                0,
            )
            await node.write(1)
            assert node.heard.take() == []
            assert node.outbox.last == 1

    play(story())


def test_a_rebirth_starts_over_after_what_is_acknowledged(tmp_path: Path) -> None:
    async def story() -> None:
        async with living(tmp_path) as node:
            node.online()
            await node.write(1, 2, 3)
            node.ack(1)
            node.heard.take()
            node.received(NCMD, rebirth_request(0))
            heard = node.heard.take()
            assert [kind for kind, _ in heard] == ["NBIRTH", "DBIRTH P01", "DDATA P01", "DDATA P01"]
            assert [payload.seq for _, payload in heard] == [0, 1, 2, 3]
            assert named(heard[0][1])[OUTBOX_FIRST].long_value == 2

    play(story())


def test_a_hole_is_filled_in_order_and_only_once(tmp_path: Path) -> None:
    async def story() -> None:
        async with living(tmp_path) as node:
            node.online()
            await node.write(1, 2, 3, 4)
            assert node.heard.numbers() == [1, 2, 3, 4]
            node.ack(1, hole=True)
            assert node.heard.numbers() == [2, 3, 4]
            node.ack(1, hole=True)
            assert node.heard.numbers() == []
            node.ack(4)
            await node.write(5)
            assert node.heard.numbers() == [5]

    play(story())


def test_going_back_over_a_death_brings_the_device_to_life_again(tmp_path: Path) -> None:
    async def story() -> None:
        async with living(tmp_path) as node:
            node.online()
            await node.write(1)
            node.device_offline("P01", 0)
            await node.write(2, device="P02")
            assert node.heard.kinds() == [
                "NBIRTH", "DBIRTH P01", "DDATA P01", "DDEATH P01", "DBIRTH P02", "DDATA P02",
            ]  # fmt: skip
            node.ack(0, hole=True)
            assert node.heard.kinds() == [
                "DDEATH P02", "DBIRTH P01", "DDATA P01", "DDEATH P01", "DBIRTH P02", "DDATA P02",
            ]  # fmt: skip

    play(story())


def test_a_device_that_comes_back_is_born_before_its_samples(tmp_path: Path) -> None:
    async def story() -> None:
        async with living(tmp_path) as node:
            node.online()
            node.device_online("P01")
            node.device_online("P01")
            await node.write(1)
            node.samples("P01", [Sample("strokes", 1, None, BAD)])
            node.device_offline("P01", 2)
            await node._keeping.commit()
            node.device_online("P01")
            await node.write(3)
            assert node.heard.kinds() == [
                "NBIRTH", "DBIRTH P01", "DDATA P01", "DDATA P01", "DDEATH P01", "DBIRTH P01",
                "DDATA P01",
            ]  # fmt: skip

    play(story())


def test_an_acknowledgement_of_another_outbox_is_ignored(tmp_path: Path) -> None:
    async def story() -> None:
        async with living(tmp_path) as node:
            node.online()
            await node.write(1, 2)
            node.ack(2, uuid="another")
            node.received(NCMD, b"\xff garbage")
            assert node.sender.acknowledged == 0
            node.ack(2)
            assert node.sender.acknowledged == 2

    play(story())


def test_a_restart_finds_its_devices_dead_and_resends(tmp_path: Path) -> None:
    async def story() -> None:
        async with living(tmp_path) as node:
            node.online()
            await node.write(1, 2)
            node.ack(1)
            await node._keeping.commit()
        async with living(tmp_path) as node:
            node.online()
            heard = node.heard.take()
            assert [kind for kind, _ in heard] == [
                "NBIRTH",
                "DBIRTH P01",
                "DDATA P01",
                "DDEATH P01",
            ]
            assert heard[2][1].metrics[0].long_value == 2
            assert named(heard[0][1])["bdSeq"].long_value == 1

    play(story())


def test_a_channel_taken_out_stays_in_the_birth_until_its_records_are_sent(tmp_path: Path) -> None:
    async def story() -> None:
        async with living(tmp_path, {"P01": [STROKES, FORCE]}) as node:
            node.samples("P01", [Sample("force", 1, 0.5), Sample("strokes", 1, 1)])
            await node._keeping.commit()
        async with living(tmp_path, {"P01": [STROKES]}) as node:
            await node.write(2)
            node.online()
            births = [named(payload) for kind, payload in node.heard.take() if "DBIRTH" in kind]
            assert ["force" in birth for birth in births] == [True, False]
            assert births[0]["strokes"].alias == births[1]["strokes"].alias

    play(story())


def test_a_device_taken_out_is_still_delivered(tmp_path: Path) -> None:
    async def story() -> None:
        async with living(tmp_path) as node:
            await node.write(7, device="P02")
        async with living(tmp_path, {"P01": [STROKES]}) as node:
            node.online()
            assert node.heard.kinds() == ["NBIRTH", "DBIRTH P02", "DDATA P02", "DDEATH P02"]

    play(story())


def test_a_value_that_does_not_fit_its_channel_is_kept_as_bad(tmp_path: Path) -> None:
    async def story() -> None:
        async with living(tmp_path, {"P01": [STROKES, FORCE]}) as node:
            node.online()
            samples = [Sample("strokes", 1, -1), Sample("force", 1, 2.5), Sample("unknown", 1, 1)]
            node.samples("P01", samples)
            await node._keeping.commit()
            _, (_, one), (_, other), _, (_, data) = node.heard.take()
            told = [record.metrics[1].string_value for record in (one, other)]
            assert told == [
                "P01/strokes: -1 does not fit UINT32; kept as bad",
                "P01/unknown: the plant file declares no such channel",
            ]
            _, strokes, force = data.metrics
            assert strokes.is_null
            assert read_properties(strokes)[QUALITY] == BAD
            assert force.float_value == 2.5
            assert read_properties(force).get(QUALITY, GOOD) == GOOD

    play(story())


def test_a_backlog_is_sent_in_windows(tmp_path: Path) -> None:
    async def story() -> None:
        async with living(tmp_path) as node:
            await node.write(*range(1, 2001))
            node.online()
            sent = node.heard.numbers()
            while sent[-1] < 2000:
                node.ack(sent[-1])
                await asyncio.sleep(0)  # slices of a long window go on in the loop's next turn
                sent += node.heard.numbers()
            assert sent == list(range(1, 2001))
            node.ack(2000)
            await node._keeping.commit()
            assert node.outbox.first == 2001

    play(story())


def test_a_full_outbox_gives_up_its_oldest_and_tells_the_host(tmp_path: Path) -> None:
    async def story() -> None:
        async with living(tmp_path) as node:
            node.online()
            await node.write(*range(1, 2001))
            await asyncio.sleep(0)  # the last slice of the window
            node.heard.take()
            await node.bound()
            assert node.heard.take() == []
            node._keeping.bounds.limits = Limits(bytes=node.outbox.size - 1)
            await node.bound()
            [(_, birth), *rest] = node.heard.take()
            first = named(birth)[OUTBOX_FIRST].long_value
            assert 100 < first < 1000
            assert [p.metrics[0].long_value for k, p in rest if "DDATA" in k][:2] == [
                first, first + 1,
            ]  # fmt: skip
            await node._keeping.commit()
            [told] = [e for e in node.outbox.read(end_of(2000), 10) if not e.device]
            given = GivenUp.parse(Payload.FromString(told.body or b"").metrics[0].string_value)
            assert given is not None
            assert (given.what, given.first, given.last) == ("dropped", 1, first - 1)

    play(story())


def test_an_old_copy_of_an_outbox_goes_on_under_a_new_identity(tmp_path: Path) -> None:
    async def story() -> None:
        async with living(tmp_path) as node:
            await node.write(*range(1, 11))
            old = node.outbox.uuid
        async with living(tmp_path) as node:
            await node.write(111, 112)
            node.online()
            node.heard.take()
            node.ack(500)
            [(_, birth), *rest] = node.heard.take()
            assert named(birth)[OUTBOX_ID].string_value == node.outbox.uuid != old
            data = [payload for kind, payload in rest if "DDATA" in kind]
            told = [(p.metrics[0].long_value, p.metrics[1].int_value) for p in data]
            assert told == [(1, 111), (2, 112)]
            node.ack(2)
            await node.write(113)
            assert node.heard.numbers() == [3]

    play(story())


def test_an_old_copy_that_wrote_as_much_as_the_database_has_is_found_out_by_its_first_record(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with living(tmp_path) as node:
            await node.write(*range(1, 11))
        async with living(tmp_path) as node:
            await node.write(*range(111, 131))
            node.online()
            assert node.heard.numbers() == [1]
            node.ack(15)
            assert node.heard.numbers() == [*range(1, 21)]
            assert node.outbox.last == 20

    play(story())


def test_an_old_copy_that_dies_before_its_first_answer_is_found_out_all_the_same(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with living(tmp_path) as node:
            await node.write(*range(1, 11))
            old = node.outbox.uuid
        async with living(tmp_path) as node:
            await node.write(*range(111, 131))
            node.online()  # the broker is slow: no answer comes
        async with living(tmp_path) as node:
            await node.write(131)
            node.online()
            node.heard.take()
            node.ack(15)
            [(_, birth), *rest] = node.heard.take()
            assert named(birth)[OUTBOX_ID].string_value == node.outbox.uuid != old
            told = [p.metrics[1].int_value for kind, p in rest if "DDATA" in kind]
            assert told == [*range(111, 132)]
        async with living(tmp_path) as node:
            node.online()
            node.ack(21)
            assert node.outbox.uuid != old

    play(story())


def test_an_outbox_whose_agents_died_unanswered_is_no_copy_of_itself(tmp_path: Path) -> None:
    async def story() -> None:
        async with living(tmp_path) as node:
            await node.write(*range(1, 11))
            uuid = node.outbox.uuid
            node.online()
            node.ack(10)
            await node._keeping.commit()
        for count in (11, 12, 13):  # the first of them reached the database, unanswered
            async with living(tmp_path) as node:
                await node.write(count)
                node.online()
                assert node.heard.numbers() == [11]
        async with living(tmp_path) as node:
            node.online()
            node.ack(11)
            assert (node.outbox.uuid, node.heard.numbers()) == (uuid, [11, 12, 13])
            await node.write(14)
            node.ack(14)
            await node._keeping.commit()
        async with living(tmp_path) as node:
            assert (node.outbox.opened_at, node.outbox.known) == (14, 14)

    play(story())


def test_records_given_up_before_the_first_answer_do_not_make_a_copy(tmp_path: Path) -> None:
    async def story() -> None:
        async with living(tmp_path) as node:
            await node.write(*range(1, 11))
        async with living(tmp_path) as node:
            await node.write(*range(11, 31))
            assert node.outbox.give_up(25) == (1, 25)
            node.online()
            assert node.heard.numbers() == [26]  # it is taken, and the answer lost
        async with living(tmp_path) as node:
            uuid = node.outbox.uuid
            node.online()
            node.ack(26)
            assert (node.outbox.uuid, node.heard.numbers()) == (uuid, [26, 27, 28, 29, 30])

    play(story())


def test_what_the_node_tells_of_itself_is_declared_in_its_birth_and_numbered(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with living(tmp_path) as node:
            node.online()
            [(_, birth)] = node.heard.take()
            declared = named(birth)
            assert {CLOCK_STEP, GIVEN_UP, REFUSED} < declared.keys()
            assert declared[CLOCK_STEP].is_null
            await node.write(1)
            node.clock_stepped(-3_600_000, at=2000)
            await node.write(2)
            heard = node.heard.take()
            assert [kind for kind, _ in heard] == ["DBIRTH P01", "DDATA P01", "NDATA", "DDATA P01"]
            assert [p.metrics[0].long_value for k, p in heard if "DATA" in k] == [1, 2, 3]
            record, step = heard[2][1].metrics
            assert (record.alias, step.alias) == (
                declared[OUTBOX_RECORD].alias, declared[CLOCK_STEP].alias,
            )  # fmt: skip
            assert (step.long_value, step.timestamp) == (2**64 - 3_600_000, 2000)

    play(story())


def test_records_of_the_node_are_resent_in_order_and_need_no_birth(tmp_path: Path) -> None:
    async def story() -> None:
        async with living(tmp_path) as node:
            await node.write(1)
            node.clock_stepped(500, at=2000)
            await node.write(2)
            node.online()
            assert node.heard.kinds()[:4] == ["NBIRTH", "DBIRTH P01", "DDATA P01", "NDATA"]
            node.ack(1)
            node.received(NCMD, rebirth_request(0))
            [(_, birth), _, (kind, step), (_, data)] = node.heard.take()
            assert named(birth)[CLOCK_STEP].long_value == 500
            assert (kind, step.metrics[0].long_value) == ("NDATA", 2)
            assert data.metrics[0].long_value == 3
        async with living(tmp_path) as node:
            node.online()
            node.ack(0)  # the host is heard: one record at a time before
            assert node.heard.kinds() == [
                "NBIRTH", "DBIRTH P01", "DDATA P01", "NDATA", "DDATA P01", "DDEATH P01",
            ]  # fmt: skip

    play(story())


def test_a_record_says_when_it_is_sent_by_the_clock_that_it_was_captured_with(
    tmp_path: Path,
) -> None:
    """The node's clock shows 5000 when it sends; it was set forward by 700 ms in between."""

    def sent_by(heard: list[tuple[str, Payload]]) -> list[int]:
        return [payload.metrics[0].timestamp for kind, payload in heard if "DATA" in kind]

    async def story() -> None:
        async with living(tmp_path) as node:
            await node.write(1)
            node.clock_stepped(700, at=2000)
            await node.write(2)
            node.online()
            assert sent_by(node.heard.take()) == [5000 - 700, 5000, 5000]
        async with living(tmp_path) as node:  # started again, all of it still waits
            node.online()
            assert sent_by(node.heard.take()) == [5000 - 700]
            node.ack(0)
            assert sent_by(node.heard.take()) == [5000, 5000]
            node.ack(2)
            node.received(NCMD, rebirth_request(0))
            assert sent_by(node.heard.take()) == [5000]

    play(story())


def test_a_modulus_that_the_machine_tells_is_in_its_births_from_there_on(tmp_path: Path) -> None:
    declared = Channel("declared", DataType.INT64, "counter", modulus=1000)
    devices: dict[str, Sequence[Channel]] = {"P01": [STROKES, declared]}

    def moduli(payload: Payload) -> list[int | None]:
        told = {m.name: read_channel(m) for m in payload.metrics}
        return [each.modulus for each in (told["strokes"], told["declared"]) if each]

    async def story() -> None:
        async with living(tmp_path, devices) as node:
            await node.write(1)
            node.online()
            node.modulus_found("P01", "strokes", 65536)
            node.modulus_found("P01", "declared", 65536)  # the plant file knows better
            node.modulus_found("P01", "strokes", 65536)  # told again: nothing new
            await node.write(2)
            births = [moduli(payload) for kind, payload in node.heard.take() if "DBIRTH" in kind]
            assert births == [[None, 1000], [65536, 1000]]
            node.take_over(devices, Mqtt(), Limits())  # a reload says nothing of it
            await node.write(3)
            assert "DBIRTH P01" not in node.heard.kinds()

    play(story())
