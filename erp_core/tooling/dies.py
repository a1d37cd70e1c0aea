"""Dies: which parts one stroke makes, on which presses, and how far their life is used up."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

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
    version: int = 1

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


class Dated(NamedTuple):
    """What a die makes of an item per stroke from an instant on; None: since ever."""

    item: str
    since: datetime | None
    parts_num: int
    parts_den: int


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


def presses(connection: Connection, die: str) -> list[str]:
    """The presses that are named for the die; none: it fits every one."""
    rows = connection.execute("select press from erp.die_press where die = %s order by 1", [die])
    return [press for (press,) in rows]


def all_presses(connection: Connection) -> list[str]:
    """Every press of the plant."""
    return [name for (name,) in connection.execute("select name from plant.press order by name")]


def put_presses(connection: Connection, die: str, named: Iterable[str]) -> bool:
    """Name these presses for the die and no others; whether that changed anything."""
    wanted = sorted(set(named))
    gone = connection.execute(
        "delete from erp.die_press where die = %s and press <> all(%s)", [die, wanted]
    )
    come = connection.execute(
        "insert into erp.die_press (die, press) select %s, unnest(%s::text[]) "
        "on conflict do nothing",
        [die, wanted],
    )
    return gone.rowcount + come.rowcount > 0


def put_outputs(
    connection: Connection, die: str, outputs: Sequence[Dated]
) -> list[tuple[Dated, tuple[int, int] | None]]:
    """Say what the die makes from those instants on; returns what is new, with what it was."""
    changed: list[tuple[Dated, tuple[int, int] | None]] = []
    for one in outputs:
        was = connection.execute(
            "select parts_num, parts_den from erp.die_output where die = %s and item = %s "
            "and from_at = coalesce(%s::timestamptz, '-infinity')",
            [die, one.item, one.since],
        ).fetchone()
        if was != (one.parts_num, one.parts_den):
            _put_output(connection, die, one)
            changed.append((one, was))
    return changed


def _put_output(connection: Connection, die: str, one: Dated) -> None:
    connection.execute(
        """
        insert into erp.die_output (die, item, from_at, parts_num, parts_den)
        values (%s, %s, coalesce(%s::timestamptz, '-infinity'), %s, %s)
        on conflict (die, item, from_at) do update
        set parts_num = excluded.parts_num, parts_den = excluded.parts_den
        """,
        [die, *one],
    )


def put_back(
    connection: Connection, die: str, item: str, since: datetime, ratio: Sequence[int] | None
) -> None:
    """Make an output what it was; None: there was none from that instant on."""
    if ratio is not None:
        _put_output(connection, die, Dated(item, since, *ratio))
        return
    connection.execute(
        "delete from erp.die_output where die = %s and item = %s and from_at = %s",
        [die, item, since],
    )


def clear(connection: Connection, die: str) -> None:
    """Take away what belongs to a die that is itself taken back."""
    connection.execute("delete from erp.die_press where die = %s", [die])
    connection.execute("delete from erp.die_output where die = %s", [die])
