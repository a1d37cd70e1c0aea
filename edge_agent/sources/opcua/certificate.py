"""Certificates of OPC UA: files read as PEM or DER, our own made, a server's fetched."""

import asyncio
import os
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from asyncua import ua
from asyncua.client.client import Client
from asyncua.crypto.cert_gen import (
    dump_private_key_as_pem,
    generate_private_key,
    generate_self_signed_app_certificate,
)
from asyncua.crypto.uacrypto import CertProperties
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from edge_agent.errors import EdgeError

DAYS = 3650  # a plant's machines are not visited every year
FETCH_S = 10.0


def read(path: Path, what: str, cure: str) -> bytes:
    """A file's content; EdgeError with the cure when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise EdgeError(f"cannot read {what} {path}: {error.strerror}; {cure}") from None


def properties(path: Path, what: str, cure: str) -> CertProperties:
    """A certificate or key as asyncua takes it, whatever the file's name ends in."""
    content = read(path, what, cure)
    return CertProperties(content, "pem" if _is_pem(content) else "der")


def certificate(path: Path, what: str, cure: str) -> x509.Certificate:
    """The certificate in a file; EdgeError with the cure when there is none."""
    content = read(path, what, cure)
    try:
        if _is_pem(content):
            return x509.load_pem_x509_certificate(content)
        return x509.load_der_x509_certificate(content)
    except ValueError:
        raise EdgeError(f"{path} is not a certificate (PEM or DER); {cure}") from None


def _is_pem(content: bytes) -> bool:
    return content.lstrip().startswith(b"-----BEGIN")


def der(known: x509.Certificate) -> bytes:
    """The certificate as it goes over the wire."""
    return known.public_bytes(Encoding.DER)


def fingerprint(der: bytes) -> str:
    """SHA-256 of a certificate, written as PLC tools show it."""
    return sha256(der).hexdigest().upper()


def application_uri(known: x509.Certificate) -> str | None:
    """The URI of the application that a certificate belongs to."""
    try:
        names = known.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    return str(uris[0]) if uris else None


def expired(known: x509.Certificate) -> bool:
    """Whether it is out of its time by this machine's clock."""
    return not known.not_valid_before_utc <= datetime.now(UTC) <= known.not_valid_after_utc


def make(certificate_file: Path, key_file: Path, uri: str) -> x509.Certificate:
    """Write a self-signed application certificate (DER) and its key (PEM, for its owner only).

    What is there is never overwritten: the PLC trusts it. Raises EdgeError when a file is there or
    cannot be written.
    """
    for path in (certificate_file, key_file):
        if path.exists():
            raise EdgeError(f"{path} is there already; move it away to make another")
    host = socket.gethostname()
    key = generate_private_key()
    made = generate_self_signed_app_certificate(
        key, "pressline edge", {"organizationName": "pressline"},
        [x509.UniformResourceIdentifier(uri), x509.DNSName(host)],
        [ExtendedKeyUsageOID.CLIENT_AUTH], days=DAYS,
    )  # fmt: skip
    try:
        certificate_file.parent.mkdir(parents=True, exist_ok=True)
        key_file.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(
            os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"
        ) as file:
            file.write(dump_private_key_as_pem(key))
        certificate_file.write_bytes(der(made))
    except OSError as error:
        raise EdgeError(f"cannot write {error.filename}: {error.strerror}") from None
    return made


@dataclass(frozen=True, slots=True)
class Offer:
    """One of the ways in that a server offers: its policy's URI, mode, certificate and users."""

    policy: str
    mode: ua.MessageSecurityMode
    certificate: bytes
    users: frozenset[ua.UserTokenType]

    def __str__(self) -> str:
        name = self.policy.rpartition("#")[2]
        return name if name == "None" else f"{name} {self.mode.name}"


async def offers(url: str, timeout_s: float) -> list[Offer]:
    """What a server offers to anyone who asks; OSError, TimeoutError or ua.UaError when silent."""
    async with asyncio.timeout(timeout_s):
        endpoints: Any = await Client(url).connect_and_get_server_endpoints()
    return [
        Offer(
            policy=str(end.SecurityPolicyUri),
            mode=end.SecurityMode,
            certificate=_first(bytes(end.ServerCertificate or b"")),
            users=frozenset(token.TokenType for token in end.UserIdentityTokens or ()),
        )
        for end in endpoints
    ]


def _first(chain: bytes) -> bytes:
    """The server's own certificate of a chain in DER."""
    return chain[: int.from_bytes(chain[2:4], "big") + 4]


def fetch(url: str) -> bytes:
    """The certificate (DER) that a server shows now: whose it is must be checked by a person.

    Raises EdgeError when the server is not reached or shows none.
    """
    try:
        found = asyncio.run(offers(url, FETCH_S))
    except (OSError, TimeoutError, ua.UaError) as error:
        why = str(error) or "no answer"
        raise EdgeError(f"{url} did not answer: {why}; check power, cable and address") from None
    shown = next((offer.certificate for offer in found if offer.certificate), None)
    if shown is None:
        raise EdgeError(f"{url} shows no certificate; switch its security on")
    return shown
