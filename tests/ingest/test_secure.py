"""TLS, users, client certificates and MQTT 5 on a real broker; what is in the way is said."""

import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest
from floor import Edge, Ingest, Watcher, until
from spoken import DDATA

from edge_agent.connection import failure
from edge_agent.plantfile.entries import Mqtt
from ingest.broker import make_client
from ingest.errors import BrokerSettingsError
from ingest.group import Group
from ingest.mqtt import HostClient
from tests.broker import Probe, mosquitto_server
from tests.certificates import Authority

pytestmark = pytest.mark.wire
ON_PLAIN = pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")
ACCESS_LIST = Path(__file__).parents[2] / "config" / "mosquitto" / "plant.acl"


@dataclass
class Safe:
    """A folder with an authority, certificates and passwords, as a broker may read it."""

    folder: Path
    plant: Authority
    stranger: Authority

    def server(self, certificate: str = "broker") -> str:
        """A piece of the broker's settings: TLS, everyone by name, only as themselves."""
        return (
            f"cafile {self.plant.file}\ncertfile {self.folder / certificate}.pem\n"
            f"keyfile {self.folder / certificate}.key\nallow_anonymous false\n"
            f"acl_file {self.folder / 'access'}\n"
        )

    @property
    def with_passwords(self) -> str:
        return f"{self.server()}password_file {self.folder / 'passwords'}"

    @property
    def with_certificates(self) -> str:
        return f"{self.server()}require_certificate true\nuse_identity_as_username true"

    def mqtt(self, port: int, **settings: Any) -> Mqtt:
        told: dict[str, Any] = {"ca_file": self.plant.file, **settings}
        return Mqtt(port=port, **told)

    def certificate_of(self, user: str) -> dict[str, Path]:
        return {"cert_file": self.folder / f"{user}.pem", "key_file": self.folder / f"{user}.key"}


@pytest.fixture(scope="module")
def safe() -> Iterator[Safe]:
    with tempfile.TemporaryDirectory(prefix="pressline-safe-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        made = Safe(folder, Authority(folder), Authority(folder, "stranger"))
        for user in ("ingest", "edge-1", "edge-2"):
            made.plant.sign(user)
        made.plant.sign("broker", address="127.0.0.1")
        made.plant.sign("broker", address="127.0.0.1", days=-1, file="expired")
        made.plant.sign("broker", address="10.0.0.9", file="elsewhere")
        program = shutil.which("mosquitto_passwd")
        assert program
        passwords = folder / "passwords"
        passwords.touch()
        for user in ("ingest", "edge-1"):
            subprocess.run([program, "-b", str(passwords), user, "s3cret"], check=True)
        shutil.copy(ACCESS_LIST, folder / "access")
        (folder / "secret").write_text("s3cret\n")
        (folder / "wrong").write_text("guessed\n")
        for file in (passwords, folder / "access"):
            file.chmod(0o644)
        yield made


def deliver(database: str, watcher: Watcher, folder: Path, mqtt: Mqtt) -> None:
    """Two records, over and back again."""
    ingest = Ingest(database, mqtt.port)
    ingest.start()
    try:
        with Edge(folder, mqtt.port, mqtt=mqtt) as edge:
            edge.strokes(2)
            edge.until_acknowledged(2)
    finally:
        assert ingest.stop() == 0
    watcher.nothing_lost_or_doubled(2)


@contextmanager
def tapping(port: int) -> Generator[IO[str]]:
    """`pressline tap` as a person calls it; what it prints."""
    command = [sys.executable, "-m", "pressline", "tap", "--mqtt-port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stderr
    try:
        assert next(line for line in process.stderr if "connected to the broker" in line)
        yield process.stdout
    finally:
        process.terminate()
        process.communicate()


@ON_PLAIN
@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_the_river_over_tls_with_user_and_password(
    safe: Safe, tmp_path: Path, database: str, watcher: Watcher, version: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("MQTT_USER", "ingest")
    monkeypatch.setenv("MQTT_PASSWORD_FILE", str(safe.folder / "secret"))
    monkeypatch.setenv("MQTT_CA_FILE", str(safe.plant.file))
    monkeypatch.setenv("MQTT_VERSION", version)
    with mosquitto_server(safe.with_passwords) as broker:
        mqtt = safe.mqtt(
            broker.port, user="edge-1", password_file=safe.folder / "secret", version=version
        )
        with tapping(broker.port) as heard:
            deliver(database, watcher, tmp_path, mqtt)
            assert next(line for line in heard if "strokes = 2" in line)


@ON_PLAIN
def test_client_certificates_are_users_and_each_node_speaks_as_itself(
    safe: Safe, tmp_path: Path, database: str, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = safe.certificate_of("ingest").values()
    monkeypatch.setenv("MQTT_CA_FILE", str(safe.plant.file))
    monkeypatch.setenv("MQTT_CERT_FILE", str(certificate))
    monkeypatch.setenv("MQTT_KEY_FILE", str(key))
    with mosquitto_server(safe.with_certificates) as broker:
        imposter = safe.certificate_of("edge-2")
        tls = ssl.create_default_context(cafile=safe.plant.file)
        tls.load_cert_chain(imposter["cert_file"], imposter["key_file"])
        with Probe(broker.port, tls=tls) as liar:
            liar.say(DDATA, b"\xff not mine")
            liar.say("spBv1.0/plant/NCMD/edge-1", b"\xff not mine")
        mqtt = safe.mqtt(broker.port, **safe.certificate_of("edge-1"))
        with tapping(broker.port) as heard:
            deliver(database, watcher, tmp_path, mqtt)
            assert next(line for line in heard if "strokes = 2" in line)
    assert watcher.rows("select * from signal.quarantine") == []


Meet = Callable[[Safe], tuple[str, dict[str, Any]]]

OBSTACLES: dict[str, tuple[Meet, str]] = {
    "wrong CA": (
        lambda safe: (safe.with_passwords, {"ca_file": safe.stranger.file}),
        "has a certificate that the given CA did not sign .*ca_file .* must hold the certificate",
    ),
    "expired": (
        lambda safe: (safe.server("expired"), {}),
        "has a certificate that has expired: renew it",
    ),
    "another name": (
        lambda safe: (safe.server("elsewhere"), {}),
        "has a certificate for another name than 127.0.0.1: connect by a name that is in it",
    ),
    "wrong password": (
        lambda safe: (
            safe.with_passwords,
            {"user": "edge-1", "password_file": safe.folder / "wrong"},
        ),
        "refused the user: check user and password_file",
    ),
    "no client certificate": (
        lambda safe: (safe.with_certificates, {}),
        "ended the connection before it answered: .*client certificate",
    ),
    "a certificate of a stranger": (
        lambda safe: (
            safe.with_certificates,
            dict(zip(("cert_file", "key_file"), safe.stranger.sign("edge-1", file="false"),
                     strict=True)),
        ),
        "ended the connection before it answered: .*cert_file",
    ),
    "TLS only": (
        lambda safe: (safe.server(), {"ca_file": None}),
        "ended the connection before it answered: either this port wants TLS .set ca_file",
    ),
}  # fmt: skip


# When a certificate does not hold, paho lets its socket go without closing it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("name", "version"),
    [*((name, "3.1.1") for name in OBSTACLES), ("wrong password", "5"), ("TLS only", "5")],
)
def test_what_is_in_the_way_is_said_with_the_cure_to_edge_and_ingest(
    safe: Safe, tmp_path: Path, name: str, version: str,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    meet, told = OBSTACLES[name]
    access, settings = meet(safe)
    said = ""

    def heard(end: str) -> bool:
        nonlocal said
        said += capsys.readouterr().out
        return re.search(f"the broker {told}.*; {end}", said) is not None

    with mosquitto_server(access) as broker:
        mqtt = safe.mqtt(broker.port, version=version, **settings)
        for variable, value in {
            "MQTT_CA_FILE": mqtt.ca_file, "MQTT_CERT_FILE": mqtt.cert_file,
            "MQTT_KEY_FILE": mqtt.key_file, "MQTT_USER": mqtt.user,
            "MQTT_PASSWORD_FILE": mqtt.password_file, "MQTT_VERSION": version,
        }.items():  # fmt: skip
            if value is not None:
                monkeypatch.setenv(variable, str(value))
        host = HostClient("127.0.0.1", broker.port, Group("pressline"))
        host.open()
        try:
            until(lambda: heard("trying on"), f"ingest to say {told}")
        finally:
            host.close()
        said = ""
        with Edge(tmp_path, broker.port, mqtt=mqtt):
            until(lambda: heard("records are kept, trying on"), f"the edge to say {told}")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ConnectionRefusedError(), "nothing listens there. Is it running"),
        (socket.gaierror(), "has a name that is not known, broker: check host"),
        (TimeoutError("_ssl.c:989: The handshake operation timed out"), "is this its TLS port"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER]"), "is this its TLS port, often 8883"),
        (OSError("No route to host"), "does not answer: No route to host"),
    ],
)
def test_a_broker_that_is_not_there_is_told_with_the_cure(error: OSError, told: str) -> None:
    assert told in failure(error, "broker")


def test_settings_that_cannot_be_used_are_told_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MQTT_VERSION", "4")
    with pytest.raises(BrokerSettingsError, match=r"MQTT_VERSION=4 .* 3\.1\.1 or 5"):
        make_client()
    monkeypatch.setenv("MQTT_VERSION", "5")
    monkeypatch.setenv("MQTT_CERT_FILE", "edge.pem")
    with pytest.raises(BrokerSettingsError, match="set MQTT_CA_FILE as well"):
        make_client()
    with pytest.raises(ValueError, match="add ca_file, key_file"):
        Mqtt(cert_file=Path("edge.pem"))
