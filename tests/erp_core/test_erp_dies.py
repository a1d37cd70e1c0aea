from datetime import UTC, datetime
from decimal import Decimal

import pytest

from database.connection import Connection
from erp_core.masters import masters
from erp_core.tooling import dies
from erp_core.tooling.dies import Die

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


@pytest.fixture
def rack(connection: Connection) -> Connection:
    masters.load(connection, {
        "item": [{"code": "L"}, {"code": "R"}],
        "die": [
            {"code": "ANY", "outputs": [{"item": "L"}]},
            {"code": "PAIR", "outputs": [{"item": "L"}, {"item": "R"}], "presses": ["P01"]},
        ],
    }, NOW)  # fmt: skip
    return connection


@pytest.mark.parametrize(
    ("strokes", "stage"),
    [(0, "ok"), (69, "ok"), (70, "warn"), (89, "warn"), (90, "due"), (500, "due")],
)
def test_a_die_warns_and_is_due_by_its_whole_life(strokes: int, stage: str) -> None:
    die = Die("D", "", 100, Decimal("0.8"), Decimal(1), 10, None)
    assert die.stage(strokes) == stage


def test_a_die_without_a_life_is_never_due() -> None:
    assert Die("D", "", None, Decimal("0.8"), Decimal(1), 10, None).stage(10**9) == "ok"


def test_a_die_fits_the_presses_it_names_or_every_one(rack: Connection) -> None:
    assert dies.fits(rack, "PAIR", "P01")
    assert not dies.fits(rack, "PAIR", "P02")
    assert dies.fits(rack, "ANY", "P02")


def test_the_dies_that_make_an_item_on_a_press(rack: Connection) -> None:
    assert dies.makers(rack, "L", "P01", NOW) == ["ANY", "PAIR"]
    assert dies.makers(rack, "L", "P02", NOW) == ["ANY"]
    assert dies.makers(rack, "R", "P02", NOW) == []


def test_a_die_is_found_by_its_code(rack: Connection) -> None:
    found = dies.find(rack, "PAIR")
    assert found
    assert (found.life_strokes, found.due_share) == (None, 1)
    assert [output.item for output in dies.outputs(rack, "PAIR", NOW)] == ["L", "R"]
    assert dies.find(rack, "NONE") is None
