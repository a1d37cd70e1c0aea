"""OPC UA presses for the benchmark: one real server (asyncua) with so many items of each press.

Run as `python -m bench.presses PORT PRESSES ITEMS`. Says `ready`. For each line `PER_S SECONDS` it
changes items one after the other at that pace, each to a value it never had, and prints as JSON
how many changes it made in how many seconds and what CPU time that took: its own count.
"""

import asyncio
import json
import logging
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from string import Template
from typing import cast

from asyncua import ua
from asyncua.server.server import Server

from bench import plant

ROUND_S = 0.02
SPACE = "urn:pressline:bench:presses"
PRESS = Template("""[[press]]
name = "U$number"
line = "L1"
top_speed = 6000
address = "opc.tcp://127.0.0.1:$port"
stroke_counter = "i0"
""")
ITEM = Template("""[[press.channel]]
name = "i$item"
kind = "$kind"
type = "$type"
node_id = "ns=2;s=U$number.i$item"
""")


def write_plant(folder: Path, mqtt: int, port: int, presses: int, items: int) -> Path:
    """The plant file of the agent that reads these presses."""
    told: list[str] = []
    for number in range(presses):
        told.append(PRESS.substitute(number=number, port=port))
        for item in range(items):
            kind, datatype = ("gauge", "float64") if item % 2 else ("counter", "uint32")
            told.append(ITEM.substitute(number=number, item=item, kind=kind, type=datatype))
    return plant.write(folder, "opcua", mqtt, told)


class Presses:
    """The server; items are changed in turn."""

    def __init__(self, server: Server, items: list[tuple[ua.NodeId, ua.VariantType]]) -> None:
        self.server, self.items = server, items
        self.changes = 0

    async def change(self, per_s: int, seconds: int) -> dict[str, float]:
        """Change items at a pace; what was done."""
        began, cpu, before = time.monotonic(), time.process_time(), self.changes
        while (passed := time.monotonic() - began) < seconds:
            due = before + int(per_s * passed)
            while self.changes < due:
                await self._next()
            await asyncio.sleep(ROUND_S)
        made = self.changes - before
        passed = time.monotonic() - began
        return {"changes": made, "seconds": passed, "cpu_s": time.process_time() - cpu}

    async def _next(self) -> None:
        turn, place = divmod(self.changes, len(self.items))
        node, kind = self.items[place]
        now = cast("ua.DateTime", datetime.now(UTC).replace(tzinfo=None))  # asyncua: naive UTC
        value = ua.Variant(turn + 1 if kind is ua.VariantType.UInt32 else turn + 0.5, kind)
        await self.server.write_attribute_value(node, ua.DataValue(value, SourceTimestamp=now))
        self.changes += 1


async def serve(port: int, presses: int, items: int) -> Presses:
    """A server with its items at zero, listening."""
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    await server.register_namespace(SPACE)
    made: list[tuple[ua.NodeId, ua.VariantType]] = []
    for number in range(presses):
        press = await server.nodes.objects.add_object(f"ns=2;s=U{number}", f"U{number}")
        for item in range(items):
            kind = ua.VariantType.Double if item % 2 else ua.VariantType.UInt32
            node = await press.add_variable(
                f"ns=2;s=U{number}.i{item}", f"i{item}", ua.Variant(0, kind)
            )
            made.append((node.nodeid, kind))
    await server.start()
    return Presses(server, made)


async def main(port: int, presses: int, items: int) -> None:
    shop = await serve(port, presses, items)
    print("ready", flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        per_s, seconds = map(int, line.split())
        print(json.dumps(await shop.change(per_s, seconds)), flush=True)
    await shop.server.stop()


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    asyncio.run(main(*map(int, sys.argv[1:4])))
