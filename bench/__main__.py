"""`make bench`: measure, print a table, write JSON with `--json FILE`."""

import json
import sys
from pathlib import Path

from bench.edge import edge_figures
from bench.figure import Figure


def table(figures: list[Figure]) -> str:
    rows = [f"{'figure':24} {'value':>12} {'limit':>14} {'ratio':>7}  unit"]
    for figure in figures:
        value = figure.why_null if figure.value is None else f"{figure.value:12.4g}"
        ratio = "" if figure.ratio is None else f"{figure.ratio:7.2f}"
        missed = "" if figure.met else "  MISSED"
        limit = f"{figure.sense} {figure.limit:g}"
        rows.append(f"{figure.name:24} {value:>12} {limit:>14} {ratio:>7}  {figure.unit}{missed}")
    return "\n".join(rows)


def main(arguments: list[str]) -> int:
    figures = edge_figures()
    print(table(figures))
    if "--json" in arguments:
        target = Path(arguments[arguments.index("--json") + 1])
        target.write_text(json.dumps([figure.as_row() for figure in figures], indent=2) + "\n")
    return 0 if all(figure.met for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
