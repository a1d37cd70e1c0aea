"""What a broken line may say of a broker does not end the host."""

import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager

from ingest.group import Group
from ingest.mqtt import HostClient
from tests.broker import PATIENCE_S

CONNECTED, PUBLISH = b"\x20\x02\x00\x00", 0x30


def published(topic: bytes, payload: bytes) -> bytes:
    body = len(topic).to_bytes(2, "big") + topic + payload
    return bytes([PUBLISH, len(body)]) + body


@contextmanager
def line_that_says(words: bytes) -> Generator[int]:
    """Whoever connects is accepted, told these bytes, and no more; its port."""
    done = threading.Event()

    def serve(server: socket.socket) -> None:
        line, _ = server.accept()
        with line:
            line.recv(4096)
            line.sendall(CONNECTED + words)
            done.wait(PATIENCE_S)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        yield server.getsockname()[1]
        done.set()
        thread.join()


def test_a_topic_that_is_no_text_is_passed_over() -> None:
    good = "spBv1.0/plant/DDATA/edge-1/P01"
    words = published(b"\xff\xfe", b"rubbish") + published(good.encode(), b"payload")
    with line_that_says(words) as port:
        host = HostClient("127.0.0.1", port, Group("pressline"))
        host.open()
        assert host.inbox.take(PATIENCE_S) == [(good, b"payload")]
        host.close()
