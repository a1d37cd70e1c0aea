"""The act about kinds of notices: when they are told to whom as well."""

from types import MappingProxyType
from typing import Annotated

from pydantic import Field

from people import notices
from people.acts import Deed, Done, Kind, Kinds, Outcome, check_undo
from people.arguments import Arguments, Code, Whole
from people.refusal import Refused


class Change(Arguments):
    """notice_kind.change{notice_kind, minutes?, next_role?}: without both, nobody else is told."""

    notice_kind: Code
    minutes: Annotated[Whole, Field(ge=1, le=43_200)] | None = None
    next_role: Code | None = None


def _change(deed: Deed, given: Change) -> Outcome:
    before = deed.connection.execute(
        "select minutes, next_role from people.notice_kind where code = %s for update",
        [given.notice_kind],
    ).fetchone()
    if before is None:
        raise Refused("notice_kind_unknown", kind=given.notice_kind)
    _set(deed, given)
    return {
        "message": "notice_kind_changed",
        "notice_kind": given.notice_kind,
        "before": {"minutes": before[0], "next_role": before[1]},
    }


def _set(deed: Deed, given: Change) -> None:
    if (given.minutes is None) != (given.next_role is None):
        raise Refused("notice_kind_half")
    known = deed.connection.execute("select from people.role where code = %s", [given.next_role])
    if given.next_role is not None and known.fetchone() is None:
        raise Refused("role_unknown", role=given.next_role)
    deed.touches("notice_kind", given.notice_kind)
    deed.connection.execute(
        "update people.notice_kind set minutes = %s, next_role = %s where code = %s",
        [given.minutes, given.next_role, given.notice_kind],
    )
    notices.reset_clocks(deed.connection, given.notice_kind, deed.now)


def _undo(deed: Deed, done: Done, reason: str | None) -> Outcome:
    check_undo(deed, done, reason)
    kind = done.args["notice_kind"]
    row = deed.connection.execute(
        "select minutes, next_role from people.notice_kind where code = %s for update", [kind]
    ).fetchone()
    if row != (done.args.get("minutes"), done.args.get("next_role")):
        raise Refused("undo_nothing", act=done.act)
    _set(deed, Change(notice_kind=kind, **done.outcome["before"]))
    return {"notice_kind": kind}


ACTS: Kinds = MappingProxyType({"notice_kind.change": Kind(Change, _change, _undo)})
