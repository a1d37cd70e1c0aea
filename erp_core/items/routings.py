"""Routings: the operations of an item, in their order, as one list that is changed as a whole."""

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import NamedTuple

from database.connection import Connection
from erp_core.refusal import Refused


class Step(NamedTuple):
    """One operation of a routing: its number, name, and die, if it is tied to one."""

    seq: int
    name: str
    die: str | None


def numbered(given: Sequence[tuple[int | None, str | None, str | None]]) -> list[Step]:
    """Operations with their numbers: given, else ten more than the one before."""
    made: list[Step] = []
    for seq, name, die in given:
        number = seq or (made[-1].seq if made else 0) + 10
        made.append(Step(number, name or die or str(number), die))
    return made


def die_fault(item: str, die: str | None, makes: Mapping[str, Set[str]]) -> str | None:
    """Why an operation of the item cannot be tied to the die: `die_not_there`, `die_makes_not`.

    `makes`: the dies there are, and all items that each makes at some time.
    """
    if die is None or item in makes.get(die, ()):
        return None
    return "die_makes_not" if die in makes else "die_not_there"


def die_refused(item: str, die: str | None, makes: Mapping[str, Set[str]]) -> Refused | None:
    """The same, as people are told."""
    fault = die_fault(item, die, makes)
    if fault == "die_not_there":
        return Refused("die_not_there", die=die)
    return None if fault is None else Refused("die_makes_not", die=die, item=item)


def of(connection: Connection, item: str) -> list[Step]:
    """The operations of an item, in their order."""
    rows = connection.execute(
        "select seq, name, die from erp.routing where item = %s order by seq", [item]
    )
    return [Step(*row) for row in rows]


def makes(connection: Connection, dies: Sequence[str] | None = None) -> dict[str, set[str]]:
    """Those of the dies (None: all) that there are, and what each makes at some time."""
    rows = connection.execute(
        "select d.code, array(select o.item from erp.die_output o where o.die = d.code) "
        "from erp.die d where %(dies)s::text[] is null or d.code = any(%(dies)s)",
        {"dies": None if dies is None else list(dies)},
    )
    return {die: set(items) for die, items in rows}


def faults(
    item: str, steps: Sequence[Step], made: Mapping[str, Set[str]]
) -> Iterator[tuple[Step, str, Refused]]:
    """What is wrong with a list of operations: the step, its field, why."""
    seen: set[int] = set()
    for step in steps:
        if step.seq in seen:
            yield step, "seq", Refused("seq_twice", seq=step.seq, item=item)
        seen.add(step.seq)
        wrong = die_refused(item, step.die, made)
        if wrong is not None:
            yield step, "die", wrong


def check(connection: Connection, item: str, steps: Sequence[Step]) -> None:
    """Raises Refused seq_twice, die_not_there, die_makes_not."""
    dies = [step.die for step in steps if step.die is not None]
    for _, _, refused in faults(item, steps, makes(connection, dies)):
        raise refused


def put(connection: Connection, item: str, steps: Sequence[Step]) -> bool:
    """Make the list of operations this one; whether it was another one.

    Orders that are there keep the operations they were made with.
    """
    if of(connection, item) == sorted(steps):
        return False
    connection.execute("delete from erp.routing where item = %s", [item])
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into erp.routing (item, seq, name, die) values (%s, %s, %s, %s)",
            [(item, *step) for step in steps],
        )
    connection.execute(
        "update erp.item set routing_version = routing_version + 1 where code = %s", [item]
    )
    return True


def lock(connection: Connection, item: str) -> int | None:
    """The version of the item's routing, nobody else changes it; None: there is no such item."""
    row = connection.execute(
        "select routing_version from erp.item where code = %s for no key update", [item]
    ).fetchone()
    return row[0] if row else None
