"""The moment of an act: who does something at which press, and when."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from database.connection import Connection
from people.staff import Person


@dataclass(frozen=True, slots=True)
class Moment:
    """What every act knows while it is applied; `at` is when it was done, `now` when it came."""

    connection: Connection
    act: UUID
    person: Person
    press: str
    at: datetime
    now: datetime

    @property
    def who(self) -> str:
        """The code of the person."""
        return self.person.code
