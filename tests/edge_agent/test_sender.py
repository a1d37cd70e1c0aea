"""The window of the sender: what it lets out, when it goes back."""

from edge_agent.sender import FIRST_BYTES, FIRST_MESSAGES, MOST_MESSAGES, PATIENCE, Sender, Todo


def sender_with(sent: int, now: float = 0.0, size: int = 100) -> Sender:
    sender = Sender()
    sender.start(0, now)
    for number in range(1, sent + 1):
        assert sender.may_send(size)
        sender.handed_out(number, size, now)
    return sender


def test_lets_out_a_window_of_messages_and_no_more() -> None:
    sender = sender_with(FIRST_MESSAGES)
    assert not sender.may_send(1)


def test_lets_out_a_window_of_bytes_and_no_more() -> None:
    sender = sender_with(1, size=FIRST_BYTES)
    assert not sender.may_send(1)


def test_one_record_larger_than_the_window_still_goes_out() -> None:
    assert sender_with(0).may_send(10 * FIRST_BYTES)


def test_doubles_while_acknowledgements_come_and_stays_bounded() -> None:
    sender, number = sender_with(0), 0
    for _ in range(10):
        while sender.may_send(100):
            number += 1
            sender.handed_out(number, 100, 0.0)
        assert sender.answered(number, False, 0.1) == Todo(forget=number)
    assert sender.messages == MOST_MESSAGES


def test_a_slow_host_gets_no_wider_window() -> None:
    sender, number = sender_with(0), 0
    for turn in range(10):
        while sender.may_send(100):
            number += 1
            sender.handed_out(number, 100, 3.0 * turn)
        sender.answered(number, False, 3.0 * turn + 2.0)
    assert sender.messages == FIRST_MESSAGES


def test_a_hole_is_gone_back_to_once_until_all_that_was_sent_is_acknowledged() -> None:
    sender = sender_with(40)
    assert sender.answered(10, True, 0.1) == Todo(forget=10, resend=True)
    assert sender.sent == 10
    assert sender.messages == FIRST_MESSAGES // 2
    for number in range(11, 41):
        sender.handed_out(number, 100, 0.1)
    assert sender.answered(10, True, 0.2) == Todo()
    assert sender.answered(39, True, 0.3) == Todo(forget=39)
    assert sender.answered(40, False, 0.4) == Todo(forget=40)
    sender.handed_out(41, 100, 0.5)
    sender.handed_out(42, 100, 0.5)
    assert sender.answered(40, True, 0.6) == Todo(resend=True)


def test_silence_is_gone_back_from_with_growing_patience() -> None:
    sender = sender_with(3)
    assert sender.passed(PATIENCE / 2) == Todo()
    assert sender.passed(PATIENCE) == Todo(resend=True)
    sender.handed_out(1, 100, PATIENCE)
    assert sender.passed(2 * PATIENCE) == Todo()
    assert sender.passed(3 * PATIENCE) == Todo(resend=True)


def test_patience_follows_the_usual_delay() -> None:
    sender = sender_with(0)
    for number in range(1, 200):
        sender.handed_out(number, 100, 2.0 * number)
        sender.answered(number, False, 2.0 * number + 1.0)
    assert 3.9 < sender.patience <= 4.0


def test_nothing_in_flight_is_nothing_to_go_back_for() -> None:
    sender = sender_with(0)
    assert sender.deadline is None
    assert sender.passed(1e9) == Todo()


def test_a_host_that_has_more_than_was_sent_moves_the_sender_on() -> None:
    sender = sender_with(2)
    assert sender.answered(90, False, 0.1) == Todo(forget=90)
    assert sender.sent == 90


def test_a_host_that_misses_forgotten_records_hears_the_birth_again() -> None:
    sender = sender_with(0)
    sender.start(100, 0.0)
    assert sender.answered(50, True, 0.1) == Todo(rebirth=True)
    assert sender.answered(50, False, 0.1) == Todo()


def test_a_resend_is_known_as_one() -> None:
    sender = sender_with(3)
    sender.answered(1, True, 0.1)
    assert sender.handed_out(2, 100, 0.2)
    assert sender.handed_out(3, 100, 0.2)
    assert not sender.handed_out(4, 100, 0.2)


def test_until_the_host_was_heard_one_record_is_under_way() -> None:
    sender = Sender(heard=False)
    sender.handed_out(1, 100, 0)
    assert not sender.may_send(100)
    sender.answered(1, hole=False, now=1)
    sender.handed_out(2, 100, 1)
    assert sender.may_send(100)
