"""The master data format: what may stand in a masters.toml, and where a fault in it stands.

Quantities are read as Decimals and parts per stroke as fractions, so that nothing is rounded.
"""

import datetime as dt
import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from erp_core.masters.errors import MastersError
from erp_core.masters.fault import Source, worded
from erp_core.values import MOST, Parts, Quantity, Share, Speed, Worn


def _text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Code = Annotated[str, BeforeValidator(_text), Field(pattern=r"^\S(.*\S)?$", max_length=100)]
OrderCode = Annotated[str, BeforeValidator(_text), Field(pattern=r"^[^\s/]([^/]*[^\s/])?$")]
Whole = Annotated[int, Field(strict=True, gt=0, le=MOST)]
Names = Annotated[tuple[Code, ...], Field(default=())]


class Row(BaseModel):
    """One table of the file: unknown keys are faults, nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ItemRow(Row):
    """[[item]]; `until`: the last day on which new orders for it are taken.

    `container`: parts that a full container takes; a report is made of each.
    """

    code: Code
    unit: Code = "pcs"
    kind: Literal["part", "coil", "blank", "bought"] = "part"
    name_zh: str | None = None
    name_en: str | None = None
    over_tolerance: Share = Decimal(0)
    until: dt.date | None = None
    container: Whole | None = None


class LineRow(Row):
    """A component of a BOM and how much of it one piece takes, in the component's unit.

    `operation`: the number of the operation that uses it; without it the first one does. `scrap`:
    the share of the quantity that is lost beside it.
    """

    item: Code
    qty: Quantity
    operation: Whole | None = None
    scrap: Annotated[Share, Field(lt=1)] = Decimal(0)


class BomRow(Row):
    """[[bom]]: released when loaded; `from`: the first day on which orders take it."""

    item: Code
    version: Code = "1"
    from_day: dt.date | None = Field(default=None, alias="from")
    lines: tuple[LineRow, ...] = Field(min_length=1)


class OutputRow(Row):
    """What a die makes per stroke, from an instant on."""

    item: Code
    parts: Parts = Fraction(1)
    since: AwareDatetime | None = Field(default=None, alias="from")


class DieRow(Row):
    """[[die]]: life in strokes, speeds (ideal, planned) in strokes per minute."""

    code: Code
    name: str = ""
    life: Whole | None = None
    warn: Worn = Decimal("0.8")
    due: Worn = Decimal(1)
    opening_strokes: int = Field(default=0, strict=True, ge=0, le=10 * MOST)
    speed: Speed | None = None
    planned_speed: Speed | None = None
    outputs: tuple[OutputRow, ...] = Field(min_length=1)
    presses: Names


class StepRow(Row):
    """One operation; a plain die code stands for `{die = "…"}`."""

    seq: Whole | None = None
    name: Code | None = None
    die: Code | None = None

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, value: object) -> object:
        return {"die": value} if isinstance(value, str) else value


class RoutingRow(Row):
    """[[routing]]."""

    item: Code
    operations: tuple[StepRow, ...] = Field(min_length=1)


class OrderRow(Row):
    """[[work_order]]: released when loaded; without `routing` that of its item holds."""

    code: OrderCode
    item: Code
    qty: Whole
    due: dt.date | None = None
    routing: tuple[StepRow, ...] = ()


class StockRow(Row):
    """[[stock]]: opening stock."""

    item: Code
    location: Code = "RAW"
    lot: Code | None = None
    qty: Quantity


class PersonRow(Row):
    """[[person]]."""

    code: Code
    name: str | None = None
    role: Literal["operator", "leader", "planner", "warehouse", "quality", "manager", "it"]
    lines: Names
    locale: Literal["zh", "en"] = "zh"
    badge: Code | None = None
    pin: Annotated[str, BeforeValidator(_text), Field(pattern=r"^\d{4,12}$")] | None = None


class ReasonRow(Row):
    """[[reason]]: one of the plant's own, beside the standard ones; people read its code.

    `planned`: a stop for it is no loss (None: as it was; of a new one, it is a loss).
    """

    kind: Literal["stop", "scrap", "close", "reject"]
    code: Annotated[Code, Field(max_length=40)]
    planned: bool | None = Field(default=None, strict=True)

    @model_validator(mode="after")
    def _only_stops(self) -> "ReasonRow":
        if self.planned is not None and self.kind != "stop":
            raise ValueError('is of no stop; take planned out, or write kind = "stop"')
        return self


class Masters(Row):
    """A whole file; [[shift]] belongs to the plant and is not read here."""

    item: tuple[ItemRow, ...] = ()
    bom: tuple[BomRow, ...] = ()
    die: tuple[DieRow, ...] = ()
    routing: tuple[RoutingRow, ...] = ()
    work_order: tuple[OrderRow, ...] = ()
    stock: tuple[StockRow, ...] = ()
    person: tuple[PersonRow, ...] = ()
    reason: tuple[ReasonRow, ...] = ()
    shift: object = None


def read(source: Path | Mapping[str, Any]) -> tuple[Source, Masters]:
    """Read and check the form of the tables; Raises MastersError with every fault found."""
    raw = _from_file(source) if isinstance(source, Path) else Source("masters", source)
    try:
        return raw, Masters.model_validate(raw.data)
    except ValidationError as error:
        raw.refuse(worded(error))
        raise


def _from_file(path: Path) -> Source:
    try:
        text = path.read_text(encoding="utf-8-sig")  # Windows editors begin with a byte order mark
        return Source(path.name, tomllib.loads(text, parse_float=Decimal), text)
    except OSError as error:
        raise MastersError(
            [f"{path}: cannot be read ({error.strerror}); check the path"]
        ) from error
    except UnicodeDecodeError as error:
        raise MastersError([f"{path.name}: is not UTF-8; save it as UTF-8"]) from error
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        where = f"{path.name}:{line[1]}" if line else path.name
        raise MastersError([f"{where}: is not TOML ({error}); mend that line"]) from error
    except (RecursionError, ValueError) as error:  # brackets in brackets; thousands of digits
        what = "a number is too long or tables lie too deep in each other; take it out"
        raise MastersError([f"{path.name}: {what}"]) from error
