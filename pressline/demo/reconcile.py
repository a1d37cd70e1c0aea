"""The final comparison: what the factory wrote down against what the books say.

The only reader of the ground truth. What goes into a residual is summed here from counts,
postings and stock moves themselves, never taken from a view or from a sum that the bridge keeps.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import Any

from database.connection import Connection

NOT_STOCKED = ("scrap", "setup", "sample", "trial", "maintenance", "rework")


@dataclass(frozen=True)
class Fault:
    """Something broken on purpose, on one press or (press None) for all; times in ns."""

    kind: str
    press: str | None
    began: int
    healed: int
    pids: tuple[int, int] | None = None


@dataclass(frozen=True)
class Truth:
    """The strokes of one press as the simulator wrote them: instants in ns, counter values."""

    press: str
    at: list[int]
    counter: list[int]

    @property
    def wraps(self) -> int:
        """How often a counter at the top of 16 bit went on from 0."""
        pairs = zip(self.counter, self.counter[1:], strict=False)
        return sum(old == 65_535 and new == 0 for old, new in pairs)


@dataclass(frozen=True)
class Books:
    """What the tables say about one press; parts summed over every output."""

    counted: int
    unattributed: int
    posted: dict[str, int]
    waiting: dict[str, int]
    in_stock: int
    commits: list[tuple[int, int]] = field(repr=False)  # (cumulative count, committed at ns)


def read_truth(folder: Path, press: str) -> Truth:
    """The ground truth of one press."""
    file = folder / f"{press}.csv"
    rows = [line.split(",") for line in file.read_text().splitlines()] if file.exists() else []
    return Truth(press, [int(row[0]) for row in rows], [int(row[3]) for row in rows])


def read_books(connection: Connection, press: str) -> Books:
    """What the tables say about one press."""
    return Books(
        counted=_number(connection, COUNTED, press),
        unattributed=_number(connection, UNATTRIBUTED, press),
        posted={kind: int(qty) for kind, qty in connection.execute(POSTED, [press])},
        waiting={kind: int(qty) for kind, qty in connection.execute(WAITING, [press])},
        in_stock=_number(connection, IN_STOCK, press),
        commits=_commits(connection, press),
    )


def compare(truth: Truth, books: Books, parts: dict[str, Fraction]) -> dict[str, Any]:
    """One press of the report. `parts`: per stroke, of each output of its die.

    `scrap` is everything reported, no longer waiting, that is not for stock: declared scrap,
    setup parts, samples; `posted` shows all kinds.
    """
    expected = sum(math.floor(len(truth.at) * ratio) for ratio in parts.values())
    posted = sum(books.posted.values())
    waiting = sum(books.waiting.values())
    scrap = sum(books.posted.get(kind, 0) - books.waiting.get(kind, 0) for kind in NOT_STOCKED)
    residual = (
        abs(len(truth.at) - books.counted)
        + abs(expected - posted)
        + abs(posted - books.in_stock - waiting - scrap)
    )
    return {
        "press": truth.press,
        "strokes_made": len(truth.at),
        "strokes_counted": books.counted,
        "unattributed": books.unattributed,
        "parts_expected": expected,
        "parts_posted": posted,
        "parts_waiting": waiting,
        "parts_in_stock": books.in_stock,
        "scrap": scrap,
        "residual": residual,
        "posted": books.posted,
    }


def latencies(
    truth: Truth, books: Books, faults: Sequence[Fault]
) -> tuple[list[float], list[float]]:
    """Seconds from each stroke to the commit of the count that covers it: (undisturbed, all).

    A stroke is disturbed when a fault that concerns its press lies anywhere between the stroke
    and its commit; a fault ends with the first commit after it was healed.
    """
    totals = [total for total, _ in books.commits]
    windows = [
        (f.began, f.healed + recovery_ns(books, f)) for f in faults if concerns(f, truth.press)
    ]
    undisturbed: list[float] = []
    everything: list[float] = []
    for number, at in enumerate(truth.at, 1):
        place = bisect_left(totals, number)
        if place == len(totals):
            continue  # never counted: it is in the residual
        committed = books.commits[place][1]
        everything.append((committed - at) / 1e9)
        if all(committed < began or at > ended for began, ended in windows):
            undisturbed.append(everything[-1])
    return undisturbed, everything


def report(
    rows: list[dict[str, Any]], pairs: Sequence[tuple[Truth, Books]], faults: Sequence[Fault]
) -> dict[str, Any]:
    """The report over all presses, as JSON will hold it."""
    undisturbed: list[float] = []
    everything: list[float] = []
    for truth, books in pairs:
        outside, every = latencies(truth, books, faults)
        undisturbed += outside
        everything += every
    return {
        "presses": rows,
        "residual_total": sum(row["residual"] for row in rows),
        "strokes_made": sum(row["strokes_made"] for row in rows),
        "latency_s": percentiles(undisturbed),
        "latency_strokes": len(undisturbed),
        "latency_all_s": percentiles(everything),
        "faults": _faults(pairs, faults),
    }


def _faults(pairs: Sequence[tuple[Truth, Books]], faults: Sequence[Fault]) -> dict[str, Any]:
    """Kind -> number, pids before and after, seconds it lasted and seconds until the next count."""
    wrapped = {truth.press: truth.wraps for truth, _ in pairs if truth.wraps}
    told: dict[str, Any] = {}
    if wrapped:
        told["counter_wrap"] = {"number": sum(wrapped.values()), "presses": list(wrapped)}
    for fault in faults:
        one = told.setdefault(fault.kind, {"number": 0})
        one["number"] += 1
        if fault.pids:
            one.setdefault("pids", []).append(
                dict(zip(("before", "after"), fault.pids, strict=True))
            )
        if fault.press:
            one.setdefault("presses", []).append(fault.press)
        slowest = max(recovery_ns(b, fault) for t, b in pairs if concerns(fault, t.press))
        one["lasted_s"] = round((fault.healed - fault.began) / 1e9, 1)
        one["recovery_s"] = round(slowest / 1e9, 1)
    return told


def table(found: dict[str, Any]) -> str:
    """The report for people."""
    columns = ("press", "strokes_made", "strokes_counted", "unattributed", "parts_expected")
    columns += ("parts_posted", "parts_waiting", "parts_in_stock", "scrap", "residual")
    lines = ["", "  ".join(column.replace("_", " ") for column in columns)]
    lines += [
        "  ".join(str(row[column]).rjust(len(column)) for column in columns)
        for row in found["presses"]
    ]
    lines += [f"fault {kind}: {fault}" for kind, fault in found["faults"].items()]
    lines.append(f"latency_s {found['latency_s']}  all {found['latency_all_s']}")
    lines.append(f"residual_total {found['residual_total']}")
    return "\n".join(lines)


def concerns(fault: Fault, press: str) -> bool:
    """Whether a fault touches this press."""
    return fault.press in (None, press)


def recovery_ns(books: Books, fault: Fault) -> int:
    """From the healing of a fault to the next commit of a count; 0 when none came after."""
    later = (at for _, at in books.commits if at > fault.healed)
    return next(later, fault.healed) - fault.healed


def percentiles(seconds: Sequence[float]) -> dict[str, float | None]:
    """p50, p95 and p99 by nearest rank; null of nothing."""
    ordered = sorted(seconds)

    def rank(share: float) -> float | None:
        return round(ordered[math.ceil(share * len(ordered)) - 1], 3) if ordered else None

    return {"p50": rank(0.50), "p95": rank(0.95), "p99": rank(0.99)}


def _commits(connection: Connection, press: str) -> list[tuple[int, int]]:
    rows = connection.execute(COMMITS, [press]).fetchall()
    totals = accumulate(int(amount) for amount, _ in rows)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    times = [round((at - epoch).total_seconds() * 1e6) * 1000 for _, at in rows]
    return sorted(zip(totals, times, strict=True))


def _number(connection: Connection, query: Any, press: str) -> int:
    row = connection.execute(query, [press]).fetchone()
    assert row is not None
    return int(row[0])


COUNTED = """
select coalesce(sum(amount), 0) from mes.count where press = %s and measure = 'stroke'
"""
UNATTRIBUTED = """
select coalesce(sum(amount), 0) from mes.owned_count
where press = %s and measure = 'stroke' and segment is null
"""
POSTED = """
select p.kind, sum(p.qty) from mes.posting p
join mes.run_output o on o.id = p.run_output join mes.run r on r.id = o.run
where r.press = %s group by p.kind order by p.kind
"""
WAITING = """
select p.kind, sum(p.qty) from mes.posting p
join erp.production_report e on e.id = p.report and e.state = 'waiting'
join mes.run_output o on o.id = p.run_output join mes.run r on r.id = o.run
where r.press = %s group by p.kind
"""
IN_STOCK = """
select coalesce(sum(case when into_stock.kind = 'stock' then m.qty else -m.qty end), 0)
from erp.stock_move m
join erp.production_report e on e.id = m.report
join mes.run r on r.id = e.run
join erp.work_order_operation p on p.id = e.operation
join erp.work_order w on w.code = p.work_order and w.item = m.item
join erp.location into_stock on into_stock.code = m.to_location
where r.press = %s
"""
# The commit's own time where the server keeps it, as the demo's does; else the row's.
COMMITS = """
select amount, case when current_setting('track_commit_timestamp') = 'on'
                    then pg_xact_commit_timestamp(xmin) else recorded_at end
from mes.count where press = %s and measure = 'stroke' order by id
"""
