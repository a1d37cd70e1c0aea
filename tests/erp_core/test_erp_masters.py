from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from database.connection import Connection
from erp_core.items import boms, items
from erp_core.masters.errors import MastersError
from erp_core.masters.masters import load
from erp_core.production import work_orders
from erp_core.stock import ledger
from erp_core.tooling import dies
from people import staff

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "config" / "masters.toml"
NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)

SMALL: dict[str, Any] = {
    "item": [{"code": "A", "unit": "pcs", "kind": "part"}, {"code": "C", "kind": "coil"}],
    "bom": [{"item": "A", "version": "1", "lines": [{"item": "C", "qty": 0.35}]}],
    "die": [{"code": "D", "outputs": [{"item": "A", "parts": "1/4"}]}],
    "work_order": [{"code": "W", "item": "A", "qty": 100}],
    "stock": [{"item": "C", "location": "RAW", "lot": "L", "qty": 12.5}],
    "person": [{"code": "E1", "name": "张伟", "role": "operator", "lines": ["L1"]}],
}


def everything(connection: Connection) -> list[tuple[Any, ...]]:
    """What the tables of master data hold, to compare two loads."""
    return connection.execute("""
        select 'item', i::text from erp.item i union all select 'bom', b::text from erp.bom_line b
        union all select 'die', d::text from erp.die d
        union all select 'output', o::text from erp.die_output o
        union all select 'press', p::text from erp.die_press p
        union all select 'routing', r::text from erp.routing r
        union all select 'person', p::text from people.person p
        union all select 'order', w::text from erp.work_order w
        union all select 'operation', o::text from erp.work_order_operation o
        union all select 'material', m::text from erp.work_order_material m
        union all select 'move', m::text from erp.stock_move m
        union all select 'location', l::text from erp.location l order by 1, 2
    """).fetchall()


def test_the_sample_plant_loads_and_loading_it_again_changes_nothing(
    connection: Connection,
) -> None:
    loaded = load(connection, SAMPLE, NOW)
    assert (loaded.dies, loaded.work_orders) == (6, 10)
    assert str(loaded).startswith("loaded: items 15, boms 11, dies 6, routings 9, people 11")
    before = everything(connection)
    load(connection, SAMPLE, NOW.replace(month=4))
    assert everything(connection) == before


def test_the_sample_plant_gives_every_press_a_job_that_fits(connection: Connection) -> None:
    load(connection, SAMPLE, NOW)
    released = connection.execute("select code, item from erp.work_order").fetchall()
    for press in ("P01", "P02", "P03"):  # those of the sample plant file
        jobs = [
            code
            for code, item in released
            for die in dies.makers(connection, item, press, NOW)
            if work_orders.operation_for(connection, code, die)
        ]
        assert jobs, press
    hands = {p.role for code in ("1001", "2001", "4001") if (p := staff.find(connection, code))}
    assert hands == {"operator", "leader", "manager"}


@pytest.mark.parametrize(
    "file", sorted(ROOT.glob("tests/scenarios/*/orders.toml")), ids=lambda file: file.parent.name
)
def test_the_stories_load(connection: Connection, file: Path) -> None:
    if not (file.parent / "refused.txt").exists():
        load(connection, file, NOW)


def test_an_order_keeps_the_material_that_was_valid_when_it_was_released(
    connection: Connection,
) -> None:
    load(connection, SMALL, NOW)
    newer = {"bom": [{"item": "A", "version": 10, "lines": [{"item": "C", "qty": "0.4"}]}]}
    load(connection, newer, NOW)
    load(connection, {"work_order": [{"code": "W2", "item": "A", "qty": 5}]}, NOW)
    assert boms.in_force(connection, "A", NOW.date()) == "10"
    rows = connection.execute("select work_order, qty_per from erp.work_order_material order by 1")
    assert rows.fetchall() == [("W", Decimal("0.35")), ("W2", Decimal("0.4"))]


def test_defaults_are_filled_in(connection: Connection) -> None:
    load(connection, SMALL, NOW)
    item = items.find(connection, "A")
    assert item
    assert (item.name_zh, item.name_en, item.unit, item.over_tolerance) == ("A", "A", "pcs", 0)
    (operation,) = work_orders.operations(connection, "W")
    assert (operation.seq, operation.die, operation.last) == (10, None, True)
    (output,) = dies.outputs(connection, "D", NOW)
    assert output.parts == Fraction(1, 4)
    codes = {code for (code,) in connection.execute("select code from erp.location")}
    assert codes >= {"RAW", "WIP", "FG", "PRODUCTION", "SCRAP", "SUPPLIER", "CUSTOMER", "COUNT"}


def test_routings_may_be_short_or_long(connection: Connection) -> None:
    load(connection, SMALL, NOW)
    routing = ["D", {"name": "去毛刺"}, {"seq": 50, "name": "复检", "die": "D"}]
    load(
        connection, {"work_order": [{"code": "X", "item": "A", "qty": 1, "routing": routing}]}, NOW
    )
    steps = [(o.seq, o.name, o.die, o.last) for o in work_orders.operations(connection, "X")]
    assert steps == [(10, "D", "D", False), (20, "去毛刺", None, False), (50, "复检", "D", True)]


def test_a_ratio_that_changed_is_dated(connection: Connection) -> None:
    load(connection, SMALL, NOW)
    changed = {"item": "A", "parts": 2, "from": NOW}
    load(connection, {"die": [{"code": "D", "outputs": [changed]}]}, NOW)
    before, after = NOW.replace(hour=7), NOW
    assert [o.parts for o in dies.outputs(connection, "D", before)] == [Fraction(1, 4)]
    assert [o.parts for o in dies.outputs(connection, "D", after)] == [2]


def test_an_edited_order_follows_the_file_until_it_is_finished(connection: Connection) -> None:
    load(connection, SMALL, NOW)
    edited = {"work_order": [{"code": "W", "item": "A", "qty": 120, "due": date(2026, 4, 1)}]}
    load(connection, edited, NOW)
    order = work_orders.get(connection, "W")
    assert (order.qty, order.due, order.state) == (120, date(2026, 4, 1), "released")
    work_orders.close(connection, "W", NOW)
    load(connection, SMALL, NOW)
    assert work_orders.get(connection, "W").qty == 120


def test_opening_stock_is_received_once(connection: Connection) -> None:
    load(connection, SMALL, NOW)
    load(connection, SMALL, NOW)
    assert [(h.item, h.lot, h.qty) for h in ledger.on_hand(connection)] == [
        ("C", "L", Decimal("12.5"))
    ]
    more = {"stock": [{"item": "C", "lot": "L", "qty": 99}]}
    with pytest.raises(MastersError, match=r"stock\.C\.qty: was loaded before as 12\.5"):
        load(connection, more, NOW)


def test_a_pin_is_kept_as_a_hash_and_stays_when_it_is_the_same(connection: Connection) -> None:
    person = {"code": "E1", "role": "operator", "pin": "4711"}

    def hashed() -> str:
        load(connection, {"person": [person]}, NOW)
        row = connection.execute("select pin_hash from people.person").fetchone()
        assert row
        return row[0]

    first = hashed()
    assert first.startswith("$argon2id$")
    assert hashed() == first
    person["pin"] = "0815"
    assert hashed() != first


# Faults ---------------------------------------------------------------------------------------

BROKEN = """\
[[item]]
code = "A"
colour = "red"
over_tolerance = "much"

[[item]]
code = "A"

[[bom]]
item = "A"
lines = [
  { item = "C", qty = 1 },
  { item = "A", qty = 0 },
]

[[die]]
code = "D"
life = "long"
outputs = [{ item = "A", parts = 0.25 }]

[[work_order]]
code = "W/1"
item = "A"

[[person]]
code = "E1"
role = "boss"
pin = "secret"

[[flight]]
code = "F"
"""

FAULTS = """\
masters.toml:3: item.A.colour: is not a key here; take it out, or check its spelling
masters.toml:4: item.A.over_tolerance: 'much' is not a number; write one, such as 0.35
masters.toml:13: bom.A.lines.A.qty: 0 cannot be; it should be greater than 0
masters.toml:18: die.D.life: 'long' cannot be; it should be a valid integer
masters.toml:19: die.D.outputs.A.parts: 0.25 is not a ratio; write 2 or "1/4" \
(one part every four strokes)
masters.toml:21: work_order.W/1.qty: is missing; add it
masters.toml:22: work_order.W/1.code: 'W/1' cannot be; write it without a slash, and without \
spaces around it
masters.toml:27: person.E1.role: 'boss' cannot be; it should be 'operator', 'leader', 'planner', \
'warehouse', 'quality', 'manager' or 'it'
masters.toml:28: person.E1.pin: this PIN cannot be; write 4 to 12 digits in quotes, such as "1234"
masters.toml:30: flight: is not a key here; take it out, or check its spelling"""


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "masters.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_every_fault_of_form_is_told_with_line_key_and_cure(
    connection: Connection, written: Callable[[str], Path]
) -> None:
    with pytest.raises(MastersError) as caught:
        load(connection, written(BROKEN), NOW)
    assert str(caught.value) == FAULTS


LOOSE = """\
[[item]]
code = "A"

[[item]]
code = "A"

[[bom]]
item = "A"
lines = [{ item = "C", qty = 1 }, { item = "A", qty = 1 }]

[[die]]
code = "D"
outputs = [{ item = "B" }]

[[work_order]]
code = "W"
item = "A"
qty = 5
routing = ["E", "D"]

[[stock]]
item = "A"
location = "SHELF"
qty = 3

[[person]]
code = "E1"
role = "operator"
badge = "EMP:1"

[[person]]
code = "E2"
role = "operator"
badge = "EMP:1"
"""

LOOSE_FAULTS = """\
masters.toml:5: item.A.code: stands here a second time; keep one of them
masters.toml:9: bom.A.lines.C: there is no item C; add an [[item]] or mend the code
masters.toml:9: bom.A.lines: A would be made from itself; take out the line that leads back to it
masters.toml:13: die.D.outputs.B: there is no item B; add an [[item]] or mend the code
masters.toml:17: work_order.W.item: no die makes A; add it to the outputs of a [[die]]
masters.toml:19: work_order.W.routing.E: there is no die E; add a [[die]] or mend the code
masters.toml:19: work_order.W.routing.D: die D does not make A; add A to the outputs of the die, \
or name another die
masters.toml:23: stock.A.location: there is no location SHELF; write one of COUNT, CUSTOMER, FG, \
PRODUCTION, RAW, SCRAP, SUPPLIER, SURPLUS, WIP
masters.toml:34: person.E2.badge: stands here a second time; keep one of them"""


def test_every_fault_of_sense_is_told_and_nothing_is_written(
    connection: Connection, written: Callable[[str], Path]
) -> None:
    before = everything(connection)
    with pytest.raises(MastersError) as caught:
        load(connection, written(LOOSE), NOW)
    assert str(caught.value) == LOOSE_FAULTS
    assert everything(connection) == before


def test_an_order_code_or_badge_that_the_database_gives_to_something_else_is_refused(
    connection: Connection,
) -> None:
    load(connection, SMALL, NOW)
    first = {"code": "E1", "name": "张伟", "role": "operator", "lines": ["L1"], "badge": "EMP:1"}
    load(connection, {"person": [first]}, NOW)
    other = {
        "item": [{"code": "B"}],
        "die": [{"code": "DB", "outputs": [{"item": "B"}]}],
        "work_order": [{"code": "W", "item": "B", "qty": 1}],
        "person": [{"code": "E2", "role": "operator", "badge": "EMP:1"}],
    }
    with pytest.raises(MastersError) as caught:
        load(connection, other, NOW)
    assert caught.value.problems == (
        "masters: work_order.W.item: W is already an order for A; choose another code",
        "masters: person.E2.badge: EMP:1 is the badge of E1; give each person a badge of their own",
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[item]\n", r"masters.toml:1: is not TOML .*; mend that line"),
        ("item = [\n  { code = 'A' },\n  { code = 'B', kind = 'x' },\n]\n", r"masters.toml:3: "),
        ("item = 5\n", r"masters.toml:1: item: 5 cannot be; "),
    ],
)
def test_other_broken_files_are_placed_too(
    connection: Connection, written: Callable[[str], Path], text: str, told: str
) -> None:
    with pytest.raises(MastersError, match=told):
        load(connection, written(text), NOW)


def test_a_file_that_cannot_be_read_is_named(connection: Connection, tmp_path: Path) -> None:
    with pytest.raises(MastersError, match=r"absent.toml: cannot be read \(No such file"):
        load(connection, tmp_path / "absent.toml", NOW)
    latin = tmp_path / "latin.toml"
    latin.write_bytes("[[item]]\ncode = 'Ä'\n".encode("latin-1"))
    with pytest.raises(MastersError, match=r"latin.toml: is not UTF-8; save it as UTF-8"):
        load(connection, latin, NOW)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a = " + "[" * 5000, "too deep"),
        ("a = " + "9" * 5000, "too long"),
        (
            '[[item]]\ncode = "A\\u0000"\nname_zh = "a"\nname_en = "a"\n'
            'unit = "pcs"\nkind = "part"',
            "NUL",
        ),
    ],
)
def test_what_cannot_be_held_is_told_too(
    connection: Connection, written: Callable[[str], Path], text: str, told: str
) -> None:
    with pytest.raises(MastersError, match=told):
        load(connection, written(text), NOW)


def test_a_byte_order_mark_is_passed_over(connection: Connection, tmp_path: Path) -> None:
    path = tmp_path / "masters.toml"
    path.write_text("# from a Windows editor", encoding="utf-8-sig")
    assert load(connection, path, NOW).items == 0
