"""Names of what is there: foreign keys that old rows break, told and tried again.

A constraint that came to a plant with years of rows is `not valid` at first: new rows are checked,
old ones are as they are.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from database.connection import Connection


@dataclass(frozen=True, slots=True)
class Reference:
    """Columns of a table (`schema.table`) that name rows of another."""

    schema: str
    name: str
    constraint: str
    columns: list[str]
    target_schema: str
    target: str
    target_columns: list[str]

    @property
    def table(self) -> sql.Composable:
        """The table that names."""
        return sql.Identifier(self.schema, self.name)


@dataclass(frozen=True, slots=True)
class Loose:
    """Rows that name what is not there: how many, and some of the names."""

    table: str
    target: str
    rows: int
    names: list[str]


def validate(connection: Connection) -> None:
    """Have every foreign key hold for old rows, too, where they keep to it by now."""
    for each in _unproven(connection):
        try:
            with connection.transaction():
                connection.execute(
                    sql.SQL("alter table {} validate constraint {}").format(
                        each.table, sql.Identifier(each.constraint)
                    )
                )
        except psycopg.errors.ForeignKeyViolation:
            continue


def loose(connection: Connection) -> Iterator[Loose]:
    """Old rows that name what is not there, by table."""
    for each in _unproven(connection):
        row = connection.execute(_broken(each)).fetchone()
        if row is not None and row[0]:
            told = f"{each.target_schema}.{each.target}"
            yield Loose(f"{each.schema}.{each.name}", told, row[0], row[1])
    row = connection.execute(PERSON_LINES).fetchone()
    if row is not None and row[0]:
        yield Loose("people.person", "plant.line", row[0], row[1])


def _unproven(connection: Connection) -> list[Reference]:
    with connection.cursor(row_factory=class_row(Reference)) as cursor:
        return cursor.execute(UNPROVEN).fetchall()


def _broken(each: Reference) -> sql.Composed:
    """How many rows name what is not there, and five of the names."""
    own = [sql.Identifier("r", column) for column in each.columns]
    other = [sql.Identifier("t", column) for column in each.target_columns]
    same = sql.SQL(" and ").join(
        sql.SQL("{} = {}").format(a, b) for a, b in zip(own, other, strict=True)
    )
    given = sql.SQL(" and ").join(sql.SQL("{} is not null").format(column) for column in own)
    return sql.SQL(
        "select count(*), (array_agg(distinct concat_ws('/', {columns})))[:5] from {table} r "
        "where {given} and not exists (select from {target} t where {same})"
    ).format(
        columns=sql.SQL(", ").join(own), table=each.table, given=given, same=same,
        target=sql.Identifier(each.target_schema, each.target),
    )  # fmt: skip


UNPROVEN = """
select n.nspname as schema, c.relname as name, k.conname as constraint,
       array(select a.attname::text from unnest(k.conkey) with ordinality as u(attnum, place)
             join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.attnum
             order by u.place) as columns,
       tn.nspname as target_schema, t.relname as target,
       array(select a.attname::text from unnest(k.confkey) with ordinality as u(attnum, place)
             join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.attnum
             order by u.place) as target_columns
from pg_constraint k
join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
join pg_class t on t.oid = k.confrelid join pg_namespace tn on tn.oid = t.relnamespace
where k.contype = 'f' and not k.convalidated and n.nspname in ('people', 'plant', 'erp', 'mes')
order by 1, 2, 3
"""
PERSON_LINES = """
select count(distinct p.code), (array_agg(distinct p.code || '/' || line))[:5]
from people.person p cross join lateral unnest(p.lines) as line
where p.active and not exists (select from plant.line l where l.name = line)
"""
