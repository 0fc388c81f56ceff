"""What the parts of a routed model do: load of the experts, weights of the heads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.disclosure import WHOLE, TableRelease
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.table import Column, TableType, columns_of, estimate
from deepseek_report.data_kinds import kind_of
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.internals.attention import token_labels
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
class ExpertShare:
    """The share of a layer's work that an expert is given: a row of `expert_load.load`."""

    layer: int
    expert: int
    share: Estimate


@dataclass(frozen=True)
class AskedExpert:
    """How often an expert is given a kind of token or of case: a row of `expert_load.asked`.

    attribute : of cases; empty for tokens. load : the expert's share of all work of its layer.
    """

    layer: int
    expert: int
    attribute: str
    label: str
    share: float
    load: float

    @property
    def times(self) -> float:
        """As a multiple of its share of all work."""
        return self.share / max(self.load, 1e-9)


@dataclass(frozen=True)
class HeadWeight:
    """The weight that the router gives a head: a row of `route_entropy.routes`."""

    layer: int
    branch: str
    head: int
    weight: Estimate


@dataclass(frozen=True)
class ExpertLoad(ComputeMetric):
    """How the work falls on the experts: how evenly, and which tokens and cases each is given.

    Of texts a token is a word, of tables a feature, else a place; words are looked at that
    `min_rows` of the rows have, at most a hundred of them. How much work an expert is given does
    not say whether it is needed: see `ablation`.
    """

    reveals = "aggregate"
    tables = {
        "load": TableType(
            (*columns_of("layer:place expert:place"), estimate("share", "share")),
            section="bottlenecks",
            folded=True,
            release=WHOLE,
            row=ExpertShare,
        ),
        "asked": TableType(
            (
                *columns_of("layer:place expert:place"),
                Column("attribute", "attribute"),
                *columns_of("label"),
                estimate("share", "share"),
                *columns_of("load:share n:count"),
            ),
            section="bottlenecks",
            folded=True,
            most=12,
            release=TableRelease(counts=("n",)),
            row=AskedExpert,
        ),
    }
    bounds = {"expert_load_imbalance": (1.0, None), "unused_experts": (0.0, None)}
    reads = frozenset({"classifier", "dataset", "seed"})
    requires = frozenset({"experts"})
    max_rows: Rows = 1000
    unused_below: Annotated[float, Field(ge=0, lt=1)] = 0.1
    min_rows: Annotated[int, Field(ge=2)] = 30
    n_resamples: Resamples = 1000

    def measure(self, context: MeasureContext) -> Measurement:
        rows, test = sample_rows(context, self.max_rows), context.dataset.test
        inputs, drawn = test.inputs[rows], Resampling.of(test).take(rows)
        choices, layers = expert_choices(context, inputs)
        counts = [layer.sum(axis=1) for layer in choices]
        chosen = np.stack([n / n.sum(axis=-1, keepdims=True) for n in counts], axis=1)
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
        subjects = self._subjects(context, rows, drawn, dict(zip(layers, choices, strict=True)))
        notes = (message("notes.expert_load.load", n=n),)
        return Measurement(scores, {"load": table, "asked": subjects}, notes=notes)

    def _subjects(
        self, context: MeasureContext, rows: Ints, drawn: Resampling, choices: Mapping[int, Floats]
    ) -> pd.DataFrame:
        """What each expert is given of each kind of token, and of each part of the data."""
        schema, test = context.dataset.schema, context.dataset.test
        tokens = context.classifier.module.token_columns
        kinds = list(self._tokens(schema, test.inputs[rows], tokens))
        for attribute in test.groups:
            codes = test.groups[attribute][rows]
            for code, level in enumerate(schema.attribute(attribute).levels):
                inside = np.repeat((codes == code)[:, None], len(tokens), axis=1)
                kinds.append((attribute, level, inside))
        cells = [
            row
            for layer, chosen in choices.items()
            for kind in kinds
            for row in _shares(layer, chosen, kind, drawn)
            if row["n"] >= self.min_rows
        ]
        cells.sort(key=lambda row: row["share"] - row["load"], reverse=True)
        return self.tables["asked"].frame(cells)

    def _tokens(
        self, schema: Schema, inputs: Floats, tokens: Sequence[Sequence[int]]
    ) -> Iterator[tuple[str, str, Bools]]:
        """The kinds of tokens: "", what they are called, and where (instance, token) they are."""
        if not kind_of(schema).quotes:
            for at, label in enumerate(token_labels(schema, tokens)):
                where = np.zeros((len(inputs), len(tokens)), bool)
                where[:, at] = True
                yield "", label, where
            return
        words = np.full((len(inputs), len(tokens)), -1)
        for at, columns in enumerate(tokens):
            if len(columns) == 1:
                words[:, at] = np.nan_to_num(inputs[:, columns[0]], nan=-1)
        spread = np.bincount(np.concatenate([np.unique(row[row >= 0]) for row in words]))
        common = np.flatnonzero(spread >= self.min_rows)
        for word in common[np.argsort(-spread[common], kind="stable")][:_WORDS]:
            yield "", schema.vocabulary[word], words == word


#: So many words of texts are looked at.
_WORDS = 100


def _shares(
    layer: int, chosen: Floats, kind: tuple[str, str, Bools], drawn: Resampling
) -> Iterator[dict[str, Any]]:
    """Of the choices of some tokens the share of each expert, beside its share of all."""
    attribute, label, where = kind
    counts = (chosen * where[..., None]).sum(axis=1)
    having = counts.sum(axis=-1) > 0
    if having.sum() < 2:
        return
    of_case = counts[having] / counts[having].sum(axis=-1, keepdims=True)
    share, low, high = mean_interval(drawn.take(having).per_unit(of_case))
    whole = chosen.sum(axis=1)
    load = (whole / whole.sum(axis=-1, keepdims=True)).mean(axis=0)
    for expert in range(len(share)):
        yield {
            "layer": layer,
            "expert": expert,
            "attribute": attribute,
            "label": label,
            "share": float(share[expert]),
            "low": float(np.clip(low[expert], 0, 1)),
            "high": float(np.clip(high[expert], 0, 1)),
            "load": float(load[expert]),
            "n": int(having.sum()),
        }


def expert_choices(context: MeasureContext, inputs: Floats) -> tuple[list[Floats], list[int]]:
    """Of each layer with experts (instance, token, expert) whether it was chosen.

    With it the positions in the model of these layers.
    """
    batches: list[list[Floats]] = []
    places: list[int] = []
    for _, layers in traces(context, inputs):
        places = [k for k, layer in enumerate(layers) if layer.expert_weights is not None]
        if not places:
            raise NotApplicableError(
                message("refusals.no_layers.experts", model=context.classifier.name)
            )
        batches.append([(array(layers[k].expert_weights) > 0).astype(float) for k in places])
    return [np.concatenate(parts) for parts in zip(*batches, strict=True)], places


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
            row=HeadWeight,
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
