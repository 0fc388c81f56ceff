"""What the model costs (parameters, time, memory), and its parameters as points."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.disclosure import WHOLE
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import Text, message
from deepseek_report.artifacts.protocols.classifier import Classifier
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.protocols.modules import layer_name as layer_words
from deepseek_report.artifacts.score import Score
from deepseek_report.artifacts.table import Column, TableType, columns_of, estimate
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.internals import tracing
from deepseek_report.metrics.internals.internal_rows import ProfiledLayer
from deepseek_report.metrics.plugin import ComputeMetric
from deepseek_report.statistics.intervals import SHARE
from deepseek_report.statistics.ranking import thin

BatchSize = Annotated[int, Field(ge=1, le=100_000)]
Repeats = Annotated[int, Field(ge=3, le=1000)]
_MIB = 2**20
#: The profiler writes a line on standard error at its start and its end, at every lower level.
_QUIET_PROFILER = ("KINETO_LOG_LEVEL", "99")
#: Time that no named layer took: what the module itself does between them, and copies.
OUTSIDE = "outside named layers"


def layer_name(path: str) -> str:
    """The block that a parameter belongs to: its path up to the first number, or its own layer.

    `blocks.0.attention.query` -> `blocks.0`; `net.embed_tokens.weight` -> `net.embed_tokens`.
    """
    parts = path.split(".")
    numbers = [k for k, part in enumerate(parts) if part.isdigit()]
    return ".".join(parts[: numbers[0] + 1 if numbers else max(len(parts) - 1, 1)])


def described(module: object) -> dict[str, tuple[str, int]]:
    """{path: kind and parameters of the layer} as `architecture` tells; empty without one."""
    tell = getattr(module, "architecture", None)
    layers = tell()["layers"] if tell else ()
    return {layer["name"]: (str(layer["kind"]), layer["parameters"]) for layer in layers}


def enclosing(path: str, layers: Collection[str]) -> str:
    """The innermost of these layers that a part lies in, or the part itself where there is none."""
    return max(
        [layer for layer in layers if path == layer or path.startswith(layer + ".")],
        key=len,
        default=path,
    )


@dataclass(frozen=True)
class Parameters(ComputeMetric):
    """Number of parameters, in all and by layer: those that the model describes, else all parts."""

    reveals = "aggregate"
    tables = {
        "layers": TableType(
            columns_of("layer:layer kind:layer_kind parameters:count share:share"), release=WHOLE
        )
    }
    bounds = {"parameters": (0.0, None)}
    reads = frozenset({"classifier"})
    requires = frozenset({"module"})

    def measure(self, context: MeasureContext) -> Measurement:
        module = tracing.torch_module(context.classifier)
        total = sum(parameter.numel() for parameter in module.parameters())
        layers = [(name, *layer) for name, layer in described(module).items()]
        if sum(n for _, _, n in layers) != total:
            layers = [
                (name or "(whole)", type(layer).__name__, n)
                for name, layer in module.named_modules()
                if (n := sum(parameter.numel() for parameter in layer.parameters(recurse=False)))
            ]
        rows = [(*layer, layer[2] / max(total, 1)) for layer in layers if layer[2]]
        score = self.score("parameters", Estimate(total, n=total), "none")
        return Measurement((score,), self.frames(layers=rows))


@dataclass(frozen=True)
class LayerProfile(ComputeMetric):
    """Time that each layer takes in one pass over a batch, with what a described one holds.

    A share is of the time that all layers take together: that of a whole pass is often longer on a
    busy machine, where now this layer waits and now that one.
    """

    reveals = "aggregate"
    tables = {"layers": TableType.of(ProfiledLayer, "bottlenecks", folded=True, release=WHOLE)}
    bounds = {"forward_ms": (0.0, None)}
    reads = frozenset({"classifier", "dataset"})
    requires = frozenset({"module"})
    volatile = True
    batch_size: BatchSize = 64
    repeats: Repeats = 15

    def measure(self, context: MeasureContext) -> Measurement:
        module = tracing.torch_module(context.classifier)
        wait = tracing.wait_for(context.classifier)
        inputs = tracing.some_rows(context, self.batch_size)
        context.classifier.logits(inputs)
        with tracing.Stopwatch(module, wait) as watch:
            laps, totals = [], []
            for _ in range(self.repeats):
                totals.append(1000 * tracing.seconds_of_a_pass(context.classifier, inputs, wait))
                laps.append(watch.lap())
        total, layers = np.array(totals), described(module)
        times = _by_layer(laps, layers)
        times[OUTSIDE] = np.maximum(total - sum(times.values()), 0.0)
        declared = {name: kind for name, (kind, _) in layers.items()}
        kinds = {**watch.kinds, **declared, OUTSIDE: "the module itself"}
        forward = tracing.median_interval(total)
        medians = {name: tracing.median_interval(ms) for name, ms in times.items()}
        spent = sum(middle.value for middle in medians.values())
        score = self.score(
            "forward_ms",
            forward,
            "lower",
            unit="ms",
            note=message("notes.layer_profile.median", passes=self.repeats, rows=self.batch_size),
        )
        return Measurement(
            (score,),
            self.frames(
                layers=(
                    (name, kinds[name], middle, middle.value / spent)
                    for name, middle in medians.items()
                )
            ),
            notes=(_CLOCK, message("notes.layer_profile.own_time")),
        )


def _by_layer(laps: Sequence[Mapping[str, float]], layers: Collection[str]) -> dict[str, Floats]:
    """{layer: (lap,) milliseconds}, with the parts inside of a layer that is described."""
    times: dict[str, Floats] = {}
    for part in laps[0]:
        layer = enclosing(part, layers)
        times[layer] = times.get(layer, np.zeros(len(laps))) + np.array([lap[part] for lap in laps])
    return {name: ms for name, ms in times.items() if ms.any()}


_CLOCK = message("notes.timing.clock")


@dataclass(frozen=True)
class Latency(ComputeMetric):
    """Time to answer, and rows per second, by batch size."""

    reveals = "aggregate"
    tables = {
        "latency": TableType(
            (Column("batch_size", "count"), estimate("ms"), Column("rows_per_second", "count")),
            section="bottlenecks",
            release=WHOLE,
        )
    }
    bounds = {"latency_ms": (0.0, None), "rows_per_second": (0.0, None)}
    reads = frozenset({"classifier", "dataset"})
    volatile = True
    batch_sizes: Annotated[tuple[BatchSize, ...], Field(min_length=1)] = (1, 8, 64, 512)
    repeats: Repeats = 30
    budget: Annotated[float, Field(gt=0, le=600)] = 0.25

    def measure(self, context: MeasureContext) -> Measurement:
        times = {size: self._time(context, size) for size in sorted(set(self.batch_sizes))}
        per_second = {size: 1000 * size / ms.value for size, ms in times.items()}
        least, best = min(times), max(per_second, key=lambda size: per_second[size])
        low, high = (1000 * best / (end or math.nan) for end in (times[best].high, times[best].low))
        scores = (
            self.score(
                "latency_ms",
                times[least],
                "lower",
                unit="ms",
                note=message("notes.latency.batches", size=least),
            ),
            self.score(
                "rows_per_second",
                replace(times[best], value=per_second[best], low=low, high=high),
                "higher",
                unit="rows/s",
                note=message("notes.latency.best_size", size=best),
            ),
        )
        rows = ((size, ms, per_second[size]) for size, ms in times.items())
        return Measurement(scores, self.frames(latency=rows), notes=(_CLOCK,))

    def _time(self, context: MeasureContext, size: int) -> Estimate:
        """Milliseconds of a pass over so many rows."""
        inputs = tracing.some_rows(context, size)
        context.classifier.logits(inputs)
        return tracing.median_interval(
            1000 * np.array(list(self._passes(context.classifier, inputs)))
        )

    def _passes(self, classifier: Classifier, inputs: Floats) -> Iterator[float]:
        """Timed passes until all are done or the budget is spent; three at least."""
        wait, spent = tracing.wait_for(classifier), 0.0
        for k in range(self.repeats):
            if k >= 3 and spent > self.budget:
                return
            taken = tracing.seconds_of_a_pass(classifier, inputs, wait)
            spent += taken
            yield taken


@dataclass(frozen=True)
class PeakMemory(ComputeMetric):
    """Greatest memory of the whole run so far, and what one batch needs on top of the weights."""

    reveals = "aggregate"
    bounds = {"peak_memory": (0.0, None), "inference_memory": (0.0, None)}
    reads = frozenset({"classifier", "dataset"})
    volatile = True
    batch_size: BatchSize = 256

    def measure(self, context: MeasureContext) -> Measurement:
        inputs = tracing.some_rows(context, self.batch_size)
        context.classifier.logits(inputs)
        if not hasattr(context.classifier.module, "named_parameters"):
            return Measurement((_of_process(),), notes=(message("notes.memory.no_torch"),))
        batch = Estimate(peak_of_a_pass(context.classifier, inputs), n=self.batch_size)
        allocated = self.score(
            "inference_memory",
            batch,
            "lower",
            unit="MiB",
            note=message("notes.memory.of_a_pass", rows=self.batch_size),
        )
        return Measurement((_of_process(), allocated))


def _of_process() -> Score:
    return PeakMemory.score(
        "peak_memory",
        Estimate(process_peak(), n=1),
        "lower",
        unit="MiB",
        note=message("notes.memory.of_the_process"),
    )


def process_peak() -> float:
    """Peak resident memory of this process in MiB."""
    import psutil

    info = psutil.Process().memory_info()
    if hasattr(info, "peak_wset"):
        return float(info.peak_wset / _MIB)
    import resource
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (_MIB if sys.platform == "darwin" else 1024)


def peak_of_a_pass(classifier: Classifier, inputs: Floats) -> float:
    """Most memory that torch had allocated at once in one pass, above the start, in MiB."""
    import torch

    tracing.torch_module(classifier)
    if tracing.on_gpu(classifier):
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        classifier.logits(inputs)
        torch.cuda.synchronize()
        return (torch.cuda.max_memory_allocated() - before) / _MIB
    return _peak_on_cpu(classifier, inputs)


def _peak_on_cpu(classifier: Classifier, inputs: Floats) -> float:
    """Greatest running sum of what each operator allocated and freed, in MiB."""
    import os

    from torch.autograd.profiler import profile

    os.environ.setdefault(*_QUIET_PROFILER)
    with profile(use_kineto=False, profile_memory=True) as recorded:
        classifier.logits(inputs)
    events = sorted(recorded.function_events, key=lambda event: event.time_range.end)
    held = np.cumsum([event.self_cpu_memory_usage for event in events])
    return float(max(held.max(initial=0.0), 0.0)) / _MIB


_COMPONENTS = 3
#: Matrices that are not shown, named one by one.
_NAMED = 3


def common_width(shapes: Iterable[tuple[int, ...]]) -> int:
    """The length that most weight matrices have on one side, the longer one of equals."""
    sides = [side for shape in shapes for side in sorted(set(shape[-2:]))]
    return max(sorted(set(sides)), key=lambda side: (sides.count(side), side))


def vectors_of(matrix: Floats, width: int) -> Floats | None:
    """The vectors of a weight matrix that live in a space of this width, or None.

    Rows where a row has that length (what a unit reads); columns where a column has it (what a
    unit writes). Stacks of matrices are taken one after another.
    """
    if matrix.shape[-1] == width:
        return matrix.reshape(-1, width)
    if matrix.shape[-2] == width:
        return np.swapaxes(matrix, -1, -2).reshape(-1, width)
    return None


def principal_components(points: Floats) -> tuple[Floats, Floats]:
    """Centred points on the first three principal components, and the share of variance of each.

    The sign of a component is such that its largest loading is positive.

    Returns coordinates : (point, 3), 0 beyond the rank. shares : (3,), each in [0, 1].
    """
    centred = points - points.mean(axis=0)
    _, spreads, directions = np.linalg.svd(centred, full_matrices=False)
    kept = directions[:_COMPONENTS]
    largest = np.abs(kept).argmax(axis=1)
    kept = kept * np.where(kept[np.arange(len(kept)), largest] < 0, -1.0, 1.0)[:, None]
    coordinates, shares = np.zeros((len(points), _COMPONENTS)), np.zeros(_COMPONENTS)
    coordinates[:, : len(kept)] = centred @ kept.T
    total = float((spreads**2).sum())
    if total:
        shares[: len(kept)] = spreads[: len(kept)] ** 2 / total
    return coordinates, shares


@dataclass(frozen=True)
class WeightVector:
    """A row of a weight matrix on three principal components: `parameter_projection.points`."""

    layer: str
    parameter: str
    row: Annotated[int, "place"]
    pc1: float
    pc2: float
    pc3: float

    @property
    def place(self) -> tuple[float, float, float]:
        """Where it lies."""
        return self.pc1, self.pc2, self.pc3


@dataclass(frozen=True)
class ParameterProjection(ComputeMetric):
    """Vectors of the weight matrices as points on three principal components."""

    reveals = "aggregate"
    tables = {"points": TableType.of(WeightVector, release=WHOLE)}
    bounds = {"explained_variance": SHARE}
    reads = frozenset({"classifier"})
    requires = frozenset({"module"})
    max_points: Annotated[int, Field(ge=10, le=3000)] = 3000
    unit_length: bool = True

    def measure(self, context: MeasureContext) -> Measurement:
        module = tracing.torch_module(context.classifier)
        weights = {
            name: parameter.detach().double().cpu().numpy()
            for name, parameter in module.named_parameters()
            if parameter.ndim >= 2
        }
        if not weights:
            raise NotApplicableError(
                message("refusals.no_layers.matrices", model=context.classifier.name)
            )
        width = common_width(matrix.shape for matrix in weights.values())
        vectors = {name: vectors_of(matrix, width) for name, matrix in weights.items()}
        points = np.concatenate([block for block in vectors.values() if block is not None])
        places = pd.DataFrame(
            [
                (layer_name(name), name, row)
                for name, block in vectors.items()
                if block is not None
                for row in range(len(block))
            ],
            columns=["layer", "parameter", "row"],
        )
        if self.unit_length:
            points = points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12)
        coordinates, shares = principal_components(points)
        table = places.assign(**{f"pc{k + 1}": coordinates[:, k] for k in range(_COMPONENTS)})
        drawn = table.iloc[thin(len(table), self.max_points)].reset_index(drop=True)
        left_out = [name for name, block in vectors.items() if block is None]
        score = self.score(
            "explained_variance",
            Estimate(float(shares.sum()), n=len(points)),
            "none",
            note=message("notes.parameter_projection.variance", n=len(points), width=width),
        )
        return Measurement((score,), {"points": drawn}, notes=self._notes(width, shares, left_out))

    def _notes(self, width: int, shares: Floats, left_out: list[str]) -> tuple[Text, ...]:
        notes = [
            message("notes.parameter_projection.points", width=width, unit_length=self.unit_length),
            message("notes.parameter_projection.held", share=float(shares.sum())),
        ]
        if left_out:
            left_out_note = message(
                "notes.parameter_projection.left_out",
                width=width,
                layers=[layer_words(name) for name in left_out[:_NAMED]],
                more=max(len(left_out) - _NAMED, 0),
            )
            notes.append(left_out_note)
        return tuple(notes)
