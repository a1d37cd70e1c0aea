"""What tests need besides Python packages: found, installed where that is possible, else told.

`python tests/parts.py --install` (called by `make test`) installs with apt-get what is missing, as
root on Debian or Ubuntu. PRESSLINE_REQUIRE=mosquitto,chromium makes the absence of these a failure;
without it their tests are left out, one line each.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from database.server import timescale_binaries
from pressline.web.shell import paper

SYSTEM = "/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"  # not on every PATH
ROOT = Path(__file__).parents[1]
NODE_OPCUA = "node-opcua@2.156.0"  # a foreign OPC UA server; later ones ask for Node 22
NODE_OPCUA_FOLDER = ROOT / ".foreign/node_modules/node-opcua"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class RequiredError(Exception):
    """A part is required and not here; the message says which, and how to get it."""


@dataclass(frozen=True)
class Part:
    """`found` looks for it; `packages` are Debian's; `marker` is on tests that need it."""

    found: Callable[[], object]
    packages: tuple[str, ...]
    cure: str
    marker: str | None = None


def mosquitto() -> str | None:
    """Path of mosquitto, or None when this machine has none."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path=SYSTEM)


def chromium() -> str | None:
    """Path of a Chromium, or None when this machine has none."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


def node_opcua() -> Path | None:
    """Folder of node-opcua, or None where it, or Node.js, is not here."""
    there = shutil.which("node") and NODE_OPCUA_FOLDER.is_dir()
    return NODE_OPCUA_FOLDER if there else None


PARTS: Mapping[str, Part] = {
    "mosquitto": Part(mosquitto, ("mosquitto",), "apt-get install mosquitto", "wire"),
    "chromium": Part(
        chromium, ("chromium", "fonts-noto-cjk"), "apt-get install chromium fonts-noto-cjk", "page"
    ),
    "cc": Part(lambda: shutil.which("cc"), ("gcc", "libc6-dev"), "apt-get install gcc libc6-dev"),
    "font": Part(
        lambda: paper.fonts("")[1], ("fonts-noto-cjk",), "apt-get install fonts-noto-cjk", "paper"
    ),
    "node-opcua": Part(
        node_opcua, (), f"npm install --prefix .foreign --ignore-scripts {NODE_OPCUA}", "foreign"
    ),
    "timescale": Part(
        timescale_binaries, (), "a PostgreSQL server with TimescaleDB, from its maker's packages"
    ),
}


def absent() -> dict[str, Part]:
    """The parts that are not here."""
    return {name: part for name, part in PARTS.items() if not part.found()}


def required() -> set[str]:
    """Names in PRESSLINE_REQUIRE; PRESSLINE_REQUIRE_TIMESCALE=1 is the older way to name one.

    Raises RequiredError for a name that is none.
    """
    told = os.environ.get("PRESSLINE_REQUIRE", "")
    names = {name.strip() for name in told.split(",") if name.strip()}
    if os.environ.get("PRESSLINE_REQUIRE_TIMESCALE") == "1":
        names.add("timescale")
    if strange := names - PARTS.keys():
        raise RequiredError(
            f"PRESSLINE_REQUIRE names {', '.join(sorted(strange))}, which is none of "
            f"{', '.join(PARTS)}"
        )
    return names


def check_required() -> None:
    """RequiredError unless everything that is required is here."""
    names = required()
    missing = {name: part for name, part in absent().items() if name in names}
    if missing:
        cures = "; ".join(f"{name}: {part.cure}" for name, part in missing.items())
        raise RequiredError(f"required by PRESSLINE_REQUIRE, and not here: {cures}")


def install() -> None:
    """Install what is missing and has a package, where that can be done; else say how."""
    missing = {name: part for name, part in absent().items() if part.packages}
    packages = [package for part in missing.values() for package in part.packages]
    if packages and os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"installing {' '.join(packages)}", flush=True)
        _apt_get("update")
        _apt_get("install", "-y", "--no-install-recommends", *packages)
    for line in told():
        print(line)


def _apt_get(*arguments: str) -> None:
    """Quietly; what it cannot do is told by what is still missing."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "-q", *arguments]
    subprocess.run(command, stdout=subprocess.DEVNULL, env=environment, check=False)


def told() -> list[str]:
    """A line for each part that is not here."""
    return [f"not here: {name}; its tests are left out ({part.cure})"
            for name, part in absent().items()]  # fmt: skip


if __name__ == "__main__":
    if "--install" in sys.argv[1:]:
        install()
    try:
        check_required()
    except RequiredError as error:
        sys.exit(str(error))
