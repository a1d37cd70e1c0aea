"""Paper: a sheet or labels as PDF, from data, with the part of a Chinese font that they need.

The layouts are `templates/paper/*.typ`; texts reach them as JSON, so no name is ever read as
markup. The file is PDF/A-2b: it carries its fonts, and a sign that no font has is refused.
"""

import json
import os
import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import quote

import typst
from fastapi.responses import Response

from pressline.web.shell.pages import FOLDER

LAYOUTS = FOLDER / "templates" / "paper"
SETTING = "PRESSLINE_FONTS"  # a folder with fonts, beside those of the system
FAMILIES = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN",
    "Microsoft YaHei", "PingFang SC", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei",
)  # fmt: skip
SIGN = re.compile(r"the text `?\"(.+?)\"`? could not be displayed")
# Nothing in a file may run or load anything, however it is opened.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; frame-ancestors 'none'"


class NoFontError(Exception):
    """The server has no font for Chinese."""


class NoSignError(Exception):
    """No font of the server has this sign."""

    def __init__(self, sign: str) -> None:
        super().__init__(f"no font has {sign!r}")
        self.sign = sign


@cache
def fonts(folder: str) -> tuple[typst.Fonts, tuple[str, ...]]:
    """Fonts of the system and of a folder, and those of them that are for Chinese."""
    found = typst.Fonts(include_embedded_fonts=False, font_paths=[folder] if folder else [])
    there = set(found.families())
    return found, tuple(family for family in FAMILIES if family in there)


def pdf(layout: str, title: str, locale: str, now: datetime, **data: Any) -> bytes:
    """A PDF by the layout of that name (`sheet`, `label`); raises NoFontError, NoSignError."""
    known, chinese = fonts(os.environ.get(SETTING, ""))
    if not chinese:
        raise NoFontError
    told = {**data, "title": title, "lang": locale, "fonts": chinese}
    compiler = typst.Compiler(
        LAYOUTS / f"{layout}.typ",
        root=LAYOUTS,
        font_paths=known,
        sys_inputs={"data": json.dumps(told)},
    )
    try:
        made = compiler.compile(format="pdf", pdf_standards=["a-2b"], timestamp=now)
    except typst.TypstError as error:
        if sign := SIGN.search(error.message):
            raise NoSignError(sign[1]) from error
        raise
    assert isinstance(made, bytes)
    return made


def table(
    title: str, columns: Mapping[str, int], rows: list[list[str]], *right: str
) -> dict[str, Any]:
    """A table of a sheet: columns by their words, each with its share of the width."""
    heads = [{"word": word, "width": w, "right": word in right} for word, w in columns.items()]
    return {"title": title, "columns": heads, "rows": rows}


def answer(content: bytes, name: str) -> Response:
    """A PDF that the browser shows, and keeps under that name."""
    return Response(
        content,
        media_type="application/pdf",
        headers={
            "Content-Disposition": f"inline; filename*=UTF-8''{quote(name, safe='')}.pdf",
            "Content-Security-Policy": POLICY,
            "Cache-Control": "private, no-store",
        },
    )
