"""Dies: which parts one stroke makes, on which presses, and how far their life is used up."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from psycopg.rows import class_row

from database.connection import Connection


@dataclass(frozen=True, slots=True)
class Die:
    """A die: life in strokes, shares of it at which it is `warn` and `due`, strokes a minute.

    `ideal_spm` is what it could run, `planned_spm` what plans reckon with (None: the ideal).
    """

    code: str
    name: str
    life_strokes: int | None
    warn_share: Decimal
    due_share: Decimal
    opening_strokes: int
    ideal_spm: Decimal | None
    planned_spm: Decimal | None = None

    def stage(self, strokes: int) -> str:
        """`ok`, `warn` or `due` after that many counted strokes; a die without a life is `ok`."""
        if self.life_strokes is None:
            return "ok"
        used = self.opening_strokes + strokes
        if used >= self.due_share * self.life_strokes:
            return "due"
        return "warn" if used >= self.warn_share * self.life_strokes else "ok"


@dataclass(frozen=True, slots=True)
class Output:
    """One item that a die makes: `parts_num` parts every `parts_den` strokes."""

    item: str
    parts_num: int
    parts_den: int

    @property
    def parts(self) -> Fraction:
        """Parts per stroke, exact."""
        return Fraction(self.parts_num, self.parts_den)


def find(connection: Connection, code: str) -> Die | None:
    """The die of that code, or None."""
    with connection.cursor(row_factory=class_row(Die)) as cursor:
        return cursor.execute("select * from erp.die where code = %s", [code]).fetchone()


def outputs(connection: Connection, die: str, at: datetime) -> list[Output]:
    """What the die makes per stroke at that instant, by item: the newest ratio not after it."""
    with connection.cursor(row_factory=class_row(Output)) as cursor:
        return cursor.execute(
            "select distinct on (item) item, parts_num, parts_den from erp.die_output "
            "where die = %s and from_at <= %s order by item, from_at desc",
            [die, at],
        ).fetchall()


def fits(connection: Connection, die: str, press: str) -> bool:
    """Whether the die fits the press; a die for which no press is named fits every one."""
    row = connection.execute(
        "select coalesce(bool_or(press = %s), true) from erp.die_press where die = %s",
        [press, die],
    ).fetchone()
    assert row is not None
    return row[0]


def makers(connection: Connection, item: str, press: str, at: datetime) -> list[str]:
    """The dies that make the item at that instant and fit the press, by code."""
    rows = connection.execute(
        """
        select distinct o.die from erp.die_output o
        where o.item = %(item)s and o.from_at <= %(at)s
          and (not exists (select 1 from erp.die_press p where p.die = o.die)
            or exists (select 1 from erp.die_press p where p.die = o.die and p.press = %(press)s))
        order by o.die
        """,
        {"item": item, "press": press, "at": at},
    )
    return [die for (die,) in rows]
