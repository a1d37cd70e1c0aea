"""From a stroke to the count that people see, while other traffic passes.

The demo plant with its six presses, polled every 200 ms, at work on orders; a listener at the
pages' own stream of live figures notes when each press's good pieces grew. Stroke instants are the
simulator's. Then another node delivers 50,000 readings a second through the same broker, ingest and
database: how much longer a stroke takes beside them is what is judged.
"""

import http.client
import json
import math
import sys
import tempfile
import threading
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bench.figure import Figure, percentile
from bench.rig import BenchError, cpu_seconds, line_of, say, server_cpu
from database.server import let_server_pass
from pressline.demo.crew import Crew
from pressline.demo.demo import Progress, both_sides
from pressline.demo.reconcile import Truth
from pressline.demo.river import River
from pressline.demo.shopfloor import making

POLL_MS = 200
TRAFFIC, METRICS, DEVICES = 50_000, 50, 100  # readings a second; of a record; presses that send
WARM_S, MEASURE_S = 5, 45  # of traffic
QUIET_S = 20  # without it, before
SLOWER = 2.5  # times
PAGES = 18_080
NEVER = 1e6  # operators declare no scrap meanwhile

Shown = dict[str, list[tuple[int, int]]]  # press -> (when, good pieces), in order; when in ns


def latency_figures() -> list[Figure]:
    """Measure the way of each stroke for three quarters of a minute of traffic."""
    with _plant() as river:
        return _measured(river)


@contextmanager
def _plant() -> Generator[River]:
    with tempfile.TemporaryDirectory(prefix="pressline-bench-") as name:
        folder = Path(name)
        let_server_pass(folder)
        river = River(folder, PAGES, NEVER, Progress(aside=True))
        plant = river.files.plant
        press = "stop_after_s = 5\n"
        plant.write_text(plant.read_text().replace(press, f"{press}poll_ms = {POLL_MS}\n"))
        try:
            river.start()
            yield river
        finally:
            river.stop()


def _measured(river: River) -> list[Figure]:
    _begin_production(river)
    numbers = (river.mqtt_port, METRICS, DEVICES, TRAFFIC, WARM_S + MEASURE_S)
    command = [sys.executable, "-m", "bench.traffic", *map(str, numbers)]
    traffic = river.children.start_program("traffic", command, piped=True)
    line_of(traffic)
    with listening(river.url) as shown:
        began = time.time_ns()
        time.sleep(QUIET_S)
        alone = time.time_ns()
        say(traffic)
        time.sleep(WARM_S)
        since, busy = time.time_ns(), _busy(river)
        told = json.loads(line_of(traffic))
        until, spent = time.time_ns(), _busy(river)
        river.children.stop("traffic")
        _come_to_rest(river)
        truths = _complete(river)
    late = _latencies(river, truths, shown, since, until)
    before = percentile(_latencies(river, truths, shown, began, alone), 99)
    seconds = (until - since) / 1e9
    cpu = [
        Figure(f"latency_{name}_cpu_share", (spent[name] - busy[name]) / seconds, "<", None,
               "of a core")
        for name in busy
    ]  # fmt: skip
    rate = told["readings"] / told["seconds"]
    return [
        Figure("latency_p99_ratio", percentile(late, 99) / before, "<", SLOWER, "of that alone"),
        Figure("latency_p99_s", percentile(late, 99), "<", None, f"s, {len(late)} strokes"),
        Figure("latency_p99_alone_s", before, "<", None, "s, without other traffic"),
        Figure("latency_p50_s", percentile(late, 50), "<", None, "s"),
        Figure("latency_max_s", max(late), "<", None, "s"),
        Figure("latency_traffic_per_s", rate, ">", None, f"of {TRAFFIC} readings, committed"),
        Figure("latency_traffic_behind_s", told["behind_s"], "<", None, "s, worst"),
        *cpu,
    ]


def _begin_production(river: River) -> None:
    """Every press at work on its order, the first article passed: only then pieces are good."""
    crew = Crew(river.url, river.places, NEVER, river.tell)
    for place in river.places:
        crew.open_run(place.press)
        river.factory.order("start", place.press)
    while any(duty.first_article_at < math.inf for duty in crew.duties.values()):
        time.sleep(0.1)
        crew.tick()


def _busy(river: River) -> dict[str, float]:
    rooms = ("edge", "ingest", "bridge", "web")
    spent = {name: cpu_seconds(river.children.all[name].pid) for name in rooms}
    return spent | {"database": server_cpu(river.server)}


# -- what is seen ---------------------------------------------------------------------------------


@dataclass
class Listener:
    """A board that is looked at: what each press showed, and when."""

    url: str
    shown: Shown = field(default_factory=lambda: defaultdict[str, list[tuple[int, int]]](list))
    ended: bool = False
    fault: Exception | None = None

    def listen(self) -> None:
        try:
            connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=30)
            connection.request("GET", "/api/events")
            answer = connection.getresponse()
            while not self.ended and (line := answer.readline()):
                if line.startswith(b"data: "):
                    self._note(time.time_ns(), json.loads(line[6:]))
            connection.close()
        except Exception as error:
            self.fault = error

    def _note(self, when: int, picture: dict[str, list[dict[str, int | None]]]) -> None:
        for row in picture["presses"]:
            if row["good"] is not None:
                self.shown[str(row["press"])].append((when, row["good"]))


@contextmanager
def listening(url: str) -> Generator[Shown]:
    """Listen to the live figures meanwhile."""
    listener = Listener(url)
    thread = threading.Thread(target=listener.listen)
    thread.start()
    try:
        yield listener.shown
    finally:
        listener.ended = True
        thread.join()
    if listener.fault:
        raise BenchError(f"the stream of live figures broke: {listener.fault}")


# -- what is true ---------------------------------------------------------------------------------


def _come_to_rest(river: River) -> None:
    for place in river.places:
        river.factory.order("stop", place.press)
    end = time.monotonic() + 30
    while not river.factory.is_settled():
        if time.monotonic() > end:
            raise BenchError("a press was not read any more after it had stopped")
        time.sleep(0.1)
    if not river.wait_delivered(datetime.now(UTC)):
        raise BenchError("the last readings were not counted")
    time.sleep(2)  # for the last picture


def _complete(river: River) -> list[Truth]:
    """The strokes of every press; BenchError unless each was counted once."""
    with river.connection() as connection:
        pairs = both_sides(river, connection)
    for truth, books in pairs:
        if len(truth.at) != books.counted:
            raise BenchError(f"{truth.press}: {len(truth.at)} strokes, counted {books.counted}")
    return [truth for truth, _ in pairs]


def _latencies(
    river: River, truths: Sequence[Truth], shown: Shown, since: int, until: int
) -> list[float]:
    made = making(river.places)
    late: list[float] = []
    for truth in truths:
        each = next(iter(made[truth.press].parts.values()))  # parts of the output that is shown
        if each.denominator == 1:
            found = from_stroke_to_sight(truth.at, shown[truth.press], int(each))
            late += [seconds for at, seconds in found if since <= at < until]
    if not late:
        raise BenchError("no stroke fell into the time of the measurement")
    return late


def from_stroke_to_sight(
    strokes: Sequence[int], shown: Sequence[tuple[int, int]], parts: int
) -> list[tuple[int, float]]:
    """Each stroke's instant (ns), and seconds until its parts were within the figure shown.

    The last figure shown holds all strokes; a stroke `n` before the last one was shown with the
    first figure that is at most `n` times `parts` below it.
    """
    if not shown:
        return []
    last = shown[-1][1]
    figures = [good for _, good in shown]
    found: list[tuple[int, float]] = []
    for number, at in enumerate(strokes, 1):
        needed = last - parts * (len(strokes) - number)
        when = shown[bisect_left(figures, needed)][0]
        found.append((at, (when - at) / 1e9))
    return found
