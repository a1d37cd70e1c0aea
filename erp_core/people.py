"""People: who they are, how they sign in at a press, and what their role lets them do.

A badge or a PIN on the shop floor says who acts. PINs are kept as argon2id hashes, sessions on
the server under the hash of their token, and every attempt to sign in is written down. Signing in
returns a refusal instead of raising, so that the attempt is committed with everything else.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from psycopg.rows import class_row

from database.connection import Connection

WRONG_PINS = 5  # so many within WITHIN lock the PIN; badges go on working
WITHIN = timedelta(minutes=10)

FLOOR = frozenset({
    "mount", "dismount", "scan", "segment", "first_article", "scrap", "output", "stop_reason",
    "finish",
})  # fmt: skip
DECIDE = frozenset({"assign", "decide", "accept", "reject", "reverse", "swap"})
PLAN = frozenset({"create_order", "release_order", "close_order", "cancel_order"})
STORE = frozenset({"receive", "count_stock", "move_stock"})
OFFICE = frozenset({"load_masters", "manage_people", "replay_messages"})

MAY = MappingProxyType({
    "operator": FLOOR,
    "leader": FLOOR | DECIDE,
    "planner": PLAN,
    "warehouse": STORE,
    "quality": frozenset({"first_article", "scrap", "output", "segment"}),
    "it": OFFICE | {"swap"},
    "manager": FLOOR | DECIDE | PLAN | STORE | OFFICE,
})  # fmt: skip

hasher = PasswordHasher()


@dataclass(frozen=True, slots=True)
class Person:
    """Someone who works here; no `lines` means every line."""

    code: str
    name: str
    role: str
    lines: list[str]
    locale: str
    badge: str | None
    active: bool

    def works_on(self, line: str) -> bool:
        """Whether the person works on that line."""
        return not self.lines or line in self.lines


@dataclass(frozen=True, slots=True)
class SignIn:
    """Outcome of an attempt: the person, or why not.

    `refusal` is `badge_unknown`, `pin_wrong` (also for an unknown person) or `pin_locked`, then
    with `until`, the instant from which the PIN works again.
    """

    person: Person | None
    refusal: str | None = None
    until: datetime | None = None


def may(role: str, act: str) -> bool:
    """Whether people of that role may do that act; unknown roles may do nothing."""
    return act in MAY.get(role, frozenset())


def find(connection: Connection, code: str) -> Person | None:
    """The person of that code, also one who has left, or None."""
    with connection.cursor(row_factory=class_row(Person)) as cursor:
        return cursor.execute(
            "select code, name, role, lines, locale, badge, active from erp.person where code = %s",
            [code],
        ).fetchone()


def keep_pin(connection: Connection, person: str, pin: str) -> None:
    """Set the person's PIN; the same PIN again changes nothing."""
    if not _verified(connection, person, pin):
        connection.execute(
            "update erp.person set pin_hash = %s where code = %s", [hasher.hash(pin), person]
        )


def sign_in_badge(connection: Connection, badge: str, address: str | None, now: datetime) -> SignIn:
    """Sign in by badge; the attempt is written down."""
    row = connection.execute(
        "select code from erp.person where badge = %s and active", [badge]
    ).fetchone()
    person = find(connection, row[0]) if row else None
    outcome = SignIn(person, None if person else "badge_unknown")
    connection.execute(
        "insert into erp.login (at, person, given, method, ok, refusal, address) "
        "values (%s, %s, %s, 'badge', %s, %s, %s)",
        [now, row and row[0], badge, person is not None, outcome.refusal, address],
    )
    return outcome


def sign_in_pin(
    connection: Connection, person: str, pin: str, address: str | None, now: datetime
) -> SignIn:
    """Sign in by person code and PIN; the attempt is written down, the PIN is not."""
    known = _held(connection, person)
    outcome = _try_pin(connection, known, pin, now) if known else SignIn(None, "pin_wrong")
    connection.execute(
        "insert into erp.login (at, person, given, method, ok, refusal, address) "
        "values (%s, %s, %s, 'pin', %s, %s, %s)",
        [now, known and known.code, person, outcome.person is not None, outcome.refusal, address],
    )
    return outcome


def open_session(
    connection: Connection, person: str, press: str | None, now: datetime, lifetime: timedelta
) -> str:
    """Start a session; returns its token, which is not kept anywhere here."""
    token = secrets.token_urlsafe(32)
    connection.execute(
        "insert into erp.session (token_hash, person, press, started, expires) "
        "values (%s, %s, %s, %s, %s)",
        [_token_hash(token), person, press, now, now + lifetime],
    )
    return token


def session_person(connection: Connection, token: str, now: datetime) -> Person | None:
    """Whose session it is; None when it has ended or expired, or the person has left."""
    row = connection.execute(
        """
        select s.person from erp.session s join erp.person p on p.code = s.person
        where s.token_hash = %s and s.ended is null and s.expires > %s and p.active
        """,
        [_token_hash(token), now],
    ).fetchone()
    return find(connection, row[0]) if row else None


def end_session(connection: Connection, token: str, now: datetime) -> None:
    """End a session; one that has ended stays as it is."""
    connection.execute(
        "update erp.session set ended = %s where token_hash = %s and ended is null",
        [now, _token_hash(token)],
    )


def _held(connection: Connection, code: str) -> Person | None:
    """The active person, held so that attempts at one PIN are counted one after another."""
    connection.execute("select 1 from erp.person where code = %s for no key update", [code])
    person = find(connection, code)
    return person if person and person.active else None


def _try_pin(connection: Connection, person: Person, pin: str, now: datetime) -> SignIn:
    until = _locked_until(connection, person.code, now)
    if until:
        return SignIn(None, "pin_locked", until)
    if _verified(connection, person.code, pin):
        return SignIn(person)
    return SignIn(None, "pin_wrong")


def _locked_until(connection: Connection, person: str, now: datetime) -> datetime | None:
    """When the oldest of the last five wrong PINs since the last right one is long enough ago."""
    row = connection.execute(
        """
        select at from erp.login l
        where person = %(person)s and method = 'pin' and refusal = 'pin_wrong'
          and at > %(since)s
          and not exists (
            select 1 from erp.login later
            where later.person = l.person and later.method = 'pin' and later.ok
              and later.id > l.id)
        order by id desc offset %(offset)s limit 1
        """,
        {"person": person, "since": now - WITHIN, "offset": WRONG_PINS - 1},
    ).fetchone()
    return row[0] + WITHIN if row else None


def _verified(connection: Connection, person: str, pin: str) -> bool:
    row = connection.execute("select pin_hash from erp.person where code = %s", [person]).fetchone()
    if row is None or row[0] is None:
        return False
    try:
        return hasher.verify(row[0], pin)
    except VerifyMismatchError:
        return False


def _token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
