"""Certificates of a test's own: an authority, and what it signs."""

import ipaddress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey


@dataclass
class Authority:
    """Signs certificates into a folder that a broker may read."""

    folder: Path
    name: str = "plant"
    key: Key = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def __post_init__(self) -> None:
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        signed = self._builder(self.name, self.key, days=1).add_extension(constraints, True)
        self._write(f"{self.name}-ca", signed.sign(self.key, hashes.SHA256()), self.key)

    @property
    def file(self) -> Path:
        """The authority's own certificate."""
        return self.folder / f"{self.name}-ca.pem"

    def sign(
        self, name: str, *, address: str | None = None, days: int = 1, file: str = ""
    ) -> tuple[Path, Path]:
        """Certificate and key for a name, or for a server at an address; expired if days < 0."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.DNSName(name)]
        if address:
            names = [x509.IPAddress(ipaddress.ip_address(address))]
        builder = self._builder(name, key, days).add_extension(
            x509.SubjectAlternativeName(names), critical=False
        )
        return self._write(file or name, builder.sign(self.key, hashes.SHA256()), key)

    def _builder(self, name: str, key: Key, days: int) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(_named(name))
            .issuer_name(_named(self.name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=10))
            .not_valid_after(now + timedelta(days=days))
        )

    def _write(self, name: str, certificate: x509.Certificate, key: Key) -> tuple[Path, Path]:
        files = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        files[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        for file in files:
            file.chmod(0o644)  # mosquitto leaves root behind before it reads them
        return files


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
