"""The demo itself: every process real, faults included, and nothing left behind."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("demo")

LIMIT = 240.0  # seconds; a loaded machine is slow, a broken one is slower
KEYS = {
    "press", "strokes_made", "strokes_counted", "unattributed", "parts_expected", "parts_posted",
    "parts_waiting", "parts_in_stock", "scrap", "residual",
}  # fmt: skip


@pytest.fixture
def room() -> Iterator[Path]:
    """A folder for everything temporary; as root, PostgreSQL's own user must be able to enter."""
    folder = Path(tempfile.mkdtemp(prefix="demo-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


class Run:
    """One `pressline demo` as a process, marked so that everything it starts can be found."""

    def __init__(self, room: Path, *arguments: str) -> None:
        self.mark = f"DEMO_TEST_MARK={uuid.uuid4()}"
        name, value = self.mark.split("=")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pressline", "demo", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, name: value, "TMPDIR": str(room)},
            start_new_session=True,
        )
        self.watchdog = threading.Timer(LIMIT, self.process.terminate)
        self.watchdog.start()

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *_: object) -> None:
        self.watchdog.cancel()
        self.process.terminate()
        self.process.communicate(timeout=LIMIT)

    def read_until(self, text: str) -> str:
        """Output up to and with the line that holds the text; all of it when none does."""
        assert self.process.stdout is not None
        seen = ""
        for line in self.process.stdout:
            seen += line
            if text and text in line:
                return seen
        assert not text, f"no {text!r} in:\n{seen}"
        return seen

    def end(self) -> tuple[int, str]:
        """Exit code and the rest of the output."""
        rest = self.read_until("")
        return self.process.wait(LIMIT), rest

    def left_over(self) -> list[str]:
        """Command lines of living processes that this run started."""
        found: list[str] = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if self.mark.encode() in (folder / "environ").read_bytes():
                    found.append((folder / "cmdline").read_text().replace("\0", " "))
            except OSError:
                continue  # ended meanwhile, or not ours to read
        return found


def test_a_stroke_becomes_a_part_in_stock_whatever_breaks(room: Path, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    with Run(room, "--seconds", "25", "--report", str(file), "--port", "18080") as run:
        code, output = run.end()
    assert file.exists(), output
    report = json.loads(file.read_text())

    assert report["residual_total"] == 0, output
    assert report["audit_residual"] == 0, output
    assert code == 0, output
    assert [row["press"] for row in report["presses"]] == [f"P0{n}" for n in range(1, 7)]
    for row in report["presses"]:
        assert row.keys() >= KEYS
        assert row["residual"] == 0
        assert row["strokes_made"] > 0
        assert row["unattributed"] == 0
        assert row["parts_in_stock"] > 0
    assert {"counter_wrap", "power_loss", "network_loss"} <= report["faults"].keys()
    for kind in ("edge_killed", "ingest_killed"):
        pids = report["faults"][kind]["pids"][0]
        assert pids["before"] != pids["after"]
    assert report["faults_left_out"] == []
    assert report["latency_s"].keys() == {"p50", "p95", "p99"}
    assert run.left_over() == []
    assert list(room.iterdir()) == []


def test_ctrl_c_leaves_nothing_behind(room: Path) -> None:
    with Run(room, "--port", "18090") as run:
        said = run.read_until("scanned")
        addresses = dict(re.findall(r"^  (.+?)  +(http\S+)", said, re.MULTILINE))
        assert {"wall board", "terminal", "work order"} <= addresses.keys()
        for address in addresses.values():
            with urllib.request.urlopen(address, timeout=LIMIT) as page:
                assert page.status == 200
        assert run.left_over() != []
        run.process.send_signal(signal.SIGINT)
        code, output = run.end()
    assert code == 0, output
    assert run.left_over() == []
    assert list(room.iterdir()) == []
