"""The plant's own certificate authority, and the certificate by which its pages are known.

Without a certificate that a device trusts no browser gives a page a service worker, a camera or
storage that lasts. The authority speaks for private names and addresses only (name constraints of
RFC 5280, 4.2.1.10): whoever steals its key can be no bank to the plant's tablets.
"""

import ipaddress
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pressline.errors import PresslineError

CA_DAYS = 3650  # devices are told once
SERVER_DAYS = 820  # browsers refuse certificates of servers beyond 825 days
SOON = timedelta(days=30)  # so long before its end a certificate is called old
CA, CA_KEY, SERVER, SERVER_KEY = "ca.crt", "ca.key", "server.crt", "server.key"
PRIVATE_NAMES = ("local", "lan", "internal", "home.arpa", "localhost")
PRIVATE_NETWORKS = (
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16", "fc00::/7",
    "::1/128",
)  # fmt: skip
NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*")


class TlsError(PresslineError):
    """Certificates cannot be made or used; the message says which, why and what to do."""


@dataclass(frozen=True, slots=True)
class Served:
    """What the pages are served with: certificate and key, the names in it, its last day.

    `authority` is the certificate that a device must trust; None: not one of the plant's own.
    """

    certificate: Path
    key: Path
    names: tuple[str, ...]
    until: datetime
    authority: Path | None

    def is_old(self, now: datetime) -> bool:
        """Whether it ends soon, or has ended."""
        return now + SOON > self.until


def make(folder: Path, names: Sequence[str], now: datetime | None = None) -> Served:
    """Write a certificate for these names, signed by the plant's authority, which is made once.

    Without names, for those that the certificate there has. Raises TlsError.
    """
    now = now or datetime.now(UTC)
    wanted = [_name(name) for name in names] or _names_of(folder)
    if not wanted:
        raise TlsError(
            "A certificate needs a name: give those by which devices ask for the pages, as in "
            "`pressline tls make press.local 192.168.1.20`."
        )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not (folder / CA).exists():
        _make_authority(folder, wanted, now)
    _make_server(folder, wanted, now)
    return served(folder)


def served(folder: Path) -> Served:
    """What a folder of `make` has. Raises TlsError."""
    authority = folder / CA
    return files(folder / SERVER, folder / SERVER_KEY, authority if authority.exists() else None)


def files(certificate: Path, key: Path, authority: Path | None = None) -> Served:
    """A certificate and its key, from whoever made them. Raises TlsError."""
    found = _read(certificate)
    try:
        private = serialization.load_pem_private_key(key.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise TlsError(f"The key {key} cannot be used ({error}). It must be PEM, without a "
                       "password, readable by this user.") from error  # fmt: skip
    if _spki(private.public_key()) != _spki(found.public_key()):
        raise TlsError(f"The key {key} does not belong to the certificate {certificate}. Give the "
                       "pair that was made together.")  # fmt: skip
    return Served(certificate, key, _names(found), found.not_valid_after_utc, authority)


def fingerprint(certificate: Path) -> str:
    """SHA-256 of a certificate, as devices show it."""
    digest = sha256(_read(certificate).public_bytes(Encoding.DER)).hexdigest().upper()
    return ":".join(digest[n : n + 2] for n in range(0, len(digest), 2))


def _read(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as error:
        raise TlsError(
            f"The certificate {path} cannot be read: {error.strerror}. Make one with "
            "`pressline tls make NAME`, or give another folder."
        ) from error
    except ValueError as error:
        raise TlsError(f"{path} is no certificate in PEM. Give another file.") from error


def _name(given: str) -> str:
    """A host name or address as a browser asks for it. Raises TlsError."""
    name = given.strip().rstrip(".").lower()
    try:
        address = ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        if NAME.fullmatch(name) and len(name) < 254:
            return name
        raise TlsError(
            f"{given!r} is no host name or address: write it without https:// and without a port, "
            "as in press.local or 192.168.1.20."
        ) from None
    if not address.is_private:
        raise TlsError(
            f"{given} is a public address: the plant's own authority speaks for private ones only. "
            "Use a certificate of a public authority (`web run --cert FILE --key FILE`)."
        )
    return str(address)


def _names_of(folder: Path) -> list[str]:
    there = folder / SERVER
    return list(_names(_read(there))) if there.exists() else []


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    addresses = found.get_values_for_type(x509.IPAddress)
    return (*found.get_values_for_type(x509.DNSName), *map(str, addresses))


def _make_authority(folder: Path, names: Sequence[str], now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _called(f"pressline {names[0]}")
    signed = (
        _builder(subject, subject, key, now, CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(_constraints(names), critical=True)
        .sign(key, hashes.SHA256())
    )
    _write(folder / CA_KEY, _pem(key), secret=True)
    _write(folder / CA, signed.public_bytes(Encoding.PEM))


def _constraints(names: Sequence[str]) -> x509.NameConstraints:
    """Private networks and names, and those that the plant was given."""
    known = {*PRIVATE_NAMES, *(name for name in names if not _is_address(name))}
    networks = map(ipaddress.ip_network, PRIVATE_NETWORKS)
    permitted = [*map(x509.DNSName, sorted(known)), *map(x509.IPAddress, networks)]
    return x509.NameConstraints(permitted, None)


def _make_server(folder: Path, names: Sequence[str], now: datetime) -> None:
    _check_permitted(_read(folder / CA), names, folder)
    _sign_server(folder, names, now)


def _sign_server(folder: Path, names: Sequence[str], now: datetime) -> None:
    authority = _read(folder / CA)
    try:
        signer = serialization.load_pem_private_key((folder / CA_KEY).read_bytes(), None)
    except (OSError, ValueError) as error:
        raise TlsError(f"The authority's key {folder / CA_KEY} cannot be read ({error}). Put it "
                       "back, or begin a new authority in another folder.") from error  # fmt: skip
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    days = min(SERVER_DAYS, (authority.not_valid_after_utc - now).days)
    signed = (
        _builder(_called(names[0]), authority.subject, key, now, days)
        .add_extension(x509.SubjectAlternativeName([*map(_general, names)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(signer, hashes.SHA256())
    )
    _write(folder / SERVER_KEY, _pem(key), secret=True)
    _write(folder / SERVER, signed.public_bytes(Encoding.PEM))


def _check_permitted(authority: x509.Certificate, names: Sequence[str], folder: Path) -> None:
    """A name that the authority may not speak for would be refused by every device."""
    found = authority.extensions.get_extension_for_class(x509.NameConstraints).value
    suffixes = [
        name.value for name in found.permitted_subtrees or [] if isinstance(name, x509.DNSName)
    ]
    for name in names:
        if not _is_address(name) and not any(f".{name}".endswith(f".{end}") for end in suffixes):
            raise TlsError(
                f"The authority in {folder} does not speak for {name}: devices would refuse it. "
                f"Use a name that ends in .{' or .'.join(PRIVATE_NAMES[:3])}, or begin a new "
                "authority in another folder, which devices have to learn to trust."
            )


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _general(name: str) -> x509.GeneralName:
    return x509.IPAddress(ipaddress.ip_address(name)) if _is_address(name) else x509.DNSName(name)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # clocks of tablets differ
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs, key_cert_sign=signs, crl_sign=signs, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
        decipher_only=False,
    )  # fmt: skip


def _called(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])


def _spki(key: object) -> bytes:
    public: ec.EllipticCurvePublicKey = key  # pyright: ignore[reportAssignmentType] - every public key has it
    return public.public_bytes(Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(path: Path, content: bytes, *, secret: bool = False) -> None:
    """Whole or not at all; a key is for its owner only."""
    new = path.with_name(f"{path.name}.new")
    try:
        new.unlink(missing_ok=True)
        mode = 0o600 if secret else 0o644
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
        new.replace(path)
    except OSError as error:
        raise TlsError(f"{path} cannot be written: {error.strerror}. Give a folder that this user "
                       "may write.") from error  # fmt: skip
