"""Migrating a plant that runs: boards read beside it, and what others built is theirs again."""

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from servers import Flavour

from database import migrate as migrating
from database import views
from database.connection import connect
from database.errors import BlockedError, NewerError, SetAsideError
from database.migrate import migrate, require_current
from database.references import loose
from tests import dumps

EARLIER = dumps.FOLDER / "plant_0010.sql"
PLAIN = pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")
FIRST = "0010_quarantine"  # the last migration of that plant

CUSTOMER = """
create role customer_{n};
create schema sales;
create view sales.good with (security_barrier = true) as
  select press, sum(good) as good from board.run_output group by press;
comment on view sales.good is 'for the boss';
comment on column sales.good.good is 'pieces';
alter view sales.good owner to customer_{n};
grant usage on schema sales to customer_{n};
grant usage, create on schema sales to customer_{n};
grant select on board.run_output to customer_{n};
grant select on sales.good to public;
create materialized view sales.daily as select press, good * 2 as twice from sales.good;
create unique index daily_press on sales.daily (press);
create view sales.owned as select count(*) as n from mes.owned_count;
"""
QUERIES = [
    f"select * from board.{name}"
    for name in ("press_now", "work_order_progress", "line_shift", "run_energy", "die_life")
]
SHAPES = ("p.line, p.position, p.top_spm from", "p.line, p.top_spm, p.position from")
LOOK = "select press, good from sales.good order by press"


@pytest.fixture
def earlier(flavour: Flavour) -> Iterator[str]:
    """The plant as the program before left it, running for an hour."""
    with psycopg.connect(flavour.server.url, autocommit=True) as admin:
        admin.execute("create database earlier template template0")
    flavour.made.append("earlier")
    address = flavour.server.url_of("earlier")
    with psycopg.connect(address) as connection:
        connection.execute("set check_function_bodies = off")
        connection.execute(EARLIER.read_bytes())
    yield address
    flavour.drop_all()
    with psycopg.connect(flavour.server.url, autocommit=True) as admin:
        admin.execute("drop role if exists customer_1")


def rows(address: str, query: str) -> list[tuple[object, ...]]:
    with connect(address) as connection:
        return connection.execute(query.encode()).fetchall()


@PLAIN
def test_a_plant_of_an_earlier_schema_with_a_customers_views_on_ours(earlier: str) -> None:
    with psycopg.connect(earlier) as admin:
        admin.execute(CUSTOMER.format(n=1).encode())
    before = rows(earlier, LOOK)
    assert before
    with psycopg.connect(earlier) as boss:
        figures = boss.execute(
            "select press, state, good from board.press_at('2026-03-02 01:00Z')"
        ).fetchall()
    applied = migrate(earlier)
    assert min(applied) > FIRST
    require_current(earlier)
    assert rows(earlier, LOOK) == before
    assert rows(earlier, "select twice from sales.daily") == [(2 * good,) for _, good in before]  # pyright: ignore[reportOperatorIssue]
    assert (
        rows(earlier, "select press, state, good from board.press_at('2026-03-02 01:00Z')")
        == figures
    )
    assert rows(earlier, """
        select relowner::regrole::text, reloptions, obj_description(oid), col_description(oid, 2),
               has_table_privilege('pg_monitor', oid, 'select')
        from pg_class where oid = 'sales.good'::regclass""") == [
        ("customer_1", ["security_barrier=true"], "for the boss", "pieces", True)]  # fmt: skip
    assert rows(earlier, "select indexname from pg_indexes where schemaname = 'sales'") == [
        ("daily_press",)
    ]
    assert rows(earlier, "select * from set_aside") == []
    assert migrate(earlier) == []


@PLAIN
def test_what_can_not_be_made_again_is_named_and_kept(
    earlier: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with psycopg.connect(earlier) as admin:
        admin.execute(
            "create schema sales; create view sales.lines as select line from board.press"
        )
    shape(monkeypatch, tmp_path, "10_board.sql", "p.name as press, p.line,", "p.name as press,")
    with pytest.raises(
        SetAsideError, match=r'sales\.lines \(column "line" does not exist\).*set_aside'
    ):
        migrate(earlier)
    [(name, statements)] = rows(earlier, "select name, statements from set_aside")
    assert name == "sales.lines"
    assert "line" in str(statements)
    monkeypatch.undo()
    migrate(earlier)  # the shape is back, and so is the customer's view
    assert rows(earlier, "select * from sales.lines")


@PLAIN
def test_what_would_be_lost_stops_the_run_before_anything_has_changed(earlier: str) -> None:
    with psycopg.connect(earlier) as admin:
        admin.execute(
            "create schema sales; create function sales.one() returns setof board.press "
            "language sql as 'select * from board.press'"
        )
    with pytest.raises(SetAsideError, match=r"sales\.one\(\) of postgres stands on our views"):
        migrate(earlier)
    assert rows(earlier, "select from board.press")
    assert rows(earlier, "select max(name) from migration") == [(FIRST,)]


def shape(monkeypatch: pytest.MonkeyPatch, folder: Path, name: str, old: str, new: str) -> None:
    """The views with another shape."""
    for path in views.FOLDER.glob("*.sql"):
        text = path.read_text()
        assert path.name != name or old in text
        (folder / path.name).write_text(text.replace(old, new) if path.name == name else text)
    monkeypatch.setattr(views, "FOLDER", folder)


@contextmanager
def boards(address: str, *forgiven: type[psycopg.Error]) -> Generator[Callable[[], int]]:
    """Three boards that read in a loop; their errors are the test's."""
    enough, errors, read = threading.Event(), list[BaseException](), [0] * 3

    def look(number: int) -> None:
        with psycopg.connect(address, autocommit=True) as connection:
            while not enough.wait(0.02):
                for query in QUERIES:
                    try:
                        connection.execute(query.encode()).fetchall()
                        read[number] += 1
                    except forgiven:
                        pass
                    except psycopg.Error as error:
                        errors.append(error)
                        return

    threads = [threading.Thread(target=look, args=[number]) for number in range(3)]
    for each in threads:
        each.start()

    def so_far() -> int:
        assert errors == []
        return sum(read)

    try:
        yield so_far
    finally:
        enough.set()
        for each in threads:
            each.join()
    assert errors == []
    assert all(read)


def test_migrating_beside_boards_that_read_disturbs_nobody(database: str) -> None:
    with boards(database) as read:
        for _ in range(10):
            before = read()
            assert migrate(database) == []
            while read() < before + 10:
                pass


def test_a_new_shape_comes_beside_boards_that_read(
    database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """For a moment there is no view; nobody is ended for a deadlock."""
    gone = (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedFunction,
            psycopg.errors.InvalidSchemaName, psycopg.errors.InternalError)  # fmt: skip
    with boards(database, *gone) as read:
        for turn in range(4):
            with monkeypatch.context() as patch:
                folder = tmp_path / str(turn)
                folder.mkdir()
                if turn % 2 == 0:
                    shape(patch, folder, "10_board.sql", *SHAPES)
                before = read()
                migrate(database)
                while read() < before + 10:
                    pass


def test_who_stands_in_the_way_is_named(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("database.patience.PATIENCE_S", 1.0)
    with psycopg.connect(database, application_name="a forgotten window") as idle:
        idle.execute("select * from board.press")
        with pytest.raises(
            BlockedError, match=rf"postgres in a forgotten window \(pid {idle.info.backend_pid}\)"
        ):
            migrate(database)
    assert migrate(database) == []


def test_a_newer_schema_is_refused_by_migrate_and_by_programs(database: str) -> None:
    with connect(database) as connection:
        connection.execute("insert into migration values ('9999_later')")
    for run in (migrate, require_current):
        with pytest.raises(NewerError, match="9999_later, which this program does not know"):
            run(database)


def test_what_postgresql_wants_outside_a_transaction_runs_outside(
    database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "migrations").mkdir()
    for path in (migrating.FOLDER / "migrations").glob("*.sql"):
        (tmp_path / "migrations" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "migrations" / "9000_index.sql").write_text(
        "-- no transaction\ncreate index concurrently timer_due on mes.timer (due);\n"
        "create index concurrently timer_name on mes.timer (name, due);\n"
    )
    monkeypatch.setattr(migrating, "FOLDER", tmp_path)
    assert migrate(database) == ["9000_index"]
    assert migrate(database) == []


def test_append_only_tables_are_never_emptied(database: str) -> None:
    with connect(database, autocommit=True) as connection:
        tables = connection.execute(
            "select distinct n.nspname, c.relname "
            "from pg_trigger t join pg_class c on c.oid = t.tgrelid "
            "join pg_namespace n on n.oid = c.relnamespace "
            "where t.tgfoid = 'people.refuse_change()'::regprocedure"
        ).fetchall()
        assert ("erp", "stock_move") in tables
        for table in tables:
            with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
                connection.execute(sql.SQL("truncate {} cascade").format(sql.Identifier(*table)))


@pytest.fixture
def empty(flavour: Flavour) -> Iterator[str]:
    """A database that nobody has migrated."""
    with psycopg.connect(flavour.server.url, autocommit=True) as admin:
        admin.execute("create database race template template0")
    flavour.made.append("race")
    yield flavour.server.url_of("race")
    flavour.drop_all()


def test_programs_that_migrate_at_once_do_it_in_turn(empty: str) -> None:
    applied = list[list[str]]()
    threads = [threading.Thread(target=lambda: applied.append(migrate(empty))) for _ in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(map(bool, applied)) == [False, False, True]


@PLAIN
def test_programs_that_make_the_first_table_at_once_all_go_on(empty: str) -> None:
    """`create table if not exists` of two at once fails in the catalogue, one time in fifty."""
    start, made = threading.Barrier(8), list[int]()

    def begin() -> None:
        with connect(empty, autocommit=True) as connection:
            for _ in range(25):
                start.wait()
                migrating.make_first_table(connection)
                if not start.wait():
                    connection.execute("drop table migration")
                made.append(1)

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(made) == 8 * 25


@PLAIN
def test_rows_from_before_may_name_what_never_was_and_new_ones_may_not(earlier: str) -> None:
    with connect(earlier) as before:
        before.execute("insert into erp.die_press select code, 'P99' from erp.die limit 1")
        before.execute(
            "update erp.person set badge = 'B99', lines = '{L99}' "
            "where ctid = (select min(ctid) from erp.person)"
        )
    migrate(earlier)
    with connect(earlier) as now:
        told = {each.table: (each.rows, each.names[0][-3:]) for each in loose(now)}
        assert told == {"erp.die_press": (1, "P99"), "people.person": (1, "L99")}
        with pytest.raises(psycopg.errors.ForeignKeyViolation), now.transaction():
            now.execute("insert into erp.die_press select code, 'P98' from erp.die limit 1")
        with pytest.raises(psycopg.errors.ForeignKeyViolation), now.transaction():
            now.execute("update people.person set lines = '{L98}' where badge = 'B99'")
        now.execute("update people.person set name = 'Li' where badge = 'B99'")
        now.execute("delete from erp.die_press where press = 'P99'")
        now.execute("update people.person set lines = '{}' where badge = 'B99'")
    migrate(earlier)
    assert rows(earlier, "select conname from pg_constraint where not convalidated") == []
    with connect(earlier) as mended:
        assert list(loose(mended)) == []
