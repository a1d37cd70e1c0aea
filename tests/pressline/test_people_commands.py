"""`pressline people`: somebody leaves, somebody gets a new PIN; who may not is told so."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import structlog
from typer.testing import CliRunner, Result

from database.connection import Connection
from erp_core.masters import masters
from people import sign_ins, staff
from people.refusal import Refused
from people.sign_ins import Place
from pressline.__main__ import app

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
SHIFT = timedelta(days=400)  # the commands go by the machine's clock
HERE = Place(None)


@pytest.fixture
def staffed(connection: Connection) -> Connection:
    """An operator with badge and PIN, and a manager."""
    staff = [
        {"code": "E1", "role": "operator", "badge": "EMP:1", "pin": "4711"},
        {"code": "E2", "role": "manager", "badge": "EMP:2"},
    ]
    masters.load(connection, {"person": staff}, NOW)
    connection.commit()
    return connection


@pytest.fixture
def call(database: str) -> Iterator["Call"]:
    logging = structlog.get_config()
    yield Call(database)
    structlog.configure(**logging)


class Call:
    """`pressline people …` on the test's database."""

    def __init__(self, database: str) -> None:
        self.database = database

    def __call__(self, *arguments: str, typed: str = "") -> Result:
        command = ["people", *arguments, "--database", self.database]
        return CliRunner().invoke(app, command, input=typed)


def session(connection: Connection) -> str:
    """E1 is at work."""
    token = staff.open_session(connection, "E1", None, NOW, SHIFT)
    connection.commit()
    return token


def knows(connection: Connection, pin: str) -> bool:
    asked = sign_ins.ask(connection, "E1", HERE, NOW)
    return bool(sign_ins.by_pin(connection, asked, HERE, NOW, right=asked.right(pin)).person)


def test_who_leaves_is_out_with_badge_pin_and_session(staffed: Connection, call: Call) -> None:
    token = session(staffed)
    done = call("leave", "E1", "--by", "E2")
    assert done.exit_code == 0, done.output
    assert "E1 has left: badge, PIN and sessions have ended" in done.output
    assert staff.session_person(staffed, token, NOW) is None
    assert sign_ins.by_badge(staffed, "EMP:1", HERE, NOW).refusal == "badge_unknown"
    assert not knows(staffed, "4711")
    acts = staffed.execute("select who, act, args, about from people.act").fetchall()
    assert acts == [("E2", "person.leave", {"person": "E1"}, ["person/E1"])]


def test_a_new_pin_is_typed_unseen_and_ends_sessions(staffed: Connection, call: Call) -> None:
    token = session(staffed)
    done = call("pin", "E1", "--by", "E2", typed="2468\n")
    assert done.exit_code == 0, done.output
    assert "E1 has a new PIN and has to sign in again" in done.output
    assert "2468" not in done.output
    assert staff.session_person(staffed, token, NOW) is None
    assert not knows(staffed, "4711")
    assert knows(staffed, "2468")


@pytest.mark.parametrize(
    ("arguments", "typed", "code"),
    [
        (("leave", "E2", "--by", "E1"), "", "not_allowed"),
        (("leave", "E1", "--by", "nobody"), "", "person_unknown"),
        (("leave", "E9", "--by", "E2"), "", "person_gone"),
        (("pin", "E1", "--by", "E1"), "2468\n", "not_allowed"),
        (("pin", "E9", "--by", "E2"), "2468\n", "person_gone"),
        (("pin", "E1", "--by", "E2"), "12\n", "pin_form"),
    ],
)
def test_what_cannot_be_done_is_a_sentence_and_changes_nothing(
    staffed: Connection, call: Call, arguments: tuple[str, ...], typed: str, code: str
) -> None:  # fmt: skip
    token = session(staffed)
    done = call(*arguments, typed=typed)
    assert isinstance(done.exception, Refused)  # `main` tells it and ends with 2
    assert done.exception.code == code
    assert staff.session_person(staffed, token, NOW) is not None
    assert knows(staffed, "4711")


def test_who_has_left_cannot_leave_again(staffed: Connection, call: Call) -> None:
    assert call("leave", "E1", "--by", "E2").exit_code == 0
    assert isinstance(call("leave", "E1", "--by", "E2").exception, Refused)
    assert isinstance(call("pin", "E1", "--by", "E2", typed="2468\n").exception, Refused)
