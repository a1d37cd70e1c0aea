"""The edge agent as a process: a real PLC, a real broker, signals."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from machines import Plc, Unit

from edge_agent import agent
from edge_agent.clock import Clock
from edge_agent.errors import EdgeError
from edge_agent.outbox import Outbox
from edge_agent.plantfile.plant import load_plant
from edge_agent.sparkplug_pb2 import Payload
from edge_agent.wire import State, read_channel, state_topic
from tests.broker import Probe, mosquitto

pytestmark = pytest.mark.wire

START = (
    "import sys; from pathlib import Path; from edge_agent.agent import run; run(Path(sys.argv[1]))"
)


def write(folder: Path, port: int, address: str) -> Path:
    path = folder / "plant.toml"
    path.write_text(f"""
        site = "plant"
        node = "edge-1"
        time_zone = "Asia/Shanghai"
        [mqtt]
        port = {port}
        [outbox]
        path = "records/outbox.sqlite"
        [[line]]
        name = "L1"
        [[press]]
        name = "P01"
        line = "L1"
        top_speed = 60
        poll_ms = 50
        address = "{address}"
        [[press.channel]]
        name = "strokes"
        kind = "counter"
        modulus = 65536
        register = "holding:16:uint16"
    """)
    return path


async def hear(probe: Probe, kind: str) -> Payload:
    _, payload = await asyncio.to_thread(probe.hear, kind)
    return Payload.FromString(payload)


async def told_value(probe: Probe) -> int:
    return (await hear(probe, "DDATA")).metrics[-1].int_value


def test_reads_a_plc_delivers_and_ends_cleanly_on_sigterm(tmp_path: Path) -> None:
    async def story(port: int) -> None:
        with Probe(port, "spBv1.0/plant/#") as probe:
            probe.say(state_topic("pressline"), State(True, 1).encode(), retain=True)
            async with Plc(u1=Unit({16: 41})) as plc:
                path = write(tmp_path, port, plc.address(1))
                process = subprocess.Popen([sys.executable, "-c", START, str(path)])
                birth = await hear(probe, "DBIRTH")
                declared = [read_channel(metric) for metric in birth.metrics]
                strokes = next(known for known in declared if known and known.name == "strokes")
                assert (strokes.modulus, strokes.source) == (65536, "holding:16:uint16")
                assert await told_value(probe) == 41
                plc.units[1].registers[16] = 42
                assert await told_value(probe) == 42
                process.send_signal(signal.SIGTERM)
                await hear(probe, "NDEATH")
                assert await asyncio.to_thread(process.wait, 20) == 0

    with mosquitto() as port:
        asyncio.run(story(port))
    outbox = Outbox(tmp_path / "records" / "outbox.sqlite")
    assert outbox.first == 1  # nobody acknowledged
    assert outbox.last >= 2
    outbox.close()


def test_a_clock_that_was_set_while_no_agent_ran_is_told_before_the_first_reading(
    tmp_path: Path,
) -> None:
    hour = 3_600_000
    boot, offset = Clock().mark.split()
    outbox = Outbox(tmp_path / "records" / "outbox.sqlite")
    outbox.note_clock(f"{boot} {int(offset) - hour}")  # the agent before ran an hour behind
    outbox.close()

    async def story(port: int) -> None:
        with Probe(port, "spBv1.0/plant/#") as probe:
            probe.say(state_topic("pressline"), State(True, 1).encode(), retain=True)
            async with Plc(u1=Unit({16: 41})) as plc:
                path = write(tmp_path, port, plc.address(1))
                process = subprocess.Popen([sys.executable, "-c", START, str(path)])
                record, step = (await hear(probe, "NDATA")).metrics
                assert (record.long_value, step.long_value) == (1, pytest.approx(hour, abs=1000))
                data = await hear(probe, "DDATA")
                assert data.metrics[0].long_value == 2
                process.send_signal(signal.SIGTERM)
                assert await asyncio.to_thread(process.wait, 20) == 0

    with mosquitto() as port:
        asyncio.run(story(port))
    outbox = Outbox(tmp_path / "records" / "outbox.sqlite")
    assert Clock().set_since(outbox.clock) == 0
    outbox.close()


def test_a_reload_asked_for_while_the_agent_starts_is_done(tmp_path: Path) -> None:
    path, lock = write(tmp_path, 1, "modbus://127.0.0.1:1/1"), "records/outbox.sqlite.lock"
    lock_file = tmp_path / lock
    with subprocess.Popen(
        [sys.executable, "-c", START, str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        while not (lock_file.exists() and lock_file.read_text()):
            assert process.poll() is None
        assert agent.reload(path) == process.pid
        assert process.stdout is not None
        assert any("the plant file was read anew" in line for line in process.stdout)
        process.terminate()


def test_a_node_without_machines_is_told_with_the_nodes_that_have_some(tmp_path: Path) -> None:
    path = write(tmp_path, 1883, "modbus://127.0.0.1:1/1")
    with pytest.raises(EdgeError, match=r"no machine belongs to node edge-9; .*: edge-1"):
        agent.run(path, "edge-9")


def test_every_node_of_a_plant_file_has_an_outbox_of_its_own(tmp_path: Path) -> None:
    plant = load_plant(write(tmp_path, 1883, "modbus://127.0.0.1:1/1"))
    assert agent.outbox_path(plant, "edge-1").name == "outbox.sqlite"
    assert agent.outbox_path(plant, "edge-2").name == "outbox-edge-2.sqlite"
