"""What a model with attention, routes and experts decided inside, collected batch by batch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.protocols.modules import ExplainableModule, LayerTrace
from deepseek_report.errors import NotApplicableError
from deepseek_report.statistics.intervals import Z95

if TYPE_CHECKING:
    from torch import Tensor
    from torch.utils.hooks import RemovableHandle


def torch_module(classifier: Classifier) -> Any:
    """The torch module of a classifier, or the reason why there is none."""
    if not hasattr(classifier.module, "named_parameters"):
        raise NotApplicableError(message("refusals.no_layers.any"))
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


def median_interval(values: Floats) -> Estimate:
    """Median with its distribution-free 95 % interval from order statistics.

    Below six values no pair of order statistics reaches 95 %, and the range is given.

    Reference: Hahn & Meeker 1991, Statistical Intervals, section 5.2.
    """
    ordered = np.sort(values)
    n = len(ordered)
    below = max(math.floor((n - Z95 * math.sqrt(n)) / 2) - 1, 0)
    median, low, high = map(float, (np.median(ordered), ordered[below], ordered[n - 1 - below]))
    return Estimate(median, low, high, n, message("interval_methods.order_statistics"))


class Stopwatch:
    """Adds up the time spent in each named part of a module itself, without the parts inside it."""

    def __init__(self, module: ExplainableModule, wait: Callable[[], None]) -> None:
        self._wait = wait
        self._parts = [(name, part) for name, part in module.named_modules() if name]
        self._seconds = dict.fromkeys(self.kinds, 0.0)
        self._running: list[list[float]] = []
        self._hooks: list[RemovableHandle] = []

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


_BATCH = 256
#: A batch holds at most so many input values, and its map of one head at most so many weights.
_VALUES, _WEIGHTS = 2**18, 2**20


def sample_rows(context: MeasureContext, most: int) -> Ints:
    """At most so many positions of the test part, drawn with the seed, ascending."""
    rng = np.random.default_rng(context.seed)
    return np.sort(rng.permutation(len(context.dataset.test))[:most])


def traces(context: MeasureContext, inputs: Floats) -> Iterator[tuple[Floats, list[LayerTrace]]]:
    """Logits and what each layer decided, for one batch after another.

    inputs : (instance, feature) original units.
    """
    import torch

    module = torch_module(context.classifier)
    device = next(module.parameters()).device
    with torch.inference_mode():
        size = rows_at_once(inputs.shape[1], len(module.token_columns))
        for start in range(0, len(inputs), size):
            rows = torch.as_tensor(inputs[start : start + size], dtype=torch.float32, device=device)
            context.classifier.calls += len(rows)
            logits, layers = module.trace(rows)
            yield logits.double().cpu().numpy(), layers


def rows_at_once(columns: int, tokens: int) -> int:
    """How many rows a batch has, so that long inputs and large maps do not fill the memory."""
    return max(min(_BATCH, _VALUES // max(columns, 1), _WEIGHTS // max(tokens, 1) ** 2), 1)


def array(tensor: Tensor) -> Floats:
    """A tensor as a float64 array."""
    return np.asarray(tensor.double().cpu().numpy())


def routes_of(context: MeasureContext, inputs: Floats) -> tuple[list[str], Floats]:
    """Names of the branches, and (instance, layer, branch, head) weights of the heads."""
    branches: list[str] = []
    batches = []
    for _, layers in traces(context, inputs):
        routed = [layer.routes for layer in layers if layer.routes is not None]
        if not routed:
            raise NotApplicableError(
                message("refusals.no_layers.routes", model=context.classifier.name)
            )
        branches = list(routed[0])
        batch = [[array(weights[name]) for name in branches] for weights in routed]
        batches.append(np.stack([np.stack(layer, axis=1) for layer in batch], axis=1))
    return branches, np.concatenate(batches)


def normalised_entropy(weights: Floats) -> Floats:
    """Entropy of the last axis over the log of its length: 0 is one choice, 1 is all alike."""
    entropy = -(weights * np.log(np.maximum(weights, 1e-300))).sum(axis=-1)
    return np.asarray(entropy / math.log(max(weights.shape[-1], 2)))


_OWN_BATCH = 1024


def own_terms(classifier: Classifier, rows: Floats, target: int) -> tuple[Floats, Floats]:
    """What a model with the capability "intrinsic" itself says that each feature adds.

    Returns (row, feature) values for the target and (row,) base values; see `IntrinsicModule`.
    """
    if (own := classifier.own_terms(rows, target)) is not None:
        return own
    module = torch_module(classifier)
    classifier.calls += len(rows)
    values, base = in_batches(module, rows, lambda some: module.intrinsic(some, target))
    return values, base


def in_batches(
    module: Any, rows: Floats, answer: Callable[[Tensor], tuple[Tensor, ...]]
) -> list[Floats]:
    """What is answered about (row, feature) inputs, some rows at a time, each as one array."""
    import torch

    device = next(module.parameters()).device
    with torch.no_grad():
        parts = [
            answer(torch.as_tensor(rows[at : at + _OWN_BATCH], dtype=torch.float32, device=device))
            for at in range(0, len(rows), _OWN_BATCH)
        ]
    return [array(torch.cat(tensors)) for tensors in zip(*parts, strict=True)]


def contributions(classifier: Classifier, rows: Floats, target: int) -> Floats:
    """(row, feature) what the model itself says that each feature adds for the target."""
    return own_terms(classifier, rows, target)[0]
