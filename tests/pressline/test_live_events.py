"""What a stream is sent."""

from datetime import UTC, datetime

from pressline.web.shell import live


def test_an_event_is_made_into_bytes_once_for_all_streams() -> None:
    rows = [{"press": "P01", "good": 5}, {"press": "P02", "good": 7}]
    event = live.Event(1, datetime(2026, 3, 2, tzinfo=UTC), rows, None)
    streams = [live.Stream(frozenset()) for _ in range(3)]
    assert all(stream.offer(event) for stream in streams)
    sent = [stream.events.get_nowait() for stream in streams]
    assert sent[0] is sent[1] is sent[2]
    of_one = event.of(frozenset({"P02"}))
    assert of_one is not None
    assert b"P02" in of_one
    assert b"P01" not in of_one
