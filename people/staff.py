"""Who is here, and their sessions.

Sessions are kept under the hash of their token. Who leaves loses badge, PIN, sessions and tokens of
their programs by one act; what they did stays. How people sign in: sign_ins.py.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from psycopg.rows import class_row

from database.connection import Connection
from people import badges, pins
from people.refusal import Refused


@dataclass(frozen=True, slots=True)
class Person:
    """Someone who works here; no `lines` means every line, no `customers` every customer.

    `token`: the number of the token by which a program comes for them, with the rights of both.
    """

    code: str
    name: str
    role: str
    lines: list[str]
    locale: str
    badge: str | None
    active: bool
    rights: list[str] = field(default_factory=list[str])
    token: int | None = None
    customers: list[str] = field(default_factory=list[str])

    def may(self, act: str) -> bool:
        """Whether the person may do that act, or see that list."""
        return act in self.rights

    def works_on(self, line: str) -> bool:
        """Whether the person works on that line."""
        return not self.lines or line in self.lines

    def sees(self, line: str) -> bool:
        """Whether the person may look at a line: their own, or any for a manager."""
        scope = self.scope
        return scope is None or line in scope

    @property
    def scope(self) -> list[str] | None:
        """The lines that the person may look at, for a query's `where`; None: every one."""
        return None if self.role == "manager" or not self.lines else list(self.lines)


def releases(connection: Connection, person: Person, line: str) -> bool:
    """Whether this person may pass a first article on that line.

    Inspectors, leaders and managers may; an operator only where no inspector works on the line.
    """
    if not person.may("first_article"):
        return False
    return person.may("first_article.release") or not _inspected(connection, line)


def releasing(connection: Connection, line: str) -> list[str]:
    """Names of those who may pass a first article on that line, for a sentence."""
    rows = connection.execute(
        "select p.name from people.person p "
        "join people.role_right g on g.role = p.role and g.may = 'first_article.release' "
        "join people.role r on r.code = p.role "
        "where p.active and (p.lines = '{}' or %s = any (p.lines)) "
        "order by p.role <> 'quality', r.position, p.name limit 4",
        [line],
    )
    return [name for (name,) in rows]


def _inspected(connection: Connection, line: str) -> bool:
    row = connection.execute(
        "select from people.person where active and role = 'quality' "
        "and (lines = '{}' or %s = any (lines)) limit 1",
        [line],
    )
    return row.fetchone() is not None


def find(connection: Connection, code: str, token: int | None = None) -> Person | None:
    """The person of that code, also one who has left, or None.

    By a `token` they may what both may: nothing, when it is not theirs or has been ended.
    """
    with connection.cursor(row_factory=class_row(Person)) as cursor:
        return cursor.execute(
            """
            select p.code, p.name, p.role, p.lines, p.locale, p.badge, p.active,
                   array(select g.may from people.role_right g where g.role = p.role
                         and (%(token)s::bigint is null or g.may = any (t.rights))) as rights,
                   %(token)s::bigint as token, p.customers
            from people.person p
            left join people.token t on t.id = %(token)s and t.person = p.code and t.ended is null
            where p.code = %(code)s
            """,
            {"code": code, "token": token},
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


def set_pin(connection: Connection, person: str, pin: str, who: str, now: datetime) -> None:
    """A new PIN: whoever used the old one has to sign in again. Raises Refused."""
    if not pins.FORM.fullmatch(pin):
        raise Refused("pin_form")
    _write_pin(connection, _here(connection, person).code, pin, who, now)


def set_badge(
    connection: Connection, person: str, badge: str | None, who: str, now: datetime
) -> None:
    """Another badge, or none until there is one: the old one opens nothing any more.

    Whoever is signed in has to sign in again; without a badge, tokens end, too. Raises Refused,
    also when somebody else has the badge, however it is written.
    """
    one = _here(connection, person)
    number = badges.on_file(connection, badge) if badge else None
    if badge and not number:
        raise Refused("badge_form")
    owner = connection.execute(
        "select code from people.person where badge = %s and code <> %s", [number, person]
    ).fetchone()
    if owner is not None:
        raise Refused("badge_taken", name=one.name)
    connection.execute(
        "update people.person set badge = %s, badge_by = %s where code = %s",
        [number, who, person],
    )
    _end_sessions(connection, [person], now)
    if number is None:
        _end_tokens(connection, [person], who, now)


def leave(connection: Connection, person: str, who: str, now: datetime) -> None:
    """Somebody leaves: badge, PIN, sessions and tokens end together.

    Nobody sends themselves away: somebody has to stay who may. Raises Refused.
    """
    if who == person:
        raise Refused("leave_self")
    _leave(connection, [_here(connection, person).code], who, now)
    somebody_binds(connection)


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


def _here(connection: Connection, code: str) -> Person:
    """The person, held against others; raises Refused person_gone for who does not work here."""
    connection.execute("select from people.person where code = %s for update", [code])
    person = find(connection, code)
    if person is None or not person.active:
        raise Refused("person_gone", name=person.name if person else code)
    return person


def _leave(connection: Connection, codes: Sequence[str], who: str, now: datetime) -> None:
    connection.execute(
        "update people.person set active = false, badge = null, badge_by = null, pin_hash = null, "
        "pin_by = null, left_at = %s, left_by = %s where code = any(%s)",
        [now, who, list(codes)],
    )
    _end_sessions(connection, codes, now)
    _end_tokens(connection, codes, who, now)


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


def _end_tokens(connection: Connection, people: Sequence[str], who: str, now: datetime) -> None:
    connection.execute(
        "update people.token set ended = %s, ended_by = %s "
        "where person = any(%s) and ended is null",
        [now, who, list(people)],
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
            select p.code, p.name, p.role, p.lines, p.locale, p.badge, p.active,
                   array(select g.may from people.role_right g where g.role = p.role) as rights,
                   p.customers
            from people.session s join people.person p on p.code = s.person
            where s.token_hash = %s and s.ended is null and s.expires > %s and p.active
            """,
            [token_hash(token), now],
        ).fetchone()


def show(connection: Connection, token: str) -> None:
    """The transaction is theirs whose session or token this is: row security looks it up."""
    connection.execute("select set_config('pressline.session', %s, true)", [token])


def kept_apart(connection: Connection) -> bool:
    """Whether this connection gives rows by who asks.

    Not where it has come as another program or a superuser, nor in a plant without roles.
    """
    row = connection.execute(
        "select row_security_active('people.change') and not people.no_person_asks()"
    ).fetchone()
    return row is not None and row[0]


def set_customers(
    connection: Connection, person: str, customers: Sequence[str]
) -> tuple[str, list[str]]:
    """Bind a person to these partners (none: to nobody); their name, and what they had before.

    Raises Refused person_gone, nobody_binds.
    """
    connection.execute("lock table people.person in share row exclusive mode")  # two at once
    one = _here(connection, person)
    connection.execute(
        "update people.person set customers = %s where code = %s", [list(customers), person]
    )
    somebody_binds(connection)
    return one.name, one.customers


def somebody_binds(connection: Connection) -> None:
    """Raises Refused nobody_binds where people are bound and nobody is left who could free them."""
    row = connection.execute(
        "select exists (select from people.person where active and customers <> '{}') "
        "and not exists (select from people.person p join people.role_right g on g.role = p.role "
        "where p.active and p.customers = '{}' and g.may = 'person.customers')"
    ).fetchone()
    if row is not None and row[0]:
        raise Refused("nobody_binds")


def within(connection: Connection, person: Person, other: str) -> None:
    """Raises Refused customers_beyond where `other` sees customers that the person does not.

    Who gives out badges and PINs could come in as anybody.
    """
    one = find(connection, other)
    wider = one is not None and (not one.customers or set(one.customers) - set(person.customers))
    if person.customers and wider:
        raise Refused("customers_beyond", name=other)


def end_session(connection: Connection, token: str, now: datetime) -> None:
    """End a session; one that has ended stays as it is."""
    connection.execute(
        "update people.session set ended = %s where token_hash = %s and ended is null",
        [now, token_hash(token)],
    )


def token_hash(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()
