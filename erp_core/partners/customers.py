"""Whom a person works for: nobody sees another customer's data.

Which rows that hides is said once, in the database (views/95_row_security.sql). Here is the act
that binds a person, and the rule that nobody makes or takes a partner beyond their own.
"""

from collections.abc import Iterator
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from database.connection import Connection
from erp_core.refusal import Refused
from people import staff
from people.acts import Deed, Done, Kind, Kinds, Outcome, check_undo
from people.arguments import Arguments, Code

Row = dict[str, Any]


def _split(given: Any) -> Any:
    """Codes as people type them into one field."""
    return given.replace(",", " ").replace("，", " ").split() if isinstance(given, str) else given


class Bind(Arguments):
    """person.customers{person, customers}: those partners and no others; none: every one's."""

    person: Code
    customers: Annotated[list[Code], BeforeValidator(_split), Field(max_length=500)]


def within(
    connection: Connection, _before: Row | None, after: Row
) -> Iterator[tuple[str, Refused]]:
    """A partner is made and changed by who may see it."""
    row = connection.execute(
        "select people.every_customer() or %s = any (people.customers())", [after["code"]]
    ).fetchone()
    if row is None or not row[0]:
        yield "code", Refused("partner_not_yours", name=after["code"])


def _bind(deed: Deed, given: Bind) -> Outcome:
    return _told(deed, given.person, sorted(set(given.customers)))


def _told(deed: Deed, person: str, customers: list[str]) -> Outcome:
    """Who is bound binds nobody: they would give away what they cannot see."""
    if deed.person.customers:
        raise Refused("customers_bound", name=deed.person.name)
    if customers and not staff.kept_apart(deed.connection):
        raise Refused("customers_mixed")
    _hold(deed.connection, customers)
    deed.touches("person", person)
    name, before = staff.set_customers(deed.connection, person, customers)
    for code in sorted({*customers, *before}):
        deed.touches("partner", code)
    message = "person_customers" if customers else "person_every_customer"
    return {"message": message, "person": person, "name": name, "customers": " ".join(customers),
            "before": before}  # fmt: skip


def _hold(connection: Connection, customers: list[str]) -> None:
    """The partners stay until the transaction ends; raises Refused for what is none."""
    rows = connection.execute(
        "select code from erp.partner where code = any (%s) order by code for key share",
        [customers],
    ).fetchall()
    missing = set(customers) - {code for (code,) in rows}
    if missing:
        raise Refused("document_not_there", name=min(missing))


def _unbind(deed: Deed, done: Done, reason: str | None) -> Outcome:
    check_undo(deed, done, reason)
    person = staff.find(deed.connection, done.outcome["person"])
    if person is None or " ".join(person.customers) != done.outcome["customers"]:
        raise Refused("undo_stands", name=done.outcome["person"])
    return {**_told(deed, done.outcome["person"], done.outcome["before"]), "message": "undone"}


ACTS: Kinds = MappingProxyType({"person.customers": Kind(Bind, _bind, _unbind)})
