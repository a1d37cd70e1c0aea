"""Acts: every change that people make to the books, recorded once, refused with a sentence.

An act carries a UUID made by the client. The same UUID again returns the first outcome and does
nothing. An act that is refused writes nothing. What an act does is told by its kind; the house
puts the kinds of all rooms into one table. A preview is the act itself, rolled back.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Generic
from uuid import UUID

from psycopg import errors
from psycopg.types.json import Jsonb

from database.connection import Connection
from people import arguments, jobs, staff, worker
from people.arguments import A, Arguments
from people.jobs import JobKinds
from people.refusal import Refused
from people.staff import Person

Outcome = dict[str, Any]

CLOCK_AHEAD = timedelta(minutes=1)  # so far a device's clock may run ahead; it then means "now"
OLDEST = timedelta(days=7)  # so long an act may have waited for the network
OWN = timedelta(minutes=10)  # so long who did it may undo it, without a reason


@dataclass(frozen=True, slots=True)
class Act:
    """What a person did: `id` made by the client, `at` the device's time, `args` by its kind.

    `token`: the number of the token by which a program did it for the person.
    """

    id: UUID
    who: str
    press: str | None
    at: datetime
    act: str
    args: Mapping[str, Any]
    token: int | None = None


@dataclass(slots=True)
class Deed:
    """An act while it is applied: who does it, when it was done (`act.at`) and came (`now`).

    `press` is the press it turned out to be done at. `about` are the documents it is about,
    as `noun/key`: the act stands in their history.
    """

    connection: Connection
    act: Act
    person: Person
    now: datetime
    replay: bool = False
    press: str | None = None
    about: list[str] = field(default_factory=list[str])

    def touches(self, noun: str, key: str) -> None:
        """The act is about this document."""
        if f"{noun}/{key}" not in self.about:
            self.about.append(f"{noun}/{key}")

    def then(self, kind: str, key: str = "", **args: Any) -> None:
        """After the act is in the books, have a job of that kind done (`people.jobs`).

        `key` tells several of one kind apart. A preview does it in process.
        """
        name = f"{self.act.id}/{key}" if key else str(self.act.id)
        jobs.add(self.connection, kind, name, self.now, args=args)

    def last_change(self, noun: str, key: str) -> tuple[str, datetime | None]:
        """Who did the last act about a document, and when; the program where nobody did."""
        row = self.connection.execute(
            "select coalesce(e.name, a.who), a.at "
            "from people.act_about d join people.act a on a.id = d.act "
            "left join people.person e on e.code = a.who "
            "where d.document = %s order by a.recorded_at desc limit 1",
            [f"{noun}/{key}"],
        ).fetchone()
        return (row[0], row[1]) if row else ("pressline", None)


@dataclass(frozen=True, slots=True)
class Done:
    """An act that was recorded; `recorded` is when it came, `who_name` how `who` is called."""

    id: UUID
    who: str
    who_name: str
    press: str | None
    at: datetime
    act: str
    args: Mapping[str, Any]
    outcome: Mapping[str, Any]
    recorded: datetime


@dataclass(frozen=True, slots=True)
class Kind(Generic[A]):
    """How one kind of act is read and what it does; its name is the right to do it.

    `apply` takes its locks itself, in the one order of the house: press, documents by code, items
    by code. It returns its part of the outcome; `message` is the key of the sentence shown.
    `undo` takes back what was done (the reason is None for the author in time). Arguments that are
    `secret` are not kept, nor are results of these names: they are told once.
    """

    arguments: type[A]
    apply: Callable[[Deed, A], Outcome]
    undo: Callable[[Deed, Done, str | None], Outcome] | None = None
    secret: frozenset[str] = frozenset()

    def kept(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments, or results, as they are written down."""
        return {name: "…" if name in self.secret else args[name] for name in args}


Kinds = Mapping[str, Kind[Any]]


def record(
    connection: Connection, act: Act, now: datetime, kinds: Kinds, *, replay: bool = False
) -> Outcome:
    """Apply an act in the caller's transaction; returns what its person is shown.

    The same id again returns the first outcome. Raises Refused, with nothing written. In a
    `replay` of the past the clock has gone back on purpose.
    """
    connection.execute("select 1")  # opens the caller's transaction: the next block is a savepoint
    with connection.transaction():
        return _once(connection, act, now, kinds, replay=replay)


def preview(
    connection: Connection, act: Act, now: datetime, kinds: Kinds,
    after: JobKinds = MappingProxyType({}),
) -> Outcome:  # fmt: skip
    """What the act would do: it and its after-effects are done, checked, and all is rolled back.

    Numbers that it would be given are given to others. Raises Refused as the act itself would.
    """
    connection.execute("select 1")
    with connection.transaction(force_rollback=True):
        outcome = _once(connection, act, now, kinds, replay=False)
        worker.follow(connection, after, str(act.id), now)
        connection.execute("set constraints all immediate")
    return outcome


def find(connection: Connection, act: UUID) -> Done:
    """The act of that id; raises Refused undo_unknown."""
    row = connection.execute(
        "select a.id, a.who, coalesce(e.name, a.who), a.press, a.at, a.act, a.args, a.outcome, "
        "a.recorded_at from people.act a left join people.person e on e.code = a.who "
        "where a.id = %s",
        [act],
    ).fetchone()
    if row is None:
        raise Refused("undo_unknown")
    return Done(*row)


class Undo(Arguments):
    """undo{act, reason?}: the id of what was done."""

    act: UUID
    reason: arguments.Reason | None = None


def undo(kinds: Kinds) -> Kind[Undo]:
    """The act that takes back what acts of these kinds did, each in its own way."""

    def apply(deed: Deed, given: Undo) -> Outcome:
        done = find(deed.connection, given.act)
        how = kinds[done.act].undo if done.act in kinds else None
        if how is None:
            raise Refused("undo_cannot", act=done.act)
        return {"message": "undone", "undone": done.act, **how(deed, done, given.reason)}

    return Kind(Undo, apply)


def check_undo(deed: Deed, done: Done, reason: str | None) -> None:
    """Who did it takes it back at once, whoever may do it later, with a reason; and only once."""
    check_undone(deed.connection, done)
    if deed.act.token is not None and not deed.person.may(done.act):
        raise Refused("undo_not_yours", act=done.act, who=done.who)
    if done.who == deed.person.code and deed.now - done.at <= OWN:
        return
    if not deed.person.may(done.act):
        raise Refused("undo_not_yours", act=done.act, who=done.who)
    if reason is None:
        raise Refused("reason_missing")


def check_undone(connection: Connection, done: Done) -> None:
    """Raises Refused undo_twice when the act was taken back before."""
    before = connection.execute("select from people.act where undoes = %s", [done.id])
    if before.fetchone() is not None:
        raise Refused("undo_twice", act=done.act)


def _once(
    connection: Connection, act: Act, now: datetime, kinds: Kinds, *, replay: bool
) -> Outcome:
    connection.execute("insert into people.act_claim values (%s)", [act.id])  # waits for its twin
    before = _recorded(connection, act, kinds)
    outcome = _apply(connection, act, now, kinds, replay=replay) if before is None else before
    connection.execute("delete from people.act_claim where id = %s", [act.id])
    return outcome


def _recorded(connection: Connection, act: Act, kinds: Kinds) -> Outcome | None:
    row = connection.execute(
        "select who, act, args, outcome from people.act where id = %s", [act.id]
    ).fetchone()
    if row is None:
        return None
    kept = kinds[act.act].kept(act.args) if act.act in kinds else dict(act.args)
    if (row[0], row[1], row[2]) != (act.who, act.act, kept):
        raise Refused("act_id_taken", act=row[1])
    return row[3]


def _apply(
    connection: Connection, act: Act, now: datetime, kinds: Kinds, *, replay: bool
) -> Outcome:
    kind = kinds.get(act.act)
    if kind is None:
        raise Refused("act_unknown", act=act.act)
    given = arguments.read(kind.arguments, act.args)
    act = _on_time(act, now)
    deed = Deed(connection, act, _allowed(connection, act), now, replay)
    connection.execute("select set_config('pressline.act', %s, true)", [str(act.id)])
    outcome = {"act": str(act.id), **kind.apply(deed, given)}
    _write(deed, kind.kept(act.args), kind.kept(outcome))
    connection.execute("select set_config('pressline.act', '', true)")
    return outcome


def _on_time(act: Act, now: datetime) -> Act:
    if act.at > now + CLOCK_AHEAD:
        raise Refused("act_in_future", at=act.at)
    if act.at < now - OLDEST:
        raise Refused("act_too_old", at=act.at)
    return act if act.at <= now else replace(act, at=now)


def _allowed(connection: Connection, act: Act) -> Person:
    person = staff.find(connection, act.who, act.token)
    if person is None or not person.active:
        raise Refused("person_unknown", who=act.who)
    if not person.may(act.act):
        raise Refused("not_allowed", who=act.who, act=act.act)
    return person


def _write(deed: Deed, args: Mapping[str, Any], outcome: Outcome) -> None:
    act = deed.act
    try:
        deed.connection.execute(
            "insert into people.act (id, who, press, at, act, args, outcome, about, token) "
            "values (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [act.id, act.who, deed.press or act.press, act.at, act.act, Jsonb(args),
             Jsonb(outcome), deed.about, act.token],
        )  # fmt: skip
    except errors.UniqueViolation:  # one that this person may not see
        raise Refused("act_id_taken", act=act.act) from None
