"""`pressline edge read`: every channel with its value, the block plan, and who is silent."""

import asyncio
import re
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import structlog
from machines import Plc, Unit, free_port, write_plant

from edge_agent.probe import read_once


@contextmanager
def serving(plc: Plc) -> Generator[None]:
    """The server runs in a thread of its own, because the command has a loop of its own."""
    started, loop, ended = threading.Event(), asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        async with plc:
            started.set()
            await ended.wait()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(10)
    try:
        yield
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
