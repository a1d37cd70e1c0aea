"""What a person would not have meant: told with line and cure, before anything is written."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from database.connection import Connection
from erp_core.masters.check import Floor
from erp_core.masters.errors import MastersError
from erp_core.masters.masters import load

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
FLOOR = Floor(frozenset({"L1"}), frozenset({"P01", "P02"}))
WHOLE = """
[[item]]
code = "A"
name_zh = "支架"
over_tolerance = 0.02
[[item]]
code = "K"
[[item]]
code = "C"
kind = "coil"
unit = "kg"
[[item]]
code = "R"
kind = "bought"
[[die]]
code = "D"
name = "级进模"
life = 500_000
opening_strokes = 412_000
speed = 55
outputs = [{ item = "A" }]
presses = ["P01"]
[[work_order]]
code = "W"
item = "A"
qty = 100
due = 2026-12-24
[[person]]
code = "E1"
name = "张伟"
role = "operator"
lines = ["L1"]
badge = "B-1"
pin = "4711"
"""


def refused(connection: Connection, folder: Path, text: str, *, reset: bool = False) -> list[str]:
    """What is told of a file; it must not load."""
    file = folder / "masters.toml"
    file.write_text(text)
    with pytest.raises(MastersError) as error:
        load(connection, file, NOW, floor=FLOOR, reset=reset)
    return list(error.value.problems)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ('[[work_order]]\ncode = "W2"\nitem = "C"\nqty = 5',
         "work_order.W2.item: C is a coil: nothing makes it; order a part instead"),
        ('[[work_order]]\ncode = "W2"\nitem = "R"\nqty = 5',
         "work_order.W2.item: R is a bought item: nothing makes it; order a part instead"),
        ('[[work_order]]\ncode = "W2"\nitem = "K"\nqty = 5',
         "work_order.W2.item: no die makes K; add it to the outputs of a [[die]]"),
        ('[[die]]\ncode = "D2"\noutputs = [{ item = "K" }]\npresses = ["P01", "P09"]',
         "die.D2.presses: there is no press P09; write one of P01, P02, or add it"),
        ('[[person]]\ncode = "E2"\nrole = "leader"\nlines = ["L1", "L7"]',
         "person.E2.lines: there is no line L7; write one of L1, or add it"),
        ('[[person]]\ncode = "E2"\nrole = "leader"\npin = "4711"',
         "person.E2.pin: E1 has the same PIN; give each person a PIN of their own"),
        ('[[work_order]]\ncode = "W2"\nitem = "A"\nqty = 1_000_000_000_000',
         "work_order.W2.qty: 1000000000000 cannot be; it should be less than or equal to"),
        ('[[stock]]\nitem = "C"\nqty = 1e12', "stock.C.qty: 1E+12 cannot be; it should be less"),
        ('[[bom]]\nitem = "A"\nlines = [{ item = "C", qty = 1e12 }]', "cannot be; it should be"),
        ('[[die]]\ncode = "D2"\noutputs = [{ item = "K" }]\nlife = 5_000_000_000_000',
         "die.D2.life: 5000000000000 cannot be; it should be less"),
        ('[[die]]\ncode = "D2"\noutputs = [{ item = "K" }]\nspeed = 55_000',
         "die.D2.speed: 55000 cannot be; it should be less than or equal to 5000"),
        ('[[die]]\ncode = "D2"\noutputs = [{ item = "K" }]\nwarn = 80',
         "die.D2.warn: 80 cannot be; it should be less than or equal to 2"),
        ('[[die]]\ncode = "D2"\noutputs = [{ item = "K" }]\nwarn = 1.1',
         "die.D2.warn: warns at 1.1 of its life, and is due at 1 already; write a warn"),
        ('[[die]]\ncode = "D2"\noutputs = [{ item = "K", parts = 100_000 }]',
         "100000 cannot be; write numbers up to 1000"),
        ('[[item]]\ncode = "a"', "item.a.code: differs from A in case, width or spaces only; "
         "write A if that is meant, or say --distinct if they are two"),
        ('[[item]]\ncode = "Ａ"', "item.Ａ.code: differs from A in case"),
        ('[[die]]\ncode = "d\u200b"\noutputs = [{ item = "K" }]', "code: differs from D in case"),
        ('[[person]]\ncode = "e 1"\nrole = "leader"', "person.e 1.code: differs from E1 in case"),
        ('[[reason]]\nkind = "scrap"\ncode = "毛刺"\n[[reason]]\nkind = "scrap"\ncode = "毛 刺"',
         "differs from scrap/毛刺 in case"),
        ('[[item]]\ncode = "A "', "'A ' cannot be; write it without spaces around it"),
        ('[[die]]\ncode = "D2"\noutputs = [{ item = "k" }]', "there is no item k; write K"),
        ('[[item]]\ncode = "Z"\nuntil = 2026-03-01\n[[die]]\ncode = "DZ"\n'
         'outputs = [{ item = "Z" }]\n[[work_order]]\ncode = "WZ"\nitem = "Z"\nqty = 5',
         "work_order.WZ.item: Z is made until 2026-03-01 only; order what follows it, or write"),
        ('[[reason]]\nkind = "scrap"\ncode = "毛刺"\nplanned = true',
         "is of no stop; take planned out"),
        ('[[item]]\ncode = "Z"\nover_tolerance = 5',
         "item.Z.over_tolerance: 5 cannot be; it should be less than or equal to 1"),
    ],
)  # fmt: skip
def test_what_nobody_means_is_told_with_line_and_cure(
    connection: Connection, tmp_path: Path, more: str, told: str
) -> None:
    [problem] = refused(connection, tmp_path, f"{WHOLE}\n{more}\n")
    assert told in problem
    line = int(problem.split(":")[1])
    assert line > len(WHOLE.splitlines()), problem
    assert connection.execute("select from erp.item").fetchone() is None


def test_a_short_file_does_not_reset_what_it_leaves_out(
    connection: Connection, tmp_path: Path
) -> None:
    whole = tmp_path / "whole.toml"
    whole.write_text(WHOLE)
    load(connection, whole, NOW, floor=FLOOR)
    short = """
[[item]]
code = "A"
[[die]]
code = "D"
outputs = [{ item = "A" }]
[[work_order]]
code = "W"
item = "A"
qty = 120
[[person]]
code = "E1"
role = "operator"
"""
    problems = refused(connection, tmp_path, short)
    told = "\n".join(problems)
    for key in ("name_zh", "over_tolerance", "life", "opening_strokes", "speed", "presses", "due",
                "lines", "badge"):  # fmt: skip
        assert f" {key} is left out, and is " in told
    assert problems[0].startswith("masters.toml:2: item.A: ")
    assert "write opening_strokes = 412000 to keep it, or load with --reset" in told
    assert 'write presses = ["P01"] to keep it' in told
    assert "write due = 2026-12-24 to keep it" in told
    assert "write over_tolerance = 0.02 to keep it" in told


def test_what_is_left_out_falls_back_when_that_is_asked(
    connection: Connection, tmp_path: Path
) -> None:
    file = tmp_path / "masters.toml"
    file.write_text(WHOLE)
    load(connection, file, NOW)
    load(connection, {"item": [{"code": "A"}]}, NOW, reset=True)
    row = connection.execute("select name_zh, over_tolerance from erp.item where code = 'A'")
    assert row.fetchone() == ("A", Decimal(0))


def test_the_same_file_again_leaves_nothing_out(connection: Connection, tmp_path: Path) -> None:
    file = tmp_path / "masters.toml"
    file.write_text(WHOLE)
    load(connection, file, NOW, floor=FLOOR)
    load(connection, file, NOW, floor=FLOOR)
    assert connection.execute("select count(*) from people.person").fetchone() == (1,)


def test_what_is_written_like_another_may_be_meant(connection: Connection) -> None:
    two = {"item": [{"code": "A"}, {"code": "a"}]}
    load(connection, two, NOW, distinct=True)
    load(connection, two, NOW)  # they are there now, and are not asked about again
    with pytest.raises(MastersError, match="differs from a in case"):
        load(connection, {"item": [{"code": "Ａ"}]}, NOW)


def test_an_item_takes_orders_to_its_last_day_and_those_that_are_there_go_on(
    connection: Connection,
) -> None:
    parts = {"item": [{"code": "A", "until": date(2026, 3, 2)}],
             "die": [{"code": "D", "outputs": [{"item": "A"}]}]}  # fmt: skip
    first = {"work_order": [{"code": "W1", "item": "A", "qty": 5}]}
    load(connection, parts | first, NOW)
    load(connection, parts | first, NOW + timedelta(days=9))
    late = {"work_order": [{"code": "W2", "item": "A", "qty": 5}]}
    with pytest.raises(MastersError, match="A is made until 2026-03-02 only"):
        load(connection, late, NOW + timedelta(days=1))


def test_the_last_day_is_the_plants(connection: Connection) -> None:
    shanghai = Floor(frozenset({"L1"}), frozenset({"P01"}), "Asia/Shanghai")
    parts = {"item": [{"code": "A", "until": date(2026, 3, 2)}],
             "die": [{"code": "D", "outputs": [{"item": "A"}]}],
             "work_order": [{"code": "W1", "item": "A", "qty": 5}]}  # fmt: skip
    with pytest.raises(MastersError, match="A is made until 2026-03-02 only"):
        load(connection, parts, datetime(2026, 3, 2, 16, 30, tzinfo=UTC), floor=shanghai)
