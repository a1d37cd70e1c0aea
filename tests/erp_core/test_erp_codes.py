"""Badges and codes as cards, labels and readers give them: the one on file that is meant."""

import pytest

from database.connection import Connection
from erp_core import codes
from people import badges


@pytest.fixture
def shop(connection: Connection) -> Connection:
    connection.execute("""
        insert into people.person (code, name, role, badge) values
          ('wang', 'Wang', 'operator', 'EMP:1001'), ('li', 'Li', 'operator', 'B-102'),
          ('zhao', 'Zhao', 'operator', '0004521939'), ('sun', 'Sun', 'operator', '7'),
          ('qian', 'Qian', 'operator', '007');
        insert into erp.item (code, name_zh, name_en, unit, kind) values
          ('P', 'P', 'P', 'pcs', 'part'), ('C', 'C', 'C', 'kg', 'coil');
        insert into erp.die (code) values ('D-1（左）'), ('wo-1');
        insert into erp.work_order (code, item, qty, state, created, created_by) values
          ('WO-1', 'P', 1, 'released', '2026-03-02 00:00Z', 'x'),
          ('wo-2', 'P', 1, 'released', '2026-03-02 00:00Z', 'x'),
          ('WO-2', 'P', 1, 'released', '2026-03-02 00:00Z', 'x');
        insert into erp.lot (item, code, created) values ('C', 'K7', '2026-03-02 00:00Z');
    """)
    return connection


@pytest.mark.parametrize(("given", "badge"), [
    ("EMP:1001", "EMP:1001"), ("1001", "EMP:1001"), ("emp:1001\r", "EMP:1001"),
    ("ＥＭＰ：１００１", "EMP:1001"), ("0000001001", "EMP:1001"), (" EMP: 1001 ", "EMP:1001"),
    ("b-102", "B-102"), ("EMP:B-102", "B-102"), ("Ｂ－１０２", "B-102"),
    ("4521939", "0004521939"), ("0004521939", "0004521939"), ("EMP:4521939", "0004521939"),
    ("0044FFD3", "0004521939"), ("0044ffd3", "0004521939"), ("068,65491", "0004521939"),
    ("７", "7"), ("007", "007"),
])  # fmt: skip
def test_a_badge_is_known_however_a_reader_writes_it(
    shop: Connection, given: str, badge: str
) -> None:
    assert badges.on_file(shop, given) == badge


@pytest.mark.parametrize(
    "given", ["1002", "EMP:B-103", "00007", "1001 1001", "", "EMP:", "9" * 5000]
)
def test_a_badge_that_is_none_or_could_be_two_is_nobodys(shop: Connection, given: str) -> None:
    row = shop.execute(
        "select code from people.person where badge = %s", [badges.on_file(shop, given)]
    )
    assert row.fetchone() is None


@pytest.mark.parametrize(("kind", "given", "code"), [
    ("work_order", "WO-1", "WO-1"), ("work_order", "WO:WO-1", "WO-1"),
    ("work_order", "wo:wo-1", "WO-1"),
    ("work_order", "ＷＯ：ＷＯ－１", "WO-1"), ("work_order", "wo-1\t", "WO-1"),
    ("work_order", "WO-2", "WO-2"), ("work_order", "wo-2", "wo-2"), ("work_order", "Wo-2", None),
    ("work_order", "WO:", None), ("work_order", "DIE:WO-1", None), ("work_order", "", None),
    ("die", "D-1(左)", "D-1（左）"), ("die", "DIE:d-1（左）", "D-1（左）"), ("lot", "lot:k7", "K7"),
    ("reason", "ＲＳＮ：ｍａｔｅｒｉａｌ", "material"), ("reason", "nope", None),
])  # fmt: skip
def test_a_code_is_known_however_it_was_typed_or_scanned(
    shop: Connection, kind: codes.Kind, given: str, code: str | None
) -> None:
    assert codes.meant(shop, kind, given) == code


def test_a_bare_code_can_mean_several_things_orders_first(shop: Connection) -> None:
    assert codes.read(shop, "wo-1") == [("WO", "WO-1"), ("DIE", "wo-1")]
    assert codes.read(shop, "k7") == [("LOT", "K7")]
    assert codes.read(shop, "4006381333931") == []
