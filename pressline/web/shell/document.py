"""What the page of a document shows beside what is its noun's own: form, words, history."""

from collections.abc import Mapping
from typing import Any

from database.connection import Connection
from erp_core import records
from erp_core.records import Record
from people import attachments, fields, history
from people.arguments import Arguments
from people.staff import Person
from pressline.house import ACTS
from pressline.web.shell import forms
from pressline.web.shell.paths import path
from pressline.web.shell.sign_in import NotFoundError


def facts(
    connection: Connection, person: Person, record: Record, code: str, locale: str,
    beside: Mapping[str, Any] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The row, the form to change it, its history; `beside`: values that stand beside the row."""
    row = records.find(connection, record, code)
    if row is None:
        raise NotFoundError(record.noun, code)
    act = f"{record.noun}.change"
    model = ACTS[f"{record.noun}.create"].arguments
    args = {record.noun: code, "version": row["version"]}
    return {
        **files(connection, person, record.noun, code),
        "row": row,
        "about": fields.of(record.model),
        "form": forms.change(connection, act, model, locale, args, {**row, **(beside or {})})
        if person.may(act) else None,
        **past(connection, person, record.noun, ".".join(record.table), code, record.model),
    }  # fmt: skip


def files(connection: Connection, person: Person, noun: str, code: str) -> dict[str, Any]:
    """The files on the document, where more are sent, and what of it this person may do."""
    document = f"{noun}/{code}"
    return {
        "files": attachments.of(connection, document),
        "attach_at": path("api", "attachments", noun, code)
        if person.may("attachment.add") else None,
        "detaches": person.may("attachment.remove"),
        "largest": attachments.LARGEST,
    }  # fmt: skip


def past(
    connection: Connection, person: Person, noun: str, table: str, code: str,
    model: type[Arguments],
) -> dict[str, Any]:  # fmt: skip
    """The history, the words of its values, and what of it this person may take back."""
    return {
        "past": history.of(connection, noun, table, code),
        "groups": {each.name: each.group for each in fields.of(model) if each.group},
        "may_undo": {act for act, kind in ACTS.items() if kind.undo and person.may(act)},
    }
