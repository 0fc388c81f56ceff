"""Clocks for models: time in each part of a module, and medians of repeated passes."""

from __future__ import annotations

import math
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.errors import NotApplicableError
from deepseek_report.statistics.intervals import Z95


def torch_module(classifier: Classifier) -> Any:
    """The torch module of a classifier, or the reason why there is none."""
    if not hasattr(classifier.module, "named_parameters"):
        raise NotApplicableError(message("refusals.no_layers.any", model=classifier.name))
    return classifier.module


def on_gpu(classifier: Classifier) -> bool:
    """Whether the model computes on a CUDA device, whose work must be waited for."""
    parameters = getattr(classifier.module, "parameters", None)
    return parameters is not None and any(parameter.is_cuda for parameter in parameters())


def wait_for(classifier: Classifier) -> Callable[[], None]:
    """What to call before reading the clock."""
    if not on_gpu(classifier):
        return lambda: None
    import torch

    return torch.cuda.synchronize


def some_rows(context: MeasureContext, n: int) -> Floats:
    """`n` test rows, repeated from the first where the test part is smaller."""
    inputs = context.dataset.test.inputs
    return np.asarray(inputs[np.arange(n) % len(inputs)])


def median_interval(values: Floats) -> tuple[float, float, float]:
    """Median with its distribution-free 95 % interval from order statistics.

    Below six values no pair of order statistics reaches 95 %, and the range is given.

    Reference: Hahn & Meeker 1991, Statistical Intervals, section 5.2.
    """
    ordered = np.sort(values)
    n = len(ordered)
    below = max(math.floor((n - Z95 * math.sqrt(n)) / 2) - 1, 0)
    return float(np.median(ordered)), float(ordered[below]), float(ordered[n - 1 - below])


class Stopwatch:
    """Adds up the time spent in each named part of a module itself, without the parts inside it."""

    def __init__(self, module: Any, wait: Callable[[], None]) -> None:
        self._wait = wait
        self._parts = [(name, part) for name, part in module.named_modules() if name]
        self._seconds = dict.fromkeys(self.kinds, 0.0)
        self._running: list[list[float]] = []
        self._hooks: list[Any] = []

    def __enter__(self) -> Stopwatch:
        for name, part in self._parts:
            self._hooks.append(part.register_forward_pre_hook(self._start))
            self._hooks.append(part.register_forward_hook(self._stopper(name)))
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()

    @property
    def kinds(self) -> dict[str, str]:
        """Class of every part."""
        return {name: type(part).__name__ for name, part in self._parts}

    def lap(self) -> dict[str, float]:
        """Milliseconds per part since the last lap."""
        milliseconds = {name: 1000 * seconds for name, seconds in self._seconds.items()}
        self._seconds = dict.fromkeys(self._seconds, 0.0)
        return milliseconds

    def _start(self, *_: object) -> None:
        self._wait()
        self._running.append([perf_counter(), 0.0])

    def _stopper(self, name: str) -> Callable[..., None]:
        def stop(*_: object) -> None:
            self._wait()
            started, inside = self._running.pop()
            whole = perf_counter() - started
            self._seconds[name] += whole - inside
            if self._running:
                self._running[-1][1] += whole

        return stop


def seconds_of_a_pass(classifier: Classifier, inputs: Floats, wait: Callable[[], None]) -> float:
    """Wall time of one pass, from numpy in to numpy out."""
    wait()
    start = perf_counter()
    classifier.logits(inputs)
    wait()
    return perf_counter() - start
