"""The plant file: the sample is valid, and every fault is told with file, line, key and cure."""

import shutil
from contextlib import suppress
from datetime import time
from pathlib import Path

import pytest

from edge_agent.plantfile.plant import Plant, PlantError, load_plant
from edge_agent.plantfile.profile import SHIPPED
from edge_agent.plantfile.tomlfile import key_lines

SAMPLE = Path(__file__).parents[2] / "config" / "plant.toml"
HEAD = 'site = "s"\nnode = "n"\ntime_zone = "UTC"\n[[line]]\nname = "L1"\n'  # five lines
PRESS = """[[press]]
name = "P01"
line = "L1"
top_speed = 60
profile = "press-16bit"
address = "modbus://10.0.0.1/1"
"""  # its name is on line 7


def load(folder: Path, text: str, *, addresses: bool = True) -> Plant:
    path = folder / "plant.toml"
    path.write_text(text, encoding="utf-8")
    return load_plant(path, addresses=addresses)


def faults(folder: Path, text: str, *, addresses: bool = True) -> list[str]:
    with pytest.raises(PlantError) as caught:
        load(folder, text, addresses=addresses)
    return str(caught.value).splitlines()


def with_address(address: str) -> str:
    return f"""
        site = "s"
        node = "n"
        time_zone = "UTC"
        [[line]]
        name = "L1"
        [[press]]
        name = "P01"
        line = "L1"
        top_speed = 60
        profile = "press-16bit"
        address = "{address}"
    """


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("modbus://192.168..1.20", "'192.168..1.20' is not an IP address; write an address like"),
        ("modbus://press..hall/1", "'press..hall' is not a host's name"),
        ("modbus://192.168.1.300/1", "'192.168.1.300' is not an IP address"),
        ("modbus://192.168.001.020/1", "'192.168.001.020' is not an IP address"),  # octal to some
        ("modbus://192.168.1/1", "'192.168.1' is not an IP address"),
        ("modbus://-press-/1", "'-press-' is not a host's name"),
        ("modbus-rtu+tcp://.press:4001/1", "'.press' is not a host's name"),
        ("modbus://127.0.0.1:0/1", "has port 0, where nobody listens"),
        ("modbus://press" + 70 * "x" + "/1", "is not a host's name"),
    ],
)
def test_an_address_that_cannot_be_one_is_told_without_network(
    address: str, told: str, tmp_path: Path
) -> None:
    [line] = faults(tmp_path, with_address(address))
    assert "press.P01.address" in line
    assert told in line


def test_a_brokers_name_that_cannot_be_one_is_told_without_network(tmp_path: Path) -> None:
    for host in ("10.0.0..1", ".broker", "", "broker hall"):
        [line] = faults(tmp_path, f'{with_address("modbus://h/1")}\n[mqtt]\nhost = "{host}"\n')
        assert "mqtt.host" in line


@pytest.mark.parametrize(
    "host", ["press-7", "press_7.hall.local.", "一号冲床", "[::1]", "10.0.0.1"]
)
def test_names_and_addresses_of_machines(host: str, tmp_path: Path) -> None:
    assert load(tmp_path, with_address(f"modbus://{host}:502/1")).presses


def test_the_sample_is_valid_and_complete() -> None:
    plant = load_plant(SAMPLE)
    assert (plant.site, plant.nodes, plant.heartbeat_s) == ("dongguan-1", ("edge-1",), 10)
    assert plant.outbox.path == SAMPLE.parent / "outbox.sqlite"
    assert plant.poll_slot_s == 0.2
    assert [(s.code, s.start, s.end) for s in plant.shifts] == [
        ("day", time(8), time(20)),
        ("night", time(20), time(8)),
    ]
    p01, p02, p03 = plant.presses
    assert (p01.node, p01.poll_ms, p01.stop_after_s, p01.stroke_counter) == (
        "edge-1", 500, 30, "strokes",
    )  # fmt: skip
    strokes = p01.channel("strokes")
    assert strokes
    assert (strokes.source, strokes.datatype, strokes.modulus) == (
        "holding:16:uint16", "uint16", 65536,
    )  # fmt: skip
    own = p02.channel("strokes")
    assert own
    assert (own.modulus, own.layout.word_order) == (1_000_000, "low-first")  # laid over
    assert p02.channel("oil_temperature")  # added
    assert (p02.longest_read, p02.widest_hole) == (64, 0)
    assert [c.source for c in p03.channels][-1] == "ns=2;s=Press.Tonnage"
    assert [m.channel(m.energy) is not None for m in plant.meters] == [True, True]


@pytest.mark.parametrize("profile", sorted(SHIPPED.glob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_profile_can_be_used(profile: Path, tmp_path: Path) -> None:
    text = profile.read_text(encoding="utf-8")
    address = "modbus://h/1" if "register =" in text else "opc.tcp://h"
    table = "press" if 'name = "strokes"' in text else "meter"
    rest = 'top_speed = 60\nline = "L1"' if table == "press" else 'top_kw = 60\nline = "L1"'
    device = f'[[{table}]]\nname = "X"\nprofile = "{profile.stem}"\naddress = "{address}"\n{rest}\n'
    assert load(tmp_path, HEAD + device).devices[0].channels


def test_profiles_beside_the_plant_file_come_first(tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    mine = tmp_path / "profiles" / "press-16bit.toml"
    shutil.copy(SHIPPED / "press-16bit.toml", mine)
    mine.write_text(mine.read_text().replace("holding:16", "holding:90"))
    strokes = load(tmp_path, HEAD + PRESS).presses[0].channel("strokes")
    assert strokes
    assert strokes.source == "holding:90:uint16"


def test_what_means_no_value_comes_from_the_profile_by_type_or_from_the_channel(
    tmp_path: Path,
) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "mine.toml").write_text(
        'source = "x"\npause_ms = 30\nlongest_bit_read = 64\n'
        "invalid = { uint16 = [0xFFFF], bcd32 = [0xFFFFFFFF] }\n"
        '[[channel]]\nname = "strokes"\nkind = "counter"\nregister = "holding:0:uint16"\n'
        '[[channel]]\nname = "die"\nkind = "state"\nregister = "holding:1:bcd32"\n'
        '[[channel]]\nname = "raw"\nkind = "state"\nregister = "holding:3:uint16"\ninvalid = []\n'
        '[[channel]]\nname = "temp"\nkind = "gauge"\nregister = "holding:4:int16"\n'
        "invalid = [0x8000, 0x7FFF]\n"
    )
    press = load(tmp_path, HEAD + PRESS.replace("press-16bit", "mine")).presses[0]
    assert {channel.name: channel.layout.invalid for channel in press.channels} == {
        "strokes": (0xFFFF,), "die": (0xFFFFFFFF,), "raw": (), "temp": (0x8000, 0x7FFF),
    }  # fmt: skip
    assert (press.pause_ms, press.longest_bit_read) == (30, 64)


@pytest.mark.parametrize(
    ("invalid", "told"),
    [
        ("{ uint16 = [0x1FFFF] }", "0x1FFFF is no content of a uint16; give what its registers"),
        ("{ short = [1] }", "'short' is no type of a register; use one of uint16, int16, "),
        ("[0xFFFF]", "must be a table"),
    ],
)
def test_what_means_no_value_in_a_profile_is_checked(
    invalid: str, told: str, tmp_path: Path
) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "mine.toml").write_text(f'source = "x"\ninvalid = {invalid}\n')
    found = faults(tmp_path, HEAD + PRESS.replace("press-16bit", "mine"))
    assert found[0].startswith("mine.toml:2: invalid: ")
    assert told in found[0]


def test_scenarios_may_leave_addresses_and_registers_out(tmp_path: Path) -> None:
    text = HEAD + (
        '[[press]]\nname = "P01"\nline = "L1"\ntop_speed = 60\n'
        '[[press.channel]]\nname = "strokes"\nkind = "counter"\nmodulus = 65536\n'
    )
    press = load(tmp_path, text, addresses=False).presses[0]
    assert press.where is None
    assert [(c.name, c.datatype) for c in press.channels] == [("strokes", "int64")]
    assert faults(tmp_path, text) == [
        "plant.toml:6: press.P01.address: is missing; "
        'add address = "modbus://192.168.1.20:502/1" or "opc.tcp://…"'
    ]


ONE_FAULT = {
    "unknown key": (
        HEAD + PRESS + "top_sped = 3\n",
        "plant.toml:12: press.P01.top_sped: unknown key 'top_sped'; did you mean top_speed?",
    ),
    "unknown table": (
        HEAD + PRESS + "[[pres]]\n",
        "plant.toml:12: pres: unknown key 'pres'; did you mean press?",
    ),
    "wrong type": (
        HEAD + PRESS.replace("= 60", '= "60"'),
        "plant.toml:9: press.P01.top_speed: '60' must be a number; write it without quotes",
    ),
    "out of range": (
        HEAD + PRESS.replace("= 60", "= -1"),
        "plant.toml:9: press.P01.top_speed: -1 cannot be; it should be greater than 0",
    ),
    "missing key": (
        HEAD + PRESS.replace("top_speed = 60\n", ""),
        "plant.toml:6: press.P01.top_speed: is missing; add top_speed = …",
    ),
    "a table instead of several": (
        HEAD + PRESS.replace("[[press]]", "[press]"),
        "plant.toml:6: press: must be tables; write each one below [[press]]",
    ),
    "same press twice": (
        HEAD + PRESS + PRESS.replace("/1", "/2"),
        "plant.toml:13: press.P01.name: duplicate name: press P01 stands at plant.toml:7 already; "
        "give each press a name of its own",
    ),
    "same line twice": (
        HEAD + '[[line]]\nname = "L1"\n',
        "plant.toml:7: line.L1.name: duplicate name: line L1 stands at plant.toml:5 already; "
        "give each line a name of its own",
    ),
    "a meter named like a press": (
        HEAD + PRESS + '[[meter]]\nname = "P01"\npress = "P01"\ntop_kw = 9\n'
        'profile = "sdm630"\naddress = "modbus://10.0.0.2/1"\n',
        "plant.toml:13: meter.P01.name: duplicate name: P01 is a press already; "
        'rename it, for example "P01-kWh"',
    ),
    "same channel twice": (
        HEAD + PRESS + 2 * '[[press.channel]]\nname = "t"\nkind = "gauge"\n'
        'register = "input:0:int16"\n',
        "plant.toml:17: press.P01.channel.t.name: duplicate name: channel t; "
        "give each channel of a machine a name of its own",
    ),
    "overlapping registers": (
        HEAD + PRESS + '[[press.channel]]\nname = "t"\nkind = "gauge"\n'
        'register = "holding:15:uint32"\n',
        "plant.toml:12: press.P01.channel.t: overlapping address: channel t (holding:15:uint32) "
        "overlaps channel strokes (holding:16:uint16); "
        "mend the address or the type of one of them",
    ),
    "two presses on one counter": (
        HEAD + PRESS + PRESS.replace("P01", "P02"),
        "plant.toml:17: press.P02.address: overlapping address: P02 and P01 both count "
        "holding:16:uint16 at modbus://10.0.0.1:502/1; give each its own address",
    ),
    "missing profile": (
        HEAD + PRESS.replace("16bit", "17bit"),
        "plant.toml:10: press.P01.profile: profile 'press-17bit' is not there; name one that is "
        "there (acrel-dtsd1352, ",
    ),
    "unknown line": (
        HEAD + PRESS.replace('"L1"', '"L7"'),
        "plant.toml:8: press.P01.line: there is no line 'L7'; "
        'name one of L1, or add [[line]] name = "L7"',
    ),
    "bad address": (
        HEAD + PRESS.replace("modbus:", "modbos:"),
        "plant.toml:11: press.P01.address: 'modbos://10.0.0.1/1' is not a machine's address; "
        'write "modbus://192.168.1.20:502/1"',
    ),
    "bad unit id": (
        HEAD + PRESS.replace("0.1/1", "0.1/x"),
        "plant.toml:11: press.P01.address: unit id 'x' is not a number from 0 to 255; write ",
    ),
    "a serial address without a unit id": (
        HEAD + PRESS.replace("modbus://10.0.0.1/1", "modbus-rtu:///dev/ttyUSB0"),
        "plant.toml:11: press.P01.address: 'modbus-rtu:///dev/ttyUSB0' is not an address (device "
        'and unit id are not both there); write "modbus-rtu:///dev/ttyUSB0/1?baud=9600&parity=N&s',
    ),
    "a serial setting that is none": (
        HEAD + PRESS.replace("modbus://10.0.0.1/1", "modbus-rtu:///dev/ttyUSB0/1?parity=even"),
        "plant.toml:11: press.P01.address: 'modbus-rtu:///dev/ttyUSB0/1?parity=even' is not an "
        "address (parity 'even' is not N (none), E (even) or O (odd)); write ",
    ),
    "a broadcast as unit id": (
        HEAD + PRESS.replace("modbus://10.0.0.1/1", "modbus-rtu+tcp://10.0.0.1:4001/0"),
        "plant.toml:11: press.P01.address: unit id '0' is not a number from 1 to 247; write ",
    ),
    "a serial server without a port": (
        HEAD + PRESS.replace("modbus://10.0.0.1/1", "modbus-rtu+tcp://10.0.0.1/1"),
        "plant.toml:11: press.P01.address: 'modbus-rtu+tcp://10.0.0.1/1' names no port, and serial "
        'servers differ; write "modbus-rtu+tcp://192.168.1.30:4001/1"',
    ),
    "two speeds on one line": (
        HEAD
        + PRESS.replace("modbus://10.0.0.1/1", "modbus-rtu:///dev/ttyUSB0/1")
        + PRESS.replace("modbus://10.0.0.1/1", "modbus-rtu:///dev/ttyUSB0/2?baud=19200").replace(
            "P01", "P02"
        ),
        "plant.toml:17: press.P02.address: P02 and P01 use /dev/ttyUSB0 with different settings; "
        "give all machines behind one port or line the same, as set in the machines",
    ),
    "a line too slow for the patience": (
        HEAD
        + PRESS.replace("modbus://10.0.0.1/1", "modbus-rtu:///dev/ttyUSB0/1?baud=1200")
        + "timeout_ms = 100\n",
        "plant.toml:11: press.P01.address: timeout_ms = 100 is too short: an answer of 10 bytes "
        "takes 192 ms at 1200 baud; raise timeout_ms, lower longest_read, ",
    ),
    "no value that does not fit": (
        HEAD + PRESS + '[[press.channel]]\nname = "t"\nkind = "gauge"\n'
        'register = "input:0:int16"\ninvalid = [0x18000]\n',
        "plant.toml:12: press.P01.channel.t: 0x18000 is no content of a int16; give what its "
        "registers hold",
    ),
    "a product of what is not there": (
        HEAD + PRESS + '[[press.channel]]\nname = "t"\nkind = "gauge"\n'
        'register = "input:0:int16"\ntimes = ["ct"]\n',
        "plant.toml:12: press.P01.channel.t: channel t is multiplied by 'ct', which is not there; "
        "name channels of this machine that are plain numbers in registers",
    ),
    "a product of a bit": (
        HEAD + PRESS + '[[press.channel]]\nname = "t"\nkind = "gauge"\n'
        'register = "input:0:int16"\ntimes = ["running"]\n',
        "plant.toml:12: press.P01.channel.t: channel t cannot be multiplied by running; name ",
    ),
    "a product with a modulus": (
        HEAD + PRESS + '[[press.channel]]\nname = "t"\nkind = "counter"\nmodulus = 100\n'
        'register = "input:0:uint16"\ntimes = ["speed"]\n',
        "plant.toml:12: press.P01.channel.t: a product starts again at no fixed number; take out ",
    ),
    "a text longer than a read": (
        HEAD + PRESS + 'longest_read = 8\n[[press.channel]]\nname = "t"\nkind = "text"\n'
        'register = "input:0:text20"\n',
        "plant.toml:13: press.P01.channel.t: channel t (input:0:text20) takes 10 registers, more "
        "than longest_read = 8; give it a register of its own width; ",
    ),
    "two registers of a device that gives one at a time": (
        HEAD + PRESS + 'longest_read = 1\n[[press.channel]]\nname = "t"\nkind = "gauge"\n'
        'register = "input:0:uint32"\n',
        "plant.toml:13: press.P01.channel.t: channel t (input:0:uint32) takes 2 registers, more "
        "than longest_read = 1; give it a register of its own width; ",
    ),
    "a channel the address cannot serve": (
        HEAD + PRESS.replace("modbus://10.0.0.1/1", "opc.tcp://h") + 'profile2 = "x"\n',
        "plant.toml:12: press.P01.profile2: unknown key 'profile2'; did you mean profile?",
    ),
    "a name that MQTT forbids": (
        HEAD.replace('"s"', '"s/1"'),
        "plant.toml:1: site: 's/1' cannot be a name; use 1 to 64 letters, digits, '-', '_' or "
        "'.', without spaces, quotes, '+', '#' or '/'",
    ),
    "a counter of one bit": (
        HEAD + PRESS + '[[press.channel]]\nname = "t"\nkind = "counter"\n'
        'register = "input:0:bit3"\n',
        "plant.toml:12: press.P01.channel.t: a counter cannot be bool; use one of uint16, ",
    ),
    "no stroke counter": (
        HEAD + PRESS + 'stroke_counter = "hits"\n',
        "plant.toml:12: press.P01.stroke_counter: there is no channel 'hits'; "
        "name one of its channels (strokes, running, alarm, die_id, speed) or ",
    ),
    "a value of two states": (
        HEAD + PRESS + '[[press.channel]]\nname = "mode"\nkind = "state"\n'
        'register = "input:0:uint16"\nstates = { running = [1, 2], alarm = [2] }\n',
        "plant.toml:16: press.P01.channel.mode.states: 2 stands twice; a value means one state",
    ),
    "states of which none is running": (
        HEAD + PRESS + '[[press.channel]]\nname = "mode"\nkind = "state"\n'
        'register = "input:0:uint16"\nstates = { alarm = [2] }\n',
        "plant.toml:16: press.P01.channel.mode.states.running: is missing; add running = …",
    ),
    "states of a bit": (
        HEAD + PRESS + '[[press.channel]]\nname = "mode"\nkind = "state"\n'
        'register = "input:0:bit3"\nstates = { running = [1] }\n',
        "plant.toml:12: press.P01.channel.mode: a bool is running or stopped; take states out",
    ),
    "overlapping shifts": (
        '[[shift]]\ncode = "a"\nstart = "20:00"\nend = "08:00"\n'
        '[[shift]]\ncode = "b"\nstart = "07:00"\nend = "09:00"\n',
        "plant.toml:12: shift.b.start: shift b overlaps shift a; let one end where the next starts",
    ),
    "a break outside its shift": (
        '[[shift]]\ncode = "a"\nstart = "08:00"\nend = "16:00"\nbreaks = ["16:00-16:30"]\n',
        "plant.toml:10: shift.a.breaks: break 16:00-16:30 is not within the shift; "
        "move it between start and end",
    ),
}


@pytest.mark.parametrize("case", ONE_FAULT)
def test_each_fault_is_told_with_file_line_key_and_cure(case: str, tmp_path: Path) -> None:
    text, told = ONE_FAULT[case]
    text = text if text.startswith("site") else HEAD + text
    found = [line for line in faults(tmp_path, text) if "cannot be read at" not in line]
    assert len(found) == 1
    assert found[0].startswith(told)


def test_all_faults_are_told_at_once_in_order_of_lines(tmp_path: Path) -> None:
    text = "sit = 1\n" + HEAD.replace('"UTC"', '"Mars"') + PRESS.replace('"L1"', '"L9"')
    text += "[[meter]]\n" + '[[shift]]\ncode = "x"\nstart = "25:00"\n'
    found = faults(tmp_path, text)
    lines = [int(line.split(":")[1]) for line in found]
    assert lines == sorted(lines)
    keys = [line.split(": ")[1] for line in found]
    assert keys == [
        "sit", "time_zone", "press.P01.line", "meter.1.name", "meter.1.top_kw", "shift.x.end",
        "shift.x.start",
    ]  # fmt: skip


WHOLE = (
    HEAD + '[mqtt]\nhost = "h"\n[[shift]]\ncode = "a"\nstart = "08:00"\nend = "16:00"\n'
    'breaks = ["12:00-13:00"]\n' + PRESS + 'run_signal = "running"\n'
    '[[press.channel]]\nname = "t"\nkind = "gauge"\nregister = "input:0:int16"\n'
    '[[meter]]\nname = "M"\npress = "P01"\ntop_kw = 9\nprofile = "sdm630"\n'
    'address = "modbus://10.0.0.2/1"\n'
)
JUNK = ("5", '""', '"x"', "true", "nan", "[]", "[1]", "{}", "08:00:00", '"é/#"', '["a", "a"]')


@pytest.mark.parametrize("junk", JUNK)
def test_no_value_anywhere_gets_past_the_checks_or_breaks_them(junk: str, tmp_path: Path) -> None:
    lines = WHOLE.splitlines()
    for number, line in enumerate(lines):
        key = line.split("=")[0] if "=" in line else ""
        broken = f"{key}= {junk}" if key else f"{line.strip('[]')} = {junk}"
        text = "\n".join([*lines[:number], broken, *lines[number + 1 :]])
        with suppress(PlantError):  # told, or right by chance; nothing else may come
            load(tmp_path, text)


def test_a_fault_in_a_profile_names_the_profile(tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    text = 'source = "x"\nlongest_read = 200\n[[channel]]\nname = "strokes"\nkind = "count"\n'
    (tmp_path / "profiles" / "mine.toml").write_text(text)
    assert faults(tmp_path, HEAD + PRESS.replace("press-16bit", "mine")) == [
        "mine.toml:2: longest_read: 200 cannot be; it should be less than or equal to 125",
        "mine.toml:5: channel.strokes.kind: 'count' is not known here; "
        "use 'counter', 'state', 'gauge' or 'text'",
    ]


def test_text_that_is_not_toml_names_the_line(tmp_path: Path) -> None:
    assert faults(tmp_path, 'site = "s"\nnode = \n')[0].startswith(
        "plant.toml:2: is not valid TOML"
    )
    with pytest.raises(PlantError, match="cannot be read"):
        load_plant(tmp_path / "absent.toml")


def test_key_lines_see_through_lists_strings_and_nested_tables() -> None:
    text = (
        'a = [\n  "x = 1", # ]\n  "y",\n]\nb = """\nc = 1\n[[d]]\n"""\n[[t]]\nk.l = 1\n'
        '[[t.u]]\n"q r" = 2\n[[t]]\n[t.v]\nw = { x = [ 1, 2 ] }\nz = 1\n'
    )
    assert key_lines(text) == {
        ("a",): 1, ("b",): 5, ("t", 0): 9, ("t", 0, "k", "l"): 10, ("t", 0, "u", 0): 11,
        ("t", 0, "u", 0, "q r"): 12, ("t", 1): 13, ("t", 1, "v"): 14, ("t", 1, "v", "w"): 15,
        ("t", 1, "v", "z"): 16,
    }  # fmt: skip


@pytest.mark.parametrize("text", ["a = " + "[" * 5000, "a = " + "9" * 5000])
def test_what_the_toml_reader_cannot_hold_is_a_fault_of_the_file(tmp_path: Path, text: str) -> None:
    assert "take it out" in faults(tmp_path, text)[0]


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    assert load(tmp_path, "\ufeff" + HEAD + PRESS).site == "s"


def test_a_heartbeat_longer_than_a_day_is_refused_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "plant.toml"
    file.write_text('site = "s"\nnode = "e"\ntime_zone = "UTC"\nheartbeat_s = 1e300\n')
    with pytest.raises(PlantError, match=r"plant\.toml:4: heartbeat_s: .* equal to 86400"):
        load_plant(file)
