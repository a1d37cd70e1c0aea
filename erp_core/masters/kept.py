"""What a file leaves out and the database has: a default would put it back unseen."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any, LiteralString

from psycopg.rows import dict_row

from database.connection import Connection
from erp_core.masters.fault import Fault
from erp_core.masters.file import DieRow, ItemRow, Masters, OrderRow, PersonRow, Row

Kept = Mapping[str, Mapping[str, Mapping[str, Any]]]  # table -> code -> key -> value

ROWS: Mapping[str, LiteralString] = MappingProxyType({
    "item": """
        select code, name_zh, name_en, unit, kind, over_tolerance, until, container
        from erp.item""",
    "die": """
        select code, name, life_strokes as life, warn_share as warn, due_share as due,
          opening_strokes, ideal_spm as speed, planned_spm as planned_speed,
          array(select press from erp.die_press p where p.die = d.code order by 1) as presses
        from erp.die d""",
    "work_order": "select code, due from erp.work_order where state not in ('closed', 'cancelled')",
    "person": """
        select code, name, lines, locale, case when badge_by is null then badge end as badge
        from people.person""",
})  # fmt: skip
NAMED_BY_CODE = ("name", "name_zh", "name_en")  # left out, a name is the code


def kept(connection: Connection) -> Kept:
    """What the database has, by the keys of the file."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return {
            table: {row["code"]: row for row in cursor.execute(query).fetchall()}
            for table, query in ROWS.items()
        }


def resets(masters: Masters, known: Kept) -> Iterator[Fault]:
    """Every key that is left out, where the database has something else than its default."""
    tables: Mapping[str, Sequence[ItemRow | DieRow | OrderRow | PersonRow]] = {
        "item": masters.item, "die": masters.die,
        "work_order": masters.work_order, "person": masters.person,
    }  # fmt: skip
    for table, rows in tables.items():
        for n, row in enumerate(rows):
            for key, value in known.get(table, {}).get(row.code, {}).items():
                if key not in row.model_fields_set and not _same(row, key, value):
                    what = f"{key} is left out, and is {_written(value)} in the database"
                    cure = f"write {key} = {_written(value)} to keep it, or load with --reset"
                    yield Fault((table, n), what, cure)


def _same(row: Row, key: str, value: object) -> bool:
    """Whether leaving the key out changes nothing."""
    default: object = getattr(row, key)
    if key in NAMED_BY_CODE and default in (None, ""):
        return value in ("", getattr(row, "code", None))
    return value == default or (default == () and value == [])


def _written(value: object) -> str:
    """A value as it would stand in the file."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value) if isinstance(value, int | date) else json.dumps(value, ensure_ascii=False)
