"""The arithmetic behind measured figures, on numbers worked out by hand."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.__main__ import PARTS, measured, table
from bench.edge import lateness, requests_per_s
from bench.figure import Figure, percentile
from bench.latency import from_stroke_to_sight
from bench.opcua import Step
from bench.rig import BenchError, check_durable, cpu_seconds, server_cpu
from bench.yardstick import reading_cpu_us
from database.server import Server

NS = 1_000_000_000
PROMISED = {Path(__file__).parents[2] / "bench" / name for name in ("crowd.py", "start.py")}


def test_a_percentile_is_the_nearest_rank() -> None:
    hundred = list(range(1, 101))
    assert (percentile(hundred, 99), percentile(hundred, 50)) == (99, 50)
    assert percentile([3.0, 1.0, 2.0], 99) == 3
    with pytest.raises(ValueError, match="no values"):
        percentile([], 99)


def test_a_figure_that_was_not_measured_misses_its_limit() -> None:
    assert not Figure("speed", None, ">", 1, "m/s", "no road").met
    assert Figure("speed", None, ">", None, "m/s", "no road").met
    assert Figure("delay", 0.9, "<", 1, "s").met
    assert Figure("speed", 3, ">", 2, "m/s").ratio == 1.5


def test_a_poll_is_late_by_its_distance_from_the_earliest_of_its_grid() -> None:
    arrivals = [[10.25, 11.5, 12.25, 13.25], [10.0, 11.0, 12.0, 13.0, 14.0]]
    assert lateness(arrivals, 10, 14, 1.0) == [0, 0.25, 0, 0, 0, 0, 0, 0]
    assert requests_per_s(arrivals, 10, 14) == 2


def test_a_poll_that_was_left_out_counts_as_late() -> None:
    assert max(lateness([[0.5, 1.5, 3.5]], 0, 4, 1.0)) == 1
    assert lateness([[]], 0, 4, 1.0) == [4]


def test_a_stroke_is_seen_with_the_first_figure_that_holds_its_parts() -> None:
    strokes = [1 * NS, 2 * NS, 3 * NS]
    shown = [(0, 10), (2 * NS + NS // 2, 14), (4 * NS, 16)]  # the second stroke came with the first
    assert from_stroke_to_sight(strokes, shown, 2) == [(1 * NS, 1.5), (2 * NS, 0.5), (3 * NS, 1.0)]


def test_a_pace_is_kept_when_it_was_made_and_nothing_is_missing() -> None:
    assert Step(1000, 980, 0.1, 0.2, 0).kept
    assert Step(1000, 900, 0.1, 0.2, 0).why == "the server made 900 of 1000/s"
    assert Step(1000, 1000, 0.1, 0.2, 7).why.startswith("at 1000/s 7 were not committed")


def test_what_is_not_installed_is_not_measured_and_misses_nothing() -> None:
    peer = Figure("peer_lost", None, "<", 1, "readings", "telegraf is not here", absent=True)
    assert peer.met
    assert "not measured" in table([peer])
    assert "MISSED" not in table([peer])
    assert "MISSED" in table([Figure("ratio", None, ">", 0, "", "it failed")])


def test_a_worker_that_ends_while_it_is_looked_at_ends_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with subprocess.Popen([sys.executable, "-c", "pass"]) as gone:
        gone.wait()
    listed = iter([[gone.pid], [], []])
    monkeypatch.setattr("bench.rig.workers_of", lambda _pid: next(listed))  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    server = Server(Path(), Path(), pid=os.getpid())
    assert server_cpu(server) > 0
    with pytest.raises(BenchError, match="has ended while it was measured"):
        cpu_seconds(gone.pid)


def test_the_time_of_workers_that_have_ended_is_counted() -> None:
    before = cpu_seconds(os.getpid(), reaped=True)
    work = "import time\nwhile time.process_time() < 0.3: pass"
    subprocess.run([sys.executable, "-c", work], check=True)
    assert cpu_seconds(os.getpid(), reaped=True) >= before + 0.25


def test_the_yardstick_is_a_few_millionths_of_a_second() -> None:
    assert 0.05 < reading_cpu_us() < 100


def test_no_limit_is_an_absolute_speed() -> None:
    """Limits are ratios, shares or bytes: seconds and rates are printed beside them.

    All but how long people wait, in a crowd or at a start: that is promised on whatever machine.
    """
    for file in {*(Path(__file__).parents[2] / "bench").glob("*.py")} - PROMISED:
        for name in re.findall(r'Figure\(\s*f?"([\w{}]+)",[^"]+"[<>]", (?!None)', file.read_text()):
            assert not name.endswith(("_s", "_us", "_share")), f"{file.name}: {name}"


def test_a_part_that_fails_is_told_and_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> list[Figure]:
        raise BenchError("3 readings are missing\nand the logs")

    monkeypatch.setitem(PARTS, "edge", fails)
    _, told = measured("edge")
    assert (told.value, told.met, told.why_null) == (None, False, "3 readings are missing")
    assert "null" in table([told])
    assert "(3 readings are missing)" in table([told])


def test_a_server_that_forgets_what_it_commits_is_not_measured(database: str) -> None:
    with pytest.raises(BenchError, match="fsync=off"):  # as the server of the tests is
        check_durable(database)
