"""The receiver's side of an outbox: which record comes next, and when to answer.

Without input/output; docs/wire.md tells the rules.
"""

from dataclasses import dataclass, field
from enum import Enum, auto

from ingest.clock_repair import Dating

ANSWER_EVERY_S = 0.2  # a duplicate or a lasting hole is answered at most this often


class Verdict(Enum):
    """What a record's number means to a stream."""

    TAKE = auto()
    DUPLICATE = auto()
    HOLE = auto()


@dataclass
class Stream:
    """Records of one outbox in order.

    `outbox` is its row, `committed` the watermark in the database, `taken` the last record that
    waits for the next commit. A foreign node has no uuid: its messages are numbered here.
    """

    outbox: int
    uuid: str
    committed: int
    taken: int
    newest: int = 0  # highest number heard, taken or not
    hole: bool = False
    due: bool = False  # an answer is owed whatever the clock says
    repeated: bool = False  # duplicates or holes were seen since the last answer
    answered_at: float = float("-inf")
    dating: Dating = field(default_factory=Dating)

    def judge(self, number: int) -> Verdict:
        """Whether the record with this number is the next one; a taken one is counted."""
        self.newest = max(self.newest, number)
        if number == self.taken + 1:
            self.taken, self.hole = number, False
            return Verdict.TAKE
        self.repeated = True
        if number <= self.taken:
            return Verdict.DUPLICATE
        self.due = self.due or not self.hole
        self.hole = True
        return Verdict.HOLE

    def commit(self, number: int) -> None:
        """Every record up to this one is in the database."""
        self.due = self.due or self.committed != number
        self.committed = number

    @property
    def lacks_next(self) -> bool:
        """Whether the record after the watermark is missing, and not merely on its way there."""
        return self.hole and self.committed == self.taken

    def answer(self, now: float) -> bool:
        """Whether to acknowledge now (seconds of a steady clock)."""
        wanted = self.due or (self.repeated and now - self.answered_at >= ANSWER_EVERY_S)
        if wanted:
            self.due = self.repeated = False
            self.answered_at = now
        return wanted
