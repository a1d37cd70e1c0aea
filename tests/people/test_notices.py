from datetime import UTC, datetime, timedelta

from notices import open_for

from database.connection import Connection
from people import notices, worker
from people.notices import JOBS

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


def gone_up(connection: Connection) -> list[tuple[str, str, datetime]]:
    return connection.execute(
        "select subject, escalated_to, escalated_at from people.notice "
        "where escalated_to is not null order by id"
    ).fetchall()


def test_what_nobody_sees_to_is_told_to_the_next_role_in_its_time(connection: Connection) -> None:
    notices.raise_once(connection, "press_behind", "P01", "P01", "leader", NOW)
    notices.raise_once(connection, "press_behind", "P02", "P02", "leader", NOW)
    notices.raise_once(connection, "brand_new", "X", None, "leader", NOW)
    notices.close(connection, "press_behind", "P02", NOW + timedelta(minutes=3))
    quarter = NOW + timedelta(minutes=15)  # as shipped
    worker.work(connection, JOBS, quarter - timedelta(seconds=1))
    assert gone_up(connection) == []
    worker.work(connection, JOBS, quarter)
    assert gone_up(connection) == [("P01", "it", quarter)]


def test_what_comes_again_has_its_whole_time_again_and_nobody_has_read_it(
    connection: Connection,
) -> None:
    connection.execute("insert into people.person (code, name, role) values ('L', '', 'leader')")
    args = (connection, "press_behind", "P01", "P01", "leader")
    notices.raise_once(*args, NOW)
    (first,) = open_for(connection, "leader")
    notices.mark_read(connection, [first.id], "L", NOW)
    notices.close(connection, "press_behind", "P01", NOW)
    again = NOW + timedelta(minutes=10)
    notices.raise_once(*args, again)
    assert connection.execute("select from people.notice_read").fetchall() == []
    worker.work(connection, JOBS, NOW + timedelta(minutes=15))
    assert gone_up(connection) == []
    worker.work(connection, JOBS, again + timedelta(minutes=15))
    assert [at for _, _, at in gone_up(connection)] == [again + timedelta(minutes=15)]


def test_another_time_holds_for_what_is_open_too(connection: Connection) -> None:
    notices.raise_once(connection, "press_behind", "P01", "P01", "leader", NOW)
    notices.raise_once(connection, "report", "R", "P01", "leader", NOW)
    connection.execute(
        "update people.notice_kind set minutes = 60, next_role = 'manager' "
        "where code = 'press_behind'"
    )
    notices.reset_clocks(connection, "press_behind", NOW)
    worker.work(connection, JOBS, NOW + timedelta(minutes=59))
    assert gone_up(connection) == []
    worker.work(connection, JOBS, NOW + timedelta(minutes=60))
    assert [(subject, role) for subject, role, _ in gone_up(connection)] == [("P01", "manager")]
