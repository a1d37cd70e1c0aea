"""Files on documents: kept once by content, of a kind by their first bytes, in versions by name.

Who may see a document sees its files. A file that is taken off stays: the act can be undone, and
what was released with it can be shown.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated, LiteralString

from psycopg.rows import class_row
from pydantic import StringConstraints

from database.connection import Connection
from people.acts import Deed, Done, Kind, Kinds, Outcome, check_undo
from people.arguments import Arguments, Code, Name, Whole
from people.refusal import Refused
from people.staff import Person

LARGEST = 10 * 1024 * 1024  # bytes
# First bytes -> what it is. Only images and PDF are ever shown in a page: the others are downloads.
BEGINS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),  # also xlsx and docx
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),  # xls and doc of old
    (b"AC10", "image/vnd.dwg"),
    (b"ISO-10303-21;", "model/step"),
)
SHOWN = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf"})


@dataclass(frozen=True, slots=True)
class Holder:
    """A noun whose documents have files: the right to see it, and whether a person sees one."""

    right: str
    sees: Callable[[Connection, Person, str], bool]


Holders = Mapping[str, Holder]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file on a document, without its bytes."""

    id: int
    document: str
    name: str
    version: int
    sha256: str
    type: str
    size: int
    who: str
    at: datetime
    removed: datetime | None

    @property
    def shown(self) -> bool:
        """Whether a page may show it; anything else could run in the page."""
        return self.type in SHOWN


class Add(Arguments):
    """attachment.add{noun, key, name, content}: the file in base64."""

    noun: Code
    key: Name
    name: Name
    content: Annotated[str, StringConstraints(max_length=LARGEST * 4 // 3 + 8)]


class Remove(Arguments):
    """attachment.remove{attachment}: its number; the bytes stay."""

    attachment: Whole


def type_of(content: bytes) -> str:
    """What a file is by its bytes; raises Refused: empty, too large, of no known kind."""
    if not content:
        raise Refused("attached_empty")
    if len(content) > LARGEST:
        raise Refused("attached_too_large", size=f"{len(content) / 2**20:.1f}")
    for begins, kind in BEGINS:
        if content.startswith(begins):
            return kind
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    if _is_text(content):
        return "text/plain"
    raise Refused("file_unknown")


def _is_text(content: bytes) -> bool:
    if any(byte < 32 and byte not in b"\t\n\r\f" for byte in content):
        return False
    for encoding in ("utf-8", "gb18030"):
        try:
            content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return True
    return False


def of(connection: Connection, document: str) -> list[Attachment]:
    """The files on a document, the newest version of each name first."""
    return _all(
        connection, _FILES + "where a.document = %s and a.removed is null "
        "order by lower(a.name), a.name, a.version desc limit 200", document,
    )  # fmt: skip


def find(connection: Connection, number: int) -> Attachment | None:
    """One file, also one that was taken off."""
    found = _all(connection, _FILES + "where a.id = %s", number)
    return found[0] if found else None


def content(connection: Connection, sha256: str) -> bytes:
    """The bytes of a file."""
    row = connection.execute("select bytes from people.file where sha256 = %s", [sha256]).fetchone()
    assert row is not None
    return row[0]


def acts(holders: Holders) -> Kinds:
    """The acts, on documents of these nouns."""
    return {
        "attachment.add": Kind(
            Add, partial(_add, holders=holders), partial(_add_undone, holders=holders),
            secret=frozenset({"content"}),
        ),
        "attachment.remove": Kind(
            Remove, partial(_remove, holders=holders), partial(_remove_undone, holders=holders)
        ),
    }  # fmt: skip


def sees(connection: Connection, holders: Holders, person: Person, document: str) -> bool:
    """Whether the person may look at the document, and so at its files."""
    noun, _, key = document.partition("/")
    holder = holders.get(noun)
    return holder is not None and person.may(holder.right) and holder.sees(connection, person, key)


def _held(deed: Deed, holders: Holders, document: str) -> None:
    if not sees(deed.connection, holders, deed.person, document):
        raise Refused("document_hidden", name=document.partition("/")[2])
    deed.touches(*document.split("/", 1))


def _add(deed: Deed, given: Add, holders: Holders) -> Outcome:
    document = f"{given.noun}/{given.key}"
    _held(deed, holders, document)
    try:
        file = base64.b64decode(given.content, validate=True)
    except binascii.Error:
        raise Refused("file_unknown") from None
    kind, digest = type_of(file), hashlib.sha256(file).hexdigest()
    deed.connection.execute(
        "insert into people.file (sha256, type, bytes) values (%s, %s, %s) on conflict do nothing",
        [digest, kind, file],
    )
    version = _next(deed, document, given.name, digest)
    row = deed.connection.execute(
        "insert into people.attachment (document, name, version, sha256, size, person, at) "
        "values (%s, %s, %s, %s, %s, %s, %s) returning id",
        [document, given.name, version, digest, len(file), deed.person.code, deed.now],
    ).fetchone()
    assert row is not None
    return {"message": "attached", "attachment": row[0], "name": given.name, "version": version}


def _next(deed: Deed, document: str, name: str, digest: str) -> int:
    """The version that comes next, held against others; raises Refused for the same file again."""
    deed.connection.execute("lock table people.attachment in share row exclusive mode")
    last = deed.connection.execute(
        "select version, sha256, removed from people.attachment "
        "where document = %s and name = %s order by version desc limit 1",
        [document, name],
    ).fetchone()
    if last and last[1] == digest and last[2] is None:
        raise Refused("file_there", name=name, version=last[0])
    return last[0] + 1 if last else 1


def _remove(deed: Deed, given: Remove, holders: Holders) -> Outcome:
    return _taken_off(deed, holders, given.attachment, deed.now, "detached")


def _taken_off(
    deed: Deed, holders: Holders, number: int, removed: datetime | None, message: str
) -> Outcome:
    """On the document or off it, from now on; raises Refused when it is so already."""
    there = find(deed.connection, number)
    if there is None:
        raise Refused("file_not_there")
    _held(deed, holders, there.document)
    changed = deed.connection.execute(
        "update people.attachment set removed = %s where id = %s "
        "and (removed is null) <> (%s::timestamptz is null)",
        [removed, number, removed],
    )
    if not changed.rowcount:
        raise (
            Refused("undo_nothing", act="attachment.remove")
            if removed is None
            else Refused("file_not_there")
        )
    return {"message": message, "attachment": number, "name": there.name, "version": there.version}


def _add_undone(deed: Deed, done: Done, reason: str | None, holders: Holders) -> Outcome:
    check_undo(deed, done, reason)
    return _taken_off(deed, holders, done.outcome["attachment"], deed.now, "detached")


def _remove_undone(deed: Deed, done: Done, reason: str | None, holders: Holders) -> Outcome:
    check_undo(deed, done, reason)
    return _taken_off(deed, holders, done.outcome["attachment"], None, "attached")


def _all(connection: Connection, query: LiteralString, value: str | int) -> list[Attachment]:
    with connection.cursor(row_factory=class_row(Attachment)) as cursor:
        return cursor.execute(query, [value]).fetchall()


_FILES = """
select a.id, a.document, a.name, a.version, a.sha256, f.type, a.size,
       coalesce(p.name, a.person) as who, a.at, a.removed
from people.attachment a join people.file f on f.sha256 = a.sha256
left join people.person p on p.code = a.person
"""
