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

HEADER = struct.Struct(">HHHBBHH")  # transaction, protocol, length, unit, function, address, count


class Device:
    """One slave: every register counts the seconds, so every poll sees 40 changes."""

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

    def _reply(
        self, transaction: int, _p: int, _l: int, unit: int, function: int, address: int, count: int
    ) -> bytes:
        second = int(time.monotonic())
        values = [(second + address + offset) & 0xFFFF for offset in range(count)]
        body = struct.pack(f">BBB{count}H", unit, function, 2 * count, *values)
        return struct.pack(">HHH", transaction, 0, len(body)) + body


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
        for caller in device.callers:
            caller.close()
        await server.wait_closed()
    await asyncio.sleep(0)  # the callers' tasks see their streams end
    print(json.dumps([device.arrivals for device in devices]), flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
