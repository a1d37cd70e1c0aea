"""Shifts on the plant's clock: nights belong to the day they began, also when clocks change."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from database.connection import Connection
from mes_bridge import plant
from plant import shifts
from plant.errors import PlantNotLoadedError
from plant.layout import Meter, Plant, Press, ShiftPattern
from plant.shifts import Span

BERLIN = ZoneInfo("Europe/Berlin")
DAY = ShiftPattern("day", time(8), time(20), [(time(12), time(13))])
NIGHT = ShiftPattern("night", time(20), time(8), [(time(23, 45), time(0, 15)), (time(3), time(4))])
NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def stored(
    connection: Connection, *patterns: ShiftPattern, zone: str = "UTC", now: datetime = NOW
) -> None:
    silence = timedelta(seconds=30)
    plant.store(
        connection,
        Plant(
            site="s",
            time_zone=zone,
            silence=silence,
            lines=["L1"],
            presses=[Press("P01", "L1", 60, silence, "strokes")],
            meters=[Meter("E01", "P01", 40, "energy")],
            shifts=patterns,
        ),
        now,
    )


def instances(connection: Connection) -> list[tuple[date, str]]:
    return connection.execute("select date, code from plant.shift order by span").fetchall()


def test_a_night_shift_and_its_breaks_cross_midnight() -> None:
    night = shifts.on(NIGHT, date(2026, 3, 2), ZoneInfo("UTC"))
    assert night.date == date(2026, 3, 2)
    assert night.span == Span(at(2, 20), at(3, 8))
    assert night.breaks == (Span(at(2, 23, 45), at(3, 0, 15)), Span(at(3, 3), at(3, 4)))


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 3, 28), 11), (date(2026, 10, 24), 13), (date(2026, 6, 1), 12)]
)
def test_the_night_in_which_clocks_change_is_shorter_or_longer(day: date, hours: int) -> None:
    span = shifts.on(NIGHT, day, BERLIN).span
    assert span.end - span.start == timedelta(hours=hours)
    assert span.end == shifts.on(DAY, day + timedelta(days=1), BERLIN).span.start


def test_instances_are_made_once_and_own_their_instants(connection: Connection) -> None:
    stored(connection, DAY, NIGHT)
    assert shifts.ensure(connection, at(2, 10), at(3, 10)) == 3
    assert shifts.ensure(connection, at(2, 10), at(3, 10)) == 0
    assert instances(connection) == [
        (date(2026, 3, 2), "day"), (date(2026, 3, 2), "night"), (date(2026, 3, 3), "day"),
    ]  # fmt: skip
    night = shifts.at(connection, at(2, 20))
    assert shifts.at(connection, at(3, 7, 59)) == night != shifts.at(connection, at(3, 8))
    assert shifts.at(connection, at(1, 12)) is None


def test_the_next_boundary_is_a_quarter_hour_or_an_earlier_shift_end(
    connection: Connection,
) -> None:
    stored(connection, ShiftPattern("early", time(6), time(13, 50)))
    shifts.ensure(connection, at(2, 0), at(3, 0))
    assert shifts.boundary_after(connection, at(2, 13, 31)) == at(2, 13, 45)
    assert shifts.boundary_after(connection, at(2, 13, 45)) == at(2, 13, 50)
    assert shifts.boundary_after(connection, at(2, 13, 50)) == at(2, 14, 0)


def test_loading_the_same_plant_again_changes_nothing(connection: Connection) -> None:
    stored(connection, DAY, NIGHT)
    shifts.ensure(connection, at(2, 10), at(4, 10))
    before = instances(connection)
    stored(connection, DAY, NIGHT)
    assert instances(connection) == before


def test_a_new_pattern_holds_from_the_next_shift_on(connection: Connection) -> None:
    stored(connection, DAY, NIGHT)
    shifts.ensure(connection, at(2, 10), at(4, 10))
    stored(connection, ShiftPattern("long", time(20), time(14)))
    shifts.ensure(connection, at(2, 10), at(3, 10))
    assert instances(connection) == [(date(2026, 3, 2), "day"), (date(2026, 3, 2), "long")]


def test_a_new_pattern_leaves_no_hole_behind_the_shift_that_lasts(connection: Connection) -> None:
    stored(connection, DAY, NIGHT)
    shifts.ensure(connection, at(2, 10), at(4, 10))
    stored(
        connection, ShiftPattern("day", time(7), time(19)), ShiftPattern("night", time(19), time(7))
    )
    for _ in range(2):
        shifts.ensure(connection, at(2, 10), at(3, 18))
    spans = connection.execute(
        "select code, lower(span), upper(span) from plant.shift order by span"
    ).fetchall()
    assert spans == [
        ("day", at(2, 8), at(2, 20)), ("night", at(2, 20), at(3, 7)), ("day", at(3, 7), at(3, 19)),
    ]  # fmt: skip


def night_with(start: time, end: time, day: date) -> tuple[Span, ...]:
    return shifts.on(ShiftPattern("night", time(22), time(6), [(start, end)]), day, BERLIN).breaks


SPRING, AUTUMN = date(2026, 3, 28), date(2026, 10, 24)  # the nights in which Berlin sets its clocks
ONE = datetime(2026, 3, 29, 1, tzinfo=UTC)  # 02:00 becomes 03:00
BACK = datetime(2026, 10, 25, 1, tzinfo=UTC)  # 03:00 becomes 02:00
HALF, HOUR = timedelta(minutes=30), timedelta(hours=1)


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        (time(2, 30), time(3), ()),  # that half hour does not exist
        (time(2), time(3), ()),
        (time(1, 45), time(2, 15), (Span(ONE - HALF / 2, ONE),)),
        (time(2, 30), time(3, 30), (Span(ONE, ONE + HALF),)),
        (time(1, 30), time(3, 30), (Span(ONE - HALF, ONE + HALF),)),
    ],
)
def test_a_break_in_the_hour_that_is_skipped(
    start: time, end: time, found: tuple[Span, ...]
) -> None:
    assert night_with(start, end, SPRING) == found


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        (time(2, 30), time(3), Span(BACK + HALF, BACK + HOUR)),
        (time(2), time(2, 30), Span(BACK - HOUR, BACK - HALF)),
        (time(1, 45), time(2, 15), Span(BACK - HOUR - HALF / 2, BACK - HOUR + HALF / 2)),
        (time(2), time(3), Span(BACK, BACK + HOUR)),
        (time(1, 30), time(3, 30), Span(BACK - HOUR - HALF, BACK + HOUR + HALF)),
    ],
)
def test_a_break_in_the_hour_that_comes_twice_is_as_long_as_ever(
    start: time, end: time, found: Span
) -> None:
    assert night_with(start, end, AUTUMN) == (found,)


@pytest.mark.parametrize("zone", ["Australia/Lord_Howe", "Africa/Cairo", "America/Santiago"])
def test_every_day_of_a_year_has_shifts_without_hole_or_overlap(zone: str) -> None:
    """Also where clocks jump by half an hour, and where midnight is what does not exist."""
    thirds = [ShiftPattern("a", time(0), time(8)), ShiftPattern("b", time(8), time(16)),
              ShiftPattern("c", time(16), time(0), [(time(23, 40), time(0))])]  # fmt: skip
    first = date(2026, 1, 1)
    made = [
        shifts.on(pattern, first + timedelta(days=day), ZoneInfo(zone))
        for day in range(366)
        for pattern in thirds
    ]
    assert all(a.span.end == b.span.start for a, b in pairwise(made))
    assert all(one.span.start < one.span.end for one in made)
    assert {pause.end - pause.start for one in made for pause in one.breaks} == {
        timedelta(minutes=20)
    }


def test_breaks_that_overlap_are_one_and_none_outlasts_its_shift(connection: Connection) -> None:
    breaks = [(time(10), time(11)), (time(10, 30), time(11, 30)), (time(11, 30), time(12, 30))]
    stored(connection, ShiftPattern("early", time(8), time(12), breaks))
    shifts.ensure(connection, at(2, 0), at(3, 0))
    row = connection.execute("select lower(span), upper(span) from plant.shift_break").fetchall()
    assert row == [(at(2, 10), at(2, 12))]


def test_without_a_plant_the_cure_is_told(connection: Connection) -> None:
    with pytest.raises(PlantNotLoadedError, match="pressline plant load"):
        shifts.ensure(connection, at(2, 10), at(3, 10))


WHOLE_DAYS = (
    (DAY, NIGHT),
    (ShiftPattern("day", time(7), time(19)), ShiftPattern("night", time(19), time(7))),
    (ShiftPattern("day", time(8), time(21)), ShiftPattern("night", time(21), time(8))),
    (
        ShiftPattern("early", time(6), time(14)), ShiftPattern("late", time(14), time(22)),
        ShiftPattern("night", time(22), time(6)),
    ),
    (ShiftPattern("all", time(0), time(0)),),
)  # fmt: skip
CHANGES = st.lists(st.tuples(st.integers(1, 900), st.sampled_from(WHOLE_DAYS)), max_size=6)


@given(CHANGES)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_however_often_the_pattern_changes_there_is_no_hole(
    connection: Connection, changes: list[tuple[int, tuple[ShiftPattern, ...]]]
) -> None:
    connection.execute("delete from plant.shift_break; delete from plant.shift")
    now = NOW
    stored(connection, *WHOLE_DAYS[0], now=now)
    shifts.ensure(connection, now - timedelta(days=1), now + timedelta(days=2))
    for minutes, pattern in changes:
        now += timedelta(minutes=minutes)
        stored(connection, *pattern, now=now)
        shifts.ensure(connection, now, now + timedelta(days=2))
    spans = connection.execute(
        "select lower(span), upper(span) from plant.shift order by span"
    ).fetchall()
    assert all(a[1] == b[0] for a, b in pairwise(spans)), spans
    assert spans[-1][1] >= now + timedelta(days=2)


def test_a_night_belongs_to_the_date_it_began_or_ended_as_the_plant_has_it() -> None:
    late = ShiftPattern("late", time(16), time(0))
    for pattern, began, ended in ((NIGHT, 2, 3), (DAY, 2, 2), (late, 2, 2)):
        day = date(2026, 3, 2)
        assert shifts.on(pattern, day, BERLIN).date == date(2026, 3, began)
        assert shifts.on(pattern, day, BERLIN, "ended").date == date(2026, 3, ended)


def test_a_line_that_is_added_and_a_night_that_is_moved_while_it_lasts(
    connection: Connection,
) -> None:
    stored(connection, DAY, NIGHT)
    shifts.ensure(connection, at(2, 10), at(4, 10))
    night = shifts.at(connection, at(2, 23))
    longer = ShiftPattern("night", time(21), time(9), [(time(8, 15), time(8, 30))])
    stored(connection, ShiftPattern("day", time(9), time(21)), longer, now=at(2, 23))
    shifts.ensure(connection, at(2, 23), at(4, 10))
    assert shifts.at(connection, at(3, 8, 30)) == night
    breaks = connection.execute(
        "select lower(span) from plant.shift_break where shift = %s order by span", [night]
    ).fetchall()
    assert breaks == [(at(2, 23, 45),), (at(3, 3),), (at(3, 8, 15),)]
    before = instances(connection)
    connection.execute("insert into plant.line values ('L2', 2)")
    stored(connection, ShiftPattern("day", time(9), time(21)), longer, now=at(3, 1))
    shifts.ensure(connection, at(3, 1), at(4, 10))
    assert instances(connection) == before
