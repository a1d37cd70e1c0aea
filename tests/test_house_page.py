"""docs/house.md adds a noun; this adds it as the page says and uses it."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from psycopg import sql
from stamping_shop import lay_floor

from database.connection import Connection
from erp_core.masters import masters
from people import acts, history, listings
from people.acts import Act
from people.listings import Wanted
from people.refusal import Refused

TOP = Path(__file__).parents[1]
PAGE = (TOP / "docs" / "house.md").read_text(encoding="utf-8")
NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def noun(connection: Connection) -> dict[str, Any]:
    """The tote of the page: table, trail, acts, list and rights."""
    table, rights = blocks("sql")
    connection.execute(sql.SQL(table))  # pyright: ignore[reportArgumentType] - the page is ours
    connection.execute(sql.SQL(rights))  # pyright: ignore[reportArgumentType]
    trail = (TOP / "database" / "views" / "85_trail.sql").read_text()
    row = blocks("trail")[0].strip()
    assert "      ('erp', 'work_order', 'code', '')" in trail
    trail = trail.replace("      ('erp', 'work_order', 'code', '')", f"      {row}")
    connection.execute(sql.SQL(trail))  # pyright: ignore[reportArgumentType]
    lay_floor(connection)
    people = [{"code": "W", "name": "吴刚", "role": "warehouse"}]
    masters.load(connection, {"person": [*people, {"code": "P", "role": "planner"}]}, NOW)
    made: dict[str, Any] = {}
    exec(compile(blocks("python")[0], "docs/house.md", "exec"), made)
    return made


def test_the_noun_of_the_page_works_as_the_page_says(
    connection: Connection, noun: dict[str, Any]
) -> None:
    def create(who: str, code: str, parts: int) -> dict[str, Any]:
        args = {"code": code, "name": "蓝色周转箱", "parts": parts}
        act = Act(uuid4(), who, None, NOW, "tote.create", args)
        return acts.record(connection, act, NOW, noun["ACTS"])

    assert create("W", "T-1", 200)["tote"] == "T-1"
    for who, code, parts, refused in (
        ("W", "T-1", 300, "code_taken"),
        ("W", "T-2", 0, "args_wrong"),
        ("P", "T-2", 200, "not_allowed"),
    ):
        with pytest.raises(Refused, match=refused):
            create(who, code, parts)
    found = listings.page(connection, noun["TOTES"], Wanted(q="蓝色"))
    assert [(row["code"], row["parts"]) for row in found.rows] == [("T-1", 200)]
    (made,) = history.of(connection, "tote", "erp.tote", "T-1")
    assert (made.who, made.what) == ("吴刚", "tote.create")
    told = connection.execute(
        "select key, after from people.change where \"table\" = 'erp.tote'"
    ).fetchall()
    assert told == [("T-1", {"code": "T-1", "name": "蓝色周转箱", "parts": 200})]
