"""Polling real Modbus servers: values, faults, recovery, and that no machine delays another."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from machines import (
    Plc,
    RememberingSink,
    Running,
    Unit,
    free_port,
    serial_line,
    write_plant,
)
from pymodbus.constants import ExcCodes

from edge_agent.clock import Clock
from edge_agent.plantfile.entries import Plant
from edge_agent.sample import BAD, Sample
from edge_agent.sources import sources
from edge_agent.sources.modbus import polls
from edge_agent.sources.modbus.polls import ModbusConnection


def press(name: str, address: str, more: str = "") -> str:
    return f"""
        [[press]]
        name = "{name}"
        line = "L1"
        top_speed = 60
        profile = "press-16bit"
        address = "{address}"
        poll_ms = 50
        timeout_ms = 200
        {more}
    """


@asynccontextmanager
async def running(plant: Plant, sink: RememberingSink) -> AsyncGenerator[Running]:
    background = Running([asyncio.create_task(s.run()) for s in sources(plant, "n", sink)])
    try:
        yield background
    finally:
        await background.stop()


async def story_of_a_stroke(folder: Path) -> None:
    sink, unit = RememberingSink(), Unit({16: 41, 17: 0b1, 19: 7, 20: 605})
    async with Plc(u1=unit) as plc:
        plant = write_plant(folder, press("P01", plc.address(1)))
        async with running(plant, sink):
            await sink.until(lambda: len(sink.told) >= 6)
            unit.registers[16] = 42
            await sink.until(lambda: sink.values("P01", "strokes")[-1] == 42)
            await unit.asked_again(3)
    assert sink.told[0] == ("P01", "online")
    first = {s.channel: s.value for _, s in sink.told[1:6] if isinstance(s, Sample)}
    assert first == {"strokes": 41, "running": True, "alarm": 0, "die_id": 7, "speed": 605}
    assert [s for _, s in sink.told[6:]] == [sink.told[6][1]]  # only the stroke was told
    assert set(unit.asked) == {(3, 16, 5)}  # one block


def test_first_poll_tells_all_and_then_only_what_changed(tmp_path: Path) -> None:
    asyncio.run(story_of_a_stroke(tmp_path))


async def story_of_a_lost_machine(folder: Path) -> None:
    sink, unit = RememberingSink(), Unit({16: 41})
    plc = Plc(u1=unit)
    plant = write_plant(folder, press("P01", plc.address(1)))
    async with plc:
        background = running(plant, sink)
        await background.__aenter__()
        await sink.until(lambda: sink.values("P01", "strokes") == [41])
    await sink.until(lambda: "offline" in sink.of("P01"))
    unit.registers[16] = 44
    async with plc:
        await sink.until(lambda: sink.values("P01", "strokes") == [41, None, 44])
        await background.__aexit__(None, None, None)
    told = sink.of("P01")
    assert told[0] == "online"
    lost = told.index("offline")
    bad = [s for s in told[lost - 5 : lost] if isinstance(s, Sample)]
    assert [(s.value, s.quality) for s in bad] == [(None, BAD)] * 5  # before the death, once
    assert told[lost + 1] == "online"
    assert told.count("offline") == 1


def test_lost_machine_is_bad_then_offline_then_online_with_its_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polls, "FIRST_RETRY_S", 0.05)
    asyncio.run(story_of_a_lost_machine(tmp_path))


class FarSilent(Unit):
    """Answers what is near at once; what is far only from the third time on."""

    async def answer(
        self, function: int, start: int, address: int, count: int,
        current: list[int], written: list[int] | list[bool] | None,
    ) -> ExcCodes | None:  # fmt: skip
        refusal = await super().answer(function, start, address, count, current, written)
        if address >= FAR and sum(asked >= FAR for _, asked, _ in self.asked) < 3:
            return ExcCodes.GATEWAY_NO_RESPONSE
        return refusal


FAR = 1000


async def story_of_half_a_poll(folder: Path) -> None:
    sink, unit = RememberingSink(), FarSilent({16: 41})
    far = f'[[press.channel]]\nname = "oil"\nkind = "gauge"\nregister = "holding:{FAR}:uint16"'
    async with Plc(u1=unit) as plc:
        plant = write_plant(folder, press("P01", plc.address(1), far), heartbeat_s=3600)
        async with running(plant, sink):
            await sink.until(lambda: sink.values("P01", "oil")[-1:] == [0])
    assert sink.values("P01", "strokes") == [41]
    assert sink.values("P01", "oil") == [None, 0]
    assert "offline" not in sink.of("P01")


def test_a_block_that_is_not_answered_takes_no_other_with_it(tmp_path: Path) -> None:
    asyncio.run(story_of_half_a_poll(tmp_path))


async def story_of_a_hanging_neighbour(folder: Path) -> None:
    sink = RememberingSink()
    hanging, well = Unit(hang=asyncio.Event()), Unit({16: 1})
    nobody = f"modbus://127.0.0.1:{free_port()}/1"
    async with Plc(u1=hanging) as one, Plc(u1=well) as other:
        devices = press("P01", one.address(1))
        devices += press("P02", other.address(1)) + press("P03", nobody)
        async with running(write_plant(folder, devices), sink):
            await sink.until(lambda: "offline" in sink.of("P01") and "offline" in sink.of("P03"))
            await well.asked_again(5)
            assert hanging.hang
            hanging.hang.set()
    assert "offline" not in sink.of("P02")
    assert len(well.asked) > 5


def test_hanging_or_absent_machine_delays_no_other(tmp_path: Path) -> None:
    asyncio.run(story_of_a_hanging_neighbour(tmp_path))


async def story_of_one_connection(folder: Path) -> None:
    sink, units = RememberingSink(), {n: Unit({16: n}) for n in (1, 2, 3)}
    async with Plc(u1=units[1], u2=units[2], u3=units[3]) as plc:
        devices = "".join(press(f"P0{n}", plc.address(n)) for n in (1, 2, 3))
        async with running(write_plant(folder, devices), sink):
            await sink.until(lambda: {d for d, _ in sink.told} == {"P01", "P02", "P03"})
            for unit in units.values():
                await unit.asked_again(2)
    assert [sink.values(f"P0{n}", "strokes") for n in (1, 2, 3)] == [[1], [2], [3]]
    assert plc.connections == 1


def test_units_of_one_host_and_port_share_a_connection(tmp_path: Path) -> None:
    asyncio.run(story_of_one_connection(tmp_path))


async def story_of_a_dead_unit_behind_a_gateway(folder: Path) -> None:
    sink = RememberingSink()
    dead, well = Unit(refuse=ExcCodes.GATEWAY_NO_RESPONSE), Unit({16: 5})
    async with Plc(u1=dead, u2=well) as plc:
        devices = press("P01", plc.address(1)) + press("P02", plc.address(2))
        async with running(write_plant(folder, devices), sink):
            await sink.until(lambda: "offline" in sink.of("P01"))
            await well.asked_again(3)
    assert sink.of("P02")[0] == "online"
    assert "offline" not in sink.of("P02")
    assert "online" not in sink.of("P01")
    assert plc.connections == 1


def test_gateway_answers_for_a_dead_unit_and_others_go_on(tmp_path: Path) -> None:
    asyncio.run(story_of_a_dead_unit_behind_a_gateway(tmp_path))


async def story_of_an_illegal_register(folder: Path) -> None:
    sink, unit = RememberingSink(), Unit({16: 9, 20: 1}, illegal={18, 22})
    more = """
        [[press.channel]]
        name = "far"
        kind = "gauge"
        register = "holding:25:uint16"
    """
    async with Plc(u1=unit) as plc:
        plant = write_plant(folder, press("P01", plc.address(1), more))
        async with running(plant, sink):
            await sink.until(lambda: len([s for s in sink.told if s[1] != "online"]) >= 6)
            await unit.asked_again(10)
    samples = [s for s in sink.of("P01") if isinstance(s, Sample)]
    values = {s.channel: s.value for s in samples}
    assert values == {
        "strokes": 9, "running": False, "alarm": None, "die_id": 0, "speed": 1, "far": 0,
    }  # fmt: skip
    assert len(samples) == 6
    later = set(unit.asked[-8:])
    assert (3, 16, 10) not in later  # what it refused is not asked again
    [(device, channel, reason)] = sink.refusals  # told once, for the database
    assert (device, channel) == ("P01", "alarm")
    assert "holding:18" in reason


def test_register_that_the_machine_refuses_spoils_no_other(tmp_path: Path) -> None:
    asyncio.run(story_of_an_illegal_register(tmp_path))


JUNK = {
    "noise": b"\xff\x00\xff\x00" * 5,
    "another function": b"\x00\x01\x00\x00\x00\x03\x01\x2b\x00",
    "too few registers": b"\x00\x01\x00\x00\x00\x05\x01\x03\x02\x00\x07",
    "a byte count that lies": b"\x00\x01\x00\x00\x00\x05\x01\x03\x0a\x00\x07",
    "nothing": b"",
}


async def story_of_a_machine_that_talks_nonsense(folder: Path, junk: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(64)
        writer.write(junk)
        writer.close()

    sink, well, port = RememberingSink(), Unit({16: 1}), free_port()
    mad = await asyncio.start_server(talk, "127.0.0.1", port)
    async with mad, Plc(u1=well) as plc:
        devices = press("P01", f"modbus://127.0.0.1:{port}/1") + press("P02", plc.address(1))
        async with running(write_plant(folder, devices), sink):
            await sink.until(lambda: "offline" in sink.of("P01"))
            await well.asked_again(3)
    assert sink.values("P01", "strokes") == [None]
    assert sink.values("P02", "strokes") == [1]


@pytest.mark.parametrize("junk", JUNK)
def test_nonsense_from_a_machine_is_bad_quality_and_harms_no_other(
    tmp_path: Path, junk: str
) -> None:
    asyncio.run(story_of_a_machine_that_talks_nonsense(tmp_path, JUNK[junk]))


async def story_of_a_heartbeat(folder: Path) -> None:
    sink, unit = RememberingSink(), Unit({16: 41})
    async with Plc(u1=unit) as plc:
        plant = write_plant(folder, press("P01", plc.address(1)), heartbeat_s=0.1)
        async with running(plant, sink):
            await sink.until(lambda: len(sink.values("P01", "die_id")) == 3)
    assert set(sink.values("P01", "strokes")) == {41}


def test_unchanged_value_is_told_again_after_a_heartbeat(tmp_path: Path) -> None:
    asyncio.run(story_of_a_heartbeat(tmp_path))


def test_polls_stay_on_the_grid_and_missed_ones_are_not_made_up(tmp_path: Path) -> None:
    plant = write_plant(tmp_path, press("P01", "modbus://127.0.0.1/1", ""))
    unit = polls.Unit(plant.presses[0], 1, 10, phase=0.5)
    unit.online = True
    unit.start(100.0)
    assert unit.due == pytest.approx(100.025)
    unit.schedule(100.031)
    assert unit.due == pytest.approx(100.075)
    unit.schedule(100.300)  # four polls were missed
    assert unit.due == pytest.approx(100.325)


def due_at(plant: Plant, now: float) -> list[float]:
    """When each machine is polled first, by the slots that the plant file asks for."""
    found = [s for s in sources(plant, "n", RememberingSink()) if isinstance(s, ModbusConnection)]
    units = [unit for connection in found for unit in connection.units]
    for unit in units:
        unit.start(now)
    return [round(unit.due - now, 3) for unit in units]


def slow_presses(count: int, address: str = "modbus://10.0.0.{n}/1") -> str:
    return "".join(
        press(f"P{n:02}", address.format(n=n)).replace("poll_ms = 50", "poll_ms = 1000")
        for n in range(1, count + 1)
    )


def test_polls_of_different_machines_begin_together_in_slots(tmp_path: Path) -> None:
    plant = write_plant(tmp_path, slow_presses(20))
    assert due_at(plant, 100.0) == [0.0, 0.2, 0.4, 0.6, 0.8] * 4
    assert due_at(plant, 100.3) == [0.7, 0.9, 0.1, 0.3, 0.5] * 4  # whenever it started


def test_units_behind_one_gateway_do_not_share_a_slot_before_all_are_in_use(
    tmp_path: Path,
) -> None:
    plant = write_plant(tmp_path, slow_presses(5, "modbus://10.0.0.1/{n}"))
    assert sorted(due_at(plant, 100.0)) == [0.0, 0.2, 0.4, 0.6, 0.8]


def test_without_slots_polls_are_spread_over_their_period(tmp_path: Path) -> None:
    plant = write_plant(tmp_path, slow_presses(20)).model_copy(update={"poll_slot_s": 0.0})
    assert due_at(plant, 100.0) == [round(0.05 * n, 3) for n in range(20)]


def test_a_period_shorter_than_a_slot_is_kept(tmp_path: Path) -> None:
    plant = write_plant(tmp_path, press("P01", "modbus://10.0.0.1/1"))
    assert due_at(plant, 100.01) == [0.04]


async def story_of_a_serial_line(folder: Path) -> None:
    sink, units = RememberingSink(), {1: Unit({16: 41}), 2: Unit({16: 7}), 3: Unit()}
    async with serial_line(units, mute=3) as line:
        address = f"modbus-rtu://{line}/%d?baud=9600&parity=N&stop=1"
        devices = "".join(press(f"P0{n}", address % n) for n in (1, 2, 3))
        async with running(write_plant(folder, devices), sink):
            await sink.until(lambda: "offline" in sink.of("P03"))
            units[1].registers[16] = 42
            await sink.until(lambda: sink.values("P01", "strokes") == [41, 42])
            await units[2].asked_again(2)
    assert sink.values("P02", "strokes") == [7]
    assert sink.values("P03", "strokes") == [None]
    assert "offline" not in sink.of("P01") + sink.of("P02")


def test_units_on_a_serial_line_are_polled_in_turn_and_a_silent_one_stops_no_other(
    tmp_path: Path,
) -> None:
    asyncio.run(story_of_a_serial_line(tmp_path))


async def story_of_a_serial_server(folder: Path) -> None:
    sink = RememberingSink()
    async with Plc(rtu=True, u1=Unit({16: 5}), u2=Unit({16: 6})) as plc:
        devices = press("P01", plc.address(1)) + press("P02", plc.address(2))
        async with running(write_plant(folder, devices), sink):
            await sink.until(lambda: {d for d, _ in sink.told} == {"P01", "P02"})
    assert [sink.values(f"P0{n}", "strokes") for n in (1, 2)] == [[5], [6]]
    assert plc.connections == 1


def test_rtu_frames_through_a_serial_server(tmp_path: Path) -> None:
    asyncio.run(story_of_a_serial_server(tmp_path))


def test_a_serial_line_without_pyserial_is_told_with_the_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant = write_plant(tmp_path, press("P01", "modbus-rtu:///dev/ttyUSB0/1"))
    monkeypatch.setattr("importlib.util.find_spec", dict[str, object]().get)
    sink = RememberingSink()

    async def story() -> None:
        async with running(plant, sink):
            await asyncio.sleep(0)

    asyncio.run(story())
    [(device, channel, why)] = sink.refusals
    assert (device, channel) == ("P01", "")
    assert "P01 is on a serial line" in why
    assert "pip install 'pressline-….whl[serial]'" in why


async def story_of_a_pause(folder: Path) -> None:
    unit = Unit()
    more = """
        pause_ms = 40
        widest_hole = 0
        [[press.channel]]
        name = "far"
        kind = "gauge"
        register = "holding:30:uint16"
    """
    async with Plc(u1=unit) as plc:
        plant = write_plant(folder, press("P01", plc.address(1), more))
        async with running(plant, RememberingSink()):
            await unit.asked_again(6)
    assert {asked[:2] for asked in unit.asked} == {(3, 16), (3, 30)}
    gaps = [later - earlier for earlier, later in pairwise(unit.asked_at)]
    assert min(gaps) >= 0.04


def test_a_pause_is_kept_between_requests(tmp_path: Path) -> None:
    asyncio.run(story_of_a_pause(tmp_path))


async def story_of_a_die_that_says_its_name(folder: Path) -> None:
    sink, unit = (
        RememberingSink(),
        Unit({30: 0x4831, 31: 0x3034, 32: 0x3600, 33: 0x0012, 34: 0x3456}),
    )
    more = """
        [[press.channel]]
        name = "die"
        kind = "text"
        register = "holding:30:text6"
        [[press.channel]]
        name = "order"
        kind = "state"
        register = "holding:33:bcd32"
        invalid = [0]
    """
    async with Plc(u1=unit) as plc:
        plant = write_plant(folder, press("P01", plc.address(1), more))
        async with running(plant, sink):
            await sink.until(lambda: sink.values("P01", "order") == [123456])
            unit.registers |= {30: 0, 33: 0, 34: 0}
            await sink.until(lambda: sink.values("P01", "order") == [123456, None])
    assert sink.values("P01", "die") == ["H1046", ""]


def test_texts_and_packed_decimals_are_told_as_what_they_mean(tmp_path: Path) -> None:
    asyncio.run(story_of_a_die_that_says_its_name(tmp_path))


def test_the_more_units_of_a_line_are_dead_the_less_of_its_time_they_get(tmp_path: Path) -> None:
    devices = "".join(press(f"P0{n}", f"modbus-rtu:///dev/ttyUSB0/{n}") for n in range(1, 5))
    plant = write_plant(tmp_path, devices)
    (line,) = polls.modbus_sources(plant.presses, 10, RememberingSink(), Clock())

    async def story() -> None:
        for _ in range(8):
            for unit in line.units[:3]:
                line._lost(unit, "no answer")

    asyncio.run(story())
    assert [unit.delay for unit in line.units] == [15, 15, 15, 0]  # s; one alone waits 5


async def story_of_an_unplugged_adapter(folder: Path) -> None:
    sink, units = RememberingSink(), {1: Unit({16: 41})}
    adapter = folder / "ttyUSB0"
    plant = write_plant(folder, press("P01", f"modbus-rtu://{adapter}/1"))
    async with serial_line(units) as line:
        adapter.symlink_to(line)
        background = running(plant, sink)
        await background.__aenter__()
        await sink.until(lambda: sink.values("P01", "strokes") == [41])
    adapter.unlink()
    await sink.until(lambda: "offline" in sink.of("P01"))
    units[1].registers[16] = 44
    async with serial_line(units) as line:
        adapter.symlink_to(line)
        await sink.until(lambda: sink.values("P01", "strokes") == [41, None, 44])
        await background.__aexit__(None, None, None)
    assert sink.of("P01").count("offline") == 1


def test_a_serial_adapter_that_was_unplugged_is_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polls, "FIRST_RETRY_S", 0.05)
    asyncio.run(story_of_an_unplugged_adapter(tmp_path))
