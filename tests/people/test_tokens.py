"""Tokens of people's programs: what they may, when they end, and what a wrong one is told."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from database.connection import Connection
from erp_core.masters import masters
from people import acts, personnel, roles, sign_ins, staff, tokens
from people.acts import Act
from people.refusal import Refused

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
OFFICE, ELSEWHERE = "10.0.0.7", "10.0.0.9"
KINDS = {**tokens.ACTS, **personnel.ACTS}


@pytest.fixture
def staffed(connection: Connection) -> Connection:
    staff = [
        {"code": "M", "name": "周", "role": "manager", "badge": "B-1"},
        {"code": "I", "name": "钱", "role": "it", "badge": "B-2"},
    ]
    masters.load(connection, {"person": staff}, NOW)
    roles.know([*KINDS, "stock.see", "token.see"])
    return connection


def do(
    shop: Connection, who: str, name: str, /, at: datetime = NOW, token: int | None = None,
    again: UUID | None = None, **args: Any,
) -> dict[str, Any]:  # fmt: skip
    return acts.record(shop, Act(again or uuid4(), who, None, at, name, args, token), at, KINDS)


def make(shop: Connection, *rights: str, who: str = "M", name: str = "erp") -> dict[str, Any]:
    return do(shop, who, "token.create", name=name, days=30, rights=list(rights))


def let_in(
    shop: Connection, token: str, at: datetime = NOW, address: str = OFFICE
) -> tuple[set[str] | None, str | None]:
    """The rights with which a program is let in, and why it is not."""
    outcome = sign_ins.by_token(shop, token, address, at)
    return set(outcome.person.rights) if outcome.person else None, outcome.refusal


def test_a_token_is_told_once_and_kept_as_a_hash_alone(staffed: Connection) -> None:
    number = uuid4()
    given: dict[str, Any] = {"name": "erp", "days": 30, "rights": ["stock.see"]}
    made = do(staffed, "M", "token.create", again=number, **given)
    assert do(staffed, "M", "token.create", again=number, **given)["token"] == "…"
    assert let_in(staffed, made["token"]) == ({"stock.see"}, None)
    kept = [
        staffed.execute(f"select to_jsonb(t)::text from people.{table} t").fetchall()  # pyright: ignore[reportArgumentType, reportCallIssue]
        for table in ("act", "change", "token", "token_use", "sign_in")
    ]
    assert made["token"] not in str(kept)
    row = staffed.execute("select token_hash from people.token").fetchone()
    assert row
    assert row[0] not in str(kept[:2])  # not the hash in the trail either


def test_a_token_may_what_was_chosen_as_far_as_its_person_may_it_today(staffed: Connection) -> None:
    made = make(staffed, "stock.see", "person.leave")
    assert let_in(staffed, made["token"])[0] == {"stock.see", "person.leave"}
    staffed.execute("delete from people.role_right where role = 'manager' and may = 'stock.see'")
    assert let_in(staffed, made["token"])[0] == {"person.leave"}


@pytest.mark.parametrize(
    ("rights", "code"),
    [
        ([], "token_empty"),
        (["mount.everything"], "token_beyond"),
        (["role.change"], "token_never"),
        (["token.create"], "token_never"),
        (["stock.see", "person.pin"], "token_never"),
        (["person.badge"], "token_never"),
    ],
)
def test_a_token_is_given_nothing_beyond_its_maker_and_no_key_to_more(
    staffed: Connection, rights: list[str], code: str
) -> None:
    with pytest.raises(Refused) as refused:
        make(staffed, *rights)
    assert refused.value.code == code
    assert staffed.execute("select from people.token").fetchall() == []


def test_an_act_by_token_names_both_and_is_held_to_the_tokens_rights(staffed: Connection) -> None:
    made = make(staffed, "person.leave", name="HR import")
    with pytest.raises(Refused) as refused:
        do(staffed, "M", "person.badge", token=made["number"], person="I", badge="B-9")
    assert refused.value.code == "not_allowed"
    do(staffed, "M", "person.leave", token=made["number"], person="I")
    row = staffed.execute(
        "select a.who, t.name from people.act a join people.token t on t.id = a.token"
    ).fetchone()
    assert row == ("M", "HR import")


def test_a_token_of_somebody_else_gives_an_act_nothing(staffed: Connection) -> None:
    made = make(staffed, "person.leave")
    with pytest.raises(Refused, match="may not do this"):
        do(staffed, "I", "person.leave", token=made["number"], person="M")


def test_a_program_takes_nothing_back_that_it_might_not_do(staffed: Connection) -> None:
    found = staff.find(staffed, "M", make(staffed, "stock.see")["number"])
    assert found
    done = acts.Done(uuid4(), "M", "周", None, NOW, "person.leave", {}, {}, NOW)
    act = Act(uuid4(), "M", None, NOW, "undo", {}, found.token)
    with pytest.raises(Refused) as refused:
        acts.check_undo(acts.Deed(staffed, act, found, NOW), done, "mistake")
    assert refused.value.code == "undo_not_yours"


def test_a_token_ends_at_its_time_by_an_act_and_with_the_badge(staffed: Connection) -> None:
    made = make(staffed, "stock.see")
    last = NOW + 30 * DAY
    assert let_in(staffed, made["token"], last - MINUTE)[0] == {"stock.see"}
    assert let_in(staffed, made["token"], last) == (None, "token_wrong")
    with pytest.raises(Refused) as refused:
        make(staffed, "stock.see")
    assert refused.value.code == "token_there"
    do(staffed, "M", "token.end", number=made["number"])
    assert let_in(staffed, made["token"]) == (None, "token_wrong")
    again = make(staffed, "stock.see")
    do(staffed, "I", "person.badge", person="M")
    assert let_in(staffed, again["token"]) == (None, "token_wrong")


def test_a_token_ends_with_its_person(staffed: Connection) -> None:
    made = make(staffed, "stock.see", who="I")
    do(staffed, "M", "person.leave", person="I")
    assert let_in(staffed, made["token"]) == (None, "token_wrong")
    row = staffed.execute("select ended, ended_by from people.token").fetchone()
    assert row == (NOW, "M")


def test_others_tokens_are_ended_by_who_may_see_them(staffed: Connection) -> None:
    made = make(staffed, "stock.see")
    staffed.execute("delete from people.role_right where role = 'it' and may = 'token.see'")
    with pytest.raises(Refused) as refused:
        do(staffed, "I", "token.end", number=made["number"])
    assert refused.value.code == "token_unknown"
    staffed.execute("insert into people.role_right values ('it', 'token.see')")
    do(staffed, "I", "token.end", number=made["number"])
    with pytest.raises(Refused) as refused:
        do(staffed, "I", "token.end", number=made["number"])
    assert refused.value.code == "token_ended"


def test_the_last_use_is_kept_to_the_minute(staffed: Connection) -> None:
    token = make(staffed, "stock.see")["token"]
    for seconds in (0, 20, 59, 61):
        let_in(staffed, token, NOW + timedelta(seconds=seconds))
    row = staffed.execute("select at, address from people.token_use").fetchone()
    assert row == (NOW + timedelta(seconds=61), OFFICE)
    let_in(staffed, token, NOW + timedelta(seconds=62), ELSEWHERE)
    row = staffed.execute("select at, address from people.token_use").fetchone()
    assert row == (NOW + timedelta(seconds=62), ELSEWHERE)


def test_a_guesser_is_paused_learns_nothing_and_stops_no_program(staffed: Connection) -> None:
    at_work, unused = make(staffed, "stock.see"), make(staffed, "stock.see", name="new")
    let_in(staffed, at_work["token"])
    told = [let_in(staffed, f"pl_{n}", NOW + n * timedelta(seconds=1)) for n in range(25)]
    assert told == [(None, "token_wrong")] * 20 + [(None, "token_locked")] * 5
    later = NOW + MINUTE
    assert let_in(staffed, unused["token"], later) == (None, "token_locked")  # not looked at
    assert let_in(staffed, at_work["token"], later)[0] == {"stock.see"}
    assert let_in(staffed, unused["token"], later, ELSEWHERE)[0] == {"stock.see"}
    assert let_in(staffed, unused["token"], NOW + 11 * MINUTE)[0] == {"stock.see"}
    rows = staffed.execute("select given, count(*) from people.sign_in group by 1").fetchall()
    assert rows == [("…", 21)]  # twenty, then one a minute
