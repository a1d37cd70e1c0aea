"""A paho client with the credentials of the environment, for host and tap."""

import os
import ssl
from pathlib import Path
from typing import cast, get_args

from edge_agent.connection import Version, new_client
from ingest.errors import BrokerSettingsError
from ingest.packets import ReadAheadClient


def make_client(client_id: str = "") -> ReadAheadClient:
    """A client that is not connected yet.

    MQTT_VERSION ("3.1.1" or "5"), MQTT_USER and MQTT_PASSWORD_FILE, MQTT_CA_FILE (then TLS),
    MQTT_CERT_FILE and MQTT_KEY_FILE are used where they are set. Raises BrokerSettingsError when
    one cannot be used.
    """
    client = new_client(ReadAheadClient, client_id, _version())
    user, authority = os.environ.get("MQTT_USER"), os.environ.get("MQTT_CA_FILE")
    if os.environ.get("MQTT_CERT_FILE") and not authority:
        raise BrokerSettingsError("MQTT_CERT_FILE is used with TLS only: set MQTT_CA_FILE as well.")
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


def _version() -> Version:
    told = os.environ.get("MQTT_VERSION") or "3.1.1"
    if told not in get_args(Version):
        raise BrokerSettingsError(f"MQTT_VERSION={told} is no version of MQTT here: 3.1.1 or 5.")
    return cast("Version", told)


def _password() -> str | None:
    file = os.environ.get("MQTT_PASSWORD_FILE")
    return Path(file).read_text(encoding="utf-8").rstrip("\r\n") if file else None


def _tls(authority: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority)
    certificate = os.environ.get("MQTT_CERT_FILE")
    if certificate:
        context.load_cert_chain(certificate, os.environ.get("MQTT_KEY_FILE"))
    return context
