"""Messages cut out of what one read brought are those that were sent; the rest is paho's."""

import random
from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from ingest.packets import cut

TOPICS = ("spBv1.0/plant/DDATA/edge-1/P01", "spBv1.0/工厂/NDATA/节点", "t")


def length(size: int) -> bytes:
    """The remaining length of MQTT 3.1.1, chapter 2.2.3."""
    if size < 128:
        return bytes([size])
    return bytes([size % 128 + 128]) + length(size // 128)


def published(topic: str, payload: bytes, *, head: int = 0x30, properties: bytes = b"") -> bytes:
    name = topic.encode()
    body = len(name).to_bytes(2, "big") + name + properties + payload
    return bytes([head]) + length(len(body)) + body


messages = st.lists(
    st.tuples(
        st.sampled_from(TOPICS),
        st.one_of(st.binary(max_size=40), st.integers(60, 400).map(bytes)),
    ),
    max_size=8,
)


@given(messages, st.integers(0, 60), st.booleans())
def test_whole_messages_are_cut_and_half_ones_left(
    sent: list[tuple[str, bytes]], missing: int, with_properties: bool
) -> None:
    packets = [
        published(topic, payload, properties=b"\0" if with_properties else b"")
        for topic, payload in sent
    ]
    stream = b"before" + b"".join(packets)
    stream = stream[: max(len(stream) - missing, 6)]
    found, place = cut(stream, 6, with_properties=with_properties)
    ends = list(accumulate(map(len, packets), initial=6))
    whole = [end for end in ends if end <= len(stream)]
    assert (found, place) == (sent[: len(whole) - 1], whole[-1])


@given(st.binary(max_size=60), st.booleans())
def test_rubbish_is_never_read_past_its_end(rubbish: bytes, with_properties: bool) -> None:
    stream = bytes([0x30]) + rubbish
    found, place = cut(stream, 0, with_properties=with_properties)
    assert 0 <= place <= len(stream)
    assert sum(4 + len(payload) for _, payload in found) <= place


def test_what_is_not_plain_is_left_to_paho() -> None:
    plain = published("a/b", b"1")
    for other in (
        published("a/b", b"\0\1x", head=0x32),  # QoS 1: wants an answer
        published("spBv1.0/STATE/pressline", b"{}"),
        b"\x30\x03\x00\x09a",  # a topic longer than its packet
        b"\x30\x04\x00\x02\xff\xfe",  # no UTF-8
        published("a/b", random.Random(1).randbytes(1 << 14)),  # three bytes of length
        b"\xd0\x00",  # PINGRESP
    ):
        assert cut(plain + other + plain, 0) == ([("a/b", b"1")], len(plain))
    aliased = published("a/b", b"1", properties=b"\x03\x23\x00\x01")
    assert cut(aliased, 0, with_properties=True) == ([], 0)
