"""Every refusal has a sentence in both languages that can be filled with its facts."""

import ast
import string
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from people.refusal import SENTENCES, Refused, tell
from pressline import house

ROOMS = [Path(house.__file__).parents[1] / room for room in ("people", "erp_core", "mes_bridge")]


def facts_of(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


def raised() -> Iterator[tuple[str, set[str], str]]:
    """Every `Refused("code", fact=…)` in the rooms: code, names of its facts, where."""
    for path in sorted(path for room in ROOMS for path in room.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Refused":
                code = node.args[0]
                assert isinstance(code, ast.Constant)
                names = {word.arg for word in node.keywords if word.arg}
                whole = all(word.arg for word in node.keywords)
                where = f"{path.name}:{node.lineno}"
                yield str(code.value), names if whole else {"*"}, where


@pytest.mark.parametrize("code", sorted(SENTENCES))
def test_both_languages_tell_the_same_facts_and_end_as_sentences(code: str) -> None:
    sentence = SENTENCES[code]
    assert facts_of(sentence.en) >= facts_of(sentence.zh)
    assert sentence.en.endswith(".")
    assert sentence.zh.endswith("。")


@pytest.mark.parametrize("code", sorted(SENTENCES))
def test_no_sentence_is_a_bare_no(code: str) -> None:
    """What happened and what to do: two sentences, or two parts of one."""
    assert SENTENCES[code].en.count(". ") + SENTENCES[code].en.count(": ") >= 1
    assert "请" in SENTENCES[code].zh or "未" in SENTENCES[code].zh


def test_every_refusal_in_the_code_has_a_sentence_and_all_its_facts() -> None:
    found = list(raised())
    assert len(found) > 20
    for code, names, where in found:
        assert code in SENTENCES, where
        if names != {"*"}:
            assert facts_of(SENTENCES[code].en) <= names, where


def test_a_refusal_speaks_the_persons_language() -> None:
    refused = Refused("scrap_more_than_made", qty=31, item="BRK", made=30)
    assert refused.text("en") == "31 scrap of BRK, but only 30 good parts are counted. Count again."
    assert "BRK 报废 31 件" in refused.text("zh")


def test_times_are_those_of_the_plants_clock() -> None:
    refused = Refused("interval_future", at=datetime(2026, 3, 2, 0, 5, tzinfo=UTC))
    refused.zone = ZoneInfo("Asia/Shanghai")
    assert refused.text("en") == "03-02 08:05 is still to come. Give a time that has passed."


def test_several_names_are_listed_and_none_is_a_dash() -> None:
    assert "D1, D2" in Refused("die_missing", press="P01", item="A", dies=["D2", "D1"]).text("en")
    assert "A: –." in Refused("die_missing", press="P01", item="A", dies=[]).text("en")


def test_a_code_has_one_home() -> None:
    with pytest.raises(ValueError, match="sentences told twice: pin_form"):
        tell({"pin_form": SENTENCES["pin_form"]})
