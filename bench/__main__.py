"""`make bench`: measure, print a table, write JSON; ARGS="--only edge|ingest|age --json FILE"."""

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from bench.age import age_figures
from bench.backlog import backlog_figures
from bench.commit import commit_figures
from bench.crowd import crowd_figures
from bench.edge import edge_figures
from bench.figure import Figure
from bench.ingest import ingest_figures
from bench.latency import latency_figures
from bench.losses import losses_figures
from bench.opcua import opcua_figures
from bench.peers import peers_figures
from bench.rig import BenchError
from bench.start import start_figures
from pressline.demo.processes import DemoError

PARTS: dict[str, Callable[[], list[Figure]]] = {
    "edge": edge_figures,
    "losses": losses_figures,
    "opcua": opcua_figures,
    "ingest": ingest_figures,
    "commit": commit_figures,
    "latency": latency_figures,
    "backlog": backlog_figures,
    "crowd": crowd_figures,
    "start": start_figures,
    "peers": peers_figures,
    "age": age_figures,
}


def table(figures: list[Figure]) -> str:
    rows = [f"{'figure':32} {'value':>12} {'limit':>14} {'ratio':>7}  unit"]
    for figure in figures:
        missing = "not measured" if figure.absent else "null"
        value = missing if figure.value is None else f"{figure.value:12.4g}"
        ratio = "" if figure.ratio is None else f"{figure.ratio:7.2f}"
        missed = "" if figure.met else "  MISSED"
        why = f"  ({figure.why_null})" if figure.why_null else ""
        limit = "" if figure.limit is None else f"{figure.sense} {figure.limit:g}"
        rows.append(
            f"{figure.name:32} {value:>12} {limit:>14} {ratio:>7}  {figure.unit}{missed}{why}"
        )
    return "\n".join(rows)


def measured(part: str) -> list[Figure]:
    """The figures of a part, with what else this machine had to do when they were taken.

    A part that could not be measured truly has one figure, null and missed, that says why.
    """
    load = Figure(f"load_before_{part}", os.getloadavg()[0], "<", None, "runnable, 1 min")
    try:
        return [load, *PARTS[part]()]
    except (BenchError, DemoError) as error:
        print(f"{part}: {error}", file=sys.stderr)
        reason = str(error).partition("\n")[0]
        return [load, Figure(part, None, ">", 0, "failed", reason)]


def main(arguments: list[str]) -> int:
    options = argparse.ArgumentParser(prog="bench", description="Measured figures.")
    options.add_argument("--only", choices=PARTS, help="one part instead of all")
    options.add_argument("--json", type=Path, metavar="FILE", help="write them there too")
    chosen = options.parse_args(arguments)
    parts = [chosen.only] if chosen.only else list(PARTS)
    figures = [figure for part in parts for figure in measured(part)]
    print(table(figures))
    if chosen.json:
        rows = [figure.as_row() for figure in figures]
        chosen.json.write_text(json.dumps(rows, indent=2) + "\n")
    return 0 if all(figure.met for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
