"""A counter is more than an unsigned integer: signed, in a real, in digits; and what is asked."""

import asyncio
import struct
from pathlib import Path
from types import SimpleNamespace

import pytest
from asyncua import ua
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaStatusCodeError
from machines import Plc, RememberingSink, Running, Unit, write_plant
from typer.testing import CliRunner

from edge_agent import node as nodes
from edge_agent.connection import Obstacles
from edge_agent.node import Node
from edge_agent.outbox import Outbox
from edge_agent.plantfile.entries import Mqtt, Plant
from edge_agent.plantfile.questions import questions
from edge_agent.plantfile.register import parse_register
from edge_agent.sources import sources
from edge_agent.sources.opcua.security import Access
from edge_agent.sources.opcua.session import Session
from pressline.commands.edge import edge

PRESS = """
    [[press]]
    name = "P01"
    line = "L1"
    top_speed = 60
    poll_ms = 50
    address = "{address}"
"""


def channel(name: str, kind: str, register: str, more: str = "") -> str:
    return f'[[press.channel]]\nname = "{name}"\nkind = "{kind}"\nregister = "{register}"\n{more}\n'


async def story_of_forms(folder: Path) -> None:
    real = struct.unpack(">2H", struct.pack(">f", 41.0))
    digits = struct.unpack(">2H", b"0041")
    registers = {0: 0x8000, 1: real[0], 2: real[1], 3: digits[0], 4: digits[1], 5: 605}
    unit, sink = Unit(dict(registers)), RememberingSink()
    async with Plc(u1=unit) as plc:
        text = PRESS.format(address=plc.address(1))
        text += channel("strokes", "counter", "holding:0:int16")
        text += channel("in_a_real", "counter", "holding:1:float32")
        text += channel("in_digits", "counter", "holding:3:text4")
        text += channel("pace", "gauge", "holding:3:text4")
        text += channel("die", "text", "holding:5:uint16")
        plant = write_plant(folder, text)
        strokes = plant.presses[0].channel("strokes")
        assert strokes is not None
        assert (strokes.datatype, strokes.modulus, strokes.source) == (
            "uint16", 65536, "holding:0:int16",
        )  # fmt: skip
        background = Running([asyncio.create_task(s.run()) for s in sources(plant, "n", sink)])
        await sink.until(lambda: sink.values("P01", "die") == ["605"])
        half = struct.unpack(">2H", struct.pack(">f", 41.5))
        unit.registers |= {0: 0xFFFF, 1: half[0], 2: half[1], 3: 0x4142}
        await sink.until(lambda: sink.values("P01", "in_digits")[-1] is None)
        await background.stop()
    assert sink.values("P01", "strokes") == [32768, 65535]
    assert sink.values("P01", "in_a_real") == [41, None]  # a part of a stroke is none
    assert sink.values("P01", "in_digits") == [41, None]
    assert sink.values("P01", "pace") == [41.0, None]


def test_counters_and_words_in_other_forms_are_read(tmp_path: Path) -> None:
    asyncio.run(story_of_forms(tmp_path))


# -- what `check` asks -----------------------------------------------------------------------------


def asked(plant: Plant) -> list[str]:
    return [f"{one.place} {one.key}: {one.what}; {one.cure}" for one in questions(plant)]


def doubtful(folder: Path) -> Plant:
    text = PRESS.replace("top_speed = 60", "top_speed = 60000")
    text = text.format(address="modbus://10.0.0.1/1")
    text += channel("strokes", "counter", "holding:40017:uint16")
    text += PRESS.replace("P01", "P02").format(address="modbus://10.0.0.1/1")
    text += channel("strokes", "counter", "holding:18:float32")
    text += PRESS.replace("P01", "P03").format(address="modbus://10.0.0.2/1")
    text += channel("strokes", "counter", "holding:18:uint16", "modulus = 20")
    return write_plant(folder, text)


def test_what_is_seldom_meant_is_asked_about(tmp_path: Path) -> None:
    shared, speed, number, real, turn = asked(doubtful(tmp_path))
    assert "60000 strokes a minute is unusual" in speed
    assert "if it is a manual's number, write holding:16" in number
    assert "modbus://10.0.0.1:502/1 is P01's as well" in shared
    assert "counts to 16,777,216 and stands still" in real
    assert "it starts again every 20 s at top speed" in turn


def test_a_manuals_number_of_six_digits_is_refused_with_what_to_write() -> None:
    with pytest.raises(ValueError, match="write holding:16"):
        parse_register("holding:400017:uint16")


def test_check_tells_the_size_of_each_birth_and_asks(tmp_path: Path) -> None:
    doubtful(tmp_path)
    told = CliRunner().invoke(edge, ["check", str(tmp_path / "plant.toml")])
    assert told.exit_code == 0, told.output
    assert "P01: 1 channels, birth " in told.output
    assert "asked: press.P01: top_speed: 60000" in told.output


# -- servers and brokers that say little -----------------------------------------------------------


async def story_of_a_read_limit() -> None:
    session = Session(Access("opc.tcp://127.0.0.1:1"), 1000)
    asked: list[int] = []

    async def read(nodes: list[ua.NodeId], _attribute: object) -> list[ua.DataValue]:
        asked.append(len(nodes))
        if len(nodes) > 30:
            raise UaStatusCodeError(StatusCodes.BadTooManyOperations)
        return [ua.DataValue(ua.Variant(1)) for _ in nodes]

    session.client.uaclient.session = SimpleNamespace(read_attributes=read)  # pyright: ignore[reportAttributeAccessIssue]
    nodes = [ua.NodeId(ua.Int32(n)) for n in range(100)]
    assert len(await session.read(nodes, 100)) == 100
    asked.clear()
    assert len(await session.read(nodes, 100)) == 100
    assert max(asked) <= 30  # it was learnt


def test_a_read_limit_that_a_server_does_not_tell_is_found() -> None:
    asyncio.run(story_of_a_read_limit())


def test_a_host_that_is_never_heard_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nodes, "UNHEARD_S", 0.0)

    async def story() -> None:
        outbox = Outbox(tmp_path / "outbox.sqlite")
        node = Node("s", "n", devices={}, outbox=outbox, mqtt=Mqtt(host_id="nobody"))
        node.connected(1)
        for _ in range(3):
            node._tell_unheard()
        outbox.close()

    asyncio.run(story())
    told = capsys.readouterr().out
    assert told.count("the host has not said a word") == 1
    assert "spBv1.0/STATE/nobody" in told
    assert "127.0.0.1:1883" in told


def test_two_agents_of_one_name_are_told_as_that(capsys: pytest.CaptureFixture[str]) -> None:
    obstacles = Obstacles("broker", 1883, "records are kept")
    lost = SimpleNamespace(is_failure=True, value=128)
    for _ in range(5):
        obstacles.accepted()
        obstacles.ended(lost)  # pyright: ignore[reportArgumentType]
    told = capsys.readouterr().out
    assert told.count("two agents with the same site and node") == 1
    other = Obstacles("broker", 1883, "records are kept")
    other.accepted()
    other.ended(SimpleNamespace(is_failure=True, value=142))  # pyright: ignore[reportArgumentType]
    assert "two agents with the same site and node" in capsys.readouterr().out
