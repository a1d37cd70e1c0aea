"""OPC UA against a real server: source times, statuses, loss and return."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asyncua import ua
from asyncua.common.node import Node
from asyncua.server.server import Server
from asyncua.ua.status_codes import StatusCodes
from machines import Cable, RememberingSink, Running, free_port, write_plant

from edge_agent import opcua
from edge_agent.entries import Plant
from edge_agent.opcua import typed
from edge_agent.profile import Channel
from edge_agent.sample import BAD, GOOD, STALE, Sample
from edge_agent.sources import sources

TYPES = {
    "Strokes": (0, ua.VariantType.UInt32), "Running": (True, ua.VariantType.Boolean),
    "Alarm": (0, ua.VariantType.UInt16), "Die": ("D-7", ua.VariantType.String),
    "Speed": (60.0, ua.VariantType.Double),
}  # fmt: skip


class PressServer:
    """An OPC UA press with the nodes of profile press-opcua, except those left out."""

    def __init__(self, *left_out: str) -> None:
        self.left_out = left_out
        self.port = free_port()
        self.nodes: dict[str, Node] = {}

    @property
    def url(self) -> str:
        return f"opc.tcp://127.0.0.1:{self.port}"

    async def __aenter__(self) -> "PressServer":
        self.server = Server()
        await self.server.init()
        self.server.set_endpoint(self.url)
        self.server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        space = await self.server.register_namespace("urn:test:press")
        press = await self.server.nodes.objects.add_object(f"ns={space};s=Press", "Press")
        for name, (value, kind) in TYPES.items():
            if name not in self.left_out:
                node_id = f"ns={space};s=Press.{name}"
                self.nodes[name] = await press.add_variable(node_id, name, value, kind)
        await self.server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.server.stop()

    async def write(
        self, name: str, value: object, at: datetime, status: int = StatusCodes.Good
    ) -> None:
        data = ua.DataValue(ua.Variant(value, TYPES[name][1]), ua.StatusCode(ua.UInt32(status)), at)  # pyright: ignore[reportArgumentType] -- asyncua's DateTime is a datetime
        await self.nodes[name].write_value(data)

    def subscriptions(self) -> int:
        """Those alive on the server; closing a session ends its own."""
        return len(self.server.iserver.subscription_service.subscriptions)


def plant_of(folder: Path, url: str, poll_ms: int = 100, heartbeat_s: float = 10) -> Plant:
    press = f"""
        [[press]]
        name = "P03"
        line = "L1"
        top_speed = 60
        profile = "press-opcua"
        address = "{url}"
        poll_ms = {poll_ms}
    """
    return write_plant(folder, press, heartbeat_s)


@asynccontextmanager
async def running(plant: Plant, sink: RememberingSink) -> AsyncGenerator[None]:
    background = Running([asyncio.create_task(s.run()) for s in sources(plant, "n", sink)])
    try:
        yield
    finally:
        await background.stop()


def samples_of(sink: RememberingSink, channel: str) -> list[Sample]:
    samples = [what for what in sink.of("P03") if isinstance(what, Sample)]
    return [sample for sample in samples if sample.channel == channel]


async def story_between_publishes(folder: Path) -> None:
    sink = RememberingSink()
    an_hour_ago = datetime.now(UTC).replace(tzinfo=None, microsecond=0) - timedelta(hours=1)
    async with (
        PressServer() as server,
        running(plant_of(folder, server.url, poll_ms=1000), sink),
    ):
        await sink.until(lambda: len(sink.told) >= 6)
        assert sink.told[0] == ("P03", "online")
        for strokes in (1, 2, 3):  # three strokes within one publishing interval
            await server.write("Strokes", strokes, an_hour_ago + timedelta(seconds=strokes))
        await sink.until(lambda: sink.values("P03", "strokes")[-1] == 3)
    told = samples_of(sink, "strokes")[-3:]
    source_ms = round(an_hour_ago.replace(tzinfo=UTC).timestamp() * 1000)
    assert [s.value for s in told] == [1, 2, 3]
    assert [s.source_at for s in told] == [source_ms + 1000, source_ms + 2000, source_ms + 3000]
    assert {s.quality for s in told} == {GOOD}
    assert all(s.at - source_ms > 3_500_000 for s in told)  # captured now


def test_values_changed_between_publishes_arrive_with_the_servers_source_time(
    tmp_path: Path,
) -> None:
    asyncio.run(story_between_publishes(tmp_path))


async def story_of_statuses(folder: Path) -> None:
    sink = RememberingSink()
    async with PressServer("Alarm") as server, running(plant_of(folder, server.url), sink):
        await sink.until(lambda: len(sink.told) >= 6)
        now = datetime.now(UTC).replace(tzinfo=None)
        await server.write("Speed", 61.5, now, StatusCodes.UncertainLastUsableValue)
        await sink.until(lambda: samples_of(sink, "speed")[-1].quality == STALE)
        await server.write("Speed", 61.5, now, StatusCodes.BadSensorFailure)
        await sink.until(lambda: samples_of(sink, "speed")[-1].quality == BAD)
    missing, stale, bad = samples_of(sink, "alarm")[0], *samples_of(sink, "speed")[-2:]
    assert (missing.value, missing.quality) == (None, BAD)
    assert missing.status == StatusCodes.BadNodeIdUnknown
    assert (stale.value, stale.status) == (61.5, StatusCodes.UncertainLastUsableValue)
    assert (bad.value, bad.status) == (None, StatusCodes.BadSensorFailure)


def test_a_status_that_is_not_good_becomes_quality_and_status(tmp_path: Path) -> None:
    asyncio.run(story_of_statuses(tmp_path))


async def story_of_a_restarted_server(folder: Path) -> None:
    sink, server = RememberingSink(), PressServer()
    plant = plant_of(folder, server.url)
    async with server:
        background = running(plant, sink)
        await background.__aenter__()
        await sink.until(lambda: sink.values("P03", "strokes") == [0])
    await sink.until(lambda: "offline" in sink.of("P03"))
    async with server:
        await sink.until(lambda: sink.of("P03").count("online") == 2)
        await server.write("Strokes", 5, datetime.now(UTC).replace(tzinfo=None))
        await sink.until(lambda: sink.values("P03", "strokes")[-1] == 5)
        await background.__aexit__(None, None, None)
    told = sink.of("P03")
    lost = told.index("offline")
    bad = [s for s in told[lost - 5 : lost] if isinstance(s, Sample)]
    assert [(s.value, s.quality) for s in bad] == [(None, BAD)] * 5
    assert told[lost + 1] == "online"
    assert sink.values("P03", "running")[-3:] == [True, None, True]  # current again, not old


def test_restarted_server_is_bad_and_offline_between_and_then_flows_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opcua, "FIRST_RETRY_S", 0.05)
    asyncio.run(story_of_a_restarted_server(tmp_path))


async def story_of_a_pulled_cable(folder: Path) -> None:
    sink = RememberingSink()
    async with PressServer() as server, Cable(server.port) as cable:
        plant = plant_of(folder, f"opc.tcp://127.0.0.1:{cable.port}")
        async with running(plant, sink):
            await sink.until(lambda: sink.values("P03", "strokes") == [0])
            cable.plugged.clear()
            await sink.until(lambda: "offline" in sink.of("P03"))
            cable.plugged.set()
            await sink.until(lambda: sink.values("P03", "strokes") == [0, None, 0])
    assert [what for what in sink.of("P03") if isinstance(what, str)] == [
        "online", "offline", "online",
    ]  # fmt: skip


def test_pulled_cable_is_noticed_and_values_return_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opcua, "FIRST_RETRY_S", 0.05)
    monkeypatch.setattr(opcua, "KEEPALIVE_S", 0.3)
    monkeypatch.setattr(opcua, "SILENCE_S", 1.2)
    asyncio.run(story_of_a_pulled_cable(tmp_path))


async def story_of_a_quiet_press(folder: Path) -> None:
    sink = RememberingSink()
    async with PressServer() as server:
        async with running(plant_of(folder, server.url, heartbeat_s=0.6), sink):
            await sink.until(lambda: len(sink.values("P03", "strokes")) == 3)
            assert server.subscriptions() == 1
        assert server.subscriptions() == 0  # closed on the way out
    assert set(sink.values("P03", "strokes")) == {0}


def test_unchanged_values_are_told_again_and_the_session_is_closed(tmp_path: Path) -> None:
    asyncio.run(story_of_a_quiet_press(tmp_path))


@pytest.mark.parametrize(
    ("kind", "type_", "given", "taken"),
    [
        ("counter", "uint32", 2**32 - 1, 2**32 - 1),
        ("counter", "uint16", 65536, None),
        ("counter", "uint32", 1.5, None),
        ("state", "bool", 1, True),
        ("state", "bool", 2, None),
        ("gauge", "float64", 3, 3.0),
        ("gauge", "float64", float("nan"), None),
        ("text", "text", ua.LocalizedText("模具7"), "模具7"),
        ("text", "text", 7, None),
    ],
)
def test_values_are_taken_in_the_declared_type_only(
    kind: str, type_: str, given: object, taken: object
) -> None:
    channel = Channel.model_validate({"name": "c", "kind": kind, "type": type_})
    assert typed(given, channel) == taken
    assert type(typed(given, channel)) is type(taken)
