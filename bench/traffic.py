"""Other traffic: a node that delivers so many readings a second, each when it is due.

Run as `python -m bench.traffic PORT METRICS DEVICES PER_S SECONDS`; PER_S is readings a second of
all devices together. Packs everything beforehand, says `ready`, waits for a line, and prints as
JSON what it delivered and how far acknowledgements came behind at most, in seconds.
"""

import json
import sys
import time

from bench.publisher import Publisher, Wire, make_device, records


class Pace:
    """How many records are due by now; notes how far the delivered ones are behind."""

    def __init__(self, publisher: Publisher, done: int, per_s: float) -> None:
        self.publisher, self.done, self.per_s = publisher, done, per_s
        self.began = time.monotonic()
        self.behind = 0.0

    def __call__(self) -> int:
        due = self.done + int((time.monotonic() - self.began) * self.per_s)
        self.behind = max(self.behind, (due - self.publisher.acknowledged) / self.per_s)
        return due


def main(port: int, metrics: int, devices: int, per_s: int, seconds: int) -> None:
    presses = [make_device(number, metrics) for number in range(devices)]
    per_s //= metrics  # records
    messages = devices + per_s * seconds
    ends = time.time_ns() // 1_000_000 + 1000 * seconds
    packets = records(presses, messages, ends, 1000 * devices // per_s)
    publisher = Publisher(Wire(port), packets, presses)
    publisher.wait_host()
    publisher.bear()
    publisher.deliver(devices)
    print("ready", flush=True)
    sys.stdin.readline()
    pace = Pace(publisher, devices, per_s)
    publisher.deliver(messages, pace)
    passed = time.monotonic() - pace.began
    told = {"readings": per_s * seconds * metrics, "seconds": passed, "behind_s": pace.behind}
    print(json.dumps({**told, "twice": publisher.twice}), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:6]))
