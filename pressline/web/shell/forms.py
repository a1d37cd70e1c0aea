"""The form of an act, made from its arguments: a later noun needs no form of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from database.connection import Connection
from people import fields
from people.arguments import Arguments
from people.fields import About
from pressline.house import ACTS
from pressline.web.shell import words

ROWS = 3  # empty rows of a list that is filled in


@dataclass(frozen=True, slots=True)
class Field:
    """One field as it is asked for: its name in the act, its word, what stands in it.

    `choices`: code -> word, of which one is chosen, or `several`. `rows`: fields of each row.
    """

    name: str
    form: str
    word: str
    required: bool = False
    value: str | Sequence[str] = ""
    choices: Mapping[str, str] | None = None
    rows: Sequence[Sequence["Field"]] = ()


@dataclass(frozen=True, slots=True)
class Form:
    """The form of an act; `args` go with it unseen. `nulls`: what is left empty is taken away."""

    act: str
    title: str
    fields: Sequence[Field]
    args: Mapping[str, Any]
    nulls: bool = False


def create(connection: Connection, act: str, locale: str) -> Form:
    """An empty form: every argument of the act."""
    about = fields.of(ACTS[act].arguments)
    made = [_field(connection, each, locale, each.default) for each in about]
    return Form(act, title(act, locale), made, {})


def change(
    connection: Connection, act: str, model: type[Arguments], locale: str,
    args: Mapping[str, Any], values: Mapping[str, Any], name: str = "",
) -> Form:  # fmt: skip
    """A form with what is there: the fields of the model that have a value, but for the code.

    `name`: what stands on its button, where it is not all that the act can do.
    """
    about = [each for each in fields.of(model) if each.name in values and each.name != "code"]
    made = [_field(connection, each, locale, values[each.name]) for each in about]
    return Form(act, name or title(act, locale), made, args, nulls=True)


def on_row(connection: Connection, act: str, row: Mapping[str, Any], key: str, locale: str) -> Form:
    """The form of an act on one row of a list: its noun is the row's key, known fields are filled.

    A change says of what is left empty that it is.
    """
    noun, _, verb = act.partition(".")
    about = [each for each in fields.of(ACTS[act].arguments) if each.name != noun]
    made = [_field(connection, each, locale, row.get(each.name, each.default)) for each in about]
    return Form(act, title(act, locale), made, {noun: row[key]}, nulls=verb == "change")


def title(act: str, locale: str) -> str:
    """What the act is called, as it stands on a button."""
    word = words.of_room(locale, "act", act)
    return word[:1].upper() + word[1:]


def _field(connection: Connection, about: About, locale: str, value: Any) -> Field:
    word = words.label(locale, about.group or about.name)
    made = Field(about.name, about.form, word, about.required, _shown(value),
                 _choices(connection, about, locale, value))  # fmt: skip
    if about.form == "rows":
        return replace(made, value="", rows=_rows(connection, about, locale, value or []))
    return made


def _rows(
    connection: Connection, about: About, locale: str, given: Sequence[Mapping[str, Any]]
) -> list[list[Field]]:
    """A row for each that is there, and some to fill in."""
    every: list[Mapping[str, Any]] = [*given, *([{}] * ROWS)]
    return [
        [
            replace(_field(connection, each, locale, row.get(each.name)), required=False)
            for each in about.inner
        ]
        for row in every
    ]


def _choices(
    connection: Connection, about: About, locale: str, value: Any
) -> Mapping[str, str] | None:
    if about.form == "truth":
        return {code: words.of_room(locale, "truth", code) for code in ("true", "false")}
    if about.name == "presses":
        names = connection.execute("select name from plant.press order by line, position, name")
        return {name: name for (name,) in names}
    if about.name == "next_role":
        roles = connection.execute(
            "select code, name_zh, name_en from people.role order by position"
        )
        return {code: en if locale == "en" else zh for code, zh, en in roles}
    if about.name == "notice_kinds":
        kinds = connection.execute("select code from people.notice_kind order by code")
        return {code: words.plant_word(locale, "notice_kind", code) for (code,) in kinds}
    if not about.codes:
        return None
    other = [value] if value and value not in about.codes else []
    return {code: words.of_room(locale, about.group, code) for code in (*other, *about.codes)}


def _shown(value: Any) -> str | Sequence[str]:
    """A value as it stands in a field."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return [str(each) for each in value]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - str() takes anything
    if isinstance(value, Decimal):
        return f"{value:f}".rstrip("0").rstrip(".") if "." in f"{value:f}" else f"{value:f}"
    return value.isoformat() if isinstance(value, date) else str(value)
