"""What a plant's IT exchanges before an OPC UA server lets us in: our certificate and the server's.

`pressline edge certificate` makes ours, `pressline edge trust` fetches those of the servers.
"""

import socket
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from edge_agent.errors import EdgeError
from edge_agent.plantfile.entries import OpcUa, Plant
from edge_agent.plantfile.plant import load_plant
from edge_agent.sources.opcua import certificate


def make_certificates(path: Path) -> list[str]:
    """Make the certificates that the plant file names and that are not there; what to do with them.

    Raises PlantError or EdgeError, also when no server of the file asks for one.
    """
    plant = load_plant(path)
    pairs = dict.fromkeys(
        (server.certificate_file, server.key_file) for server in _secured(plant, path)
    )
    return [line for ours, key in pairs for line in _made(ours, key, application_uri(plant))]


def application_uri(plant: Plant) -> str:
    """The URI by which servers know this edge: of host, site and node."""
    return ":".join(
        [
            "urn",
            *(quote(part) for part in (socket.gethostname(), "pressline", plant.site, plant.node)),
        ]
    )


def _made(ours: Path, key: Path, uri: str) -> list[str]:
    if ours.exists() and key.exists():
        known, what = certificate.certificate(ours, "our certificate", "move it away"), "is there"
    else:
        known, what = certificate.make(ours, key, uri), f"made, with its key {key}"
    return [
        f"{ours}: {what}",
        f"  application URI  {certificate.application_uri(known)}",
        f"  SHA-256          {certificate.fingerprint(certificate.der(known))}",
        f"  valid until      {known.not_valid_after_utc.date()}",
        "  put it into the server's list of trusted clients; the key stays here",
    ]


def trust_servers(path: Path) -> list[str]:
    """Fetch the certificates of servers that are not there yet, for a person to compare.

    Raises PlantError, or EdgeError when a server does not show one.
    """
    lines: list[str] = []
    for server in _secured(load_plant(path), path):
        file = server.server_certificate_file
        assert file is not None
        if file.exists():
            lines.append(f"{file}: is there; move it away to fetch another")
            continue
        shown = certificate.fetch(server.where.url)
        _write(file, shown)
        lines += [
            f"{file}: fetched from {server.where}",
            f"  SHA-256  {certificate.fingerprint(shown)}",
            "  compare this with what the server's own tool shows; delete the file if it differs",
        ]
    return lines


def _write(file: Path, content: bytes) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    except OSError as error:
        raise EdgeError(f"cannot write {file}: {error.strerror}") from None


def _secured(plant: Plant, path: Path) -> Sequence[OpcUa]:
    found = [server for server in plant.servers if server.policy != "None"]
    if not found:
        raise EdgeError(f"{path}: no [[opcua]] entry with a policy; add one for the server first")
    return found
