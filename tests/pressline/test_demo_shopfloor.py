"""The demo plant's files: accepted by the plant's own checks, whenever the demo is started."""

import json
import tempfile
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from urllib.parse import urlsplit

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.plantfile.plant import load_plant
from pressline.demo.crew import INSPECTOR
from pressline.demo.demo import say_people
from pressline.demo.shopfloor import Files, machines, making, people, places, write_files
from pressline.demo.twin import JITTER

PRESSES = places(12)
LISTENING = {name: 20_000 + n for n, name in enumerate(machines(PRESSES))}
REACHED = {name: 21_000 + n for n, name in enumerate(machines(PRESSES))}

ROLES = ("operator", "leader", "planner", "warehouse", "quality", "it", "manager")


def write(folder: Path, now: datetime, reached: dict[str, int] = LISTENING) -> Files:
    return write_files(folder, PRESSES, LISTENING, reached, 1883, now)


@settings(max_examples=10, deadline=None)
@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis takes naive bounds
def test_the_plant_file_holds_at_every_hour(now: datetime) -> None:
    with tempfile.TemporaryDirectory() as folder:
        plant = load_plant(write(Path(folder), now).plant)
    spans = sorted(shift.span for shift in plant.shifts)
    assert sum(end - start for start, end in spans) == 24 * 60
    assert [press.name for press in plant.presses] == [place.press for place in PRESSES]


def test_the_factory_listens_where_the_edge_looks(tmp_path: Path) -> None:
    files = write(tmp_path, datetime(2026, 11, 22, tzinfo=UTC))
    factory = json.loads(files.factory.read_text())
    listens = {m["name"]: m["port"] for m in factory["presses"] + factory["meters"]}
    for device in load_plant(files.plant).devices:
        assert urlsplit(device.address).port == listens[device.name]
    assert listens == LISTENING


def test_the_edge_can_be_led_past_another_port(tmp_path: Path) -> None:
    plant = load_plant(write(tmp_path, datetime(2026, 11, 22, tzinfo=UTC), REACHED).plant)
    reached = {device.name: urlsplit(device.address).port for device in plant.devices}
    assert reached == REACHED


def test_no_press_is_faster_than_the_plant_file_allows(tmp_path: Path) -> None:
    files = write(tmp_path, datetime(2026, 11, 22, tzinfo=UTC))
    for press, place in zip(load_plant(files.plant).presses, PRESSES, strict=True):
        assert place.spm * (1 + JITTER) <= press.top_speed


def test_every_output_of_a_die_has_its_order() -> None:
    for press, made in making(PRESSES).items():
        assert set(made.items.values()) == set(made.parts), press
    assert making(PRESSES)["P02"].parts == {"HNG-L": Fraction(1), "HNG-R": Fraction(1)}


def test_every_operator_of_a_press_can_sign_in() -> None:
    badges = {person["badge"] for person in people()}
    assert {place.badge for place in PRESSES} <= badges


def test_the_sixteen_bit_counter_wraps_within_the_time_asked_for() -> None:
    place = places(12)[0]
    assert place.modulus - place.counter == 12


def test_everybody_of_a_plant_can_be_tried_in_the_demo() -> None:
    """Every role that the program knows, with badge and PIN, and no two of them alike."""
    staff = people()
    assert {person["role"] for person in staff} == set(ROLES)
    for role in ROLES:
        assert any("pin" in p and "badge" in p for p in staff if p["role"] == role), role
    [inspector] = [p for p in staff if p["badge"] == INSPECTOR]
    assert inspector["role"] == "quality"


def test_the_demo_says_who_is_there_by_role() -> None:
    told = "\n".join(say_people())
    assert "    warehouse  B-403 4403 吴刚" in told
    assert all(f"    {role:10} " in told for role in ROLES)
