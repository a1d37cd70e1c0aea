"""Acts on items: create and change; each can be undone while nothing was built on it."""

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, model_validator

from database.connection import Connection
from erp_core import records
from erp_core.records import Broken, Record, Row
from erp_core.refusal import Refused
from erp_core.values import MOST, Share
from people.acts import Kinds
from people.arguments import Arguments, Code, Name, Whole
from people.fields import Usual

UNITS = ("pcs", "set", "kg", "g", "t", "m", "mm", "m2", "l")
COUNTED = frozenset({"pcs", "set"})  # units that are whole


class Head(Arguments):
    """item.create{code, name_zh, name_en?, kind, unit, over_tolerance?, until?, container?}.

    `over_tolerance` is a share; `until` the last day on which new orders are taken; `container` how
    many parts a full one takes. Without an English name it has the Chinese one.
    """

    code: Code
    name_zh: Name
    name_en: Name | None = None
    kind: Annotated[Literal["part", "coil", "blank", "bought"], Field(title="item_kind")] = "part"
    unit: Annotated[Code, Usual(UNITS), Field(title="unit")] = "pcs"
    over_tolerance: Share = Decimal(0)
    until: date | None = None
    container: Annotated[Whole, Field(gt=0, le=MOST)] | None = None

    @model_validator(mode="after")
    def _named(self) -> "Head":
        return self if self.name_en else self.model_copy(update={"name_en": self.name_zh})


def rule(connection: Connection, before: Row | None, after: Row) -> Iterator[Broken]:
    """A unit is one of the house's, and stays once stock has moved."""
    if before is not None and before["unit"] == after["unit"]:
        return
    if before is not None and moved(connection, [after["code"]]):
        yield "unit", Refused("unit_fixed", item=after["code"], unit=before["unit"])
    elif after["unit"] not in UNITS:
        yield "unit", Refused("unit_unknown", given=after["unit"], units=UNITS)


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
