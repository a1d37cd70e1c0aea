"""PINs: kept as argon2id hashes, checked in a time that does not tell whether there is one.

Four digits are not kept safe by a slow hash but by few tries (sign_ins.py); the cost is the least
that OWASP names, so that a shift can sign in at one instant.
"""

import re

import structlog
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

FORM = re.compile(r"[0-9]{4,12}")

log = structlog.get_logger()
hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
NOBODY = hasher.hash("nobody")  # what a PIN is held against where there is none


def hashed(pin: str) -> str:
    """What is kept of a PIN."""
    return hasher.hash(pin)


def outdated(kept: str) -> bool:
    """Whether a hash was made at another cost than today's."""
    return hasher.check_needs_rehash(kept)


def right(kept: str | None, pin: str) -> bool:
    """Whether it is the PIN; takes as long where there is none."""
    try:
        hasher.verify(kept or NOBODY, pin)
    except VerifyMismatchError:
        return False
    except (InvalidHashError, VerificationError) as error:
        log.warning("a PIN hash is damaged: set the PIN anew", reason=str(error))
        return False
    return kept is not None
