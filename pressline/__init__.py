"""The front door: command line, web pages and the demo factory."""

import sys
from importlib import import_module
from types import ModuleType
from typing import cast


def _load_structlog() -> None:
    """Load structlog without rich, which it takes for coloured tracebacks: 5 MB of an edge box."""
    modules = cast("dict[str, ModuleType | None]", sys.modules)
    if "rich" in modules:
        return
    modules["rich"] = None
    try:
        import_module("structlog")
    finally:
        del modules["rich"]


_load_structlog()
