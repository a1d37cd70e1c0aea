"""Random floors: the books say what an independent model of the floor counts."""

import ast
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import bench.floor
from bench.floor import folder as folders
from bench.floor import seen
from bench.floor.model import Deed, Given, Press, Side, Span, scrapped, work
from bench.floor.play import differing
from pressline.scenario import check
from pressline.scenario.folder import read_story

FLOOR = Path(bench.floor.__file__).parent
SEEDS = 60


@pytest.mark.parametrize("flavour", ["plain"], indirect=True)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_the_books_are_the_floor(
    seed: int, new_database: Callable[[], str], tmp_path: Path
) -> None:
    assert differing(seed, tmp_path, new_database()) == []


def test_a_part_that_is_missing_in_the_books_is_noticed(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    world = seen.make(0)
    folders.write(world, tmp_path)
    for press in world.presses.values():
        press.strokes.append(world.end - 1)
    read_story(tmp_path)
    expected = folders.expected(world)
    (tmp_path / "expected.toml").write_text(expected)
    told = check(read_story(tmp_path), new_database(), None)
    assert any(line.startswith("count") and "strokes expected" in line for line in told)


def test_floors_are_not_all_alike() -> None:
    """What they are to try is in them: each kind of happening in some of sixty."""
    worlds = [seen.make(seed) for seed in range(SEEDS)]
    acts = {act.act for world in worlds for act in world.acts}
    assert acts == {"mount", "scan", "first_article", "finish", "scrap", "undo", "assign"}
    presses = [press for world in worlds for press in world.presses.values()]
    made = [work(press, world.items, world.borders)
            for world in worlds for press in world.presses.values()]  # fmt: skip
    assert sum(bool(press.unseen) for press in presses) > 20
    assert sum(bool(each.stray) for each in made) > 20
    assert {world.night for world in worlds} == {"day", "border", "spring", "autumn"}
    assert any(part.order is None for each in made for part in each.parts)
    readings = [each for world in worlds for rows in world.readings.values() for each in rows]
    assert any(reading.arrived > reading.at for reading in readings)


def test_the_model_uses_nothing_of_the_product() -> None:
    for name in ("model", "world", "seen", "folder"):
        tree = ast.parse((FLOOR / f"{name}.py").read_text())
        for node in ast.walk(tree):
            modules = (
                [node.module or ""] if isinstance(node, ast.ImportFrom)
                else [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            )  # fmt: skip
            for module in modules:
                top = module.partition(".")[0]
                assert top in sys.stdlib_module_names or module.startswith("bench.floor"), module


SIDES = [Side("L", 10, "COIL", "0.2"), Side("R", 10, "COIL", "0.3")]
ITEMS = {"WO-L": "L", "WO-L2": "L", "WO-R": "R"}


def orders(press: Press, borders: tuple[int, ...] = ()) -> list[tuple[str | None, str | None]]:
    made = work(press, ITEMS, borders)
    return [(part.order, part.lot) for part in made.parts]


def test_the_model_itself_by_hand() -> None:
    """A side whose order comes later gives it the whole job; the next job begins without it."""
    press = Press("P", SIDES, strokes=[10, 20, 40, 60])
    press.deeds = [Deed(5, "scan", "WO-L", "C-1"), Deed(15, "scan", "WO-R"),
                   Deed(30, "scan", "WO-L2", "C-2"), Deed(50, "finish")]  # fmt: skip
    first = [("WO-L", "C-1"), ("WO-R", "C-1")]
    assert orders(press) == [*first, *first, ("WO-L2", "C-2"), ("WO-R", "C-2")]
    assert work(press, ITEMS, ()).stray == 1


def test_what_was_not_seen_is_known_where_nothing_changed() -> None:
    press = Press("P", SIDES[:1], strokes=[10, 20, 30])
    press.deeds = [Deed(5, "scan", "WO-L", "C-1"), Deed(50, "finish")]
    press.unseen = [Span(8, 40)]
    assert orders(press) == [("WO-L", "C-1")] * 3
    assert orders(press, (35,)) == []
    press.unseen = [Span(25, 60)]
    assert orders(press) == [("WO-L", "C-1")] * 2


def test_given_strokes_and_scrap_are_the_orders() -> None:
    press = Press("P", SIDES[:1], strokes=[10, 20], given=[Given(5, 15, "WO-L")])
    assert orders(press) == [("WO-L", None)]
    press.deeds = [Deed(16, "scrap", "WO-L", parts=2), Deed(17, "scrap", "WO-L", parts=-1)]
    assert scrapped([press]) == {("P", "WO-L"): 1}
