"""Messages that could not be taken, for the plant's IT: look, mend the cause, take in again."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi import Path as PathNumber
from fastapi.responses import HTMLResponse, JSONResponse
from psycopg.rows import dict_row
from pydantic import BaseModel, ConfigDict, Field

from database.connection import Connection
from ingest import quarantine as kept
from ingest.quarantine import Filter
from ingest.readings import BIGGEST
from ingest.reasons import KINDS, OTHER, obstacle_of
from ingest.replay import Outcome, replay
from pressline.web.shell import figures, words
from pressline.web.shell.pages import language, page
from pressline.web.shell.request import Database
from pressline.web.shell.sign_in import NotFoundError, SignedIn, needs

router = APIRouter()

MOST = 50  # messages on one page
AT_ONCE = 100  # messages of one call: it answers within seconds
CHOICES = 40  # nodes to choose from
LATELY = 20  # replays, and counts of what was not kept, that are shown

Row = dict[str, Any]
KNOWN = frozenset({*KINDS, OTHER})


class Again(BaseModel):
    """What to hand in again: these ids; or the next ones of a filter beyond `after`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    ids: Annotated[list[int], Field(min_length=1, max_length=AT_ONCE)] | None = None
    node: str | None = None
    kind: str | None = None
    after: int = 0


@router.get("/quarantine", dependencies=[needs("message.replay", "not_allowed_it")])
def listed(
    request: Request,
    person: SignedIn,
    connection: Database,
    node: str = "",
    kind: str = "",
    before: Annotated[int | None, Query(ge=0, le=BIGGEST)] = None,
) -> HTMLResponse:
    """Messages in quarantine, the newest first, a page at a time."""
    kind = kind if kind in KNOWN else ""  # an address that somebody mistyped shows all
    which, tally = Filter(node or None, kind or None), kept.tally(connection)
    nodes = _sums((each, n) for each, of, n, _ in tally if kind in ("", of))
    found = kept.faults(connection, MOST + 1, which, before)
    last = found[MOST - 1].id if len(found) > MOST else None
    return page(
        request,
        "quarantine.html",
        language(request, person.locale),
        figures.time_zone(connection),
        person=person,
        faults=found[:MOST],
        node=node,
        kind=kind,
        nodes=nodes[:CHOICES],
        more_nodes=len(nodes[CHOICES:]),
        kinds=_sums((of, n) for each, of, n, _ in tally if node in ("", each)),
        all=sum(n for *_, n, _ in tally),
        meant=sum(n for each, of, _, n in tally if node in ("", each) and kind in ("", of)),
        unkept=kept.unkept(connection, LATELY, which),
        older=urlencode({"node": node, "kind": kind, "before": last}) if last else None,
        newest=before is None,
        replays=_replays(connection),
    )


@router.get("/quarantine/{number}", dependencies=[needs("message.replay", "not_allowed_it")])
def shown(
    request: Request,
    number: Annotated[int, PathNumber(ge=0, le=BIGGEST)],
    person: SignedIn,
    connection: Database,
) -> HTMLResponse:
    """One message: when it came, why it was refused, its bytes, what they say; or who took it."""
    found, replays = kept.opened(connection, number), _replays(connection, number)
    if found is None and not replays:
        raise NotFoundError("message", str(number))
    return page(
        request,
        "message.html",
        language(request, person.locale),
        figures.time_zone(connection),
        person=person,
        number_of=number,
        found=found,
        replays=replays,
    )


@router.post("/api/quarantine/replay", dependencies=[needs("message.replay", "not_allowed_it")])
def hand_in(request: Request, given: Again, person: SignedIn, connection: Database) -> JSONResponse:
    """Take messages in again in this person's name.

    Each message has a transaction of its own, so that what was done stays done whatever comes
    after. `last` is the id to go on from, null when nothing is left of the filter.
    """
    locale = language(request, person.locale)
    ids = given.ids
    if ids is None:
        which = Filter(given.node or None, given.kind or None)
        ids = kept.next_ids(connection, which, given.after, AT_ONCE)
    with _one_by_one(connection):
        outcomes = list(replay(connection, ids, who=person.code))
    more = given.ids is None and len(ids) == AT_ONCE
    return JSONResponse({
        "message": told(locale, outcomes),
        "taken": sum(one.taken is not None for one in outcomes),
        "stayed": sum(one.taken is None for one in outcomes),
        "readings": sum(one.taken or 0 for one in outcomes),
        "last": ids[-1] if more else None,
    })  # fmt: skip


def told(locale: str, outcomes: Sequence[Outcome]) -> str:
    """What became of the messages, in a sentence."""
    if len(outcomes) == 1:
        [one] = outcomes
        if one.taken is None:
            return words.say(locale, f"stays.{obstacle_of(one.reason)}", id=one.id)
        key = "quarantine.one_taken" if one.taken else "quarantine.one_known"
        return words.say(locale, key, id=one.id, n=one.taken)
    taken = [one.taken for one in outcomes if one.taken is not None]
    return words.say(
        locale,
        "quarantine.many",
        taken=len(taken),
        readings=sum(taken),
        stayed=len(outcomes) - len(taken),
    )


@contextmanager
def _one_by_one(connection: Connection) -> Generator[None]:
    """Within, each transaction of `replay` is committed by itself."""
    connection.commit()
    connection.autocommit = True
    try:
        yield
    finally:
        connection.autocommit = False


def _sums(pairs: Any) -> list[tuple[str, int]]:
    sums: dict[str, int] = {}
    for name, n in pairs:
        sums[name] = sums.get(name, 0) + n
    return sorted(sums.items(), key=lambda pair: -pair[1])


def _replays(connection: Connection, message: int | None = None) -> list[Row]:
    """The last tries to take something out (of one message: its own), with who made them."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            """
            select r.at, coalesce(p.name, r.who) as who_name, r.message, r.topic, r.taken, r.stays
            from signal.replay r left join people.person p on p.code = r.who
            where %(message)s::bigint is null or r.message = %(message)s
            order by r.id desc limit %(most)s
            """,
            {"message": message, "most": LATELY},
        ).fetchall()
    return [
        {**row, "obstacle": None if row["stays"] is None else obstacle_of(row["stays"])}
        for row in rows
    ]
