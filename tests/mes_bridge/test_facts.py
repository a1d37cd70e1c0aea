"""Facts add up: strokes, seconds and Wh per minute and run, however often they are computed."""

import random
from datetime import datetime, timedelta

import pytest
from machine_hall import Hall
from press_shop import clock

from database.connection import Connection
from mes_bridge.bridge import Bridge
from mes_bridge.states import facts


@pytest.fixture
def hall(connection: Connection) -> Hall:
    return Hall.opened(connection)


def test_strokes_and_seconds_fall_into_their_minutes(hall: Hall) -> None:
    hall.stroke("08:00:30", 60)
    hall.advance("08:01:30")
    assert hall.facts() == [
        ("08:00", False, 29, 29, 1, 0, 0, 0),
        ("08:01", False, 31, 30, 0, 0, 0, 0),
    ]


def test_strokes_of_a_gap_have_no_minute(hall: Hall) -> None:
    for at, value in (("08:00:00", 0), ("08:02:00", 90), ("08:02:05", 93)):
        hall.read(at, value)
    hall.advance("08:02:05")
    assert hall.facts()[0] == (None, False, 90, 0, 0, 0, 0, 0)
    assert sum(fact[2] for fact in hall.facts()) == 93


def test_a_run_owns_its_strokes_its_time_and_its_energy(hall: Hall) -> None:
    hall.shop.order("WO1", "BRK")
    hall.read("08:00:00", 1.0, "E01", "energy")
    hall.stroke("08:00:00", 30)
    hall.shop.do("08:00:10", "scan", work_order="WO1", die="D1")
    hall.shop.do("08:00:20", "finish")
    hall.read("08:00:15", 1.02, "E01", "energy")
    hall.read("08:00:25", 1.03, "E01", "energy")
    hall.advance("08:00:30")
    assert hall.facts() == [
        ("08:00", True, 10, 10, 0, 0, 20, 0),
        ("08:00", False, 20, 19, 1, 0, 10, 0),
    ]


def test_energy_of_a_standing_press_is_idle(hall: Hall) -> None:
    for second in (0, 10, 20):
        hall.read(f"08:00:{second:02}", 5)
        hall.read(f"08:00:{second:02}", 7 + second / 1000, "E01", "energy")
    hall.advance("08:00:20")
    assert hall.facts() == [("08:00", False, 0, 0, 20, 0, 0, 20)]


def test_an_assigned_run_owns_what_no_scanned_run_owns(hall: Hall) -> None:
    hall.shop.order("WO1", "BRK")
    hall.shop.order("WO2", "BRK")
    hall.stroke("08:00:00", 30)
    hall.shop.do("08:00:10", "scan", work_order="WO1", die="D1")
    hall.shop.do("08:00:20", "finish")
    hall.advance("08:00:30")
    span = {"since": "2026-03-02T08:00:00Z", "to": "2026-03-02T08:00:26Z"}
    hall.shop.lead("08:01", "assign", work_order="WO2", **span)
    strokes = [(owned, n, seconds) for _, owned, n, seconds, *_ in hall.facts() if n]
    assert sorted(strokes) == [(False, 5, 34), (True, 10, 10), (True, 15, 15)]


def test_computing_again_changes_nothing_from_wherever_it_begins(hall: Hall) -> None:
    hall.stroke("08:00:30", 200)
    hall.advance("08:04:00")
    before = hall.facts()
    for start in ("08:00:00", "08:02:10", "08:04:00"):
        facts.refresh(hall.connection, "P01", clock(start), clock("08:04:00"))
        assert hall.facts() == before


def test_seconds_of_a_press_add_up_to_the_clock(hall: Hall) -> None:
    hall.stroke("08:00:00", 20)
    hall.read("08:00:30", None)
    hall.timers("08:10:00")
    assert sum(sum(fact[3:6]) for fact in hall.facts()) == 600


@pytest.mark.parametrize("seed", range(8))
def test_what_is_added_second_by_second_is_what_is_computed_at_once(hall: Hall, seed: int) -> None:
    """Clocks ahead and behind, silences, bad polls, energy, runs that begin and end between."""
    chance = random.Random(seed)
    hall.shop.order("WO1", "BRK")
    day = Day(hall, chance)
    for _ in range(50):
        day.goes_on()
        if chance.random() < 0.5:
            continue
        Bridge(hall.connection).settle(day.now)
        added = hall.facts()
        facts.refresh(hall.connection, "P01", clock("07:59:00"), day.now)
        assert hall.facts() == added


class Day:
    """A press that does something at random, and a bridge that looks now and then."""

    def __init__(self, hall: Hall, chance: random.Random) -> None:
        self.hall, self.chance = hall, chance
        self.now, self.strokes, self.wh, self.runs = clock("08:00:00"), 0, 0, False

    def goes_on(self) -> None:
        self.now += timedelta(seconds=self.chance.choice((1, 1, 1, 2, 7, 25)))
        at = self.now + timedelta(seconds=self.chance.choice((0, 0, 0, 0, 3, -4)))
        for what in self.chance.sample((self._stroke, self._bad, self._energy, self._job), 2):
            what(at)
        Bridge(self.hall.connection).advance(self.now)

    def _stroke(self, at: datetime) -> None:
        self.strokes += self.chance.choice((0, 1, 1, 2))
        self.hall.read(at, self.strokes, arrived=self.now)

    def _bad(self, at: datetime) -> None:
        if self.chance.random() < 0.2:
            self.hall.read(at, None, arrived=self.now)

    def _energy(self, at: datetime) -> None:
        self.wh += self.chance.choice((0, 10))
        self.hall.read(at, self.wh / 1000, "E01", "energy", arrived=self.now)

    def _job(self, _at: datetime) -> None:
        if self.chance.random() < 0.3:
            clock_time = f"{self.now:%H:%M:%S}"
            if self.runs:
                self.hall.shop.do(clock_time, "finish")
            else:
                self.hall.shop.do(clock_time, "scan", work_order="WO1", die="D1")
            self.runs = not self.runs
