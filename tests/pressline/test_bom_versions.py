"""Versions of bills of material: made, checked, released, given to open orders, taken back."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import errors
from stamping_shop import lay_floor

from database.connection import Connection
from erp_core.items import boms
from erp_core.masters import masters
from erp_core.masters.errors import MastersError
from erp_core.production import change_orders, work_orders
from erp_core.stock import ledger
from people.acts import Act
from people.refusal import Refused
from pressline import house

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
TODAY, TOMORROW = NOW.date(), NOW.date() + timedelta(days=1)
MINUTE = timedelta(minutes=1)
MASTERS: dict[str, Any] = {
    "item": [
        {"code": "BRACKET"}, {"code": "ARM"}, {"code": "SCREW", "kind": "bought"},
        {"code": "COIL", "unit": "kg", "kind": "coil"},
    ],
    "bom": [{"item": "BRACKET", "version": "A", "lines": [
        {"item": "COIL", "qty": "0.25"}, {"item": "SCREW", "qty": 2, "operation": 20}]}],
    "die": [{"code": "D1", "outputs": [{"item": "BRACKET"}, {"item": "ARM"}]}],
    "routing": [{"item": "BRACKET", "operations": ["D1", {"name": "assemble"}]}],
    "person": [{"code": "P", "name": "孙丽", "role": "planner"},
               {"code": "O", "role": "operator", "lines": ["L1"]},
               {"code": "M", "role": "manager"}],
}  # fmt: skip
A = [("COIL", Decimal("0.25"), None), ("SCREW", Decimal(2), 20)]

Do = Callable[..., dict[str, Any]]


@pytest.fixture
def shop(connection: Connection) -> Connection:
    lay_floor(connection)
    ledger.make_locations(connection)
    masters.load(connection, MASTERS, NOW - 10 * MINUTE)
    return connection


@pytest.fixture
def do(shop: Connection) -> Do:
    """Does an act now, as the planner unless said otherwise; returns its outcome."""

    def doing(
        name: str, /, who: str = "P", after: timedelta = timedelta(), preview: bool = False,
        number: UUID | None = None, **args: Any,
    ) -> dict[str, Any]:  # fmt: skip
        now = NOW + after
        act = Act(number or uuid4(), who, None, now, name, args)
        return (house.preview if preview else house.record)(shop, act, now)

    return doing


def refused(do: Do, code: str, name: str, **args: Any) -> str:
    with pytest.raises(Refused) as found:
        do(name, **args)
    assert found.value.code == code
    return found.value.text("en")


def line(component: str, qty: float | str, **more: Any) -> dict[str, Any]:
    return {"component": component, "qty": qty, **more}


def order(do: Do, qty: int = 100) -> str:
    code = do("work_order.create", item="BRACKET", qty=qty)["work_order"]
    do("work_order.release", work_order=code)
    return code


def state(shop: Connection) -> str:
    """That of version B."""
    return boms.lock(shop, "BRACKET", "B").state


def material(shop: Connection, code: str) -> list[tuple[Any, ...]]:
    return shop.execute(
        "select component, qty_per, seq from erp.work_order_material where work_order = %s "
        "order by component",
        [code],
    ).fetchall()


def version_b(do: Do) -> None:
    """B: less of the coil, 2 % of it lost; three screws; checked."""
    do("bom.create", item="BRACKET", copy_of="A")
    lines = [line("COIL", "0.2", scrap_percent=2), line("SCREW", 3, operation=20)]
    do("bom.change", item="BRACKET", version="B", lines=lines)
    do("bom.check", item="BRACKET", version="B")


B = [("COIL", Decimal("0.204"), None), ("SCREW", Decimal(3), 20)]


def begin(shop: Connection, code: str, seq: int) -> None:
    """A press takes up an operation, as a scan does."""
    shop.execute(
        """
        with at_work as (
          insert into mes.run (press, die, span, source)
          values ('P01', 'D1', '[2026-03-02 08:00Z,2026-03-02 08:01Z)', 'scan') returning id
        )
        insert into mes.run_output (run, item, operation)
        select r.id, 'BRACKET', o.id from at_work r, erp.work_order_operation o
        where o.work_order = %s and o.seq = %s
        """,
        [code, seq],
    )


def test_a_version_from_copy_to_release_is_what_the_next_order_takes(
    shop: Connection, do: Do
) -> None:
    first = order(do)
    version_b(do)
    assert material(shop, order(do)) == A, "a version that is only checked is not in force"
    do("bom.release", item="BRACKET", version="B")
    assert (material(shop, first), material(shop, order(do))) == (A, B)
    assert work_orders.bom_versions(shop, first) == ["A"]
    assert [bom.state for bom in boms.versions(shop, "BRACKET")] == ["released", "released"]


def test_a_version_that_begins_tomorrow_is_not_taken_today(shop: Connection, do: Do) -> None:
    version_b(do)
    do("bom.release", item="BRACKET", version="B", from_day=TOMORROW.isoformat())
    assert boms.in_force(shop, "BRACKET", TODAY) == "A"
    assert boms.in_force(shop, "BRACKET", TOMORROW) == "B"
    assert material(shop, order(do)) == A
    code = do("work_order.create", item="BRACKET", qty=1)["work_order"]
    do("work_order.release", work_order=code, after=timedelta(hours=16))
    assert material(shop, code) == B


def test_the_day_is_the_plants_also_before_midnight_of_utc(shop: Connection, do: Do) -> None:
    shop.execute(
        "insert into plant.site (site, time_zone, silence) values ('x', 'Asia/Shanghai', '10 s')"
    )
    version_b(do)
    do("bom.release", item="BRACKET", version="B", from_day=TOMORROW.isoformat())
    code = do("work_order.create", item="BRACKET", qty=1)["work_order"]
    do("work_order.release", work_order=code, after=timedelta(hours=8, minutes=1))
    assert material(shop, code) == B, "00:01 in Shanghai"


def test_a_released_version_never_changes_by_whatever_hand(shop: Connection, do: Do) -> None:
    said = refused(
        do, "bom_step", "bom.change", item="BRACKET", version="A", lines=[line("COIL", 1)]
    )
    assert said == (
        "BRACKET/A is released: it cannot be done now. Look at its page; make a new version "
        "from it."
    )
    for change in ("update erp.bom_line set qty = 1", "delete from erp.bom_line"):
        with (
            pytest.raises(errors.CheckViolation, match="A of BRACKET is released"),
            shop.transaction(),
        ):
            shop.execute(change)
    other = {"bom": [{"item": "BRACKET", "version": "A", "lines": [{"item": "COIL", "qty": 1}]}]}
    with pytest.raises(MastersError, match="version A of BRACKET is there with other lines"):
        masters.load(shop, other, NOW)
    masters.load(shop, MASTERS, NOW)  # the same lines: nothing changes
    assert [tuple(found[:3]) for found in boms.lines(shop, "BRACKET", "A")] == A


def test_steps_are_refused_with_their_cure_and_twice_is_refused(do: Do) -> None:
    version_b(do)
    do("bom.release", item="BRACKET", version="B")
    assert "make a new version" in refused(
        do, "bom_step", "bom.release", item="BRACKET", version="B"
    )
    do("bom.create", item="BRACKET")
    refused(do, "bom_empty", "bom.check", item="BRACKET", version="C")
    refused(do, "bom_step", "bom.release", item="BRACKET", version="C")
    refused(do, "code_taken", "bom.create", item="BRACKET", version="A")
    refused(do, "bom_unknown", "bom.check", item="BRACKET", version="Z")
    refused(do, "not_allowed", "bom.create", who="O", item="BRACKET")


@pytest.mark.parametrize(
    ("lines", "code", "said"),
    [
        ([line("NUT", 1)], "item_not_there", "NUT"),
        ([line("COIL", 1), line("COIL", 2)], "bom_twice", "COIL stands in two lines"),
        ([line("COIL", 1, operation=30)], "bom_operation", "Write one of 10, 20"),
        ([line("BRACKET", 1)], "bom_circle", "BRACKET → BRACKET"),
        ([line("ARM", 1)], "bom_circle", "BRACKET → ARM → BRACKET"),
        ([line("COIL", 1), line("SCREW", "0,5")], "line_wrong", "Line 2: quantity 0,5 is not a"),
        ([line("COIL", 0)], "line_amount", "takes of COIL is not clear"),
        ([line("COIL", "3 m")], "unit_other", "m is no unit for COIL, which is kept in kg"),
        ([line("COIL", 1, scrap_percent=100)], "line_wrong", "scrap in per cent 100 is too large"),
        ([{"component": "COIL"}], "line_amount", "Give a quantity above zero, or a pitch"),
        ([line("COIL", 1, pitch=20)], "line_amount", "Give a quantity above zero, or a pitch"),
        ([{"component": "COIL", "pitch": 20}], "strip_unknown", "Give its width, thickness"),
        ([{"component": "SCREW", "pitch": 20}], "strip_unknown", "The strip of SCREW"),
        ("COIL", "args_wrong", "lines"),
    ],
)
def test_lines_that_cannot_be_are_refused_with_place_and_cure(
    do: Do, lines: Any, code: str, said: str
) -> None:
    do("bom.create", item="ARM")
    do("bom.change", item="ARM", version="1", lines=[line("BRACKET", 1)])
    do("bom.create", item="BRACKET")
    text = refused(do, code, "bom.change", item="BRACKET", version="B", lines=lines)
    assert said.replace("  ", " ") in text.replace("  ", " ")


def test_a_masters_file_cannot_close_a_circle_either(shop: Connection) -> None:
    file = {"bom": [{"item": "ARM", "lines": [{"item": "BRACKET", "qty": 1}]}]}
    masters.load(shop, file, NOW)
    file = {"bom": [{"item": "BRACKET", "version": "B", "lines": [{"item": "ARM", "qty": 1}]}]}
    with pytest.raises(MastersError, match="BRACKET would be made from itself"):
        masters.load(shop, file, NOW)


def test_two_people_on_one_draft_the_second_is_told_who_was_first(do: Do) -> None:
    seen = do("bom.create", item="BRACKET", copy_of="A")["row_version"]
    one = {"item": "BRACKET", "version": "B", "row_version": seen}
    do("bom.change", **one, lines=[line("COIL", "0.3")])
    said = refused(do, "changed_meanwhile", "bom.change", **one, lines=[line("COIL", "0.4")])
    assert "BRACKET/B was changed by 孙丽 at" in said


def test_each_step_is_undone_to_what_was_before(shop: Connection, do: Do) -> None:
    made = do("bom.create", item="BRACKET", copy_of="A")
    changed = do("bom.change", item="BRACKET", version="B", lines=[line("COIL", "0.3")])
    do("undo", act=changed["act"])
    assert [tuple(found[:3]) for found in boms.lines(shop, "BRACKET", "B")] == A
    refused(do, "undo_stands", "undo", act=made["act"])
    do("bom.check", item="BRACKET", version="B")
    day = TODAY.isoformat()
    released = do("bom.release", item="BRACKET", version="B", from_day=day)
    do("undo", act=released["act"])
    assert state(shop) == "checked"
    assert boms.lock(shop, "BRACKET", "B").from_day is None
    released = do("bom.release", item="BRACKET", version="B", from_day=day)
    code = order(do)
    assert code in refused(do, "bom_used", "undo", act=released["act"])


def test_a_change_order_gives_each_order_what_was_chosen_in_one_act_and_back_in_one(
    shop: Connection, do: Do
) -> None:
    fresh, begun, kept, held = (order(do) for _ in range(4))
    draft = do("work_order.create", item="BRACKET", qty=5)["work_order"]
    begin(shop, begun, 10)
    version_b(do)
    bom = boms.lock(shop, "BRACKET", "B")
    found = change_order(shop, {fresh: "not_started", begun: "not_started", held: "hold"})
    assert [each["work_order"] for each in found["orders"]] == [fresh, begun, kept, held]
    done = do("change_order.apply", row_version=bom.row_version, **found)
    assert done["change_order"] == "ECO-2026-00001"
    assert (done["taken"], done["held"], done["kept"]) == (2, 1, 1)
    assert material(shop, fresh) == B
    assert material(shop, begun) == [A[0], B[1]], "the first operation is at work: it goes on"
    assert (material(shop, kept), material(shop, held)) == (A, A)
    assert [work_orders.get(shop, code).state for code in (kept, held)] == ["released", "held"]
    do("work_order.release", work_order=draft)
    assert material(shop, draft) == B

    refused(do, "bom_used", "undo", act=done["act"])
    do("work_order.cancel", work_order=draft)
    shop.execute("delete from erp.work_order_material where work_order = %s", [draft])
    do("undo", act=done["act"])
    assert {tuple(material(shop, code)) for code in (fresh, begun, kept, held)} == {tuple(A)}
    assert work_orders.get(shop, held).state == "released"
    assert state(shop) == "checked"
    assert shop.execute("select undone from erp.change_order").fetchall() == [(True,)]


def change_order(shop: Connection, chosen: dict[str, str]) -> dict[str, Any]:
    """The act's arguments as the page has them; what is not chosen stays as it is."""
    bom = boms.lock(shop, "BRACKET", "B")
    orders = [
        {"work_order": each.code, "version": each.version,
         "policy": chosen.get(each.code, "new_only")}
        for each in change_orders.touched(shop, bom)
    ]  # fmt: skip
    return {"item": "BRACKET", "version": "B", "orders": orders}


def test_a_preview_of_a_change_order_tells_and_changes_nothing(shop: Connection, do: Do) -> None:
    code = order(do)
    version_b(do)
    told = do("change_order.apply", preview=True, **change_order(shop, {code: "not_started"}))
    assert (told["taken"], told["state"]) == (1, "released")
    assert material(shop, code) == A
    assert state(shop) == "checked"
    assert shop.execute("select count(*) from erp.change_order").fetchone() == (0,)


def test_an_order_that_came_or_changed_since_refuses_the_change_order(
    shop: Connection, do: Do
) -> None:
    code = order(do)
    version_b(do)
    seen = change_order(shop, {code: "hold"})
    do("work_order.change", work_order=code, qty=120)
    assert code in refused(do, "changed_meanwhile", "change_order.apply", **seen)
    seen = change_order(shop, {code: "hold"})
    late = order(do)
    assert late in refused(do, "changed_meanwhile", "change_order.apply", **seen)
    assert work_orders.get(shop, code).state == "released"


def test_what_began_under_the_new_version_is_not_taken_back(shop: Connection, do: Do) -> None:
    code = order(do)
    version_b(do)
    done = do("change_order.apply", **change_order(shop, {code: "not_started"}))
    begin(shop, code, 10)
    assert code in refused(do, "undo_stands", "undo", act=done["act"])
    assert material(shop, code) == B


def test_a_line_of_an_operation_that_the_order_does_not_have_is_used_at_its_first(
    shop: Connection, do: Do
) -> None:
    """The order was made before the routing had its second operation."""
    shop.execute("delete from erp.routing where item = 'BRACKET' and seq = 20")
    code = order(do)
    shop.execute("insert into erp.routing values ('BRACKET', 20, 'assemble', null)")
    version_b(do)
    done = do("change_order.apply", **change_order(shop, {code: "not_started"}))
    assert material(shop, code) == B
    do("undo", act=done["act"])
    assert material(shop, code) == A


@pytest.mark.parametrize(("before", "after", "at_work"), [(10, 20, 10), (20, 10, 10)])
def test_a_component_that_changes_its_operation_is_not_given_while_one_of_both_is_at_work(
    shop: Connection, do: Do, before: int, after: int, at_work: int
) -> None:
    do("bom.create", item="BRACKET", version="A2")
    steel = line("COIL", "0.25")
    for version, step in (("A2", before), ("B", after)):
        if version == "B":
            do("bom.create", item="BRACKET", version="B")
        lines = [steel, line("SCREW", 2, operation=step)]
        do("bom.change", item="BRACKET", version=version, lines=lines)
        do("bom.check", item="BRACKET", version=version)
    do("bom.release", item="BRACKET", version="A2", from_day=TODAY.isoformat())
    code = order(do)
    begin(shop, code, at_work)
    seen = change_order(shop, {code: "not_started"})
    said = refused(do, "change_moves", "change_order.apply", **seen)
    assert (
        f"SCREW goes to another operation in this version, and one of both is at work for {code}"
        in said
    )
    kept = change_order(shop, {code: "hold"})
    assert do("change_order.apply", **kept)["held"] == 1
    assert {row[0] for row in material(shop, code)} == {"COIL", "SCREW"}


def test_a_hundred_orders_are_changed_in_a_moment_of_locks(shop: Connection, do: Do) -> None:
    codes = [order(do) for _ in range(100)]
    version_b(do)
    before = shop.execute("select count(*) from erp.work_order_material").fetchone()
    done = do("change_order.apply", **change_order(shop, dict.fromkeys(codes, "not_started")))
    assert done["taken"] == 100
    assert shop.execute("select count(*) from erp.work_order_material").fetchone() == before


def test_what_differs_is_told_with_what_lies_of_it(shop: Connection, do: Do) -> None:
    version_b(do)
    found = boms.difference(shop, "BRACKET", "A", "B")
    assert [(row["component"], row["before"], row["after"]) for row in found] == [
        ("COIL", Decimal("0.25"), Decimal("0.204")), ("SCREW", Decimal(2), Decimal(3)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("first", "then"), [("1", "2"), ("9", "10"), ("A", "B"), ("A9", "A10"), ("Z", "Z2")]
)
def test_a_version_without_a_name_is_the_next(
    shop: Connection, do: Do, first: str, then: str
) -> None:
    do("bom.create", item="ARM", version=first)
    assert do("bom.create", item="ARM")["version"] == then


def test_of_versions_with_one_first_day_the_newest_is_in_force(shop: Connection) -> None:
    rows = [("9", None), ("10", None), ("8", date(2026, 3, 1)), ("11", date(2026, 3, 5))]
    for version, day in rows:
        shop.execute(
            "insert into erp.bom (item, version, state, from_day) "
            "values ('ARM', %s, 'released', %s)",
            [version, day],
        )
    days = (date(2026, 2, 28), date(2026, 3, 1), date(2026, 3, 5))
    assert [boms.in_force(shop, "ARM", day) for day in days] == ["10", "8", "11"]
