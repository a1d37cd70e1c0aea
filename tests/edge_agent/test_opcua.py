"""OPC UA against a real server: source times, statuses, loss and return."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import machines
import pytest
from asyncua import ua
from asyncua.common.node import Node
from asyncua.ua.status_codes import StatusCodes
from machines import RememberingSink
from opcua_press import PressServer, Stage, comings, press_plant, running, samples_of

from edge_agent.sample import BAD, GOOD, STALE, Sample
from edge_agent.sources.opcua import server as serving
from edge_agent.sources.opcua import subscription as subscribing

NO_TIME = datetime(1601, 1, 1, tzinfo=UTC).replace(tzinfo=None)
NO_END = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).replace(tzinfo=None)


async def story_between_publishes(press: PressServer, folder: Path) -> None:
    sink = RememberingSink()
    an_hour_ago = datetime.now(UTC).replace(tzinfo=None, microsecond=0) - timedelta(hours=1)
    async with running(press_plant(folder, press.url, poll_ms=1000), sink):
        await sink.until(lambda: len(sink.told) >= 6)
        assert sink.told[0] == ("P03", "online")
        for strokes in (1, 2, 3):  # three strokes within one publishing interval
            await press.write("Strokes", strokes, an_hour_ago + timedelta(seconds=strokes))
        await sink.until(lambda: sink.values("P03", "strokes")[-1] == 3)
    told = samples_of(sink, "strokes")[-3:]
    source_ms = round(an_hour_ago.replace(tzinfo=UTC).timestamp() * 1000)
    assert [s.value for s in told] == [1, 2, 3]
    assert told[0].at < told[1].at < told[2].at  # they came together; their order stands
    assert [s.source_at for s in told] == [source_ms + 1000, source_ms + 2000, source_ms + 3000]
    assert {s.quality for s in told} == {GOOD}
    assert all(s.at - source_ms > 3_500_000 for s in told)  # captured now


def test_values_changed_between_publishes_arrive_with_the_servers_source_time(
    stage: Stage, tmp_path: Path
) -> None:
    stage.play(story_between_publishes(stage.press, tmp_path))


async def story_of_statuses(press: PressServer, folder: Path) -> None:
    sink = RememberingSink()
    missing = '[[press.channel]]\nname = "oil"\nkind = "gauge"\nnode_id = "ns=2;s=Press.Oil"'
    async with running(press_plant(folder, press.url, more=missing), sink):
        await sink.until(lambda: len(sink.told) >= 7)
        await press.write("Speed", 61.5, status=StatusCodes.UncertainLastUsableValue)
        await sink.until(lambda: samples_of(sink, "speed")[-1].quality == STALE)
        await press.write("Speed", 61.5, status=StatusCodes.BadSensorFailure)
        await sink.until(lambda: samples_of(sink, "speed")[-1].quality == BAD)
    oil, stale, bad = samples_of(sink, "oil")[0], *samples_of(sink, "speed")[-2:]
    assert (oil.value, oil.quality, oil.status) == (None, BAD, StatusCodes.BadNodeIdUnknown)
    assert (stale.value, stale.status) == (61.5, StatusCodes.UncertainLastUsableValue)
    assert (bad.value, bad.status) == (None, StatusCodes.BadSensorFailure)
    # What the server will not tell is a refusal; a sensor that failed is the machine's own word.
    assert sink.refusals == [("P03", "oil", "the server refuses it: BadNodeIdUnknown")]


def test_a_status_that_is_not_good_becomes_quality_and_status(stage: Stage, tmp_path: Path) -> None:
    stage.play(story_of_statuses(stage.press, tmp_path))


async def story_of_a_restarted_server(folder: Path) -> None:
    sink, press = RememberingSink(), PressServer()
    plant = press_plant(folder, press.url)
    async with press:
        background = running(plant, sink)
        await background.__aenter__()
        await sink.until(lambda: sink.values("P03", "strokes") == [0])
    await sink.until(lambda: "offline" in sink.of("P03"))
    async with press:
        await sink.until(lambda: sink.of("P03").count("online") == 2)
        await press.write("Strokes", 5)
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
    monkeypatch.setattr(serving, "FIRST_RETRY_S", 0.05)
    asyncio.run(story_of_a_restarted_server(tmp_path))


async def story_of_a_pulled_cable(press: PressServer, folder: Path) -> None:
    sink = RememberingSink()
    async with machines.Cable(press.port) as cable:
        plant = press_plant(folder, f"opc.tcp://127.0.0.1:{cable.port}")
        async with running(plant, sink):
            await sink.until(lambda: sink.values("P03", "strokes") == [0])
            cable.plugged.clear()
            await sink.until(lambda: "offline" in sink.of("P03"))
            cable.plugged.set()
            await sink.until(lambda: sink.values("P03", "strokes") == [0, None, 0])
    assert comings(sink) == ["online", "offline", "online"]


def test_pulled_cable_is_noticed_and_values_return_with_it(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "FIRST_RETRY_S", 0.05)
    monkeypatch.setattr(serving, "BREAK_S", 1.5)
    monkeypatch.setattr(subscribing, "KEEPALIVE_S", 0.2)
    monkeypatch.setattr(subscribing, "SILENCE_S", 0.8)
    stage.play(story_of_a_pulled_cable(stage.press, tmp_path))


async def story_of_a_quiet_press(press: PressServer, folder: Path) -> None:
    sink = RememberingSink()
    async with running(press_plant(folder, press.url, heartbeat_s=0.6), sink):
        await sink.until(lambda: len(sink.values("P03", "strokes")) == 3)
    assert set(sink.values("P03", "strokes")) == {0}


def test_unchanged_values_are_told_again(stage: Stage, tmp_path: Path) -> None:
    stage.play(story_of_a_quiet_press(stage.press, tmp_path))


async def story_of_odd_values(press: PressServer, folder: Path) -> None:
    sink = RememberingSink()
    odd = [
        (float("nan"), None, StatusCodes.BadOutOfRange), (1.5, 1.5, None),
        (float("-inf"), None, StatusCodes.BadOutOfRange), (2.5, 2.5, None),
        ([1.0, 2.0], None, StatusCodes.BadTypeMismatch), (3.5, 3.5, None),
    ]  # fmt: skip
    async with running(press_plant(folder, press.url), sink):
        await sink.until(lambda: len(sink.told) >= 6)
        for value, _, _ in odd:
            await press.write("Speed", value, NO_TIME)
        await press.write("Strokes", 2**32 - 1, NO_END)
        await sink.until(lambda: sink.values("P03", "strokes")[-1] == 2**32 - 1)
    told = samples_of(sink, "speed")[-len(odd) :]
    assert [(sample.value, sample.status) for sample in told] == [(v, why) for _, v, why in odd]
    assert {sample.source_at for sample in told} == {None}
    assert samples_of(sink, "strokes")[-1].source_at is None
    assert set(sink.refusals) == {
        ("P03", "speed", f"a value that it cannot hold ({why}); kept as bad")
        for why in ("BadOutOfRange", "BadTypeMismatch")
    }


def test_odd_values_and_times_pass_through_a_real_server(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.play(story_of_odd_values(stage.press, tmp_path))
    assert capsys.readouterr().out.count("BadOutOfRange") == 1  # told once


UNDECLARED = """
    [[press.channel]]
    name = "{name}"
    kind = "counter"
    node_id = "{node}"
"""


async def story_of_undeclared_counters(press: PressServer, folder: Path) -> None:
    """Short is an Int16 that wraps, Long an Int32, Wide has no sign, Later no value at first."""
    space, more = await press.server.get_namespace_index("urn:test:press"), ""
    types = {
        "Short": (32766, ua.VariantType.Int16), "Long": (7, ua.VariantType.Int32),
        "Wide": (7, ua.VariantType.UInt32), "Later": (-2, ua.VariantType.Int16),
    }  # fmt: skip
    nodes: dict[str, Node] = {}
    for name, (value, kind) in types.items():
        node = f"ns={space};s=Undeclared.{name}"
        nodes[name] = await press.server.nodes.objects.add_variable(node, name, value, kind)
        more += UNDECLARED.format(name=name.lower(), node=node)
    later, sink = nodes["Later"].nodeid, RememberingSink()
    waits = ua.StatusCode(ua.UInt32(StatusCodes.BadWaitingForInitialData))
    await press.server.write_attribute_value(later, ua.DataValue(StatusCode=waits))
    try:
        async with running(press_plant(folder, press.url, more=more), sink):
            await sink.until(lambda: sink.values("P03", "short") == [32766])
            for value in (32767, -32768, -1, 0):
                await nodes["Short"].write_value(ua.Variant(value, ua.VariantType.Int16))
            value = ua.DataValue(ua.Variant(-2, ua.VariantType.Int16))
            await press.server.write_attribute_value(later, value)
            await sink.until(lambda: sink.values("P03", "short")[-1] == 0)
            await sink.until(lambda: sink.values("P03", "later")[-1] == 65534)
    finally:
        await press.server.delete_nodes(list(nodes.values()))
    assert sink.values("P03", "short") == [32766, 32767, 32768, 65535, 0]
    known = {channel: (modulus, told) for _, channel, modulus, told in sink.moduli}
    assert {name: modulus for name, (modulus, _) in known.items()} == {
        "short": 65536, "long": 2**32, "later": 65536,
    }  # fmt: skip
    assert known["short"][1] == 0  # nothing was told before, the birth neither
    assert len(sink.moduli) == 3


def test_an_undeclared_counter_of_a_signed_type_wraps_where_its_type_does(
    stage: Stage, tmp_path: Path
) -> None:
    stage.play(story_of_undeclared_counters(stage.press, tmp_path))
