from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from database.connection import connect
from database.migrate import migrate
from database.roles import make_board_role


@pytest.fixture
def board(database: str) -> Iterator[str]:
    make_board_role(database, "secret")
    migrate(database)
    yield make_conninfo(database, user="board", password="secret")
    with connect(database) as admin:
        admin.execute("drop owned by board; drop role board")


def test_the_board_role_reads_boards_and_nothing_below(board: str) -> None:
    with psycopg.connect(board, autocommit=True) as onlooker:
        onlooker.execute("select * from board.press_now")
        for below in ("plant.press", "people.person", "signal.reading"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                onlooker.execute(f"select * from {below}")  # pyright: ignore[reportCallIssue, reportArgumentType]
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            onlooker.execute("create table x ()")


def test_making_the_role_again_changes_its_password(database: str, board: str) -> None:
    make_board_role(database, "other")
    assert conninfo_to_dict(board)["user"] == "board"
    connect(make_conninfo(board, password="other")).close()
