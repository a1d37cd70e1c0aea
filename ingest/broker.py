"""A paho client with the credentials of the environment, for host and tap."""

import os
import ssl
from pathlib import Path

from paho.mqtt.enums import CallbackAPIVersion

from ingest.errors import BrokerSettingsError
from ingest.packets import ReadAheadClient


def make_client(client_id: str = "") -> ReadAheadClient:
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
