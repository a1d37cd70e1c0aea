"""The edge agent: the sources of one node and the node itself, in one event loop.

Killed at any moment it loses nothing that it had told anyone: the outbox keeps every record that
was published, and the next start sends what the database has not acknowledged.
"""

import asyncio
import signal
from pathlib import Path

import structlog

from edge_agent.clock import Clock
from edge_agent.entries import Plant
from edge_agent.errors import EdgeError
from edge_agent.node import Node
from edge_agent.outbox import Outbox
from edge_agent.plant import load_plant
from edge_agent.profile import Channel as PlantChannel
from edge_agent.sources import sources
from edge_agent.wire import Channel, DataType

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
    mqtt_host: str | None = None, mqtt_port: int | None = None,
) -> None:  # fmt: skip
    """Read and deliver the machines of one node until SIGTERM or SIGINT.

    `node`, `outbox` and the broker's address are the plant file's own unless given. Raises
    EdgeError (PlantError, OutboxError) with the cure when something must be mended first.
    """
    plant = _placed(load_plant(path), outbox, mqtt_host, mqtt_port)
    name = node or plant.node
    if name not in plant.nodes:
        known = ", ".join(plant.nodes) or "none: the file has no press and no meter"
        raise EdgeError(f"{path}: no machine belongs to node {name}; nodes with machines: {known}")
    kept = Outbox(outbox_path(plant, name))
    try:
        asyncio.run(_serve(plant, name, kept))
    finally:
        kept.close()


def _placed(plant: Plant, outbox: Path | None, host: str | None, port: int | None) -> Plant:
    """The plant as it stands on this machine: a container keeps its outbox on a volume."""
    broker = {"host": host or plant.mqtt.host, "port": port or plant.mqtt.port}
    place = {"path": outbox or plant.outbox.path}
    return plant.model_copy(update={
        "mqtt": plant.mqtt.model_copy(update=broker),
        "outbox": plant.outbox.model_copy(update=place),
    })  # fmt: skip


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


async def _serve(plant: Plant, name: str, outbox: Outbox) -> None:
    machines = [device for device in plant.devices if device.node == name]
    devices = {device.name: [channel(known) for known in device.channels] for device in machines}
    clock = Clock()
    node = Node(plant.site, name, devices=devices, outbox=outbox, mqtt=plant.mqtt, clock=clock.now)
    clock.stepped = node.clock_stepped
    reading = [asyncio.create_task(source.run()) for source in sources(plant, name, node, clock)]
    delivering = asyncio.create_task(node.run())
    stopping = asyncio.create_task(_signal())
    log.info("edge agent", node=name, devices=len(machines), outbox=str(outbox.path))
    try:
        await asyncio.wait([*reading, delivering, stopping], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (*reading, stopping):
            task.cancel()
        ends = await asyncio.gather(*reading, stopping, return_exceptions=True)
        delivering.cancel()  # after the sources, so that their last samples are kept
        ends += await asyncio.gather(delivering, return_exceptions=True)
    faults = [end for end in ends if isinstance(end, Exception)]
    if faults:
        raise faults[0]


async def _signal() -> None:
    """Returns on SIGTERM or SIGINT."""
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    await asked.wait()
