"""How an OPC UA server lets us in: policies, certificates, users, and why it did not.

A server's certificate is pinned: the one in the plant's file and no other. Nothing here falls back
to less security than the plant file asks for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from asyncua import ua
from asyncua.client.client import Client
from asyncua.crypto import security_policies
from asyncua.crypto.uacrypto import load_private_key
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaStatusCodeError
from cryptography import x509

from edge_agent.errors import EdgeError
from edge_agent.plantfile.address import OpcUaAddress
from edge_agent.plantfile.entries import OpcUa
from edge_agent.sources.opcua import certificate

DIAGNOSIS_S = 5.0
ANONYMOUS_URI = "urn:pressline:edge"  # of an application that shows no certificate
POLICIES: dict[str, type[security_policies.SecurityPolicy]] = {
    "None": security_policies.SecurityPolicyNone,
    "Basic256Sha256": security_policies.SecurityPolicyBasic256Sha256,
    "Aes128_Sha256_RsaOaep": security_policies.SecurityPolicyAes128Sha256RsaOaep,
    "Aes256_Sha256_RsaPss": security_policies.SecurityPolicyAes256Sha256RsaPss,
}
OURS_CURE = "make it with: pressline edge certificate"
PEER_CURE = "fetch it with: pressline edge trust"
TRUST_US = "put our certificate (certificate_file) into the server's list of trusted clients"
ANEW = f"make our certificate anew with pressline edge certificate, then {TRUST_US}"
CURES: dict[int, str] = {
    StatusCodes.BadUserAccessDenied:
        "check user and password_file in [[opcua]], and the user's rights at the server",
    StatusCodes.BadIdentityTokenRejected:
        "the server takes no such user; give it user and password_file in [[opcua]], or none",
    StatusCodes.BadIdentityTokenInvalid:
        "check user, password_file and user_certificate_file in [[opcua]]",
    StatusCodes.BadCertificateUntrusted: TRUST_US,
    StatusCodes.BadSecurityChecksFailed: TRUST_US,
    StatusCodes.BadCertificateTimeInvalid:
        f"a certificate is out of its time or a clock is wrong: check both clocks, or {ANEW}",
    StatusCodes.BadCertificateUriInvalid: ANEW,
    StatusCodes.BadCertificateUseNotAllowed: ANEW,
    StatusCodes.BadCertificateInvalid: ANEW,
    StatusCodes.BadTooManySessions: "close other clients of this server or allow it more sessions",
    StatusCodes.BadMaxConnectionsReached: "close other clients of this server",
    StatusCodes.BadTooManySubscriptions:
        "the server allows fewer subscriptions than machines are read from it, and each takes one: "
        "allow it more, or end other clients",
}  # fmt: skip

log = structlog.get_logger()


@dataclass(frozen=True)
class Access:
    """Where a server is and how it is asked."""

    url: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    server: OpcUa | None = None

    @property
    def policy(self) -> str:
        """Name of the security policy."""
        return self.server.policy if self.server else "None"

    @property
    def mode(self) -> ua.MessageSecurityMode:
        """What is done to messages."""
        name = self.server.mode if self.server and self.policy != "None" else "None_"
        return ua.MessageSecurityMode[name]

    async def equip(self, client: Client) -> None:
        """Give the client its certificates and the server's.

        Raises EdgeError naming the file that is missing or wrong, with the cure.
        """
        client.application_uri = ANONYMOUS_URI
        if self.server and self.policy != "None":
            await self._secure(client, self.server)
        if self.server and self.server.user_certificate_file and self.server.user_key_file:
            cure = "take the file that the server's administrator gave"
            theirs = self.server.user_certificate_file
            client.user_certificate = certificate.certificate(
                theirs, "the user's certificate", cure
            )
            key = certificate.properties(self.server.user_key_file, "the user's key", cure)
            client.user_private_key = await load_private_key(
                key.path_or_content, None, key.extension
            )

    async def _secure(self, client: Client, server: OpcUa) -> None:
        peer = server.server_certificate_file or Path()
        ours = certificate.certificate(server.certificate_file, "our certificate", OURS_CURE)
        theirs = certificate.certificate(peer, "the server's certificate", PEER_CURE)
        for known, path in ((ours, server.certificate_file), (theirs, peer)):
            self._check_time(known, path)
        client.application_uri = certificate.application_uri(ours) or ANONYMOUS_URI
        try:
            await client.set_security(
                POLICIES[server.policy],
                certificate.properties(server.certificate_file, "our certificate", OURS_CURE),
                certificate.properties(server.key_file, "our key", OURS_CURE),
                server_certificate=certificate.properties(peer, "its certificate", PEER_CURE),
                mode=self.mode,
            )
        except ValueError as error:
            raise EdgeError(f"{server.key_file} is no private key: {error}; {OURS_CURE}") from None

    def _check_time(self, known: x509.Certificate, path: Path) -> None:
        """Some servers and PLCs without a clock go on with an expired one: told, not refused."""
        if certificate.expired(known):
            until = known.not_valid_after_utc.date().isoformat()
            log.warning("certificate_expired", server=self.url, file=str(path), until=until)


def access_to(address: OpcUaAddress, servers: Sequence[OpcUa]) -> Access:
    """How the plant file says that a server is reached; its entry goes before the address.

    Raises EdgeError when the password file cannot be read.
    """
    server = next((known for known in servers if known.where.url == address.url), None)
    if server is None or server.user is None:
        return Access(address.url, address.user, address.password, server)
    path = server.password_file or Path()
    secret = certificate.read(path, "the password of user", "write it into that file")
    return Access(address.url, server.user, secret.decode().strip(), server)


def why_refused(error: Exception) -> str:
    """What a server said of one machine, and the cure where there is one."""
    if not isinstance(error, UaStatusCodeError):
        return str(error) or type(error).__name__
    cure = CURES.get(error.code, "")
    return f"{type(error).__name__}; {cure}" if cure else type(error).__name__


async def why_not(error: BaseException, access: Access) -> str:
    """What a person reads when a server was not reached: what happened, and the cure."""
    code = error.code if isinstance(error, UaStatusCodeError) else None
    what = type(error).__name__ if code is not None else str(error) or type(error).__name__
    if isinstance(error, EdgeError):
        return what
    cure = CURES.get(code, "") if code is not None else ""
    if cure or access.policy != "None" or isinstance(error, ua.UaError):
        cure = await _mismatch(access) or cure
    return f"{what}; {cure}" if cure else what


async def _mismatch(access: Access) -> str:
    """Where the plant file asks for something else than the server itself says it offers."""
    try:
        return _held_against(access, await certificate.offers(access.url, DIAGNOSIS_S))
    except Exception:  # what a server answers in its need must not hide why it was asked
        return ""


def _held_against(access: Access, offered: list[certificate.Offer]) -> str:
    wanted = (POLICIES[access.policy].URI, access.mode)
    fitting = [offer for offer in offered if (offer.policy, offer.mode) == wanted]
    if not fitting:
        there = ", ".join(sorted({str(offer) for offer in offered}))
        return f"the server offers {there}; set policy and mode in [[opcua]] to one of these"
    first = fitting[0]
    return _other_certificate(access, first.certificate) or _other_user(access, first.users)


def _other_certificate(access: Access, shown: bytes) -> str:
    pinned = access.server.server_certificate_file if access.server else None
    if access.policy == "None" or pinned is None:
        return ""
    if shown == certificate.der(certificate.certificate(pinned, "its certificate", PEER_CURE)):
        return ""
    return (
        f"the server shows another certificate (SHA-256 {certificate.fingerprint(shown)}) than "
        f"{pinned}; if it was given a new one, compare it there, move the file away and "
        f"{PEER_CURE}"
    )


def _other_user(access: Access, kinds: frozenset[ua.UserTokenType]) -> str:
    wanted = ua.UserTokenType.UserName if access.user else ua.UserTokenType.Anonymous
    if access.server and access.server.user_certificate_file:
        wanted = ua.UserTokenType.Certificate
    if not kinds or wanted in kinds:
        return ""
    there = ", ".join(sorted(kind.name for kind in kinds))
    return f"the server takes {there}, not {wanted.name}; give it such a user in [[opcua]]"
