"""Codes as scanners, keyboards and people write them.

Scanners and keyboards in another mode send full-width characters or another case, and labels carry
the prefix of their kind (`WO:1001`) or leave it out.
"""

import unicodedata

LONGEST = 200  # characters; no code is longer


def plain(text: str) -> str:
    """The text in half-width characters, without spaces around it."""
    return unicodedata.normalize("NFKC", text).strip()


def alike(text: str) -> str:
    """The same for codes that a reader takes for one: width, case, spaces and unseen characters."""
    shown = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in shown if not c.isspace() and unicodedata.category(c) != "Cf")


def without_prefix(prefix: str, text: str) -> str | None:
    """What follows `prefix:`, however wide or large it was typed; None without the prefix."""
    size = len(prefix) + 1
    rest = text[size:].strip()
    return rest if plain(text[:size]).upper() == f"{prefix}:" and rest else None
