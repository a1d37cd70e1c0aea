"""How each platform wants a text, and what its answer means.

All three answer HTTP 200 also where they refuse: only the code in the answer counts. Formats and
limits as their own documents have them (research/libraries.md 2).
"""

import base64
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

TIMEOUT = 5.0  # seconds to connect, and for each part of the answer
IN_ALL = 15.0  # seconds for a whole answer
MOST = 64 * 1024  # bytes of an answer that are read
REST = timedelta(minutes=10)  # so long a platform is silent after too many messages
SHORT_REST = timedelta(minutes=1)

logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells whole addresses at INFO


class SendError(Exception):
    """A message that did not arrive; says what the platform answered, never the address."""


class CrowdedError(SendError):
    """The platform has had too many messages; it takes none for `rest`."""

    def __init__(self, text: str, rest: timedelta) -> None:
        super().__init__(text)
        self.rest = rest


@dataclass(frozen=True, slots=True)
class Platform:
    """Bytes of one text, time between two messages of a robot, codes that mean "too many"."""

    limit: int
    gap: timedelta
    crowded: Mapping[int, timedelta]


PLATFORMS: Mapping[str, Platform] = {
    "wecom": Platform(2048, timedelta(seconds=4), {45009: REST}),
    "dingtalk": Platform(16_000, timedelta(seconds=4), {130101: REST}),
    "feishu": Platform(16_000, timedelta(seconds=1), {11232: SHORT_REST, 9499: SHORT_REST}),
}


@dataclass(frozen=True, slots=True)
class Robot:
    """Where its messages go, and with what they are signed."""

    platform: str
    address: str
    secret: str | None


def send(robot: Robot, text: str, now: datetime) -> str:
    """Have the robot say a text; returns the answer. Raises SendError, CrowdedError."""
    query, body = _asked(robot, text, now)
    status, answer = _post(robot.address, query, body)
    code, told = _meaning(status, answer)
    if code == 0:
        return told
    crowded = PLATFORMS[robot.platform].crowded.get(code)
    if crowded is not None:
        raise CrowdedError(told, crowded)
    raise SendError(told)


def cut(text: str, limit: int) -> str:
    """The text in at most `limit` bytes, whole characters, with a mark where it was cut."""
    if len(text.encode()) <= limit:
        return text
    mark = "…"
    return text.encode()[: limit - len(mark.encode())].decode(errors="ignore") + mark


def _asked(robot: Robot, text: str, now: datetime) -> tuple[dict[str, str], dict[str, Any]]:
    """What stands in the address, and the body."""
    if robot.platform == "feishu":
        body: dict[str, Any] = {"msg_type": "text", "content": {"text": text}}
        if robot.secret is None:
            return {}, body
        at = str(int(now.timestamp()))
        return {}, {"timestamp": at, "sign": _signed(f"{at}\n{robot.secret}", ""), **body}
    body = {"msgtype": "text", "text": {"content": text}}
    if robot.platform == "wecom" or robot.secret is None:
        return {}, body
    at = str(int(now.timestamp() * 1000))
    return {"timestamp": at, "sign": _signed(robot.secret, f"{at}\n{robot.secret}")}, body


def _signed(key: str, text: str) -> str:
    return base64.b64encode(hmac.digest(key.encode(), text.encode(), hashlib.sha256)).decode()


def _post(address: str, query: Mapping[str, str], body: Mapping[str, Any]) -> tuple[int, bytes]:
    import httpx  # noqa: PLC0415 - an edge has no robots

    try:
        with (
            httpx.Client(timeout=TIMEOUT) as client,
            client.stream(
                "POST", httpx.URL(address).copy_merge_params(dict(query)), json=body
            ) as answer,
        ):
            read, until = b"", time.monotonic() + IN_ALL
            for part in answer.iter_bytes():
                read += part
                if len(read) > MOST or time.monotonic() > until:
                    break
            return answer.status_code, read[:MOST]
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        reason = str(error).replace(address, "…") or type(error).__name__
        raise SendError(f"The platform cannot be reached: {reason}") from None


def _meaning(status: int, answer: bytes) -> tuple[int, str]:
    """The code of an answer (0: taken), and the answer as it is told."""
    try:
        told: Any = json.loads(answer)
    except ValueError:
        told = None
    found = cast("dict[str, Any]", told) if isinstance(told, dict) else {}
    code = next((found[n] for n in ("errcode", "code", "StatusCode") if n in found), None)
    text = " ".join(answer.decode(errors="replace").split())[:300]
    if status != 200 or not isinstance(code, int) or isinstance(code, bool):
        return -1, f"HTTP {status}: {text or 'an empty answer'}"
    return code, text
