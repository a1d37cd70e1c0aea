"""A real mosquitto for tests: a port that is free, a process of our own, nothing left behind.

And a probe: a client that hears and says what a test likes.
"""

import queue
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from tests import parts

START_LIMIT_S = 10.0
PATIENCE_S = 30.0


def free_port() -> int:
    """A TCP port on loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Mosquitto:
    """A broker on loopback that can be stopped and started again on the same port."""

    folder: Path
    access: str = "allow_anonymous true"
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start, and return once it takes connections."""
        found = parts.mosquitto()
        if found is None:
            pytest.skip("needs mosquitto: apt-get install mosquitto")
        settings = self.folder / "mosquitto.conf"
        settings.write_text(
            f"listener {self.port} 127.0.0.1\n{self.access}\nlog_dest none\n"
            "persistence false\nset_tcp_nodelay true\n"
        )
        self.process = subprocess.Popen([found, "-c", str(settings)])
        end = time.monotonic() + START_LIMIT_S
        while time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self.process.poll() is not None:  # somebody was given the port in the meantime
                self.process = subprocess.Popen([found, "-c", str(settings)])
            time.sleep(0.05)
        raise AssertionError("mosquitto does not listen")

    def stop(self) -> None:
        """Stop at once, as a power cut would; retained messages are gone with it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@contextmanager
def mosquitto_server(access: str = "allow_anonymous true") -> Generator[Mosquitto]:
    """A running broker that the test may stop and start; `access` is a piece of its settings."""
    folder = Path(tempfile.mkdtemp(prefix="pressline-mqtt-"))
    folder.chmod(0o755)
    server = Mosquitto(folder, access)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def mosquitto() -> Generator[int]:
    """A running broker; its port on 127.0.0.1."""
    with mosquitto_server() as server:
        yield server.port


class Probe:
    """Anyone at the broker: hears what it subscribed to, says what it likes."""

    def __init__(
        self,
        port: int,
        *topics: str,
        user: str = "",
        password: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._heard: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
        self._ready = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._hear
        self._client.on_subscribe = self._subscribed
        if user:
            self._client.username_pw_set(user, password)
        if tls:
            self._client.tls_set_context(tls)  # pyright: ignore[reportUnknownMemberType] -- paho leaves its type open
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        if topics:
            self._client.subscribe([(topic, 1) for topic in topics])
            assert self._ready.wait(PATIENCE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _hear(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        self._heard.put((message.topic, bytes(message.payload)))

    def _subscribed(self, *_: Any) -> None:
        self._ready.set()

    def say(self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> None:
        self._client.publish(topic, payload, qos, retain).wait_for_publish(PATIENCE_S)

    def hear(self, kind: str = "") -> tuple[str, bytes]:
        """The next message of a type (NBIRTH, DDATA, …); others are passed over."""
        end = time.monotonic() + PATIENCE_S
        while True:
            topic, payload = self._heard.get(timeout=max(0.0, end - time.monotonic()))
            if not kind or f"/{kind}/" in topic:
                return topic, payload
