"""Tokens with which a person's programs make calls: made once, shown once, kept as a hash.

A token may what was chosen for it, as far as its person may that at each use. Nothing that opens
further doors is ever among it. How a call shows its token: sign_ins.by_token.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Annotated

from psycopg.errors import UniqueViolation
from pydantic import Field

from people.acts import Deed, Kind, Kinds, Outcome
from people.arguments import Arguments, Code, Right, Whole
from people.refusal import Refused
from people.staff import Person, token_hash

PREFIX = "pl_"  # tells people and scanners of leaked secrets what it is
LONGEST = 400  # days
USUAL = 90  # days
# Who has one of these can give themselves any other: a program that leaks must not.
NEVER = frozenset({"token.create", "role.change", "person.pin", "person.badge", "person.customers"})


class Create(Arguments):
    """token.create{name, days, rights}: it may `rights` for so many days."""

    name: Code
    days: Annotated[Whole, Field(gt=0, le=LONGEST)] = USUAL
    rights: list[Right] = Field(max_length=500)


class End(Arguments):
    """token.end{number}: the number of the token."""

    number: Whole


def choices(person: Person) -> list[str]:
    """The rights that this person can give to a token."""
    return sorted(set(person.rights) - NEVER)


def _create(deed: Deed, given: Create) -> Outcome:
    _check(deed.person, given.rights)
    token = PREFIX + secrets.token_urlsafe(32)
    ends = deed.now + timedelta(days=given.days)
    number = _insert(deed, given, token_hash(token), ends)
    deed.touches("token", str(number))
    return {"message": "token_created", "token": token, "number": number, "name": given.name,
            "ends": ends.isoformat()}  # fmt: skip


def _insert(deed: Deed, given: Create, kept: str, ends: datetime) -> int:
    try:
        row = deed.connection.execute(
            "insert into people.token (token_hash, person, name, rights, made, ends) "
            "values (%s, %s, %s, %s, %s, %s) returning id",
            [kept, deed.person.code, given.name, sorted(set(given.rights)), deed.now, ends],
        ).fetchone()
    except UniqueViolation:
        raise Refused("token_there", name=given.name) from None
    assert row is not None
    return row[0]


def _check(person: Person, rights: Sequence[str]) -> None:
    if not rights:
        raise Refused("token_empty")
    for right in rights:
        if right in NEVER:
            raise Refused("token_never", right=right)
        if not person.may(right):
            raise Refused("token_beyond", right=right)


def _end(deed: Deed, given: End) -> Outcome:
    """One's own; of others who may look at all tokens."""
    row = deed.connection.execute(
        "select person, name, ended from people.token where id = %s for update", [given.number]
    ).fetchone()
    mine = row is not None and row[0] == deed.person.code
    if row is None or not (mine or deed.person.may("token.see")):
        raise Refused("token_unknown", token=given.number)
    if row[2] is not None:
        raise Refused("token_ended", name=row[1], at=row[2])
    deed.touches("token", str(given.number))
    deed.connection.execute(
        "update people.token set ended = %s, ended_by = %s where id = %s",
        [deed.now, deed.person.code, given.number],
    )
    return {"message": "token_ended", "number": given.number, "name": row[1], "person": row[0]}


ACTS: Kinds = MappingProxyType(
    {
        "token.create": Kind(Create, _create, secret=frozenset({"token"})),
        "token.end": Kind(End, _end),
    }
)
