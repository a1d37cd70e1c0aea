"""One machine's trouble is its own: whatever cannot be opened or read, the others are read."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from asyncua.server.subscription_service import SubscriptionService
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaStatusCodeError
from machines import Plc, RememberingSink, Running, Unit, free_port, write_plant
from opcua_press import PressServer, Stage
from structlog.testing import capture_logs

from edge_agent import sources as reading
from edge_agent.node import Node
from edge_agent.outbox import Outbox
from edge_agent.plantfile.address import Tcp
from edge_agent.plantfile.entries import Mqtt, Plant
from edge_agent.sample import Sample
from edge_agent.sources import Source, keep_running, sources
from edge_agent.sources.modbus.polls import ModbusConnection
from edge_agent.sources.opcua import server as serving
from edge_agent.wire import Channel, DataType

START = (
    "import sys; from pathlib import Path; from edge_agent.agent import run; "
    "run(Path(sys.argv[1]), mqtt_host=sys.argv[2])"
)


def press(name: str, address: str) -> str:
    return f"""
        [[press]]
        name = "{name}"
        line = "L1"
        top_speed = 60
        profile = "press-16bit"
        address = "{address}"
        poll_ms = 50
        timeout_ms = 200
    """


@asynccontextmanager
async def running(found: list[Source]) -> AsyncGenerator[None]:
    background = Running([asyncio.create_task(keep_running(source)) for source in found])
    try:
        yield
    finally:
        await background.stop()


async def both(plant: Plant, plc: Plc, sink: RememberingSink, found: list[Source]) -> None:
    """P01 is read on, stroke after stroke, while P02 cannot be."""
    async with running(found):
        await sink.until(lambda: "online" in sink.of("P01"))
        for stroke in (42, 43):
            plc.units[1].registers[16] = stroke
            await sink.until(lambda: sink.values("P01", "strokes")[-1] == stroke)  # noqa: B023
    assert sink.values("P01", "strokes") == [41, 42, 43]
    assert "online" not in sink.of("P02")


def connection_of(found: list[Source], device: str) -> ModbusConnection:
    return next(s for s in found if isinstance(s, ModbusConnection) and device in s.devices)


@contextmanager
def adapter_without_parity() -> Generator[str]:
    """A terminal of the kernel's, which refuses parity with termios.error."""
    ends = os.openpty()
    try:
        yield os.ttyname(ends[1])
    finally:
        for end in ends:
            os.close(end)


async def story_of_an_adapter(folder: Path, sink: RememberingSink) -> None:
    with adapter_without_parity() as adapter:
        async with Plc(u1=Unit({16: 41})) as plc:
            other = press("P02", f"modbus-rtu://{adapter}/1?parity=E")
            plant = write_plant(folder, press("P01", plc.address(1)) + other)
            found = sources(plant, "n", sink)
            await both(plant, plc, sink, found)
            assert "Invalid argument" in connection_of(found, "P02").units[0].why


def test_a_serial_adapter_that_refuses_a_parity_is_one_machines_state(tmp_path: Path) -> None:
    asyncio.run(story_of_an_adapter(tmp_path, RememberingSink()))


async def story_of_a_name(folder: Path, sink: RememberingSink) -> None:
    async with Plc(u1=Unit({16: 41})) as plc:
        other = press("P02", "modbus://127.0.0.2:1/1")
        plant = write_plant(folder, press("P01", plc.address(1)) + other)
        found = sources(plant, "n", sink)
        connection_of(found, "P02").where = Tcp("192.168..1.20", 502)  # `check` does not let it by
        await both(plant, plc, sink, found)
        assert "its address is no name" in connection_of(found, "P02").units[0].why


def test_a_name_that_is_none_is_one_machines_state(tmp_path: Path) -> None:
    asyncio.run(story_of_a_name(tmp_path, RememberingSink()))


async def story_of_our_own_fault(
    folder: Path, sink: RememberingSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Plc(u1=Unit({16: 41}), u2=Unit({16: 7})) as plc:
        devices = press("P01", plc.address(1)) + press("P02", f"modbus://127.0.0.2:{plc.port}/2")
        plant = write_plant(folder, devices)
        found = sources(plant, "n", sink)
        failing = connection_of(found, "P02")
        monkeypatch.setattr(failing, "_poll", None)  # a fault that nobody thought of
        await both(plant, plc, sink, found)
        assert "the edge failed at it" in failing.units[0].why
        monkeypatch.undo()
        monkeypatch.setattr(reading, "AFRESH_S", 0.05)


def test_a_fault_of_ours_at_one_machine_ends_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(story_of_our_own_fault(tmp_path, RememberingSink(), monkeypatch))


# -- OPC UA ----------------------------------------------------------------------------------------


PLACES = (  # of one node: no two machines may count the same in the same words
    'node_id = "nsu=urn:test:press;s=Press.Strokes"',
    'path = "/Press/Strokes"',
    'path = "Strokes"',
)


def opcua_presses(url: str, count: int) -> str:
    return "".join(
        f"""
        [[press]]
        name = "P0{n}"
        line = "L1"
        top_speed = 60
        address = "{url}"
        object = "/Press"
        poll_ms = 100
        [[press.channel]]
        name = "strokes"
        kind = "counter"
        {place}
        """
        for n, place in enumerate(PLACES[:count], 1)
    )


async def story_of_the_third(
    press: PressServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = press.server.iserver.subscription_service
    create = SubscriptionService.create_subscription
    most = 2

    async def limited(self: SubscriptionService, *args: object, **more: object) -> object:
        if len(service.subscriptions) >= most:
            raise UaStatusCodeError(StatusCodes.BadTooManySubscriptions)
        return await create(self, *args, **more)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(SubscriptionService, "create_subscription", limited)
    sink = RememberingSink()
    plant = write_plant(folder, opcua_presses(press.url, 3))
    async with running(sources(plant, "n", sink)):
        await sink.until(lambda: "offline" in sink.of("P03"))
        for stroke in (1, 2):
            await press.write("Strokes", stroke)
            await sink.until(lambda: sink.values("P01", "strokes")[-1:] == [stroke])  # noqa: B023
            await sink.until(lambda: sink.values("P02", "strokes")[-1:] == [stroke])  # noqa: B023
        assert "offline" not in sink.of("P01") + sink.of("P02")
        [(device, channel, why)] = sink.refusals
        assert (device, channel) == ("P03", "")
        assert "the server allows fewer subscriptions" in why
        most = 3  # somebody else ended theirs
        await sink.until(lambda: sink.values("P03", "strokes")[-1:] == [2])
    assert not press.subscriptions


def test_a_server_with_too_few_subscriptions_keeps_those_it_has(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "FIRST_RETRY_S", 0.1)
    stage.play(story_of_the_third(stage.press, tmp_path, monkeypatch))


async def story_of_a_short_queue(
    press: PressServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = SubscriptionService.create_monitored_items

    async def short(self: SubscriptionService, *args: object) -> list[object]:
        results: list[Any] = list(await create(self, *args))  # pyright: ignore[reportArgumentType]
        for result in results:
            result.RevisedQueueSize = ua.UInt32(4)
        return results

    monkeypatch.setattr(SubscriptionService, "create_monitored_items", short)
    sink = RememberingSink()
    async with running(sources(write_plant(folder, opcua_presses(press.url, 1)), "n", sink)):
        await sink.until(lambda: sink.values("P01", "strokes") == [0])


def test_a_server_that_keeps_fewer_changes_is_told(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with capture_logs() as logs:
        stage.play(story_of_a_short_queue(stage.press, tmp_path, monkeypatch))
    [told] = [one for one in logs if one["event"] == "queue_revised"]
    assert (told["device"], told["asked"], told["kept"]) == ("P01", 32, 4)
    assert told["channels"] == ["strokes"]


async def story_of_late_nodes(press: PressServer, folder: Path) -> None:
    space = len(await press.server.get_namespace_array())  # the next one to be registered
    late = "".join(
        f'[[press.channel]]\nname = "{name}"\nkind = "gauge"\n{place}\n'
        for name, place in (
            ("by_uri", 'node_id = "nsu=urn:test:late;s=Late.Force"'),
            ("by_path", 'path = "/LateMachine/Force"'),
            ("by_id", f'node_id = "ns={space};s=Late.Force"'),
        )
    )
    plant = write_plant(folder, opcua_presses(press.url, 1) + late)
    sink = RememberingSink()
    async with running(sources(plant, "n", sink)):
        await sink.until(lambda: sink.values("P01", "strokes") == [0])
        await sink.until(lambda: len(sink.refusals) == 3)
        assert await press.server.register_namespace("urn:test:late") == space
        machine = await press.server.nodes.objects.add_object(space, "LateMachine")
        force = await machine.add_variable(
            f"ns={space};s=Late.Force", "Force", 12.5, ua.VariantType.Double
        )
        for name in ("by_uri", "by_path", "by_id"):
            await sink.until(lambda: sink.values("P01", name)[-1:] == [12.5])  # noqa: B023
        await force.delete()  # a new program of the PLC has another node of that name
        await sink.until(lambda: sink.values("P01", "by_path")[-1] is None)
        await machine.add_variable(
            ua.NodeId(ua.String("Other"), ua.Int16(space)), "Force", 13.5, ua.VariantType.Double
        )
        await sink.until(lambda: sink.values("P01", "by_path")[-1] == 13.5)
    assert sink.values("P01", "strokes") == [0]
    assert "offline" not in sink.of("P01")


# asyncua's server leaves the callback of a watched node that is deleted unawaited
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_was_missing_when_the_session_began_is_looked_for_again(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "COMPARE_S", 0.3)
    stage.play(story_of_late_nodes(stage.press, tmp_path))


# -- the broker, and the threads that are shared ---------------------------------------------------


@pytest.mark.parametrize("host", ["192.168..1.20", ".factory"])
def test_a_broker_that_cannot_be_named_ends_no_reading(host: str, tmp_path: Path) -> None:
    write_plant(tmp_path, press("P01", f"modbus://127.0.0.1:{free_port()}/1"))
    with subprocess.Popen(
        [sys.executable, "-c", START, str(tmp_path / "plant.toml"), host],
        stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        missing = {"cannot be reached as", "device_offline"}
        while missing:
            line = process.stdout.readline()
            assert line, f"it ended, and did not say {missing}"
            missing = {words for words in missing if words not in line}
        assert process.poll() is None
        process.terminate()
        process.stdout.read()
    assert process.returncode == 0


async def story_of_names_that_nobody_knows(folder: Path) -> None:
    known = threading.Event()
    loop = asyncio.get_running_loop()
    asked = [loop.run_in_executor(None, known.wait) for _ in range(64)]  # as getaddrinfo waits
    outbox = Outbox(folder / "outbox.sqlite")
    strokes = Channel("strokes", DataType.UINT32, "counter")
    node = Node("s", "n", devices={"P01": [strokes]}, outbox=outbox, mqtt=Mqtt())
    node.samples("P01", [Sample("strokes", 1000, 7)])
    try:
        async with asyncio.timeout(5):
            await node._keeping.commit()
        assert outbox.last == 1
    finally:
        known.set()
        await asyncio.gather(*asked)
        outbox.close()


def test_names_that_take_long_to_look_up_hold_up_no_record(tmp_path: Path) -> None:
    asyncio.run(story_of_names_that_nobody_knows(tmp_path))
