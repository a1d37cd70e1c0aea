"""Thinning: within its bound everywhere, and nothing but gauges touched."""

import asyncio
import math
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent import outbox as outboxes
from edge_agent.outbox import Draft, Entry, Outbox, end_of
from edge_agent.outbox import bounds as bounding
from edge_agent.outbox.bounds import Bounds, Limits
from edge_agent.outbox.thinning import LEVELS, Passes
from edge_agent.sparkplug_pb2 import Metric, Payload
from edge_agent.wire import (
    QUALITY,
    Channel,
    DataType,
    GivenUp,
    read_properties,
    write_channel,
    write_property,
)

HEARTBEAT_MS = 10_000
STROKES = Channel("strokes", DataType.UINT32, "counter", alias=17)
RUNNING = Channel("running", DataType.BOOLEAN, "state", alias=18)
FORCE = Channel("force", DataType.FLOAT, "gauge", alias=19)
TEMPERATURE = Channel("temperature", DataType.INT16, "gauge", alias=20)
ENERGY = Channel("energy", DataType.DOUBLE, "gauge", alias=21)  # counts, though it is a gauge
CHANNELS = (STROKES, RUNNING, FORCE, TEMPERATURE, ENERGY)
EXACT = frozenset({("P01", "energy")})


def birth(*channels: Channel) -> Draft:
    payload = Payload()
    for channel in channels:
        write_channel(payload.metrics.add(), channel)
    return Draft("P01", 0, payload.SerializeToString(), False)


def record(at: int, count: int, force: float | None, temperature: int) -> Draft:
    payload = Payload()
    for channel in CHANNELS:
        metric = payload.metrics.add()
        metric.alias, metric.timestamp = channel.alias, at
    strokes, running, gauge, whole, energy = payload.metrics
    strokes.int_value, running.boolean_value = count, count % 7 > 2
    whole.int_value, energy.double_value = temperature & 0xFFFF, count / 3
    if force is None:
        gauge.is_null = True
        write_property(gauge, QUALITY, DataType.INT32, 0)
    else:
        gauge.float_value = force
    return Draft("P01", at, payload.SerializeToString(), True)


@st.composite
def stories(draw: st.DrawFn) -> list[Draft]:
    """Records of one press, with deaths and births between them."""
    noise = st.floats(0, 1, width=32)
    forces = draw(st.lists(st.one_of(noise, noise, noise, st.none()), min_size=20, max_size=120))
    steps = draw(st.lists(st.integers(1, 12_000), min_size=120, max_size=120))
    deaths = draw(st.sets(st.integers(1, 119), max_size=3))
    story, at, level = [birth(*CHANNELS)], 1_790_000_000_000, 0.0
    for number, (force, step) in enumerate(zip(forces, steps, strict=False)):
        if number in deaths:
            story += [Draft("P01", at, None, False), birth(*CHANNELS)]
        at += step
        level += (force or 0) - 0.5
        value = None if force is None else 100 + 10 * math.sin(number / 9) + level
        story.append(record(at, number, value, 20 + int(level)))
    return story


def metrics(entry: Entry) -> list[Metric]:
    return list(Payload.FromString(entry.body or b"").metrics)


def others(entries: Sequence[Entry]) -> list[tuple[int, bytes]]:
    """Everything but the gauges that may be thinned, byte for byte."""
    gauges = {FORCE.alias, TEMPERATURE.alias}
    return [
        (entry.position, metric.SerializeToString())
        for entry in entries
        if entry.is_record
        for metric in metrics(entry)
        if metric.alias not in gauges
    ]


def told(entries: Sequence[Entry], channel: Channel) -> dict[int, tuple[int, float | None, object]]:
    """What holds of a gauge after each record: time of the sample, value, quality."""
    held: dict[int, tuple[int, float | None, object]] = {}
    now: tuple[int, float | None, object] | None = None
    for entry in entries:
        for metric in metrics(entry) if entry.is_record else ():
            if metric.alias == channel.alias:
                whole = metric.int_value - (metric.int_value >> 15 << 16)  # two's complement
                value = metric.float_value if channel is FORCE else whole
                quality = read_properties(metric).get(QUALITY)
                now = (metric.timestamp, None if metric.is_null else value, quality)
        if entry.is_record and now:
            held[entry.position] = now
    return held


def span(entries: Sequence[Entry], channel: Channel) -> float:
    values = [value for _, value, _ in told(entries, channel).values() if value is not None]
    return max(values, default=0) - min(values, default=0)


async def thin(outbox: Outbox, stretches: int) -> list[GivenUp]:
    """Run so many stretches of passes, as if the outbox were full for so long."""
    bounds = Bounds(outbox, Limits(keep_ms=2 * HEARTBEAT_MS, exact=EXACT))
    given: list[GivenUp] = []
    await bounds._measure()
    for _ in range(stretches):
        passes = Passes.read(outbox.noted("passes", ""))
        stretch = passes.next(outbox.tail)
        if stretch is not None:
            given += await bounds._thin(passes, *stretch, lambda: False)
    return given


@settings(max_examples=40, deadline=None)
@given(story=stories(), passes=st.integers(0, 3), middle=st.integers(0, 120))
def test_a_thinned_gauge_stays_within_its_bound_everywhere_and_nothing_else_is_touched(
    story: list[Draft], passes: int, middle: int
) -> None:
    with TemporaryDirectory() as folder:
        outbox = Outbox(Path(folder) / "outbox.sqlite")
        outbox.append(story[: middle + 1])
        asyncio.run(thin(outbox, 1))  # what comes later is thinned finely before it all is coarsely
        outbox.append(story[middle + 1 :])
        before = _originals(story)
        asyncio.run(thin(outbox, passes))
        after = outbox.read(0, 1000)
        level = max(k for k, end in enumerate(Passes.read(outbox.noted("passes", "")).ends) if end)
        outbox.close()
    assert [(e.position, e.is_record) for e in after] == [(e.position, e.is_record) for e in before]
    assert others(after) == others(before)
    for channel in (FORCE, TEMPERATURE):
        most = LEVELS[level] * span(before, channel) * (1 + 1e-9)
        was, now = told(before, channel), told(after, channel)
        assert was.keys() == now.keys()
        for place, (at, value, quality) in was.items():
            kept_at, kept, kept_quality = now[place]
            assert kept_quality == quality
            assert (kept is None) == (value is None)
            if value is not None and kept is not None:
                assert abs(kept - value) <= most
            assert at - kept_at < 2 * HEARTBEAT_MS * (level + 1)


def _originals(story: Sequence[Draft]) -> list[Entry]:
    with TemporaryDirectory() as folder:
        outbox = Outbox(Path(folder) / "outbox.sqlite")
        outbox.append(story)
        entries = outbox.read(0, 1000)
        outbox.close()
    return entries


def test_the_last_pass_gives_up_all_gauges_and_only_those(tmp_path: Path) -> None:
    story = [birth(*CHANNELS), *(record(1000 * n, n, float(n), n) for n in range(1, 101))]
    outbox = Outbox(tmp_path / "outbox.sqlite")
    before = outbox.append(story)
    given = asyncio.run(thin(outbox, len(LEVELS)))
    after = outbox.read(0, 1000)
    assert others(after) == others(before)
    assert told(after, FORCE) == told(after, TEMPERATURE) == {}
    assert (given[-1].what, given[-1].first, given[-1].last) == ("thinned", 1, 100)
    assert sum(one.samples for one in given) == 200
    outbox.close()


def test_a_ramp_is_thinned_to_the_share_that_was_told(tmp_path: Path) -> None:
    """1000 samples of 0…999: at 1 % of the span (9.99) every tenth tells the rest."""
    story = [birth(*CHANNELS), *(record(100 * n, n, float(n), 20) for n in range(1000))]
    outbox = Outbox(tmp_path / "outbox.sqlite")
    outbox.append(story)
    [given] = asyncio.run(thin(outbox, 1))
    kept = [
        m.float_value for e in outbox.read(0, 2000) if e.is_record for m in metrics(e)
        if m.alias == FORCE.alias
    ]  # fmt: skip
    assert kept == [10.0 * n for n in range(100)]
    assert given.within == {"P01/force": 9.99, "P01/temperature": 0.0}
    outbox.close()


def test_a_channel_is_thinned_as_the_birth_before_it_declared_it(tmp_path: Path) -> None:
    """What was a counter before a change of the plant file stays whole."""
    counted = Channel("force", DataType.FLOAT, "counter", alias=FORCE.alias)
    records = [record(1000 * n, n, 5.0, n) for n in range(1, 41)]
    story = [birth(STROKES, counted), *records[:20], birth(*CHANNELS), *records[20:]]
    outbox = Outbox(tmp_path / "outbox.sqlite")
    outbox.append(story)
    asyncio.run(thin(outbox, len(LEVELS)))
    left = [e.number for e in outbox.read(0, 100) if e.is_record for m in metrics(e)
            if m.alias == FORCE.alias]  # fmt: skip
    assert left == list(range(1, 21))
    outbox.close()


def test_passes_thin_new_records_finely_before_old_ones_coarsely() -> None:
    passes = Passes()
    assert passes.next(100) == (0, 0, 100)
    passes.reached(0, 60)
    assert passes.next(100) == (0, 60, 100)
    passes.reached(0, 100)
    assert passes.next(100) == (1, 0, 100)
    passes.reached(1, 100)
    assert passes.next(150) == (0, 100, 150)
    for level in range(len(LEVELS)):
        passes.reached(level, 150)
    assert passes.next(150) is None


def test_thinning_makes_room_and_only_then_records_go(tmp_path: Path) -> None:
    story = [birth(*CHANNELS), *(record(1000 * n, n, float(n % 50), n % 9) for n in range(8000))]
    outbox = Outbox(tmp_path / "outbox.sqlite")
    outbox.append(story)
    full = outbox.size

    async def hold(share: float) -> list[GivenUp]:
        return await Bounds(outbox, Limits(bytes=int(share * full), exact=EXACT)).hold()

    assert asyncio.run(hold(1.0)) == []
    given = asyncio.run(hold(0.95))
    assert {one.what for one in given} == {"thinned"}
    assert outbox.size <= 0.9 * 0.95 * full
    assert (outbox.first, outbox.last) == (1, 8000)
    given = asyncio.run(hold(0.2))
    assert [one.what for one in given][-1] == "dropped"
    assert given[-1].last == outbox.first - 1 > 0
    assert outbox.size <= 0.2 * full
    assert len([e for e in outbox.read(0, 9000) if e.is_record]) == 8000 - outbox.first + 1
    outbox.close()


def test_records_older_than_the_limit_go_by_the_time_the_agent_ran(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.sqlite")
    for hour in range(6):
        outbox._ran_before = 3600 * hour  # an agent that ran so long; no clock can be set back
        outbox.append([record(1_000_000 * (6 - hour), n, 1.0, 1) for n in range(10)])
    bounds = Bounds(outbox, Limits(seconds=2 * 3600))
    [given] = asyncio.run(bounds.hold())
    assert (given.what, given.first, given.last) == ("dropped", 1, 40)
    assert (outbox.first, outbox.last) == (41, 60)
    assert asyncio.run(bounds.hold()) == []
    assert outbox.read(end_of(40), 1)[0].number == 41
    outbox.close()


@pytest.mark.parametrize("limits", [Limits(seconds=0), Limits(bytes=100_000, exact=EXACT)])
def test_an_outbox_that_begins_anew_meanwhile_keeps_all_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limits: Limits
) -> None:
    """Set aside while records go, or are thinned."""
    monkeypatch.setattr(bounding, "SLICE", 10)
    monkeypatch.setattr(outboxes, "DROP_AT_ONCE", 10)
    outbox = Outbox(tmp_path / "outbox.sqlite")
    outbox._ran_before = 3600
    outbox.append([birth(*CHANNELS), *(record(1000 * n, n, float(n), n) for n in range(5000))])
    bounds = Bounds(outbox, limits)

    async def set_aside_meanwhile() -> list[GivenUp]:
        holding = asyncio.create_task(bounds.hold())
        while outbox.first == 1 and outbox.noted(bounding.PASSES, "") == "":
            await asyncio.sleep(0)
        outbox.start_over("the disk lost a page")
        bounds.begin(bounds.limits)
        outbox.append([birth(*CHANNELS), *(record(n, n, 1.0, n) for n in range(1, 4))])
        return await holding

    assert asyncio.run(set_aside_meanwhile()) == []
    assert (outbox.first, outbox.last) == (1, 3)
    assert outbox.noted(bounding.PASSES, "") == ""
    outbox.close()


def test_an_outbox_that_begins_anew_amid_thinning_has_nothing_of_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = [birth(*CHANNELS), *(record(1000 * n, n, float(n % 50), n % 9) for n in range(8000))]
    outbox = Outbox(tmp_path / "outbox.sqlite")
    outbox.append(story)
    full, rewrite = outbox.size, outbox.rewrite

    def begin_anew() -> None:
        monkeypatch.undo()
        outbox.start_over("torn")
        outbox.append(story)

    async def story_of_a_break() -> None:
        loop = asyncio.get_running_loop()

        def rewrite_then_break(*place: Any, **of: Any) -> list[Entry]:
            entries = rewrite(*place, **of)
            if place[4] is not None:  # how far a pass has come was noted
                loop.call_soon_threadsafe(begin_anew)
            return entries

        monkeypatch.setattr(outbox, "rewrite", rewrite_then_break)
        bounds = Bounds(outbox, Limits(bytes=int(0.2 * full), exact=EXACT))
        assert await bounds.hold() == []
        assert outbox.noted("passes", "") == ""
        assert (outbox.first, outbox.last) == (1, 8000)
        bounds.begin(Limits(bytes=int(0.95 * full), exact=EXACT))
        assert {one.what for one in await bounds.hold()} == {"thinned"}
        assert (outbox.first, outbox.last) == (1, 8000)

    asyncio.run(story_of_a_break())
    outbox.close()
