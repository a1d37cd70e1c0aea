"""`pressline plant load`: a plant file becomes lines, presses, meters and shifts, once."""

from datetime import time, timedelta
from pathlib import Path

from database.connection import Connection, connect
from pressline.plant import load

FILE = """
site = "dongguan-1"
node = "edge-1"
time_zone = "Asia/Shanghai"
heartbeat_s = 5

[[shift]]
code = "day"
start = "08:00"
end = "20:00"
breaks = ["12:00-13:00"]

[[line]]
name = "L1"

[[press]]
name = "P01"
line = "L1"
top_speed = 45
stop_after_s = 90
run_signal = "running"

[[press.channel]]
name = "strokes"
kind = "counter"

[[press.channel]]
name = "running"
kind = "state"

[[meter]]
name = "E01"
press = "P01"
top_kw = 120

[[meter.channel]]
name = "energy_import"
kind = "gauge"
unit = "kWh"
"""


def loaded(connection: Connection) -> list[list[tuple[object, ...]]]:
    queries = (
        "select site, time_zone, silence from plant.site",
        "select name, line, top_spm::float8, stop_after, stroke_channel, run_channel "
        "from plant.press",
        "select name, press, top_kw::float8, energy_channel from plant.meter",
        "select code, start_time, end_time, breaks from plant.shift_pattern",
    )
    return [connection.execute(query).fetchall() for query in queries]


def test_a_plant_file_is_taken_over_and_again_changes_nothing(
    database: str, tmp_path: Path
) -> None:
    path = tmp_path / "plant.toml"
    path.write_text(FILE)
    load(database, path, addresses=False)
    load(database, path, addresses=False)
    with connect(database) as connection:
        assert loaded(connection) == [
            [("dongguan-1", "Asia/Shanghai", timedelta(seconds=15))],
            [("P01", "L1", 45.0, timedelta(seconds=90), "strokes", "running")],
            [("E01", "P01", 120.0, "energy_import")],
            [("day", time(8), time(20), [["12:00", "13:00"]])],
        ]


def test_a_changed_plant_file_changes_the_plant(database: str, tmp_path: Path) -> None:
    path = tmp_path / "plant.toml"
    path.write_text(FILE)
    load(database, path, addresses=False)
    path.write_text(FILE.replace("top_speed = 45", "top_speed = 50"))
    load(database, path, addresses=False)
    with connect(database) as connection:
        assert loaded(connection)[1][0][2] == 50.0
