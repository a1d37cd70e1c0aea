"""Every shipped Modbus profile: raw registers as the machine sends them, against values worked out
by hand; what a profile reads, where its map comes from, and that the guide lists it."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from machines import write_plant

from edge_agent.plantfile.blocks import Block
from edge_agent.plantfile.entries import Meter, Press
from edge_agent.plantfile.profile import SHIPPED
from edge_agent.sample import Value
from edge_agent.sources.modbus.unit import Unit

GOLDEN = Path(__file__).parent / "profiles"
GUIDE = Path(__file__).parents[2] / "docs" / "edge.md"
PROFILES = sorted(SHIPPED.glob("*.toml"))
MODBUS = [path for path in PROFILES if "register =" in path.read_text(encoding="utf-8")]


def device(profile: str, folder: Path) -> Press | Meter:
    is_press = 'name = "strokes"' in (SHIPPED / f"{profile}.toml").read_text(encoding="utf-8")
    table, bound = ("press", "top_speed") if is_press else ("meter", "top_kw")
    text = f'[[{table}]]\nname = "X"\nline = "L1"\n{bound} = 60\nprofile = "{profile}"\n'
    return write_plant(folder, text + 'address = "modbus://10.0.0.1/1"\n').devices[0]


def wire(golden: dict[str, Any]) -> dict[tuple[str, int], int]:
    """Every register and bit of the capture."""
    found: dict[tuple[str, int], int] = {}
    for read in golden["read"]:
        table, at = read["at"].split(":")
        words = read["registers"].split() if "registers" in read else list(read["bits"])
        for offset, word in enumerate(words):
            found[table, int(at, 0) + offset] = int(word, 16)
    return found


def answer(block: Block, known: dict[tuple[str, int], int], needed: set[int]) -> bytes:
    """What the machine answers to one read; unused registers hold rubbish."""
    at = range(block.start, block.end)
    words = [known[block.table, n] if n in needed else 0xDEAD for n in at]
    if block.is_bits:
        bits = sum((word & 1) << n for n, word in enumerate(words))
        return bits.to_bytes(block.bytes, "little")
    return b"".join(word.to_bytes(2, "big") for word in words)


@pytest.mark.parametrize("profile", MODBUS, ids=lambda path: path.stem)
def test_raw_registers_are_what_was_worked_out_by_hand(profile: Path, tmp_path: Path) -> None:
    golden = tomllib.loads((GOLDEN / profile.name).read_text(encoding="utf-8"))
    known, found = wire(golden), dict[str, Value | None]()
    machine = device(profile.stem, tmp_path)
    unit = Unit(machine, 1, 10)
    for read in unit.reads:
        places = [channel.where for channel in read.channels if channel.where]
        needed = {n for place in places for n in range(place.address, place.end)}
        values = unit.values(read, answer(read.block, known, needed))
        for channel, value in zip(read.channels, values, strict=True):
            if isinstance(value, int | float) and channel.scale != 1:
                value *= channel.scale  # noqa: PLW2901 -- in the unit of the machine's display
            found[channel.name] = value
    assert found == {
        name: None if value == "none" else pytest.approx(value, rel=1e-9)
        for name, value in golden["values"].items()
    }


@pytest.mark.parametrize("profile", PROFILES, ids=lambda path: path.stem)
def test_a_profile_says_where_its_map_comes_from(profile: Path) -> None:
    source = tomllib.loads(profile.read_text(encoding="utf-8"))["source"]
    own = source.startswith("pressline's reference")
    assert own or re.search(r"manual|protocol|register list|specification|OPC \d", source, re.I)


def test_the_guide_lists_every_profile_and_none_that_is_not_there() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    table = text.partition("| profile |")[2].partition("\n\n")[0]
    listed = re.findall(r"^\| `([\w-]+)` \|", table, re.M)
    assert sorted(listed) == [path.stem for path in PROFILES]


@pytest.mark.parametrize(
    ("profile", "reads"),
    [
        ("sdm630", ["input 0…11 (12)", "input 52…75 (24)"]),
        ("acrel-dtsd1352", [
            "holding 141…142 (2)", "holding 10…21 (12)", "holding 97…102 (6)",
            "holding 119…119 (1)", "holding 362…363 (2)", "holding 383…383 (1)",
        ]),
        ("delta-dvp", ["coil 2148…2148 (1)", "holding 4196…4200 (5)"]),
    ],
)  # fmt: skip
def test_what_one_poll_of_a_machine_reads(profile: str, reads: list[str], tmp_path: Path) -> None:
    assert [str(read.block) for read in Unit(device(profile, tmp_path), 1, 10).reads] == reads
