"""Acts about people and roles: who leaves, badges, PINs, what a role may do."""

from types import MappingProxyType
from typing import Annotated

from pydantic import Field, StringConstraints

from people import roles, staff
from people.acts import Deed, Kind, Kinds, Outcome
from people.arguments import Arguments, Code, Right

Secret = Annotated[str, StringConstraints(strip_whitespace=True, max_length=80)]


class About(Arguments):
    """person.leave{person}."""

    person: Code


class Badge(About):
    """person.badge{person, badge?}: without one, the person has none until there is."""

    badge: Secret = ""


class Pin(About):
    """person.pin{person, pin}: 4 to 12 digits, never kept."""

    pin: Secret


class Rights(Arguments):
    """role.change{role, may}: all rights that the role has from now on."""

    role: Code
    may: list[Right] = Field(max_length=500)


def _leave(deed: Deed, given: About) -> Outcome:
    deed.touches("person", given.person)
    staff.leave(deed.connection, given.person, deed.person.code, deed.now)
    return _told(deed, "person_left", given.person)


def _badge(deed: Deed, given: Badge) -> Outcome:
    deed.touches("person", given.person)
    staff.within(deed.connection, deed.person, given.person)
    staff.set_badge(deed.connection, given.person, given.badge or None, deed.person.code, deed.now)
    return _told(deed, "person_badge" if given.badge else "person_no_badge", given.person)


def _pin(deed: Deed, given: Pin) -> Outcome:
    deed.touches("person", given.person)
    staff.within(deed.connection, deed.person, given.person)
    staff.set_pin(deed.connection, given.person, given.pin, deed.person.code, deed.now)
    return _told(deed, "person_pin", given.person)


def _rights(deed: Deed, given: Rights) -> Outcome:
    deed.touches("role", given.role)
    before = roles.change(deed.connection, given.role, given.may)
    return {"message": "role_changed", "role": given.role, "before": before}


def _told(deed: Deed, message: str, code: str) -> Outcome:
    person = staff.find(deed.connection, code)
    return {"message": message, "person": code, "name": person.name if person else code}


ACTS: Kinds = MappingProxyType(
    {
        "person.leave": Kind(About, _leave),
        "person.badge": Kind(Badge, _badge, secret=frozenset({"badge"})),
        "person.pin": Kind(Pin, _pin, secret=frozenset({"pin"})),
        "role.change": Kind(Rights, _rights),
    }
)
