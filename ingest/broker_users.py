"""Who may speak at the broker, and what: users, passwords, access list, as mosquitto reads them.

    passwords      what the broker checks: name and hash of each user
    access         what each user may say and hear
    secrets/NAME   the password of one user, for the process that is this user

Only the host may write where nodes are commanded, so nobody else can acknowledge a record
(docs/decisions/0009).
"""

import base64
import hashlib
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

INGEST, WATCH = "ingest", "watch"  # the host; who asks whether the broker is well
ITERATIONS, SALT_BYTES = 20_000, 12
RULES = """\
# Made by `pressline broker users`. A node may publish only as itself: its user name is its node's.
# A host reads everything, commands nodes, and tells its own state.
user ingest
topic read spBv1.0/#
topic write spBv1.0/+/NCMD/+
topic write spBv1.0/STATE/{host_id}

# Whoever asks whether the broker is well.
user watch
topic read $SYS/broker/version

# Every node, %u being its user name.
pattern write spBv1.0/+/NBIRTH/%u
pattern write spBv1.0/+/NDEATH/%u
pattern write spBv1.0/+/NDATA/%u
pattern write spBv1.0/+/DBIRTH/%u/+
pattern write spBv1.0/+/DDEATH/%u/+
pattern write spBv1.0/+/DDATA/%u/+
pattern read spBv1.0/+/NCMD/%u
pattern read spBv1.0/STATE/+
"""


def make(folder: Path, nodes: Iterable[str], host_id: str) -> list[str]:
    """Users for the host, the watch and these nodes; those that are there keep their passwords.

    Returns the names of the users that are new.
    """
    kept = folder / "secrets"
    kept.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)  # the broker is another user; a secret is its owner's alone
    names = sorted({INGEST, WATCH, *nodes} | {each.name for each in kept.iterdir()})
    new = [name for name in names if not (kept / name).exists()]
    for name in new:
        _write(kept / name, f"{secrets.token_urlsafe(24)}\n", 0o600)
    lines = [_line(name, (kept / name).read_text("utf-8").strip()) for name in names]
    _write(folder / "passwords", "".join(lines), 0o644)
    _write(folder / "access", RULES.format(host_id=host_id), 0o644)
    return new


def _line(user: str, password: str) -> str:
    """A line of mosquitto's password file: PBKDF2 with SHA-512."""
    salt = os.urandom(SALT_BYTES)
    found = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
    salted, hashed = (base64.b64encode(each).decode() for each in (salt, found))
    return f"{user}:$7${ITERATIONS}${salted}${hashed}\n"


def _write(file: Path, text: str, mode: int) -> None:
    """At once: the broker never reads half a file."""
    half = file.with_name(f".{file.name}.new")
    half.touch(mode)
    half.chmod(mode)
    half.write_text(text, "utf-8")
    half.replace(file)
