"""A floor as a scenario folder: what the product is told, and what the model says came of it."""

import csv
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

from bench.floor.model import Made, Part, scrapped, work
from bench.floor.seen import MODULUS
from bench.floor.world import DIES, NIGHTS, World, uuid

QUARTERS = 35 * 60_000  # ms after the end: the quarter hour that reports it all is over


def write(world: World, folder: Path) -> None:
    """The folder of a floor, as docs/scenarios.md tells."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "story.md").write_text(f"# Floor {world.seed}\n\nMade at random ({world.night}).\n")
    (folder / "plant.toml").write_text(_plant(world))
    (folder / "orders.toml").write_text(_orders(world))
    (folder / "expected.toml").write_text(expected(world))
    _readings(world, folder / "readings.csv")
    _acts(world, folder / "acts.csv")


def _plant(world: World) -> str:
    zone = NIGHTS[world.night][1]
    head = f'site = "s"\nnode = "edge-P01"\ntime_zone = "{zone}"\nheartbeat_s = 10\n'
    shifts = _table("shift", [
        {"code": "day", "start": "08:00", "end": "20:00", "breaks": ["12:00-13:00"]},
        {"code": "night", "start": "20:00", "end": "08:00", "breaks": ["02:30-03:00"]},
    ])  # fmt: skip
    presses = "".join(
        _table("press", [{"name": name, "line": "L1", "node": f"edge-{name}", "top_speed": 60,
                          "stop_after_s": 30}])
        + _table("press.channel", [{"name": "strokes", "kind": "counter",
                                    "modulus": MODULUS[name]}])
        for name in world.presses
    )  # fmt: skip
    return head + shifts + _table("line", [{"name": "L1"}]) + presses


def _orders(world: World) -> str:
    items = [{"code": code} for code in ("PART", "LEFT", "RIGHT")]
    coils = [{"code": code, "unit": "kg", "kind": "coil"} for code in ("COIL-A", "COIL-B")]
    sides = {side.item: side for _, there in DIES.values() for side in there if side.coil}
    steps = [{"name": "blank", "die": "D-10"}, {"name": "form", "die": "D-20"}]
    return "".join([
        _table("item", [*items, *coils]),
        _table("bom", [{"item": item, "lines": [{"item": side.coil, "qty": float(side.per_part)}]}
                       for item, side in sides.items()]),
        _table("die", [{"code": die, "outputs": [{"item": side.item} for side in there],
                        "presses": [press]} for press, (die, there) in DIES.items()]),
        _table("work_order", [
            {"code": code, "item": item, "qty": qty}
            | ({"routing": steps} if item == "PART" else {})
            for code, (item, qty) in world.orders.items()]),
        _table("stock", [{"item": item, "lot": lot, "qty": kg}
                         for lot, (item, kg) in world.coils.items()]),
        _table("person", [{"code": "W01", "name": "Li Wei", "role": "operator"},
                          {"code": "S01", "name": "Chen Jing", "role": "leader"}]),
    ])  # fmt: skip


def _readings(world: World, path: Path) -> None:
    rows = sorted(
        (reading.arrived, name, n, reading)
        for name, readings in world.readings.items()
        for n, reading in enumerate(readings, 1)
    )
    columns = ["arrived", "node", "number", "at", "press", "channel", "value", "quality"]
    _csv(path, columns, (
        [_time(world, arrived), f"edge-{name}", n, _time(world, reading.at), name, "strokes",
         reading.value, "good"] for arrived, name, n, reading in rows
    ))  # fmt: skip


def _acts(world: World, path: Path) -> None:
    _csv(path, ["at", "id", "who", "press", "act", "args"], (
        [_time(world, act.at), uuid(act.number), act.who, "" if act.act == "undo" else act.press,
         act.act, json.dumps(act.args)] for act in world.acts
    ))  # fmt: skip


def expected(world: World) -> str:
    """What the model says came of the floor, as expected.toml."""
    made = {name: work(press, world.items, world.borders) for name, press in world.presses.items()}
    as_of = f"as_of = {_time(world, world.end + QUARTERS)}\nrefused = []\n\n"
    count = [{"press": name, "strokes": len(world.presses[name].strokes), "held": 0,
              "unattributed": each.stray} for name, each in made.items()]  # fmt: skip
    dies = [{"die": DIES[name][0], "strokes": len(world.presses[name].strokes)} for name in made]
    return as_of + "".join([
        _table("count", count), _table("die", dies), _table("posting", _postings(world, made)),
        _table("stock", [*_finished(world, made), *_coils(world, made)]),
    ])  # fmt: skip


def _good(world: World, made: Mapping[str, Made]) -> Counter[tuple[str, str]]:
    """Good parts by press and order, scrap taken off."""
    good = Counter(
        (name, part.order) for name, each in made.items() for part in each.parts
        if part.kind == "production" and part.order
    )  # fmt: skip
    good.subtract(scrapped(list(world.presses.values())))
    return good


def _postings(world: World, made: Mapping[str, Made]) -> list[dict[str, Any]]:
    sums: Counter[tuple[str, str, str]] = Counter()
    for (_, order), parts in _good(world, made).items():
        item, wanted = world.orders[order]
        sums[order, item, "good"] += min(parts, wanted)
        sums[order, item, "excess"] += max(parts - wanted, 0)
    for (_, order), parts in scrapped(list(world.presses.values())).items():
        sums[order, world.items[order], "scrap"] += parts
    for part in _all(made):
        if part.order is None:
            sums["", part.side.item, "unattributed"] += 1
        elif part.kind == "setup":
            sums[part.order, part.side.item, "setup"] += 1
    return [{"work_order": order, "item": item, "kind": kind, "qty": qty}
            for (order, item, kind), qty in sorted(sums.items()) if qty]  # fmt: skip


def _finished(world: World, made: Mapping[str, Made]) -> list[dict[str, Any]]:
    stock: Counter[str] = Counter()
    for (press, order), parts in _good(world, made).items():
        if press != "P01":  # the first operation puts nothing into stock
            item, wanted = world.orders[order]
            stock[item] += min(parts, wanted)
    return [{"item": item, "location": "FG", "qty": qty} for item, qty in stock.items() if qty]


def _coils(world: World, made: Mapping[str, Made]) -> list[dict[str, Any]]:
    """Each coil by lot; where some part came from an unknown one, all of an item together."""
    left = {lot: Decimal(kg) for lot, (_, kg) in world.coils.items()}
    unknown: set[str] = set()
    spent: Counter[str] = Counter()
    for part in _all(made):
        if part.order and part.side.coil:
            if part.lot is None:
                unknown.add(part.side.coil)
                spent[part.side.coil] += int(Decimal(part.side.per_part) * 100)
            else:
                left[part.lot] -= Decimal(part.side.per_part)
    rows: list[dict[str, Any]] = []
    for item in ("COIL-A", "COIL-B"):
        lots = [lot for lot, (of, _) in world.coils.items() if of == item]
        if item in unknown:
            total = sum((left[lot] for lot in lots), Decimal(0)) - Decimal(spent[item]) / 100
            rows.append({"item": item, "location": "RAW", "qty": float(total)})
        else:
            rows += [{"item": item, "location": "RAW", "lot": lot, "qty": float(left[lot])}
                     for lot in lots]  # fmt: skip
    return [row for row in rows if row["qty"]]


def _all(made: Mapping[str, Made]) -> Iterable[Part]:
    return (part for each in made.values() for part in each.parts)


def _time(world: World, at: int) -> str:
    return world.instant(at).isoformat(timespec="milliseconds")


def _table(name: str, rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows of a TOML table."""
    lines: list[str] = []
    for row in rows:
        lines.append(f"[[{name}]]")
        lines += [f"{key} = {_value(value)}" for key, value in row.items()]
        lines.append("")
    return "\n".join([*lines, ""])


def _value(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_value, cast('list[object]', value)))}]"
    if isinstance(value, dict):
        there = cast("dict[str, object]", value).items()
        return "{ " + ", ".join(f"{key} = {_value(each)}" for key, each in there) + " }"
    return json.dumps(value)


def _csv(path: Path, columns: list[str], rows: Iterable[list[Any]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
