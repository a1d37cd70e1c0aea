"""Hours of one-second data: counted exactly, and no pile of reports waits."""

from collections.abc import Callable

import pytest

from bench.long import play


@pytest.mark.parametrize("flavour", ["plain"], indirect=True)
def test_six_hours_of_seconds_are_counted_exactly(new_database: Callable[[], str]) -> None:
    """With a silence, stops and a jump, for which one report waits."""
    result = play(new_database(), machines=1, days=0.25, seed=1)
    assert result.right, str(result)
    assert (result.jumps, result.waiting) == (1, 1)
