"""`pressline plant load`: what the plant file says, taken into the database."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from database.connection import connect
from edge_agent.plantfile import entries
from edge_agent.plantfile.plant import load_plant
from mes_bridge.plant import store
from plant import layout
from plant.layout import Signal

HEARTBEATS_TO_SILENCE = 3
UNITS = {
    "quarter_hour": timedelta(minutes=15), "hour": timedelta(hours=1), "shift": timedelta(days=2),
    "container": timedelta(days=2),
}  # fmt: skip


def load(database: str, path: Path, *, addresses: bool = True, renamed: bool = False) -> None:
    """Read a plant file and store lines, presses, meters and shifts; twice changes nothing.

    `addresses=False` takes files that name no machine addresses (scenarios).
    `renamed`: the database's site is called so from now on.
    Raises PlantError (file, line, key, cure), OtherSiteError and UnreachableError.
    """
    plant = translate(load_plant(path, addresses=addresses))
    with connect(database) as connection:
        store(connection, plant, datetime.now(UTC), renamed=renamed)


def translate(plant: entries.Plant) -> layout.Plant:
    """The plant file's words as the database's: seconds to intervals, three beats to silence."""
    return layout.Plant(
        site=plant.site,
        time_zone=plant.time_zone,
        silence=timedelta(seconds=HEARTBEATS_TO_SILENCE * plant.heartbeat_s),
        report_every=UNITS[plant.report_every],
        lines=[line.name for line in plant.lines],
        presses=[_press(press) for press in plant.presses],
        meters=[layout.Meter(m.name, m.press, m.top_kw, m.energy, m.node) for m in plant.meters],
        shifts=[_shift(shift) for shift in plant.shifts],
        shift_date=plant.shift_date,
    )


def _press(press: entries.Press) -> layout.Press:
    return layout.Press(
        name=press.name,
        line=press.line,
        top_spm=press.top_speed,
        stop_after=timedelta(seconds=press.stop_after_s),
        stroke_channel=press.stroke_counter,
        run_channel=press.run_signal,
        node=press.node,
        run_states=_run_states(press),
    )


def _run_states(press: entries.Press) -> dict[int, Signal] | None:
    channel = press.channel(press.run_signal) if press.run_signal else None
    return channel.meanings if channel else None


def _shift(shift: entries.Shift) -> layout.ShiftPattern:
    breaks = [(pause.start, pause.end) for pause in shift.breaks]
    return layout.ShiftPattern(shift.code, shift.start, shift.end, breaks)
