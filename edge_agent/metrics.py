"""What the agent says of itself, as Prometheus text over HTTP: docs/metrics.md tells the meaning.

Figures are read from where they live, on the event loop, when someone asks: nothing is counted for
this port alone, and without a port nothing of this runs. Why not by library:
docs/decisions/0006-metrics-of-the-edge.md.
"""

import asyncio
import contextlib
import resource
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from edge_agent.errors import EdgeError
from edge_agent.node import Node
from edge_agent.sources.tally import Histogram, Tallies

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PATIENCE_S = 5.0  # for a request line and its headers
MOST_LINES = 64  # of one request
PREFIX = "pressline_edge_"
PAGE = resource.getpagesize()

Value = float | Mapping[tuple[str, ...], float] | Histogram


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: `read` gives its value, or one for each set of label values."""

    name: str
    kind: str
    told: str
    read: Callable[[], Value]
    labels: tuple[str, ...] = ()
    of: str = PREFIX

    def lines(self) -> Iterator[str]:
        """The family in Prometheus' text format, version 0.0.4."""
        name = self.of + self.name
        yield f"# HELP {name} {self.told}"
        yield f"# TYPE {name} {self.kind}"
        value = self.read()
        if isinstance(value, Histogram):
            yield from _histogram(name, value)
        elif isinstance(value, Mapping):
            for of, each in value.items():
                pairs = zip(self.labels, of, strict=True)
                labels = ",".join(f'{label}="{_escaped(word)}"' for label, word in pairs)
                yield f"{name}{{{labels}}} {each:.17g}"
        else:
            yield f"{name} {value:.17g}"


def _histogram(name: str, value: Histogram) -> Iterator[str]:
    below = 0
    for bound, count in zip((*value.bounds, float("inf")), value.counts, strict=True):
        below += count
        edge = "+Inf" if bound == float("inf") else f"{bound:g}"
        yield f'{name}_bucket{{le="{edge}"}} {below}'
    yield f"{name}_sum {value.total:.17g}"
    yield f"{name}_count {below}"


def _escaped(word: str) -> str:
    return word.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def families(node: Node, tallies: Tallies) -> list[Family]:
    """Everything the agent tells; ages and depths are as of the moment of asking."""
    return [*_machines(node, tallies), *_outbox(node), *_sending(node), *_process(node)]


def _machines(node: Node, tallies: Tallies) -> list[Family]:
    device = ("device",)

    def each(read: Callable[[str], float]) -> dict[tuple[str, ...], float]:
        return {(name,): read(name) for name in node.devices}

    def errors() -> dict[tuple[str, ...], float]:
        found: dict[tuple[str, ...], float] = {}
        for name in node.devices:
            tally = tallies.of(name)
            found[name, "no_answer"], found[name, "refused"] = tally.no_answer, tally.refused
            found[name, "overflow"] = tally.overflows
        return found

    return [
        Family("poll_lateness_seconds", "histogram", "How late Modbus polls began.",
               lambda: tallies.lateness),
        Family("round_trips_total", "counter", "Modbus requests made.",
               lambda: each(lambda name: tallies.of(name).round_trips), device),
        Family("notifications_total", "counter", "OPC UA values that servers told.",
               lambda: each(lambda name: tallies.of(name).notifications), device),
        Family("errors_total", "counter", "No answers, refused requests, queue overflows.",
               errors, (*device, "kind")),
        Family("device_online", "gauge", "1 while the machine answers.",
               lambda: each(node.alive), device),
        Family("devices_online", "gauge", "Machines that answer.",
               lambda: sum(map(node.alive, node.devices))),
        Family("devices", "gauge", "Machines of this node.", lambda: len(node.devices)),
    ]  # fmt: skip


def _outbox(node: Node) -> list[Family]:
    outbox = node.outbox
    return [
        Family("outbox_records", "gauge", "Records that the database has not acknowledged.",
               lambda: node.unacknowledged),
        Family("outbox_oldest_age_seconds", "gauge", "Age of the oldest of them; 0 without any.",
               lambda: node.oldest_age_s),
        Family("outbox_bytes", "gauge", "What the outbox takes on the disk.", lambda: outbox.size),
        Family("records_total", "counter", "Records kept since the outbox was made.",
               lambda: outbox.last),
        Family("given_up_total", "counter", "Times that records or samples were given up.",
               lambda: {(what,): float(n) for what, n in node.given_up.items()}, ("what",)),
    ]  # fmt: skip


def _sending(node: Node) -> list[Family]:
    sender = node.sender
    return [
        Family("connected", "gauge", "1 while the host takes records: broker there, host online.",
               lambda: float(node.delivering)),
        Family("records_acknowledged_total", "counter", "Records acknowledged by the database.",
               lambda: sender.done),
        Family("records_resent_total", "counter", "Records sent again.", lambda: sender.resent),
        Family("records_in_flight", "gauge", "Records sent and not acknowledged.",
               lambda: sender.in_flight),
        Family("window_records", "gauge", "Most records that may be in flight.",
               lambda: sender.messages),
        Family("window_bytes", "gauge", "Most bytes that may be in flight.", lambda: sender.bytes),
    ]  # fmt: skip


def _process(node: Node) -> list[Family]:
    return [
        Family("clock_steps_total", "counter", "Times that the clock of this machine was set.",
               lambda: node.clock_steps),
        Family("cpu_seconds_total", "counter", "CPU time of this process.", _cpu, of="process_"),
        Family("resident_memory_bytes", "gauge", "Memory of this process.", _memory,
               of="process_"),
    ]  # fmt: skip


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _memory() -> float:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * PAGE


def text(told: Iterable[Family]) -> str:
    """All families as one answer."""
    return "\n".join(line for family in told for line in family.lines()) + "\n"


@contextlib.asynccontextmanager
async def served(
    told: Iterable[Family], host: str, port: int | None
) -> AsyncGenerator[None]:  # fmt: skip
    """Answer GET /metrics on this address while the context lasts; without a port do nothing.

    Raises EdgeError when the port is taken.
    """
    if not port:
        yield
        return
    kept = list(told)
    try:
        server = await asyncio.start_server(lambda r, w: _answer(kept, r, w), host, port)
    except OSError as error:
        raise EdgeError(
            f"Cannot listen for metrics on {host}:{port}: {error.strerror}. Choose another port "
            "([metrics] in the plant file, or --metrics-port)."
        ) from error
    async with server:
        yield


async def _answer(
    told: Iterable[Family], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """One request, one answer; whoever is slow or says something else is let go."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            request = (await reader.readline()).split(b" ")
            for _ in range(MOST_LINES):
                if (await reader.readline()).strip() == b"":
                    break
            asked = request[1].split(b"?")[0] if len(request) == 3 else b""
            known = request[0] == b"GET" and asked in (b"/metrics", b"/")
            writer.write(_page("200 OK", text(told)) if known else _page("404 Not Found", ""))
            await writer.drain()
    except (TimeoutError, OSError, ValueError):
        pass
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _page(status: str, body: str) -> bytes:
    content = body.encode()
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: {CONTENT_TYPE}\r\n"
        f"Content-Length: {len(content)}\r\nConnection: close\r\n\r\n"
    ).encode() + content
