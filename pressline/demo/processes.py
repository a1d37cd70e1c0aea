"""Child processes of the demo: started, watched, killed on purpose, stopped in order."""

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pressline.errors import PresslineError

STOP_LIMIT = 8.0  # seconds a child has to end by itself
PR_SET_PDEATHSIG = 1  # prctl(2)
LAST_LINES = 15
ANSWER_LIMIT = 60.0  # seconds; a loaded machine is slow, a broken one is slower


class DemoError(PresslineError):
    """The demo cannot go on; the message says what, where and the cure."""


@dataclass
class Child:
    """One program of the demo, with its output in a log file."""

    name: str
    command: Sequence[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    piped: bool = False
    process: "subprocess.Popen[str] | None" = None

    @property
    def pid(self) -> int:
        """Process id of the running (or last) process; 0 before the first start."""
        return self.process.pid if self.process else 0

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> "Child":
        """Start the program (again)."""
        pipe = subprocess.PIPE if self.piped else None
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=pipe or subprocess.DEVNULL,
                stdout=pipe or log,
                stderr=log,
                text=True,
                env={**os.environ, **self.environment},
                preexec_fn=_of_our_own(),  # noqa: PLW1509 - two system calls, no lock
            )
        return self

    def kill(self) -> None:
        """SIGKILL: it gets no chance to tidy up."""
        if self.process is not None:
            self.process.kill()
            self._reap(STOP_LIMIT)

    def hang_up(self) -> None:
        """SIGHUP: it reads its settings anew; nothing when it has ended."""
        if self.process is not None:
            self.process.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        """Ask it to end; kill it when it does not."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self._reap(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self.kill()

    def check(self) -> None:
        """Raise DemoError with the end of its log when it has died by itself."""
        code = self.process.poll() if self.process else 0
        if self.process is not None and code is not None:
            raise DemoError(
                f"{self.name} (pid {self.pid}) ended by itself with exit code {code}. "
                f"The end of {self.log}:\n{self.last_lines()}"
            )

    def last_lines(self) -> str:
        """The end of its log."""
        lines = self.log.read_text(errors="replace").splitlines()[-LAST_LINES:]
        return "\n".join(f"    {line}" for line in lines)

    def said(self, *words: str) -> int:
        """How many lines of its log have one of these in them."""
        lines = self.log.read_text(errors="replace").splitlines()
        return sum(any(word in line for word in words) for line in lines)

    def _reap(self, limit: float) -> None:
        assert self.process is not None
        self.process.wait(limit)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


@dataclass
class Steered:
    """A child that takes one JSON object a line and answers each by one line."""

    child: Child

    def wait_ready(self) -> None:
        """Wait for the line that it says when it is ready."""
        self._answer()

    def ask(self, **order: Any) -> dict[str, Any]:
        """Give one order and return its answer; raises DemoError when the child is gone."""
        process = self.child.process
        assert process is not None
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(order) + "\n")
            process.stdin.flush()
        except OSError as error:
            self.child.check()
            raise DemoError(
                f"{self.child.name} takes no orders ({error}); see {self.child.log}"
            ) from error
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        process = self.child.process
        assert process is not None
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], ANSWER_LIMIT)
        line = process.stdout.readline() if ready else ""
        if not line:
            self.child.check()
            raise DemoError(f"{self.child.name} does not answer; see {self.child.log}")
        return json.loads(line)


class Children:
    """All children, in the order of their start."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self.all: dict[str, Child] = {}

    def start(
        self, name: str, *command: str, environment: Mapping[str, str] | None = None
    ) -> Child:
        """Start `pressline COMMAND…` as a process of its own."""
        return self.start_program(
            name, [sys.executable, "-m", "pressline", *command], environment=environment
        )

    def start_program(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        piped: bool = False,
    ) -> Child:
        """Start any program; its output goes to `<name>.log`."""
        child = Child(name, command, self.logs / f"{name}.log", environment or {}, piped)
        self.all[name] = child
        return child.start()

    def restart_killed(self, name: str, pause: float) -> tuple[int, int]:
        """SIGKILL a child, start it again after `pause` seconds; its pids before and after."""
        child = self.all[name]
        before = child.pid
        child.kill()
        time.sleep(pause)
        return before, child.start().pid

    def check(self) -> None:
        """Raise DemoError when any child has died by itself."""
        for child in self.all.values():
            child.check()

    def stop(self, *names: str) -> None:
        """Stop these, or all, the last started first."""
        for name in reversed(names or tuple(self.all)):
            if name in self.all:
                self.all.pop(name).stop()


def _of_our_own() -> Callable[[], None]:
    """A session of its own, so that Ctrl-C reaches the demo alone; on Linux, no life after it."""
    if not hasattr(os, "sched_getaffinity"):
        return os.setsid
    libc = ctypes.CDLL(None, use_errno=True)

    def prepare() -> None:
        os.setsid()
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    return prepare
