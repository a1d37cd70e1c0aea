"""The golden stories, played through the real code; and how a folder is refused."""

import shutil
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest

from pressline.scenario import check, run_folders
from pressline.scenario.compare import differences
from pressline.scenario.errors import RefusedFolderError
from pressline.scenario.folder import read_refusal, read_story
from pressline.scenario.play import read_batch, taken_in

STORIES = Path(__file__).parent.parent / "scenarios"
FOLDERS = sorted(path for path in STORIES.iterdir() if path.is_dir())
PLAYED = [path.name for path in FOLDERS if not (path / "refused.txt").exists()]
REFUSED = [path.name for path in FOLDERS if (path / "refused.txt").exists()]

NewDatabase = Callable[[], str]


@pytest.mark.parametrize("name", PLAYED)
def test_a_story_ends_as_worked_out_by_hand(
    name: str, new_database: NewDatabase, flavour_name: str
) -> None:
    story, database = read_story(STORIES / name), new_database()
    assert check(story, database, read_batch("all")) == []
    if flavour_name == "plain":
        before = written(database)
        assert check(story, database, read_batch("3")) == [], "played twice"
        assert written(database) == before, "nothing is added when it is played twice"


def other_batches() -> list[tuple[str, str]]:
    """Each story with a batch that cuts its readings otherwise than `all`: 1 and 7 in turn."""
    found: list[tuple[str, str]] = []
    for n, name in enumerate(PLAYED):
        story = read_story(STORIES / name)
        whole = taken_in(story, None)
        cut = [each for each in ("1", "7") if taken_in(story, read_batch(each)) != whole]
        found += [(name, cut[n % len(cut)])] if cut else []
    return found


@pytest.mark.parametrize("flavour", ["plain"], indirect=True)
@pytest.mark.parametrize(("name", "batch"), other_batches())
def test_the_batch_makes_no_difference(name: str, batch: str, new_database: NewDatabase) -> None:
    assert check(read_story(STORIES / name), new_database(), read_batch(batch)) == []


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_folder_is_refused_with_place_and_cure(
    name: str, new_database: NewDatabase
) -> None:
    """In reading, or where its masters meet the database: both before anything is played."""
    with pytest.raises(RefusedFolderError) as told:
        check(read_story(STORIES / name), new_database(), read_batch("all"))
    wanted = read_refusal(STORIES / name)
    assert wanted
    assert [line for line in wanted if line not in str(told.value)] == []


@pytest.mark.parametrize(
    ("file", "before", "after", "told"),
    [
        ("expected.toml", "[[count]]", "[[counts]]", "did you mean count?"),
        ("expected.toml", "held = 0", "heldd = 0", "did you mean held?"),
        ("expected.toml", 'press = "P01"\nkind', 'press = "P9"\nkind', "there is no press 'P9'"),
        ("expected.toml", "+08:00", "", "has no offset"),
        ("readings.csv", "08:01:00+08:00", "08:01:00", "readings.csv:3: at"),
        ("readings.csv", "edge-1,3", "edge-1,4", "readings.csv:4: number 4 of edge-1"),
        ("readings.csv", "65430,good", "65430,fine", "readings.csv:3: quality 'fine'"),
        ("readings.csv", "65430,good", "6543.0,good", "readings.csv:3: value '6543.0'"),
        ("readings.csv", "P01,strokes,65430", "P01,stroke,65430", "has no channel 'stroke'"),
        ("readings.csv", ",quality", ",grade", "readings.csv:1: wrong columns"),
        ("readings.csv", ",edge-1,2,2026-03-02T08:01", ",edge-1,2,2026-03-02T07:01",
         "readings.csv:3: arrived before the row above it"),
        ("acts.csv", "000000000002,", "00000000000x,", "acts.csv:3: id"),
        ("acts.csv", '"{""die"": ""D-100""}"', "die", "acts.csv:2: args 'die' is not a JSON"),
        ("acts.csv", "T08:07", "T09:07", "acts.csv:5: comes after as_of"),
        ("orders.toml", 'kind = "coil"', 'kind = "wire"', "orders.toml:9"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_line(
    tmp_path: Path, file: str, before: str, after: str, told: str
) -> None:
    folder = shutil.copytree(STORIES / "wrap", tmp_path / "wrap")
    text = (folder / file).read_text()
    assert before in text
    (folder / file).write_text(text.replace(before, after, 1))
    with pytest.raises(RefusedFolderError) as error:
        read_story(folder)
    assert told in str(error.value)


def test_the_command_answers_for_every_folder(
    tmp_path: Path, new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    server = new_database()
    monkeypatch.setenv("DATABASE_URL", server)
    wrong = shutil.copytree(STORIES / "wrap", tmp_path / "wrong")
    expected = (wrong / "expected.toml").read_text()
    (wrong / "expected.toml").write_text(expected.replace("good = 230", "good = 231"))
    equal = [STORIES / "wrap", STORIES / "refused_unknown_key"]
    assert run_folders(equal, "7") == 0
    assert capsys.readouterr().out == "refused_unknown_key: equal\nwrap: equal\n"
    assert run_folders([wrong], "all") == 1
    assert "good expected 231, found 230" in capsys.readouterr().out
    assert run_folders([tmp_path / "nowhere", equal[1]], "all") == 2
    assert "nowhere: is no folder" in capsys.readouterr().err
    assert run_folders(equal, "many") == 2
    assert "--batch many" in capsys.readouterr().err
    with psycopg.connect(server) as admin:
        left = admin.execute("select datname from pg_database where datname like '%scenario%'")
        assert left.fetchall() == []


def test_a_difference_names_row_expected_and_found() -> None:
    wanted = [
        {"work_order": "WO-1", "kind": "good", "qty": 10},
        {"work_order": "WO-1", "kind": "scrap", "qty": 1},
    ]
    there = [
        {"work_order": "WO-1", "item": "A", "kind": "good", "qty": 4},
        {"work_order": "WO-1", "item": "B", "kind": "good", "qty": 5},
        {"work_order": "WO-2", "item": "A", "kind": "good", "qty": 0},
        {"work_order": "", "item": "A", "kind": "adjust", "qty": 7},
    ]
    assert differences({"posting": wanted}, {"posting": there}, ZoneInfo("Asia/Shanghai")) == [
        "posting      work_order WO-1  kind good: qty expected 10, found 9",
        "posting      work_order WO-1  kind scrap  qty 1: expected, not found",
        "posting      kind adjust  qty 7: found, not expected",
    ]


@pytest.fixture
def flavour_name(request: pytest.FixtureRequest) -> str:
    """The database flavour of this test."""
    name: str = request.getfixturevalue("flavour").name
    return name


def written(database: str) -> list[tuple[int, ...]]:
    """How much there is of everything that is only ever added to."""
    with psycopg.connect(database) as connection:
        return connection.execute(
            """
            select (select count(*) from signal.reading), (select count(*) from people.act),
                   (select count(*) from mes.count), (select count(*) from mes.counter_event),
                   (select count(*) from mes.posting), (select count(*) from erp.production_report),
                   (select count(*) from erp.stock_move), (select count(*) from people.notice)
            """
        ).fetchall()
