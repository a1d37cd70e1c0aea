"""Plants as earlier schemas left them, to be migrated by a test: `plant_NNNN.sql` or `.sql.gz`.

`make dump` writes one of the schema as it is now; see CONTRIBUTING.
"""

import gzip
import re
import subprocess
from pathlib import Path

import psycopg

from database.migrate import FOLDER as DATABASE
from database.migrate import migrate
from database.server import Server
from pressline.scenario import check
from pressline.scenario.folder import read_story
from pressline.scenario.play import read_batch

FOLDER = Path(__file__).parent
STORIES = FOLDER.parent / "scenarios"
PAST = "coil_lots"  # a story with coils, scrap, reports, moves and unseen strokes
MOST = 300_000  # bytes of one file
NOISE = re.compile(r"^(--.*|SET .*|SELECT pg_catalog\.set_config.*|\\(un)?restrict.*)\n", re.M)


def all_dumps() -> list[Path]:
    """Every dump, the oldest schema first."""
    return sorted(FOLDER.glob("plant_*.sql*"))


def read(path: Path) -> str:
    """The statements of a dump."""
    packed = path.read_bytes()
    return (gzip.decompress(packed) if path.suffix == ".gz" else packed).decode()


def restore(path: Path, url: str) -> None:
    """Run a dump on an empty database."""
    with psycopg.connect(url) as connection:
        connection.execute("set check_function_bodies = off")
        connection.execute(read(path).encode())


def newest() -> str:
    """The number of the newest migration."""
    return max(path.name for path in (DATABASE / "migrations").glob("*.sql"))[:4]


def make(server: Server, name: str) -> Path:
    """Play a story on a fresh database of this server, and dump it; returns the file."""
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute(f"create database {name} template template0".encode())
    url = server.url_of(name)
    migrate(url)
    assert check(read_story(STORIES / PAST), url, read_batch("all")) == []
    told = subprocess.run(
        [server.binaries / "pg_dump", "--inserts", "--no-owner", "--no-privileges", url],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    path = FOLDER / f"plant_{newest()}.sql.gz"
    path.write_bytes(gzip.compress(NOISE.sub("", told).encode(), mtime=0))
    return path
