"""A full disk: gauges are thinned, counters are kept, and what went is told when it is over."""

import asyncio
import os
import subprocess
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from edge_agent.node import Node, group_commit
from edge_agent.outbox import Draft, Entry, Outbox, OutboxError
from edge_agent.plantfile.entries import Mqtt
from edge_agent.sample import Sample
from edge_agent.sparkplug_pb2 import Metric, Payload
from edge_agent.wire import Ack, Channel, DataType, GivenUp, State, state_topic

STROKES = Channel("strokes", DataType.UINT32, "counter")
FORCE = Channel("force", DataType.FLOAT, "gauge")
MB = 1_000_000
START = 1_790_000_000_000


class Story:
    """A node whose commits the test makes, with a counter and a gauge on one press."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox, self.made = outbox, 0
        self.node = Node(
            "plant", "edge-1", devices={"P01": [STROKES, FORCE]}, outbox=outbox, mqtt=Mqtt(),
            clock=lambda: START,
        )  # fmt: skip
        self.waiting = self.node._keeping.waiting

    def make(self, strokes: int) -> None:
        for _ in range(strokes):
            self.made += 1
            at = START + 1000 * self.made
            force = float(self.made % 200)
            samples = [Sample("strokes", at, self.made), Sample("force", at, force)]
            self.node.samples("P01", samples)

    async def commit(self) -> None:
        await self.node._keeping.commit()

    async def acknowledged(self, number: int) -> None:
        """The host has them up to a number, as fast as they are sent."""
        sender = self.node.sender
        while sender.acknowledged < number:
            ack = Ack(self.outbox.uuid, min(sender.sent, number)).encode(3, 0)
            self.node.received("spBv1.0/plant/NCMD/edge-1", ack)
            await asyncio.sleep(0)

    async def until_written(self) -> None:
        async with asyncio.timeout(60):
            while self.waiting.drafts:
                await self.commit()

    def entries(self) -> list[Entry]:
        return self.outbox.read(0, 1_000_000)

    def counts(self) -> list[int]:
        alias = self.node._devices["P01"].channels["strokes"].alias
        return [m.int_value for m in self._metrics() if m.alias == alias]

    def forces(self) -> int:
        alias = self.node._devices["P01"].channels["force"].alias
        return sum(metric.alias == alias for metric in self._metrics())

    def given_up(self) -> list[GivenUp]:
        told = [GivenUp.parse(m.string_value) for e in self.entries() if not e.device
                for m in Payload.FromString(e.body or b"").metrics]  # fmt: skip
        return [one for one in told if one is not None]

    def _metrics(self) -> Iterator[Metric]:
        for entry in self.entries():
            if entry.device and entry.is_record:
                yield from Payload.FromString(entry.body or b"").metrics


@asynccontextmanager
async def living(folder: Path, reserve_bytes: int = 0) -> AsyncGenerator[Story]:
    outbox = Outbox(folder / "outbox.sqlite", reserve_bytes)
    try:
        yield Story(outbox)
    finally:
        outbox.close()


def may_grow(outbox: Outbox, pages: int | None) -> None:
    """The file may have so many pages more; SQLite says `disk is full` beyond. None: any."""
    [[now]] = outbox._writer.execute("pragma page_count")
    most = 1 << 30 if pages is None else now + pages
    outbox._writer.execute(f"pragma max_page_count = {most}").fetchall()


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "FULL_DISK_S", 0)


def test_a_full_disk_thins_gauges_in_the_outbox_and_loses_no_count(tmp_path: Path) -> None:
    async def story() -> None:
        async with living(tmp_path) as now:
            now.make(3000)
            await now.commit()
            may_grow(now.outbox, 24)  # as a reserve that was released
            for _ in range(20):
                now.make(100)
                now.node._gave_up(await now.node._bounds.hold(disk_full=True))
                await now.until_written()
            assert now.counts() == list(range(1, 5001))
            assert now.forces() < 3000
            given = now.given_up()
            assert {one.what for one in given} == {"thinned"}
            assert "the disk is full" in given[0].reason
            numbers = [entry.number for entry in now.entries() if entry.is_record]
            assert numbers == list(range(1, now.outbox.last + 1))

    asyncio.run(story())


def test_while_nothing_can_be_written_gauges_wait_thinned_and_counts_wait_whole(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with living(tmp_path) as now:
            may_grow(now.outbox, 0)
            now.waiting._most = 820_000
            for _ in range(6):
                now.make(500)
                await now.commit()
            assert now.outbox.last == 0
            assert now.waiting._weight <= 820_000
            may_grow(now.outbox, None)
            await now.until_written()
            await now.until_written()
            assert now.counts() == list(range(1, 3001))
            assert now.forces() < 2000
            first = now.entries()[0]
            assert (first.is_record, first.device, first.body is not None) == (False, "P01", True)
            [given] = now.given_up()
            assert (given.what, given.first, given.last) == ("unkept", 1, 3000)
            assert "gauge samples" in given.reason

    asyncio.run(story())


def test_when_memory_is_full_too_the_oldest_records_go_and_that_is_told(tmp_path: Path) -> None:
    async def story() -> None:
        async with living(tmp_path) as now:
            may_grow(now.outbox, 0)
            now.waiting._most = 300_000
            for _ in range(6):
                now.make(500)
                await now.commit()
            may_grow(now.outbox, None)
            await now.until_written()
            await now.until_written()
            counts = now.counts()
            lost = 3000 - len(counts)
            assert 1500 < lost < 2900
            assert counts == list(range(lost + 1, 3001))
            assert not now.entries()[0].is_record  # the birth came along
            [given] = now.given_up()
            assert f"the {lost} oldest waiting records" in given.reason

    asyncio.run(story())


def test_what_is_acknowledged_is_deleted_although_nothing_new_fits(tmp_path: Path) -> None:
    async def story() -> None:
        async with living(tmp_path) as now:
            now.make(2000)
            await now.commit()
            may_grow(now.outbox, 0)
            now.node.connected(0)
            now.node.received(state_topic("pressline"), State(True, 1).encode())
            await now.acknowledged(1500)
            now.make(1000)
            await now.until_written()
            assert now.outbox.first == 1501
            assert now.counts() == list(range(1501, 3001))
            assert now.forces() == 1500
            assert now.given_up() == []

    asyncio.run(story())


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MB of its own."""
    if os.geteuid() != 0:
        pytest.skip("a file system can be mounted by root only")
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    mounted = subprocess.run(["mount", *options], check=False, capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_others_filled_is_written_on_in_its_reserve(small_disk: Path) -> None:
    async def story() -> None:
        async with living(small_disk, reserve_bytes=4 * MB) as now:
            now.make(2000)
            await now.commit()
            assert now.outbox.reserve.path.stat().st_size == 4 * MB
            ballast = fill(small_disk)
            now.make(40_000)
            await now.until_written()
            assert now.counts() == list(range(1, 42_001))
            assert not now.outbox.reserve.path.exists()
            assert now.node._bounds.tight
            ballast.unlink()
            now.make(1)
            await now.node.bound()
            await now.until_written()
            assert now.outbox.reserve.path.exists()
            assert not now.node._bounds.tight

    asyncio.run(story())


def test_an_agent_starts_on_a_full_disk_and_forgets_what_is_acknowledged(small_disk: Path) -> None:
    async def story() -> None:
        async with living(small_disk, reserve_bytes=4 * MB) as now:
            now.make(2000)
            await now.commit()
        fill(small_disk)
        async with living(small_disk, reserve_bytes=4 * MB) as now:
            now.outbox.append([], acknowledged=1000)
            now.outbox.append([Draft("P01", 1, b"x", True)])
            assert (now.outbox.first, now.outbox.last) == (1001, 2001)

    asyncio.run(story())


def test_a_new_outbox_on_a_full_disk_is_refused_with_the_cure(small_disk: Path) -> None:
    fill(small_disk)
    with pytest.raises(OutboxError, match=r"Is the disk full or read-only\?"):
        Outbox(small_disk / "outbox.sqlite")


def test_an_old_copy_on_a_full_disk_begins_anew_when_there_is_room(small_disk: Path) -> None:
    async def story() -> None:
        async with living(small_disk) as now:
            now.make(20)
            await now.commit()
        async with living(small_disk) as now:
            now.make(30)
            await now.commit()
            old, ballast = now.outbox.uuid, fill(small_disk)
            now.node._part_ways(40)
            assert (now.outbox.uuid, now.outbox.last) == (old, 50)
            ballast.unlink()
            now.node._part_ways(40)
            assert now.outbox.uuid != old
            assert now.outbox.last == 30
            assert len(now.counts()) == 30

    asyncio.run(story())


def fill(folder: Path) -> Path:
    """A file that takes all the space there is."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for piece in _pieces():
            try:
                while file.write(bytes(piece)) == piece:
                    pass
            except OSError:
                continue
    return ballast


def _pieces() -> Sequence[int]:
    return (1 << 20, 1 << 12, 1)
