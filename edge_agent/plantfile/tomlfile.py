"""A TOML file that knows on which line each key stands, so that faults can be pointed at."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from edge_agent.errors import PlantError, Problem

Keys = tuple[str | int, ...]

KEY = r"(?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')"
PATH = rf"{KEY}(?:\s*\.\s*{KEY})*"
HEADER = re.compile(rf"^\s*(\[\[?)\s*({PATH})\s*\]\]?")
ENTRY = re.compile(rf"^\s*({PATH})\s*=(.*)$")
STRING_OR_COMMENT = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'[^']*'|#.*$")


@dataclass(frozen=True)
class TomlFile:
    """A parsed TOML file and the line of each of its keys."""

    path: Path
    data: dict[str, Any]
    lines: dict[Keys, int]

    def place(self, keys: Keys) -> str:
        """`file:line` of the key, or of the nearest table around it."""
        while keys and not {keys, (*keys, 0)} & self.lines.keys():
            keys = keys[:-1]
        line = self.lines.get(keys) or self.lines.get((*keys, 0)) or 1
        return f"{self.path.name}:{line}"


def read_toml(path: Path) -> TomlFile:
    """Read a TOML file.

    Raises PlantError when the file cannot be read or is not TOML.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")  # Windows editors begin with a byte order mark
    except OSError as error:
        what = f"cannot be read ({error.strerror})"
        cure = "give the path of an existing plant.toml"
        raise PlantError([Problem(str(path), "", what, cure)]) from error
    except UnicodeDecodeError as error:
        cure = "save the file as UTF-8"
        raise PlantError([Problem(path.name, "", "is not UTF-8 text", cure)]) from error
    try:
        return TomlFile(path, tomllib.loads(text), key_lines(text))
    except tomllib.TOMLDecodeError as error:
        raise PlantError([_syntax_problem(path, str(error))]) from error
    except (RecursionError, ValueError) as error:  # brackets in brackets; thousands of digits
        what = "cannot be read: a number is too long or tables lie too deep in each other"
        raise PlantError([Problem(path.name, "", what, "take it out")]) from error


def tables_in(value: object) -> list[dict[str, Any]]:
    """The tables of an array of tables; none when the value is something else."""
    entries = cast("list[object]", value) if isinstance(value, list) else []
    return [cast("dict[str, Any]", entry) for entry in entries if isinstance(entry, dict)]


def key_lines(text: str) -> dict[Keys, int]:
    """Line number (from 1) of each table and key; keys inside inline tables are left out."""
    lines: dict[Keys, int] = {}
    table: Keys = ()
    counts: dict[Keys, int] = {}
    depth, quote = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        if quote or depth:
            depth, quote = _nesting(line, depth, quote)
        elif header := HEADER.match(line):
            table = _enter(_split(header[2]), header[1] == "[[", counts)
            lines.setdefault(table, number)
        elif entry := ENTRY.match(line):
            lines[table + _split(entry[1])] = number
            depth, quote = _nesting(entry[2], 0, "")
    return lines


def _split(path: str) -> Keys:
    return tuple(key.strip().strip("\"'") for key in re.findall(KEY, path))


def _enter(path: Keys, array: bool, counts: dict[Keys, int]) -> Keys:
    """The table that a header opens, with the running number of each array of tables."""
    table: Keys = ()
    for key in path[:-1]:
        table += (key,)
        if table in counts:
            table += (counts[table],)
    table += path[-1:]
    if array:
        counts[table] = counts.get(table, -1) + 1
        table += (counts[table],)
    return table


def _nesting(text: str, depth: int, quote: str) -> tuple[int, str]:
    """Open brackets and the open triple quote after this piece of a value."""
    while text:
        if quote:
            _, found, text = text.partition(quote)
            quote = "" if found else quote
            continue
        triple = re.search(r"\"\"\"|'''", text)
        plain = text[: triple.start()] if triple else text
        bare = STRING_OR_COMMENT.sub("", plain)
        depth += sum(map(bare.count, "[{")) - sum(map(bare.count, "]}"))
        quote, text = (triple[0], text[triple.end() :]) if triple else ("", "")
    return max(depth, 0), quote


def _syntax_problem(path: Path, message: str) -> Problem:
    where = re.search(r"at line (\d+)", message)
    place = f"{path.name}:{where[1]}" if where else path.name
    what = f"is not valid TOML: {message}"
    return Problem(place, "", what, "mend the syntax on this line or the one before it")
