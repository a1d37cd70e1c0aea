"""The table of symptoms in docs/edge.md: each row names tests that are there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEST = re.compile(r"`(test_\w+)`")
FILE = re.compile(r"`(tests/[\w/]+\.py)`")


def test_each_symptom_has_its_test() -> None:
    page = (ROOT / "docs/edge.md").read_text(encoding="utf-8")
    table = page.partition("## Symptom, cause, cure")[2].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 10
    there = "\n".join(path.read_text(encoding="utf-8") for path in ROOT.glob("tests/**/test_*.py"))
    for row in rows:
        named, files = TEST.findall(row), FILE.findall(row)
        assert named or files, f"no test: {row}"
        assert [name for name in files if not (ROOT / name).is_file()] == []
        assert [name for name in named if f"def {name}(" not in there] == []
