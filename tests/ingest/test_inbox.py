"""Messages between two threads: in order, bounded, and each overload is told."""

import pytest
from structlog.testing import capture_logs

from ingest.inbox import Inbox


def piece(*numbers: int) -> list[tuple[str, bytes]]:
    return [("t", b"%d" % number) for number in numbers]


def test_what_came_is_taken_in_order_and_only_once() -> None:
    inbox = Inbox()
    inbox.put(piece(1, 2))
    inbox.put(piece(3))
    assert inbox.take(0) == piece(1, 2, 3)
    assert inbox.take(0) == []


def test_waking_is_no_message() -> None:
    inbox = Inbox()
    inbox.wake()
    assert inbox.take(20) == []


@pytest.mark.parametrize(("limit", "most"), [("MOST_MESSAGES", 2), ("MOST_BYTES", 2)])
def test_more_than_fits_is_dropped_and_told_once_each_time(
    monkeypatch: pytest.MonkeyPatch, limit: str, most: int
) -> None:
    monkeypatch.setattr(f"ingest.inbox.{limit}", most)
    inbox = Inbox()
    with capture_logs() as logs:
        for _ in range(2):
            for number in range(5):
                inbox.put(piece(number))
            assert inbox.take(0) == piece(0, 1)
    told = [entry.get("dropped", entry["log_level"]) for entry in logs]
    assert told == ["warning", 3, "warning", 3]
