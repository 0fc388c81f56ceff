"""What the parts of a routed model do: load of the experts, weights of the heads, attention."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from deepseek_report.artifacts.protocols.classifier import Capability
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.score import Category, Measurement
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.intervals import Estimate, mean_interval
from deepseek_report.metrics.performance import SHARE
from deepseek_report.metrics.plugin import ModelMetric, Resamples, Rows
from deepseek_report.metrics.resampling import Replicates, bootstrap
from deepseek_report.metrics.token_labels import token_labels
from deepseek_report.metrics.tracing import array, routes_of, sample_rows, traces

Floats = NDArray[np.float64]

#: A row of attention sums to 1, or to 0 where the token is not there.
_THERE = 0.5


def normalised_entropy(weights: Floats) -> Floats:
    """Entropy of the last axis over the log of its length: 0 is one choice, 1 is all alike."""
    positive = np.maximum(weights, 1e-300)
    entropy = -(weights * np.log(positive)).sum(axis=-1)
    return np.asarray(entropy / math.log(max(weights.shape[-1], 2)))


def resampled(replicates: Replicates, n: int, seed: int, bounds: tuple[float, float]) -> Estimate:
    """A value with the interval of a bootstrap of instances."""
    low, high = replicates.interval(*bounds)
    draws = len(replicates.resamples)
    method = f"{replicates.method} bootstrap of instances, {draws} resamples, seed {seed}"
    return Estimate(float(replicates.value), float(low), float(high), n, method)


@dataclass(frozen=True)
class ExpertLoad(ModelMetric):
    """How evenly the experts are used, and which are not used at all."""

    category: ClassVar[Category] = "compute"
    reads: ClassVar[frozenset[str]] = frozenset({"classifier", "dataset", "seed"})
    requires: ClassVar[frozenset[Capability]] = frozenset({"experts"})
    max_rows: Rows = 1000
    unused_below: Annotated[float, Field(ge=0, lt=1)] = 0.1
    n_resamples: Resamples = 1000

    def measure(self, context: MeasureContext) -> Measurement:
        inputs = context.dataset.test.inputs[sample_rows(context, self.max_rows)]
        chosen = expert_choices(context, inputs)
        n, _, experts = chosen.shape
        replicates = bootstrap(
            lambda weights: _imbalance(weights, chosen),
            np.zeros(n, np.int64),
            self.n_resamples,
            np.random.default_rng(context.seed),
        )
        share, low, high = mean_interval(chosen)
        unused = int((share < self.unused_below / experts).sum())
        table = _grid_table(("layer", "expert"), share, low, high, "share")
        imbalance = resampled(replicates, n, context.seed, (1.0, float(experts)))
        scores = (
            imbalance.score(
                "expert_load_imbalance",
                "compute",
                "one",
                bounds=(1.0, float(experts)),
                note="Load of the busiest expert over an even share, in the most uneven layer.",
            ),
            Estimate(unused, None, None, n, "").score(
                "unused_experts",
                "compute",
                "zero",
                bounds=(0.0, float(share.size)),
                note=f"Of {share.size}: with under {100 * self.unused_below:.0f} % of an even "
                "share.",
            ),
        )
        notes = (
            f"Load is the share of choices over the tokens of {n} test rows; an expert that serves "
            "every token is not counted.",
        )
        return Measurement(scores, {"load": table}, notes=notes)


def expert_choices(context: MeasureContext, inputs: Floats) -> Floats:
    """(instance, layer, expert) share of an instance's choices that fell on each expert."""
    batches = []
    for _, layers in traces(context, inputs):
        sparse = [array(one.expert_weights) for one in layers if one.expert_weights is not None]
        if not sparse:
            raise NotApplicableError(
                f"model {context.classifier.name!r} has no layer of experts; leave this metric out."
            )
        counts = np.stack([(one > 0).sum(axis=1) for one in sparse], axis=1)
        batches.append(counts / counts.sum(axis=-1, keepdims=True))
    return np.concatenate(batches)


def _imbalance(weights: Floats, chosen: Floats) -> Floats:
    flat = chosen.reshape(len(chosen), -1)
    load = (weights @ flat / weights.sum(axis=1, keepdims=True)).reshape(-1, *chosen.shape[1:])
    return np.asarray((load.max(axis=-1) / load.mean(axis=-1)).max(axis=-1))


def _grid_table(
    names: tuple[str, ...], values: Floats, low: Floats, high: Floats, value: str
) -> pd.DataFrame:
    """One row per cell of an array, its position in the columns `names`."""
    places = np.indices(values.shape).reshape(values.ndim, -1)
    columns = dict(zip(names, places, strict=True))
    bounded = {"low": np.clip(low, 0, 1).ravel(), "high": np.clip(high, 0, 1).ravel()}
    return pd.DataFrame({**columns, value: values.ravel(), **bounded})


@dataclass(frozen=True)
class RouteEntropy(ModelMetric):
    """Whether the router prefers some heads for some inputs, or treats all alike."""

    category: ClassVar[Category] = "compute"
    reads: ClassVar[frozenset[str]] = frozenset({"classifier", "dataset", "seed"})
    requires: ClassVar[frozenset[Capability]] = frozenset({"routing"})
    max_rows: Rows = 1000
    n_resamples: Resamples = 1000

    def measure(self, context: MeasureContext) -> Measurement:
        rows = sample_rows(context, self.max_rows)
        test, target = context.dataset.test, context.dataset.schema.target
        branches, routes = routes_of(context, test.inputs[rows])
        entropy = normalised_entropy(routes.reshape(*routes.shape[:2], -1)).mean(axis=1)
        replicates = bootstrap(
            lambda weights: weights @ entropy / weights.sum(axis=1),
            np.zeros(len(rows), np.int64),
            self.n_resamples,
            np.random.default_rng(context.seed),
        )
        score = resampled(replicates, len(rows), context.seed, SHARE).score(
            "route_entropy",
            "compute",
            "none",
            bounds=SHARE,
            note="Mean over instances and layers, over the log of the number of heads; 1 means "
            "that all heads weigh alike.",
        )
        names = ("layer", "branch", "head")
        overall = _named(_grid_table(names, *mean_interval(routes), "weight"), branches)
        tables = {"routes": overall}
        if not target.is_number:
            tables["by_class"] = _by_class(routes, test.labels[rows], target.classes, branches)
        return Measurement((score,), tables)


def _named(table: pd.DataFrame, branches: list[str]) -> pd.DataFrame:
    return table.assign(branch=[branches[k] for k in table["branch"]])


def _by_class(
    routes: Floats, labels: NDArray[np.int64], classes: tuple[str, ...], branches: list[str]
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


@dataclass(frozen=True)
class Attention(ModelMetric):
    """Mean attention between features in every head, over the explained cases."""

    category: ClassVar[Category] = "explanation"
    reads: ClassVar[frozenset[str]] = frozenset({"classifier", "dataset", "cases", "seed"})
    requires: ClassVar[frozenset[Capability]] = frozenset({"attention"})
    max_rows: Rows = 1000

    def measure(self, context: MeasureContext) -> Measurement:
        rows = context.cases.explained[: self.max_rows]
        branches, mean, entropy = mean_attention(context, context.dataset.test.inputs[rows])
        _, low, high = mean_interval(entropy)
        found = Estimate(float(entropy.mean()), float(low), float(high), len(rows), "normal")
        score = found.score(
            "attention_entropy",
            "explanation",
            "none",
            bounds=SHARE,
            note="Mean over instances, heads and tokens, over the log of the number of tokens; a "
            "branch that looks at neighbours alone cannot reach 1.",
        )
        tables = {
            "tokens": _token_table(context),
            "branches": pd.DataFrame({"branch": branches}),
        }
        notes = ("Attention shows where a head looks, not what decides the output.",)
        return Measurement((score,), tables, {"mean": mean}, notes)


def mean_attention(context: MeasureContext, inputs: Floats) -> tuple[list[str], Floats, Floats]:
    """Branches; (layer, branch, head, query, key) mean attention; (instance,) mean entropy.

    The mean of a query is taken over the instances in which that token is there; a token that is
    nowhere there has a row of 0.
    """
    branches: list[str] = []
    total, present, entropies = np.zeros(()), np.zeros(()), []
    for _, layers in traces(context, inputs):
        maps = [layer.attention for layer in layers if layer.attention is not None]
        if not maps:
            raise NotApplicableError(
                f"model {context.classifier.name!r} has no attention layer; leave this metric out."
            )
        branches = list(maps[0])
        parts = [[_summed(array(one[branch])) for branch in branches] for one in maps]
        total = total + np.array([[part[0] for part in layer] for layer in parts])
        present = present + np.array([[part[1] for part in layer] for layer in parts])
        each = np.array([[part[2:] for part in layer] for layer in parts])
        entropies.append(each[:, :, 0].sum(axis=(0, 1)) / each[:, :, 1].sum(axis=(0, 1)))
    mean = total / np.maximum(present, 1)[..., None]
    return branches, mean, np.concatenate(entropies)


def _summed(attention: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Sums of (instance, head, query, key) attention, over the queries that are there.

    (head, query, key) weights and (head, query) counts over the instances; (instance,) entropy
    and (instance,) counts over heads and queries.
    """
    there = attention.sum(axis=-1) > _THERE
    entropy = np.where(there, normalised_entropy(attention), 0.0)
    counts = there.sum(axis=0).astype(np.float64)
    return attention.sum(axis=0), counts, entropy.sum(axis=(1, 2)), there.sum(axis=(1, 2)) * 1.0


def _token_table(context: MeasureContext) -> pd.DataFrame:
    schema = context.dataset.schema
    tokens = context.classifier.module.token_columns
    names = [schema.names[columns[0]] if len(columns) == 1 else "" for columns in tokens]
    return pd.DataFrame(
        {
            "token": range(len(tokens)),
            "feature": names,
            "label": token_labels(schema, tokens),
        }
    )
