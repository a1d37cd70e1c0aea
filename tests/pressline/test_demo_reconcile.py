"""The final comparison: what counts as a residual, and which strokes a fault disturbs."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from pressline.demo.reconcile import (
    Books,
    Fault,
    Truth,
    compare,
    latencies,
    percentiles,
    report,
)

SECOND = 1_000_000_000
PARTS = {"HNG-L": Fraction(1), "HNG-R": Fraction(1)}


def truth(strokes: int = 10) -> Truth:
    return Truth("P02", [n * SECOND for n in range(strokes)], list(range(strokes)))


def books(**changed: object) -> Books:
    """Ten strokes, twenty parts: 12 in stock, 3 waiting, 4 setup and 1 scrap."""
    facts: dict[str, object] = {
        "counted": 10,
        "unattributed": 0,
        "posted": {"good": 15, "setup": 4, "scrap": 1},
        "waiting": {"good": 3},
        "in_stock": 12,
        "commits": [(10, 10 * SECOND)],
    }
    return Books(**(facts | changed))  # pyright: ignore[reportArgumentType] - a test's shorthand


def test_books_that_fit_leave_no_residual() -> None:
    row = compare(truth(), books(), PARTS)
    assert row["residual"] == 0
    assert (row["parts_expected"], row["parts_posted"]) == (20, 20)
    assert (row["parts_in_stock"], row["parts_waiting"], row["scrap"]) == (12, 3, 5)


def test_a_stroke_that_was_not_counted_is_a_residual() -> None:
    assert compare(truth(), books(counted=9), PARTS)["residual"] == 1


def test_a_stroke_counted_twice_is_a_residual() -> None:
    assert compare(truth(), books(counted=11), PARTS)["residual"] == 1


def test_parts_that_were_not_posted_are_a_residual() -> None:
    short = books(posted={"good": 13, "setup": 4, "scrap": 1}, in_stock=10)
    assert compare(truth(), short, PARTS)["residual"] == 2


def test_posted_parts_that_are_nowhere_are_a_residual() -> None:
    assert compare(truth(), books(in_stock=11), PARTS)["residual"] == 1


def test_parts_of_no_order_are_a_residual() -> None:
    lost = books(posted={"good": 15, "unattributed": 5})
    assert compare(truth(), lost, PARTS)["residual"] == 5


def test_setup_parts_of_a_waiting_report_wait_and_are_no_scrap_yet() -> None:
    waiting = books(waiting={"good": 15, "setup": 4, "scrap": 1}, in_stock=0)
    row = compare(truth(), waiting, PARTS)
    assert (row["parts_waiting"], row["scrap"], row["residual"]) == (20, 0, 0)


def test_latency_runs_from_the_stroke_to_the_commit_that_covers_it() -> None:
    seen = books(commits=[(1, SECOND // 2), (3, 3 * SECOND)])
    undisturbed, everything = latencies(truth(3), seen, [])
    assert everything == undisturbed == [0.5, 2.0, 1.0]


def test_a_fault_disturbs_strokes_until_the_first_commit_after_its_healing() -> None:
    commits = [(n + 1, n * SECOND + SECOND // 2) for n in range(3)]
    commits += [(6, 6 * SECOND + SECOND // 2), (7, 7 * SECOND), (8, 8 * SECOND)]
    fault = Fault("network_loss", "P02", 3 * SECOND, 6 * SECOND)
    undisturbed, everything = latencies(truth(8), books(commits=commits), [fault])
    assert len(everything) == 8
    assert len(undisturbed) == 4  # strokes 1 to 3 before it, stroke 8 at 7 s after it
    other = Fault("network_loss", "P03", 3 * SECOND, 6 * SECOND)
    assert latencies(truth(8), books(commits=commits), [other])[0] == everything


def test_a_stroke_that_was_never_counted_has_no_latency() -> None:
    assert latencies(truth(10), books(commits=[(4, 20 * SECOND)]), [])[1] == [20, 19, 18, 17]


def test_the_report_names_faults_with_pids_and_the_wrap_that_the_truth_shows() -> None:
    wrapped = Truth("P02", [1, 2], [65_535, 0])
    killed = Fault("edge_killed", None, 5 * SECOND, 6 * SECOND, (41, 42))
    pair = (wrapped, books(commits=[(2, 8 * SECOND)]))
    found = report([compare(*pair, PARTS)], [pair], [killed])
    assert found["faults"] == {
        "counter_wrap": {"number": 1, "presses": ["P02"]},
        "edge_killed": {
            "number": 1,
            "pids": [{"before": 41, "after": 42}],
            "lasted_s": 1.0,
            "recovery_s": 2.0,
        },
    }


@given(st.lists(st.floats(0, 100), min_size=1))
def test_percentiles_are_values_that_were_measured(seconds: list[float]) -> None:
    found = percentiles(seconds)
    rounded = {round(value, 3) for value in seconds}
    assert set(found.values()) <= rounded
    assert found["p99"] <= max(rounded)  # pyright: ignore[reportOptionalOperand] - not empty


def test_percentiles_of_nothing_are_null() -> None:
    assert percentiles([]) == {"p50": None, "p95": None, "p99": None}
