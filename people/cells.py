"""The cells of a file that somebody filled in: Excel, CSV, or cells pasted from a sheet.

Values are taken as they stand there. A formula is not: what it shows is not what it says.
"""

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from people.refusal import Refused, Sentence, tell

MOST_BYTES = 5 * 1024 * 1024  # of a file
MOST_UNPACKED = 30 * 1024 * 1024  # bytes of what is packed in it
MOST_ROWS = 10_000
MOST_COLUMNS = 100
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a spreadsheet tells a formula in a CSV file
_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\s[^>]*?ref=\"([A-Z]+)([0-9]+):")
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: `place` as sheets call it (C7); `wrong`: why its value cannot be read."""

    place: str
    value: Any
    wrong: Refused | None = None


Line = list[Cell]


def read(content: bytes) -> list[Line]:
    """The rows that are not empty, the header first.

    Raises Refused: file_empty, file_too_large, file_too_long, file_unreadable, file_old_excel.
    """
    if not content.strip():
        raise Refused("file_empty")
    if len(content) > MOST_BYTES:
        raise Refused("file_too_large", most=MOST_BYTES // 1024 // 1024)
    if content.startswith(_OLD_EXCEL):
        raise Refused("file_old_excel")
    lines = list(_excel(content) if content.startswith(b"PK") else _text(content))
    if not lines:
        raise Refused("file_empty")
    return lines


def place(column: int, row: int) -> str:
    """What a sheet calls the cell of this column and row, both counted from 1."""
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return f"{letters}{row}"


def _text(content: bytes) -> Iterator[Line]:
    """Commas, semicolons or tabs between cells; UTF-8, or as Excel writes Chinese without it."""
    text = _decoded(content)
    first = text.split("\n", 1)[0]
    parted = max("\t,;", key=first.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=parted)
    try:
        for number, row in enumerate(rows, 1):
            line = [Cell(place(n, number), _plain(given)) for n, given in enumerate(row, 1)]
            yield from _kept(line, number)
    except csv.Error:
        raise Refused("file_unreadable") from None


def _decoded(content: bytes) -> str:
    if b"\0" in content:
        raise Refused("file_unreadable")
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Refused("file_unreadable")


def _plain(given: str) -> str | None:
    """Without the mark that keeps a spreadsheet from taking a text for a formula."""
    text = given.strip()
    return (text[1:] if text.startswith("'") and text[1:].startswith(FORMULA) else text) or None


def _kept(line: Line, number: int) -> Iterator[Line]:
    if number > MOST_ROWS + 1:
        raise Refused("file_too_long", most=MOST_ROWS)
    if any(cell.value is not None or cell.wrong for cell in line[:MOST_COLUMNS]):
        yield line[:MOST_COLUMNS]


def _excel(content: bytes) -> Iterator[Line]:
    from openpyxl import load_workbook  # noqa: PLC0415 - only where a sheet is read

    merged = _unpacked(content)
    try:
        book = load_workbook(io.BytesIO(content), read_only=True)
        sheet = next(each for each in book.worksheets if each.sheet_state == "visible")
        part = f"xl/worksheets/{sheet._worksheet_path.rsplit('/', 1)[-1]}"  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType] - it names its part nowhere else
        sheet.reset_dimensions()
        yield from _rows(sheet, merged.get(part, set()))
    except Refused:
        raise
    except Exception:
        raise Refused("file_unreadable") from None


def _rows(sheet: Any, merged: set[str]) -> Iterator[Line]:
    """The rows of a sheet, as wide as its header: what stands beside it is nobody's column."""
    width, at = MOST_COLUMNS, 0
    for at, row in enumerate(sheet.iter_rows(max_col=width), 1):
        head = [_cell(each, n, at, merged) for n, each in enumerate(row, 1)]
        yield from _kept(head, at)
        filled = [n for n, cell in enumerate(head, 1) if cell.value is not None]
        if filled:
            width = filled[-1]
            break
    for number, row in enumerate(sheet.iter_rows(min_row=at + 1, max_col=width), at + 1):
        line = [_cell(each, n, number, merged) for n, each in enumerate(row, 1)]
        yield from _kept(line, number)


def _unpacked(content: bytes) -> dict[str, set[str]]:
    """The merged cells of each sheet, after a look at how large it all is when unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            parts = packed.infolist()
            if sum(part.file_size for part in parts) > MOST_UNPACKED:
                raise Refused("file_swollen", most=MOST_UNPACKED // 1024 // 1024)
            if "xl/workbook.xml" not in packed.namelist():
                raise Refused("file_unreadable")
            sheets = [part.filename for part in parts if part.filename.startswith("xl/worksheets/")]
            return {name: _merged(packed.read(name)) for name in sheets}
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, EOFError):
        raise Refused("file_unreadable") from None


def _merged(xml: bytes) -> set[str]:
    return {f"{column.decode()}{row.decode()}" for column, row in _MERGED.findall(xml)}


def _cell(given: Any, column: int, row: int, merged: set[str]) -> Cell:
    where = place(column, row)
    value = given.value
    if where in merged:
        return Cell(where, value, Refused("sheet_merged"))
    if given.data_type == "f":
        return Cell(where, value, Refused("sheet_formula"))
    if given.data_type == "e":
        return Cell(where, value, Refused("sheet_error", given=value))
    return Cell(where, value.strip() or None if isinstance(value, str) else value)


tell({
    "file_empty": Sentence(
        "There is nothing in this file. Fill in the rows below its header, save it and choose it "
        "again.",
        "文件是空的。请在表头下填写内容，保存后重新选择。",
    ),
    "file_too_large": Sentence(
        "This file has more than {most} MB. Leave out pictures and other sheets, or split it.",
        "文件超过 {most} MB。请去掉图片和其他工作表，或拆分后上传。",
    ),
    "file_too_long": Sentence(
        "This sheet has more than {most} rows. Split it into several files.",
        "表格超过 {most} 行。请拆分为多个文件。",
    ),
    "file_swollen": Sentence(
        "This file unpacks to more than {most} MB. Copy the rows into a new workbook and save it.",
        "文件解压后超过 {most} MB。请把内容复制到新的工作簿后保存。",
    ),
    "file_old_excel": Sentence(
        "This is a workbook of before 2007, or it has a password. Save it as .xlsx without one.",
        "这是 2007 年以前的格式，或有密码保护。请另存为不带密码的 .xlsx。",
    ),
    "file_unreadable": Sentence(
        "This is no workbook and no CSV file. Save it from Excel as .xlsx and choose it again.",
        "这不是工作簿或 CSV 文件。请用 Excel 另存为 .xlsx 后重新选择。",
    ),
    "sheet_merged": Sentence(
        "This cell is merged with others. Unmerge them and write each value in its own cell.",
        "该单元格是合并单元格。请取消合并，每格单独填写。",
    ),
    "sheet_formula": Sentence(
        "A formula stands here. Paste its value instead.",
        "这里是公式。请粘贴为数值。",
    ),
    "sheet_error": Sentence(
        "{given} is an error of the sheet. Write the value.",
        "{given} 是表格错误值。请填写数值。",
    ),
})  # fmt: skip
