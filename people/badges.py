"""Badges as cards, labels and readers give them, and the one on file that is meant.

A card carries a number that readers write in their own ways: with a label's prefix or without it,
in full-width characters, with leading zeros or without them, in hexadecimal, or as facility and
card (`068,65491`). All of them are one badge.
"""

import re

from database.connection import Connection
from people.codes import LONGEST, plain, without_prefix

PREFIX = "EMP"
_PAIR = re.compile(r"(\d{1,3}) ?[,:] ?(\d{1,5})", re.ASCII)  # 8 bits of facility, 16 of the card
_DECIMAL = re.compile(r"\d{1,20}", re.ASCII)
_HEX = re.compile(r"[0-9A-F]{8}|[0-9A-F]{10}|[0-9A-F]{14}")  # a card's number of 4, 5 or 7 bytes


def on_file(connection: Connection, given: str) -> str:
    """The badge on file that is meant; what was given, without its prefix, when there is none.

    A badge that is written like several and exactly like none of them is none.
    """
    bare = _bare(given)
    rows = connection.execute(
        "select badge from people.person where badge is not null order by badge"
    )
    alike = [badge for (badge,) in rows if number(_bare(badge)) == number(bare)]
    same = [badge for badge in alike if _bare(badge) == bare]
    found = same or alike
    return found[0] if len(found) == 1 else bare


def number(bare: str) -> int | str:
    """What all ways of writing one badge have in common."""
    text = bare.upper()
    if pair := _PAIR.fullmatch(text):
        return int(pair[1]) << 16 | int(pair[2])
    if _DECIMAL.fullmatch(text):
        return int(text)
    return int(text, 16) if _HEX.fullmatch(text) else text


def _bare(given: str) -> str:
    text = given.strip()[:LONGEST]
    return plain(without_prefix(PREFIX, text) or text)
