"""The edge agent: the sources of one node and the node itself, in one event loop.

Killed at any moment it loses nothing that it had told anyone: the outbox keeps every record that
was published, and the next start sends what the database has not acknowledged. SIGHUP reads the
plant file anew.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import structlog

from edge_agent.broker import check_files
from edge_agent.clock import Clock
from edge_agent.errors import EdgeError
from edge_agent.metrics import families, served
from edge_agent.node import Node
from edge_agent.outbox import Outbox
from edge_agent.outbox.bounds import DAY, Limits
from edge_agent.outbox.file import holder
from edge_agent.plantfile.entries import Meter, Plant, Press
from edge_agent.plantfile.plant import load_plant
from edge_agent.plantfile.profile import Channel as PlantChannel
from edge_agent.shutdown import end_with_any_thread
from edge_agent.sources import Source, keep_running, sources
from edge_agent.sources.tally import Tallies
from edge_agent.wire import Channel, DataType

Task = asyncio.Task[None]

RESERVE_BYTES = 4_000_000  # kept free on the outbox's disk: room to delete when it is full
COUNTING_UNITS = ("Wh", "varh", "VAh")  # a gauge in one of these counts, and is never thinned

AGAIN_S = 10.0  # longer than anybody needs to close what it opened

log = structlog.get_logger()

TYPES = {
    "bool": DataType.BOOLEAN,
    "int16": DataType.INT16, "int32": DataType.INT32, "int64": DataType.INT64,
    "uint16": DataType.UINT16, "uint32": DataType.UINT32, "uint64": DataType.UINT64,
    "float32": DataType.FLOAT, "float64": DataType.DOUBLE,
    "text": DataType.STRING,
}  # fmt: skip


def run(
    path: Path, node: str | None = None, *, outbox: Path | None = None,
    mqtt_host: str | None = None, mqtt_port: int | None = None, mqtt_secrets: Path | None = None,
    metrics_host: str | None = None, metrics_port: int | None = None,
) -> None:  # fmt: skip
    """Read and deliver the machines of one node until SIGTERM or SIGINT.

    `node`, `outbox`, the broker's address and that of the metrics are the plant file's own unless
    given. With `mqtt_secrets` the node is its own user, whose password is in that folder, unless
    the plant file names one. Raises EdgeError (PlantError, OutboxError) with the cure when
    something must be mended first.
    """
    metrics = {"host": metrics_host, "port": metrics_port}

    def place() -> Plant:
        plant = _placed(load_plant(path), outbox, mqtt_host, mqtt_port, metrics)
        return plant if mqtt_secrets is None else _known(plant, node or plant.node, mqtt_secrets)

    agent = Agent(place, node)
    with _hang_up_waits():
        kept = Outbox(outbox_path(agent.plant, agent.name), RESERVE_BYTES)
        end_with_any_thread()
        try:
            asyncio.run(agent.serve(kept))
        finally:
            kept.close()


def reload(path: Path, node: str | None = None, *, outbox: Path | None = None) -> int:
    """Make the agent of a node read its plant file anew; its process id.

    Raises EdgeError (PlantError) when the file is wrong or no such agent runs.
    """
    plant = _placed(load_plant(path), outbox, None, None)
    process = holder(outbox_path(plant, node or plant.node))
    os.kill(process, signal.SIGHUP)
    return process


def _placed(
    plant: Plant, outbox: Path | None, host: str | None, port: int | None,
    metrics: Mapping[str, str | int | None] = MappingProxyType({}),
) -> Plant:  # fmt: skip
    """The plant as it stands on this machine: a container keeps its outbox on a volume."""
    told = {name: value for name, value in metrics.items() if value is not None}
    broker = {"host": host or plant.mqtt.host, "port": port or plant.mqtt.port}
    place = {"path": outbox or plant.outbox.path}
    return plant.model_copy(update={
        "mqtt": plant.mqtt.model_copy(update=broker),
        "outbox": plant.outbox.model_copy(update=place),
        "metrics": plant.metrics.model_copy(update=told),
    })  # fmt: skip


def _known(plant: Plant, node: str, secrets: Path) -> Plant:
    """The plant with the user that `pressline broker users` made for a node."""
    if plant.mqtt.user:
        return plant
    user = {"user": node, "password_file": secrets / node}
    return plant.model_copy(update={"mqtt": plant.mqtt.model_copy(update=user)})


def outbox_path(plant: Plant, node: str) -> Path:
    """Where a node keeps its records: each node has a file of its own."""
    path = plant.outbox.path
    return path if node == plant.node else path.with_name(f"{path.stem}-{node}{path.suffix}")


def channel(declared: PlantChannel) -> Channel:
    """A channel of the plant file as the wire declares it."""
    return Channel(
        name=declared.name,
        datatype=TYPES[declared.datatype],
        kind=declared.kind,
        unit=declared.unit,
        scale=declared.scale,
        modulus=declared.modulus,
        source=declared.source,
    )


class Agent:
    """One node's sources and the node, by the plant file that is in force."""

    def __init__(self, load: Callable[[], Plant], name: str | None) -> None:
        """`load` reads the plant file. Raises EdgeError when no machine belongs to the node."""
        self._load, self.plant, self.tallies = load, load(), Tallies()
        self.name = name or self.plant.node
        self._check(self.plant)

    def _check(self, plant: Plant) -> None:
        if self.name not in plant.nodes:
            known = ", ".join(plant.nodes) or "none: the file has no press and no meter"
            raise EdgeError(f"no machine belongs to node {self.name}; nodes with machines: {known}")

    async def serve(self, outbox: Outbox) -> None:
        """Read and deliver until a signal ends it, or a fault that cannot be mended here."""
        clock = Clock()
        node = Node(
            self.plant.site, self.name, devices=self._devices(self.plant), outbox=outbox,
            mqtt=self.plant.mqtt, clock=clock.now, limits=self._limits(self.plant),
        )  # fmt: skip
        _follow(clock, node)
        where = self.plant.metrics
        async with served(families(node, self.tallies), where.host, where.port):
            await self._work(node, clock)

    async def _work(self, node: Node, clock: Clock) -> None:
        asked = _signals()
        delivering = asyncio.create_task(node.run())
        reading = _begin(sources(self.plant, self.name, node, clock, self.tallies))
        log.info("edge agent", node=self.name, machines=len(reading), outbox=str(node.outbox.path))
        try:
            while await _asked_to_reload(asked, [*reading, delivering]):
                reading = await self._reload(node, clock, reading)
        finally:
            ends = await _end(reading)  # before the node, so that their last samples are kept
            ends += await _end([delivering])
        for fault in ends:
            raise fault

    async def _reload(self, node: Node, clock: Clock, reading: "list[Task]") -> "list[Task]":
        """Take the plant file as it is now; a wrong one is told, and the old one goes on."""
        try:
            plant = await asyncio.to_thread(self._load)
            self._check_same(plant)
            check_files(plant.mqtt)
            begun = sources(plant, self.name, node, clock, self.tallies)
            devices = self._devices(plant)
        except Exception as error:
            if not isinstance(error, EdgeError):
                log.exception("the plant file cannot be taken")
            for fault in str(error).splitlines() or [type(error).__name__]:
                log.error("the plant file is wrong; the one before goes on", fault=fault)  # noqa: TRY400 - told, not traced
            return reading
        for fault in await _end(reading):
            log.error("a source ended with a fault", fault=str(fault))
        node.take_over(devices, plant.mqtt, self._limits(plant))
        self.plant = plant
        log.info("the plant file was read anew", node=self.name, machines=len(devices))
        return _begin(begun)

    def _check_same(self, plant: Plant) -> None:
        """What an agent is cannot change while it runs."""
        self._check(plant)
        for what, old, new in (
            ("site", self.plant.site, plant.site),
            ("node", self.plant.node, plant.node),
            ("[outbox] path", self.plant.outbox.path, plant.outbox.path),
        ):
            if old != new:
                raise EdgeError(f"{what} changed from {old} to {new}: that takes a restart")

    def _machines(self, plant: Plant) -> list[Press | Meter]:
        return [device for device in plant.devices if device.node == self.name]

    def _devices(self, plant: Plant) -> dict[str, list[Channel]]:
        return {
            device.name: [channel(known) for known in device.channels]
            for device in self._machines(plant)
        }

    def _limits(self, plant: Plant) -> Limits:
        counting = {
            (device.name, known.name)
            for device in self._machines(plant)
            for known in device.channels
            if known.unit.endswith(COUNTING_UNITS)
            or (isinstance(device, Meter) and known.name == device.energy)
        }
        return Limits(
            bytes=plant.outbox.max_mb * 1_000_000,
            seconds=int(plant.outbox.max_days * DAY),
            keep_ms=int(2000 * plant.heartbeat_s),
            exact=frozenset(counting),
        )


def _begin(found: Sequence[Source]) -> "list[Task]":
    return [asyncio.create_task(keep_running(source)) for source in found]


async def _end(tasks: "Sequence[Task]") -> list[Exception]:
    """Cancel tasks and wait for their end; the faults they ended with.

    A library may take a cancellation for its own: who goes on is told again.
    """
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=AGAIN_S)
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    return [end for end in ends if isinstance(end, Exception)]


@contextlib.contextmanager
def _hang_up_waits() -> Generator[None]:
    """Who holds an outbox may be told to reload: until it listens, SIGHUP must not end it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})


def _signals() -> "asyncio.Queue[bool]":
    """What signals ask for: true to read the plant file anew, false to end."""
    asked: asyncio.Queue[bool] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, asked.put_nowait, True)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.put_nowait, False)
    return asked


async def _asked_to_reload(asked: "asyncio.Queue[bool]", running: "list[Task]") -> bool:
    """Wait for a signal, or for the end of anything that runs."""
    asking = asyncio.create_task(asked.get())
    try:
        await asyncio.wait([asking, *running], return_when=asyncio.FIRST_COMPLETED)
        return asking.done() and asking.result()
    finally:
        asking.cancel()


def _follow(clock: Clock, node: Node) -> None:
    """Every step of the clock becomes a record, also one that happened while no agent ran."""

    def stepped(by: int, at: int) -> None:
        node.clock_stepped(by, at)
        node.outbox.note_clock(clock.mark)

    away = clock.set_since(node.outbox.clock)
    if away:
        log.warning("the clock was set while no agent ran", by_ms=away)
        stepped(away, clock.now())
    node.outbox.note_clock(clock.mark)
    clock.stepped = stepped
