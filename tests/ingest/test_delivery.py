"""Sender and stream against each other over a wire that loses what it likes: nothing is lost."""

from collections import deque

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge_agent.sender import LEAST_MESSAGES, Sender, Todo
from ingest.stream import Stream, Verdict

SIZE = 300


class Delivery(RuleBasedStateMachine):
    """An outbox, its sender, a lossy wire both ways, and the host's stream."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.written = 0  # records in the outbox
        self.forgotten = 0  # records deleted from it
        self.sender = Sender()
        self.sender.start(0, self.now)
        self.wire: deque[int] = deque()
        self.answers: deque[tuple[int, bool]] = deque()
        self.stream = Stream(1, "u", 0, 0)
        self.open: list[int] = []  # taken into the batch that is being filled
        self.handed: list[int] = []  # in the batch that the writer has
        self.stored: list[int] = []

    @rule(records=st.integers(1, 200))
    def write(self, records: int) -> None:
        self.written += records

    @rule()
    def send(self) -> None:
        while self.sender.sent < self.written and self.sender.may_send(SIZE):
            number = self.sender.sent + 1
            assert number > self.forgotten
            self.sender.handed_out(number, SIZE, self.now)
            self.wire.append(number)

    @precondition(lambda self: bool(self.wire))
    @rule(data=st.data())
    def lose_messages(self, data: st.DataObject) -> None:
        kept = data.draw(st.sets(st.integers(0, len(self.wire) - 1)))
        self.wire = deque(number for index, number in enumerate(self.wire) if index in kept)

    @rule()
    def lose_answers(self) -> None:
        self.answers.clear()

    @rule(messages=st.integers(1, 300))
    def deliver(self, messages: int) -> None:
        for _ in range(min(messages, len(self.wire))):
            number = self.wire.popleft()
            if self.stream.judge(number) is Verdict.TAKE:
                self.open.append(number)

    @rule()
    def hand_over(self) -> None:
        self.settle()
        self.handed, self.open = self.open, []

    @rule()
    def settle(self) -> None:
        self.stored += self.handed
        if self.handed:
            self.stream.commit(self.handed[-1])
        self.handed = []
        self.tell()

    @rule()
    def tell(self) -> None:
        if self.stream.answer(self.now):
            self.answers.append((self.stream.committed, self.stream.lacks_next))

    @rule()
    def answer(self) -> None:
        while self.answers:
            number, hole = self.answers.popleft()
            self.obey(self.sender.answered(number, hole, self.now))

    @rule(seconds=st.floats(0.01, 40))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.obey(self.sender.passed(self.now))

    @rule()
    def kill_edge(self) -> None:
        self.wire.clear()
        self.sender = Sender()
        self.sender.start(self.forgotten, self.now)

    @rule()
    def kill_host(self) -> None:
        self.open, self.handed = [], []
        self.answers.clear()
        self.stream = Stream(1, "u", len(self.stored), len(self.stored))

    def obey(self, todo: Todo) -> None:
        assert not todo.rebirth
        if todo.forget is not None:
            self.forgotten = max(self.forgotten, todo.forget)

    @invariant()
    def stored_in_order_and_once(self) -> None:
        assert self.stored == list(range(1, len(self.stored) + 1))

    @invariant()
    def forgets_only_what_is_stored(self) -> None:
        assert self.forgotten <= len(self.stored)

    @invariant()
    def window_is_bounded(self) -> None:
        assert LEAST_MESSAGES <= self.sender.messages <= 1024

    def teardown(self) -> None:
        """Once the wire is whole again, everything arrives."""
        for _ in range(40 + self.written // LEAST_MESSAGES):
            self.send()
            self.deliver(len(self.wire) or 1)
            self.hand_over()
            self.settle()
            self.answer()
            if self.sender.acknowledged == self.written:
                break
            self.wait(31)
        assert self.stored == list(range(1, self.written + 1))
        assert self.sender.acknowledged == self.written


Delivery.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestDelivery = Delivery.TestCase
