"""A run holds its store, so that `clean` takes nothing out of it meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from deepseek_report.config.experiment import Experiment
from deepseek_report.store.holding import held

_P = ParamSpec("_P")
_R = TypeVar("_R")


def holding_store(
    run: Callable[Concatenate[Experiment, _P], _R],
) -> Callable[Concatenate[Experiment, _P], _R]:
    """The same function, holding the store of its experiment from its start to its end."""

    @wraps(run)
    def holds(experiment: Experiment, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        with held(Path(experiment.settings.paths.store).absolute()):
            return run(experiment, *args, **kwargs)

    return holds
