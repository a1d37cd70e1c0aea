"""Servers that others wrote, in libraries that we do not use: read as any machine in the field."""

import asyncio
import os
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from asyncua.ua.status_codes import StatusCodes
from machines import RememberingSink, free_port, write_plant
from opcua_press import running, samples_of
from pyModbusTCP.server import DataBank, DataHandler, ModbusServer

from edge_agent.sample import BAD, STALE
from edge_agent.sources.opcua import server as serving
from tests import parts

PRESS = """
    [[press]]
    name = "P03"
    line = "L1"
    top_speed = 60
    poll_ms = 100
    address = "{address}"
"""
SCRIPT = Path(__file__).with_name("node_opcua_press.js")
JUDGED = (StatusCodes.UncertainLastUsableValue, StatusCodes.BadSensorFailure)
START_S = 60.0  # a busy machine loads 80 MB of scripts


def channel(name: str, kind: str, where: str) -> str:
    return f'[[press.channel]]\nname = "{name}"\nkind = "{kind}"\n{where}\n'


# -- pyModbusTCP -----------------------------------------------------------------------------------

REGISTERS = (
    channel("strokes", "counter", 'register = "holding:16:uint32"'),
    channel("running", "state", 'register = "coil:3"'),
    channel("guard", "state", 'register = "discrete:7"'),
    channel("oil", "gauge", 'register = "input:40:int16"'),
    channel("nowhere", "gauge", 'register = "holding:900:uint16"'),  # beyond what it has
)


@contextmanager
def modbus_server(port: int, strokes: int) -> Generator[DataBank]:
    bank: Any = DataBank(h_regs_size=800, i_regs_size=100, d_inputs_size=16, coils_size=16)
    show(bank, strokes)
    bank.set_coils(3, [True])
    bank.set_discrete_inputs(7, [True])
    bank.set_input_registers(40, [0xFFFE])
    server: Any = ModbusServer("127.0.0.1", port, no_block=True, data_hdl=DataHandler(bank))
    server.start()
    try:
        yield bank
    finally:
        server.stop()


def show(bank: Any, strokes: int) -> None:
    bank.set_holding_registers(16, [strokes >> 16, strokes & 0xFFFF])


async def story_of_modbus(folder: Path) -> None:
    port, sink = free_port(), RememberingSink()
    text = PRESS.format(address=f"modbus://127.0.0.1:{port}/1") + "".join(REGISTERS)
    async with running(write_plant(folder, text), sink):
        with modbus_server(port, 65_535) as bank:
            await sink.until(lambda: sink.values("P03", "strokes")[-1:] == [65_535])
            show(bank, 65_536)
            await sink.until(lambda: sink.values("P03", "strokes")[-1] == 65_536)
        await sink.until(lambda: sink.of("P03")[-1] == "offline")
        with modbus_server(port, 65_540):
            await sink.until(lambda: sink.values("P03", "strokes")[-1] == 65_540)
    assert sink.values("P03", "strokes")[-4:] == [65_535, 65_536, None, 65_540]
    first = {name: sink.values("P03", name)[-1] for name in ("running", "guard", "oil", "nowhere")}
    assert first == {"running": True, "guard": True, "oil": -2, "nowhere": None}
    assert [channel for _, channel, _ in sink.refusals] == ["nowhere"]


def test_a_server_of_pymodbustcp_is_read_and_read_again_after_its_restart(tmp_path: Path) -> None:
    asyncio.run(story_of_modbus(tmp_path))


# -- node-opcua ------------------------------------------------------------------------------------

NODES = (
    channel("strokes", "counter", 'node_id = "ns=1;s=Press.Strokes"'),
    channel("speed", "gauge", 'node_id = "ns=1;s=Press.Speed"'),
    channel("die", "text", 'node_id = "ns=1;s=Press.Die"'),
)


class OpcuaPress:
    """A press as a process of Node.js."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def show(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{line}\n".encode())
        await self.process.stdin.drain()

    async def until_ready(self) -> None:
        assert self.process.stdout
        async with asyncio.timeout(START_S):
            while (line := await self.process.stdout.readline()) != b"ready\n":
                assert line, "node ended before its server was ready"


@asynccontextmanager
async def opcua_press(port: int, folder: Path) -> AsyncGenerator[OpcuaPress]:
    """It is killed in the end, as by a power loss; its certificates lie in the folder."""
    process = await asyncio.create_subprocess_exec(
        "node", SCRIPT, parts.NODE_OPCUA_FOLDER, str(port),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "XDG_CONFIG_HOME": str(folder), "HOME": str(folder)},
    )  # fmt: skip
    try:
        press = OpcuaPress(process)
        await press.until_ready()
        yield press
    finally:
        process.kill()
        await process.communicate()


async def story_of_opcua(folder: Path) -> None:
    port, sink = free_port(), RememberingSink()
    text = PRESS.format(address=f"opc.tcp://127.0.0.1:{port}") + "".join(NODES)
    async with running(write_plant(folder, text), sink):
        async with opcua_press(port, folder) as press:
            await sink.until(lambda: sink.values("P03", "strokes")[-1:] == [32_766])
            for strokes in (32_767, -32_768):
                await press.show(f"Strokes {strokes}")
                await sink.until(lambda n=strokes: sink.values("P03", "strokes")[-1] == n % 65_536)
            await press.show("Speed 61.5 UncertainLastUsableValue")
            await sink.until(lambda: samples_of(sink, "speed")[-1].quality == STALE)
            await press.show("Speed 61.5 BadSensorFailure")
            await sink.until(lambda: samples_of(sink, "speed")[-1].quality == BAD)
            await press.show("Die D-8")
            await sink.until(lambda: sink.values("P03", "die")[-1] == "D-8")
        await sink.until(lambda: sink.of("P03")[-1] == "offline")
        async with opcua_press(port, folder):
            await sink.until(lambda: sink.values("P03", "strokes")[-1] == 32_766)
            await sink.until(lambda: sink.values("P03", "die")[-1] == "D-7")
    assert sink.values("P03", "strokes")[-5:] == [32_766, 32_767, 32_768, None, 32_766]
    assert sink.values("P03", "die")[-4:] == ["D-7", "D-8", None, "D-7"]
    stale, bad = (s for s in samples_of(sink, "speed") if s.status in JUDGED)
    assert (stale.value, stale.status) == (61.5, StatusCodes.UncertainLastUsableValue)
    assert (bad.value, bad.status) == (None, StatusCodes.BadSensorFailure)
    assert [modulus for _, _, modulus, _ in sink.moduli] == [65_536]


@pytest.mark.foreign
def test_a_server_of_node_opcua_is_read_and_read_again_after_its_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "FIRST_RETRY_S", 0.05)
    asyncio.run(story_of_opcua(tmp_path))
