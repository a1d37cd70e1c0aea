"""An edge node as a process of its own, for tests that kill it: `edge_process.py FOLDER PORT`.

Writes a record every few milliseconds, each with its own number as value, until ended.
"""

import sys
import time
from pathlib import Path

from floor import Edge

with Edge(Path(sys.argv[1]), int(sys.argv[2])) as edge:
    while True:
        edge.strokes(3)
        time.sleep(0.005)
