"""Signing in by badge or PIN, calls by token; wrong tries in a row make a pause.

Every try to sign in is written down, and every call with a wrong token.

Tries are counted where they are made: on a known device (somebody has signed in there before),
else by address. Strangers can so make a pause for strangers, and never lock anyone out of the
terminal they stand at. A try returns a refusal instead of raising: it is committed all the same.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from database.connection import Connection
from people import pins, staff
from people.staff import Person, token_hash

WITHIN = timedelta(minutes=10)
WRONG_PINS = 5  # in a row for one person at one place
STRANGERS_PINS = 20  # in a row for one person, or at one address, where the device is not known
WRONG_BADGES = 10  # in a row at one place
WRONG_TOKENS = 20  # within that time from one address
USE_EVERY = timedelta(minutes=1)  # the last use of a token is kept to so much
TOLD_EVERY = timedelta(minutes=1)  # tries within a pause are written down once in so long


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody signs in: a known device, else an address."""

    address: str | None
    device: int | None = None


@dataclass(frozen=True, slots=True)
class SignIn:
    """Outcome of a try: the person, or why not.

    `refusal`: `badge_unknown`, `pin_wrong` (also for an unknown person), `token_wrong`, or
    `badge_locked`, `pin_locked`, `token_locked`, these with `until`, from when it works again.
    """

    person: Person | None
    refusal: str | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A PIN that is to be checked: nobody holds a connection meanwhile, it costs CPU time."""

    code: str
    kept: str | None
    locked: bool

    def right(self, pin: str) -> bool:
        """Whether it is the PIN; within a pause it is not even looked at."""
        return not self.locked and pins.right(self.kept, pin)


class Rule(NamedTuple):
    """So many wrong tries in a row make a pause; counted for one code or all, here or anywhere."""

    wrong: int
    code: str | None
    anywhere: bool = False


def place(connection: Connection, address: str | None, token: str | None) -> Place:
    """Where a request comes from; `token` is the one that its device was given."""
    if token is None:
        return Place(address)
    row = connection.execute(
        "select id from people.device where token_hash = %s", [token_hash(token)]
    ).fetchone()
    return Place(address, row[0] if row else None)


def know_device(connection: Connection, person: str, now: datetime) -> str:
    """Know a device from now on; returns the token for it, which is not kept anywhere here."""
    token = secrets.token_urlsafe(32)
    connection.execute(
        "insert into people.device (token_hash, since, person) values (%s, %s, %s)",
        [token_hash(token), now, person],
    )
    return token


def by_badge(connection: Connection, badge: str, where: Place, now: datetime) -> SignIn:
    """Sign in by badge."""
    until = _pause(connection, "badge", badge, where, now)
    row = connection.execute(
        "select code from people.person where badge = %s and active", [badge]
    ).fetchone()
    person = staff.find(connection, row[0]) if row and until is None else None
    refusal = None if person else "badge_locked" if until else "badge_unknown"
    outcome = SignIn(person, refusal, until)
    _write(connection, "badge", badge, row[0] if row else None, outcome, where, now)
    return outcome


def ask(connection: Connection, code: str, where: Place, now: datetime) -> Asked:
    """What a PIN for this code is to be held against."""
    row = connection.execute(
        "select pin_hash from people.person where code = %s and active", [code]
    ).fetchone()
    locked = _pause(connection, "pin", code, where, now) is not None
    return Asked(code, row[0] if row else None, locked)


def by_pin(
    connection: Connection, asked: Asked, where: Place, now: datetime, *, right: bool
) -> SignIn:
    """Sign in by a PIN that was checked.

    Tries of one person are counted one after another: of many at once only the first few count.
    """
    row = connection.execute(
        "select pin_hash from people.person where code = %s and active for no key update",
        [asked.code],
    ).fetchone()
    until = _pause(connection, "pin", asked.code, where, now)
    right = right and row is not None and row[0] == asked.kept  # not replaced meanwhile
    person = staff.find(connection, asked.code) if right and until is None else None
    refusal = None if person else "pin_locked" if until else "pin_wrong"
    outcome = SignIn(person, refusal, until)
    _write(connection, "pin", asked.code, asked.code if row else None, outcome, where, now)
    return outcome


def by_token(connection: Connection, token: str, address: str | None, now: datetime) -> SignIn:
    """Who a program calls for; unknown, ended and outdated tokens are refused alike.

    Within a pause only those are let in that were last used from this address: others' wrong ones
    stop no program at work, and a guesser's right one is not even looked at.
    """
    person, known = _token(connection, token, address, now)
    until = _pause(connection, "token", "", Place(address), now)
    if person is not None and (known or until is None):
        _use(connection, person, address, now)
        return SignIn(person)
    outcome = SignIn(None, "token_locked" if until else "token_wrong", until)
    _write(connection, "token", "…", None, outcome, Place(address), now)
    return outcome


def _token(
    connection: Connection, token: str, address: str | None, now: datetime
) -> tuple[Person | None, bool]:
    """Whose living token it is, and whether it was last used from this address."""
    row = connection.execute(
        """
        select t.person, t.id, coalesce(u.address = %(address)s, false)
        from people.token t join people.person p on p.code = t.person and p.active
        left join people.token_use u on u.token = t.id
        where t.token_hash = %(hash)s and t.ended is null and t.ends > %(now)s
        """,
        {"hash": token_hash(token), "address": address, "now": now},
    ).fetchone()
    return (staff.find(connection, row[0], row[1]), row[2]) if row else (None, False)


def _use(connection: Connection, person: Person, address: str | None, now: datetime) -> None:
    connection.execute(
        """
        insert into people.token_use (token, at, address)
        select %(token)s, %(now)s, %(address)s
        where not exists (
          select from people.token_use
          where token = %(token)s and at > %(lately)s and address is not distinct from %(address)s)
        on conflict (token) do update set at = excluded.at, address = excluded.address
        """,
        {"token": person.token, "now": now, "address": address, "lately": now - USE_EVERY},
    )


def _rules(method: str, code: str, where: Place) -> Iterator[Rule]:
    if method == "badge":
        yield Rule(WRONG_BADGES, None)
        return
    if method == "token":
        yield Rule(WRONG_TOKENS, None)
        return
    yield Rule(WRONG_PINS, code)
    if where.device is None:
        yield Rule(STRANGERS_PINS, code, anywhere=True)
        yield Rule(STRANGERS_PINS, None)


def _pause(
    connection: Connection, method: str, code: str, where: Place, now: datetime
) -> datetime | None:
    """Until when nothing works here, after too many wrong ones in a row."""
    ends = [_ends(connection, method, rule, where, now) for rule in _rules(method, code, where)]
    return max((end for end in ends if end is not None), default=None)


def _ends(
    connection: Connection, method: str, rule: Rule, where: Place, now: datetime
) -> datetime | None:
    row = connection.execute(
        """
        with here as (
          select id, at, ok, refusal from people.sign_in
          where at > %(since)s and method = %(method)s
            and (%(code)s::text is null or given = %(code)s)
            and case when %(anywhere)s then device is null
                     when %(device)s::bigint is null
                     then device is null and address is not distinct from %(address)s
                     else device = %(device)s end
        )
        select at from here
        where refusal in ('pin_wrong', 'badge_unknown', 'token_wrong')
          and id > coalesce((select max(id) from here where ok), 0)
        order by id desc offset %(offset)s limit 1
        """,
        {
            "since": now - WITHIN, "method": method, "code": rule.code, "anywhere": rule.anywhere,
            "device": where.device, "address": where.address, "offset": rule.wrong - 1,
        },
    ).fetchone()  # fmt: skip
    return row[0] + WITHIN if row else None


def _write(
    connection: Connection, method: str, given: str, person: str | None, outcome: SignIn,
    where: Place, now: datetime,
) -> None:  # fmt: skip
    """The try, never the PIN; within a pause one stands for many."""
    connection.execute(
        """
        insert into people.sign_in (at, person, given, method, ok, refusal, address, device)
        select %(at)s, %(person)s, %(given)s, %(method)s, %(ok)s, %(refusal)s::text, %(address)s,
               %(device)s
        where not %(paused)s or not exists (
          select from people.sign_in
          where at > %(lately)s and refusal = %(refusal)s and given = %(given)s
            and address is not distinct from %(address)s)
        """,
        {
            "at": now, "person": person, "given": given, "method": method,
            "ok": outcome.person is not None, "refusal": outcome.refusal,
            "address": where.address, "device": where.device,
            "paused": outcome.until is not None, "lately": now - TOLD_EVERY,
        },
    )  # fmt: skip
