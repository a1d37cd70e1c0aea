"""A paho client with the credentials of the environment, for host and tap."""

import os
import ssl
from pathlib import Path

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from ingest.errors import BrokerSettingsError

READ_AHEAD = 1 << 16  # bytes


class ReadAheadClient(Client):
    """Reads many packets with one system call; paho asks the socket three times for each.

    One call of `loop_read` reads from the socket at most once, so that writes get their turn.
    """

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
            code = super().loop_read(max_packets)
        return code

    def _sock_recv(self, bufsize: int) -> bytes:
        if self._place >= len(self._ahead):
            if not self._may_read:
                raise BlockingIOError  # paho keeps what it has of a packet
            self._may_read = False
            self._ahead, self._place = super()._sock_recv(max(bufsize, READ_AHEAD)), 0
        piece = self._ahead[self._place : self._place + bufsize]
        self._place += len(piece)
        return piece


def make_client(client_id: str = "") -> Client:
    """A client that is not connected yet.

    MQTT_USER and MQTT_PASSWORD_FILE, MQTT_CA_FILE (then TLS), MQTT_CERT_FILE and MQTT_KEY_FILE are
    used where they are set. Raises BrokerSettingsError when such a file cannot be used.
    """
    client = ReadAheadClient(CallbackAPIVersion.VERSION2, client_id, clean_session=True)
    user, authority = os.environ.get("MQTT_USER"), os.environ.get("MQTT_CA_FILE")
    try:
        if user:
            client.username_pw_set(user, _password())
        if authority:
            client.tls_set_context(_tls(authority))  # pyright: ignore[reportUnknownMemberType] -- paho leaves its type open
    except (OSError, ssl.SSLError) as error:
        raise BrokerSettingsError(
            f"Cannot use the credentials for the broker: {error}. MQTT_PASSWORD_FILE holds the "
            "password alone; MQTT_CA_FILE, MQTT_CERT_FILE and MQTT_KEY_FILE are readable PEM files."
        ) from error
    return client


def _password() -> str | None:
    file = os.environ.get("MQTT_PASSWORD_FILE")
    return Path(file).read_text(encoding="utf-8").rstrip("\r\n") if file else None


def _tls(authority: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority)
    certificate = os.environ.get("MQTT_CERT_FILE")
    if certificate:
        context.load_cert_chain(certificate, os.environ.get("MQTT_KEY_FILE"))
    return context
