"""Tests on a machine that is not ours: what is missing is told, or fails where it is required."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import parts, quick

TOP = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def nothing_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PRESSLINE_REQUIRE", raising=False)
    monkeypatch.delenv("PRESSLINE_REQUIRE_TIMESCALE", raising=False)


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has none of the parts."""
    gone = {
        name: parts.Part(lambda: None, part.packages, part.cure, part.marker)
        for name, part in parts.PARTS.items()
    }
    monkeypatch.setattr(parts, "PARTS", gone)


@pytest.mark.usefixtures("bare")
def test_a_bare_machine_is_told_a_line_each_with_the_cure() -> None:
    told = parts.told()
    assert len(told) == len(parts.PARTS)
    assert "not here: mosquitto; its tests are left out (apt-get install mosquitto)" in told
    parts.check_required()  # nothing is required: nothing fails


@pytest.mark.usefixtures("bare")
def test_what_is_required_and_missing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESSLINE_REQUIRE", "chromium, mosquitto")
    with pytest.raises(parts.RequiredError, match=r"mosquitto: apt-get install mosquitto; chrom"):
        parts.check_required()
    monkeypatch.setenv("PRESSLINE_REQUIRE", "")
    monkeypatch.setenv("PRESSLINE_REQUIRE_TIMESCALE", "1")
    with pytest.raises(parts.RequiredError, match="timescale"):
        parts.check_required()


def test_a_part_that_nobody_knows_ends_the_run_before_it_begins() -> None:
    command = [sys.executable, "-m", "pytest", "-p", "no:xdist", "tests/test_docs.py"]
    done = subprocess.run(
        command, cwd=TOP, env={**os.environ, "PRESSLINE_REQUIRE": "mosquito"},
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert (
        "names mosquito, which is none of mosquitto, chromium, cc, font, node-opcua, timescale"
        in (done.stdout + done.stderr)
    )


def test_without_apt_or_root_nothing_is_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], bare: None
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    parts.install()
    assert "installing" not in capsys.readouterr().out


def test_quick_has_tests_of_every_room() -> None:
    rooms = {path.name for path in (TOP / "tests").iterdir() if list(path.glob("test_*.py"))}
    assert rooms == {room for room in quick.ROOMS if room}
    assert [file for file in quick.FILES if not (TOP / file).exists()] == []


def test_ci_requires_what_it_installs() -> None:
    text = (TOP / ".ci/run").read_text()
    [told] = [line for line in text.splitlines() if "PRESSLINE_REQUIRE=" in line]
    names = told.partition("PRESSLINE_REQUIRE=")[2].split()[0].split(",")
    assert set(names) <= set(parts.PARTS)
    for name in names:
        assert all(package in text for package in parts.PARTS[name].packages), name


def test_ci_installs_the_foreign_server_that_tests_ask_for_and_requires_it_where_it_came() -> None:
    text = (TOP / ".ci/run").read_text()
    assert f" {parts.NODE_OPCUA}; then\n" in text
    required = text.partition("PRESSLINE_REQUIRE=")[2].split()[0].split(",")
    assert set(required) == parts.PARTS.keys() - {"timescale", "node-opcua"}
    assert "PRESSLINE_REQUIRE+=,node-opcua\n" in text
