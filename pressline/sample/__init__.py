"""The sample files that come with pressline: in the wheel here, in a checkout in `config/`."""

from pathlib import Path

from edge_agent.plantfile.profile import SHIPPED

HERE = Path(__file__).parent
CONFIG = HERE.parents[1] / "config"


def sample(name: str) -> str:
    """Text of `plant.toml`, `masters.toml` or `profiles/<name>.toml`."""
    if name.startswith("profiles/"):
        return (SHIPPED / Path(name).name).read_text(encoding="utf-8")
    packaged = HERE / name
    return (packaged if packaged.exists() else CONFIG / name).read_text(encoding="utf-8")
