"""A paho client that reads many packets with one system call, and cuts the plain ones itself.

paho takes 15 us for each message and asks the socket three times: at 10 readings a message that
was a third of all that ingest did. What is not plain (acknowledged, malformed, half there) is
left to paho, and so is the first packet of every read.
"""

from collections.abc import Callable
from functools import lru_cache

from paho.mqtt.enums import MQTTErrorCode, MQTTProtocolVersion

from edge_agent.connection import RetryingClient
from ingest.inbox import Messages

READ_AHEAD = 1 << 16  # bytes
LONGEST = (1 << 14) - 1  # bytes that two bytes of length can tell
PUBLISH, RETAINED = 0x30, 0x01  # head of a packet at QoS 0; a flag in it
MOST_TOPICS = 10_000  # remembered; rubbish must not fill the memory


class ReadAheadClient(RetryingClient):
    """One call of `loop_read` reads from the socket at most once, so that writes get their turn.

    `on_plain` is given messages at QoS 0 that came together, in their place among those that
    paho gives to `on_message`; without it paho gives all. Topics with a level STATE are paho's.
    """

    on_plain: Callable[[Messages], None] | None = None
    _ahead = b""
    _place = 0
    _may_read = True

    def reconnect(self) -> MQTTErrorCode:
        """A new connection begins with nothing read."""
        self._ahead, self._place = b"", 0
        return super().reconnect()

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Handle every packet that one read brought."""
        self._may_read = True
        code = super().loop_read(max_packets)
        while code == MQTTErrorCode.MQTT_ERR_SUCCESS and self._place < len(self._ahead):
            self._give_plain()
            if self._place < len(self._ahead):
                code = super().loop_read(max_packets)
        return code

    def _give_plain(self) -> None:
        if self.on_plain is None or self._in_packet["command"] != 0:
            return
        with_properties = self._protocol == MQTTProtocolVersion.MQTTv5
        found, self._place = cut(self._ahead, self._place, with_properties=with_properties)
        if found:
            self.on_plain(found)

    def _sock_recv(self, bufsize: int) -> bytes:
        if self._place >= len(self._ahead):
            if not self._may_read:
                raise BlockingIOError  # paho keeps what it has of a packet
            self._may_read = False
            self._ahead, self._place = super()._sock_recv(max(bufsize, READ_AHEAD)), 0
        piece = self._ahead[self._place : self._place + bufsize]
        self._place += len(piece)
        return piece


def cut(ahead: bytes, place: int, *, with_properties: bool = False) -> tuple[Messages, int]:
    """Whole plain messages that follow each other from `place` on, and where they end.

    With properties (MQTT 5) a message is plain when it has none.
    """
    found: Messages = []
    last = len(ahead) - 5  # a packet has a head, its length and the topic's, two bytes each
    while place <= last and ahead[place] | RETAINED == PUBLISH | RETAINED:
        size, body = ahead[place + 1], place + 2
        if size & 0x80:
            size, body = size & 0x7F | ahead[body] << 7, body + 1
        end, start = body + size, body + 2 + (ahead[body] << 8 | ahead[body + 1])
        if size > LONGEST or end > len(ahead):
            break
        topic = _topic(ahead[body + 2 : start])
        if with_properties and start < end and ahead[start] == 0:
            start += 1
        elif with_properties:
            break
        if topic is None or start > end:
            break
        found.append((topic, ahead[start:end]))
        place = end
    return found, place


@lru_cache(MOST_TOPICS)
def _topic(raw: bytes) -> str | None:
    """None: paho's to look at. The same topic is the same object, so it is hashed once."""
    try:
        topic = raw.decode()
    except UnicodeDecodeError:
        return None
    return None if "STATE" in topic.split("/") else topic
