"""Documents that name places in the code name places that are there."""

import re
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
PAGES = [TOP / "README.md", TOP / "CONTRIBUTING.md", *sorted((TOP / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\(([^)#\s]+)\)((?:,? `\w+`)*)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(TOP)))
def test_every_link_leads_to_a_file_that_is_there(page: Path) -> None:
    targets = [found[1] for found in LINK.finditer(page.read_text())]
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (page.parent / target).exists()] == []


def test_the_walk_of_a_stroke_names_functions_that_are_there() -> None:
    page = TOP / "docs/stroke.md"
    named = [
        (found[1], name)
        for found in LINK.finditer(page.read_text())
        for name in re.findall(r"`(\w+)`", found[2])
    ]
    assert len(named) > 15
    missing = [
        f"{target}: {name}"
        for target, name in named
        if not re.search(rf"(def|class) {name}\b", (page.parent / target).read_text())
    ]
    assert missing == []


def test_every_assertion_of_sparkplug_is_answered_once_and_each_named_test_exists() -> None:
    page = (TOP / "docs/sparkplug.md").read_text()
    known = (TOP / "tests/vendor/sparkplug-3.0.0-assertions.txt").read_text().split()
    told = [name for name in re.findall(r"`([^`]+)`", page) if "/" not in name and "…" not in name]
    answered = [name for name in told if "." not in name and "_" not in name]
    assert sorted(answered) == sorted(known)
    assert len(known) == 299
    tests = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page)
    assert len(tests) > 20
    missing = [
        f"{file}::{name}"
        for file, name in tests
        if not re.search(rf"^def {name}\(", (TOP / file).read_text(), re.MULTILINE)
    ]
    assert missing == []
