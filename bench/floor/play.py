"""Plays the floor of a seed through the product and compares."""

from pathlib import Path

from bench.floor import folder as folders
from bench.floor import seen
from database.connection import connect
from pressline.scenario import check
from pressline.scenario.folder import read_story


def differing(seed: int, folder: Path, database: str) -> list[str]:
    """What the books of the product say otherwise than the model; written to `folder` first."""
    folders.write(seen.make(seed), folder)
    apart = check(read_story(folder), database, None)
    return [*apart, *_out_of_bounds(database)]


def _out_of_bounds(database: str) -> list[str]:
    """Shares that can not be: more time than there was, more good parts than parts."""
    with connect(database) as connection:
        rows = connection.execute(
            """
            select press, shift_date || '/' || shift_code, pbt_s, known_s, apt_s, ideal_s,
              ideal_good_s
            from board.press_shift('-infinity', 'infinity')
            where not (0 <= apt_s and apt_s <= known_s and known_s <= pbt_s
                       and 0 <= ideal_good_s and ideal_good_s <= ideal_s)
            """
        ).fetchall()
    return [f"kpi: {press} {shift}: out of bounds: {figures}" for press, shift, *figures in rows]
