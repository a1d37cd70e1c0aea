"""Both languages say everything, and nothing that nobody asks for."""

import json
import re
from decimal import Decimal
from pathlib import Path

import pytest
from jinja2 import nodes

from pressline import house
from pressline.web.shell import words
from pressline.web.shell.pages import number, templates

WEB = Path(words.__file__).parents[1]
PLACES = re.compile(r"\{(\w+)\}")
LITERAL = re.compile(r"""["'`]([a-z_]+\.[a-z_0-9]+)["'`]""")
# `t(`state.${…}`)` in scripts, t('state.' ~ …) in templates, f"done.{…}" and "reason" in Python
BY_PART = re.compile(r"""["'`]([a-z_]+)\.(?:[a-z_]*)(?:\$?\{|["'] ~)""")
PLANT = ("reason", "shift", "unit")


def sources() -> str:
    kinds = ("*.py", "*.js", "*.html")
    rooms = (WEB, WEB.parent / "robots")
    files = [
        path
        for room in rooms
        for kind in kinds
        for path in room.rglob(kind)
        if "vendor" not in path.parts
    ]
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def test_both_languages_have_the_same_keys_with_the_same_places() -> None:
    zh, en = (words.catalogue(locale) for locale in words.LOCALES)
    assert list(zh) == list(en)
    for key, text in zh.items():
        assert set(PLACES.findall(text)) == set(PLACES.findall(en[key])), key


def test_every_key_is_asked_for_and_every_key_asked_for_is_there() -> None:
    text = sources()
    keys = set(words.catalogue("zh"))
    listed = {column.word for listing in house.LISTS.values() for column in listing.columns}
    groups = {*BY_PART.findall(text), *PLANT, *listed}
    literal = {key for key in LITERAL.findall(text) if key.split(".")[0] in groups_of(keys)}
    unused = {key for key in keys - literal if key.split(".")[0] not in groups}
    files = {key for key in literal if key.endswith((".js", ".html", ".css"))}
    assert unused == set()
    assert literal - keys - files - {*house.ACTS, *house.LOOKS} == set()


def test_a_page_asks_for_words_that_are_there_or_shows_the_raw_word() -> None:
    """`t('flag.' ~ flag)`: whatever another program wrote there blanks no page."""
    keys = set(words.catalogue("zh"))
    for file in sorted((WEB / "templates").glob("*.html")):
        for call in templates.parse(file.read_text(encoding="utf-8")).find_all(nodes.Call):
            if not (isinstance(call.node, nodes.Name) and call.node.name == "t"):
                continue
            asked = call.args[0]
            if isinstance(asked, nodes.Const):
                assert asked.value in keys, file.name
                continue
            assert isinstance(asked, nodes.Concat), file.name
            group = asked.nodes[0]
            assert isinstance(group, nodes.Const), file.name
            assert group.value.removesuffix(".") in groups_of(keys), file.name
            for locale in words.LOCALES:
                assert words.say(locale, f"{group.value}new_kind", id=1) == "new_kind"


@pytest.mark.parametrize("locale", words.LOCALES)
def test_every_list_and_each_of_its_columns_has_a_word(locale: str) -> None:
    keys = set(words.catalogue(locale))
    asked = {f"{kind}.{name}" for name in house.LISTS for kind in ("list", "list_why")}
    asked |= {f"col.{column.name}" for each in house.LISTS.values() for column in each.columns}
    assert asked - keys == set()


def groups_of(keys: set[str]) -> set[str]:
    return {key.split(".")[0] for key in keys}


def test_chinese_sentences_hold_no_english_words() -> None:
    allowed = {"PIN", "OEE", "JavaScript", "English", "pressline", "plant", "load", "NTP"}
    allowed |= {
        "KB",
        "MB",
        "SHA",
        "Windows",
        "Linux",
        "Chromium",
        "iPhone",
        "iPad",
        "Firefox",
        "Debian",
    }  # proper names
    commands = re.compile(
        r"pressline (edge|ingest) run|pressline tls make|pressline roles"
        r"|PRESSLINE_FONTS|fonts-noto-cjk"
    )
    calls = {
        "Authorization",
        "UUID",
        "POST",
        "api",
        "acts",
        "next",
        "after",
        "id",
        "preview",
        "sha",
    }
    for key, text in words.catalogue("zh").items():
        left = set(re.findall(r"[A-Za-z]{2,}", commands.sub("", PLACES.sub("", text)))) - allowed
        left -= calls if key.startswith(("api.", "api_call.")) else set()
        assert not left, f"{key}: {left}"


def test_catalogues_are_plain_files_without_doubled_keys() -> None:
    for locale in words.LOCALES:
        pairs = json.loads(
            (words.FOLDER / f"{locale}.json").read_text(encoding="utf-8"),
            object_pairs_hook=lambda given: given,
        )
        names = [name for name, _ in pairs]
        assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("asked", "person", "remembered", "accept", "spoken"),
    [
        ("en", "zh", "zh", "zh-CN", "en"),
        (None, "en", "zh", "zh-CN", "en"),
        (None, None, "en", "zh-CN", "en"),
        (None, None, None, "fr-FR,en-GB;q=0.8,zh;q=0.5", "en"),
        (None, None, None, "de", "zh"),
        ("xx", None, None, None, "zh"),
    ],
)
def test_the_address_then_the_person_then_the_device_then_the_browser_chooses(
    asked: str | None, person: str | None, remembered: str | None, accept: str | None, spoken: str
) -> None:
    assert words.choose(asked, person, remembered, accept) == spoken


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"), (0, "0"), (12_345, "12,345"), (100, "100"), (2.5, "2.5"),
        (Decimal("0.0004"), "0.0004"), (Decimal("1E-7"), "0.0000001"), (Decimal("0.000"), "0"),
        (Decimal("1000.500000"), "1,000.5"), (0.000012345, "0.0000123"), (12.3456, "12.346"),
    ],
)  # fmt: skip
def test_a_small_quantity_is_not_shown_as_none(value: object, shown: str) -> None:
    assert number(value) == shown
