"""OPC UA connections that break: what was missed comes first and in order, or the gap is told."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from asyncua import ua
from asyncua.server.subscription_service import SubscriptionService
from machines import PATIENCE_S, RememberingSink
from opcua_press import Cable, PressServer, Stage, comings, press_plant, running, samples_of

from edge_agent.sources.opcua import server as serving
from edge_agent.sources.opcua import subscription as subscribing
from edge_agent.sources.opcua.machine import Machine
from edge_agent.sources.opcua.session import LostError, Message, Session

MORNING = datetime(2026, 1, 5, 6, tzinfo=UTC).replace(tzinfo=None)  # as asyncua wants it
LAST_STROKE = 20


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same times, ten times shorter."""
    monkeypatch.setattr(serving, "FIRST_RETRY_S", 0.1)
    monkeypatch.setattr(serving, "RESUME_RETRY_S", 0.1)
    monkeypatch.setattr(serving, "BREAK_S", 4.0)
    monkeypatch.setattr(subscribing, "KEEPALIVE_S", 0.2)
    monkeypatch.setattr(subscribing, "SILENCE_S", 0.8)
    monkeypatch.setattr(subscribing, "SETTLE_S", 0.3)


async def make_strokes(press: PressServer, first: int = 1, last: int = LAST_STROKE) -> None:
    """One by one, each with the press's own time, published as the server likes."""
    for stroke in range(first, last + 1):
        await press.write("Strokes", stroke, MORNING + timedelta(seconds=stroke))
        await asyncio.sleep(0.02)


def assert_every_stroke_once(sink: RememberingSink, last: int = LAST_STROKE) -> None:
    told = samples_of(sink, "strokes")
    start = MORNING.replace(tzinfo=UTC).timestamp()
    assert [sample.value for sample in told] == list(range(last + 1))
    assert [sample.source_at for sample in told[1:]] == [
        round(1000 * (start + stroke)) for stroke in range(1, last + 1)
    ]
    assert [sample.at for sample in told] == sorted({sample.at for sample in told})


@dataclass
class Line:
    """A cable to the press, and what an agent at its end was told."""

    cable: Cable
    sink: RememberingSink

    async def mend(self) -> None:
        """Plug it in again, and wait until the last stroke is told."""
        self.cable.cut = False
        await self.told(LAST_STROKE)

    async def told(self, strokes: int) -> None:
        await self.sink.until(lambda: self.sink.values("P03", "strokes")[-1:] == [strokes])


@asynccontextmanager
async def connected(press: PressServer, folder: Path) -> AsyncGenerator[Line]:
    """An agent that has read the press once."""
    sink = RememberingSink()
    async with Cable(press.port) as cable, running(press_plant(folder, cable.url), sink):
        line = Line(cable, sink)
        await line.told(0)
        assert sink.values("P03", "strokes") == [0]
        yield line


@asynccontextmanager
async def cut_off(press: PressServer, folder: Path) -> AsyncGenerator[Line]:
    """Then its line was cut; the agent runs on."""
    async with connected(press, folder) as line:
        line.cable.cut = True
        line.cable.break_now()
        yield line


async def story_of_a_break(press: PressServer, folder: Path) -> None:
    async with cut_off(press, folder) as line:
        await make_strokes(press)
        await line.mend()
        assert len(press.sessions) == 1
    assert_every_stroke_once(line.sink)
    assert comings(line.sink) == ["online"]
    assert not press.sessions


def test_twenty_strokes_during_a_break_arrive_once_in_order_with_their_own_times(
    stage: Stage, tmp_path: Path
) -> None:
    stage.play(story_of_a_break(stage.press, tmp_path))


async def story_of_an_unheard_acknowledgement(press: PressServer, folder: Path) -> None:
    async with connected(press, folder) as line:
        line.cable.mute = True
        await make_strokes(press, 1, 1)
        await line.told(1)
        assert press.subscriptions[0]._not_acknowledged_results
        line.cable.break_now()
        line.cable.mute = False
        await make_strokes(press, 2, 3)
        await line.told(3)
        async with asyncio.timeout(PATIENCE_S):
            while press.subscriptions[0]._not_acknowledged_results:
                await asyncio.sleep(0.02)
    assert_every_stroke_once(line.sink, 3)


def test_what_the_server_did_not_hear_acknowledged_is_acknowledged_again(
    stage: Stage, tmp_path: Path
) -> None:
    stage.play(story_of_an_unheard_acknowledgement(stage.press, tmp_path))


async def story_of_a_forgotten_session(press: PressServer, folder: Path) -> None:
    async with cut_off(press, folder) as line:
        await press.sessions[0].close_session(delete_subs=False)
        await make_strokes(press)
        numbers = press.numbers
        await line.mend()
        assert press.numbers == numbers
    assert_every_stroke_once(line.sink)
    assert comings(line.sink) == ["online"]


def test_a_new_session_takes_the_subscription_over(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_over = SubscriptionService.transfer_subscriptions

    async def with_requests(
        self: SubscriptionService, params: Any, session_id: ua.NodeId, callback: Any
    ) -> list[ua.TransferResult]:
        """asyncua's server leaves the old connection's publish requests at the subscription."""
        for number in params.SubscriptionIds:
            taken = self.subscriptions[number]
            taken.pub_request_callback = callback.__self__.get_publish_request
        return await hand_over(self, params, session_id, callback)

    monkeypatch.setattr(SubscriptionService, "transfer_subscriptions", with_requests)
    stage.play(story_of_a_forgotten_session(stage.press, tmp_path))


async def story_of_a_lost_subscription(press: PressServer, folder: Path) -> None:
    async with cut_off(press, folder) as line:
        await press.sessions[0].close_session(delete_subs=True)
        await make_strokes(press)
        await line.mend()
    assert line.sink.values("P03", "strokes") == [0, None, 20]  # a gap, then what is true now
    assert comings(line.sink) == ["online", "offline", "online"]


def test_a_server_that_lost_the_subscription_is_a_gap_and_current_values_after(
    stage: Stage, tmp_path: Path
) -> None:
    stage.play(story_of_a_lost_subscription(stage.press, tmp_path))


async def story_of_a_lost_notification(press: PressServer, folder: Path) -> None:
    async with cut_off(press, folder) as line:
        await make_strokes(press)
        press.subscriptions[0]._not_acknowledged_results.clear()
        await line.mend()
    told = line.sink.values("P03", "strokes")
    numbers = [value for value in told if isinstance(value, int)]
    assert numbers == sorted(numbers)
    assert None in told
    assert comings(line.sink) == ["online", "offline", "online"]


def test_a_notification_that_the_server_has_no_more_is_a_gap(stage: Stage, tmp_path: Path) -> None:
    stage.play(story_of_a_lost_notification(stage.press, tmp_path))


async def story_of_a_long_break(press: PressServer, folder: Path) -> None:
    async with cut_off(press, folder) as line:
        await line.sink.until(lambda: "offline" in line.sink.of("P03"))
        await make_strokes(press)
        await line.mend()
        assert len(press.sessions) == 1  # the one before was closed over the new connection
        assert len(press.subscriptions) == 1
    assert line.sink.values("P03", "strokes") == [0, None, 20]
    assert not press.sessions


def test_a_longer_break_is_bad_and_offline_and_leaves_no_session_behind(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "BREAK_S", 0.5)
    stage.play(story_of_a_long_break(stage.press, tmp_path))


class Kept:
    """A server's memory of notification messages, some of them gone."""

    def __init__(self, *numbers: int) -> None:
        self.kept = {number: Message(number, False, [], "") for number in numbers}
        self.acknowledged: list[int] = []

    async def republish(self, _subscription: int, number: int) -> Message | None:
        return self.kept.get(number)

    def acknowledge(self, _subscription: int, number: int) -> None:
        self.acknowledged.append(number)


def receive(due: int, kept: Kept, *messages: Message) -> list[int]:
    """Numbers in the order in which they were handed on."""

    async def play() -> None:
        taken = subscribing.Subscription(cast("Session", kept), cast("Machine", None))
        taken.due = due
        for message in messages:
            await taken.take(message)

    asyncio.run(play())
    return kept.acknowledged


def told(number: int, *, empty: bool = False) -> Message:
    return Message(number, empty, [], "")


LAST = 2**32 - 1


def test_a_message_that_was_left_out_comes_before_the_next() -> None:
    assert receive(7, Kept(8, 9), told(7), told(10)) == [7, 8, 9, 10]


def test_a_message_that_comes_twice_is_taken_once() -> None:
    assert receive(7, Kept(), told(7), told(7), told(8), told(6)) == [7, 8]


def test_a_sign_of_life_shows_what_is_missing() -> None:
    assert receive(7, Kept(7, 8), told(9, empty=True)) == [7, 8]


def test_numbers_begin_again_at_1() -> None:
    assert receive(LAST - 1, Kept(LAST), told(LAST - 1), told(1), told(2)) == [LAST - 1, LAST, 1, 2]


def test_a_message_that_is_nowhere_ends_the_subscription() -> None:
    with pytest.raises(LostError, match="notification 8 was lost"):
        receive(7, Kept(9), told(7), told(10))
