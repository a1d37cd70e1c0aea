"""`make floor ARGS="--seeds 2000"`: play random floors against the model; goes on where it stopped.

Seeds that were equal are noted in `build/floor/equal`; a floor that differs stays there as a
scenario folder, and `pressline scenario run build/floor/<seed>` plays it again.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from bench.floor.play import differing
from pressline.scenario.scratch import Scratch, scratch

FOLDER = Path("build/floor")
AT_ONCE = 25


def main() -> int:
    """Play the seeds that are not known to be equal; 1 when any differs."""
    parser = argparse.ArgumentParser(prog="python -m bench.floor")
    parser.add_argument("--seeds", type=int, default=100, help="how many, from 0")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--again", action="store_true", help="also those that were equal before")
    asked = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    known = set[int]() if asked.again else _equal()
    left = [seed for seed in range(asked.seeds) if seed not in known]
    apart = _play(left, asked.jobs)
    print(f"{asked.seeds - len(apart)} of {asked.seeds} floors equal; differing: {apart or 'none'}")
    return 1 if apart else 0


def _play(seeds: Sequence[int], jobs: int) -> list[int]:
    """Seeds that differ, told as they come; some at a time on a set of databases."""
    apart: list[int] = []
    some = [seeds[first : first + AT_ONCE] for first in range(0, len(seeds), AT_ONCE)]
    with scratch() as databases, ProcessPoolExecutor(jobs) as pool:
        os.environ["DATABASE_URL"] = databases.server
        for n, told in enumerate(pool.map(_some, some), 1):
            for seed, lines in told:
                apart.append(seed)
                print(f"floor {seed}:", *lines, sep="\n  ", flush=True)
            print(f"{min(n * AT_ONCE, len(seeds))} of {len(seeds)} played", flush=True)
    return apart


def _some(seeds: Sequence[int]) -> list[tuple[int, list[str]]]:
    with scratch() as databases:
        told = [(seed, _one(seed, databases)) for seed in seeds]
    return [(seed, lines) for seed, lines in told if lines]


def _one(seed: int, databases: Scratch) -> list[str]:
    """What differs on the floor of a seed; its folder stays."""
    folder = FOLDER / str(seed)
    with databases.fresh() as database:
        lines = differing(seed, folder, database)
    if not lines:
        shutil.rmtree(folder)
        with (FOLDER / "equal").open("a") as file:
            file.write(f"{seed}\n")
    return lines


def _equal() -> set[int]:
    path = FOLDER / "equal"
    return set(map(int, path.read_text().split())) if path.exists() else set()


if __name__ == "__main__":
    sys.exit(main())
