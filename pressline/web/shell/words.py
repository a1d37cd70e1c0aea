"""The words of the pages, in Chinese and in English: one catalogue file per language."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import structlog

from erp_core import refusal as erp_refusal
from people import refusal

log = structlog.get_logger()
_ = erp_refusal  # brings its words

LOCALES = ("zh", "en")
FOLDER = Path(__file__).parents[1] / "locale"
ROOMS = (
    "unit",
    "item_kind",
    "partner_kind",
    "truth",
    "platform",
    "language",
)  # groups that rooms word themselves
TAGS = {"zh": "zh-CN", "en": "en"}  # what a browser calls them


@cache
def catalogue(locale: str) -> dict[str, str]:
    """All sentences of one language, by key; rooms bring the words of their codes."""
    own = json.loads((FOLDER / f"{locale}.json").read_text(encoding="utf-8"))
    return own | {
        f"{group}.{code}": of_room(locale, group, code)
        for group in ROOMS
        for code in refusal.WORDS[group]
    }


def say(locale: str, key: str, **facts: object) -> str:
    """The sentence of this key, its {places} filled with facts.

    What has no words here (a kind that another program wrote) is told by its own name: a page
    without one word is better than none.
    """
    text = catalogue(locale).get(key)
    if text is None:
        log.error("no word", key=key, locale=locale)
        return key.split(".", 1)[-1]
    return text.format(**facts)


def what_waits(locale: str, facts: Mapping[str, Any]) -> str:
    """What a notice says; a kind without words of its own is told by its name."""
    return _of_notice(locale, f"notice.{facts['kind']}", "notice.other", facts)


def what_to_do(locale: str, facts: Mapping[str, Any]) -> str:
    """What whoever is told can do about it."""
    return _of_notice(locale, f"notice_do.{facts['kind']}", "notice_do.other", facts)


def _of_notice(locale: str, key: str, other: str, facts: Mapping[str, Any]) -> str:
    known = key if key in catalogue(locale) else other
    return say(locale, known, **{name: facts[name] or "" for name in ("kind", "subject", "press")})


def lasting(locale: str, seconds: float) -> str:
    """A time span as people say it: seconds, minutes, hours, days."""
    minutes, s = divmod(max(0, int(seconds)), 60)
    if minutes == 0:
        return say(locale, "time.s", s=s)
    hours, minutes = divmod(minutes, 60)
    if hours == 0:
        return say(locale, "time.min", m=minutes)
    if hours < 48:
        return say(locale, "time.h", h=hours, m=f"{minutes:02}")
    return say(locale, "time.d", d=hours // 24, h=hours % 24)


def plant_word(locale: str, group: str, code: str) -> str:
    """A word of this group (reason, shift, unit); a plant's own code stands for itself."""
    return catalogue(locale).get(f"{group}.{code}", code)


def of_room(locale: str, group: str, code: str) -> str:
    """A room's own word for a code, as its refusals say it; the code itself where it has none."""
    sentence = refusal.WORDS.get(group, {}).get(code)
    return code if sentence is None else sentence.en if locale == "en" else sentence.zh


def label(locale: str, field: str) -> str:
    """What a field of a document is called, as it stands above it."""
    word = of_room(locale, "argument", field)
    return word[:1].upper() + word[1:]


def choose(
    asked: str | None, person: str | None, remembered: str | None, accept: str | None
) -> str:
    """The language of a page: the address's, the person's, the device's, the browser's."""
    for wanted in (asked, person, remembered):
        if wanted in LOCALES:
            return wanted
    return _accepted(accept or "")


def _accepted(header: str) -> str:
    """The first language of Accept-Language that we speak; Chinese when it names none."""
    for part in header.split(","):
        tag = part.split(";")[0].strip().lower()
        for locale in LOCALES:
            if tag == locale or tag.startswith(f"{locale}-"):
                return locale
    return "zh"


def some(locale: str, *groups: str) -> dict[str, str]:
    """The sentences of some groups, for scripts that word things themselves."""
    return {key: text for key, text in catalogue(locale).items() if key.split(".", 1)[0] in groups}


def scripts_words(*groups: str) -> dict[str, dict[str, str]]:
    """The same groups in every language: a terminal speaks the language of who signs on."""
    return {locale: some(locale, *groups) for locale in LOCALES}
