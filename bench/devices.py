"""Modbus devices for the benchmark: as many as asked, each on a port of its own, in one process.

A bare server instead of a library's, so that it takes little of the two cores it shares with what
is measured. It notes when each request came in: lateness is judged by the device, not by the agent.
Run as `python -m bench.devices FIRST_PORT COUNT`; SIGTERM prints the arrival times as JSON.
"""

import asyncio
import json
import signal
import struct
import sys
import time
from collections.abc import Collection
from pathlib import Path
from string import Template

from bench import plant

HEADER = struct.Struct(">HHHBBHH")  # transaction, protocol, length, unit, function, address, count
REGISTERS = 60
COUNTERS, FLOATS, WORDS, SIGNED = 2, 12, 24, 6  # then a status word with four bits, and an alarm
IMAGE = struct.Struct(f">{COUNTERS}I{FLOATS}f{WORDS}H{SIGNED}h2H")
assert IMAGE.size == 2 * REGISTERS
KINDS = {"count": "counter", "bit": "state", "alarm": "state"}  # the others are gauges


def fields() -> dict[str, tuple[int, str]]:
    """The 49 channels in the 60 registers: address and type of each, by name."""
    found: dict[str, tuple[int, str]] = {}
    place = 0
    for name, code, number in (
        ("count", "uint32", COUNTERS), ("level", "float32", FLOATS), ("word", "uint16", WORDS),
        ("offset", "int16", SIGNED),
    ):  # fmt: skip
        for n in range(number):
            found[f"{name}{n}"] = (place, code)
            place += 2 if "32" in code else 1
    found |= {f"bit{bit}": (place, f"bit{bit}") for bit in range(4)}
    return found | {"alarm": (place + 1, "uint16")}


CHANNELS = len(fields())


def profile(chosen: Collection[str] = ()) -> str:
    """The device as a register profile: all channels, or a choice of them."""
    rows = ['source = "bench/devices.py"']
    for name, (address, code) in fields().items():
        if not chosen or name in chosen:
            kind = KINDS.get(name.rstrip("0123456789"), "gauge")
            rows.append(
                f'[[channel]]\nname = "{name}"\nkind = "{kind}"\n'
                f'register = "holding:{address}:{code}"'
            )
    return "\n".join(rows)


PRESS = Template("""[[press]]
name = "$name"
line = "L1"
top_speed = 6000
profile = "$node"
address = "modbus://127.0.0.1:$port/1"
poll_ms = 1000
stroke_counter = "count0"
""")


def write_plant(
    folder: Path, mqtt: int, first_port: int, count: int, *, node: str = "edge-1",
    channels: Collection[str] = (), more: str = "",
) -> Path:  # fmt: skip
    """The plant file of a node that reads so many of these devices, with their profile.

    `more` are machines of another kind.
    """
    (folder / "profiles").mkdir(exist_ok=True)
    (folder / "profiles" / f"{node}.toml").write_text(profile(channels))
    presses = [
        PRESS.substitute(node=node, name=f"{node}-{n:03}", port=first_port + n)
        for n in range(count)
    ]
    return plant.write(folder, node, mqtt, [*presses, more])


class Device:
    """One slave: every value changes from one poll to the next."""

    def __init__(self) -> None:
        self.arrivals: list[float] = []
        self.callers: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.callers.add(writer)
        try:
            while True:
                request = HEADER.unpack(await reader.readexactly(HEADER.size))
                self.arrivals.append(time.monotonic())
                writer.write(self._reply(*request))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
        finally:
            self.callers.discard(writer)

    def _reply(
        self, transaction: int, _p: int, _l: int, unit: int, function: int, address: int, count: int
    ) -> bytes:
        registers = self._image()[2 * address : 2 * (address + count)]
        body = struct.pack(">BBB", unit, function, len(registers)) + registers
        return struct.pack(">HHH", transaction, 0, len(body)) + body

    def _image(self) -> bytes:
        poll = len(self.arrivals)
        return IMAGE.pack(
            *(poll + n for n in range(COUNTERS)),
            *(poll / 8 + n for n in range(FLOATS)),
            *(poll + 100 * n & 0xFFFF for n in range(WORDS)),
            *((poll + n) % 2000 - 1000 for n in range(SIGNED)),
            0b1111 * (poll & 1),
            poll & 0xFF,
        )


async def main(first_port: int, count: int) -> None:
    devices = [Device() for _ in range(count)]
    servers = [
        await asyncio.start_server(device.serve, "127.0.0.1", first_port + number)
        for number, device in enumerate(devices)
    ]
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    print("ready", flush=True)
    await stop.wait()
    for server, device in zip(servers, devices, strict=True):
        server.close()
        for caller in tuple(device.callers):
            caller.close()
        await server.wait_closed()
    await asyncio.sleep(0)  # the callers' tasks see their streams end
    print(json.dumps([device.arrivals for device in devices]), flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
