"""The plant's own certificates: made, made anew, served, trusted by a device that was told to."""

import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from typer.testing import CliRunner
from web_process import free_port

from pressline import tls
from pressline.__main__ import app
from pressline.tls import TlsError

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
ONE = pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")


def test_it_is_made_for_names_and_addresses_and_keys_are_for_their_owner(tmp_path: Path) -> None:
    made = tls.make(tmp_path / "tls", ["Press.local", "192.168.1.20", "::1"], NOW)
    assert made.names == ("press.local", "192.168.1.20", "::1")
    assert made.until == NOW + timedelta(days=820)
    for key in ("ca.key", "server.key"):
        assert (tmp_path / "tls" / key).stat().st_mode & 0o777 == 0o600
    assert len(tls.fingerprint(tmp_path / "tls" / "ca.crt")) == 95


def test_made_anew_it_has_the_same_names_and_authority_and_another_key(tmp_path: Path) -> None:
    tls.make(tmp_path, ["press.local"], NOW)
    before = [(tmp_path / name).read_bytes() for name in ("ca.crt", "server.key")]
    made = tls.make(tmp_path, [], NOW + timedelta(days=800))
    after = [(tmp_path / name).read_bytes() for name in ("ca.crt", "server.key")]
    assert (made.names, before[0] == after[0], before[1] == after[1]) == (
        ("press.local",), True, False,
    )  # fmt: skip
    assert not made.is_old(NOW + timedelta(days=800))
    assert made.is_old(NOW + timedelta(days=800 + 820 - 29))


def test_it_never_outlives_its_authority(tmp_path: Path) -> None:
    tls.make(tmp_path, ["press.local"], NOW)
    late = tls.make(tmp_path, [], NOW + timedelta(days=3500))
    authority = x509.load_pem_x509_certificate((tmp_path / "ca.crt").read_bytes())
    assert late.until == authority.not_valid_after_utc


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], "needs a name"),
        (["https://press.local"], "without https://"),
        (["press.local:8443"], "without a port"),
        (["-press"], "no host name"),
        (["8.8.8.8"], "a public address"),
    ],
)
def test_names_that_cannot_be_are_refused_and_nothing_is_written(
    tmp_path: Path, names: list[str], said: str
) -> None:
    with pytest.raises(TlsError, match=said):
        tls.make(tmp_path / "tls", names, NOW)
    assert not (tmp_path / "tls").exists()


def test_a_name_that_its_authority_may_not_speak_for_is_refused_before_devices_do(
    tmp_path: Path,
) -> None:
    tls.make(tmp_path, ["press.plant.example"], NOW)
    tls.make(tmp_path, ["press.plant.example", "wall.press.plant.example", "press.lan"], NOW)
    with pytest.raises(TlsError, match=r"does not speak for bank\.example"):
        tls.make(tmp_path, ["bank.example"], NOW)


def test_a_key_of_another_and_files_that_are_none_are_told(tmp_path: Path) -> None:
    one, other = (tls.make(tmp_path / name, ["press.local"], NOW) for name in ("a", "b"))
    with pytest.raises(TlsError, match="does not belong to"):
        tls.files(one.certificate, other.key)
    with pytest.raises(TlsError, match="no certificate in PEM"):
        tls.files(one.key, one.key)
    with pytest.raises(TlsError, match="cannot be read"):
        tls.served(tmp_path / "nowhere")


def test_the_command_tells_names_days_and_fingerprint(tmp_path: Path) -> None:
    folder = str(tmp_path / "tls")
    made = CliRunner().invoke(app, ["tls", "make", "--folder", folder, "press.local", "10.0.0.8"])
    assert made.exit_code == 0, made.output
    shown = CliRunner().invoke(app, ["tls", "show", "--folder", folder])
    assert "press.local, 10.0.0.8, until 20" in shown.output
    assert tls.fingerprint(tmp_path / "tls" / "ca.crt") in shown.output
    given = ["web", "run", "--cert", f"{folder}/server.crt"]
    assert "--cert FILE and --key FILE together" in CliRunner().invoke(app, given).output


def listening(started: subprocess.Popen[str], port: int) -> None:
    while started.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(started.communicate()[0])


@contextmanager
def served(database: str, folder: Path) -> Generator[tuple[int, int]]:
    """`pressline web run` with HTTPS and the door beside it; their ports."""
    port, plain = free_port(), free_port()
    started = subprocess.Popen(
        [sys.executable, "-m", "pressline", "web", "run", "--database", database, "--tls",
         str(folder), "--port", str(port), "--http-port", str(plain)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        listening(started, port)
        listening(started, plain)
        yield port, plain
    finally:
        started.terminate()
        out, _ = started.communicate(timeout=30)
        assert started.returncode == 0, out


@ONE
def test_a_device_that_was_told_trusts_the_pages_and_another_does_not(
    database: str, tmp_path: Path
) -> None:
    tls.make(tmp_path, ["localhost", "127.0.0.1"])
    told = ssl.create_default_context(cafile=str(tmp_path / "ca.crt"))
    with served(database, tmp_path) as (port, plain):
        with httpx.Client(verify=told, timeout=30) as client:
            for host in ("localhost", "127.0.0.1"):
                assert client.get(f"https://{host}:{port}/healthz").status_code == 200
            assert (
                tls.fingerprint(tmp_path / "ca.crt")
                in client.get(f"https://localhost:{port}/trust?lang=en").text
            )
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(f"https://localhost:{port}/healthz", timeout=30)
        beside_https(port, plain, tmp_path)


def beside_https(port: int, plain: int, folder: Path) -> None:
    """Without HTTPS there is the page that tells how to trust it; all else leads there."""
    at = f"http://127.0.0.1:{plain}"
    assert "信任本厂页面" in httpx.get(f"{at}/trust?lang=zh", timeout=30).text
    taken = httpx.get(f"{at}/trust/pressline-ca.crt", timeout=30)
    assert taken.headers["content-type"] == "application/x-x509-ca-cert"
    assert taken.content == (folder / "ca.crt").read_bytes()
    led = httpx.get(f"{at}/terminal/P01?lang=zh", timeout=30)
    assert (led.status_code, led.headers["location"]) == (
        308, f"https://127.0.0.1:{port}/terminal/P01?lang=zh",
    )  # fmt: skip
    post = httpx.post(f"{at}/api/sign-in", json={"badge": "B-101"}, timeout=30)
    assert post.status_code == 405, "no badge is taken in clear text"
    other = httpx.get(f"{at}/", headers={"Host": "bank.example"}, timeout=30)
    assert other.status_code == 421


def test_openssl_holds_the_authority_to_private_names(tmp_path: Path) -> None:
    """What signed for another name with the stolen key is refused by who trusts the authority."""
    tls.make(tmp_path, ["press.local"])
    tls._sign_server(tmp_path, ["bank.example"], datetime.now(UTC))
    found = subprocess.run(
        ["openssl", "verify", "-CAfile", str(tmp_path / "ca.crt"), str(tmp_path / "server.crt")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "permitted subtree violation" in found.stdout + found.stderr
