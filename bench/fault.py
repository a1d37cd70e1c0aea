"""`make fault`: the demo plant, broken at random moments, then compared with what it made.

Ends with one line of JSON on standard output; everything else goes to standard error. Exit code 1
when one of WRONG is not 0 (a stroke lost or doubled, a residual), 2 when the run could not be done.
How to read the line: docs/reliability.md.
"""

import argparse
import json
import shutil
import sys
import threading
import time
from bisect import bisect_left, bisect_right
from collections import Counter, deque
from collections.abc import Collection, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.breakage import Breaker, Broken, Surroundings
from bench.plan import KINDS, ON_OPCUA, Planned, plan
from bench.strokes import Verdict, judge, read_counts, readings_twice, records_missing
from bench.surroundings import Disk, WallClock
from database.server import private_folder
from mes_bridge.proof.audit import audit
from pressline.demo import shopfloor
from pressline.demo.crew import Crew
from pressline.demo.demo import (
    TICK,
    Progress,
    Proof,
    begin,
    both_sides,
    ignore_signals,
    told_by_signal,
)
from pressline.demo.processes import DemoError, Steered
from pressline.demo.reconcile import Books, Truth, compare, concerns
from pressline.demo.river import EDGE_BROKER, INGEST_BROKER, River, Setting

PACE_S = 20.0  # seconds between scrap declarations of one operator
PATIENCE_S = 120.0  # seconds an operator's call is repeated while web or database is away
HEAL_LIMIT_S = 300.0  # seconds for the last faults to heal
WRONG = ("lost", "doubled", "misdated", "books_residual", "audit_residual", "readings_twice",
         "records_missing")  # fmt: skip

Pairs = Sequence[tuple[Truth, Books]]


@dataclass
class Lab:
    """One run on one plant."""

    river: River
    around: Surroundings
    minutes: float
    seed: int
    only: Sequence[str]
    progress: Progress

    def run(self) -> dict[str, Any]:
        """Start, break, heal, drain, compare; returns the line and every fault."""
        self.around.proxy.wait_ready()
        self.river.start()
        crew = Crew(self.river.url, self.river.places, PACE_S, self.progress, PATIENCE_S)
        begin(self.river, crew)
        crew.open_run(shopfloor.STARTS_EARLY)
        planned = self._plan()
        breaker = Breaker(self.river, self.around, self.seed, deque(planned), self.progress)
        self.progress(f"{len(planned)} faults planned; the disk: {self.around.disk.means}")
        with at_work(crew):
            self._break(breaker)
        self._drain(crew)
        return self._compare(breaker)

    def _plan(self) -> list[Planned]:
        left_out = self.around.left_out()
        for kind, why in left_out.items():
            self.progress(f"left out: {kind}, because {why}")
        kinds = [kind for kind in self.only if kind not in left_out]
        return plan(self.seed, 60 * self.minutes, kinds)

    def _break(self, breaker: Breaker) -> None:
        """Work through the plan, then go on until everything is healed."""
        started, seconds = time.monotonic(), 60 * self.minutes
        while (elapsed := time.monotonic() - started) < seconds or not breaker.at_rest:
            if elapsed > seconds + HEAL_LIMIT_S:
                raise DemoError(f"Not healed {HEAL_LIMIT_S:.0f} s after the last fault")
            breaker.tick(elapsed)
            time.sleep(TICK / 2)

    def _drain(self, crew: Crew) -> None:
        """Let the plant work on until it is seen again, then end the shift as the demo does."""
        self.progress("everything is healed; the plant works on")
        if not self.river.wait_delivered(datetime.now(UTC)):
            self.progress("not every press is counted again; the line will show it")
        Proof(self.river, crew, self.progress, 60 * self.minutes, 0).end_of_work()
        self.river.stop_rooms()

    def _compare(self, breaker: Breaker) -> dict[str, Any]:
        with self.river.connection() as connection:
            pairs = both_sides(self.river, connection)
            verdicts = {t.press: judge(t, read_counts(connection, t.press)) for t, _ in pairs}
            audited = audit(connection)
            twice, missing = readings_twice(connection), records_missing(connection)
        if audited.residual:
            self.progress(str(audited))
        made = shopfloor.making(self.river.places)
        rows = [compare(truth, books, made[truth.press].parts) for truth, books in pairs]
        line = result(verdicts.values(), breaker.done) | {
            "longest_recovery_s": max((recovery_s(pairs, one) for one in breaker.done), default=0),
            "books_residual": sum(row["residual"] for row in rows),
            "audit_residual": audited.residual,
            "readings_twice": twice,
            "records_missing": missing,
            "ended_by_themselves": dict(breaker.ended),
            "left_out": sorted(self.around.left_out()),
            "disk": self.around.disk.means,
            "seed": self.seed,
            "minutes": self.minutes,
        }
        presses = {row["press"]: row | asdict(verdicts[row["press"]]) for row in rows}
        self.progress(f"presses: {presses}")
        return {"line": line, "presses": presses, "each": _each(pairs, breaker.done)}


def result(verdicts: Collection[Verdict], done: Sequence[Broken]) -> dict[str, Any]:
    """What was broken, and what became of the strokes; what struck nothing is no fault."""
    return {
        "faults": dict(sorted(Counter(one.planned.kind for one in done if one.struck).items())),
        "struck_nothing": dict(
            sorted(Counter(one.planned.kind for one in done if not one.struck).items())
        ),
        "strokes_made": sum(one.made for one in verdicts),
        "lost": sum(one.lost for one in verdicts),
        "doubled": sum(one.doubled for one in verdicts),
        "misdated": sum(one.misdated for one in verdicts),
    }


def recovery_s(pairs: Pairs, broken: Broken) -> float:
    """Seconds from the healing until the books had caught up, at the slowest press concerned.

    Caught up: every stroke made before the healing is counted; and how long the first stroke made
    after it waited to be counted. A killed web has recovered when it takes connections.
    """
    if broken.answered is not None:
        return round((broken.answered - broken.healed) / 1e9, 2)
    waits = [
        wait
        for truth, books in pairs
        if concerns(broken.fault, truth.press)
        for wait in _waits(truth, books, broken.healed)
    ]
    return round(max(waits, default=0) / 1e9, 2)


def _waits(truth: Truth, books: Books, healed: int) -> list[int]:
    before = bisect_right(truth.at, healed)
    totals = [total for total, _ in books.commits]
    since = {before: healed}
    if before < len(truth.at):
        since[before + 1] = truth.at[before]
    places = {number: bisect_left(totals, number) for number in since}
    return [
        books.commits[place][1] - since[number]
        for number, place in places.items()
        if place < len(totals)  # else never counted: it is lost, and said so
    ]


def _each(pairs: Pairs, done: Sequence[Broken]) -> list[dict[str, Any]]:
    return [
        {
            "number": one.planned.number,
            "kind": one.planned.kind,
            "victim": one.planned.victim,
            "planned_at_s": one.planned.at_s,
            "pause_s": one.planned.pause_s,
            "how": one.planned.how,
            "struck": one.struck,
            "began": datetime.fromtimestamp(one.began / 1e9, UTC).isoformat(),
            "lasted_s": round((one.healed - one.began) / 1e9, 2),
            "recovery_s": recovery_s(pairs, one),
        }
        for one in done
    ]


@contextmanager
def at_work(crew: Crew) -> Generator[None]:
    """The crew does what is due, in a thread: a call that waits must not hold up the healing.

    Raises DemoError when a call was not answered within the crew's patience.
    """
    enough = threading.Event()

    def work() -> None:
        while not enough.wait(TICK):
            crew.tick()

    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(work)
        try:
            yield
        finally:
            enough.set()
        working.result()


@contextmanager
def folder_kept_when_wrong(progress: Progress, *, keep: bool) -> Generator[Path]:
    """A temporary folder; removed unless the body raises, or `keep`. Its database tells why."""
    folder = private_folder("pressline-fault-")
    try:
        yield folder
    except BaseException:
        progress(f"kept, to find out why: {folder}")
        raise
    if keep:
        progress(f"kept: {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)


class WrongError(Exception):
    """Strokes were lost, doubled or misdated, or the books do not fit."""

    def __init__(self, line: dict[str, Any]) -> None:
        super().__init__(", ".join(f"{key} {line[key]}" for key in WRONG))


def fault(given: argparse.Namespace) -> int:
    """Run the lab and print its line; returns the exit code."""
    progress = Progress(aside=True)
    try:
        with told_by_signal(), folder_kept_when_wrong(progress, keep=given.keep) as folder:
            _in_folder(folder, given, progress)
    except WrongError as error:
        progress(str(error))
        return 1
    except (DemoError, KeyboardInterrupt) as error:
        progress(f"stopped: {error}")
        return 2
    return 0


def _in_folder(folder: Path, given: argparse.Namespace, progress: Progress) -> None:
    with plant_in(folder, given.minutes, progress) as (river, around):
        found = Lab(river, around, given.minutes, given.seed, given.only, progress).run()
    if given.json is not None:
        given.json.write_text(json.dumps(found, indent=1) + "\n")
    line = found["line"]
    print(json.dumps(line), flush=True)
    if any(line[key] for key in WRONG):
        raise WrongError(line)


@contextmanager
def plant_in(
    folder: Path, minutes: float, progress: Progress
) -> Generator[tuple[River, Surroundings]]:
    """A demo plant that is not started yet, with everything around it that the lab can spoil."""
    disk, clock = Disk(folder / "disk").open(), WallClock(folder).open()
    legs, port = folder / "legs.json", shopfloor.free_ports(1)[0]
    outbox = ("--outbox", str(disk.folder / "outbox.sqlite"))
    setting = Setting(lambda ports: lay_legs(legs, ports, port), outbox, clock.environment())
    river = River(folder, port, 20 * max(1.0, minutes), progress, setting)
    try:
        command = [sys.executable, "-m", "bench.proxy", str(legs)]
        proxy = Steered(river.children.start_program("proxy", command, piped=True))
        yield river, Surroundings(proxy, disk, clock)
    finally:
        ignore_signals()
        river.stop()
        disk.close()


def lay_legs(file: Path, ports: Mapping[str, int], taken: int) -> Mapping[str, int]:
    """A leg of the proxy before each port, written down for it; returns their ports."""
    free = shopfloor.free_ports(len(ports), besides=[*ports.values(), taken])
    before = dict(zip(ports, free, strict=True))
    speaks = dict.fromkeys(ports, "modbus") | dict.fromkeys((EDGE_BROKER, INGEST_BROKER), "mqtt")
    speaks[ON_OPCUA] = "opcua"
    legs = [
        {"name": name, "speaks": speaks[name], "listen": before[name], "to": port}
        for name, port in ports.items()
    ]
    file.write_text(json.dumps(legs, indent=1))
    return before


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench.fault", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="every fault, too")
    parser.add_argument("--keep", action="store_true", help="the folder with database and logs")
    parser.add_argument("--only", nargs="+", choices=KINDS, default=list(KINDS), metavar="KIND")
    return fault(parser.parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
