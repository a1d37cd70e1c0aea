"""The simulated factory: what a client reads is what the ground truth says, and faults are real."""

import asyncio
import json
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from asyncua.client.client import Client
from asyncua.common.node import Node
from pymodbus.client import ModbusTcpClient

from pressline.demo.twin import Twin

LIMIT = 20.0  # seconds; a loaded machine is slow, a broken one is slower


def until(met: Callable[[], bool], limit: float = LIMIT) -> None:
    """Poll until the outside world has come to it; fails after the limit."""
    end = time.monotonic() + limit
    while not met():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Plant:
    """A factory process of two Modbus presses, one OPC UA press and a meter."""

    process: "subprocess.Popen[str]"
    truth: Path
    ports: dict[str, int]

    def order(self, do: str, press: str | None = None, **more: float) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"do": do, "press": press, **more}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def strokes(self, press: str) -> list[tuple[int, int, int]]:
        """(time ns, stroke number, counter value) of each stroke written down."""
        path = self.truth / f"{press}.csv"
        lines = path.read_text().splitlines() if path.exists() else []
        cells = [line.split(",") for line in lines]
        return [(int(at), int(number), int(counter)) for at, _, number, counter in cells]

    def registers(self, machine: str, address: int, count: int) -> list[int]:
        with ModbusTcpClient("127.0.0.1", port=self.ports[machine], timeout=LIMIT) as client:
            answer = client.read_holding_registers(address, count=count, device_id=1)
        assert not answer.isError()
        return list(answer.registers)


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    with running_plant(tmp_path, ["P01", "P02"]) as running:
        yield running


@pytest.fixture
def opcua_plant(tmp_path: Path) -> Iterator[Plant]:
    with running_plant(tmp_path, ["P03"]) as running:
        yield running


@contextmanager
def running_plant(tmp_path: Path, wanted: list[str]) -> Generator[Plant]:
    ports = {name: free_port() for name in ("P01", "P02", "P03", "M1")}
    presses = [
        {"name": "P01", "profile": "press-16bit", "counter": 65_530, "modulus": 65_536},
        {"name": "P02", "profile": "press-32bit-low-word-first", "counter": 65_530},
        {"name": "P03", "profile": "press-opcua", "counter": 7},
    ]
    plan = {
        "truth": str(tmp_path / "truth"),
        "presses": [
            {"modulus": 1 << 32, "spm": 600, "port": ports[str(press["name"])]} | press
            for press in presses
            if press["name"] in wanted
        ],
        "meters": [
            {"name": "M1", "port": ports["M1"], "presses": wanted}
            | {"start_wh": 1_000_000, "idle_w": 0, "stroke_wh": 1000}
        ],
    }
    file = tmp_path / "factory.json"
    file.write_text(json.dumps(plan))
    process = subprocess.Popen(
        [sys.executable, "-m", "pressline.demo.factory", str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline()) == {"ready": True}
        yield Plant(process, tmp_path / "truth", ports)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(LIMIT) == 0


def test_a_press_stands_until_its_first_poll_was_answered(tmp_path: Path) -> None:
    async def story() -> None:
        twin = Twin("P01", 6000, tmp_path / "P01.csv")
        work = asyncio.create_task(twin.work())
        twin.start()
        await asyncio.sleep(0.1)  # ten strokes' time
        assert twin.strokes == 0
        twin.answered(0)
        while twin.strokes == 0:
            await asyncio.sleep(0)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)

    asyncio.run(story())


def test_a_lost_counter_does_not_pass_its_old_value_unread(tmp_path: Path) -> None:
    async def story() -> None:
        twin = Twin("P01", 60_000, tmp_path / "P01.csv", counter=20)
        work = asyncio.create_task(twin.work())
        twin.answered(0)
        twin.lose_power()
        twin.start()
        while twin.counter < 19:
            await asyncio.sleep(0)
        await asyncio.sleep(0.05)  # fifty strokes' time
        assert (twin.counter, twin.is_known_again) == (19, False)
        while not twin.is_known_again:
            twin.answered(twin.strokes)
            await asyncio.sleep(0.05)
        while twin.counter < 25:
            await asyncio.sleep(0)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)

    asyncio.run(story())


def test_the_registers_say_what_the_ground_truth_says(plant: Plant) -> None:
    assert plant.registers("P01", 16, 1) == [65_530]
    assert plant.registers("P02", 100, 2) == [65_530, 0]
    assert plant.strokes("P01") == []
    for press in ("P01", "P02"):
        plant.order("start", press)
    until(lambda: all(len(plant.strokes(press)) >= 12 for press in ("P01", "P02")))
    for press in ("P01", "P02"):
        plant.order("stop", press)

    strokes = plant.strokes("P01")
    assert [number for _, number, _ in strokes] == list(range(1, len(strokes) + 1))
    assert [at for at, _, _ in strokes] == sorted(at for at, _, _ in strokes)
    assert strokes[5][2] == 0  # the sixth stroke after 65,530 wraps a 16-bit counter
    assert plant.registers("P01", 16, 1) == [strokes[-1][2]]
    low, high = plant.registers("P02", 100, 2)
    assert (high, low) == divmod(plant.strokes("P02")[-1][2], 65_536)
    assert high == 1  # a counter of 32 bits goes on instead


def test_a_press_is_settled_when_its_last_value_has_arrived(plant: Plant) -> None:
    plant.registers("P01", 16, 1)
    plant.order("start", "P01")
    until(lambda: len(plant.strokes("P01")) >= 2)
    plant.order("stop", "P01")
    assert not plant.order("look")["P01"]["settled"]
    plant.registers("P01", 16, 1)
    plant.registers("P01", 16, 1)  # who asks again has received the first answer
    assert plant.order("look")["P01"]["settled"]


def test_power_loss_starts_the_counter_from_zero_on_the_same_port(plant: Plant) -> None:
    plant.registers("P02", 100, 2)
    plant.order("start", "P02")
    until(lambda: len(plant.strokes("P02")) >= 2)
    plant.order("stop", "P02")
    made = len(plant.strokes("P02"))
    with ModbusTcpClient("127.0.0.1", port=plant.ports["P02"], timeout=LIMIT) as client:
        assert not client.read_holding_registers(100, count=2, device_id=1).isError()
        plant.order("power_off", "P02")
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", plant.ports["P02"])) != 0
    plant.order("power_on", "P02")
    assert plant.registers("P02", 100, 2) == [0, 0]
    plant.order("start", "P02")
    until(lambda: len(plant.strokes("P02")) > made)
    plant.order("stop", "P02")
    assert plant.strokes("P02")[made][1:] == (made + 1, 1)


def test_a_press_without_network_goes_on_making_strokes(plant: Plant) -> None:
    with ModbusTcpClient("127.0.0.1", port=plant.ports["P01"], timeout=LIMIT) as client:
        assert not client.read_holding_registers(16, count=1, device_id=1).isError()
        plant.order("start", "P01")
        plant.order("network_off", "P01")
        made = len(plant.strokes("P01"))
        with socket.create_connection(("127.0.0.1", plant.ports["P01"])) as line:
            line.sendall(bytes.fromhex("000100000006010300100001"))
            until(lambda: len(plant.strokes("P01")) > made + 2)
            line.setblocking(False)
            with pytest.raises(BlockingIOError):
                line.recv(1)  # no answer, and no refusal either
        plant.order("network_on", "P01")
        plant.order("stop", "P01")
        client.close()
        assert client.connect()
        answer = client.read_holding_registers(16, count=1, device_id=1)
        assert answer.registers == [plant.strokes("P01")[-1][2]]


def test_a_jam_makes_no_strokes_and_ends_by_itself(plant: Plant) -> None:
    plant.registers("P01", 16, 1)
    plant.order("jam", "P01", seconds=1.0)
    begun = time.time_ns()
    plant.order("start", "P01")
    assert plant.registers("P01", 17, 1) == [0]
    until(lambda: len(plant.strokes("P01")) >= 1)
    assert plant.strokes("P01")[0][0] - begun > 0.9e9
    assert plant.registers("P01", 17, 1) == [1]


def test_the_meter_grows_with_every_stroke(plant: Plant) -> None:
    def kwh() -> float:
        words = plant.registers("M1", 0x0048, 2)
        return struct.unpack(">f", struct.pack(">HH", *words))[0]

    assert kwh() == 1000.0
    plant.registers("P01", 16, 1)
    plant.order("start", "P01")
    until(lambda: len(plant.strokes("P01")) >= 3)
    plant.order("stop", "P01")
    assert kwh() == 1000.0 + len(plant.strokes("P01"))


def test_an_unknown_order_is_answered(plant: Plant) -> None:
    assert "error" in plant.order("start", "P99")
    assert "error" in plant.order("dance")


class Notes:
    """Keeps what an OPC UA subscription brings."""

    def __init__(self) -> None:
        self.values: list[int] = []

    def datachange_notification(self, node: Node, value: int, data: object) -> None:
        self.values.append(value)


def test_the_opcua_press_stands_until_a_subscriber_has_its_first_value(opcua_plant: Plant) -> None:
    async def story() -> None:
        opcua_plant.order("start", "P03")
        notes = Notes()
        async with Client(f"opc.tcp://127.0.0.1:{opcua_plant.ports['P03']}") as client:
            assert not opcua_plant.order("look")["P03"]["read"]
            subscription = await client.create_subscription(100, cast(Any, notes))
            await subscription.subscribe_data_change(client.get_node("ns=2;s=Press.Strokes"))
            while len(opcua_plant.strokes("P03")) < 3:
                await asyncio.sleep(0.02)
            opcua_plant.order("stop", "P03")
            while not opcua_plant.order("look")["P03"]["settled"]:
                await asyncio.sleep(0.02)
            assert notes.values[0] == 7
            assert notes.values[-1] == opcua_plant.strokes("P03")[-1][2]

    asyncio.run(asyncio.wait_for(story(), LIMIT * 2))
