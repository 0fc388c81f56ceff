"""Lets processes load what the first run of a store needs while its configuration is checked."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from deepseek_report.config.composed import Composed
from deepseek_report.runner.execution.workers import load_shared
from deepseek_report.runner.planning.processes import cores

_PACKAGE = __name__.partition(".")[0]
_LOCAL = f"{_PACKAGE}.runner.launchers.local_launcher.LocalLauncher"


def load_for_first_run(composed: Composed) -> None:
    """Start the process that all others are forked from, where the store does not exist yet.

    Then nothing can be taken from it, and the run is sure to need processes. It is left to the run
    where a device may compute, other machines, or a model whose libraries hang on its settings.
    """
    raw = composed.raw
    store = Path(str((raw.get("paths") or {}).get("store", "")))
    if store.exists() or 1 in {raw.get("jobs"), cores()} or not _computes_here(composed):
        return
    libraries = _libraries(raw.get("model"))
    if libraries:
        load_shared(list(dict.fromkeys([*_modules(raw), *libraries])))


def _computes_here(composed: Composed) -> bool:
    device, launcher = composed.raw.get("device"), composed.launcher.get("_target_", _LOCAL)
    without = sys.platform == "linux" and not Path("/dev/nvidiactl").exists()
    return launcher == _LOCAL and (device == "cpu" or (device == "auto" and without))


def _modules(raw: Mapping[str, Any]) -> Iterator[str]:
    """The modules of this package that the chosen parts stand in."""
    single = (raw.get(name) for name in ("dataset", "model", "trainer"))
    several = (raw.get(name) or {} for name in ("explainers", "metrics", "visualizations"))
    for part in (*single, *(part for group in several for part in group.values())):
        target = str((part or {}).get("_target_", ""))
        if target.startswith(f"{_PACKAGE}."):
            yield target.rpartition(".")[0]


def _libraries(model: Mapping[str, object] | None) -> tuple[str, ...]:
    """What a model of this package says that it needs; nothing where that hangs on its settings."""
    module, _, name = str((model or {}).get("_target_", "")).rpartition(".")
    if not module.startswith(f"{_PACKAGE}.models."):
        return ()
    try:
        named = getattr(getattr(import_module(module), name), "libraries", ())
    except (ImportError, AttributeError):  # it is told when the configuration is checked
        return ()
    return named if isinstance(named, tuple) else ()
