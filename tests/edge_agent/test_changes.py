"""What is told: changes of value or quality, and a heartbeat of what stays the same."""

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.sample import BAD, GOOD, STALE, Sample, Value
from edge_agent.sources.changes import EventChanges, PollChanges


def told(samples: list[Sample]) -> list[tuple[str, Value | None, int]]:
    return [(sample.channel, sample.value, sample.quality) for sample in samples]


def test_the_first_poll_is_told_whole_then_only_changes() -> None:
    changes = PollChanges(["strokes", "running"], heartbeat_s=10)
    assert told(changes.tell((5, True), 1000, 0.0)) == [
        ("strokes", 5, GOOD),
        ("running", True, GOOD),
    ]
    assert changes.tell((5, True), 1500, 0.5) == []
    assert told(changes.tell((6, True), 2000, 1.0)) == [("strokes", 6, GOOD)]


def test_each_channel_has_a_heartbeat_of_its_own() -> None:
    changes = PollChanges(["strokes", "running"], heartbeat_s=10)
    changes.tell((5, True), 0, 0.0)
    changes.tell((6, True), 0, 4.0)
    assert told(changes.tell((6, True), 0, 10.0)) == [("running", True, GOOD)]
    assert told(changes.tell((6, True), 0, 14.0)) == [("strokes", 6, GOOD)]


def test_bad_quality_is_a_change_and_told_once() -> None:
    changes = PollChanges(["strokes"], heartbeat_s=10)
    changes.tell((5,), 0, 0.0)
    assert told(changes.tell_bad(0, 1.0)) == [("strokes", None, BAD)]
    assert changes.tell_bad(0, 2.0) == []
    assert told(changes.tell((5,), 0, 3.0)) == [("strokes", 5, GOOD)]


values = st.lists(st.tuples(st.integers(0, 3) | st.none(), st.booleans()), min_size=1, max_size=60)


@given(values, st.integers(1, 8))
def test_who_hears_only_what_is_told_knows_every_value_and_is_never_left_silent(
    polls: list[tuple[int | None, bool]], heartbeat: int
) -> None:
    changes = PollChanges(["a", "b"], heartbeat)
    known: dict[str, Value | None] = {}
    heard: dict[str, int] = {}
    for second, poll in enumerate(polls):
        for sample in changes.tell(poll, second * 1000, second):
            assert (sample.quality == BAD) == (sample.value is None)
            known[sample.channel], heard[sample.channel] = sample.value, second
        assert (known["a"], known["b"]) == poll
        assert all(second - last < heartbeat for last in heard.values())


def test_an_event_that_says_nothing_new_is_not_told() -> None:
    changes = EventChanges(heartbeat_s=10)
    first = Sample("speed", 1, 60.0)
    assert changes.tell([first, Sample("speed", 2, 60.0)], 0.0) == [first]
    stale = Sample("speed", 3, 60.0, STALE, status=0x40900000)
    assert changes.tell([stale], 1.0) == [stale]  # a quality change is a change
    bad, worse = Sample("speed", 4, None, BAD, status=1), Sample("speed", 5, None, BAD, status=2)
    assert changes.tell([bad, worse], 2.0) == [bad, worse]  # so is another reason


def test_a_quiet_channel_is_repeated_as_captured_anew() -> None:
    changes = EventChanges(heartbeat_s=10)
    changes.tell([Sample("speed", 1, 60.0, source_at=7)], 0.0)
    assert changes.tell_due(5000, 5.0) == []
    assert changes.tell_due(10_000, 10.0) == [Sample("speed", 10_000, 60.0, source_at=7)]
    changes.forget()
    assert changes.tell_due(99_000, 99.0) == []
