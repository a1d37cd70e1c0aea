"""Profiles of OPC UA presses against address spaces built as their sources say."""

from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from asyncua.common.node import Node
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes
from machines import RememberingSink
from opcua_press import PressServer, Stage, press_plant, running, samples_of

from edge_agent.sample import BAD
from edge_agent.sources.opcua import read_values
from edge_agent.sources.opcua.structure import layout_of

SIEMENS = "http://www.siemens.com/simatic-s7-opcua"
METAL_FORMING = "http://opcfoundation.org/UA/MetalForming/"
MACHINE_TOOL = "http://opcfoundation.org/UA/MachineTool/"
MACHINERY = "http://opcfoundation.org/UA/Machinery/"
MAKER = "http://press-maker.example/UA/"
COUNTER, NUMBER, BOOLEAN, STRING = 289, 26, 1, 12


def cyclic_value(cycles: str, active: str = "01") -> ua.ExtensionObject:
    """A CyclicProcessValueDataType, encoded by hand: 412.5 of 400.0, cycle count, active."""
    body = bytes.fromhex(
        "0B" "0000000000C87940"  # Variant: Double 412.5
        "0B" "0000000000007940"  # Variant: Double 400.0
        + cycles + active
    )  # fmt: skip
    return ua.ExtensionObject(
        ua.NodeId(ua.Int32(5001), ua.Int16(CYCLIC["space"])), ua.ByteString(body)
    )


CYCLIC = {"space": 0}  # index of the MetalForming namespace on the test's server


def definition(
    *fields: tuple[str, int], kind: int = 0, optional: str = ""
) -> ua.StructureDefinition:
    made: Any = ua.StructureDefinition()
    made.StructureType = ua.StructureType(kind)
    for name, data_type in fields:
        field: Any = ua.StructureField()
        field.Name, field.DataType = name, ua.NodeId(ua.Int32(data_type))
        field.ValueRank, field.IsOptional = -1, name in optional.split()
        made.Fields.append(field)
    return made


async def a_metal_forming_press(press: PressServer) -> dict[str, Node]:
    """The example of UA-Nodeset by names, its namespaces in an order of their own."""
    server = press.server
    maker, tool, forming, machinery = [
        await server.register_namespace(uri)
        for uri in (MAKER, MACHINE_TOOL, METAL_FORMING, MACHINERY)
    ]
    CYCLIC["space"] = forming
    kind = await server.nodes.base_structure_type.add_data_type(
        ua.NodeId(ua.Int32(3003), ua.Int16(forming)),
        ua.QualifiedName("CyclicProcessValueDataType", forming),
    )
    fields = definition(
        ("AnalogSignal", NUMBER), ("Setpoint", NUMBER), ("CycleCount", COUNTER),
        ("IsActive", BOOLEAN), kind=3, optional="AnalogSignal Setpoint",  # which allow subtypes
    )  # fmt: skip
    await kind.write_attribute(AttributeIds.DataTypeDefinition, ua.DataValue(ua.Variant(fields)))

    async def folder(below: Node, space: int, name: str) -> Node:
        return await below.add_object(space, name)

    machines = await folder(server.nodes.objects, machinery, "Machines")
    machine = await folder(machines, maker, "MetalFormingMachine")
    monitoring = await folder(machine, tool, "Monitoring")
    slide = await folder(monitoring, maker, "Slide")
    force = await folder(slide, maker, "ForceTotal")
    state = await folder(slide, forming, "MachineryItemState")
    tools = await folder(await folder(machine, tool, "Equipment"), tool, "Tools")
    program = await folder(await folder(machine, tool, "Production"), tool, "ActiveProgram")
    running_state = await (await folder(program, tool, "State")).add_variable(
        0, "CurrentState", ua.LocalizedText("Running")
    )
    return {
        "force": await force.add_variable(
            forming, "CyclicProcessValue", cyclic_value("40E20100"),
            ua.VariantType.ExtensionObject, kind.nodeid,
        ),
        "state": await state.add_variable(0, "CurrentState", ua.LocalizedText("Executing")),
        "mode": await (await folder(monitoring, tool, "MachineTool")).add_variable(
            tool, "OperationMode", 2, ua.VariantType.Int32
        ),
        "program": await program.add_variable(tool, "Name", "4711"),
        "number": await running_state.add_property(0, "Number", 1, ua.VariantType.UInt32),
        "die": await (await folder(tools, maker, "FTool01")).add_property(
            tool, "Identifier", "D-7"
        ),
    }  # fmt: skip


async def story_of_metal_forming(press: PressServer, folder: Path) -> None:
    nodes = await a_metal_forming_press(press)
    plant = press_plant(
        folder, press.url, profile="press-opc40503", more='object = "/Machines/MetalFormingMachine"'
    )
    samples = await read_values(plant.presses[0], plant.servers)
    assert {sample.channel: sample.value for sample in samples} == {
        "strokes": 123_456, "force": 412.5, "force_setpoint": 400.0, "measuring": True,
        "slide_state": "Executing", "operation_mode": 2, "program": "4711", "program_state": 1,
        "die_id": "D-7",
    }  # fmt: skip
    sink = RememberingSink()
    async with running(plant, sink):
        await sink.until(lambda: sink.values("P03", "strokes") == [123_456])
        for value in ("41E20100", "42E20100"):
            await nodes["force"].write_value(cyclic_value(value))
        await nodes["force"].write_value(cyclic_value("43", active=""))  # cut off
        await sink.until(lambda: samples_of(sink, "strokes")[-1].quality == BAD)
    assert sink.values("P03", "strokes") == [123_456, 123_457, 123_458, None]
    assert samples_of(sink, "strokes")[-1].status == StatusCodes.BadDecodingError
    assert sink.values("P03", "force") == [412.5]  # complete even in the value that was cut off


def test_a_metal_forming_press_is_read_by_names_and_fields(stage: Stage, tmp_path: Path) -> None:
    stage.play(story_of_metal_forming(stage.press, tmp_path))


async def story_of_an_s7(press: PressServer, folder: Path) -> None:
    space = await press.server.register_namespace(SIEMENS)
    block = await press.server.nodes.objects.add_object(
        f'ns={space};s="Press"', f"{space}:DataBlock"
    )
    for name, value, kind in (
        ("Strokes", 98_765, ua.VariantType.UInt32), ("Running", True, ua.VariantType.Boolean),
        ("Alarm", 12, ua.VariantType.UInt16), ("Die", "D-7", ua.VariantType.String),
        ("Speed", 42.5, ua.VariantType.Float),
    ):  # fmt: skip
        await block.add_variable(f'ns={space};s="Press"."{name}"', f"{space}:{name}", value, kind)
    plant = press_plant(folder, press.url, profile="s7-1200-opcua")
    samples = await read_values(plant.presses[0], plant.servers)
    assert {sample.channel: sample.value for sample in samples} == {
        "strokes": 98_765, "running": True, "alarm": 12, "die_id": "D-7", "speed": 42.5,
    }  # fmt: skip


def test_an_s7_is_read_by_the_names_of_its_data_block(stage: Stage, tmp_path: Path) -> None:
    stage.play(story_of_an_s7(stage.press, tmp_path))


PLACES = """
[[press.channel]]
name = "by_uri"
kind = "counter"
node_id = "nsu=urn:test:press;s=Press.Strokes"
[[press.channel]]
name = "by_path"
kind = "counter"
path = "/Press/Strokes"
[[press.channel]]
name = "no_uri"
kind = "counter"
node_id = "nsu=urn:elsewhere;i=7"
[[press.channel]]
name = "no_name"
kind = "counter"
path = "/Press/Strikes"
"""


async def story_of_places(press: PressServer, folder: Path) -> None:
    sink = RememberingSink()
    await press.write("Strokes", 5)
    async with running(press_plant(folder, press.url, more=PLACES), sink):
        await sink.until(lambda: sink.values("P03", "by_path") == [5])
        await sink.until(lambda: sink.values("P03", "by_uri") == [5])
    for name in ("no_uri", "no_name"):
        told = [(sample.value, sample.status) for sample in samples_of(sink, name)]
        assert told == [(None, StatusCodes.BadNodeIdUnknown)]


def test_places_are_found_by_uri_and_name_and_those_that_are_not_are_told(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.play(story_of_places(stage.press, tmp_path))
    said = capsys.readouterr().out
    assert "the server has no namespace urn:elsewhere, but http://opcfoundation.org/UA/" in said
    assert "Objects/Press has no 'Strikes', but Strokes, Running, Alarm, Die, Speed" in said


@pytest.mark.parametrize(
    ("mask", "wanted", "found"),
    [("03000000", "PartId", "AB"), ("00000000", "PartId", None), ("01000000", "PartId", None)],
)
def test_an_optional_field_may_be_absent(mask: str, wanted: str, found: object) -> None:
    """CyclicPartInformationDataType with a further optional field before PartId."""
    layout = layout_of(
        definition(("CycleCount", COUNTER), ("Note", STRING), ("PartId", STRING), kind=1,
                   optional="Note PartId")
    )  # fmt: skip
    assert layout is not None
    texts = {"03000000": "010000004E020000004142", "01000000": "010000004E"}
    body = bytes.fromhex(mask + "07000000" + texts.get(mask, ""))
    raw = ua.ExtensionObject(ua.NodeId(ua.Int32(5006), ua.Int16(9)), ua.ByteString(body))
    assert layout.value(raw, wanted) == found
    assert layout.value(raw, "CycleCount") == 7
