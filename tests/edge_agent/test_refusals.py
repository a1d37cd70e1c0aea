"""What a machine refuses is found with few requests, kept, told once, and asked again seldom."""

import asyncio
import tempfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from machines import Plc, RememberingSink, Running, Unit, write_plant
from pymodbus.constants import ExcCodes
from structlog.testing import capture_logs

from edge_agent.clock import Clock
from edge_agent.plantfile.entries import Plant
from edge_agent.sample import BAD, Sample
from edge_agent.sources import sources
from edge_agent.sources.modbus import polls, unit
from edge_agent.sources.modbus.link import RefusedError


def machine(address: str, channels: str, more: str = "") -> str:
    return f"""
        [[press]]
        name = "P01"
        line = "L1"
        top_speed = 60
        address = "{address}"
        poll_ms = 50
        timeout_ms = 200
        stroke_counter = "c0"
        {more}
        {channels}
    """


def words(count: int, gap: int = 1) -> str:
    """Counters c0, c1, … in registers 0, gap, 2 x gap…"""
    return "".join(
        f'[[press.channel]]\nname = "c{n}"\nkind = "counter"\n'
        f'register = "holding:{gap * n}:uint16"\n'
        for n in range(count)
    )


def known(sink: RememberingSink) -> dict[str, object]:
    """The last value told of each channel."""
    return {s.channel: s.value for s in sink.of("P01") if isinstance(s, Sample)}


async def polled(
    folder: Path, asked: Unit, channels: str, until: Callable[[RememberingSink], bool],
    more: str = "",
) -> RememberingSink:  # fmt: skip
    """Poll a machine until something holds, and four requests more."""
    sink = RememberingSink()
    async with Plc(u1=asked) as plc:
        plant = write_plant(folder, machine(plc.address(1), channels, more))
        running = run(plant, sink)
        await sink.until(lambda: until(sink))
        await asked.asked_again(4)
        await running.stop()
    return sink


def run(plant: Plant, sink: RememberingSink) -> Running:
    return Running([asyncio.create_task(s.run()) for s in sources(plant, "n", sink)])


def test_one_refused_register_of_64_is_found_by_halving_and_then_costs_one_read_more(
    tmp_path: Path,
) -> None:
    asked = Unit({n: n for n in range(64)}, illegal={37})
    with capture_logs() as logs:
        told = asyncio.run(polled(tmp_path, asked, words(64), lambda s: len(known(s)) == 64))
    assert known(told) == {f"c{n}": None if n == 37 else n for n in range(64)}
    assert len([s for s in told.of("P01") if isinstance(s, Sample)]) == 64  # nothing told twice
    # 64 refused, then two halves each of 64, 32, 16, 8, 4 and 2: one of each is refused again.
    assert asked.asked[:13] == [
        (3, 0, 64), (3, 0, 32), (3, 32, 32), (3, 32, 16), (3, 32, 8), (3, 32, 4), (3, 36, 4),
        (3, 36, 2), (3, 36, 1), (3, 37, 1), (3, 38, 2), (3, 40, 8), (3, 48, 16),
    ]  # fmt: skip
    assert set(asked.asked[13:]) == {(3, 0, 37), (3, 38, 26)}
    refused = [entry for entry in logs if entry["event"] == "registers_refused"]
    assert len(refused) == 1
    assert refused[0]["channels"] == ["c37 (holding:37:uint16)"]
    assert refused[0]["why"] == "exception code 2, illegal address"
    assert "offline" not in told.of("P01")


def test_an_illegal_register_that_nobody_wants_only_cuts_the_block(tmp_path: Path) -> None:
    asked = Unit({n: n for n in range(0, 30, 3)}, illegal={14})
    told = asyncio.run(polled(tmp_path, asked, words(10, gap=3), lambda s: len(known(s)) == 10))
    assert known(told) == {f"c{n}": 3 * n for n in range(10)}
    # The whole, its halves (split at 15 where all holes are alike), and never the whole again.
    assert asked.asked[:3] == [(3, 0, 28), (3, 0, 13), (3, 15, 13)]
    assert set(asked.asked[3:]) == {(3, 0, 13), (3, 15, 13)}


def test_a_machine_that_takes_less_at_once_than_its_profile_says_is_asked_for_less(
    tmp_path: Path,
) -> None:
    asked = Unit({n: n for n in range(60)}, most=30)
    told = asyncio.run(polled(tmp_path, asked, words(60), lambda s: len(known(s)) == 60))
    assert known(told) == {f"c{n}": n for n in range(60)}
    assert asked.asked[:3] == [(3, 0, 60), (3, 0, 30), (3, 30, 30)]
    assert set(asked.asked[3:]) == {(3, 0, 30), (3, 30, 30)}


def test_values_that_share_a_refused_register_are_found_together(tmp_path: Path) -> None:
    bits = "".join(
        f'[[press.channel]]\nname = "b{n}"\nkind = "state"\nregister = "holding:2:bit{n}"\n'
        for n in range(16)
    )
    asked = Unit({0: 5, 1: 6}, illegal={2})
    told = asyncio.run(polled(tmp_path, asked, words(2) + bits, lambda s: len(known(s)) == 18))
    assert known(told) == {"c0": 5, "c1": 6} | {f"b{n}": None for n in range(16)}
    assert asked.asked[:4] == [(3, 0, 3), (3, 0, 1), (3, 1, 2), (3, 1, 1)]
    assert set(asked.asked[5:]) == {(3, 0, 2)}


def test_a_function_that_the_machine_does_not_know_is_not_halved(tmp_path: Path) -> None:
    asked = Unit(refuse=ExcCodes.ILLEGAL_FUNCTION)

    async def story() -> None:
        sink = RememberingSink()
        async with Plc(u1=asked) as plc:
            plant = write_plant(tmp_path, machine(plc.address(1), words(8)))
            running = run(plant, sink)
            await sink.until(lambda: len(known(sink)) == 8)
            await running.stop()

    asyncio.run(story())
    assert asked.asked == [(3, 0, 8)]


class HalfBusy(Unit):
    """Busy wherever it is asked beyond register 100."""

    async def answer(
        self, function: int, start: int, address: int, count: int,
        current: list[int], written: list[int] | list[bool] | None,
    ) -> ExcCodes | None:  # fmt: skip
        refusal = await super().answer(function, start, address, count, current, written)
        return refusal if address >= 100 else None


FAR = '[[press.channel]]\nname = "far"\nkind = "gauge"\nregister = "holding:100:uint16"\n'


def test_what_stays_busy_is_bad_asked_again_whole_and_told_once(tmp_path: Path) -> None:
    asked, sink = HalfBusy({0: 7, 100: 8}, refuse=ExcCodes.DEVICE_BUSY), RememberingSink()

    async def story() -> None:
        async with Plc(u1=asked) as plc:
            plant = write_plant(tmp_path, machine(plc.address(1), words(2) + FAR))
            running = run(plant, sink)
            await sink.until(lambda: sink.values("P01", "far") == [None])
            await asked.asked_again(8)
            asked.refuse = None
            await sink.until(lambda: sink.values("P01", "far") == [None, 8])
            await running.stop()

    with capture_logs() as logs:
        asyncio.run(story())
    assert sink.values("P01", "c0") == [7]  # the other block is none the worse
    assert set(asked.asked) == {(3, 0, 2), (3, 100, 1)}
    failed = [entry["why"] for entry in logs if entry["event"] == "read_failed"]
    assert failed == ["holding 100…100 (1): exception code 6, busy"]


async def story_of_a_loss(folder: Path) -> tuple[Unit, RememberingSink, int]:
    asked, sink = Unit({n: n for n in range(8)}, illegal={5}), RememberingSink()
    plc = Plc(u1=asked)
    plant = write_plant(folder, machine(plc.address(1), words(8)))
    async with plc:
        running = run(plant, sink)
        await sink.until(lambda: len(known(sink)) == 8)
        await asked.asked_again(2)
    await sink.until(lambda: "offline" in sink.of("P01"))
    before = len(asked.asked)
    async with plc:
        await sink.until(lambda: sink.values("P01", "c0") == [0, None, 0])
        await asked.asked_again(2)
        await running.stop()
    return asked, sink, before


def test_what_was_learned_is_kept_over_a_loss_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polls, "FIRST_RETRY_S", 0.05)
    with capture_logs() as logs:
        asked, sink, before = asyncio.run(story_of_a_loss(tmp_path))
    assert set(asked.asked[before:]) == {(3, 0, 5), (3, 6, 2)}
    assert sink.values("P01", "c5") == [None]
    assert len([entry for entry in logs if entry["event"] == "registers_refused"]) == 1


def test_a_refused_register_is_asked_again_seldom_and_taken_when_it_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unit, "FIRST_TRIAL_S", 0.2)
    asked, sink = Unit({n: n for n in range(8)}, illegal={5}), RememberingSink()

    async def story() -> None:
        async with Plc(u1=asked) as plc:
            plant = write_plant(tmp_path, machine(plc.address(1), words(8)))
            running = run(plant, sink)
            await sink.until(lambda: len(known(sink)) == 8)
            asked.illegal.clear()  # the PLC has started
            await sink.until(lambda: known(sink)["c5"] == 5)
            await asked.asked_again(2)
            await running.stop()

    asyncio.run(story())
    assert asked.asked.count((3, 5, 1)) == 2  # once to find it, once to try it
    assert asked.asked[-1] == (3, 0, 8)  # one block again
    assert sink.values("P01", "c5") == [None, 5]
    assert sink.values("P01", "c4") == [4]


def test_what_stays_refused_is_asked_ever_more_seldom_up_to_an_hour(tmp_path: Path) -> None:
    plant = write_plant(tmp_path, machine("modbus://127.0.0.1/1", words(8)))
    one = unit.Unit(plant.presses[0], 1, 10)
    lesson = unit.Lesson()
    half, other = one.parts(one.reads[0], 2)
    lesson.keep(half)
    lesson.refuse(other, RefusedError(2))
    one.learned(lesson, now=0.0)
    assert [str(read.block) for read in one.reads] == ["holding 0…3 (4)"]
    trials, asked = list[float](), list[list[str]]()
    while len(trials) < 12:
        trials.append(one.trial_at)
        asked.append([str(read.block) for read in one.trials()])
        one.tried([], one.trial_at)
    alone = ["holding 4…4 (1)", "holding 5…5 (1)", "holding 6…6 (1)", "holding 7…7 (1)"]
    assert asked == [
        ["holding 4…7 (4)"],  # if all was refused because the PLC started, one request is enough
        ["holding 4…5 (2)", "holding 6…7 (2)"],
        *10 * [alone],
    ]
    waits = [later - earlier for earlier, later in pairwise([0.0, *trials])]
    assert waits == [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600, 3600]
    one.came_back(trials[-1])  # after a loss: soon again
    assert one.trial_at == trials[-1] + 10


RATIOS = """
    [[press.channel]]
    name = "c0"
    kind = "counter"
    unit = "kWh"
    scale = 0.01
    register = "holding:0:uint32"
    times = ["pt", "ct"]
    [[press.channel]]
    name = "volts"
    kind = "gauge"
    register = "holding:2:float32"
    times = ["pt"]
    [[press.channel]]
    name = "pt"
    kind = "state"
    register = "holding:141:uint16"
    [[press.channel]]
    name = "ct"
    kind = "state"
    register = "holding:142:uint16"
"""


def test_a_product_is_formed_with_the_factors_of_the_same_poll(tmp_path: Path) -> None:
    # 65537 x 10 x 40 = 26 214 800; 0.5 x 10 = 5
    asked = Unit({0: 1, 1: 1, 2: 0x3F00, 3: 0, 141: 10, 142: 40})
    told = asyncio.run(polled(tmp_path, asked, RATIOS, lambda s: len(known(s)) == 4))
    assert known(told) == {"c0": 26_214_800, "volts": 5.0, "pt": 10, "ct": 40}
    assert asked.asked[:2] == [(3, 141, 2), (3, 0, 4)]  # the factors first


def test_without_its_factors_there_is_no_product(tmp_path: Path) -> None:
    asked = Unit({0: 1, 1: 1, 2: 0x3F00, 141: 10, 142: 0})
    told = asyncio.run(polled(tmp_path, asked, RATIOS, lambda s: len(known(s)) == 4))
    assert known(told) == {"c0": None, "volts": 5.0, "pt": 10, "ct": 0}
    refusing = Unit({0: 1, 1: 1, 2: 0x3F00, 142: 40}, illegal={141})
    told = asyncio.run(polled(tmp_path, refusing, RATIOS, lambda s: len(known(s)) == 4))
    assert known(told) == {"c0": None, "volts": None, "pt": None, "ct": 40}
    assert all(s.quality == BAD for s in told.of("P01") if isinstance(s, Sample) and not s.value)


places = st.dictionaries(st.integers(0, 60), st.sampled_from([1, 2]), min_size=1, max_size=25)


def apart(where: dict[int, int]) -> dict[int, int]:
    """Values that do not overlap."""
    return {at: 1 if at + 1 in where else width for at, width in where.items()}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(places.map(apart), st.sets(st.integers(0, 62), max_size=8), st.sampled_from([125, 7]))
def test_whatever_is_illegal_the_rest_is_read_and_nothing_refused_is_asked_again(
    where: dict[int, int], illegal: set[int], most: int
) -> None:
    channels = "".join(
        f'[[press.channel]]\nname = "c{n}"\nkind = "counter"\n'
        f'register = "holding:{at}:uint{16 * width}"\n'
        for n, (at, width) in enumerate(where.items())
    )
    asked = Unit({n: n for n in range(64)}, illegal=illegal, most=most)

    async def story(folder: Path) -> list[int]:
        sink, costs = RememberingSink(), list[int]()
        async with Plc(u1=asked) as plc:
            patient = machine(plc.address(1), channels).replace("= 200", "= 20000")
            plant = write_plant(folder, patient)
            (connection,) = polls.modbus_sources(plant.presses, 10, sink, Clock())
            connection._begin()
            for _ in range(12):
                before = len(asked.asked)
                await connection._poll(connection.units[0])
                costs.append(len(asked.asked) - before)
            connection.link.close()
        assert known(sink) == {
            f"c{n}": None if illegal & set(range(at, at + width)) else value(at, width)
            for n, (at, width) in enumerate(where.items())
        }
        assert len(sink.told) == 1 + len(where)  # online (or offline), and each channel once
        return costs

    with tempfile.TemporaryDirectory() as folder:
        costs = asyncio.run(story(Path(folder)))
    wanted = [set(range(at, at + width)) for at, width in where.items()]
    if all(illegal & one for one in wanted):  # it refuses everything: away, and asked for the whole
        return
    steady = asked.asked[-costs[-1] :] if costs[-1] else []
    assert costs[-3:] == [costs[-1]] * 3
    assert all(not illegal & set(range(at, at + count)) for _, at, count in steady)
    assert all(count <= most for _, _, count in steady)


def value(at: int, width: int) -> int:
    """What registers hold that hold their own numbers."""
    return at if width == 1 else at << 16 | at + 1
