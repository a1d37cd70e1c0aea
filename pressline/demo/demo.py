"""`pressline demo`: a whole plant on this machine, for a person to look at or to prove itself."""

import json
import shutil
import signal
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import typer

from database.connection import Connection
from database.server import private_folder
from mes_bridge.proof.audit import audit
from pressline.demo import reconcile, shopfloor
from pressline.demo.crew import Crew
from pressline.demo.processes import DemoError
from pressline.demo.river import River
from pressline.demo.story import Story

TICK = 0.1  # seconds
LOOKING_WRAP_S = 45.0  # with a person looking: the counter wraps after so long
LOOKING_PACE_S = 40.0  # seconds between scrap declarations of one operator
JAM_EVERY_S = 75.0
INTERRUPTED = 130  # exit code of a program ended by Ctrl-C, as shells have it


def run(seconds: float | None, report: Path | None, keep: bool, port: int) -> int:
    """Run the demo; with `seconds`, break things, stop, reconcile and write `report`.

    Returns the exit code: 0, 1 when a residual is not zero or a process died by itself,
    130 when a run with `seconds` was interrupted.
    """
    progress = Progress()
    with told_by_signal(), folder_of_our_own(keep, progress) as folder:
        progress("starting; Ctrl-C stops everything")
        wrap_after_s = min(LOOKING_WRAP_S, 0.2 * seconds if seconds else LOOKING_WRAP_S)
        river = River(folder, port, wrap_after_s, progress)
        try:
            return _work(river, progress, seconds, report)
        except KeyboardInterrupt:
            return INTERRUPTED if seconds else 0
        except DemoError as error:
            progress(f"stopped: {error}")
            return 1
        finally:
            ignore_signals()
            progress("stopping")
            river.stop()
            progress("every process has ended")


@dataclass
class Progress:
    """Prints lines with the seconds since the start."""

    begun: float = field(default_factory=time.monotonic)
    aside: bool = False  # to standard error

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.begun

    def __call__(self, text: str) -> None:
        """Print one line."""
        typer.echo(f"{self.seconds:6.1f} s  {text}", err=self.aside)
        sys.stdout.flush()


def _work(river: River, progress: Progress, seconds: float | None, report: Path | None) -> int:
    river.start()
    ready_s = round(progress.seconds, 1)
    progress(f"ready after {ready_s} s")
    say_addresses(river)
    pace = max(4.0, seconds / 4) if seconds else LOOKING_PACE_S
    crew = Crew(river.url, river.places, pace, progress)
    if seconds is None:
        go_on_for_ever(river, crew)
    proof = Proof(river, crew, progress, seconds or 0, ready_s)
    return proof.run(report)


def say_addresses(river: River) -> None:
    """Where to look, and as whom."""
    order = river.places[0].orders[0]
    lines = [
        f"  wall board   {river.url}/wall",
        f"  terminal     {river.url}/terminal/{river.places[0].press}",
        f"  work order   {river.url}/work-order/{order}",
        f"  everything   {river.url}/        (?lang=en or ?lang=zh)",
        *say_people(),
        f"  plant file   {river.files.plant}",
        f"  broker       127.0.0.1:{river.mqtt_port}",
        f"  database     {river.server.url}",
        f"  logs         {river.children.logs}",
    ]
    typer.echo("\n".join(["", *lines, ""]))


def say_people() -> list[str]:
    """Everybody by role: badge, PIN where there is one, name."""
    people = shopfloor.people()
    lines = ["  badge, PIN   of whom"]
    for role in dict.fromkeys(person["role"] for person in people):
        told = (
            f"{p['badge']} {p.get('pin', '----')} {p['name']}" for p in people if p["role"] == role
        )
        lines.append(f"    {role:10} " + "  ".join(told))
    return lines


def begin(river: River, crew: Crew) -> None:
    """Open the runs, then press the start buttons; one press is started before its scan."""
    early = shopfloor.STARTS_EARLY
    river.factory.order("start", early)
    for place in river.places:
        if place.press != early:
            crew.open_run(place.press)
            river.factory.order("start", place.press)


def go_on_for_ever(river: River, crew: Crew) -> None:
    """Keep the plant busy until Ctrl-C: scrap now and then, a jam now and then."""
    begin(river, crew)
    crew.open_run(shopfloor.STARTS_EARLY)
    next_jam, number = time.monotonic() + JAM_EVERY_S / 3, 0
    while True:
        river.children.check()
        crew.tick()
        if time.monotonic() >= next_jam:
            press = river.places[number % len(river.places)].press
            river.factory.order("jam", press, seconds=8 + 6 * (number % 4))
            crew.tell(f"{press}: jam")
            next_jam, number = time.monotonic() + JAM_EVERY_S, number + 1
        time.sleep(TICK)


@dataclass
class Proof:
    """A demo without a person: the story, the end of the shift, and the comparison."""

    river: River
    crew: Crew
    progress: Progress
    seconds: float
    ready_s: float

    def run(self, report: Path | None) -> int:
        """Play the story, stop, reconcile, write the report; 0 when every residual is zero."""
        begin(self.river, self.crew)
        story = Story(self.seconds, self.river, self.crew, self.progress)
        self._play(story)
        self.end_of_work()
        self.river.stop_rooms()
        found = self._reconcile(story)
        if report is not None:
            report.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
            self.progress(f"report: {report}")
        return 1 if found["residual_total"] or found["audit_residual"] else 0

    def _play(self, story: Story) -> None:
        end = time.monotonic() + self.seconds
        scan_late = time.monotonic() + min(5.0, self.seconds / 12)
        while time.monotonic() < end:
            self.river.children.check()
            if scan_late and time.monotonic() >= scan_late:
                scan_late = 0.0
                self.crew.open_run(shopfloor.STARTS_EARLY)
            story.tick()
            self.crew.tick()
            time.sleep(TICK)

    def end_of_work(self) -> None:
        """Stop the presses, wait for the last reading, finish the runs, let the leader decide."""
        for place in self.river.places:
            self.river.factory.order("stop", place.press)
        self.progress("presses stopped; waiting for the last readings")
        end = time.monotonic() + 30
        while not self.river.factory.is_settled() and time.monotonic() < end:
            time.sleep(TICK)
        if not self.river.wait_delivered(datetime.now(UTC) + timedelta(seconds=0.5)):
            self.progress("not everything was delivered in time; the residual will show it")
        self._assign_the_rest()
        self.crew.finish_all()
        self.river.wait_at_rest()
        self.crew.accept_waiting()
        self.river.wait_at_rest()

    def _assign_the_rest(self) -> None:
        with self.river.connection() as connection:
            spans = connection.execute(UNATTRIBUTED_SPANS).fetchall()
        for press, since, to in spans:
            self.crew.assign(press, since, to)

    def _reconcile(self, story: Story) -> dict[str, Any]:
        with self.river.connection() as connection:
            pairs = both_sides(self.river, connection)
            audited = audit(connection)
        made = shopfloor.making(self.river.places)
        rows = [reconcile.compare(t, b, made[t.press].parts) for t, b in pairs]
        found = reconcile.report(rows, pairs, story.faults)
        found |= {
            "faults_left_out": story.left_out,
            "audit_residual": audited.residual,
            "ready_s": self.ready_s,
            "seconds": self.seconds,
        }
        typer.echo(reconcile.table(found))
        if audited.residual:
            typer.echo(str(audited))
        return found


def both_sides(
    river: River, connection: Connection
) -> list[tuple[reconcile.Truth, reconcile.Books]]:
    """Of every press: what the factory wrote down, and what the books say."""
    presses = [place.press for place in river.places]
    truths = [reconcile.read_truth(river.files.truth, press) for press in presses]
    books = [reconcile.read_books(connection, press) for press in presses]
    return list(zip(truths, books, strict=True))


UNATTRIBUTED_SPANS = """
select press, min(from_at), max(at) + interval '1 millisecond' from mes.owned_count
where measure = 'stroke' and segment is null and press is not null
group by press order by press
"""


@contextmanager
def folder_of_our_own(keep: bool, progress: Progress) -> Generator[Path]:
    """A temporary folder for everything; removed at the end unless it is to be kept."""
    folder = private_folder("pressline-demo-")
    try:
        yield folder
    finally:
        if keep:
            progress(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def told_by_signal() -> Generator[None]:
    """SIGTERM counts as Ctrl-C; both are as before afterwards."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before: dict[int, Any] = {n: signal.signal(n, stop) for n in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def ignore_signals() -> None:
    """From here on everything is being stopped anyway; a second Ctrl-C must not cut it short."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
