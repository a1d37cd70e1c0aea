"""A process of which a thread is gone does not go on as half of one."""

import subprocess
import sys

from edge_agent.shutdown import UNEXPECTED

HALF = """
import threading
from edge_agent.shutdown import end_with_any_thread

end_with_any_thread()
network = threading.Thread(target=lambda: 1 / 0, name="network")
network.start()
threading.Event().wait()  # the rest would go on for ever
"""


def test_an_error_that_ends_a_thread_ends_the_process_and_is_told() -> None:
    command = [sys.executable, "-c", HALF]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert ended.returncode == UNEXPECTED
    assert "thread=network" in ended.stdout + ended.stderr
    assert "ZeroDivisionError" in ended.stdout + ended.stderr
