"""What waits for a person: rooms declare it, the front page tells it with its age."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString, NamedTuple

from database.connection import Connection
from people.staff import Person


@dataclass(frozen=True, slots=True)
class Waiting:
    """Documents that wait for a step: `right` is the right to take it, `place` where they stand.

    `rows` is a select of one column, the instant since when each waits (null: not known). It may
    use `%(lines)s`, the lines that the person sees (null: all of them).
    """

    name: str
    right: str
    place: str
    rows: LiteralString


class Waits(NamedTuple):
    """How many wait, and since when the oldest does (None: not known)."""

    name: str
    place: str
    n: int
    since: datetime | None


def for_person(
    connection: Connection, kinds: Iterable[Waiting], person: Person, lines: Sequence[str] | None
) -> list[Waits]:
    """What waits for steps that this person may take, the oldest first."""
    found = [_count(connection, kind, lines) for kind in kinds if person.may(kind.right)]
    waits = [each for each in found if each.n]
    return sorted(waits, key=lambda each: (each.since is None, each.since))


def _count(connection: Connection, kind: Waiting, lines: Sequence[str] | None) -> Waits:
    row = connection.execute(kind.rows, {"lines": lines if lines is None else list(lines)})
    times: list[datetime | None] = [since for (since,) in row]
    known = [since for since in times if since is not None]
    return Waits(kind.name, kind.place, len(times), min(known, default=None))
