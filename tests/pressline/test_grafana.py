"""The Grafana boards without a Grafana: their files, and every query on played shifts."""

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from psycopg.conninfo import make_conninfo

from database.connection import connect
from database.migrate import migrate
from database.roles import make_board_role
from pressline.scenario.folder import read_story
from pressline.scenario.play import play, read_batch

TOP = Path(__file__).parents[2]
FILES = sorted((TOP / "grafana/dashboards").glob("*.json"))
STORIES = ("energy_of_a_run", "over_production", "wrap", "stop_and_unknown_states")
CORE_PANELS = {"state-timeline", "stat", "table", "bargauge", "timeseries"}
MACRO = re.compile(r"\$__(\w+)\(([^()]*)\)")


def boards() -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in FILES]


def panels() -> list[Any]:
    return [
        pytest.param(panel, id=f"{board['uid']}-{panel['id']}")
        for board in boards()
        for panel in board["panels"]
    ]


def expand(query: str, since: datetime, until: datetime, variables: dict[str, str]) -> str:
    """A query as Grafana sends it: macros and variables filled in."""

    def macro(found: re.Match[str]) -> str:
        name, given = found[1], found[2]
        start, end = f"'{since.isoformat()}'::timestamptz", f"'{until.isoformat()}'::timestamptz"
        if name == "timeGroup":
            column, step = given.split(",")
            return f"date_bin({step.strip().replace('m', ' min')}, {column}, '2000-01-01Z')"
        return {
            "timeFrom": start,
            "timeTo": end,
            "timeFilter": f"{given} between {start} and {end}",
        }[name]

    for name, value in variables.items():
        query = query.replace(f"${name}", value)
    expanded = MACRO.sub(macro, query)
    assert "$" not in expanded, f"not expanded: {expanded}"
    return expanded


@pytest.fixture(scope="module")
def played(flavour: Any) -> Iterator[list[tuple[str, datetime]]]:
    """Databases with a played shift each, seen as the board role; and the end of the shift."""
    seen: list[tuple[str, datetime]] = []
    made: list[str] = []
    for name in STORIES:
        story, database = read_story(TOP / "tests/scenarios" / name), flavour.copy()
        play(story, database, read_batch("all"))
        make_board_role(database, "secret")
        migrate(database)
        seen.append((make_conninfo(database, user="board", password="secret"), story.as_of))
        made.append(database)
    yield seen
    for database in made:
        with connect(database) as admin:
            admin.execute("drop owned by board")
    with connect(made[0]) as admin:
        admin.execute("drop role board")
    flavour.drop_all()


@pytest.mark.parametrize("panel", panels())
def test_a_panel_shows_something_of_the_right_shape(
    panel: dict[str, Any], played: list[tuple[str, datetime]]
) -> None:
    rows: list[tuple[object, ...]] = []
    for address, until in played:
        with psycopg.connect(address) as onlooker:
            for line, press in (("L1", "P01"), ("L2", "P04")):
                query = expand(
                    panel["targets"][0]["rawSql"],
                    until - timedelta(hours=12),
                    until,
                    {"line": line, "press": press},
                )
                found = onlooker.execute(query.encode())
                columns = [column.name for column in found.description or []]
                check_shape(panel["type"], panel["targets"][0]["format"], columns)
                rows += found.fetchall()
    assert rows, f"{panel['title']} shows nothing in any of {STORIES}"
    if panel["targets"][0]["format"] == "time_series":
        assert all(isinstance(row[0], datetime) for row in rows)


def check_shape(kind: str, form: str, columns: list[str]) -> None:
    if form == "time_series":
        assert columns[0] == "time", "a time series begins with its time"
        assert len(columns) >= 2
    if kind == "bargauge":
        assert columns[1] == "share"


def test_the_variables_offer_what_is_there(played: list[tuple[str, datetime]]) -> None:
    with psycopg.connect(played[0][0]) as onlooker:
        for board in boards():
            for variable in board["templating"]["list"]:
                assert onlooker.execute(variable["query"].encode()).fetchall()


@pytest.mark.parametrize("board", boards(), ids=lambda board: board["uid"])
def test_a_board_is_classic_provisioned_json(board: dict[str, Any]) -> None:
    assert not {"apiVersion", "elements", "layout", "id"} & board.keys()
    assert re.fullmatch(r"[a-z-]{1,40}", board["uid"])
    for panel in board["panels"]:
        assert panel["type"] in CORE_PANELS
        assert panel["title"]
        assert panel["description"]
        assert panel["datasource"]["uid"] == "pressline"
        query = panel["targets"][0]["rawSql"]
        assert set(re.findall(r"(?:from|join) (\w+)\.", query)) == {"board"}, query
        assert "now()" not in query, "the board's time range is the clock"


def test_uids_are_unique_and_the_data_source_is_the_boards_own() -> None:
    uids = [board["uid"] for board in boards()]
    assert len(uids) == len(set(uids))
    source = yaml.safe_load((TOP / "grafana/provisioning/datasources/pressline.yaml").read_text())
    assert source["datasources"][0]["uid"] == "pressline"
    assert source["datasources"][0]["user"] == "board"
