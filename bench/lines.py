"""The readings of bench/traffic.py as line protocol, for a peer that knows no Sparkplug.

Run as `python -m bench.lines PORT METRICS DEVICES PER_S SECONDS`: a message with QoS 1 for each
record, each when it is due. Sends one round of the devices, says `ready`, waits for a line, sends
the rest and prints as JSON what it sent.
"""

import json
import sys
import time

from bench.publisher import Device, Wire, make_device, packet, text

PUBLISH_QOS_1 = 0x32
REST_S = 0.01


def message(number: int, device: Device, at: int) -> bytes:
    """One record of a device as a packet; `at` in ms."""
    fields = ",".join(
        f"{channel.name}={_field(sample.value)}" for channel, sample in device.samples(at)
    )
    line = f"press,device={device.name} {fields} {at * 1_000_000}"
    identifier = (number % 65_535 + 1).to_bytes(2, "big")
    return packet(PUBLISH_QOS_1, text(f"bench/{device.name}") + identifier + line.encode())


def _field(value: object) -> str:
    return f"{value}i" if isinstance(value, int) else f"{value}"


def main(port: int, metrics: int, devices: int, per_s: int, seconds: int) -> None:
    presses = [make_device(number, metrics) for number in range(devices)]
    per_s //= metrics  # messages
    start = time.time_ns() // 1_000_000
    packets = [
        message(n, presses[n % devices], start + 1000 * n // per_s)
        for n in range(devices + per_s * seconds)
    ]
    wire = Wire(port)
    wire.send(b"".join(packets[:devices]))
    print("ready", flush=True)
    sys.stdin.readline()
    began, sent = time.monotonic(), devices
    while sent < len(packets):
        due = min(devices + int((time.monotonic() - began) * per_s), len(packets))
        wire.send(b"".join(packets[sent:due]))
        sent = due
        for _ in wire.heard(REST_S):
            pass
    passed = time.monotonic() - began
    print(json.dumps({"readings": per_s * seconds * metrics, "seconds": passed}), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:6]))
