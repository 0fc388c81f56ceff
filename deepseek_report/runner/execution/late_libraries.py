"""Loads what explaining, measuring and drawing need, but training does not, while a model trains.

The process that all others are forked from loads this module. The first process is forked at once,
for the training that everything waits for; before the second is forked, the libraries are loaded
that the modules loaded so far import when they run, once for all processes that follow.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module

_PACKAGE = __name__.partition(".")[0]
#: {module of the package: what it imports when it runs}
_WHEN_RUN = {
    "metrics.performance.baselines": (
        "threadpoolctl",
        "sklearn.ensemble",
        "sklearn.linear_model",
        "sklearn.compose",
        "sklearn.tree",
    ),
    "visualizations.style": ("matplotlib.figure", "matplotlib.backends.backend_svg"),
}
_HERE = os.getpid()
_forked = 0


def _load() -> None:
    for module, libraries in _WHEN_RUN.items():
        if f"{_PACKAGE}.{module}" in sys.modules:
            for library in libraries:
                with suppress(ImportError):  # who needs it will say so
                    import_module(library)


def _before_fork() -> None:
    global _forked  # noqa: PLW0603 - counted in the one process that forks
    if os.getpid() != _HERE:
        return
    _forked += 1
    if _forked == 2:
        _load()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork)
