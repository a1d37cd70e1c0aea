"""The way to the broker: MQTT 3.1.1 or 5, never a kept session, words for what is in the way.

The settings named are those of both sides: `[mqtt]` of plant.toml for an edge agent, the
environment for ingest and tap.
"""

import socket
import ssl
import sys
import time
from collections import deque
from typing import Literal, TypeVar

import structlog
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

log = structlog.get_logger()

Version = Literal["3.1.1", "5"]
C = TypeVar("C", bound=Client)

WITH_WILL = 4  # reason of a DISCONNECT in MQTT 5: the standard wants it of a node that leaves
EXPIRED, NOT_YET, WRONG_NAMES = 10, 9, (62, 64)  # X509_V_ERR_… of OpenSSL
WHERE = "[mqtt] in plant.toml, for ingest and tap"
NOT_KNOWN = (
    "refused the user: check user and password_file, or the name in the client certificate "
    f"({WHERE} MQTT_USER, MQTT_PASSWORD_FILE, MQTT_CERT_FILE), and that the broker knows it"
)
TAKEN_OVER_CODE, TIMES, WITHIN_S = 142, 3, 60.0
TAKEN_OVER = (
    "gave the session to another client of the same name: two agents with the same site and node, "
    "or a box that was exchanged and runs on? Stop one, or give it a node of its own"
)
OFTEN = (
    f"accepted the connection and ended it {TIMES} times within {WITHIN_S:.0f} s. {{largest}}"
    'Perhaps it takes none so large (mosquitto: max_packet_size; with version = "5" it tells its '
    f"limit; check tells the sizes of births). Or it {TAKEN_OVER}"
)
TOO_LARGE_CODE = 149
TOO_LARGE = "ended the connection because a message was too large. {largest}{cure}"
MORE_ROOM = "Raise the broker's limit (mosquitto: max_packet_size), or take channels out"
REFUSALS = {
    132: f'does not speak this version of MQTT: set version = "3.1.1" ({WHERE} MQTT_VERSION)',
    142: TAKEN_OVER,
    134: NOT_KNOWN,  # bad user name or password
    135: NOT_KNOWN,  # not authorized
}
CUT_SHORT = (
    "ended the connection before it answered: either this port wants TLS (set ca_file), or it does "
    f"not accept the client certificate or wants one (cert_file, key_file; {WHERE} MQTT_CA_FILE, "
    "MQTT_CERT_FILE, MQTT_KEY_FILE)"
)


class RetryingClient(Client):
    """Tries on whatever hinders it to connect: paho does after an OSError, and ends after others.

    A name with two dots is a UnicodeError, one that begins with a dot a ValueError.
    """

    def reconnect(self) -> MQTTErrorCode:
        """Connect; OSError when that did not come about."""
        try:
            return super().reconnect()
        except OSError:
            raise
        except Exception as error:
            raise UnusableError(f"{error}") from error


class UnusableError(OSError):
    """No connection could even be tried."""


def new_client(kind: type[C], client_id: str, version: Version) -> C:
    """A client whose session ends with the connection."""
    if version == "5":
        return kind(CallbackAPIVersion.VERSION2, client_id, protocol=MQTTProtocolVersion.MQTTv5)
    return kind(CallbackAPIVersion.VERSION2, client_id, clean_session=True)


def begin(client: Client, host: str, port: int, keepalive: int) -> None:
    """Go on trying to connect, in a thread of paho's, until `leave`."""
    if client.protocol == MQTTProtocolVersion.MQTTv5:
        client.connect_async(host, port, keepalive, clean_start=True)  # it expires at once
    else:
        client.connect_async(host, port, keepalive)
    client.loop_start()


def leave_with_will(client: Client) -> None:
    """Disconnect; in MQTT 5 the broker is asked to publish the will as well."""
    if client.protocol == MQTTProtocolVersion.MQTTv5:
        client.disconnect(ReasonCode(PacketTypes.DISCONNECT, identifier=WITH_WILL))
    else:
        client.disconnect()


class Obstacles:
    """Says what stands between a client and its broker: once, until it is something else."""

    def __init__(self, host: str, port: int, meanwhile: str) -> None:
        self._host, self._port, self._meanwhile = host, port, meanwhile
        self._told = ""
        self._accepted = self._refused = False
        self._ends = deque[float](maxlen=TIMES)
        self._largest = ("", 0)  # what was sent since the connection began: name, bytes

    def sent(self, what: str, size: int) -> None:
        """A message that may be too large for the broker."""
        self._largest = max(self._largest, (what, size), key=lambda each: each[1])

    def accepted(self) -> None:
        """The broker took the connection."""
        self._accepted, self._largest = True, ("", 0)
        if not self._is_often():
            self._told = ""
        log.info("connected to the broker", host=self._host, port=self._port)

    def refused(self, reason: ReasonCode) -> None:
        """The broker answered, and said no."""
        self._refused = True
        self._say(REFUSALS.get(reason.value, f"refused the connection: {reason}"))

    def failed(self) -> None:
        """No connection came about; paho calls while it handles the exception that tells why."""
        self._say(failure(sys.exc_info()[1], self._host))

    def ended(self, reason: ReasonCode) -> None:
        """The connection is gone."""
        accepted, self._accepted = self._accepted, False
        refused, self._refused = self._refused, False
        if reason.is_failure and not refused:
            self._say(self._why_ended(reason) if accepted else CUT_SHORT)

    def _why_ended(self, reason: ReasonCode) -> str:
        """MQTT 5 says so; in 3.1.1 a session that is taken over again and again shows it."""
        self._ends.append(time.monotonic())
        if reason.value == TAKEN_OVER_CODE:
            return TAKEN_OVER
        what, size = self._largest
        largest = f"The largest message was {what}, {size:,} bytes. " if what else ""
        if reason.value == TOO_LARGE_CODE:
            return TOO_LARGE.format(largest=largest, cure=MORE_ROOM)
        often = self._is_often()
        return OFTEN.format(largest=largest) if often else f"ended the connection: {reason}"

    def _is_often(self) -> bool:
        return len(self._ends) == TIMES and time.monotonic() - self._ends[0] < WITHIN_S

    def _say(self, what: str) -> None:
        if what != self._told:
            self._told = what
            log.warning(f"the broker {what}; {self._meanwhile}", host=self._host, port=self._port)


def failure(error: BaseException | None, host: str) -> str:
    """What an exception while connecting means, and the cure."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _distrust(error, host)
    if isinstance(error, ssl.SSLError) or "handshake" in str(error):
        return (
            f"does not answer in TLS ({error}): is this its TLS port, often 8883? Without TLS, "
            f"take ca_file out ({WHERE} MQTT_CA_FILE)"
        )
    if isinstance(error, ConnectionRefusedError):
        return "does not answer: nothing listens there. Is it running, are host and port right?"
    if isinstance(error, socket.gaierror):
        return f"has a name that is not known, {host}: check host, or use its address"
    if isinstance(error, UnusableError):
        return f"cannot be reached as {host or 'nothing'} ({error}): check host and port ({WHERE})"
    return f"does not answer: {error or 'no reason told'}"


def _distrust(error: ssl.SSLCertVerificationError, host: str) -> str:
    if error.verify_code == EXPIRED:
        return "has a certificate that has expired: renew it (or set this machine's clock)"
    if error.verify_code == NOT_YET:
        return "has a certificate that is not valid yet: set this machine's clock"
    if error.verify_code in WRONG_NAMES:
        return (
            f"has a certificate for another name than {host}: connect by a name that is in it, or "
            "issue it for this one too"
        )
    return (
        f"has a certificate that the given CA did not sign ({error.verify_message}): ca_file "
        f"({WHERE} MQTT_CA_FILE) must hold the certificate of the CA that signed the broker's"
    )
