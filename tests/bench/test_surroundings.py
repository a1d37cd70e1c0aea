"""The disk and the clock that the lab puts under an edge agent."""

import errno
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.surroundings import Disk, WallClock

KEEPS_WRITING = """
import os, sys
file = open(sys.argv[1], "ab", buffering=0)
for line in sys.stdin:
    try:
        print(file.write(bytes(4096)), flush=True)
    except OSError as error:
        print(-error.errno, flush=True)
"""
TELLS_THE_TIME = """
import sys, time
for line in sys.stdin:
    print(time.time(), time.monotonic(), flush=True)
"""


class Asked:
    """A program that answers each line with one."""

    def __init__(self, program: str, *arguments: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def answer(self) -> list[float]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return [float(word) for word in self.process.stdout.readline().split()]

    def end(self) -> None:
        self.process.communicate()


@pytest.fixture(params=["as it is here", "without a mount"])
def disk(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Disk]:
    if request.param == "without a mount":
        monkeypatch.setattr("os.geteuid", lambda: 1000)
    disk = Disk(tmp_path / "disk").open()
    yield disk
    disk.close()
    assert not (tmp_path / "disk").is_mount()


def test_a_full_disk_takes_nothing_until_it_is_freed(disk: Disk) -> None:
    writer = Asked(KEEPS_WRITING, str(disk.folder / "outbox"))
    try:
        assert writer.answer() == [4096]
        disk.fill(writer.process.pid)
        full = errno.ENOSPC if disk.mounted else errno.EFBIG
        assert writer.answer() == [-full]
        disk.free(writer.process.pid)
        assert writer.answer() == [4096]
    finally:
        writer.end()


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_the_wall_clock_jumps_and_the_monotonic_one_does_not(tmp_path: Path) -> None:
    clock = WallClock(tmp_path).open()
    told = Asked(TELLS_THE_TIME, **clock.environment())
    try:
        wall, steady = told.answer()
        clock.set(3600)
        later_wall, later_steady = told.answer()
        assert later_wall - wall - (later_steady - steady) == pytest.approx(3600, abs=0.1)
        clock.set(0)
        later_wall, later_steady = told.answer()
        assert later_wall - wall == pytest.approx(later_steady - steady, abs=0.1)
    finally:
        told.end()


def test_without_a_compiler_the_clock_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda _name: None)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    assert WallClock(tmp_path).open().environment() == {}
