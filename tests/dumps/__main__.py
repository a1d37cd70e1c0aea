"""`python -m tests.dumps`: write tests/dumps/plant_NNNN.sql.gz, a plant of the schema as it is."""

import shutil

from database.server import Server, embedded_binaries, private_folder
from tests.dumps import make


def main() -> None:
    folder = private_folder("pressline-dump-")
    server = Server(embedded_binaries(), folder / "data").start()
    try:
        path = make(server, "past")
        print(f"{path}: {path.stat().st_size} bytes")
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
