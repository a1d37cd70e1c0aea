"""A server that answers like WeCom, DingTalk and Feishu: HTTP 200, and what counts in the body.

Formats of answers and signatures as the platforms' own documents have them.
"""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

SECRET = "SEC-of-a-test"


@dataclass
class Platforms:
    """What was said to each, in order; `answers` are given first (status, body), then "taken"."""

    port: int = 0
    said: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    answers: list[tuple[int, bytes]] = field(default_factory=list[tuple[int, bytes]])
    wrong: list[str] = field(default_factory=list[str])

    def address(self, platform: str) -> str:
        return f"http://127.0.0.1:{self.port}/{platform}/send?key=0f9e-secret-key"

    def refuse(self, **answer: Any) -> None:
        """The next message is refused with this answer, HTTP 200 as they do."""
        self.answers.append((200, json.dumps(answer).encode()))

    def take(self, platform: str, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        """Check the message as the platform does; what it answers."""
        at = query.get("timestamp") or body.get("timestamp", "")
        if platform == "feishu":
            signed = hmac.digest(f"{at}\n{SECRET}".encode(), b"", hashlib.sha256)
            if "sign" in body and body["sign"] != base64.b64encode(signed).decode():
                return {"code": 19021, "msg": "sign match fail or timestamp is not within one hour"}
            self.said.append((platform, body["content"]["text"]))
            return {"StatusCode": 0, "StatusMessage": "success", "code": 0, "msg": "success"}
        text = body["text"]["content"]
        if platform == "wecom" and len(text.encode()) > 2048:
            return {"errcode": 40058, "errmsg": "content exceed max length"}
        signed = hmac.digest(SECRET.encode(), f"{at}\n{SECRET}".encode(), hashlib.sha256)
        if "sign" in query and query["sign"] != base64.b64encode(signed).decode():
            return {"errcode": 310000, "errmsg": "sign not match"}
        self.said.append((platform, text))
        return {"errcode": 0, "errmsg": "ok"}


@contextmanager
def answering() -> Generator[Platforms]:
    """The server while the block runs, on loopback."""
    platforms = Platforms()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if query.get("key") != "0f9e-secret-key":
                platforms.wrong.append(self.path)
            if platforms.answers:
                status, told = platforms.answers.pop(0)
            else:
                name = parts.path.split("/")[1]
                status, told = 200, json.dumps(platforms.take(name, query, body)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_request(self, code: object = "-", size: object = "-") -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        platforms.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield platforms
        finally:
            server.shutdown()
            thread.join()
