"""What the parts of a routed model do: load of the experts, weights of the heads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.disclosure import WHOLE
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.score import Measurement
from deepseek_report.artifacts.table import TableType, columns_of, estimate
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.internals.tracing import (
    array,
    normalised_entropy,
    routes_of,
    sample_rows,
    traces,
)
from deepseek_report.metrics.plugin import ComputeMetric, Resamples, Rows
from deepseek_report.statistics.intervals import SHARE, mean_interval
from deepseek_report.statistics.resampling import (
    Resampling,
    bootstrap,
    bootstrapped,
    weighted_means,
)
from deepseek_report.tasks import task_of


@dataclass(frozen=True)
class ExpertLoad(ComputeMetric):
    """How evenly the experts are used, and which are not used at all."""

    reveals = "aggregate"
    tables = {
        "load": TableType(
            (*columns_of("layer:place expert:place"), estimate("share", "share")),
            section="bottlenecks",
            folded=True,
            release=WHOLE,
        )
    }
    bounds = {"expert_load_imbalance": (1.0, None), "unused_experts": (0.0, None)}
    reads = frozenset({"classifier", "dataset", "seed"})
    requires = frozenset({"experts"})
    max_rows: Rows = 1000
    unused_below: Annotated[float, Field(ge=0, lt=1)] = 0.1
    n_resamples: Resamples = 1000

    def measure(self, context: MeasureContext) -> Measurement:
        rows, test = sample_rows(context, self.max_rows), context.dataset.test
        inputs, drawn = test.inputs[rows], Resampling.of(test).take(rows)
        chosen, layers = expert_choices(context, inputs)
        n, _, experts = chosen.shape
        draws = drawn, self.n_resamples, context.seed
        replicates = bootstrap(lambda weights: _imbalance(weights, chosen), *draws)
        share, low, high = mean_interval(drawn.per_unit(chosen))
        unused = int((share < self.unused_below / experts).sum())
        table = _grid_table(("layer", "expert"), share, low, high, "share")
        table["layer"] = np.array(layers)[table["layer"]]
        imbalance = bootstrapped(replicates, n, context.seed, (1.0, float(experts)))
        scores = (
            self.score(
                "expert_load_imbalance",
                imbalance,
                "one",
                bounds=(1.0, float(experts)),
                note=message("notes.expert_load.imbalance"),
            ),
            self.score(
                "unused_experts",
                Estimate(unused, n=n),
                "zero",
                bounds=(0.0, float(share.size)),
                note=message(
                    "notes.expert_load.unused", of=int(share.size), below=self.unused_below
                ),
            ),
        )
        return Measurement(scores, {"load": table}, notes=(message("notes.expert_load.load", n=n),))


def expert_choices(context: MeasureContext, inputs: Floats) -> tuple[Floats, list[int]]:
    """(instance, layer, expert) share of an instance's choices that fell on each expert.

    With it the positions in the model of the layers that have experts.
    """
    batches: list[Floats] = []
    places: list[int] = []
    for _, layers in traces(context, inputs):
        places = [k for k, layer in enumerate(layers) if layer.expert_weights is not None]
        sparse = [array(layers[k].expert_weights) for k in places]
        if not sparse:
            raise NotApplicableError(
                message("refusals.no_layers.experts", model=context.classifier.name)
            )
        counts = np.stack([(weights > 0).sum(axis=1) for weights in sparse], axis=1)
        batches.append(counts / counts.sum(axis=-1, keepdims=True))
    return np.concatenate(batches), places


def _imbalance(weights: Floats, chosen: Floats) -> Floats:
    flat = weighted_means(chosen.reshape(len(chosen), -1))(weights)
    load = flat.reshape(-1, *chosen.shape[1:])
    return np.asarray((load.max(axis=-1) / load.mean(axis=-1)).max(axis=-1))


def _grid_table(
    names: tuple[str, ...], values: Floats, low: Floats, high: Floats, value: str
) -> pd.DataFrame:
    """One row per cell of an array, its position in the columns `names`."""
    columns = dict(zip(names, np.indices(values.shape).reshape(values.ndim, -1), strict=True))
    bounded = {"low": np.clip(low, 0, 1).ravel(), "high": np.clip(high, 0, 1).ravel()}
    return pd.DataFrame({**columns, value: values.ravel(), **bounded})


@dataclass(frozen=True)
class RouteEntropy(ComputeMetric):
    """Whether the router prefers some heads for some inputs, or treats all alike."""

    reveals = "aggregate"
    tables = {
        "routes": TableType(
            (*columns_of("layer:place branch head:place"), estimate("weight", "share")),
            section="explanations",
            folded=True,
            release=WHOLE,
        ),
        "by_class": TableType(
            columns_of("layer:place branch head:place class weight:share"), release=WHOLE
        ),
    }
    bounds = {"route_entropy": SHARE}
    reads = frozenset({"classifier", "dataset", "seed"})
    requires = frozenset({"routing"})
    max_rows: Rows = 1000
    n_resamples: Resamples = 1000

    def measure(self, context: MeasureContext) -> Measurement:
        rows = sample_rows(context, self.max_rows)
        test, target = context.dataset.test, context.dataset.schema.target
        drawn = Resampling.of(test).take(rows)
        branches, routes = routes_of(context, test.inputs[rows])
        entropy = normalised_entropy(routes.reshape(*routes.shape[:2], -1)).mean(axis=1)
        replicates = bootstrap(weighted_means(entropy), drawn, self.n_resamples, context.seed)
        score = self.score(
            "route_entropy",
            bootstrapped(replicates, len(rows), context.seed, SHARE),
            "none",
            note=message("notes.route_entropy.mean"),
        )
        names = ("layer", "branch", "head")
        tables = {
            "routes": _named(
                _grid_table(names, *mean_interval(drawn.per_unit(routes)), "weight"), branches
            )
        }
        if task_of(target).decides:
            tables["by_class"] = _by_class(routes, test.labels[rows], target.classes, branches)
        return Measurement((score,), tables)


def _named(table: pd.DataFrame, branches: list[str]) -> pd.DataFrame:
    return table.assign(branch=[branches[k] for k in table["branch"]])


def _by_class(
    routes: Floats, labels: Ints, classes: tuple[str, ...], branches: list[str]
) -> pd.DataFrame:
    """Mean weight of every head among the instances of each class (by label)."""
    frames = []
    for k, name in enumerate(classes):
        if not (labels == k).any():
            continue
        mean = routes[labels == k].mean(axis=0)
        table = _grid_table(("layer", "branch", "head"), mean, mean, mean, "weight")
        frames.append(table.drop(columns=["low", "high"]).assign(**{"class": name}))
    joined = _named(pd.concat(frames, ignore_index=True), branches)
    return joined[["layer", "branch", "head", "class", "weight"]]
