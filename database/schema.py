"""The whole schema in one readable file, `database/schema.sql`, written from the migrations.

`python -m database.schema` writes it anew; a test compares it with what migrations give.
"""

import re
import shutil
import subprocess

from database.migrate import FOLDER, migrate
from database.roles import as_owner, make_roles
from database.server import Server, embedded_binaries, private_folder

SCHEMA_FILE = FOLDER / "schema.sql"


def dump(server: Server, database: str) -> str:
    """Schema of one database as pg_dump tells it, without what differs from run to run."""
    text = subprocess.run(
        [
            *(server.binaries / "pg_dump", "--schema-only", "--no-owner", "--no-privileges"),
            *("--exclude-table=public.*", "--exclude-schema=board", server.url_of(database)),
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    noise = re.compile(r"^(--.*|SET .*|SELECT pg_catalog.*|\\(un)?restrict.*)\n", re.MULTILINE)
    return re.sub(r"\n{3,}", "\n\n", noise.sub("", text)).strip() + "\n"


def furnish(url: str) -> None:
    """As a plant is made: schema, roles, and whatever was made before them handed to the owner."""
    migrate(url)
    make_roles(url, {})
    migrate(as_owner(url))


def main() -> None:
    """Write database/schema.sql."""
    folder = private_folder("pressline-schema-")
    server = Server(embedded_binaries(), folder / "data").start()
    try:
        furnish(server.url)
        SCHEMA_FILE.write_text(dump(server, "postgres"))
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
