"""Each room's SQL names its own tables and those of rooms below it, as its imports do."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
MAY_NAME = {
    "people": {"people"},
    "plant": {"plant", "people"},
    "erp_core": {"erp", "plant", "people"},
    "mes_bridge": {"mes", "signal", "board", "erp", "plant", "people"},
}
SQL = re.compile(r"\b(?:select|insert|update|delete|from|join)\b")
TABLE = re.compile(r"\b(signal|people|plant|erp|mes|board)\.([a-z_]+)")
DEFINED = re.compile(r"create (?:or replace )?(?:table|view|function) (\w+)\.(\w+)", re.IGNORECASE)


def strings(path: Path) -> Iterator[str]:
    """Texts of a module that can be SQL, its docstrings left out."""
    tree = ast.parse(path.read_text())
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


def named(path: Path, known: set[tuple[str, str]]) -> set[str]:
    """Schemas whose tables, views or functions the module's SQL names."""
    found = [match for text in strings(path) if SQL.search(text) for match in TABLE.findall(text)]
    return {schema for schema, name in found if (schema, name) in known}


def known() -> set[tuple[str, str]]:
    """Everything that the schema and the views define."""
    files = [ROOT / "database" / "schema.sql", *(ROOT / "database" / "views").glob("*.sql")]
    return {pair for file in files for pair in DEFINED.findall(file.read_text())}


def test_a_room_names_no_table_of_a_room_above_it() -> None:
    there = known()
    assert ("people", "act") in there
    assert ("board", "press") in there
    above = {
        str(path.relative_to(ROOT)): sorted(named(path, there) - MAY_NAME[room])
        for room in MAY_NAME
        for path in sorted((ROOT / room).rglob("*.py"))
        if named(path, there) - MAY_NAME[room]
    }
    assert above == {}
