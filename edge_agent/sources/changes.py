"""What is worth telling: changes of value or quality, and a heartbeat of what stays the same."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from edge_agent.sample import BAD, GOOD, Sample, Value

Values = Sequence[Value | None]
Told = tuple[Value | None, float]  # what was told of a channel, and when it is due again

UNTOLD: Any = object()  # unlike every value


class PollChanges:
    """Changes among channels that are read together; a value of None is bad quality."""

    def __init__(self, channels: Sequence[str], heartbeat_s: float) -> None:
        self.channels = tuple(channels)
        self.heartbeat_s = heartbeat_s
        self.values: Values | None = None
        self.due = [0.0] * len(self.channels)
        self.next_due = 0.0

    def tell(self, values: Values, at: int, now: float) -> list[Sample]:
        """Samples of the channels that changed since they were last told, or are due again.

        `at` is the capture time in ms, `now` the monotonic clock in seconds. The first values
        are all told.
        """
        before = self.values
        if values == before and now < self.next_due:
            return []
        due, channels, again = self.due, self.channels, now + self.heartbeat_s
        told: list[Sample] = []
        for number, value in enumerate(values):
            if before is None or value != before[number] or now >= due[number]:
                due[number] = again
                quality = BAD if value is None else GOOD
                told.append(Sample(channels[number], at, value, quality))
        self.values = values
        self.next_due = min(due, default=0.0)
        return told

    def tell_bad(self, at: int, now: float) -> list[Sample]:
        """Bad quality for every channel that was not bad already."""
        return self.tell((None,) * len(self.channels), at, now)

    def told(self) -> dict[str, Told]:
        """What was told, by channel."""
        known = zip(self.channels, self.values or (), self.due, strict=False)
        return {name: (value, due) for name, value, due in known if value is not UNTOLD}

    def resume(self, told: Mapping[str, Told]) -> None:
        """Go on where another left off: what was told is no news."""
        pasts = [told.get(name, (UNTOLD, 0.0)) for name in self.channels]
        self.values = tuple(value for value, _ in pasts) if told else None
        self.due = [due for _, due in pasts]
        self.next_due = min(self.due, default=0.0)


class EventChanges:
    """Changes among channels whose values arrive one by one, each with its own quality."""

    def __init__(self, heartbeat_s: float) -> None:
        self.heartbeat_s = heartbeat_s
        self.last: dict[str, Sample] = {}
        self.due: dict[str, float] = {}

    def forget(self) -> None:
        """Begin anew: whatever comes next is news, and nothing is due before it came."""
        self.last.clear()
        self.due.clear()

    def tell(self, samples: Iterable[Sample], now: float) -> list[Sample]:
        """Those samples whose value, quality or status is news, in order."""
        return [sample for sample in samples if self._is_news(sample, now)]

    def _is_news(self, sample: Sample, now: float) -> bool:
        last = self.last.get(sample.channel)
        self.last[sample.channel] = sample
        if last is not None and _same(last, sample) and now < self.due[sample.channel]:
            return False
        self.due[sample.channel] = now + self.heartbeat_s
        return True

    def tell_due(self, at: int, now: float) -> list[Sample]:
        """The last sample of every channel that was not told for a heartbeat, captured anew."""
        due = [channel for channel, when in self.due.items() if now >= when]
        return self.tell([replace(self.last[channel], at=at) for channel in due], now)


def _same(one: Sample, other: Sample) -> bool:
    return (one.value, one.quality, one.status) == (other.value, other.quality, other.status)
