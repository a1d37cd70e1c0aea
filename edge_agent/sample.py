"""What a source hands on: samples of one device, and the device's coming and going."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

GOOD, BAD, STALE = 192, 0, 500  # quality codes of Sparkplug B 3.0

Value = int | float | str | bool


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one channel, as the machine gave it (unscaled).

    `at` is the capture time on the edge and `source_at` the device's own time, both in
    milliseconds since 1970 UTC; `source_at` is given only where it differs. `value` is None
    only when quality is not good. `status` is an OPC UA StatusCode, only when not good.
    """

    channel: str
    at: int
    value: Value | None
    quality: int = GOOD
    source_at: int | None = None
    status: int | None = None


class Sink(Protocol):
    """Where sources put what they read; called from the event loop, returns at once."""

    def samples(self, device: str, samples: Sequence[Sample]) -> None:
        """Take the samples of one poll or one notification, in order."""
        ...

    def device_online(self, device: str) -> None:
        """The device answers (again): its birth comes before its next samples."""
        ...

    def device_offline(self, device: str, at: int) -> None:
        """The device is gone since `at` (ms): its death comes after the samples before."""
        ...

    def refused(self, device: str, channel: str, reason: str) -> None:
        """A channel's value cannot be taken: told once per channel, to the database as well.

        Without a channel, the whole machine cannot be read.
        """
        ...

    def modulus_found(self, device: str, channel: str, modulus: int) -> None:
        """The machine says of what type a counter is: it starts again from 0 at `modulus`.

        Its declaration says so from here on, where the plant file does not say anything else.
        """
        ...
