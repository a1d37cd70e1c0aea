"""What the fields of a model are, for whoever asks for them: a form, a sheet."""

import types
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

Form = Literal["text", "whole", "amount", "ratio", "day", "instant", "truth", "choice", "several",
               "rows"]  # fmt: skip

PLAIN: Mapping[Any, Form] = types.MappingProxyType({
    str: "text", int: "whole", Decimal: "amount", Fraction: "ratio", date: "day",
    datetime: "instant", bool: "truth",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Usual:
    """In the annotation of a text: the codes it usually is one of; a rule says what else may be."""

    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class About:
    """One field: how it is given, whether it must be, and among which codes it is chosen.

    `group`: the words of its codes (`people.refusal.WORDS`). `closed`: nothing but these codes.
    `inner`: fields of each row.
    """

    name: str
    form: Form
    required: bool = True
    default: Any = None
    group: str = ""
    codes: tuple[str, ...] = ()
    closed: bool = True
    inner: tuple["About", ...] = ()


def of(model: type[BaseModel]) -> tuple[About, ...]:
    """The fields of a model in their order, by the name under which they are given."""
    return tuple(_about(name, field) for name, field in model.model_fields.items())


def _about(name: str, field: FieldInfo) -> About:
    kind = _bare(field.annotation)
    default = None if field.is_required() else field.get_default(call_default_factory=True)
    open_codes = next((each.codes for each in field.metadata if isinstance(each, Usual)), ())
    form, codes, inner = _form(kind)
    return About(
        field.alias or name, "choice" if open_codes else form, field.is_required(), default,
        field.title or "", open_codes or codes, not open_codes, inner,
    )  # fmt: skip


def _form(kind: Any) -> tuple[Form, tuple[str, ...], tuple[About, ...]]:
    if get_origin(kind) is Literal:
        return "choice", get_args(kind), ()
    if get_origin(kind) is list:
        each = _bare(get_args(kind)[0])
        if isinstance(each, type) and issubclass(each, BaseModel):
            return "rows", (), of(each)
        return "several", (), ()
    return PLAIN.get(kind) or getattr(kind, "FORM", "text"), (), ()


def _bare(annotation: Any) -> Any:
    """The type without what it may not be and without `None`."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) in {Union, types.UnionType}:
            annotation = next(each for each in get_args(annotation) if each is not type(None))
        else:
            return annotation
