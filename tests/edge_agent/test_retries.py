"""What real devices do: answers lost, busy, deaf, closing, and one register that spoils its block.

A real server behind the fault lab's proxy. The counter grows with every answer, so that each poll
that brought something is told.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from machines import Plc, RememberingSink, Running, Unit, free_port, write_plant
from pymodbus.constants import ExcCodes
from structlog.testing import capture_logs

from bench.proxy import Leg, Mood
from edge_agent.sample import Sample
from edge_agent.sources import sources
from edge_agent.sources.modbus import polls, unit

FAR = 100  # registers of the second block


class Counting(Unit):
    """Register 16 grows with every request."""

    async def answer(
        self, function: int, start: int, address: int, count: int,
        current: list[int], written: list[int] | list[bool] | None,
    ) -> ExcCodes | None:  # fmt: skip
        self.registers[16] = self.registers.get(16, 0) + 1
        return await super().answer(function, start, address, count, current, written)


def press(
    address: str, more: str = "", name: str = "P01", poll_ms: int = 50, timeout_ms: int = 200
) -> str:
    """Five registers from 16 on, and one far away."""
    return f"""
        [[press]]
        name = "{name}"
        line = "L1"
        top_speed = 60
        profile = "press-16bit"
        address = "{address}"
        poll_ms = {poll_ms}
        timeout_ms = {timeout_ms}
        {more}
        [[press.channel]]
        name = "far"
        kind = "gauge"
        register = "holding:{FAR}:uint16"
    """


class Line:
    """A machine behind a leg of the proxy, and what was told of it."""

    def __init__(self, leg: Leg, machine: Unit, sink: RememberingSink) -> None:
        self.leg, self.machine, self.sink = leg, machine, sink

    def last(self, channel: str) -> object:
        return self.sink.values("P01", channel)[-1]

    async def polls(self, count: int) -> None:
        """Wait until so many polls more were told."""
        told = len(self.strokes())
        await self.sink.until(lambda: len(self.strokes()) >= told + count)

    def strokes(self) -> list[Sample]:
        told = [s for s in self.sink.of("P01") if isinstance(s, Sample)]
        return [sample for sample in told if sample.channel == "strokes"]

    def longest_ms(self) -> int:
        """Between two polls that brought the counter."""
        return max(later.at - earlier.at for earlier, later in pairwise(self.strokes()))

    def nothing_was_lost(self) -> bool:
        return "offline" not in self.sink.of("P01") and None not in self.sink.values(
            "P01", "strokes"
        )


@asynccontextmanager
async def machine(
    folder: Path,
    mood: Mood | None = None,
    more: str = "",
    *,
    poll_ms: int = 50,
    timeout_ms: int = 200,
) -> AsyncGenerator[Line]:
    counting, sink = Counting({20: 605}), RememberingSink()
    async with Plc(u1=counting) as plc:
        leg = Leg("P01", "modbus", free_port(), plc.port)
        await leg.open()
        if mood:
            await leg.change(mood)
        address = f"modbus://127.0.0.1:{leg.listen}/1"
        plant = write_plant(folder, press(address, more, poll_ms=poll_ms, timeout_ms=timeout_ms))
        running = Running([asyncio.create_task(s.run()) for s in sources(plant, "n", sink)])
        try:
            yield Line(leg, counting, sink)
        finally:
            await running.stop()
            leg.shut()
            leg.reset()


@pytest.mark.parametrize(("name", "code"), [("drop", 0), ("excuse", 6), ("excuse", 2)])
def test_what_fails_by_chance_is_asked_again_and_nothing_is_lost(
    tmp_path: Path, name: str, code: int
) -> None:
    async def story() -> None:
        async with machine(tmp_path) as line:
            await line.polls(3)
            await line.leg.change(Mood(name, way="down", share=0.2, seed=8, code=code))
            while line.leg.mood.struck < 25:
                await line.polls(1)
            assert line.nothing_was_lost()
            assert None not in line.sink.values("P01", "far")
            assert {asked[1:] for asked in line.machine.asked} == {(16, 5), (FAR, 1)}
            assert not line.sink.refusals

    asyncio.run(story())


def test_the_second_poll_that_brings_nothing_makes_it_unknown(tmp_path: Path) -> None:
    async def story() -> None:
        async with machine(tmp_path) as line:
            await line.polls(3)
            await line.leg.change(Mood("drop"))
            await line.sink.until(lambda: "offline" in line.sink.of("P01"))
            assert line.last("strokes") is None
            assert line.last("far") is None

    asyncio.run(story())


def test_a_device_that_closes_after_each_answer_is_read(tmp_path: Path) -> None:
    async def story() -> None:
        async with machine(tmp_path, Mood("closing")) as line:
            await line.polls(20)
            assert line.nothing_was_lost()
            assert line.last("far") == 0

    asyncio.run(story())


def test_a_device_that_is_deaf_at_first_is_read_and_its_connection_kept(tmp_path: Path) -> None:
    async def story() -> None:
        async with machine(tmp_path, Mood("deaf", low=2.0)) as line:
            await line.polls(10)
            assert line.sink.of("P01").count("offline") <= 1  # before it was ever there
            assert line.last("far") == 0

    asyncio.run(story())


SPOILT = [("", 0), ("short", 0), ("close", 0), ("code", 4), ("code", 11)]


@pytest.mark.parametrize(("instead", "code"), SPOILT)
def test_a_register_that_fails_while_it_runs_costs_the_others_two_polls(
    tmp_path: Path, instead: str, code: int
) -> None:
    async def story() -> None:
        async with machine(tmp_path, poll_ms=500, timeout_ms=1000) as line:
            await line.polls(3)
            await line.leg.change(Mood("mute", registers="18", instead=instead, code=code))
            await line.sink.until(lambda: bool(line.sink.refusals))
            await line.polls(4)
            assert line.nothing_was_lost()
            assert line.longest_ms() <= 3 * 500
            assert line.last("alarm") is None
            assert line.sink.values("P01", "speed") == [605]
            [(_, channel, why)] = line.sink.refusals
            assert channel == "alarm"
            assert "holding:18" in why

    asyncio.run(story())


@pytest.mark.parametrize(("instead", "code"), SPOILT)
def test_a_register_that_never_answered_takes_no_other_with_it(
    tmp_path: Path, instead: str, code: int
) -> None:
    async def story() -> None:
        async with machine(
            tmp_path, Mood("mute", registers="18", instead=instead, code=code)
        ) as line:
            await line.polls(5)
            assert line.last("alarm") is None
            assert line.last("speed") == 605
            assert [channel for _, channel, _ in line.sink.refusals] == ["alarm"]

    asyncio.run(story())


@pytest.mark.parametrize(("instead", "code"), SPOILT)
def test_a_register_that_nobody_asked_for_is_left_out(
    tmp_path: Path, instead: str, code: int
) -> None:
    more = '[[press.channel]]\nname = "oil"\nkind = "gauge"\nregister = "holding:26:uint16"\n'

    async def story() -> None:
        async with machine(
            tmp_path, Mood("mute", registers="23", instead=instead, code=code), more
        ) as line:
            await line.sink.until(lambda: line.sink.values("P01", "oil")[-1:] == [0])
            await line.polls(5)
            assert line.last("speed") == 605
            assert not line.sink.refusals

    asyncio.run(story())


def test_one_block_alone_with_a_silent_register_is_found_out(tmp_path: Path) -> None:
    async def story() -> None:
        sink, quiet = RememberingSink(), Counting({20: 605})
        async with Plc(u1=quiet) as plc:
            leg = Leg("P01", "modbus", free_port(), plc.port)
            await leg.open()
            await leg.change(Mood("mute", registers="18"))
            text = press(f"modbus://127.0.0.1:{leg.listen}/1").partition("[[press.channel]]")[0]
            plant = write_plant(tmp_path, text)
            running = Running([asyncio.create_task(s.run()) for s in sources(plant, "n", sink)])
            await sink.until(lambda: sink.values("P01", "speed")[-1:] == [605])
            await running.stop()
            leg.shut()
            leg.reset()
        assert sink.values("P01", "alarm") == [None]

    asyncio.run(story())


def test_what_was_learned_is_forgotten_step_by_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unit, "FIRST_TRIAL_S", 0.2)
    more = '[[press.channel]]\nname = "oil"\nkind = "gauge"\nregister = "holding:26:uint16"\n'

    async def story() -> None:
        async with machine(tmp_path, Mood("mute", registers="18 23"), more) as line:
            await line.sink.until(lambda: bool(line.sink.refusals))
            await line.polls(5)
            await line.leg.change(Mood())
            await line.sink.until(lambda: line.last("alarm") == 0)
            while {asked[1:] for asked in line.machine.asked[-4:]} != {(16, 11), (FAR, 1)}:
                await line.polls(1)  # one block again, across the hole
            assert line.last("speed") == 605

    asyncio.run(story())


def test_a_machine_that_refuses_all_is_away_and_read_at_once_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polls, "FIRST_RETRY_S", 0.05)

    async def story() -> None:
        async with machine(tmp_path) as line:
            await line.polls(3)
            await line.leg.change(Mood("excuse", way="down", code=2))
            await line.sink.until(lambda: "offline" in line.sink.of("P01"))
            await line.machine.asked_again(20)
            await line.leg.change(Mood())
            await line.polls(3)
            assert not line.sink.refusals
            assert {asked[1:] for asked in line.machine.asked[-4:]} == {(16, 5), (FAR, 1)}

    with capture_logs() as logs:
        asyncio.run(story())
    [why] = [entry["why"] for entry in logs if entry["event"] == "device_offline"]
    assert why == "it refuses everything: exception code 2, illegal address"


def test_an_answer_without_its_number_is_told_and_read_where_the_plant_file_says_so(
    tmp_path: Path,
) -> None:
    async def story(more: str) -> Line:
        async with machine(tmp_path, Mood("number", way="down"), more) as line:
            await line.sink.until(lambda: len(line.sink.told) > 6)
            return line

    with capture_logs() as logs:
        assert None in asyncio.run(story("")).sink.values("P01", "strokes")
    [why] = {entry["why"] for entry in logs if entry["event"] == "device_offline"}
    assert "only one that carries transaction 0 instead of" in why
    assert 'set transaction = "loose"' in why
    assert asyncio.run(story('transaction = "loose"')).nothing_was_lost()


def test_a_retry_pushes_no_neighbour_behind_the_same_gateway_out_of_its_period(
    tmp_path: Path,
) -> None:
    """The timeout alone fills the period: what is lost is asked for at the next poll."""

    async def story() -> None:
        lossy, well, sink = LosesEverySecond(), Counting(), RememberingSink()
        async with Plc(u1=lossy, u2=well) as plc:
            text = press(plc.address(1), poll_ms=400, timeout_ms=300)
            text += press(plc.address(2), name="P02", poll_ms=400, timeout_ms=300)
            plant = write_plant(tmp_path, text)
            running = Running([asyncio.create_task(s.run()) for s in sources(plant, "n", sink)])
            await sink.until(lambda: len(sink.values("P01", "strokes")) >= 5)
            await running.stop()
        told = [s for s in sink.of("P02") if isinstance(s, Sample) and s.channel == "strokes"]
        gaps = [later.at - earlier.at for earlier, later in pairwise(told)]
        assert max(gaps) <= 2 * 400
        assert "offline" not in sink.of("P01") + sink.of("P02")
        assert None not in sink.values("P01", "strokes")

    asyncio.run(story())


class LosesEverySecond(Counting):
    """Of its near registers it answers every second request."""

    async def answer(
        self, function: int, start: int, address: int, count: int,
        current: list[int], written: list[int] | list[bool] | None,
    ) -> ExcCodes | None:  # fmt: skip
        refusal = await super().answer(function, start, address, count, current, written)
        near = sum(asked == 16 for _, asked, _ in self.asked)
        if address == 16 and near > 2 and near % 2:
            return ExcCodes.GATEWAY_NO_RESPONSE
        return refusal


@pytest.mark.parametrize(("more", "soon"), [("", True), ("retries = 0", False)])
def test_how_often_it_is_asked_again_at_once_is_the_plant_files_to_say(
    tmp_path: Path, more: str, soon: bool
) -> None:
    async def story() -> float:
        async with machine(tmp_path, None, more, poll_ms=800) as line:
            await line.polls(2)
            await line.leg.change(Mood("drop", way="down"))
            await line.machine.asked_again()
            line.machine.asked_at.clear()
            await line.machine.asked_again(2)
            one, other, *_ = line.machine.asked_at
            return other - one

    assert (asyncio.run(story()) < 0.5) == soon
