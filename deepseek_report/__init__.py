"""From a config or a model in memory to a report that explains it and measures its explanations."""

from __future__ import annotations

import importlib

__version__ = "0.1.0"
#: The Python API, loaded when it is first used, so that importing the package stays light.
_API = ("Comparison", "Run", "compare", "load_run", "quick", "report", "run")


def __getattr__(name: str) -> object:
    """A name of `deepseek_report.api`."""
    if name not in _API:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.api"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_API])
