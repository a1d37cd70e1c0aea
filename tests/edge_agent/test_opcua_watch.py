"""OPC UA servers that live and tell nothing, small ones with limits, and sessions left behind."""

import asyncio
import os
import re
import signal
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from asyncua.server.internal_subscription import InternalSubscription
from asyncua.server.monitored_item_service import MonitoredItemService
from asyncua.ua.status_codes import StatusCodes
from machines import PATIENCE_S, RememberingSink
from opcua_press import PressServer, Stage, comings, press_plant, running, samples_of

from edge_agent.sample import BAD, GOOD
from edge_agent.sources import sources
from edge_agent.sources.opcua import read_values
from edge_agent.sources.opcua import server as serving
from edge_agent.sources.opcua import session as holding
from edge_agent.sources.opcua import subscription as subscribing
from edge_agent.sources.opcua.values import OVERFLOW


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same times, ten times shorter."""
    monkeypatch.setattr(serving, "FIRST_RETRY_S", 0.1)
    monkeypatch.setattr(serving, "COMPARE_S", 0.5)
    monkeypatch.setattr(subscribing, "KEEPALIVE_S", 0.2)
    monkeypatch.setattr(subscribing, "SETTLE_S", 0.5)


def kill_the_items(one: InternalSubscription) -> None:
    """Signs of life go on, values do not."""
    one.monitored_item_srv.delete_all_monitored_items()


def kill_one_item(one: InternalSubscription) -> None:
    """Only the counter is dead."""
    one.monitored_item_srv.delete_monitored_items(
        [next(iter(one.monitored_item_srv._monitored_items))]
    )


def stop_publishing(one: InternalSubscription) -> None:
    """As SetPublishingMode with false by another hand."""
    one._publishing_enabled = False


@pytest.mark.parametrize("quieten", [kill_the_items, kill_one_item, stop_publishing])
def test_a_server_that_answers_and_tells_nothing_is_found(
    quieten: object, stage: Stage, tmp_path: Path
) -> None:
    assert callable(quieten)

    async def story() -> None:
        sink = RememberingSink()
        async with running(press_plant(tmp_path, stage.press.url), sink):
            await sink.until(lambda: len(sink.told) >= 6)
            quieten(stage.press.subscriptions[0])
            await stage.press.write("Strokes", 7)
            await sink.until(lambda: sink.values("P03", "strokes")[-1] == 7)
            assert len(stage.press.sessions) == 1
        assert comings(sink) == ["online", "offline", "online"]

    stage.play(story())


async def story_of_busy_values(press: PressServer, folder: Path) -> None:
    sink = RememberingSink()
    async with running(press_plant(folder, press.url), sink):
        await sink.until(lambda: len(sink.told) >= 6)
        for stroke in range(30):  # three comparisons long
            await press.write("Strokes", stroke)
            await press.write("Speed", 60 + stroke / 10)
            await asyncio.sleep(0.05)
    assert comings(sink) == ["online"]


def test_values_that_change_all_the_time_are_no_false_alarm(stage: Stage, tmp_path: Path) -> None:
    stage.play(story_of_busy_values(stage.press, tmp_path))


def test_items_are_asked_for_in_batches_and_what_is_too_much_is_told_per_channel(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that takes three items a call, and four items in all."""
    calls: list[int] = []
    create = MonitoredItemService.create_monitored_items

    async def small(self: MonitoredItemService, params: Any) -> list[ua.MonitoredItemCreateResult]:
        asked = list(params.ItemsToCreate)
        calls.append(len(asked))
        if len(asked) > 3:
            raise ua.UaStatusCodeError(StatusCodes.BadTooManyOperations)
        if len(self._monitored_items) + len(asked) > 4:
            raise ua.UaStatusCodeError(StatusCodes.BadTooManyMonitoredItems)
        return await create(self, params)

    monkeypatch.setattr(MonitoredItemService, "create_monitored_items", small)

    async def story() -> None:
        sink = RememberingSink()
        async with running(press_plant(tmp_path, stage.press.url), sink):
            await sink.until(lambda: len(sink.told) >= 6)
        assert calls[:4] == [5, 2, 3, 1]
        bad = [sample for name in CHANNELS for sample in samples_of(sink, name) if sample.status]
        assert [(one.channel, one.status, one.quality) for one in bad] == [
            ("speed", StatusCodes.BadTooManyMonitoredItems, BAD)
        ]
        assert sink.values("P03", "strokes") == [0]

    stage.play(story())


CHANNELS = ("strokes", "running", "alarm", "die_id", "speed")


def test_a_profile_says_how_many_nodes_go_into_a_call(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    create = MonitoredItemService.create_monitored_items

    async def counted(
        self: MonitoredItemService, params: Any
    ) -> list[ua.MonitoredItemCreateResult]:
        calls.append(len(list(params.ItemsToCreate)))
        return await create(self, params)

    monkeypatch.setattr(MonitoredItemService, "create_monitored_items", counted)

    async def story() -> None:
        sink = RememberingSink()
        plant = press_plant(tmp_path, stage.press.url, more="nodes_per_call = 2")
        async with running(plant, sink):
            await sink.until(lambda: len(sink.told) >= 6)
        assert calls == [2, 2, 1]

    stage.play(story())


async def story_of_refusals(press: PressServer, folder: Path) -> None:
    sink = RememberingSink()
    iserver = press.server.iserver
    allowed, iserver.max_subscriptions = iserver.max_subscriptions, 0
    try:
        async with running(press_plant(folder, press.url), sink):
            await sink.until(lambda: "offline" in sink.of("P03"))
            await asyncio.sleep(0.5)  # some more tries
            assert len(press.sessions) <= 1
            iserver.max_subscriptions = allowed
            await sink.until(lambda: "online" in sink.of("P03"))
            assert len(press.sessions) == 1
    finally:
        iserver.max_subscriptions = allowed
    assert not press.sessions
    assert not press.subscriptions


def test_a_connection_that_fails_half_way_leaves_no_session(stage: Stage, tmp_path: Path) -> None:
    stage.play(story_of_refusals(stage.press, tmp_path))


async def story_of_sigterm(press: PressServer, folder: Path) -> None:
    press_plant(folder, press.url)
    agent = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "pressline", "edge", "run", str(folder / "plant.toml"),
        "--mqtt-port", "1", stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    async with asyncio.timeout(PATIENCE_S):
        while not press.subscriptions:
            await asyncio.sleep(0.05)
        agent.send_signal(signal.SIGTERM)
        assert await agent.wait() == 0
    assert not press.sessions
    assert not press.subscriptions


def test_an_agent_that_is_stopped_closes_its_session(stage: Stage, tmp_path: Path) -> None:
    stage.play(story_of_sigterm(stage.press, tmp_path))


def test_a_cancellation_that_got_lost_while_it_began_ends_it_all_the_same(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening, opened = asyncio.Event(), holding.Session.open

    async def open_and_lose(session: holding.Session, *, resume: bool) -> bool:
        """As asyncua does when it ends its own tasks of a connection before."""
        opening.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return await opened(session, resume=resume)

    async def story(press: PressServer, folder: Path) -> None:
        [source] = sources(press_plant(folder, press.url), "n", RememberingSink())
        task = asyncio.create_task(source.run())
        await opening.wait()
        task.cancel()
        _, pending = await asyncio.wait([task], timeout=PATIENCE_S)
        task.cancel()
        assert not pending
        assert not press.sessions

    monkeypatch.setattr(holding.Session, "open", open_and_lose)
    stage.play(story(stage.press, tmp_path))


async def story_of_an_undecodable_value(press: PressServer, folder: Path) -> None:
    """A structure whose body does not fit its type spoils every message that it is in."""
    sink = RememberingSink()
    range_type = ua.NodeId(ua.Int32(886))  # encoding of Range
    torn = ua.ExtensionObject(range_type, ua.ByteString(b"\1\2\3"))
    sound, structure = ua.Range(ua.Double(0), ua.Double(1)), ua.VariantType.ExtensionObject
    objects = press.server.nodes.objects
    odd = await objects.add_variable("ns=2;s=Press.Odd", "Odd", ua.Variant(sound, structure))
    more = '[[press.channel]]\nname = "odd"\nkind = "text"\nnode_id = "ns=2;s=Press.Odd"'
    async with running(press_plant(folder, press.url, more=more), sink):
        await sink.until(lambda: len(sink.told) >= 7)
        await odd.write_value(ua.Variant(torn, structure))
        await press.write("Strokes", 1)
        await sink.until(lambda: sink.values("P03", "strokes")[-1] == 1)
        await sink.until(lambda: statuses(sink)[-1] == StatusCodes.BadDecodingError)
        await press.write("Strokes", 2)
        await sink.until(lambda: sink.values("P03", "strokes")[-1] == 2)
        assert statuses(sink)[0] == StatusCodes.BadTypeMismatch  # no text, but decoded


def statuses(sink: RememberingSink) -> list[int | None]:
    return [sample.status for sample in samples_of(sink, "odd")]


def test_a_value_that_cannot_be_decoded_takes_no_other_with_it(
    stage: Stage, tmp_path: Path
) -> None:
    stage.play(story_of_an_undecodable_value(stage.press, tmp_path))


async def story_of_dropped_changes(press: PressServer, folder: Path) -> None:
    """A server whose queue was full says so with the oldest value that it still had."""
    sink = RememberingSink()
    async with running(press_plant(folder, press.url), sink):
        await sink.until(lambda: sink.values("P03", "strokes") == [0])
        for stroke in (7, 9):
            await press.write("Strokes", stroke, status=OVERFLOW)
            await sink.until(lambda stroke=stroke: sink.values("P03", "strokes")[-1] == stroke)
        assert {sample.quality for sample in samples_of(sink, "strokes")} == {GOOD}
    assert {reason for _, channel, reason in sink.refusals if channel == "strokes"} == {
        "the server dropped changes before this one; "
        "its queue was too short: give it a longer one or fewer changes"
    }


def test_changes_that_the_server_dropped_are_told_and_the_value_stays_good(
    stage: Stage, tmp_path: Path
) -> None:
    stage.play(story_of_dropped_changes(stage.press, tmp_path))


async def story_of_a_slow_meter(press: PressServer, folder: Path) -> None:
    sink = RememberingSink()
    async with running(press_plant(folder, press.url, poll_ms=3_600_000), sink):
        await sink.until(lambda: len(sink.told) >= 6)
        await asyncio.sleep(1.5)  # longer than silence is borne
    assert comings(sink) == ["online"]


def test_a_machine_read_once_an_hour_still_gives_signs_of_life(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscribing, "SILENCE_S", 0.8)
    stage.play(story_of_a_slow_meter(stage.press, tmp_path))


def test_a_server_whose_clock_is_wrong_is_told(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(holding, "_wall", lambda: datetime.now(UTC) + timedelta(hours=1))
    plant = press_plant(tmp_path, stage.press.url)
    stage.runner.run(read_values(plant.presses[0], plant.servers))
    assert re.search(r"server_clock_differs +ahead_s=-36\d\d ", capsys.readouterr().out)
