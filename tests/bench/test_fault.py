"""The fault lab: one seed, one plan; and a short run in which everything breaks once."""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import garbage
from bench.breakage import Broken
from bench.fault import WRONG, recovery_s, result
from bench.plan import KINDS, LAST_BEFORE, Planned, plan
from bench.strokes import Verdict
from pressline.demo.broker import find_mosquitto
from pressline.demo.reconcile import Books, Truth

TOP = Path(__file__).parents[2]
LIMIT = 300.0  # seconds; a loaded machine is slow, a broken one is slower
SECOND = 10**9


@pytest.fixture
def room() -> Iterator[Path]:
    """A folder for everything temporary; as root, PostgreSQL's own user must be able to enter."""
    folder = Path(tempfile.mkdtemp(prefix="fault-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_a_seed_replays_the_same_faults() -> None:
    assert plan(7, 600) == plan(7, 600)
    assert plan(7, 600) != plan(8, 600)
    shorter = plan(7, 120)
    assert shorter == plan(7, 600)[: len(shorter)]
    assert max(one.at_s for one in shorter) <= 120 - LAST_BEFORE


def test_a_seed_sends_the_same_bad_messages() -> None:
    def sent(seed: str) -> list[tuple[str, bytes]]:
        return garbage.messages(random.Random(seed), 1_700_000_000_000)

    assert sent("7/3") == sent("7/3")
    assert sent("7/3") != sent("8/3")


def test_every_round_has_each_kind_once() -> None:
    kinds = [one.kind for one in plan(1, 600)]
    rounds = [kinds[n : n + len(KINDS)] for n in range(0, len(kinds), len(KINDS))]
    assert len(rounds) > 5
    assert all(sorted(each) == sorted(KINDS) for each in rounds[:-1])


def _press(name: str, made_s: list[int], commits: list[tuple[int, int]]) -> tuple[Truth, Books]:
    counted = commits[-1][0] if commits else 0
    truth = Truth(name, [at * SECOND for at in made_s], list(range(1, len(made_s) + 1)))
    committed = [(total, at * SECOND) for total, at in commits]
    return truth, Books(counted, 0, {}, {}, 0, committed)


def _broken(kind: str, struck: int) -> Broken:
    return Broken(Planned(1, 0, kind, None, 1), struck=struck)


def test_what_one_press_lost_and_another_doubled_does_not_cancel_out() -> None:
    found = result([Verdict(3, 1, 0, 0), Verdict(2, 0, 1, 0)], [])
    assert (found["strokes_made"], found["lost"], found["doubled"]) == (5, 1, 1)


def test_a_fault_that_struck_nothing_is_not_counted_as_one() -> None:
    found = result([], [_broken("garbage", 20), _broken("garbage", 0), _broken("disk_full", 0)])
    assert found["faults"] == {"garbage": 1}
    assert found["struck_nothing"] == {"garbage": 1, "disk_full": 1}


def test_recovered_is_when_the_books_have_caught_up() -> None:
    killed = Planned(1, 0, "edge_killed", None, 1)
    fault = Broken(killed, began=9 * SECOND, healed=12 * SECOND)
    quick = _press("P01", [5, 10, 20], [(1, 6), (2, 13), (3, 21)])
    slow = _press("P02", [5, 10, 14], [(1, 6), (3, 19)])
    assert recovery_s([quick], fault) == 1
    assert recovery_s([quick, slow], fault) == 7


@pytest.mark.wire
@pytest.mark.xdist_group("demo")
@pytest.mark.skipif(find_mosquitto() is None, reason="needs mosquitto")
def test_nothing_is_lost_or_doubled_while_everything_breaks(room: Path, tmp_path: Path) -> None:
    file = tmp_path / "each.json"
    done = subprocess.run(
        [sys.executable, "-m", "bench.fault", "--minutes", "0.7", "--seed", "3481", "--json", file],
        capture_output=True,
        text=True,
        cwd=TOP,
        env={**os.environ, "TMPDIR": str(room)},
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    line = json.loads(done.stdout)
    assert [line[key] for key in WRONG] == [0] * len(WRONG)
    assert line["strokes_made"] > 0
    kinds = [kind for kind in KINDS if kind not in line["left_out"]]
    each, planned = json.loads(file.read_text())["each"], plan(3481, 42, kinds)
    assert [(one["kind"], one["how"]) for one in each] == [(p.kind, p.how) for p in planned]
    assert len(line["faults"]) >= 12
    assert list(room.iterdir()) == []
