"""Arguments of acts: typed, and nothing beside them."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    create_model,
)
from pydantic_core import ErrorDetails

from people.refusal import Refused

PRINTABLE = r"^[^\x00-\x1f]*$"  # one line of text; PostgreSQL keeps no NUL
MOST = 10**12  # strokes; no press makes so many

Code = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=80, pattern=PRINTABLE),
]
Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=PRINTABLE),
]
Words = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=200, pattern=PRINTABLE)
]  # one line, which may be empty
Reason = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=PRINTABLE),
]

Right = Annotated[str, StringConstraints(pattern=r"^[a-z_.]{1,60}$")]


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
Quantity = Annotated[
    Decimal, BeforeValidator(_exact), Field(ge=0, le=MOST, max_digits=24, decimal_places=12)
]  # in the item's unit


# How pydantic's kinds of errors begin, and the word of people.refusal for each.
PROBLEMS = (
    ("missing", "missing"),
    ("extra_forbidden", "not_asked"),
    ("string_too_short", "empty"),
    ("string_too_long", "too_long"),
    ("string_pattern_mismatch", "not_one_line"),
    ("too_short", "missing"),
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


BEYOND = {"less_than", "less_than_equal"}  # a number, but too large a one


class Arguments(BaseModel):
    """What an act says beside who, where and when."""

    model_config = ConfigDict(frozen=True, extra="forbid")


A = TypeVar("A", bound=Arguments)


class Nothing(Arguments):
    """finish{}."""


def read(model: type[A], given: Mapping[str, object]) -> A:
    """The arguments, checked; raises Refused that names the first wrong one."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise next(wrong(model, error))[1] from None


def wrong(model: type[Arguments], error: ValidationError) -> Iterator[tuple[str, Refused]]:
    """What is wrong with which argument, all of it."""
    for each in error.errors(include_url=False, include_context=False):
        argument = str((each["loc"] or ("args",))[0])
        if len(each["loc"]) > 1 and isinstance(each["loc"][1], int):
            yield argument, _wrong_line(each["loc"][1], str(each["loc"][-1]), each)
        else:
            yield argument, _wrong(model, argument, each)


def _wrong(model: type[Arguments], argument: str, error: ErrorDetails) -> Refused:
    kind, given = error["type"], error["input"]
    if argument == "reason" and kind in {"missing", "string_too_short"}:
        return Refused("reason_missing")
    field = model.model_fields.get(argument)
    word = (field.title if field else None) or argument
    if _is_exact(model, argument) and kind not in {"missing", *BEYOND}:
        return Refused("amount_wrong", argument=word, given=given)
    if argument in {"qty", "count"} and kind not in {"missing", "greater_than"}:
        return Refused("qty_not_a_number", argument=word, given=given)
    problem = next((word for begin, word in PROBLEMS if kind.startswith(begin)), "unclear")
    return Refused("args_wrong", argument=word, problem=problem)


def partly(model: type[Arguments], noun: str, **more: Any) -> type[Arguments]:
    """`noun.change`: the document, its version as it was seen, and any of the model's fields.

    What is not given stays, null is nothing. Fields are checked with those that stay. `more`:
    type and default of what belongs to the document beside its own fields.
    """
    named: dict[str, Any] = {noun: (Code, ...), "version": (int | None, None)}
    fields: dict[str, Any] = {name: (Any, None) for name in model.model_fields if name != "code"}
    every: Any = {**named, **fields, **more}
    return create_model("Change", __base__=Arguments, **every)


def whole(given: Arguments, model: type[Arguments], before: Mapping[str, Any]) -> dict[str, Any]:
    """The whole document after `partly(model)`, checked; raises Refused."""
    named = given.model_fields_set & model.model_fields.keys()
    said = {name: getattr(given, name) for name in named}
    after = {name: before[name] for name in model.model_fields} | said
    return read(model, {n: value for n, value in after.items() if value is not None}).model_dump()


def _wrong_line(line: int, argument: str, error: ErrorDetails) -> Refused:
    """A list has one entry that cannot be: which of them, what of it, and why."""
    problem = next((word for begin, word in PROBLEMS if error["type"].startswith(begin)), "unclear")
    given: object = error["input"]
    shown = error["type"] != "missing" and isinstance(given, str | int | float)
    return Refused("line_wrong", line=line + 1, argument=argument, problem=problem,
                   given=given if shown else "")  # fmt: skip


def _is_exact(model: type[Arguments], argument: str) -> bool:
    """Whether the argument is a quantity with decimals, in an item's unit."""
    fields = model.model_fields.items()
    exact = [f.annotation for name, f in fields if argument in {name, f.alias}]
    return any(kind is Decimal or getattr(kind, "FORM", "") == "amount" for kind in exact)
