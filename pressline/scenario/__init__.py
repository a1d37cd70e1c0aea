"""Golden cases as folders: played through the real code on a fresh database, then compared.

`docs/scenarios.md` is the format. Only the network is left out: readings go through ingest's store,
everything after it is the code that runs in a plant, on the scenario's clock.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import typer

from database.errors import DatabaseError
from pressline.scenario.compare import differences
from pressline.scenario.errors import RefusedFolderError
from pressline.scenario.expected import Row
from pressline.scenario.folder import Story, read_refusal, read_story
from pressline.scenario.play import Batch, play, read_batch
from pressline.scenario.scratch import Scratch, scratch
from pressline.scenario.tables import found

__all__ = ["RefusedFolderError", "check", "run_folders"]

EQUAL, DIFFERS, UNREADABLE = 0, 1, 2
NO_TABLES: Mapping[str, Sequence[Row]] = {}


def run_folders(folders: Sequence[Path], batch: str) -> int:
    """Play each folder on a database of its own and tell what differs.

    `batch` is how many readings the bridge takes in at once: 1, N or all. Returns the worst of
    0 (equal), 1 (differs: told on stdout), 2 (unreadable: file, line, cure on stderr).
    """
    try:
        size = read_batch(batch)
        read = [(folder, _read(folder)) for folder in folders]
        stories = [(folder, one) for folder, one in read if isinstance(one, Story)]
        refused = [(folder, one) for folder, one in read if isinstance(one, RefusedFolderError)]
        told = [_tell_refused(*one) for one in refused]
        if stories:
            with scratch() as databases:
                told += [_play(*story, size, databases) for story in stories]
        return max(told, default=EQUAL)
    except (DatabaseError, RefusedFolderError) as error:
        typer.echo(error, err=True)
        return UNREADABLE


def check(story: Story, database: str, batch: Batch) -> list[str]:
    """Play a story on this migrated database; what differs, one line each, or nothing.

    Raises RefusedFolderError when something shows in playing that makes the folder unreadable.
    """
    played = play(story, database, batch)
    wanted = story.expected.tables if story.expected is not None else NO_TABLES
    tables = found(database, story.as_of, wanted, played.refused)
    apart = differences(wanted, tables, ZoneInfo(story.plant.time_zone))
    if played.residual:
        apart.append(f"residual: expected 0, found {played.residual}\n{played.audit}")
    return apart


def _read(folder: Path) -> Story | RefusedFolderError:
    try:
        return read_story(folder)
    except RefusedFolderError as error:
        return error


def _play(folder: Path, story: Story, batch: Batch, databases: Scratch) -> int:
    try:
        with databases.fresh() as database:
            apart = check(story, database, batch)
    except RefusedFolderError as error:
        return _tell_refused(folder, error)
    if story.refusal is not None:
        apart = ["refused.txt: must be refused, but could be played"]
    return _tell(folder, apart)


def _tell(folder: Path, apart: Sequence[str]) -> int:
    """`name: equal`, or what differs."""
    typer.echo(f"{folder.name}: {'differs' if apart else 'equal'}")
    for line in apart:
        typer.echo(f"  {line}")
    return DIFFERS if apart else EQUAL


def _tell_refused(folder: Path, error: RefusedFolderError) -> int:
    """A folder with refused.txt is right when the refusal says every line of it."""
    wanted = read_refusal(folder)
    if wanted is None:
        for problem in error.problems:
            typer.echo(f"{folder}: {problem}", err=True)
        return UNREADABLE
    missing = [line for line in wanted if line not in str(error)]
    return _tell(folder, [f"refused.txt: expected {line!r}, was told: {error}" for line in missing])
