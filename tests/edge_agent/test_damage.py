"""An outbox damaged while it is used: set aside, told, and the node goes on."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from edge_agent.node import Node
from edge_agent.outbox import DamagedError, Draft, Entry, Outbox
from edge_agent.plantfile.entries import Mqtt
from edge_agent.sample import Sample
from edge_agent.sparkplug_pb2 import Payload
from edge_agent.wire import Channel, DataType, GivenUp, State, state_topic

STROKES = Channel("strokes", DataType.UINT32, "counter")


class Heard:
    """Stands where the broker does."""

    def __init__(self) -> None:
        self.said: list[tuple[str, Payload]] = []

    def publish(self, topic: str, payload: bytes) -> None:
        self.said.append((topic.split("/")[2], Payload.FromString(payload)))


@asynccontextmanager
async def living(folder: Path) -> AsyncGenerator[tuple[Node, Heard]]:
    outbox, heard = Outbox(folder / "outbox.sqlite"), Heard()
    node = Node("plant", "edge-1", devices={"P01": [STROKES]}, outbox=outbox, mqtt=Mqtt())
    node._delivery.wire = heard
    try:
        yield node, heard
    finally:
        outbox.close()


def write(node: Node, *counts: int) -> None:
    for count in counts:
        node.samples("P01", [Sample("strokes", 1000 * count, count)])


def overwrite(outbox: Outbox) -> None:
    for connection in (outbox._writer, outbox._reader):
        connection.execute("pragma wal_checkpoint(truncate)").fetchall()
        connection.execute("pragma shrink_memory")
    with outbox.path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (outbox.path.stat().st_size - 4096))


def remove(outbox: Outbox) -> None:
    outbox.path.unlink()


def online(node: Node) -> None:
    node.connected(node.outbox.next_bdseq())
    node.received(state_topic("pressline"), State(True, 1).encode())


@pytest.mark.parametrize("hurt", [overwrite, remove])
def test_the_node_goes_on_with_a_new_outbox_and_keeps_what_was_in_memory(
    tmp_path: Path, hurt: Callable[[Outbox], None]
) -> None:
    async def story() -> None:
        async with living(tmp_path) as (node, heard):
            write(node, *range(1, 1001))
            await node._keeping.commit()
            bdseq, old = node.outbox.next_bdseq(), node.outbox.uuid
            aliases = node.outbox.aliases("P01", ["strokes"])
            hurt(node.outbox)
            write(node, 1001, 1002)
            with node._mending():
                node.outbox.check()
                await node._keeping.commit()
            await node._keeping.commit()
            assert node.outbox.uuid != old
            assert node.outbox.aliases("P01", ["strokes"]) == aliases
            assert node.outbox.next_bdseq() == bdseq + 1
            online(node)
            kinds = [kind for kind, _ in heard.said]
            assert kinds == ["NBIRTH", "DBIRTH", "DDATA", "DDATA", "NDATA"]
            counts = [p.metrics[1].int_value for kind, p in heard.said if kind == "DDATA"]
            assert counts == [1001, 1002]
            told = GivenUp.parse(heard.said[-1][1].metrics[1].string_value)
            assert told is not None
            assert (told.what, told.outbox, told.first, told.last) == ("damaged", old, 1, 1000)

    asyncio.run(story())


@pytest.mark.parametrize("committed", [True, False])
@pytest.mark.parametrize("set_aside", [True, False])
def test_what_is_being_written_while_the_outbox_begins_anew_is_kept_once_and_after_its_birth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, set_aside: bool, committed: bool
) -> None:
    """A reader finds damage, or the host an old copy, just before or just after a commit."""

    async def story() -> None:
        async with living(tmp_path) as (node, heard):
            write(node, 1)
            await node._keeping.commit()
            append, arrived, go = node.outbox.append, threading.Event(), threading.Event()

            def slow(*given: Any) -> list[Entry]:
                entries = append(*given) if committed else []
                arrived.set()
                assert go.wait(20)
                return entries if committed else append(*given)

            monkeypatch.setattr(node.outbox, "append", slow)
            write(node, 2, 3)
            writing = asyncio.create_task(node._keeping.commit())
            assert await asyncio.to_thread(arrived.wait, 20)
            if set_aside:
                node._start_over(DamagedError("found by a reader"))
            else:
                node._part_ways(99)
            go.set()
            await writing
            await node._keeping.commit()
            node.disconnected()
            heard.said.clear()
            online(node)
            kinds = [kind for kind, _ in heard.said]
            assert kinds[:2] == ["NBIRTH", "DBIRTH"]
            told = [(p.metrics[0].long_value, p.metrics[1].int_value)
                    for kind, p in heard.said if kind == "DDATA"]  # fmt: skip
            assert told == ([(1, 2), (2, 3)] if set_aside else [(1, 1), (2, 2), (3, 3)])

    asyncio.run(story())


def test_damage_met_while_sending_gives_the_host_new_births(tmp_path: Path) -> None:
    async def story() -> None:
        async with living(tmp_path) as (node, heard):
            write(node, *range(1, 5001))
            await node._keeping.commit()
            overwrite(node.outbox)
            online(node)  # the backlog cannot be read
            write(node, 5001)
            await node._keeping.commit()
            births = [payload for kind, payload in heard.said if kind == "NBIRTH"]
            identity = [m.string_value for m in births[-1].metrics if m.name == "outbox/id"]
            assert identity == [node.outbox.uuid]
            last = [payload for kind, payload in heard.said if kind == "DDATA"][-1]
            assert last.metrics[1].int_value == 5001

    asyncio.run(story())


def test_a_file_found_damaged_at_the_start_is_told_to_the_host(tmp_path: Path) -> None:
    async def story() -> None:
        path = tmp_path / "outbox.sqlite"
        outbox = Outbox(path)
        outbox.append([Draft("P01", 1, b"y" * 900, True) for _ in range(500)])
        old = outbox.uuid
        outbox.close()
        content = bytearray(path.read_bytes())
        content[200_000:300_000] = bytes(100_000)  # beyond the pages that tell the identity
        path.write_bytes(content)
        async with living(tmp_path) as (node, heard):
            await node._keeping.commit()
            online(node)
            told = GivenUp.parse(heard.said[-1][1].metrics[1].string_value)
            assert told is not None
            assert (told.what, told.outbox, told.last) == ("damaged", old, 500)

    asyncio.run(story())


def test_a_bdseq_that_cannot_be_written_is_told_all_the_same(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.sqlite")
    assert outbox.next_bdseq() == 0
    outbox._writer.execute("pragma query_only = on")
    assert [outbox.next_bdseq(), outbox.next_bdseq()] == [1, 2]
    outbox.close()


def test_an_outbox_of_the_first_form_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    outbox = Outbox(path)
    outbox.append([Draft("P01", 1, b"birth", False), Draft("P01", 1, b"x", True)])
    outbox._writer.executescript("drop index life; drop table hour; pragma user_version = 1;")
    outbox.close()
    outbox = Outbox(path)
    assert outbox.births_at(outbox.tail) == {"P01": b"birth"}
    assert [entry.number for entry in outbox.append([Draft("P01", 2, b"y", True)])] == [2]
    outbox.close()


def test_only_damage_is_called_damage(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.sqlite")
    outbox.append([Draft("P01", 1, b"x" * 3000, True) for _ in range(100)])
    overwrite(outbox)
    with pytest.raises(DamagedError, match=r"outbox\.sqlite is damaged"):
        outbox.read(0, 100)
    outbox.close()
