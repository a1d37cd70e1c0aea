"""The people of the demo: operators, an inspector, a leader, by the web's own calls.

Nothing here reaches past the pages' HTTP interface: what the crew does, a person can do.
"""

import http.client
import json
import math
import random
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from pressline.demo.processes import DemoError
from pressline.demo.shopfloor import Making, Place, making

PATIENCE = 15.0  # seconds one call may take, and it is repeated while the web does not answer
LEADER, INSPECTOR = "B-201", "B-402"
SCRAP_REASONS = ("burr", "crack", "dent")
STOP_REASON = "die_jam"
HELD_BACK = {"held", "excess"}


class TurnedAwayError(Exception):
    """The web refused; `code` says why, the message what to do."""

    def __init__(self, status: int, code: str, sentence: str) -> None:
        super().__init__(f"{code} ({status}): {sentence}")
        self.status, self.code = status, code


@dataclass
class Browser:
    """One person's browser: signs in with the badge, then acts."""

    url: str
    badge: str
    patience: float = PATIENCE
    cookie: str = ""

    def act(self, press: str, act: str, args: dict[str, Any] | None = None) -> dict[str, Any]:
        """Do an act now and return its outcome; one id however often it has to be sent.

        Raises TurnedAwayError when it is refused, DemoError when the web stays away.
        """
        body = {"id": str(uuid.uuid4()), "press": press, "act": act, "args": args or {}}
        return self._signed_in("POST", "/api/acts", body | {"at": datetime.now(UTC).isoformat()})

    def look(self, path: str) -> dict[str, Any]:
        """What a page would be told."""
        return self._signed_in("GET", path, {})

    def _signed_in(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if not self.cookie:
            self._sign_in()
        try:
            return self._send(method, path, body)
        except TurnedAwayError as error:
            if error.status != http.client.UNAUTHORIZED:
                raise
            self._sign_in()
            return self._send(method, path, body)

    def _sign_in(self) -> None:
        self._send("POST", "/api/sign-in", {"badge": self.badge})

    def _send(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        end = time.monotonic() + self.patience
        while True:
            try:
                status, answer = self._call(method, path, json.dumps(body))
            except (OSError, http.client.HTTPException) as error:
                status, answer = 503, {"message": str(error)}
            if status < http.client.BAD_REQUEST:
                return answer
            if status < http.client.INTERNAL_SERVER_ERROR:
                message = str(answer.get("message", answer))
                raise TurnedAwayError(status, str(answer.get("code", status)), message)
            if time.monotonic() > end:
                raise DemoError(
                    f"{self.url}{path} does not answer ({status}: {answer}); see web.log"
                )
            time.sleep(0.2)

    def _call(self, method: str, path: str, body: str) -> tuple[int, dict[str, Any]]:
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=PATIENCE)
        headers = {"Content-Type": "application/json", "Origin": self.url, "Cookie": self.cookie}
        try:
            connection.request(method, path, body if method == "POST" else None, headers)
            answer = connection.getresponse()
            self._keep_cookies(answer.headers.get_all("Set-Cookie") or [])
            return answer.status, _object(answer.read())
        finally:
            connection.close()

    def _keep_cookies(self, lines: list[str]) -> None:
        kept = SimpleCookie(self.cookie)
        for line in lines:
            kept.load(line)
        self.cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in kept.items())


def get_status(url: str) -> int:
    """HTTP status of a page; 0 while nobody answers."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=PATIENCE)
    try:
        connection.request("GET", parts.path or "/")
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def _object(text: bytes) -> dict[str, Any]:
    try:
        return dict(json.loads(text or b"{}"))
    except (ValueError, TypeError):
        return {"message": text.decode(errors="replace")[:200]}


@dataclass
class Duty:
    """What an operator has still to do at one press; times are of the monotonic clock."""

    place: Place
    making: Making
    terminal: Browser
    opened: bool = False
    first_article_at: float = math.inf
    scrap_at: float = math.inf


class Crew:
    """Everyone at work. `tell` is called with what somebody did, in words."""

    def __init__(
        self,
        url: str,
        presses: Sequence[Place],
        pace: float,
        tell: Callable[[str], None],
        patience: float = PATIENCE,
    ) -> None:
        made = making(tuple(presses))
        self.duties = {
            p.press: Duty(p, made[p.press], Browser(url, p.badge, patience)) for p in presses
        }
        self.leader = Browser(url, LEADER, patience)
        self.inspector = Browser(url, INSPECTOR, patience)
        self.pace = pace  # seconds between scrap declarations at one press
        self.tell = tell
        self._chance = random.Random(2026)  # noqa: S311 - which parts are bad, not a secret

    def open_run(self, press: str) -> None:
        """Scan every order of the press; the first article is passed a little later."""
        duty = self.duties[press]
        for order in duty.place.orders:
            if not self._try(
                duty.terminal, press, "scan", {"work_order": order}, f"{order} scanned"
            ):
                return
        duty.opened = True
        duty.first_article_at = time.monotonic() + min(4.0, self.pace / 3)
        duty.scrap_at = time.monotonic() + self.pace * self._chance.uniform(1.2, 2.0)

    def tick(self) -> None:
        """Do what is due; what a person at the pages has made impossible is left alone."""
        for press, duty in self.duties.items():
            now = time.monotonic()
            if now >= duty.first_article_at:
                duty.first_article_at = math.inf
                said = "first article passed by the inspector"
                self._try(self.inspector, press, "first_article", {"pass": True}, said)
            if now >= duty.scrap_at:
                duty.scrap_at = now + self.pace * self._chance.uniform(0.6, 1.2)
                scrap = self._some_scrap(duty)
                said = f"{scrap['qty']} scrap of {scrap['item']}, {scrap['reason']}"
                self._try(duty.terminal, press, "scrap", scrap, said)

    def give_stop_reason(self, press: str, since: datetime) -> None:
        """Tell why the press stands since that instant."""
        args = {"from": since.isoformat(), "reason": STOP_REASON}
        self._try(
            self.duties[press].terminal,
            press,
            "stop_reason",
            args,
            f"stop explained, {STOP_REASON}",
        )

    def finish_all(self) -> None:
        """Finish every open run."""
        for press, duty in self.duties.items():
            if duty.opened:
                duty.opened = False
                self._try(duty.terminal, press, "finish", {}, "finished")

    def assign(self, press: str, since: datetime, to: datetime) -> None:
        """The leader gives strokes that no run owns to the orders of that press."""
        span = {"from": since.isoformat(), "to": to.isoformat()}
        for order in self.duties[press].place.orders:
            said = f"strokes without a run assigned to {order} by the leader"
            self._try(self.leader, press, "assign", {**span, "work_order": order}, said)

    def accept_waiting(self) -> None:
        """The leader accepts reports that wait, unless the bridge still holds something back."""
        for row in self.leader.look("/api/reports?state=waiting")["reports"]:
            if HELD_BACK.isdisjoint(row["flags"]):
                said = f"report {row['report']} accepted by the leader"
                self._try(self.leader, row["press"], "accept", {"report": row["report"]}, said)

    def _some_scrap(self, duty: Duty) -> dict[str, Any]:
        return {
            "item": self._chance.choice(sorted(duty.making.parts)),
            "qty": self._chance.randint(1, 2),
            "reason": self._chance.choice(SCRAP_REASONS),
        }

    def _try(self, who: Browser, press: str, act: str, args: dict[str, Any], said: str) -> bool:
        try:
            who.act(press, act, args)
        except TurnedAwayError as error:
            self.tell(f"{press}: {act} refused: {error}")
            return False
        self.tell(f"{press}: {said}")
        return True
