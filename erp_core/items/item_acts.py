"""Acts on items: create and change; each can be undone while nothing was built on it."""

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, model_validator

from database.connection import Connection
from erp_core import records
from erp_core.quantity import UNITS
from erp_core.records import Broken, Record, Row
from erp_core.refusal import Refused
from erp_core.values import MOST, Share, Size
from people.acts import Kinds
from people.arguments import Arguments, Code, Name, Whole
from people.fields import Usual


class Head(Arguments):
    """item.create{code, name_zh, name_en?, kind, unit, …}.

    `over_tolerance` is a share; `until` the last day on which new orders are taken; `container` how
    many parts a full one takes. Without an English name it has the Chinese one. `width` and
    `thickness` (mm) and `density` (g/cm³) are a coil's.
    """

    code: Code
    name_zh: Name
    name_en: Name | None = None
    kind: Annotated[Literal["part", "coil", "blank", "bought"], Field(title="item_kind")] = "part"
    unit: Annotated[Code, Usual(tuple(UNITS)), Field(title="unit")] = "pcs"
    over_tolerance: Share = Decimal(0)
    until: date | None = None
    container: Annotated[Whole, Field(gt=0, le=MOST)] | None = None
    width: Size | None = None
    thickness: Size | None = None
    density: Size | None = None

    @model_validator(mode="after")
    def _named(self) -> "Head":
        return self if self.name_en else self.model_copy(update={"name_en": self.name_zh})


def rule(connection: Connection, before: Row | None, after: Row) -> Iterator[Broken]:
    """A unit is one of the house's, and stays once stock has moved or a line names it."""
    if len({after[name] is None for name in ("width", "thickness", "density")}) > 1:
        yield "width", Refused("strip_partly", item=after["code"])
    if before is not None and before["unit"] == after["unit"]:
        return
    if before is not None and moved(connection, [after["code"]]):
        yield "unit", Refused("unit_fixed", item=after["code"], unit=before["unit"])
    elif before is not None and (name := _line_with(connection, after["code"])):
        yield "unit", Refused("unit_in_bom", item=after["code"], unit=before["unit"], name=name)
    elif after["unit"] not in UNITS:
        yield "unit", Refused("unit_unknown", given=after["unit"], units=tuple(UNITS))


def _line_with(connection: Connection, code: str) -> str | None:
    """A bill of material in which so much of the item stands in its unit."""
    row = connection.execute(
        "select item || '/' || version from erp.bom_line where component = %s order by 1 limit 1",
        [code],
    ).fetchone()
    return row[0] if row else None


def moved(connection: Connection, items: Iterable[str] | None = None) -> set[str]:
    """Those of the items (None: all) whose stock has moved: their unit is fixed."""
    rows = connection.execute(
        "select i.code from erp.item i "
        "where (%(items)s::text[] is null or i.code = any(%(items)s)) "
        "and exists (select from erp.stock_move m where m.item = i.code)",
        {"items": None if items is None else list(items)},
    )
    return {item for (item,) in rows}


ITEM = Record("item", ("erp", "item"), Head, rule)
ACTS: Kinds = records.acts(ITEM)
