"""Plays a story through the real code on the scenario's clock.

Rows come in order of arrival, readings before acts at a tie; then the timers of that instant. The
bridge takes in readings in batches, and no batch crosses an act or a timer.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from zoneinfo import ZoneInfo

from database.connection import Connection, connect
from edge_agent.plantfile.entries import Plant
from erp_core.masters import masters
from erp_core.masters.errors import MastersError
from erp_core.quality import reasons
from mes_bridge import acts
from mes_bridge import plant as mes_plant
from mes_bridge.bridge import Bridge
from mes_bridge.proof.audit import audit
from mes_bridge.refusal import Refused
from people import worker
from plant import shifts
from pressline.house import JOBS
from pressline.masters import floor_of
from pressline.plant import translate
from pressline.scenario.errors import RefusedFolderError
from pressline.scenario.folder import Reading, Sent, Story
from pressline.scenario.intake import Intake

Batch = int | None  # readings at once; None: all that come before the next act or timer

READING, ACT, TIMER = range(3)  # order at a tie
QUARTER = timedelta(minutes=15)
DAY = timedelta(days=1)
EXPLAINS: Mapping[str, reasons.Kind] = {
    "stop_reason": "stop", "scrap": "scrap", "output": "close",
    "reject": "reject", "reverse": "reject",
}  # fmt: skip
MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Played:
    """What playing a story showed beside the figures in the database."""

    refused: Sequence[tuple[str, str]]  # id of the act, code
    residual: int
    audit: str


def read_batch(text: str) -> Batch:
    """`1`, `N` or `all`; raises RefusedFolderError for anything else."""
    if text == "all":
        return None
    if not text.isdecimal() or not int(text):
        raise RefusedFolderError([f"--batch {text}: is no batch; write 1, a larger number, or all"])
    return int(text)


def play(story: Story, database: str, batch: Batch) -> Played:
    """Play the whole story on a migrated database, then recount.

    Raises RefusedFolderError when orders.toml names what is not there.
    """
    with connect(database, autocommit=True) as connection:
        _prepare(connection, story)
        refused = _play(connection, story, batch)
        _nothing_waits(connection)
        result = audit(connection)
        return Played(refused, int(result.residual), str(result))


def taken_in(story: Story, batch: Batch) -> list[int]:
    """How many readings the bridge takes in at once, batch by batch."""
    return [len(some) for _, readings, _ in _steps(story) for some in _batches(readings, batch)]


def _prepare(connection: Connection, story: Story) -> None:
    with connection.transaction():
        mes_plant.store(connection, translate(story.plant), story.start)
        try:
            floor = floor_of(connection)
            loaded = masters.load(connection, story.orders, story.start, floor=floor)
            if not loaded.reasons:
                reasons.add(connection, _reasons_given(story))
        except MastersError as error:
            raise RefusedFolderError(error.problems) from error


def _reasons_given(story: Story) -> Iterator[tuple[reasons.Kind, str]]:
    """The reasons of acts.csv: a plant that lists none of its own knows those that it uses."""
    for sent in story.acts:
        kind, reason = EXPLAINS.get(sent.act.act), sent.act.args.get("reason")
        if kind is not None and isinstance(reason, str) and reason.isprintable():
            yield kind, reason.strip()


def _play(connection: Connection, story: Story, batch: Batch) -> list[tuple[str, str]]:
    bridge, intake = Bridge(connection), Intake(connection, story)
    refused: list[tuple[str, str]] = []
    for clock, readings, sent in _steps(story):
        for some in _batches(readings, batch):
            intake.take(some)
            bridge.advance(some[-1].arrived)
        bridge.run_timers(clock - MOMENT if sent else clock)  # acts come before timers at a tie
        refused += _record(connection, sent) if sent else []
        worker.work(connection, JOBS, clock, outside=False)
    return list(dict.fromkeys(refused))


def _nothing_waits(connection: Connection) -> None:
    """A live plant goes on without a press that fails; a story must not."""
    rows = connection.execute(
        "select owner, reason from mes.press_behind "
        "union all select name, reason from mes.timer where reason is not null "
        "union all select kind, error from people.job where error is not null"
    ).fetchall()
    if rows:
        raise RuntimeError(f"the bridge could not go on: {rows}")


def _record(connection: Connection, sent: Sent) -> list[tuple[str, str]]:
    """Apply an act; what a person would be told instead, by its code."""
    try:
        with connection.transaction():
            acts.record(connection, sent.act, sent.arrived, replay=True)
    except Refused as refused:
        return [(str(sent.act.id), refused.code)]
    return []


def _steps(story: Story) -> Iterator[tuple[datetime, Sequence[Reading], Sent | None]]:
    """An act (or None: the timers) and its instant, with the readings that come before it."""
    waiting: list[Reading] = []
    for clock, kind, row in sorted(_events(story), key=lambda event: event[:2]):
        if isinstance(row, Reading):
            waiting.append(row)
            continue
        yield clock, waiting, row if kind == ACT else None
        waiting = []


def _events(story: Story) -> Iterable[tuple[datetime, int, Reading | Sent | None]]:
    return chain(
        ((row.arrived, READING, row) for row in story.readings),
        ((row.arrived, ACT, row) for row in story.acts),
        ((instant, TIMER, None) for instant in _timers(story)),
    )


def _timers(story: Story) -> list[datetime]:
    """Quarter hours, shift ends, and as_of itself."""
    ends = _shift_ends(story.plant, story.start, story.as_of)
    quarters: set[datetime] = set()
    clock = datetime.fromtimestamp(story.start.timestamp() // 900 * 900, UTC)
    while (clock := clock + QUARTER) <= story.as_of:
        quarters.add(clock)
    return sorted({*quarters, *ends, story.as_of})


def _shift_ends(plant: Plant, start: datetime, end: datetime) -> set[datetime]:
    zone, patterns = ZoneInfo(plant.time_zone), translate(plant).shifts
    first = start.astimezone(zone).date() - DAY
    days = [first + n * DAY for n in range((end - start).days + 4)]
    ends = {shifts.on(pattern, day, zone).span.end for pattern in patterns for day in days}
    return {instant for instant in ends if start < instant <= end}


def _batches(readings: Sequence[Reading], batch: Batch) -> Iterator[Sequence[Reading]]:
    size = batch or len(readings) or 1
    for first in range(0, len(readings), size):
        yield readings[first : first + size]
