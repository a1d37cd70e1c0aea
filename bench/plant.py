"""What the plant files of the benchmark have in common."""

from pathlib import Path
from string import Template

PLANT = Template("""site = "bench"
node = "$node"
time_zone = "UTC"
[mqtt]
host = "127.0.0.1"
port = $mqtt
[outbox]
path = "$node.sqlite"
[[shift]]
code = "day"
start = "08:00"
end = "20:00"
[[line]]
name = "L1"
""")


def write(folder: Path, node: str, mqtt: int, presses: list[str]) -> Path:
    """The plant file of a node with these presses, each as text, on line L1."""
    plant = folder / f"{node}.toml"
    plant.write_text(PLANT.substitute(node=node, mqtt=mqtt) + "".join(presses))
    return plant
