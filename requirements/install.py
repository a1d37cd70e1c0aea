"""Make `.venv` and install what the locks say into it: `python requirements/install.py demo|dev`.

The Makefile calls it with any Python; it needs nothing but the standard library. What is installed
already is left alone: `.venv/holds` says which lock, in which state, the environment is made from.
"""

from __future__ import annotations  # an older Python must come as far as the sentence about it

import hashlib
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parent
VENV = TOP / ".venv"
OLDEST = (3, 11)
INSIDE = {"demo": ("demo", "dev"), "dev": ("dev",)}  # what serves: with dev, the demo is there too
LOOK_S, TOLD_EACH_S = 0.1, 3.0


class NotInstalledError(Exception):
    """The environment could not be made; the message says why, and the cure."""


def main(arguments: list[str]) -> int:
    """Install one lock; 0 when the environment holds it."""
    if sys.version_info < OLDEST:
        told = "pressline needs Python 3.11 or newer; call make with PYTHON=/path/to/python3.11"
        print(f"{told} (this one is {sys.version.split()[0]})", file=sys.stderr)
        return 2
    [name] = arguments or ["dev"]
    try:
        if not is_held(name):
            install(name)
    except NotInstalledError as error:
        print(f"pressline: {error}", file=sys.stderr)
        return 2
    return 0


def is_held(name: str) -> bool:
    """Whether the environment was made from that lock, or a larger one, as they are now."""
    holds = VENV / "holds"
    kept = set(holds.read_text().splitlines()) if holds.exists() else set[str]()
    return any(state(lock) in kept for lock in INSIDE[name])


def state(name: str) -> str:
    """A lock by name and content; the project's own description counts, it names the commands."""
    parts = (HERE / f"{name}.lock", HERE / "build.lock", TOP / "pyproject.toml")
    return f"{name} {hashlib.sha256(b''.join(part.read_bytes() for part in parts)).hexdigest()}"


def install(name: str) -> None:
    """Make the environment and fill it, telling how far it is."""
    since = time.monotonic()
    make_venv()
    print(f"installing into {VENV.name} (packages of requirements/{name}.lock)", flush=True)
    locks = [each for lock in (name, "build") for each in ("-r", str(HERE / f"{lock}.lock"))]
    packages = len(pins(name) | pins("build"))
    run_pip(["--no-deps", "--require-hashes", *locks], packages)
    run_pip(["--no-deps", "--no-build-isolation", "-e", str(TOP)], 0)
    (VENV / "holds").write_text(state(name) + "\n")
    print(f"installed in {time.monotonic() - since:.0f} s", flush=True)


def make_venv() -> None:
    """The environment itself, unless it is there."""
    if (VENV / "bin" / "python").exists():
        return
    made = subprocess.run(
        [sys.executable, "-m", "venv", VENV], capture_output=True, text=True, check=False
    )
    if made.returncode:
        shutil.rmtree(VENV, ignore_errors=True)
        raise NotInstalledError(
            f"{sys.executable} cannot make an environment: {last_line(made.stdout + made.stderr)} "
            "Debian and Ubuntu have that part in a package: apt-get install python3-venv"
        )


def pins(name: str) -> set[str]:
    """Names of the packages in a lock that this system takes."""
    lines = (HERE / f"{name}.lock").read_text().splitlines()
    return {line.partition("==")[0] for line in lines if "==" in line and "win32" not in line}


def run_pip(what: list[str], packages: int) -> None:
    """`pip install`, and how many packages are fetched and installed meanwhile."""
    command = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--no-compile", *what]
    log = VENV / "install.log"
    with log.open("w") as out:
        pip = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
    try:
        follow(pip, log, packages)
    finally:
        if pip.poll() is None:  # Ctrl-C
            pip.terminate()
            pip.wait()
    if pip.returncode:
        raise NotInstalledError(
            f"pip could not install: {last_line(log.read_text(), 'ERROR')} "
            f"Check the network or the proxy, then call make again; all it said is in {log}"
        )


def follow(pip: subprocess.Popen[bytes], log: Path, packages: int) -> None:
    """Wait for pip; say how far it is whenever that has changed, at most each three seconds."""
    told, since = "", time.monotonic()
    while pip.poll() is None:
        time.sleep(LOOK_S)
        if packages and time.monotonic() - since >= TOLD_EACH_S:
            since, before, told = time.monotonic(), told, progress(log.read_text(), packages)
            if told != before:
                print(f"  {told}", flush=True)


def progress(said: str, packages: int) -> str:
    """How far pip is, from what it said and from what lies in the environment."""
    if "Installing collected packages" in said:
        there = len(list(VENV.glob("lib/python*/site-packages/*.dist-info")))
        return f"unpacked {min(there, packages)} of {packages} packages"
    fetched = said.count("Collecting ") + said.count("already satisfied")
    return f"fetched {min(fetched, packages)} of {packages} packages"


def last_line(text: str, having: str = "") -> str:
    """The last line that has these letters, or the last one at all; with a full stop."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    found = [line for line in lines if having in line] or lines or ["it said nothing"]
    return found[-1].rstrip(".") + "."


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
