"""Plants that earlier schemas left, each migrated with its past and a customer's views on ours."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from servers import Flavour

from database.connection import connect
from database.migrate import migrate, require_current
from mes_bridge.proof.audit import audit
from tests import dumps

PLAIN = pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")
CUSTOMER = """
create schema sales;
create view sales.good as
  select press, item, sum(good) as good, sum(scrap) as scrap from board.run_output
  group by press, item;
create view sales.orders as
  select g.work_order, g.good, g.in_stock, s.press from board.work_order_progress g
  left join sales.good s on s.item = g.item;
create materialized view sales.dies as select die, strokes from board.die_life;
"""
# Equations that a dump cannot show: the oldest has facts that no reading tells of.
NOT_SHOWN = {"plant_0010.sql": {"made"}}
LOOKS = (
    "select * from sales.good order by press, item",
    "select * from sales.orders order by work_order, press",
    "select * from sales.dies order by die",
    "select press, since, until, state from board.press_state order by press, since",
)


@pytest.fixture
def empty(flavour: Flavour) -> Iterator[str]:
    """An empty database."""
    with psycopg.connect(flavour.server.url, autocommit=True) as admin:
        admin.execute("create database earlier template template0")
    flavour.made.append("earlier")
    yield flavour.server.url_of("earlier")
    flavour.drop_all()


def looked(url: str) -> list[list[tuple[object, ...]]]:
    with connect(url) as connection:
        return [connection.execute(look.encode()).fetchall() for look in LOOKS]


@PLAIN
@pytest.mark.parametrize("dump", dumps.all_dumps(), ids=lambda path: path.name)
def test_a_plant_with_a_past_comes_to_todays_schema(empty: str, dump: Path) -> None:
    dumps.restore(dump, empty)
    with psycopg.connect(empty) as customer:
        customer.execute(CUSTOMER)
    before = looked(empty)
    assert all(before), "it has a past"
    migrate(empty)
    require_current(empty)
    assert looked(empty) == before
    with connect(empty) as connection:
        row = connection.execute("select to_regclass('set_aside')").fetchone()
        if row != (None,):
            assert connection.execute("select name from set_aside").fetchall() == []
        wrong = {line.equation for line in audit(connection).wrong}
    assert wrong == NOT_SHOWN.get(dump.name, set())


@pytest.mark.parametrize("dump", dumps.all_dumps(), ids=lambda path: path.name)
def test_a_dump_is_small(dump: Path) -> None:
    assert dump.stat().st_size < dumps.MOST


@PLAIN
def test_a_dump_is_made_of_the_schema_as_it_is(
    flavour: Flavour, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(dumps, "FOLDER", tmp_path)
    flavour.made.append("past")
    made = dumps.make(flavour.server, "past")
    assert made.name == f"plant_{dumps.newest()}.sql.gz"
    assert dumps.all_dumps() == [made]
    with psycopg.connect(flavour.server.url, autocommit=True) as admin:
        admin.execute("create database again template template0")
    flavour.made.append("again")
    dumps.restore(made, flavour.server.url_of("again"))
    assert migrate(flavour.server.url_of("again")) == []
    flavour.drop_all()
