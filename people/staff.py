"""Who is here, and their sessions.

Sessions are kept under the hash of their token. Who leaves loses badge, PIN and sessions by one
act; what they did stays. How people sign in: sign_ins.py.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from psycopg.rows import class_row

from database.connection import Connection
from people import badges, pins, rights
from people.errors import ArgumentError, ConflictError, UnknownError


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
class PersonAct:
    """Something done about a person: `id` made by who asks, `who` did it."""

    id: UUID
    who: str
    person: str
    at: datetime


def releases(connection: Connection, code: str, line: str) -> bool:
    """Whether this person may pass a first article on that line.

    Inspectors, leaders and managers may; an operator only where no inspector works on the line.
    """
    person = find(connection, code)
    if person is None or not rights.may(person.role, "first_article"):
        return False
    return person.role in rights.RELEASE or not _inspected(connection, line)


def releasing(connection: Connection, line: str) -> list[str]:
    """Names of those who may pass a first article on that line, for a sentence."""
    rows = connection.execute(
        "select name from people.person where active and role = any (%s) "
        "and (lines = '{}' or %s = any (lines)) "
        "order by array_position(array['quality', 'leader'], role), name limit 4",
        [sorted(rights.RELEASE), line],
    )
    return [name for (name,) in rows]


def _inspected(connection: Connection, line: str) -> bool:
    row = connection.execute(
        "select from people.person where active and role = 'quality' "
        "and (lines = '{}' or %s = any (lines)) limit 1",
        [line],
    )
    return row.fetchone() is not None


def find(connection: Connection, code: str) -> Person | None:
    """The person of that code, also one who has left, or None."""
    with connection.cursor(row_factory=class_row(Person)) as cursor:
        return cursor.execute(
            "select code, name, role, lines, locale, badge, active "
            "from people.person where code = %s",
            [code],
        ).fetchone()


def keep_pin(connection: Connection, person: str, pin: str, now: datetime) -> None:
    """The PIN of the masters file; the same again changes nothing, and one set since stays."""
    row = connection.execute(
        "select pin_hash, pin_by from people.person where code = %s and active", [person]
    ).fetchone()
    if row is None or row[1] is not None:
        return
    if not pins.right(row[0], pin):
        _write_pin(connection, person, pin, None, now)
    elif pins.outdated(row[0]):
        connection.execute(
            "update people.person set pin_hash = %s where code = %s", [pins.hashed(pin), person]
        )


def set_pin(connection: Connection, act: PersonAct, pin: str) -> None:
    """A new PIN: whoever used the old one has to sign in again. Once for each act.

    Raises UnknownError, ArgumentError.
    """
    if not pins.FORM.fullmatch(pin):
        raise ArgumentError(act.person, "that is no PIN", "give 4 to 12 digits")
    if _record(connection, act, "pin"):
        _write_pin(connection, act.person, pin, act.who, act.at)


def set_badge(connection: Connection, act: PersonAct, badge: str | None) -> None:
    """Another badge, or none until there is one: the old one opens nothing any more.

    Whoever is signed in has to sign in again. Once for each act. Raises UnknownError,
    ArgumentError, and ConflictError when somebody else has the badge, however it is written.
    """
    if not _record(connection, act, "badge"):
        return
    number = badges.on_file(connection, badge) if badge else None
    if badge and not number:
        raise ArgumentError(act.person, "that is no badge", "scan it, or type its number")
    owner = connection.execute(
        "select code from people.person where badge = %s and code <> %s", [number, act.person]
    ).fetchone()
    if owner is not None:
        raise ConflictError(act.person, f"it is the badge of {owner[0]}", "give each their own")
    connection.execute(
        "update people.person set badge = %s, badge_by = %s where code = %s",
        [number, act.who, act.person],
    )
    _end_sessions(connection, [act.person], act.at)


def leave(connection: Connection, act: PersonAct) -> None:
    """Somebody leaves: badge, PIN and sessions end together. Once for each act.

    Nobody sends themselves away: somebody has to stay who may. Raises UnknownError, ArgumentError.
    """
    if act.who == act.person:
        raise ArgumentError(act.who, "nobody sends themselves away", "let somebody else do it")
    if _record(connection, act, "leave"):
        _leave(connection, [act.person], act.who, act.at)


def leave_unlisted(
    connection: Connection, listed: Sequence[str], who: str, now: datetime
) -> list[str]:
    """Whoever is here and not listed leaves; returns their codes."""
    rows = connection.execute(
        "select code from people.person where active and code <> all(%s) order by code for update",
        [list(listed)],
    ).fetchall()
    gone = [code for (code,) in rows]
    _leave(connection, gone, who, now)
    return gone


def _record(connection: Connection, act: PersonAct, kind: str) -> bool:
    """Whether the act is new; raises UnknownError, and ArgumentError when `who` may not do it."""
    doer = find(connection, act.who)
    if doer is None or not doer.active or not rights.may(doer.role, "manage_people"):
        raise ArgumentError(act.who, "may not do this", "IT and the manager may: give their code")
    held = connection.execute(
        "select 1 from people.person where code = %s and active for update", [act.person]
    ).fetchone()
    known = connection.execute("select 1 from people.person_act where id = %s", [act.id]).fetchone()
    if known is not None:
        return False
    if held is None:
        raise UnknownError(act.person, "nobody who works here goes by this code", "check the code")
    connection.execute(
        "insert into people.person_act (id, at, who, person, act) values (%s, %s, %s, %s, %s)",
        [act.id, act.at, act.who, act.person, kind],
    )
    return True


def _leave(connection: Connection, codes: Sequence[str], who: str, now: datetime) -> None:
    connection.execute(
        "update people.person set active = false, badge = null, badge_by = null, pin_hash = null, "
        "pin_by = null, left_at = %s, left_by = %s where code = any(%s)",
        [now, who, list(codes)],
    )
    _end_sessions(connection, codes, now)


def _write_pin(
    connection: Connection, person: str, pin: str, who: str | None, now: datetime
) -> None:
    connection.execute(
        "update people.person set pin_hash = %s, pin_by = %s where code = %s",
        [pins.hashed(pin), who, person],
    )
    _end_sessions(connection, [person], now)


def _end_sessions(connection: Connection, people: Sequence[str], now: datetime) -> None:
    connection.execute(
        "update people.session set ended = %s where person = any(%s) and ended is null",
        [now, list(people)],
    )


def open_session(
    connection: Connection, person: str, press: str | None, now: datetime, lifetime: timedelta
) -> str:
    """Start a session; returns its token, which is not kept anywhere here."""
    token = secrets.token_urlsafe(32)
    connection.execute(
        "insert into people.session (token_hash, person, press, started, expires) "
        "values (%s, %s, %s, %s, %s)",
        [token_hash(token), person, press, now, now + lifetime],
    )
    return token


def session_person(connection: Connection, token: str, now: datetime) -> Person | None:
    """Whose session it is; None when it has ended or expired, or the person has left."""
    with connection.cursor(row_factory=class_row(Person)) as cursor:
        return cursor.execute(
            """
            select p.code, p.name, p.role, p.lines, p.locale, p.badge, p.active
            from people.session s join people.person p on p.code = s.person
            where s.token_hash = %s and s.ended is null and s.expires > %s and p.active
            """,
            [token_hash(token), now],
        ).fetchone()


def end_session(connection: Connection, token: str, now: datetime) -> None:
    """End a session; one that has ended stays as it is."""
    connection.execute(
        "update people.session set ended = %s where token_hash = %s and ended is null",
        [now, token_hash(token)],
    )


def token_hash(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()
