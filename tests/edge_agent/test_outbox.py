"""The outbox: numbers, places, what survives, what is refused."""

import sqlite3
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge_agent.outbox import Draft, Outbox, OutboxError, end_of


@contextmanager
def opened(path: Path) -> Generator[Outbox]:
    outbox = Outbox(path)
    try:
        yield outbox
    finally:
        outbox.close()


def record(device: str = "P01", body: bytes = b"x", at: int = 1) -> Draft:
    return Draft(device, at, body, True)


def birth(device: str = "P01", body: bytes = b"birth") -> Draft:
    return Draft(device, 1, body, False)


def death(device: str = "P01") -> Draft:
    return Draft(device, 1, None, False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "outbox.sqlite"


def test_records_are_numbered_from_one_and_across_restarts(path: Path) -> None:
    with opened(path) as outbox:
        assert [entry.number for entry in outbox.append([record(), record()])] == [1, 2]
        uuid = outbox.uuid
    with opened(path) as outbox:
        assert outbox.uuid == uuid
        assert [entry.number for entry in outbox.append([record()])] == [3]
        assert [entry.number for entry in outbox.read(end_of(1), 10)] == [2, 3]


def test_numbers_go_on_after_everything_was_acknowledged(path: Path) -> None:
    with opened(path) as outbox:
        outbox.append([record(), record()])
        outbox.append([], acknowledged=2)
        assert (outbox.first, outbox.last) == (3, 2)
    with opened(path) as outbox:
        assert outbox.first == 3
        assert [entry.number for entry in outbox.append([record()])] == [3]


def test_births_and_deaths_keep_their_place_between_records(path: Path) -> None:
    story = [birth(), record(), death(), birth(), record()]
    with opened(path) as outbox:
        outbox.append(story)
        entries = outbox.read(0, 10)
        assert [(e.is_record, e.body) for e in entries] == [(d.is_record, d.body) for d in story]
        assert [e.number for e in entries] == [1, 1, 2, 2, 2]


def test_tells_who_was_alive_at_a_place_also_after_forgetting(path: Path) -> None:
    with opened(path) as outbox:
        outbox.append([birth("P01"), birth("P02"), record("P01"), death("P01"), record("P02")])
        assert set(outbox.births_at(end_of(0))) == set()
        assert set(outbox.births_at(end_of(1))) == {"P01", "P02"}
        assert set(outbox.births_at(outbox.tail)) == {"P02"}
        outbox.append([], acknowledged=1)
        assert set(outbox.births_at(end_of(1))) == {"P01", "P02"}
        outbox.append([], acknowledged=2)
        assert outbox.births_at(end_of(2)) == {"P02": b"birth"}


def test_finds_the_place_before_the_next_record(path: Path) -> None:
    with opened(path) as outbox:
        assert outbox.place_before_next_record(end_of(0)) == end_of(0)
        [first, second, _] = outbox.append([birth(), death(), record()])
        assert outbox.place_before_next_record(end_of(0)) == second.position
        assert outbox.place_before_next_record(first.position) == second.position
        [last] = outbox.append([birth()])
        assert outbox.place_before_next_record(end_of(1)) == last.position


def test_bdseq_starts_at_zero_grows_by_one_and_survives(path: Path) -> None:
    with opened(path) as outbox:
        assert [outbox.next_bdseq() for _ in range(3)] == [0, 1, 2]
    with opened(path) as outbox:
        assert [outbox.next_bdseq() for _ in range(254)][-2:] == [255, 0]


def test_aliases_are_unique_over_the_node_and_never_change(path: Path) -> None:
    with opened(path) as outbox:
        one = outbox.aliases("P01", ["a", "b"])
        two = outbox.aliases("P02", ["a"])
        assert len({*one.values(), *two.values()}) == 3
    with opened(path) as outbox:
        assert outbox.aliases("P01", ["c", "b", "a"]).items() >= one.items()


def test_giving_up_keeps_the_newest_and_moves_first(path: Path) -> None:
    with opened(path) as outbox:
        outbox.append([record() for _ in range(10)])
        assert outbox.give_up(up_to=6) == (1, 6)
        assert (outbox.first, outbox.last) == (7, 10)
        assert outbox.give_up(up_to=6) == (7, 6)


def test_a_second_agent_is_refused_with_the_cure(path: Path) -> None:
    with opened(path), pytest.raises(OutboxError, match=r"in use by another agent\. Stop that"):
        Outbox(path)
    with opened(path) as outbox:
        assert outbox.last == 0


def test_a_damaged_file_is_set_aside_and_a_new_outbox_begun(path: Path) -> None:
    with opened(path) as outbox:
        outbox.append([record() for _ in range(100)])
        old = outbox.uuid
    path.write_bytes(b"SQLite format 3\0" + b"rubbish" * 2000)
    with opened(path) as outbox:
        assert outbox.uuid != old
        assert outbox.last == 0
    [aside] = path.parent.glob("outbox.sqlite.damaged-*")
    assert b"rubbish" in aside.read_bytes()


def test_damage_inside_the_file_is_found_at_the_start(path: Path) -> None:
    with opened(path) as outbox:
        outbox.append([record(body=b"y" * 900) for _ in range(500)])
    content = bytearray(path.read_bytes())
    content[20_000:60_000] = bytes(40_000)
    path.write_bytes(content)
    with opened(path) as outbox:
        assert outbox.last == 0
    assert list(path.parent.glob("outbox.sqlite.damaged-*"))


def test_a_file_of_a_later_program_is_left_alone(path: Path) -> None:
    with opened(path):
        pass
    with sqlite3.connect(path) as other:
        other.execute("pragma user_version = 99")
    other.close()
    with pytest.raises(OutboxError, match="form 99"):
        Outbox(path)


def test_a_folder_that_cannot_be_written_is_told_with_the_cure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutboxError, match=r"set \[outbox\] path"):
        Outbox(tmp_path / "file" / "outbox.sqlite")


KILLED = """
import os, signal, sys
from pathlib import Path
from edge_agent.outbox import Draft, Outbox
outbox = Outbox(Path(sys.argv[1]))
for n in range(5):
    outbox.append([Draft("P01", n, b"x", True) for _ in range(10)])
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_appended_survives_sigkill_and_the_file_is_free_again(path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED, path], check=False)
    assert ended.returncode == -9
    with opened(path) as outbox:
        assert outbox.last == 50
        assert len(outbox.read(0, 100)) == 50
