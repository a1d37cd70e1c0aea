"""The house's table of acts: who may do which, what they write, how they are undone."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import sql
from stamping_shop import lay_floor

from database.connection import Connection
from erp_core.masters import masters
from erp_core.stock import ledger
from people import refusal, roles
from people.acts import Act
from people.refusal import Refused
from pressline import house

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

FLOOR = {"mount", "dismount", "scan", "segment", "first_article", "scrap", "output",
         "stop_reason", "finish", "undo"}  # fmt: skip
DECIDE = {"assign", "decide", "accept", "dispose", "reject", "reverse", "swap",
          "first_article.release", "freshness.see", "undated.see", "undated.settle"}  # fmt: skip
PLAN = {f"work_order.{step}" for step in
        ("create", "change", "release", "hold", "resume", "close", "cancel",
         "material")} | {f"bom.{step}" for step in
        ("create", "change", "check", "reopen", "release", "retire")
        } | {"change_order.apply"}  # fmt: skip
STORE = {"stock.receive", "stock.count", "stock.move"}
DESIGN = {"item.create", "item.change", "routing.change", "die.create", "die.change",
          "partner.create", "partner.change", "item.import", "bom.import", "routing.import",
          "die.import", "partner.import"}  # fmt: skip
PARTNERS = {"partner.see"}
OFFICE = {"people.see", "person.leave", "person.badge", "person.pin", "person.customers",
          "role.see", "role.change",
          "message.replay", "trail.see", "freshness.see", "notice_kind.see",
          "notice_kind.change", "robot.see", "robot.create", "robot.change", "robot.test",
          "robot.remove"}  # fmt: skip
JOBS = {"job.see", "job.retry", "job.drop"}
EVERYBODY = {"work_order.see", "notice.see", "press.see"}
FILES = {"attachment.add", "attachment.remove"}
TOKENS = {"token.create", "token.end"}
NOT_OPERATORS = {"stock.see", "item.see", "die.see"}
# Written by hand: what the roles may do as the program ships them.
MATRIX = {
    "operator": FLOOR | EVERYBODY,
    "leader": FLOOR | FILES | DECIDE | JOBS | {"weigh", "consume"} | EVERYBODY | NOT_OPERATORS,
    "planner": PLAN | FILES | DESIGN | PARTNERS | TOKENS | {"undo"} | EVERYBODY | NOT_OPERATORS,
    "warehouse": STORE | FILES | PARTNERS | {"weigh", "consume", "undo"} | EVERYBODY
    | NOT_OPERATORS,
    "quality": {"first_article", "first_article.release", "scrap", "output", "segment", "undo"}
    | FILES | PARTNERS | EVERYBODY | NOT_OPERATORS,
    "it": OFFICE | JOBS | PARTNERS | TOKENS | {"token.see", "swap", "undo"} | EVERYBODY
    | NOT_OPERATORS,
    "manager": FLOOR | FILES | DECIDE | TOKENS | {"token.see", "weigh", "consume"} | PLAN | DESIGN
    | STORE | PARTNERS | OFFICE | JOBS | EVERYBODY | NOT_OPERATORS,
}  # fmt: skip

MASTERS: dict[str, Any] = {
    "item": [
        {"code": "BRACKET", "unit": "pcs", "kind": "part"},
        {"code": "COIL", "unit": "kg", "kind": "coil"},
        {"code": "LOOSE", "unit": "pcs", "kind": "part"},
    ],
    "bom": [{"item": "BRACKET", "version": "A", "lines": [{"item": "COIL", "qty": 0.25}]}],
    "die": [
        {"code": "D1", "outputs": [{"item": "BRACKET", "parts": "1/1"}]},
        {"code": "D2", "outputs": [{"item": "LOOSE", "parts": "1/1"}]},
    ],
    "person": [
        {"code": "P", "name": "孙丽", "role": "planner", "pin": "4711"},
        {"code": "Q", "name": "周", "role": "planner"},
        {"code": "W", "name": "吴刚", "role": "warehouse"},
        {"code": "I", "name": "钱进", "role": "it"},
        {"code": "O", "name": "张伟", "role": "operator", "lines": ["L1"], "badge": "B-1"},
    ],
}

Do = Callable[..., dict[str, Any]]


@pytest.fixture
def shop(connection: Connection) -> Connection:
    lay_floor(connection)
    ledger.make_locations(connection)
    masters.load(connection, MASTERS, NOW - 10 * MINUTE)
    return connection


@pytest.fixture
def do(shop: Connection) -> Do:
    """Does an act now, or `after` so long; returns its outcome."""

    def doing(
        who: str, name: str, /, after: timedelta = timedelta(), number: UUID | None = None,
        **args: Any,
    ) -> dict[str, Any]:  # fmt: skip
        now = NOW + after
        return house.record(shop, Act(number or uuid4(), who, None, now, name, args), now)

    return doing


def order(shop: Connection, code: str) -> tuple[Any, ...]:
    row = shop.execute(
        "select state, qty, due::text from erp.work_order where code = %s", [code]
    ).fetchone()
    assert row is not None
    return row


def test_shipped_roles_may_what_is_written_here_and_every_right_is_something(
    shop: Connection,
) -> None:
    found = {role: set(may) for role, may in roles.rights(shop).items()}
    assert found == MATRIX
    assert set().union(*MATRIX.values()) <= set(roles.known())
    assert set(house.ACTS) <= set().union(*MATRIX.values()), "an act that nobody may do"


def test_an_order_from_draft_to_closed_each_step_by_a_person(shop: Connection, do: Do) -> None:
    made = do("P", "work_order.create", item="BRACKET", qty=500, due="2026-03-09")
    code = made["work_order"]
    assert code == "WO-2026-00001"
    assert order(shop, code) == ("draft", 500, "2026-03-09")
    assert do("P", "work_order.release", work_order=code)["bom"] == "A"
    assert do("P", "work_order.hold", work_order=code)["state"] == "held"
    with pytest.raises(Refused, match="step_not_possible"):
        do("P", "work_order.release", work_order=code)
    assert do("P", "work_order.resume", work_order=code)["state"] == "released"
    do("P", "work_order.change", work_order=code, qty=800, due="2026-03-10")
    assert order(shop, code) == ("released", 800, "2026-03-10")
    with pytest.raises(Refused, match="nothing_changes"):
        do("P", "work_order.change", work_order=code, qty=800, due="2026-03-10")
    assert do("P", "work_order.close", work_order=code)["state"] == "closed"
    assert do("P", "work_order.create", item="BRACKET", qty=1)["work_order"] == "WO-2026-00002"


def test_only_who_has_the_right_may(shop: Connection, do: Do) -> None:
    for who in ("W", "I", "O"):
        with pytest.raises(Refused, match="not_allowed"):
            do(who, "work_order.create", item="BRACKET", qty=1)
    with pytest.raises(Refused, match="person_unknown"):
        do("nobody", "work_order.create", item="BRACKET", qty=1)
    assert shop.execute("select count(*) from people.act").fetchone() == (0,)


def test_of_two_people_on_one_order_the_second_is_told_who_was_faster(do: Do) -> None:
    made = do("P", "work_order.create", item="BRACKET", qty=500)
    code, seen = made["work_order"], made["version"]
    do("Q", "work_order.change", work_order=code, version=seen, qty=600)
    with pytest.raises(Refused, match="changed_meanwhile") as refused:
        do("P", "work_order.release", work_order=code, version=seen)
    assert refused.value.facts["who"] == "周"
    assert "03-02" in refused.value.text("zh")


def test_the_same_id_does_nothing_more_and_another_act_by_it_is_refused(
    shop: Connection, do: Do
) -> None:
    number = uuid4()
    first = do("P", "work_order.create", number=number, item="BRACKET", qty=500)
    assert do("P", "work_order.create", number=number, item="BRACKET", qty=500) == first
    with pytest.raises(Refused, match="act_id_taken"):
        do("P", "work_order.create", number=number, item="BRACKET", qty=501)
    assert shop.execute("select count(*) from erp.work_order").fetchone() == (1,)


def test_an_act_of_long_ago_without_an_outcome_is_not_done_again(shop: Connection, do: Do) -> None:
    number = uuid4()
    shop.execute(
        "insert into people.act (id, who, at, act, args) values "
        "(%s, 'P', %s, 'work_order.create', '{\"item\": \"BRACKET\", \"qty\": 5}')",
        [number, NOW],
    )
    assert do("P", "work_order.create", number=number, item="BRACKET", qty=5) == {}
    assert shop.execute("select count(*) from erp.work_order").fetchone() == (0,)


def test_a_preview_says_what_would_be_and_writes_nothing(shop: Connection) -> None:
    act = Act(uuid4(), "P", None, NOW, "work_order.create", {"item": "BRACKET", "qty": 5})
    assert house.preview(shop, act, NOW)["work_order"] == "WO-2026-00001"
    for table in ("erp.work_order", "people.act", "people.act_claim", "erp.number_series"):
        query = sql.SQL("select count(*) from {}").format(sql.Identifier(*table.split(".")))
        found = shop.execute(query).fetchone()
        assert found == (0,), table
    assert house.record(shop, act, NOW)["work_order"] == "WO-2026-00001"
    refused = Act(uuid4(), "P", None, NOW, "work_order.create", {"item": "NONE", "qty": 5})
    with pytest.raises(Refused, match="item_not_there"):
        house.preview(shop, refused, NOW)


@pytest.mark.parametrize(
    ("step", "args", "was"),
    [
        ("change", {"qty": 9, "due": None}, ("released", 500, "2026-03-09")),
        ("release", {}, ("draft", 500, "2026-03-09")),
        ("hold", {"reason": "材料不合格"}, ("released", 500, "2026-03-09")),
        ("close", {}, ("released", 500, "2026-03-09")),
        ("cancel", {}, ("released", 500, "2026-03-09")),
    ],
)
def test_each_step_is_undone_by_its_author_at_once_and_by_others_with_a_reason(
    shop: Connection, do: Do, step: str, args: dict[str, Any], was: tuple[Any, ...]
) -> None:
    code = do("P", "work_order.create", item="BRACKET", qty=500, due="2026-03-09")["work_order"]
    if step != "release":
        do("P", "work_order.release", work_order=code)
    done = do("P", f"work_order.{step}", work_order=code, **args)
    with pytest.raises(Refused, match="reason_missing"):
        do("Q", "undo", after=MINUTE, act=done["act"])
    with pytest.raises(Refused, match="undo_not_yours"):
        do("W", "undo", after=MINUTE, act=done["act"])
    with pytest.raises(Refused, match="reason_missing"):
        do("P", "undo", after=11 * MINUTE, act=done["act"])
    do("P", "undo", after=MINUTE, act=done["act"])
    assert order(shop, code) == was
    with pytest.raises(Refused, match="undo_twice"):
        do("P", "undo", after=MINUTE, act=done["act"])


def test_what_others_built_on_is_not_undone_over_their_heads(shop: Connection, do: Do) -> None:
    code = do("P", "work_order.create", item="BRACKET", qty=500)["work_order"]
    done = do("P", "work_order.change", work_order=code, qty=600)
    do("Q", "work_order.change", work_order=code, qty=700)
    with pytest.raises(Refused, match="undo_stands"):
        do("P", "undo", act=done["act"])
    assert order(shop, code)[1] == 700


def test_an_order_without_a_bom_is_released_on_purpose_only(shop: Connection, do: Do) -> None:
    code = do("P", "work_order.create", item="LOOSE", qty=5)["work_order"]
    with pytest.raises(Refused, match="bom_missing"):
        do("P", "work_order.release", work_order=code)
    assert order(shop, code)[0] == "draft"
    do("P", "work_order.release", work_order=code, without_material=True)
    assert order(shop, code)[0] == "released"


def on_hand(shop: Connection) -> dict[tuple[str, str | None], str]:
    return {(one.location, one.lot): f"{one.qty.normalize():f}" for one in ledger.on_hand(shop)}


def test_stock_comes_moves_is_counted_and_goes_back(shop: Connection, do: Do) -> None:
    do("W", "stock.receive", item="COIL", lot="C-1", qty="1250.5")
    moved = do("W", "stock.move", item="COIL", lot="C-1", qty="250.5", source="RAW", target="WIP")
    counted = do("W", "stock.count", item="COIL", lot="C-1", counted="990", location="RAW")
    assert float(counted["qty"]) == -10
    assert on_hand(shop) == {("RAW", "C-1"): "990", ("WIP", "C-1"): "250.5"}
    do("W", "undo", act=counted["act"])
    do("W", "undo", act=moved["act"])
    assert on_hand(shop) == {("RAW", "C-1"): "1250.5"}
    assert (
        do("W", "stock.count", item="COIL", lot="C-1", counted="1250.5", location="RAW")["moves"]
        == []
    )


@pytest.mark.parametrize(
    ("act", "args", "code"),
    [
        ("stock.receive", {"item": "NONE", "qty": "1"}, "item_not_there"),
        ("stock.receive", {"item": "BRACKET", "qty": "1.5"}, "qty_wrong"),
        ("stock.receive", {"item": "COIL", "qty": "0"}, "qty_wrong"),
        ("stock.receive", {"item": "COIL", "qty": "-1"}, "amount_wrong"),
        ("stock.receive", {"item": "COIL", "qty": "1,5"}, "amount_wrong"),
        ("stock.count", {"item": "COIL", "counted": True, "location": "RAW"}, "amount_wrong"),
        ("stock.receive", {"item": "COIL", "qty": "1", "location": "MOON"}, "location_unknown"),
        ("stock.receive", {"item": "COIL", "qty": "1", "location": "SCRAP"}, "location_unknown"),
        ("stock.move", {"item": "COIL", "qty": "1", "source": "RAW", "target": "RAW"},
         "nothing_changes"),
        ("stock.move", {"item": "COIL", "lot": "C-9", "qty": "1", "source": "RAW",
                        "target": "WIP"}, "stock_less"),
        ("stock.move", {"item": "COIL", "qty": "1", "source": "RAW", "target": "WIP"},
         "lot_missing"),
        ("stock.fly", {}, "act_unknown"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_and_nothing_is_written(
    shop: Connection, do: Do, act: str, args: dict[str, Any], code: str
) -> None:
    do("W", "stock.receive", item="COIL", lot="C-1", qty="10")
    with pytest.raises(Refused) as refused:
        do("W", act, **args)
    assert refused.value.code == code
    assert refused.value.text("en") != refused.value.text("zh")
    assert on_hand(shop) == {("RAW", "C-1"): "10"}


def changes(shop: Connection, table: str) -> list[tuple[Any, ...]]:
    return shop.execute(
        "select a.who, c.key, c.before, c.after from people.change c "
        'left join people.act a on a.id = c.act where c."table" = %s order by c.id',
        [table],
    ).fetchall()


def test_the_database_writes_what_changed_and_by_which_act(shop: Connection, do: Do) -> None:
    code = do("P", "work_order.create", item="BRACKET", qty=500)["work_order"]
    do("Q", "work_order.change", work_order=code, qty=600, due="2026-03-09")
    shop.execute("update erp.work_order set qty = 7 where code = %s", [code])  # past every act
    told = changes(shop, "erp.work_order")
    assert [(who, key) for who, key, _, _ in told] == [("P", code), ("Q", code), (None, code)]
    assert told[1][2:] == ({"qty": 500, "due": None, "version": 1},
                           {"qty": 600, "due": "2026-03-09", "version": 2})  # fmt: skip
    assert told[2][2:] == ({"qty": 600}, {"qty": 7})


def test_secrets_are_told_without_their_value(shop: Connection, do: Do) -> None:
    do("I", "person.pin", person="O", pin="80808")
    do("I", "person.badge", person="O", badge="B-777")
    text = str(changes(shop, "people.person"))
    assert "argon2" not in text
    assert "B-777" not in text
    assert "B-1" not in text
    assert ("I", "O", {"badge": "…", "badge_by": None}, {"badge": "…", "badge_by": "I"}) in changes(
        shop, "people.person"
    )
    kept = str(shop.execute("select args, outcome from people.act").fetchall())
    assert "80808" not in kept
    assert "B-777" not in kept


def test_every_table_that_people_change_has_a_trail(shop: Connection) -> None:
    """Ledgers and what follows from facts are their own history; all others are told."""
    own_history = {
        "people.act", "people.act_about", "people.act_claim", "people.change", "people.device",
        "people.file",
        "people.job", "people.notice", "people.notice_read", "people.robot_sent",
        "people.session", "people.sign_in", "people.work_queue",
        "people.token_use",
        "plant.shift", "plant.shift_break",
        "erp.balance", "erp.change_order_line", "erp.lot", "erp.number_series",
            "erp.production_report", "erp.report_use",
        "erp.stock_move", "erp.work_order_material", "erp.work_order_operation",
    }  # fmt: skip
    rows = shop.execute(
        """
        select n.nspname || '.' || c.relname,
               count(t.oid) filter (where p.proname = 'write_change')
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        left join pg_trigger t on t.tgrelid = c.oid
        left join pg_proc p on p.oid = t.tgfoid
        where c.relkind = 'r' and n.nspname in ('people', 'plant', 'erp') group by 1
        """
    ).fetchall()
    told = {name for name, triggers in rows if triggers == 3}
    assert {name for name, triggers in rows if triggers == 0} == own_history
    assert len(told) + len(own_history) == len(rows)


def test_a_role_is_changed_by_an_act_that_names_real_rights(shop: Connection, do: Do) -> None:
    may = [*roles.rights(shop)["warehouse"], "work_order.hold"]
    do("I", "role.change", role="warehouse", may=may)
    assert "work_order.hold" in roles.rights(shop)["warehouse"]
    with pytest.raises(Refused, match="right_unknown") as refused:
        do("I", "role.change", role="warehouse", may=["stock.recieve"])
    assert refused.value.facts["near"] == "stock.receive"
    with pytest.raises(Refused, match="role_unknown"):
        do("I", "role.change", role="pilot", may=[])
    with pytest.raises(Refused, match="role_locks_out"):
        do("I", "role.change", role="it", may=["people.see"])
    assert "role.change" in roles.rights(shop)["it"]


def test_two_rooms_cannot_have_an_act_of_one_name() -> None:
    taken = {"scan": house.ACTS["scan"]}
    with pytest.raises(house.TakenNameError, match="called scan"):
        house._joined(taken, taken)


def test_an_order_for_nothing_is_told_as_too_small_not_as_no_number(do: Do) -> None:
    with pytest.raises(Refused, match="args_wrong") as refused:
        do("P", "work_order.create", item="BRACKET", qty=0)
    assert refused.value.text("zh").startswith("数量：太小")


def test_every_act_and_argument_has_a_word_for_its_refusals() -> None:
    """Who may not release an order is not told of `work_order.release`."""
    for name, kind in house.ACTS.items():
        assert name in refusal.WORDS["act"], name
        for field, about in kind.arguments.model_fields.items():
            word = about.title or about.alias or field
            assert word in refusal.WORDS["argument"], (name, field)
