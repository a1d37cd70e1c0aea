"""Sheets: the rows of a noun in a file, taken out, edited and read in again.

Reading says for each cell what is wrong with it; then what the file would change; and does it by
one act. What the file leaves out stays as it is, nothing is deleted.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Annotated, Any, LiteralString

from psycopg import sql
from psycopg.rows import dict_row
from pydantic import Field, ValidationError

from database.connection import Connection
from people import cells, fields, refusal
from people.acts import Deed, Done, Kind, Outcome, check_undo
from people.arguments import Arguments, Name, wrong
from people.cells import Cell, Line
from people.codes import alike
from people.fields import About
from people.refusal import Refused, Sentence, tell

Row = dict[str, Any]
Key = tuple[Any, ...]

MOST_TOLD = 100  # faults that are told of one file
MOST_BASE64 = 4 * cells.MOST_BYTES // 3 + 4


@dataclass(slots=True)
class Change:
    """A row of the file: what is there (None: it is new), what would be, and where that stands."""

    key: Key
    before: Row | None
    after: Row
    places: Mapping[str, str]
    version: int | None = None

    @property
    def was(self) -> Row | None:
        """What is there of the values that change; None: it is new."""
        if self.before is None:
            return None
        return {n: self.before[n] for n in self.after if self.before[n] != self.after[n]}

    @property
    def differs(self) -> bool:
        """Whether anything changes."""
        return self.was != {}


Broken = tuple[Change, str, Refused]  # the row, its field, why it cannot be so


@dataclass(frozen=True, slots=True)
class Sheet:
    """A noun's rows as a file: its list's name, its columns (those of the model), its key.

    `rows` selects every column; `lock` lets nobody else change what the first column of the key
    names, until the transaction ends. `rule` says what cannot be; `write` writes changed rows and
    sets their version; `undo` gives rows back (key, version, values before; None: it was new).
    """

    name: str
    noun: str
    model: type[Arguments]
    key: Sequence[str]
    rows: LiteralString
    lock: Callable[[Connection, Sequence[str]], None]
    rule: Callable[[Connection, Sequence[Change]], Iterator[Broken]]
    write: Callable[[Deed, Sequence[Change]], None]
    undo: Callable[[Deed, Sequence[tuple[Key, int, Row | None]]], None]

    @property
    def act(self) -> str:
        """The act that reads it in; its name is its right."""
        return f"{self.noun}.import"

    @property
    def columns(self) -> tuple[About, ...]:
        """Its columns, in their order."""
        return fields.of(self.model)


class FaultyError(Refused):
    """A file with faults: each with its cell."""

    def __init__(self, faults: Sequence[tuple[str, Refused]]) -> None:
        self.faults = faults
        super().__init__("sheet_faults", n=len(faults))

    def text(self, locale: str) -> str:
        """How many there are, and each in a sentence with its place."""
        return "\n".join([super().text(locale), *told(self.faults, locale)])


class NoChoiceError(Refused):
    """None of the codes that may stand there; their words are told."""

    def __init__(self, given: str, group: str, codes: Sequence[str]) -> None:
        self.group, self.codes = group, codes
        super().__init__("sheet_no_choice", given=given, codes="")

    def text(self, locale: str) -> str:
        """The sentence, with the words of the choices."""
        self.facts["codes"] = ", ".join(_say(self.group, code, locale) for code in self.codes)
        return super().text(locale)


def told(faults: Sequence[tuple[str, Refused]], locale: str) -> list[str]:
    """Each fault in a line: where, what, cure."""
    between = ": " if locale == "en" else "："
    return [f"{place}{between}{fault.text(locale)}" for place, fault in faults[:MOST_TOLD]]


class Import(Arguments):
    """noun.import{file, sha256, content}: the file's name, its bytes and what they hash to."""

    file: Name
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    content: Annotated[str, Field(max_length=MOST_BASE64)]  # base64


def digest(content: bytes) -> str:
    """What the bytes of a file hash to."""
    return hashlib.sha256(content).hexdigest()


def kind(sheet: Sheet) -> Kind[Import]:
    """The act that reads a file of this sheet in; the file itself is not kept, its hash is."""

    def apply(deed: Deed, given: Import) -> Outcome:
        changes = read(deed.connection, sheet, _content(given))
        changed = [change for change in changes if change.differs]
        sheet.write(deed, changed)
        deed.about.extend(sorted({f"{sheet.noun}/{change.key[0]}" for change in changed}))
        return _outcome(sheet, given, changes, changed)

    def undo(deed: Deed, done: Done, reason: str | None) -> Outcome:
        check_undo(deed, done, reason)
        rows: list[Row] = list(done.outcome["rows"])
        sheet.undo(deed, [(tuple(r["key"]), r["version"], r["before"]) for r in rows])
        deed.about.extend(sorted({f"{sheet.noun}/{row['key'][0]}" for row in rows}))
        return {}

    return Kind(Import, apply, undo, secret=frozenset({"content"}))


def _content(given: Import) -> bytes:
    try:
        content = base64.b64decode(given.content, validate=True)
    except (binascii.Error, ValueError):
        raise Refused("args_wrong", argument="content", problem="unclear") from None
    if digest(content) != given.sha256:
        raise Refused("file_changed", file=given.file)
    return content


def _outcome(
    sheet: Sheet, given: Import, changes: Sequence[Change], changed: Sequence[Change]
) -> Outcome:
    new = sum(change.before is None for change in changed)
    return {
        "message": "imported", "sheet": sheet.name, "file": given.file,
        "added": new, "changed": len(changed) - new, "unchanged": len(changes) - len(changed),
        "rows": [
            {"key": list(change.key), "version": change.version,
             "before": None if change.was is None else plain(change.was),
             "after": plain({n: change.after[n] for n in change.was or change.after})}
            for change in changed
        ],
    }  # fmt: skip


def plain(row: Row) -> Row:
    """Values as JSON holds them, every digit kept."""
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if isinstance(value, date) else value


def read(connection: Connection, sheet: Sheet, content: bytes) -> list[Change]:
    """The rows of a file against what is there; raises Refused, FaultyError with every fault."""
    head, *lines = cells.read(content)
    reading = _Reading(sheet, _columns(sheet, head))
    rows = [row for line in lines if (row := reading.row(line)) is not None]
    keys = sorted({str(row[0][sheet.key[0]]) for row in rows})
    sheet.lock(connection, keys)
    there = present(connection, sheet, keys)
    changes = [change for row in rows if (change := reading.change(*row, there)) is not None]
    for change, name, broken in sheet.rule(connection, changes):
        place = change.places.get(name) or change.places[sheet.key[0]]
        reading.faults.append((place, broken))
    if reading.faults:
        raise FaultyError(reading.faults)
    return changes


def present(
    connection: Connection, sheet: Sheet, keys: Iterable[str] | None = None
) -> dict[Key, Row]:
    """What is there, by its key in the order of it; of these first columns of keys, or all."""
    names = sql.SQL(", ").join(map(sql.Identifier, sheet.key))
    query = sql.SQL(
        "select * from ({}) r where %(keys)s::text[] is null or {} = any(%(keys)s) order by {}"
    ).format(sql.SQL(sheet.rows), sql.Identifier(sheet.key[0]), names)
    wanted = None if keys is None else list(keys)
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query, {"keys": wanted}).fetchall()
    return {tuple(row[name] for name in sheet.key): row for row in rows}


@dataclass(slots=True)
class _Reading:
    """A file while it is read: its columns, the faults so far, the keys that were there."""

    sheet: Sheet
    columns: Mapping[int, About]
    faults: list[tuple[str, Refused]] = field(default_factory=list[tuple[str, Refused]])
    seen: dict[Key, str] = field(default_factory=dict[Key, str])

    def row(self, line: Line) -> tuple[Row, dict[str, str]] | None:
        """The values of a row by field and where each stands; None when one cannot be read."""
        values: Row = {}
        places: dict[str, str] = {}
        before = len(self.faults)
        number = "".join(c for c in line[0].place if c.isdigit())
        for n, about in self.columns.items():
            cell = line[n] if n < len(line) else Cell(cells.place(n + 1, int(number)), None)
            places[about.name] = cell.place
            try:
                values[about.name] = value(about, cell)
            except Refused as refused:
                self.faults.append((cell.place, refused))
        for cell in line[max(self.columns) + 1 :]:  # a comma in a number moves all that follows
            if cell.value is not None:
                self.faults.append((cell.place, Refused("sheet_beside", given=cell.value)))
        for name in self.sheet.key:
            if name in values and values[name] is None:
                self.faults.append((places[name], Refused("sheet_missing")))
        return (values, places) if len(self.faults) == before else None

    def change(
        self, values: Row, places: dict[str, str], there: Mapping[Key, Row]
    ) -> Change | None:
        """The row against what is there; None when it cannot be."""
        whole = self._whole(values, places, there)
        if whole is None:
            return None
        key = tuple(whole[name] for name in self.sheet.key)
        first = self.seen.setdefault(key, places[self.sheet.key[0]])
        if first != places[self.sheet.key[0]]:
            self.faults.append((places[self.sheet.key[0]], Refused("sheet_twice", place=first)))
            return None
        before = there.get(key)
        kept = {name: before[name] for name in whole} if before else None
        return Change(key, kept, whole, places)

    def _whole(
        self, values: Row, places: Mapping[str, str], there: Mapping[Key, Row]
    ) -> Row | None:
        model = self.sheet.model
        before = there.get(_key_of(self.sheet, values), {})
        given = {name: before[name] for name in model.model_fields if name in before} | values
        try:
            return model.model_validate(
                {name: each for name, each in given.items() if each is not None}
            ).model_dump()
        except ValidationError as error:
            for name, refused in wrong(model, error):
                place = places.get(name) or places[self.sheet.key[0]]
                self.faults.append((place, refused))
            return None


def _key_of(sheet: Sheet, values: Row) -> Key:
    return tuple(values[name] for name in sheet.key)


def _columns(sheet: Sheet, head: Line) -> dict[int, About]:
    """Which field stands in which column, by its header in either language or by its name."""
    named = {alike(text): about for about in sheet.columns for text in _headers(about)}
    faults: list[tuple[str, Refused]] = []
    columns: dict[int, About] = {}
    for n, cell in enumerate(head):
        about = named.get(alike(str(cell.value or "")))
        if cell.wrong is not None:
            faults.append((cell.place, cell.wrong))
        elif about is not None and about in columns.values():
            faults.append((cell.place, Refused("sheet_column_twice", given=cell.value)))
        elif about is not None:
            columns[n] = about
        elif cell.value is not None:
            faults.append((cell.place, Refused("sheet_column_unknown", given=cell.value)))
    faults += [
        (head[0].place, Refused("sheet_column_missing", argument=word(about)))
        for about in sheet.columns
        if about.name in sheet.key and about not in columns.values()
    ]
    if faults:
        raise FaultyError(faults)
    return columns


def word(about: About) -> str:
    """The code under which a column has its word."""
    return about.group or about.name


def header(about: About, locale: str) -> str:
    """What stands above a column."""
    return _say("argument", word(about), locale)


def _headers(about: About) -> list[str]:
    return [about.name, header(about, "zh"), header(about, "en")]


def _say(group: str, code: str, locale: str) -> str:
    sentence = refusal.WORDS.get(group, {}).get(code)
    return code if sentence is None else sentence.en if locale == "en" else sentence.zh


def shown(about: About, given: Any, locale: str) -> Any:
    """A value as it stands in a cell: a word for a code, a number or a day as such."""
    if isinstance(given, bool):
        return _say("truth", "true" if given else "false", locale)
    return _say(about.group, given, locale) if about.codes and given is not None else given


def value(about: About, cell: Cell) -> Any:
    """What a cell says for a column; raises Refused with what is wrong and what to write."""
    if cell.wrong is not None:
        raise cell.wrong
    if cell.value is None:
        return None
    return _READ[about.form](about, cell.value)


def _text(_about: About, given: Any) -> str:
    """Excel makes numbers of codes that look like one."""
    if isinstance(given, float) and given.is_integer():
        return str(int(given))
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise Refused("sheet_no_text", given=_seen(given))
    return str(given)


def _number(given: Any) -> Decimal:
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise Refused("sheet_no_number", given=_seen(given))
    try:
        number = Decimal(str(given))
    except InvalidOperation:
        raise Refused("sheet_no_number", given=given) from None
    if not number.is_finite():
        raise Refused("sheet_no_number", given=given)
    return number


def _amount(_about: About, given: Any) -> Decimal:
    return _number(given)


def _whole(_about: About, given: Any) -> int:
    number = _number(given)
    if number != number.to_integral_value():
        raise Refused("sheet_no_whole", given=given)
    return int(number)


def _day(_about: About, given: Any) -> date:
    if isinstance(given, datetime):
        if given.time() == datetime.min.time():
            return given.date()
    elif isinstance(given, date):
        return given
    try:
        if isinstance(given, str) and len(given) == 10:
            return date.fromisoformat(given)
    except ValueError:
        pass
    raise Refused("sheet_no_day", given=_seen(given))


def _choice(about: About, given: Any) -> str:
    found = _by_word(about.group, about.codes).get(alike(str(given)))
    if found is None and about.closed:
        raise NoChoiceError(_seen(given), about.group, about.codes)
    return found or _text(about, given)


@cache
def _by_word(group: str, codes: tuple[str, ...]) -> Mapping[str, str]:
    """The codes of a group, by what people write for them."""
    return {alike(each): code for code in codes for each in _words(group, code)}


def _words(group: str, code: str) -> list[str]:
    return [code, _say(group, code, "zh"), _say(group, code, "en")]


def _truth(_about: About, given: Any) -> bool:
    if isinstance(given, bool):
        return given
    found = _by_word("truth", ("true", "false")).get(alike(str(given)))
    if found is None:
        raise NoChoiceError(_seen(given), "truth", ("true", "false"))
    return found == "true"


def _seen(given: Any) -> str:
    if isinstance(given, datetime):
        return f"{given:%Y-%m-%d %H:%M}"
    return str(given)


_READ: Mapping[str, Callable[[About, Any], Any]] = {
    "text": _text, "whole": _whole, "amount": _amount, "day": _day, "choice": _choice,
    "truth": _truth,
}  # fmt: skip

tell({
    "sheet_faults": Sentence(
        "{n} cells of this file cannot be read in; nothing was written. Correct them and choose "
        "the file again.",
        "文件中有 {n} 处不能导入，未写入任何内容。请改正后重新选择文件。",
    ),
    "file_changed": Sentence(
        "{file} is not the file that was previewed: it was changed since. Look at its preview "
        "again.",
        "{file} 与预览时的文件不同，可能已被修改。请重新预览。",
    ),
    "sheet_missing": Sentence("Nothing stands here. Fill it in.", "此处为空。请填写。"),
    "sheet_twice": Sentence(
        "It stands in {place} already. Keep one of the two rows.",
        "与 {place} 重复。请只保留一行。",
    ),
    "sheet_column_unknown": Sentence(
        "{given} is no column of this sheet. Take the header from the downloaded file, or delete "
        "the column.",
        "没有名为 {given} 的列。请使用下载文件中的表头，或删除该列。",
    ),
    "sheet_beside": Sentence(
        "{given} stands beside the columns of the header. Write numbers with a point and "
        "texts with commas in quotes, or delete the cell.",
        "{given} 超出表头的列。小数请用点号，含逗号的文字请加引号，或删除该单元格。",
    ),
    "sheet_column_twice": Sentence(
        "The column {given} stands here a second time. Delete one of them.",
        "列 {given} 重复。请删除其中一列。",
    ),
    "sheet_column_missing": Sentence(
        "The column {argument} is missing. Add it.",
        "缺少列“{argument}”。请补上。",
    ),
    "sheet_no_text": Sentence(
        "{given} is no text. Write it as text.",
        "{given} 不是文字。请以文本格式填写。",
    ),
    "sheet_no_number": Sentence(
        "{given} is no number. Write digits only, with a point before decimals (0.5).",
        "{given} 不是数字。请只填数字，小数点用“.”（例如 0.5）。",
    ),
    "sheet_no_whole": Sentence(
        "{given} is no whole number. Write one without decimals.",
        "{given} 不是整数。请填写不带小数的数字。",
    ),
    "sheet_no_day": Sentence(
        "{given} is no date. Write 2026-12-01.",
        "{given} 不是日期。请写成 2026-12-01。",
    ),
    "sheet_no_choice": Sentence(
        "{given} is none of the choices. Write one of {codes}.",
        "{given} 不在可选项中。请填写以下之一：{codes}。",
    ),
}, {
    "argument": {
        "file": Sentence("file", "文件"),
        "sha256": Sentence("hash of the file", "文件校验值"),
        "content": Sentence("content of the file", "文件内容"),
    },
})  # fmt: skip
