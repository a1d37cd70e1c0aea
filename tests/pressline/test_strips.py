"""Coils in kilograms, parts by the pitch of the strip: computed once, kept, explained."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, LiteralString

import pytest
from psycopg import errors
from test_attachments import do as call
from test_bom_versions import do, material, order, refused, shop
from web_shop import shop_at

from database.connection import Connection
from erp_core.items import boms

__all__ = ["do", "shop"]  # fixtures

Do = Callable[..., dict[str, Any]]
STRIP = {"width": "80", "thickness": "1.2", "density": "7.85"}
PITCH = {"component": "COIL", "pitch": "21.4", "pitch_parts": 2}
TAKES = Decimal("0.00806352")  # 21.4 × 80 × 1.2 × 7.85 / 1000 / 1000 ÷ 2, by hand


def drawn(do: Do, **more: Any) -> None:
    """Version B of the bracket: two on a pitch of 21.4 mm."""
    do("item.change", item="COIL", **STRIP)
    do("bom.create", item="BRACKET")
    do("bom.change", item="BRACKET", version="B", lines=[PITCH | more])


def test_an_order_takes_of_the_coil_what_a_part_on_the_strip_weighs(
    shop: Connection, do: Do
) -> None:
    drawn(do, scrap_percent=5)
    do("bom.check", item="BRACKET", version="B")
    do("bom.release", item="BRACKET", version="B")
    assert material(shop, order(do)) == [("COIL", Decimal("0.008466696"), None)]  # × 1.05
    do("stock.receive", who="M", item="COIL", lot="C1", qty="0.2 t")
    enough = shop.execute("select erp.enough_for('COIL', %s)", [TAKES]).fetchone()
    assert enough == (24803,)  # 200 / 0.00806352 = 24,803.06


def test_a_coil_of_whole_pitches_is_enough_for_all_their_parts(shop: Connection, do: Do) -> None:
    """Seven on a pitch of 15.072 g: a seventh of it has no end."""
    drawn(do, pitch="20", pitch_parts=7)
    do("stock.receive", who="M", item="COIL", lot="C1", qty="150.72")  # ten thousand pitches
    [line] = boms.lines(shop, "BRACKET", "B")
    assert line.qty == Decimal("0.002153142857")
    enough = shop.execute("select erp.enough_for('COIL', %s)", [line.qty]).fetchone()
    assert enough == (70_000,)


def test_a_version_keeps_what_it_was_computed_with(shop: Connection, do: Do) -> None:
    drawn(do)
    do("item.change", item="COIL", thickness="1.5")
    said = refused(do, "strip_changed", "bom.check", item="BRACKET", version="B")
    assert "The strip of COIL has changed since the lines of BRACKET/B were written" in said
    do("bom.change", item="BRACKET", version="B", lines=[PITCH])
    do("bom.check", item="BRACKET", version="B")
    do("bom.release", item="BRACKET", version="B")
    released = boms.lines(shop, "BRACKET", "B")
    do("item.change", item="COIL", thickness="2", width="100")
    assert boms.lines(shop, "BRACKET", "B") == released
    assert released[0].qty == Decimal("0.0100794")  # 1.5 mm
    do("bom.create", item="BRACKET", copy_of="B")
    assert boms.lines(shop, "BRACKET", "C") == released


def test_lines_are_taken_back_with_their_strip(shop: Connection, do: Do) -> None:
    drawn(do)
    before = boms.lines(shop, "BRACKET", "B")
    lines = [{"component": "COIL", "qty": "9 g"}]
    changed = do("bom.change", item="BRACKET", version="B", lines=lines)
    assert boms.lines(shop, "BRACKET", "B") == [boms.Line("COIL", Decimal("0.009"))]
    do("undo", act=changed["act"])
    assert boms.lines(shop, "BRACKET", "B") == before
    assert str(before[0].strip) == "21.4 mm × 80 mm × 1.2 mm × 7.85 g/cm³ ÷ 2"
    refused(do, "nothing_changes", "bom.change", item="BRACKET", version="B", lines=[PITCH])


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"width": "80"}, "strip_partly", "Give all three, or none"),
        ({**STRIP, "density": "0"}, "args_wrong", "too small"),
        ({**STRIP, "width": "1e9"}, "args_wrong", "too large"),
        ({"unit": "t"}, "unit_in_bom", "COIL stands in kg in the bill of material BRACKET/A"),
    ],
)
def test_a_strip_that_cannot_be_is_refused(
    do: Do, change: dict[str, str], code: str, said: str
) -> None:
    assert said in refused(do, code, "item.change", item="COIL", **change)


def test_a_pitch_of_what_is_no_mass_is_refused(do: Do) -> None:
    do("item.change", item="SCREW", **STRIP)
    do("bom.create", item="BRACKET")
    lines = [{"component": "SCREW", "pitch": "5"}]
    said = refused(do, "strip_no_mass", "bom.change", item="BRACKET", version="B", lines=lines)
    assert "SCREW is kept in pcs, which is no mass" in said


@pytest.mark.parametrize("wrong", ["NaN", "Infinity"])
@pytest.mark.parametrize(
    "statement",
    [
        "update erp.item set width = %s where code = 'COIL'",
        "update erp.bom_line set qty = %s where version = 'B'",
        "insert into erp.stock_move (at, item, qty, from_location, to_location, who, reason, "
        "idempotency_key) values ('2026-03-02', 'COIL', %s, 'SUPPLIER', 'RAW', 'P', 'x', 'x')",
    ],
)
def test_the_books_hold_no_number_that_is_none(
    shop: Connection, do: Do, statement: LiteralString, wrong: str
) -> None:
    drawn(do)
    with pytest.raises(errors.CheckViolation):
        shop.execute(statement, [wrong])


@pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")
def test_the_page_says_why(database: str) -> None:
    with shop_at(database) as (web, site), site.signed_in("EMP:B-301", None) as client:
        web.connection.execute(
            "update erp.item set width = 80, thickness = 1.2, density = 7.85 where code = 'COIL'"
        )
        web.connection.commit()
        lines = [{"component": "COIL", "pitch": "21.4", "pitch_parts": "2"}]
        for act, args in {
            "bom.create": {"item": "HNG-L"},
            "bom.change": {"item": "HNG-L", "version": "1", "lines": lines},
        }.items():
            assert call(client, act, **args).is_success
        draft = client.get("/bom/HNG-L%2F1").text
        assert 'value="21.4"' in draft
        assert call(client, "bom.check", item="HNG-L", version="1").is_success
        shown = client.get("/bom/HNG-L%2F1").text
    assert "21.4 mm × 80 mm × 1.2 mm × 7.85 g/cm³ ÷ 2" in shown
    assert "0.00806352" in shown
