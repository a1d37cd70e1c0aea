from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from database.connection import Connection, database_url
from database.errors import UnreachableError
from erp_core.masters import masters
from people import pins, sign_ins, staff
from people.refusal import Refused
from people.sign_ins import Place, SignIn

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
SHIFT = timedelta(hours=12)


@pytest.fixture
def staffed(connection: Connection) -> Connection:
    staff = [
        {"code": "E1", "role": "operator", "lines": ["L1"], "badge": "EMP:1", "pin": "4711"},
        {"code": "E2", "role": "manager", "badge": "EMP:2"},
    ]
    masters.load(connection, {"person": staff}, NOW)
    return connection


def logins(connection: Connection) -> list[tuple[object, ...]]:
    return connection.execute(
        "select person, given, method, ok, refusal, address from people.sign_in order by id"
    ).fetchall()


HERE = Place(None)


def try_pin(connection: Connection, code: str, pin: str, where: Place, at: datetime) -> SignIn:
    asked = sign_ins.ask(connection, code, where, at)
    return sign_ins.by_pin(connection, asked, where, at, right=asked.right(pin))


def wrong(connection: Connection, times: int, at: datetime = NOW) -> list[str | None]:
    tries = (try_pin(connection, "E1", "0000", HERE, at) for _ in range(times))
    return [outcome.refusal for outcome in tries]


def test_a_badge_signs_in_and_every_attempt_is_written_down(staffed: Connection) -> None:
    good = sign_ins.by_badge(staffed, "EMP:1", Place("10.0.0.7"), NOW)
    bad = sign_ins.by_badge(staffed, "EMP:9", Place("10.0.0.7"), NOW)
    assert good.person
    assert (good.person.code, good.person.lines, good.refusal) == ("E1", ["L1"], None)
    assert (bad.person, bad.refusal) == (None, "badge_unknown")
    assert logins(staffed) == [
        ("E1", "EMP:1", "badge", True, None, "10.0.0.7"),
        (None, "EMP:9", "badge", False, "badge_unknown", "10.0.0.7"),
    ]


def test_a_pin_signs_in_and_is_never_written_down(staffed: Connection) -> None:
    good = try_pin(staffed, "E1", "4711", Place("10.0.0.7"), NOW)
    assert good.person
    assert wrong(staffed, 1) == ["pin_wrong"]
    assert try_pin(staffed, "E2", "4711", HERE, NOW).refusal == "pin_wrong"  # has none
    assert try_pin(staffed, "NONE", "4711", HERE, NOW).refusal == "pin_wrong"
    assert logins(staffed) == [
        ("E1", "E1", "pin", True, None, "10.0.0.7"),
        ("E1", "E1", "pin", False, "pin_wrong", None),
        ("E2", "E2", "pin", False, "pin_wrong", None),
        (None, "NONE", "pin", False, "pin_wrong", None),
    ]


def test_five_wrong_pins_lock_the_pin_until_ten_minutes_have_passed(staffed: Connection) -> None:
    for minute in range(5):
        wrong(staffed, 1, NOW + timedelta(minutes=minute))
    later = NOW + timedelta(minutes=5)
    locked = try_pin(staffed, "E1", "4711", HERE, later)
    assert (locked.refusal, locked.until) == ("pin_locked", NOW + timedelta(minutes=10))
    assert sign_ins.by_badge(staffed, "EMP:1", HERE, later).person  # the badge still works
    assert try_pin(staffed, "E1", "4711", HERE, NOW + timedelta(minutes=10)).person


def test_trying_while_locked_does_not_lock_for_longer(staffed: Connection) -> None:
    wrong(staffed, 5)
    assert wrong(staffed, 3, NOW + timedelta(minutes=9)) == ["pin_locked"] * 3
    assert try_pin(staffed, "E1", "4711", HERE, NOW + timedelta(minutes=10)).person


def test_the_right_pin_starts_the_count_again(staffed: Connection) -> None:
    wrong(staffed, 4)
    assert try_pin(staffed, "E1", "4711", HERE, NOW + SECOND).person
    assert wrong(staffed, 4, NOW + 2 * SECOND) == ["pin_wrong"] * 4
    assert try_pin(staffed, "E1", "4711", HERE, NOW + 3 * SECOND).person


def test_a_session_lives_until_it_expires_or_ends_and_its_token_is_not_kept(
    staffed: Connection,
) -> None:
    token = staff.open_session(staffed, "E1", "P01", NOW, SHIFT)
    person = staff.session_person(staffed, token, NOW + SHIFT - SECOND)
    assert person
    assert person.code == "E1"
    assert staff.session_person(staffed, token, NOW + SHIFT) is None
    assert staff.session_person(staffed, token + "x", NOW) is None
    stored = staffed.execute("select token_hash from people.session").fetchone()
    assert stored
    assert token not in stored[0]
    staff.end_session(staffed, token, NOW + SECOND)
    assert staff.session_person(staffed, token, NOW + 2 * SECOND) is None


def test_who_has_left_neither_signs_in_nor_stays_signed_in(staffed: Connection) -> None:
    token = staff.open_session(staffed, "E1", None, NOW, SHIFT)
    staffed.execute("update people.person set active = false")
    assert staff.session_person(staffed, token, NOW) is None
    assert sign_ins.by_badge(staffed, "EMP:1", HERE, NOW).refusal == "badge_unknown"
    assert try_pin(staffed, "E1", "4711", HERE, NOW).refusal == "pin_wrong"


def test_people_work_on_their_lines(staffed: Connection) -> None:
    operator, manager = staff.find(staffed, "E1"), staff.find(staffed, "E2")
    assert operator
    assert manager
    assert operator.works_on("L1")
    assert not operator.works_on("L2")
    assert manager.works_on("L2")
    assert staff.find(staffed, "NONE") is None


def test_a_pin_hash_that_was_damaged_is_refused_and_logged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for damaged in ("rubbish", "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$", "$argon2id$v=19$m=1"):
        assert not pins.right(damaged, "4711")
        assert "a PIN hash is damaged: set the PIN anew" in capsys.readouterr().out


def person(code: str, **more: object) -> dict[str, object]:
    lines = {"lines": ["L1"]} if code == "E1" else {}
    return {"code": code, "role": "it", "badge": f"EMP:{code}", **lines, **more}


def active(connection: Connection) -> list[str]:
    rows = connection.execute("select code from people.person where active order by code")
    return [code for (code,) in rows]


def test_whom_the_masters_file_names_no_more_has_left_and_comes_back_with_it(
    staffed: Connection,
) -> None:
    token = staff.open_session(staffed, "E1", None, NOW, SHIFT)
    loaded = masters.load(staffed, {"person": [person("E2")]}, NOW)
    assert str(loaded).endswith("left: E1")
    assert active(staffed) == ["E2"]
    assert staff.session_person(staffed, token, NOW) is None
    masters.load(staffed, {"item": [{"code": "X"}]}, NOW)  # a file without people tells nothing
    assert active(staffed) == ["E2"]
    masters.load(staffed, {"person": [person("E1"), person("E2")]}, NOW)
    assert active(staffed) == ["E1", "E2"]
    assert sign_ins.by_badge(staffed, "EMP:E1", HERE, NOW).person


def test_the_masters_file_puts_back_neither_a_leaver_nor_a_pin(staffed: Connection) -> None:
    both = {"person": [person("E1", pin="4711"), person("E2", pin="1111")]}
    masters.load(staffed, both, NOW)
    staff.leave(staffed, "E1", "E2", NOW)
    staff.set_pin(staffed, "E2", "2222", "E2", NOW)
    masters.load(staffed, both, NOW)
    assert active(staffed) == ["E2"]
    assert try_pin(staffed, "E1", "4711", HERE, NOW).refusal == "pin_wrong"
    assert try_pin(staffed, "E2", "1111", HERE, NOW).refusal == "pin_wrong"
    assert try_pin(staffed, "E2", "2222", HERE, NOW).person


def test_the_masters_file_does_not_put_a_lost_badge_back(staffed: Connection) -> None:
    both = {"person": [person("E1", badge="EMP:1"), person("E2", badge="EMP:2")]}
    masters.load(staffed, both, NOW)
    staff.set_badge(staffed, "E1", "EMP:9", "E2", NOW)
    staff.set_badge(staffed, "E2", None, "E2", NOW)
    masters.load(staffed, both, NOW)
    held = staffed.execute("select code, badge from people.person order by code").fetchall()
    assert [(code, badge) for code, badge in held if code in {"E1", "E2"}] == [
        ("E1", "9"), ("E2", None),
    ]  # fmt: skip


@pytest.mark.parametrize("given", ["12", "four", "1234567890123", "12 34"])
def test_only_pins_are_set(staffed: Connection, given: str) -> None:
    with pytest.raises(Refused, match="pin_form"):
        staff.set_pin(staffed, "E1", given, "E2", NOW)
    assert try_pin(staffed, "E1", "4711", HERE, NOW).person


def test_a_damaged_hash_is_no_pin_and_no_end_of_the_world(staffed: Connection) -> None:
    staffed.execute("update people.person set pin_hash = '$argon2id$damaged' where code = 'E1'")
    assert try_pin(staffed, "E1", "4711", HERE, NOW).refusal == "pin_wrong"


def test_a_pin_costs_the_same_time_whether_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[str] = []
    verify = pins.hasher.verify

    def noted(kept: str, pin: str) -> bool:
        held.append(kept)
        return verify(kept, pin)

    monkeypatch.setattr(pins, "hasher", SimpleNamespace(verify=noted))
    assert not pins.right(None, "4711")
    assert not pins.right(None, "nobody")
    assert len(held) == 2
    assert held[0].rsplit("$", 2)[0] == pins.NOBODY.rsplit("$", 2)[0]


def test_the_password_of_a_sample_is_refused() -> None:
    with pytest.raises(UnreachableError, match="still the sample's"):
        database_url("postgresql://pressline:change-me@localhost/pressline")
