"""The files a plant begins with, copied out of what is installed."""

from pathlib import Path
from typing import Annotated

import typer

new = typer.Typer(
    no_args_is_help=True, help="Write a sample file to begin with; it is its own manual."
)


@new.command("plant")
def new_plant(
    file: Annotated[Path, typer.Argument(help="Where to")] = Path("plant.toml"),
) -> None:
    """A plant file: lines, presses, meters, shifts, and where the machines are read."""
    _write("plant.toml", file, f"pressline edge check {file}")


@new.command("masters")
def new_masters(
    file: Annotated[Path, typer.Argument(help="Where to")] = Path("masters.toml"),
) -> None:
    """Master data: items, BOMs, dies, routings, work orders, stock, people."""
    _write("masters.toml", file, f"pressline masters check {file}")


@new.command("profile")
def new_profile(
    name: Annotated[str, typer.Argument(help="One of those that come with pressline")],
    file: Annotated[Path | None, typer.Argument(help="Where to; default: NAME.toml")] = None,
) -> None:
    """A machine profile to change: which registers or nodes hold what."""
    from edge_agent.plantfile.profile import SHIPPED

    known = sorted(path.stem for path in SHIPPED.glob("*.toml"))
    if name not in known:
        raise typer.BadParameter(f"there is no profile {name}; there are {', '.join(known)}")
    target = file or Path(f"{name}.toml")
    _write(f"profiles/{name}.toml", target, f'profile = "{target.stem}" in the plant file')


def _write(name: str, file: Path, then: str) -> None:
    from pressline.sample import sample

    try:
        with file.open("x", encoding="utf-8") as made:
            made.write(sample(name))
    except FileExistsError:
        raise typer.BadParameter(
            f"{file} is there already and stays as it is; name another file"
        ) from None
    except OSError as error:
        raise typer.BadParameter(
            f"{file} cannot be written ({error.strerror}); name a file in a folder of yours"
        ) from None
    typer.echo(f"{file} written; edit it, then: {then}")
