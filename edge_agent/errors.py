"""What can go wrong on the machine side, told with where it happened and the cure."""

from collections.abc import Sequence
from dataclasses import dataclass


class EdgeError(Exception):
    """Something a person can mend; the message names the place and the cure."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault in a configuration file: `place` is file:line, `key` its path of keys."""

    place: str
    key: str
    what: str
    cure: str

    def __str__(self) -> str:
        where = f"{self.place}: {self.key}: " if self.key else f"{self.place}: "
        return f"{where}{self.what}; {self.cure}"


class PlantError(EdgeError):
    """A plant file or one of its profiles is wrong: every fault found, one per line."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in problems))
