"""Items, routings, dies and partners: made, changed and taken back by people, by the same rules."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from stamping_shop import lay_floor

from database.connection import Connection
from erp_core.items import routings
from erp_core.masters import masters
from erp_core.masters.errors import MastersError
from erp_core.stock import ledger
from erp_core.tooling import dies
from people import history
from people.acts import Act
from people.refusal import Refused
from pressline import house

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MASTERS: dict[str, Any] = {
    "item": [
        {"code": "BRACKET", "name_zh": "支架", "unit": "pcs", "kind": "part"},
        {"code": "COIL", "name_zh": "卷料", "unit": "kg", "kind": "coil"},
    ],
    "die": [
        {"code": "D1", "life": 500_000, "outputs": [{"item": "BRACKET", "parts": "1/1"}]},
        {"code": "D2", "outputs": [{"item": "BRACKET", "parts": "2/1"}], "presses": ["P01"]},
        {"code": "D3", "outputs": [{"item": "COIL", "parts": "1/1"}]},
    ],
    "routing": [{"item": "BRACKET", "operations": ["D1"]}],
    "person": [
        {"code": "P", "name": "孙丽", "role": "planner"},
        {"code": "Q", "name": "周", "role": "planner"},
        {"code": "W", "name": "吴刚", "role": "warehouse"},
    ],
}
ITEM = {"code": "HINGE", "name_zh": "铰链", "kind": "part", "unit": "pcs"}
Do = Callable[..., dict[str, Any]]


@pytest.fixture
def shop(connection: Connection) -> Connection:
    lay_floor(connection)
    ledger.make_locations(connection)
    masters.load(connection, MASTERS, NOW - MINUTE)
    return connection


@pytest.fixture
def do(shop: Connection) -> Do:
    def doing(who: str, name: str, /, **args: Any) -> dict[str, Any]:
        return house.record(shop, Act(uuid4(), who, None, NOW, name, args), NOW)

    return doing


def row(shop: Connection, table: str, code: str) -> dict[str, Any] | None:
    found = shop.execute(
        "select j from (select 'item' as t, code, to_jsonb(i) as j from erp.item i union all "
        "select 'die', code, to_jsonb(d) from erp.die d union all "
        "select 'partner', code, to_jsonb(p) from erp.partner p) e where t = %s and code = %s",
        [table, code],
    ).fetchone()
    return found[0] if found else None


def test_an_item_is_made_changed_and_taken_back(shop: Connection, do: Do) -> None:
    made = do("P", "item.create", **ITEM, over_tolerance="0.02", until="2026-12-31")
    assert made["version"] == 1
    found = row(shop, "item", "HINGE")
    assert found is not None
    assert (found["name_en"], found["over_tolerance"], found["until"]) == (
        "铰链", 0.02, "2026-12-31",
    )  # fmt: skip
    changed = do("P", "item.change", item="HINGE", version=1, until=None, name_en="Hinge")
    assert changed["before"] == {"name_en": "铰链", "until": "2026-12-31"}
    with pytest.raises(Refused, match="nothing_changes"):
        do("P", "item.change", item="HINGE", name_en="Hinge")
    do("P", "undo", act=changed["act"])
    assert row(shop, "item", "HINGE") == {**found, "version": 3}
    with pytest.raises(Refused, match="undo_stands"):
        do("P", "undo", act=made["act"])
    (_, second, _) = history.of(shop, "item", "erp.item", "HINGE")
    assert second.undone
    assert ("until", "2026-12-31", None) in second.changes


def test_what_was_just_made_is_taken_back_while_nothing_names_it(shop: Connection, do: Do) -> None:
    made = do("P", "item.create", **ITEM)
    do("P", "undo", act=made["act"])
    assert row(shop, "item", "HINGE") is None
    made = do("P", "item.create", **ITEM)
    do("P", "die.create", code="D9", outputs=[{"item": "HINGE", "parts": "2"}])
    with pytest.raises(Refused, match="undo_used"):
        do("P", "undo", act=made["act"])


def test_of_two_people_on_one_item_the_second_is_told_who_was_faster(do: Do) -> None:
    do("Q", "item.change", item="BRACKET", version=1, container=200)
    with pytest.raises(Refused, match="changed_meanwhile") as refused:
        do("P", "item.change", item="BRACKET", version=1, container=100)
    assert refused.value.facts["who"] == "周"
    do("P", "item.change", item="BRACKET", version=2, container=100)


def test_a_unit_stays_once_stock_has_moved_also_for_a_file(shop: Connection, do: Do) -> None:
    do("P", "item.change", item="COIL", unit="t")
    do("P", "item.change", item="COIL", unit="kg")
    do("W", "stock.receive", item="COIL", qty="1")
    with pytest.raises(Refused, match="unit_fixed") as refused:
        do("P", "item.change", item="COIL", unit="t")
    assert "公斤" in refused.value.text("zh")
    other = {"item": [{**MASTERS["item"][1], "unit": "t"}]}
    with pytest.raises(MastersError, match="its unit stays; write kg"):
        masters.load(shop, other, NOW)


@pytest.mark.parametrize(
    ("act", "args", "code"),
    [
        ("item.create", {**ITEM, "code": "BRACKET"}, "code_there"),
        ("item.create", {**ITEM, "code": "ＢＲＡＣＫＥＴ"}, "code_like"),
        ("item.create", {**ITEM, "code": "bra cket"}, "code_like"),
        ("item.create", {**ITEM, "unit": "kgs"}, "unit_unknown"),
        ("item.create", {**ITEM, "kind": "thing"}, "args_wrong"),
        ("item.create", {**ITEM, "over_tolerance": "2"}, "args_wrong"),
        ("item.create", {**ITEM, "over_tolerance": "0,02"}, "amount_wrong"),
        ("item.create", {**ITEM, "colour": "red"}, "args_wrong"),
        ("item.change", {"item": "NONE", "until": None}, "document_not_there"),
        ("item.change", {"item": "BRACKET", "name_zh": None}, "args_wrong"),
        ("item.change", {"item": "BRACKET", "until": "soon"}, "args_wrong"),
        ("routing.change", {"item": "NONE", "operations": []}, "item_not_there"),
        ("routing.change", {"item": "BRACKET", "operations": [{"die": "D9"}]}, "die_not_there"),
        ("routing.change", {"item": "BRACKET", "operations": [{"die": "D3"}]}, "die_makes_not"),
        ("routing.change", {"item": "BRACKET", "operations": [{"seq": 10}, {"seq": 10}]},
         "seq_twice"),
        ("routing.change", {"item": "BRACKET", "operations": [{"seq": 0}]}, "line_wrong"),
        ("routing.change", {"item": "BRACKET", "operations": [{"die": "D1"}]}, "nothing_changes"),
        ("die.create", {"code": "D9", "outputs": []}, "args_wrong"),
        ("die.create", {"code": "d1", "outputs": [{"item": "COIL", "parts": 1}]}, "code_like"),
        ("die.create", {"code": "D9", "outputs": [{"item": "NONE", "parts": 1}]},
         "item_not_there"),
        ("die.create", {"code": "D9", "outputs": [{"item": "COIL", "parts": "1/0"}]},
         "line_wrong"),
        ("die.create", {"code": "D9", "outputs": [{"item": "COIL", "parts": 1}] * 2},
         "output_twice"),
        ("die.change", {"die": "D1", "presses": ["P77"]}, "press_not_there"),
        ("die.change", {"die": "D1", "life_strokes": -1}, "args_wrong"),
        ("die.change", {"die": "D1", "outputs": [
            {"item": "BRACKET", "parts": 2, "from": "2026-03-01T00:00Z"}]}, "output_in_past"),
        ("die.change", {"die": "D1"}, "nothing_changes"),
        ("partner.create", {"code": "K1", "name": "宁波车灯", "kind": "friend"}, "args_wrong"),
        ("partner.change", {"partner": "K1", "active": False}, "document_not_there"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_and_nothing_is_written(
    shop: Connection, do: Do, act: str, args: dict[str, Any], code: str
) -> None:
    with pytest.raises(Refused) as refused:
        do("P", act, **args)
    assert refused.value.code == code
    assert refused.value.text("en") != refused.value.text("zh")
    assert shop.execute("select from people.change where act is not null").fetchone() is None


def test_a_storekeeper_changes_no_master_data(do: Do) -> None:
    wanted: list[tuple[str, dict[str, Any]]] = [
        ("item.create", ITEM),
        ("routing.change", {"item": "BRACKET", "operations": []}),
        ("die.change", {"die": "D1", "name": "x"}),
        ("partner.create", {"code": "K1", "name": "x", "kind": "both"}),
    ]
    for act, args in wanted:
        with pytest.raises(Refused, match="not_allowed"):
            do("W", act, **args)


def test_a_routing_is_changed_as_one_list_and_taken_back(shop: Connection, do: Do) -> None:
    before = routings.of(shop, "BRACKET")
    steps = [{"name": "落料", "die": "D1"}, {"seq": 30, "die": "D2"}, {}]
    done = do("P", "routing.change", item="BRACKET", version=2, operations=steps)
    assert routings.of(shop, "BRACKET") == [(10, "落料", "D1"), (30, "D2", "D2"), (40, "40", None)]
    with pytest.raises(Refused, match="changed_meanwhile"):
        do("Q", "routing.change", item="BRACKET", version=2, operations=[])
    do("P", "undo", act=done["act"])
    assert routings.of(shop, "BRACKET") == before
    item = row(shop, "item", "BRACKET")
    assert item is not None
    assert item["version"] == 1, "who changes the item is not held up by its routing"


def outputs(shop: Connection, die: str, at: datetime) -> list[tuple[str, int, int]]:
    return [(o.item, o.parts_num, o.parts_den) for o in dies.outputs(shop, die, at)]


def test_a_die_makes_more_from_a_day_on_and_what_was_made_stays(shop: Connection, do: Do) -> None:
    done = do(
        "P", "die.change", die="D1", version=1, name="连续模", life_strokes=600_000,
        presses=["P02", "P01"],
        outputs=[{"item": "BRACKET", "parts": 2, "from": "2026-03-09T08:00"},
                 {"item": "COIL", "parts": "1/4"}],
    )  # fmt: skip
    assert done["version"] == 3
    assert [step.what for step in history.of(shop, "die", "erp.die", "D1")] == ["die.change", None]
    assert dies.presses(shop, "D1") == ["P01", "P02"]
    assert outputs(shop, "D1", NOW - MINUTE) == [("BRACKET", 1, 1)]
    assert outputs(shop, "D1", NOW) == [("BRACKET", 1, 1), ("COIL", 1, 4)]
    assert outputs(shop, "D1", NOW + timedelta(days=8)) == [("BRACKET", 2, 1), ("COIL", 1, 4)]
    do("P", "undo", act=done["act"])
    assert (dies.presses(shop, "D1"), outputs(shop, "D1", NOW + timedelta(days=8))) == (
        [], [("BRACKET", 1, 1)],
    )  # fmt: skip
    found = dies.find(shop, "D1")
    assert found is not None
    assert (found.name, found.life_strokes) == ("", 500_000)


def test_a_die_is_made_with_what_it_makes_since_ever(shop: Connection, do: Do) -> None:
    made = do("P", "die.create", code="D9", outputs=[{"item": "BRACKET", "parts": "2"}],
              presses=["P01"])  # fmt: skip
    assert outputs(shop, "D9", NOW - timedelta(days=1000)) == [("BRACKET", 2, 1)]
    do("P", "undo", act=made["act"])
    assert row(shop, "die", "D9") is None


def test_a_file_loaded_again_changes_no_version_and_leaves_no_trail(shop: Connection) -> None:
    def told() -> list[Any]:
        return shop.execute("select id from people.change where \"table\" ~ '^erp'").fetchall()

    before = told()
    masters.load(shop, MASTERS, NOW)
    assert told() == before
    found = row(shop, "item", "BRACKET")
    assert found is not None
    assert (found["version"], found["routing_version"]) == (1, 2)


def test_a_partner_is_made_changed_and_kept_when_gone(shop: Connection, do: Do) -> None:
    do("P", "partner.create", code="K1", name="宁波车灯有限公司", short_name="宁波车灯",
       kind="customer", contact="张经理 0574-1")  # fmt: skip
    done = do("P", "partner.change", partner="K1", version=1, active=False)
    assert done["before"] == {"active": True}
    found = row(shop, "partner", "K1")
    assert found is not None
    assert (found["active"], found["kind"]) == (False, "customer")
