"""Collects the faults of configuration files, each in words a person can act on."""

import difflib
from collections.abc import Mapping
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from edge_agent.errors import Problem
from edge_agent.plantfile.tomlfile import Keys, TomlFile

WRONG_TYPE = {
    "string_type": ("must be text", "put it in quotes"),
    "int_type": ("must be a whole number", "write it without quotes and without a point"),
    "float_type": ("must be a number", "write it without quotes"),
    "bool_type": ("must be true or false", "write true or false without quotes"),
    "time_type": ("must be a time of day", 'write it as "08:00"'),
    "tuple_type": ("must be a list", "write it in [ ]"),
    "dict_type": ("must be a table", "write it in { }"),
    "model_type": ("must be a table", "write its keys below a [header]"),
}


class Faults:
    """Every fault found so far."""

    def __init__(self) -> None:
        self.found: list[Problem] = []
        self.unclear: set[str] = set()  # machines whose channels could not all be read

    def add(self, file: TomlFile, keys: Keys, what: str, cure: str) -> None:
        """A fault at a key of a file."""
        problem = Problem(file.place(keys), key_text(file.data, keys), what, cure)
        if problem not in self.found:
            self.found.append(problem)

    def in_order(self) -> list[Problem]:
        """The faults file by file, from the first line to the last."""

        def order(problem: Problem) -> tuple[str, int]:
            name, _, line = problem.place.rpartition(":")
            return name, int(line) if line.isdecimal() else 0

        return sorted(self.found, key=order)

    def add_all(
        self, file: TomlFile, keys: Keys, error: ValidationError, model: type[BaseModel]
    ) -> None:
        """Every fault that pydantic found in the table at `keys`."""
        for item in error.errors(include_url=False):
            what, cure = _words(cast("Mapping[str, Any]", item), model)
            self.add(file, (*keys, *item["loc"]), what, cure)


def key_text(data: Mapping[str, Any], keys: Keys) -> str:
    """`press.P01.top_speed`: the path of keys, with names where tables have them."""
    words: list[str] = []
    inside: Any = data
    for key in keys:
        try:
            inside = inside[key]
        except (KeyError, IndexError, TypeError):
            inside = None
        words.append(key if isinstance(key, str) else _name(inside, key))
    return ".".join(words)


def _name(table: object, number: int) -> str:
    if isinstance(table, dict):
        entry = cast("dict[str, object]", table)
        for key in ("name", "code"):
            if isinstance(entry.get(key), str):
                return str(entry[key])
    return str(number + 1)


def _words(item: Mapping[str, Any], model: type[BaseModel]) -> tuple[str, str]:
    """What is wrong and its cure, from one pydantic error."""
    kind, given = str(item["type"]), item["input"]
    if kind == "missing":
        return "is missing", f"add {item['loc'][-1]} = …"
    if kind == "extra_forbidden":
        return _unknown_key(str(item["loc"][-1]), model if len(item["loc"]) == 1 else None)
    if kind == "value_error":
        what, _, cure = str(item["ctx"]["error"]).partition("; ")
        return what, cure
    if kind == "literal_error":
        return f"{given!r} is not known here", f"use {item['ctx']['expected']}"
    if kind in WRONG_TYPE:
        what, cure = WRONG_TYPE[kind]
        return f"{given!r} {what}", cure
    return f"{given!r} cannot be", str(item["msg"]).replace("Input should", "it should")


def _unknown_key(key: str, model: type[BaseModel] | None) -> tuple[str, str]:
    if model is None:
        return f"unknown key {key!r}", "take it out"
    known = sorted(field.alias or name for name, field in model.model_fields.items())
    close = difflib.get_close_matches(key, known, 1)
    if close:
        return f"unknown key {key!r}", f"did you mean {close[0]}?"
    return f"unknown key {key!r}", f"take it out; keys known here: {', '.join(known)}"
