"""The arguments of each act, as docs/scenarios.md lists them: typed, and nothing beside them."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal, TypeVar
from uuid import UUID

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from mes_bridge.refusal import Refused

PRINTABLE = r"^[^\x00-\x1f]*$"  # one line of text; PostgreSQL keeps no NUL
MOST = 10**12  # strokes; no press makes so many

Code = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=80, pattern=PRINTABLE),
]
Reason = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=PRINTABLE),
]


def _no_truth_value(given: object) -> object:
    if isinstance(given, bool):
        raise ValueError("true and false are no numbers")  # noqa: TRY004 - pydantic wants ValueError
    return given


def _exact(given: object) -> object:
    """What JSON has as a float is meant as it is written."""
    return str(given) if isinstance(given, float) else _no_truth_value(given)


Whole = Annotated[int, BeforeValidator(_no_truth_value)]
Counted = Annotated[Whole, Field(ge=0, le=MOST)]
Reading = Annotated[
    float, BeforeValidator(_no_truth_value), Field(ge=0, le=MOST, allow_inf_nan=False)
]
Weight = Annotated[
    Decimal, BeforeValidator(_exact), Field(ge=0, le=MOST, max_digits=24, decimal_places=12)
]  # in the item's unit


# How pydantic's kinds of errors begin, and the word of mes_bridge.refusal for each.
PROBLEMS = (
    ("missing", "missing"),
    ("extra_forbidden", "not_asked"),
    ("string_too_short", "empty"),
    ("string_too_long", "too_long"),
    ("string_pattern_mismatch", "not_one_line"),
    ("string", "not_text"),
    ("int", "not_a_number"),
    ("decimal", "not_a_number"),
    ("float", "not_a_number"),
    ("finite_number", "not_a_number"),
    ("value_error", "not_a_number"),
    ("greater", "too_small"),
    ("less", "too_large"),
    ("bool", "not_yes_or_no"),
    ("literal_error", "no_choice"),
    ("datetime", "no_instant"),
    ("timezone", "no_instant"),
    ("uuid", "unclear"),
)


class Arguments(BaseModel):
    """What an act says beside who, where and when."""

    model_config = ConfigDict(frozen=True, extra="forbid")


A = TypeVar("A", bound=Arguments)


class Nothing(Arguments):
    """finish{}."""


class Ending(Arguments):
    """What may end a running job; with `end` false it is refused where it would (job_running)."""

    end: bool = Field(default=True, strict=True)


class Dismount(Ending):
    """dismount{end?}."""


class Mount(Ending):
    """mount{die, end?}."""

    die: Code


class Scan(Ending):
    """scan{work_order, die?, lot?, operation?, end?}: the operation by its number."""

    work_order: Code
    die: Code | None = None
    lot: Code | None = None
    operation: Counted | None = None


class Segment(Arguments):
    """segment{kind}."""

    kind: Literal["setup", "first_article", "production", "trial", "maintenance"]


class FirstArticle(Arguments):
    """first_article{pass}."""

    passed: bool = Field(alias="pass", strict=True)


class Scrap(Arguments):
    """scrap{item?, qty, reason, work_order?}: parts of the newest run that made any.

    The item may be left out where the die makes one part; the order names an earlier run.
    """

    item: Code | None = None
    work_order: Code | None = None
    qty: Whole
    reason: Reason


class Weigh(Arguments):
    """weigh{lot, qty}: what a scale shows of a coil that is or was on the press."""

    lot: Code
    qty: Weight


class Consume(Arguments):
    """consume{work_order, item, lot?, qty, reason}: material that went beside the formula."""

    work_order: Code
    item: Code
    lot: Code | None = None
    qty: Annotated[Weight, Field(gt=0)]
    reason: Reason


class Output(Arguments):
    """output{item, open, reason}: closing needs a reason."""

    item: Code
    open: bool = Field(strict=True)
    reason: Reason | None = None


class StopReason(Arguments):
    """stop_reason{from?, to?, reason}; without `to`: until that stop ends.

    Without `from`: the stop that goes on, else the last one that nobody has explained.
    """

    since: AwareDatetime | None = Field(default=None, alias="from")
    to: AwareDatetime | None = None
    reason: Reason


class Assign(Arguments):
    """assign{from, to, work_order}."""

    since: AwareDatetime = Field(alias="from")
    to: AwareDatetime
    work_order: Code


class Decide(Arguments):
    """decide{event, count}: event `<press>/<n>`, count in strokes."""

    event: Code
    count: Counted


class Accept(Arguments):
    """accept{report}."""

    report: Code


class Dispose(Arguments):
    """dispose{report, to, qty?, work_order?, reason?}: what becomes of excess."""

    report: Code
    to: Literal["order", "surplus", "scrap"]
    qty: Whole | None = None
    work_order: Code | None = None
    reason: Reason | None = None


class Decline(Arguments):
    """reject{report, reason}, reverse{report, reason}."""

    report: Code
    reason: Reason


class Undo(Arguments):
    """undo{act, reason?}: the id of what was done."""

    act: UUID
    reason: Reason | None = None


class Swap(Arguments):
    """swap{channel, old, new}: what the old counter showed last, and the new one first."""

    channel: Code
    old: Reading
    new: Reading


def read(model: type[A], given: Mapping[str, object]) -> A:
    """The arguments, checked; raises Refused that names the first wrong one."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        argument = str((first["loc"] or ("args",))[0])
        if argument == "reason" and first["type"] in {"missing", "string_too_short"}:
            raise Refused("reason_missing") from None
        if argument in {"qty", "count"} and first["type"] != "missing":
            raise Refused("qty_not_a_number", argument=argument, given=first["input"]) from None
        problem = next((p for kind, p in PROBLEMS if first["type"].startswith(kind)), "unclear")
        raise Refused("args_wrong", argument=argument, problem=problem) from None
