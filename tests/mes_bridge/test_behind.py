"""One press's trouble is its own: it is set aside, told, tried again; the others go on."""

from collections.abc import Generator
from contextlib import contextmanager

import pytest
from machine_hall import Hall
from notices import open_for
from press_shop import clock
from psycopg import sql
from structlog.testing import capture_logs

from database.connection import Connection, connect
from mes_bridge import behind
from mes_bridge.bridge import Bridge


@pytest.fixture
def hall(connection: Connection) -> Hall:
    return Hall.opened(connection)


@contextmanager
def holding(database: str, press: str) -> Generator[None]:
    """Somebody else holds the press."""
    with connect(database) as other:
        other.execute("select 1 from plant.press where name = %s for update", [press])
        yield


@contextmanager
def broken(hall: Hall, measure: str = "%") -> Generator[None]:
    """Counts of P01 cannot be written, as a row that breaks a rule cannot."""
    hall.connection.execute(
        sql.SQL(
            "create function broken() returns trigger language plpgsql as $$ begin "
            "raise exception 'a row that cannot be'; end $$; "
            "create trigger broken before insert on mes.count for each row "
            "when (new.press = 'P01' and new.measure like {}) execute function broken()"
        ).format(measure)
    )
    hall.connection.commit()
    yield
    hall.connection.execute("drop trigger broken on mes.count; drop function broken()")
    hall.connection.commit()


def strokes_of_two(hall: Hall, since: str, strokes: int, first: int = 0) -> None:
    for press in ("P01", "P02"):
        hall.stroke(since, strokes, press, first)
    hall.connection.commit()


def aside(hall: Hall) -> list[tuple[str, str | None]]:
    return hall.connection.execute(
        "select owner, reason from mes.press_behind order by owner"
    ).fetchall()


def test_a_press_that_somebody_holds_is_passed_over_and_taken_a_second_later(
    hall: Hall, database: str
) -> None:
    strokes_of_two(hall, "08:00:00", 10)
    with holding(database, "P01"):
        hall.advance("08:00:11")
        assert (hall.counted("P01"), hall.counted("P02")) == (0, 10)
        assert aside(hall) == [("P01", None)]
        strokes_of_two(hall, "08:00:12", 5, first=11)
        hall.advance("08:00:18")
        assert (hall.counted("P01"), hall.counted("P02")) == (0, 16)
        assert hall.audit().residual == 0, hall.audit()
    hall.connection.commit()
    hall.advance("08:00:20")
    assert (hall.counted("P01"), hall.counted("P02")) == (16, 16)
    assert aside(hall) == []
    Bridge(hall.connection).settle(clock("08:00:21"))
    assert hall.states("P01") == hall.states("P02")
    assert hall.facts("P01") == hall.facts("P02")
    assert hall.audit().residual == 0


def test_a_press_whose_readings_cannot_be_taken_in_is_set_aside_and_told(hall: Hall) -> None:
    strokes_of_two(hall, "08:00:00", 10)
    with broken(hall), capture_logs() as logs:
        hall.advance("08:00:11")
        assert (hall.counted("P01"), hall.counted("P02")) == (0, 10)
        [(owner, reason)] = aside(hall)
        assert owner == "P01"
        assert reason is not None
        assert "a row that cannot be" in reason
        assert [(one.kind, one.press) for one in open_for(hall.connection, "leader")
                if one.kind == behind.TOLD] == [(behind.TOLD, "P01")]  # fmt: skip
        assert hall.audit().residual == 0
    assert {one["press"] for one in logs if one["log_level"] == "error"} == {"P01"}
    hall.advance("08:00:12")
    assert hall.counted("P01") == 10
    assert aside(hall) == []
    assert not [one for one in open_for(hall.connection, "leader")
                if one.kind == behind.TOLD]  # fmt: skip
    Bridge(hall.connection).settle(clock("08:00:13"))
    assert hall.facts("P01") == hall.facts("P02")


def test_it_is_tried_less_and_less_often(hall: Hall) -> None:
    strokes_of_two(hall, "08:00:00", 10)
    with broken(hall):
        for second in range(11, 60):
            hall.advance(f"08:00:{second}")
        row = hall.connection.execute("select tries from mes.press_behind").fetchone()
    assert row == (6,)  # at 11, 12, 14, 18, 26, 42 s; next after 32 s more
    hall.advance("08:01:13")
    assert [owner for owner, _ in aside(hall)] == ["P01"]
    hall.advance("08:01:14")
    assert aside(hall) == []
    assert hall.counted("P01") == 10


def test_the_meter_of_a_press_goes_with_it_and_a_new_node_is_not_forgotten(hall: Hall) -> None:
    hall.read("08:00:00", 10.0, "E01", "energy")
    hall.stroke("08:00:00", 2)
    hall.connection.commit()
    with broken(hall, "wh"):
        hall.read("08:00:30", 10.1, "E01", "energy")
        hall.read("08:00:40", 10.2, "E01", "energy")
        hall.advance("08:00:41")
        assert [owner for owner, _ in aside(hall)] == ["P01"]
        hall.channel("P02", "own", "counter", node="edge-2")  # an outbox that begins meanwhile
        hall.connection.execute("update plant.press set stroke_channel = 'own' where name = 'P02'")
        hall.read("08:00:42", 0, "P02", "own", node="edge-2")
        hall.read("08:00:43", 1, "P02", "own", node="edge-2")
        hall.advance("08:00:44")
    hall.advance("08:02:00")
    assert (hall.counted("P01"), hall.counted("E01"), hall.counted("P02")) == (2, 200, 1)
    assert hall.audit().residual == 0


def test_a_timer_that_fails_ends_neither_the_others_nor_the_day(hall: Hall) -> None:
    hall.shop.order("WO1", "BRK")
    hall.shop.producing("08:00:00", "WO1", die="D1")
    hall.stroke("08:00:01", 10)
    hall.connection.execute("insert into mes.timer values ('run:no-number', '2000-01-01')")
    hall.connection.commit()
    hall.advance("08:00:12")
    with capture_logs() as logs:
        hall.timers("08:20:00")
        hall.timers("08:20:01")
    assert [one["timer"] for one in logs if one["log_level"] == "error"] == ["run:no-number"]
    assert hall.shop.posted("WO1") == {"good": 10}
    names = hall.connection.execute("select name from mes.timer order by name").fetchall()
    assert names == [("boundary",), ("run:no-number",)]


def test_a_report_of_a_press_that_somebody_holds_is_made_later(hall: Hall, database: str) -> None:
    hall.shop.order("WO1", "BRK")
    hall.shop.producing("08:00:00", "WO1", die="D1")
    hall.stroke("08:00:01", 10)
    hall.connection.commit()
    hall.advance("08:00:12")
    with holding(database, "P01"):
        hall.timers("08:15:00")
        assert hall.shop.posted("WO1") == {}
    hall.connection.commit()
    hall.timers("08:15:02")
    assert hall.shop.posted("WO1") == {"good": 10}
