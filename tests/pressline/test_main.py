"""The command line where a part is missing: an edge box has the base install only."""

import subprocess
import sys

WITHOUT = """
import sys
sys.modules["psycopg"] = None
sys.argv = ["pressline", "migrate", "--database", "x"]
from pressline.__main__ import main
main()
"""


def test_a_command_of_the_plant_says_what_to_install() -> None:
    told = subprocess.run(
        [sys.executable, "-c", WITHOUT], check=False, capture_output=True, text=True
    )
    assert told.returncode == 2
    assert "pip install 'pressline-….whl[plant]'" in told.stderr
    assert "Traceback" not in told.stderr
