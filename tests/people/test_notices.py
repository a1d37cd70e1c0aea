from datetime import UTC, datetime, timedelta

from notices import open_for

from database.connection import Connection
from people import notices

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def subjects(connection: Connection, role: str, *on: str) -> list[str]:
    return [n.subject for n in open_for(connection, role, on)]


def test_a_thing_that_waits_is_said_once_and_closed_once(connection: Connection) -> None:
    args = (connection, "unattributed", "P01", "P01", "leader")
    assert notices.raise_once(*args, NOW)
    assert not notices.raise_once(*args, NOW + timedelta(minutes=1))
    (waiting,) = open_for(connection, "leader")
    assert waiting.at == NOW
    assert notices.close(connection, "unattributed", "P01", NOW)
    assert not notices.close(connection, "unattributed", "P01", NOW)
    assert subjects(connection, "leader") == []


def test_a_thing_that_comes_again_is_said_again(connection: Connection) -> None:
    args = (connection, "unattributed", "P01", "P01", "leader")
    notices.raise_once(*args, NOW)
    notices.close(connection, "unattributed", "P01", NOW)
    again = NOW + timedelta(hours=1)
    assert notices.raise_once(*args, again)
    (waiting,) = open_for(connection, "leader")
    assert waiting.at == again


def test_leaders_see_what_waits_on_their_lines_and_managers_everything(
    connection: Connection,
) -> None:
    notices.raise_once(connection, "unattributed", "P01", "P01", "leader", NOW)
    notices.raise_once(connection, "report", "W/A/1", "P04", "leader", NOW)
    notices.raise_once(connection, "report", "W/A/2", None, "leader", NOW)
    notices.raise_once(connection, "stock", "COIL", None, "warehouse", NOW)
    assert subjects(connection, "leader", "L1") == ["P01", "W/A/2"]
    assert subjects(connection, "leader", "L2") == ["W/A/1", "W/A/2"]
    assert subjects(connection, "leader") == ["P01", "W/A/1", "W/A/2"]
    assert subjects(connection, "manager") == ["P01", "W/A/1", "W/A/2", "COIL"]
    assert subjects(connection, "operator") == []
