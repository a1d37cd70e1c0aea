"""`pressline edge read`: every channel with its value, the block plan, and who is silent."""

import asyncio
import re
import threading
from collections.abc import Generator, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path

import pytest
import structlog
from machines import Plc, Unit, free_port, serial_line, write_plant
from pymodbus.constants import ExcCodes

from edge_agent.byte_orders import likely
from edge_agent.errors import EdgeError
from edge_agent.probe import read_once


@contextmanager
def serving(machine: AbstractAsyncContextManager[object]) -> Generator[object]:
    """A server runs in a thread of its own, because the command has a loop of its own."""
    started, loop, ended = threading.Event(), asyncio.new_event_loop(), asyncio.Event()
    served: list[object] = []

    async def serve() -> None:
        async with machine as entered:
            served.append(entered)
            started.set()
            await ended.wait()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(10)
    try:
        yield served[0]
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(10)


@pytest.fixture(autouse=True)
def logs() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


PRESS = """
    [[press]]
    name = "{name}"
    line = "L1"
    top_speed = 60
    profile = "press-16bit"
    address = "{address}"
    timeout_ms = 1000
"""


def test_every_channel_is_printed_with_value_unit_and_quality(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plc = Plc(u1=Unit({16: 65535, 17: 1, 20: 605}))
    write_plant(tmp_path, PRESS.format(name="P01", address=plc.address(1)))
    with serving(plc):
        assert read_once(tmp_path / "plant.toml") == 0
    out = re.sub(" +", " ", capsys.readouterr().out)
    assert "device channel address value unit quality\n" in out
    assert "P01 strokes holding:16:uint16 65535 good\n" in out
    assert "P01 running holding:17:bit0 True good\n" in out
    assert "P01 speed holding:20:uint16 60.5 1/min good\n" in out  # scaled for people
    assert "P01: 1 read every 500 ms\n holding 16…20 (5): strokes, running, alarm" in out


def test_silent_machine_is_named_with_a_cure_and_the_exit_code_is_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plc, nobody = Plc(u1=Unit({16: 7})), free_port()
    devices = PRESS.format(name="P01", address=plc.address(1))
    devices += PRESS.format(name="P02", address=f"modbus://127.0.0.1:{nobody}/1")
    devices += f"""
        [[press]]
        name = "P03"
        line = "L1"
        top_speed = 60
        profile = "press-opcua"
        address = "opc.tcp://127.0.0.1:{nobody}"
    """
    write_plant(tmp_path, devices)
    with serving(plc):
        assert read_once(tmp_path / "plant.toml") == 1
    out = capsys.readouterr().out
    assert re.search(r"P01 +strokes +holding:16:uint16 +7 +good", out)
    assert re.search(r"P02 +strokes +holding:16:uint16 +– +bad", out)
    silence = f"P02 did not answer at modbus://127.0.0.1:{nobody}/1: no connection"
    assert f"{silence} (connection refused); check" in out
    assert f"P03 did not answer at opc.tcp://127.0.0.1:{nobody}: " in out
    assert "P01 did not answer" not in out


class OneAtATime(Unit):
    """Whatever number of registers is asked for: the first one, over and over."""

    async def answer(
        self, function: int, start: int, address: int, count: int,
        current: list[int], written: list[int] | list[bool] | None,
    ) -> ExcCodes | None:  # fmt: skip
        refusal = await super().answer(function, start, address, count, current, written)
        for register in range(address, address + count):
            current[register - start] = self.registers.get(address, 0)
        return refusal


def test_a_device_that_gives_one_register_at_a_time_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plc = Plc(u1=OneAtATime({16: 7, 17: 1, 18: 2, 19: 3, 20: 605}))
    text = PRESS.format(name="P01", address=plc.address(1))
    write_plant(tmp_path, text)
    with serving(plc):
        assert read_once(tmp_path / "plant.toml") == 1
        out = capsys.readouterr().out
        assert "P01: speed, die_id, alarm, running read alone is not what it is" in out
        assert "set longest_read = 1" in out
        write_plant(tmp_path, text + "longest_read = 1\n")
        assert read_once(tmp_path / "plant.toml") == 0
    out = re.sub(" +", " ", capsys.readouterr().out)
    assert "read alone" not in out
    assert "P01 speed holding:20:uint16 60.5 1/min good\n" in out


METER = """
    [[meter]]
    name = "M01"
    line = "L1"
    top_kw = 60
    profile = "sdm630"
    address = "{address}"
"""


def test_a_value_is_shown_in_every_order_and_the_likely_ones_are_marked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # The meter sends the low word first and the profile does not say so: 50 Hz is 4248 0000.
    plc = Plc(u1=Unit({0: 0x8000, 1: 0x4366, 70: 0, 71: 0x4248}))
    more = METER.format(address=plc.address(1))
    write_plant(tmp_path, PRESS.format(name="P01", address="modbus://127.0.0.1:1/1") + more)
    with serving(plc):
        assert read_once(tmp_path / "plant.toml", "M01") == 0  # only M01 is asked
    out = re.sub(" +", " ", capsys.readouterr().out)
    assert "M01 voltage_l1 (input:0:float32 in V): 8000 4366\n" in out
    assert "M01 frequency (input:70:float32 in Hz): 0000 4248\n" in out
    table = out.partition("M01 frequency")[2].splitlines()
    assert [line.strip() for line in table[1:6]] == [
        "word_order byte_order uint32 int32 float32",
        "high-first high-first 16968 16968 2.377723e-41 <- now",
        "high-first low-first 18498 18498 2.592122e-41",
        "low-first high-first 1112014848 1112014848 50 *",
        "low-first low-first 1212284928 1212284928 198656",
    ]
    assert "compare\n with the machine's own display" in out


@pytest.mark.parametrize(
    ("value", "unit", "is_float", "right"),
    [
        (50.0, "Hz", True, True), (60.02, "Hz", True, True), (500.0, "Hz", True, False),
        (50, "Hz", False, True), (230.5, "V", True, True), (398.0, "V", True, True),
        (2305.0, "V", True, False), (7, "", False, False), (12.5, "A", True, True),
        (2.4e-41, "A", True, False), (3e30, "A", True, False),
    ],
)  # fmt: skip
def test_what_looks_right(value: float, unit: str, is_float: bool, right: bool) -> None:
    assert likely(value, unit, is_float=is_float) == right


def test_orders_of_what_is_not_there_names_what_is(tmp_path: Path) -> None:
    write_plant(tmp_path, PRESS.format(name="P01", address="modbus://127.0.0.1:1/1"))
    with pytest.raises(EdgeError, match=r"--orders stroke: .* channels strokes, alarm, die_id"):
        read_once(tmp_path / "plant.toml", "stroke")


def test_a_serial_machine_is_read_and_a_silent_one_gets_serial_advice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    units = {1: Unit({16: 7}, illegal={18}), 2: Unit()}
    with serving(serial_line(units, mute=2)) as line:
        address = f"modbus-rtu://{line}/%d?baud=9600&parity=N&stop=1"
        devices = PRESS.format(name="P01", address=address % 1)
        devices += PRESS.format(name="P02", address=address % 2).replace("1000", "200")
        write_plant(tmp_path, devices)
        assert read_once(tmp_path / "plant.toml") == 1
    out = re.sub(" +", " ", capsys.readouterr().out)
    assert "P01 strokes holding:16:uint16 7 good\n" in out
    assert "P01 alarm holding:18:uint16 – refused by the machine: illegal address\n" in out
    assert "no answer within 200 ms; check power, wires A and B, unit id, baud, parity" in out
    # P01 2 x (17 bytes, 2 x 3.5 of silence), P02 23 and 7: 78 x 10 bits / 9600 baud of 500 ms
    assert "polls take 16 % of its time at 9600 baud" in out
