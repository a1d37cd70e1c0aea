"""Machines that lose answers: what is unknown, how many gaps are told, and how one real outage is.

60 machines at 500 ms, each loses 2 % of its answers for good; each is away for three heartbeats in
the middle. The readings go through the bridge's own counting, and gaps that are one event there
are one.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.devices import HEADER
from bench.figure import Figure
from edge_agent.plantfile.plant import load_plant
from edge_agent.sample import Sample
from edge_agent.sources import sources
from mes_bridge.counting import counter_store, counting

MACHINES, LOST, HEARTBEAT_S, POLL_MS = 60, 0.02, 10, 500
BEFORE_S, AFTER_S = 60.0, 60.0
AWAY_S = 3.0 * HEARTBEAT_S
DAY_S = 86_400.0
PRESS = """[[press]]
name = "P{n}"
line = "L1"
top_speed = 120
address = "modbus://127.0.0.1:{port}/1"
poll_ms = {poll_ms}
[[press.channel]]
name = "strokes"
kind = "counter"
register = "holding:0:uint16"
"""


class Lossy:
    """A machine that makes a stroke a second, and loses some of its answers."""

    def __init__(self, seed: int) -> None:
        self.chance, self.away, self.lost, self.asked = random.Random(seed), False, 0, 0
        self.server: asyncio.Server | None = None

    async def listen(self) -> int:
        """Serve on a port of its own; returns it."""
        self.server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        return int(self.server.sockets[0].getsockname()[1])

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await reader.readexactly(HEADER.size):
                number, _, _, unit, function, _, count = HEADER.unpack(request)
                self.asked += 1
                lost = self.chance.random() < LOST
                self.lost += lost
                if not lost and not self.away:
                    strokes = int(asyncio.get_running_loop().time()) % 65536
                    words = strokes.to_bytes(2) * count
                    head = number.to_bytes(2) + b"\0\0" + (3 + len(words)).to_bytes(2)
                    writer.write(head + bytes((unit, function, len(words))) + words)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@dataclass
class Kept:
    """What was told of each machine's counter."""

    told: dict[str, list[Sample]] = field(default_factory=dict[str, list[Sample]])

    def samples(self, device: str, samples: Sequence[Sample]) -> None:
        """Keep them."""
        self.told.setdefault(device, []).extend(samples)

    def device_online(self, device: str) -> None:
        """Told by its readings."""

    def device_offline(self, device: str, at: int) -> None:
        """Told by its readings."""

    def refused(self, device: str, channel: str, reason: str) -> None:
        """Nothing is refused here."""

    def modulus_found(self, device: str, channel: str, modulus: int) -> None:
        """Their types are declared."""


def losses_figures() -> list[Figure]:
    """Run all machines at once, and judge what was told of them."""
    machines, kept, away = asyncio.run(_watched())
    spans = {name: _unknown(samples) for name, samples in kept.told.items()}
    watched_s = MACHINES * (BEFORE_S + AFTER_S)
    beside = sum(_beside(each, away) for each in spans.values())
    off = [_off(each, away) for each in spans.values()]
    gaps = sum(_gaps(samples) - 1 for samples in kept.told.values())  # the outage is one
    lost = sum(machine.lost for machine in machines) / sum(machine.asked for machine in machines)
    return [
        Figure("losses_share", 100 * lost, "<", None, "% of answers lost"),
        Figure("losses_unknown", 100 * beside / watched_s, "<", 0.1, "% besides the outage"),
        Figure("losses_gap_events", gaps * DAY_S / watched_s, "<", 10, "a day and press"),
        Figure("losses_outage_off", max(off) / HEARTBEAT_S, "<", 1, "heartbeats, worst of all"),
    ]


async def _watched() -> tuple[list[Lossy], Kept, tuple[float, float]]:
    machines, kept = [Lossy(n) for n in range(MACHINES)], Kept()
    ports = [await machine.listen() for machine in machines]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "plant.toml"
        path.write_text(
            f'site = "s"\nnode = "n"\ntime_zone = "UTC"\nheartbeat_s = {HEARTBEAT_S}\n'
            '[[line]]\nname = "L1"\n'
            + "".join(PRESS.format(n=n, port=p, poll_ms=POLL_MS) for n, p in enumerate(ports))
        )
        plant = load_plant(path)
    reading = [asyncio.create_task(source.run()) for source in sources(plant, "n", kept)]
    await asyncio.sleep(BEFORE_S)
    since = _away(machines, away=True)
    await asyncio.sleep(AWAY_S)
    until = _away(machines, away=False)
    await asyncio.sleep(AFTER_S)
    for task in reading:
        task.cancel()
    await asyncio.gather(*reading, return_exceptions=True)
    return machines, kept, (since, until)


def _away(machines: Sequence[Lossy], *, away: bool) -> float:
    for machine in machines:
        machine.away = away
    return datetime.now(UTC).timestamp()


def _unknown(samples: Sequence[Sample]) -> list[tuple[float, float]]:
    """From each bad reading to the next good one (s)."""
    found, since = list[tuple[float, float]](), 0.0
    for sample in samples:
        if sample.value is None:
            since = since or sample.at / 1000
        elif since:
            found.append((since, sample.at / 1000))
            since = 0.0
    return found


def _is_outage(span: tuple[float, float], away: tuple[float, float]) -> bool:
    return span[0] < away[1] and span[1] > away[0]


def _beside(spans: Sequence[tuple[float, float]], away: tuple[float, float]) -> float:
    """Unknown time that is not of the outage (s)."""
    return sum(until - since for since, until in spans if not _is_outage((since, until), away))


def _off(spans: Sequence[tuple[float, float]], away: tuple[float, float]) -> float:
    """How far begin or end of the outage were told from where they were (s)."""
    found = [span for span in spans if _is_outage(span, away)]
    if not found:
        return AWAY_S
    return max(abs(found[0][0] - away[0]), abs(found[-1][1] - away[1]))


def _gaps(samples: Sequence[Sample]) -> int:
    """Gap events: those that follow each other within short times are one."""
    rules = counting.Rules(2.0, timedelta(seconds=3 * HEARTBEAT_S), 65536)
    state, events, last = counting.State(), 0, None
    for sample in samples:
        at = datetime.fromtimestamp(sample.at / 1000, UTC)
        value = sample.value if isinstance(sample.value, int) else None
        state, pairs = counting.step(state, counting.Reading(at, value), rules)
        for pair in pairs:
            if pair.kind != "gap":
                continue
            short = pair.new.at - pair.old.at <= rules.silence
            goes_on = short and last and pair.old.at - last <= counter_store.LOSSES_APART
            events += not goes_on
            last = pair.new.at if short else None
    return events
