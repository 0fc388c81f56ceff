"""What heads and experts do: where attention looks, and what routers give to each."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.array_types import Bools, Floats, Ints
from deepseek_report.artifacts.disclosure import WHOLE, TableRelease
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.rounding import span
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.table import TableType, columns_of
from deepseek_report.artifacts.table_rows import BARE_ENDS
from deepseek_report.data_kinds import DataKind, kind_of
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.internals import tracing
from deepseek_report.metrics.plugin import ComputeMetric, EntityMetric, Resamples, Rows
from deepseek_report.statistics import resampling
from deepseek_report.statistics.intervals import SHARE, mean_interval
from deepseek_report.tasks import task_of

SUMMARY, END = "summary", "end of the text"


def token_labels(schema: Schema, token_columns: Sequence[Sequence[int]]) -> list[str]:
    """One label a token: "summary", "Age", "rows 5–8 × columns 9–12", "steps 12–22", "word 3".

    A token whose columns are those of a player is called as the player is; one without columns
    behind all others is the end of the text.
    """
    kind = kind_of(schema)
    if kind.named_columns:
        return [_named(schema.labels, columns) for columns in token_columns]
    players = {
        frozenset(np.flatnonzero(schema.owners == player).tolist()): label
        for player, label in enumerate(schema.player_labels)
    }
    last = max((k for k, columns in enumerate(token_columns) if len(columns)), default=0)
    return [
        players.get(frozenset(columns)) or _place(kind, columns)
        if len(columns)
        else (SUMMARY if k <= last else END)
        for k, columns in enumerate(token_columns)
    ]


def _named(labels: Sequence[str], columns: Sequence[int]) -> str:
    """The features of a token; of many the first and the last."""
    if not len(columns):
        return SUMMARY
    first, last = labels[columns[0]], labels[columns[-1]]
    return first if len(columns) == 1 else f"{first} to {last}"


def _place(kind: DataKind, columns: Sequence[int]) -> str:
    places = np.unravel_index(np.asarray(columns), kind.shape)
    return " × ".join(
        span(word, int(axis.min()), int(axis.max()) + 1)
        for word, axis in zip(kind.axes, places, strict=False)
    )


#: A row of attention sums to 1, or to 0 where the token is not there.
_THERE = 0.5


@dataclass(frozen=True)
class AttentionToken:
    """What a token is called, in the order of the maps: a row of `attention.tokens`."""

    token: Annotated[int, "place"]
    feature: str
    label: str


@dataclass(frozen=True)
class AttentionBranch:
    """A branch of attention, in the order of the maps: a row of `attention.branches`."""

    branch: str


@dataclass(frozen=True)
class Attention(EntityMetric):
    """Mean attention between features in every head, over the explained cases."""

    reveals = "aggregate"
    tables = {
        "tokens": TableType.of(AttentionToken, release=WHOLE),
        "branches": TableType.of(AttentionBranch, release=WHOLE),
    }
    released_arrays = frozenset({"mean", "even", "there"})
    bounds = {"attention_entropy": SHARE}
    category = "explanation"
    reads = frozenset({"classifier", "dataset", "cases", "seed"})
    requires = frozenset({"attention"})
    max_rows: Rows = 1000

    def measure(self, context: MeasureContext) -> Measurement:
        rows = context.cases.explained[: self.max_rows]
        attention = mean_attention(context, context.dataset.test.inputs[rows])
        drawn = resampling.Resampling.of(context.dataset.test).take(rows)
        _, low, high = mean_interval(drawn.per_unit(attention.entropy))
        entropy = Estimate(
            float(attention.entropy.mean()), float(low), float(high), len(rows), "normal"
        )
        score = self.score(
            "attention_entropy", entropy, "none", note=message("notes.attention.entropy")
        )
        return Measurement(
            (score,),
            {
                "tokens": _token_table(context),
                "branches": pd.DataFrame({"branch": attention.branches}),
            },
            {"mean": attention.mean, "even": attention.even, "there": attention.present},
            (message("notes.attention.no_reason"),),
        )


@dataclass(frozen=True)
class MeanAttention:
    """Where the heads look on average, and where they would look without any preference.

    mean : (layer, branch, head, query, key). even : (layer, branch, query, key), the same if each
    query looked alike at every token that it can see: in a text of three words a third, in a model
    that reads from left to right nothing of the words that follow. Both are means over the
    instances in which the query is there; one that is nowhere there has a row of 0. present :
    (query,) share of the instances that have it. entropy : (instance,).
    """

    branches: list[str]
    mean: Floats
    even: Floats
    present: Floats
    entropy: Floats


def mean_attention(context: MeasureContext, inputs: Floats) -> MeanAttention:
    """Attention of the instances, see `MeanAttention`.

    A token counts as seen where any head of the branch gives it a weight above 0.
    """
    branches: list[str] = []
    total, even, present, entropies = np.zeros(()), np.zeros(()), np.zeros(()), []
    for _, layers in tracing.traces(context, inputs):
        maps = [layer.attention for layer in layers if layer.attention is not None]
        if not maps:
            raise NotApplicableError(
                message("refusals.no_layers.attention", model=context.classifier.name)
            )
        branches = list(maps[0])
        parts = [[_summed(tracing.array(layer[branch])) for branch in branches] for layer in maps]
        total = total + np.array([[part.weights for part in layer] for layer in parts])
        even = even + np.array([[part.even for part in layer] for layer in parts])
        present = present + np.array([[part.queries for part in layer] for layer in parts])
        spread = np.array([[part.entropy for part in layer] for layer in parts]).sum(axis=(0, 1))
        counts = np.array([[part.counts for part in layer] for layer in parts]).sum(axis=(0, 1))
        entropies.append(spread / np.maximum(counts, 1))
    known = np.maximum(present, 1)
    return MeanAttention(
        branches,
        mean=total / known[..., None],
        even=even / known[:, :, 0, :, None],
        present=present[0, 0, 0] / len(inputs),
        entropy=np.concatenate(entropies),
    )


@dataclass(frozen=True)
class _Sums:
    """Of a batch, over the queries that are there.

    weights : (head, query, key), even : (query, key) and queries : (head, query) over the
    instances; entropy and counts : (instance,) over heads and the queries that can choose.
    """

    weights: Floats
    even: Floats
    queries: Floats
    entropy: Floats
    counts: Floats


def _summed(attention: Floats) -> _Sums:
    """(instance, head, query, key) attention, see `_Sums`."""
    present = attention.sum(axis=-1) > _THERE
    seen = (attention > 0).any(axis=1)
    most = seen.sum(axis=-1)
    choosing = present & (most > 1)[:, None]
    entropy = tracing.normalised_entropy(attention) * math.log(max(attention.shape[-1], 2))
    entropy = np.where(choosing, entropy / np.log(np.maximum(most, 2))[:, None], 0.0)
    return _Sums(
        weights=attention.sum(axis=0),
        even=(seen / np.maximum(most, 1)[..., None]).sum(axis=0),
        queries=present.sum(axis=0).astype(np.float64),
        entropy=entropy.sum(axis=(1, 2)),
        counts=choosing.sum(axis=(1, 2)).astype(np.float64),
    )


def _token_table(context: MeasureContext) -> pd.DataFrame:
    schema = context.dataset.schema
    tokens = context.classifier.module.token_columns
    return pd.DataFrame(
        {
            "token": range(len(tokens)),
            "feature": [
                schema.names[columns[0]] if len(columns) == 1 else "" for columns in tokens
            ],
            "label": token_labels(schema, tokens),
        }
    )


@dataclass(frozen=True)
class ExpertShare:
    """The share of a layer's work that an expert is given: a row of `expert_load.load`."""

    layer: Annotated[int, "place"]
    expert: Annotated[int, "place"]
    share: Annotated[Estimate, "share", BARE_ENDS]


@dataclass(frozen=True)
class AskedExpert:
    """How often an expert is given a kind of token or of case: a row of `expert_load.asked`.

    attribute : of cases; empty for tokens. load : the expert's share of all work of its layer. n :
    cases that have it.
    """

    layer: Annotated[int, "place"]
    expert: Annotated[int, "place"]
    attribute: Annotated[str, "attribute"]
    label: str
    share: Annotated[Estimate, "share", BARE_ENDS]
    load: Annotated[float, "share"]
    n: int

    @property
    def times(self) -> float:
        """As a multiple of its share of all work."""
        return self.share.value / max(self.load, 1e-9)


@dataclass(frozen=True)
class HeadWeight:
    """The weight that the router gives a head: a row of `route_entropy.routes`."""

    layer: Annotated[int, "place"]
    branch: str
    head: Annotated[int, "place"]
    weight: Annotated[Estimate, "share", BARE_ENDS]


@dataclass(frozen=True)
class ExpertLoad(ComputeMetric):
    """How the work falls on the experts: how evenly, and which tokens and cases each is given.

    Of texts a token is a word, of tables a feature, else a place; words are looked at that
    `min_rows` of the rows have, at most a hundred of them. How much work an expert is given does
    not say whether it is needed: see `ablation`.
    """

    reveals = "aggregate"
    tables = {
        "load": TableType.of(ExpertShare, "bottlenecks", folded=True, release=WHOLE),
        "asked": TableType.of(
            AskedExpert, "bottlenecks", folded=True, most=12, release=TableRelease(counts=("n",))
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
        rows, test = tracing.sample_rows(context, self.max_rows), context.dataset.test
        inputs, drawn = test.inputs[rows], resampling.Resampling.of(test).take(rows)
        choices, layers = expert_choices(context, inputs)
        counts = [layer.sum(axis=1) for layer in choices]
        chosen = np.stack([n / n.sum(axis=-1, keepdims=True) for n in counts], axis=1)
        n, _, experts = chosen.shape
        draws = drawn, self.n_resamples, context.seed
        replicates = resampling.bootstrap(lambda weights: _imbalance(weights, chosen), *draws)
        share, low, high = mean_interval(drawn.per_unit(chosen))
        unused = int((share < self.unused_below / experts).sum())
        load = ((layers[at], expert, size) for (at, expert), size in _estimates(share, low, high))
        imbalance = resampling.bootstrapped(replicates, n, context.seed, (1.0, float(experts)))
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
        return Measurement(
            scores, {"load": self.frame("load", load), "asked": subjects}, notes=notes
        )

    def _subjects(
        self,
        context: MeasureContext,
        rows: Ints,
        drawn: resampling.Resampling,
        choices: Mapping[int, Floats],
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
            if row.n >= self.min_rows
        ]
        cells.sort(key=lambda row: row.share.value - row.load, reverse=True)
        return self.frame("asked", cells)

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
    layer: int, chosen: Floats, kind: tuple[str, str, Bools], drawn: resampling.Resampling
) -> Iterator[AskedExpert]:
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
    ends = np.clip(low, 0, 1), np.clip(high, 0, 1)
    for expert, part in enumerate(zip(share, *ends, strict=True)):
        value, least, most = map(float, part)
        size, n = Estimate(value, least, most), int(having.sum())
        yield AskedExpert(layer, expert, attribute, label, size, float(load[expert]), n)


def expert_choices(context: MeasureContext, inputs: Floats) -> tuple[list[Floats], list[int]]:
    """Of each layer with experts (instance, token, expert) whether it was chosen.

    With it the positions in the model of these layers.
    """
    batches: list[list[Floats]] = []
    places: list[int] = []
    for _, layers in tracing.traces(context, inputs):
        weights = [layer.expert_weights for layer in layers]
        known = [(k, each) for k, each in enumerate(weights) if each is not None]
        if not known:
            raise NotApplicableError(
                message("refusals.no_layers.experts", model=context.classifier.name)
            )
        places = [k for k, _ in known]
        batches.append([(tracing.array(each) > 0).astype(float) for _, each in known])
    return [np.concatenate(parts) for parts in zip(*batches, strict=True)], places


def _imbalance(weights: Floats, chosen: Floats) -> Floats:
    flat = resampling.weighted_means(chosen.reshape(len(chosen), -1))(weights)
    load = flat.reshape(-1, *chosen.shape[1:])
    return np.asarray((load.max(axis=-1) / load.mean(axis=-1)).max(axis=-1))


def _estimates(
    shares: Floats, low: Floats, high: Floats
) -> Iterator[tuple[tuple[int, ...], Estimate]]:
    """Each place in an array of shares with the one there; its interval lies between 0 and 1."""
    numbers = shares, np.clip(low, 0, 1), np.clip(high, 0, 1)
    for place in np.ndindex(shares.shape):
        share, least, most = (float(each[place]) for each in numbers)
        yield place, Estimate(share, least, most)


@dataclass(frozen=True)
class RouteEntropy(ComputeMetric):
    """Whether the router prefers some heads for some inputs, or treats all alike."""

    reveals = "aggregate"
    tables = {
        "routes": TableType.of(HeadWeight, "explanations", folded=True, release=WHOLE),
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
        rows = tracing.sample_rows(context, self.max_rows)
        test, target = context.dataset.test, context.dataset.schema.target
        drawn = resampling.Resampling.of(test).take(rows)
        branches, routes = tracing.routes_of(context, test.inputs[rows])
        entropy = tracing.normalised_entropy(routes.reshape(*routes.shape[:2], -1)).mean(axis=1)
        replicates = resampling.bootstrap(
            resampling.weighted_means(entropy), drawn, self.n_resamples, context.seed
        )
        score = self.score(
            "route_entropy",
            resampling.bootstrapped(replicates, len(rows), context.seed, SHARE),
            "none",
            note=message("notes.route_entropy.mean"),
        )
        weights = _estimates(*mean_interval(drawn.per_unit(routes)))
        tables = self.frames(
            routes=((layer, branches[k], head, weight) for (layer, k, head), weight in weights)
        )
        if task_of(target).decides:
            by_class = _by_class(routes, test.labels[rows], target.classes, branches)
            tables |= self.frames(by_class=by_class)
        return Measurement((score,), tables)


def _by_class(
    routes: Floats, labels: Ints, classes: tuple[str, ...], branches: list[str]
) -> Iterator[tuple[int, str, int, str, float]]:
    """Mean weight of every head among the instances of each class (by label)."""
    for k, name in enumerate(classes):
        if (labels == k).any():
            mean = routes[labels == k].mean(axis=0)
            for layer, branch, head in np.ndindex(mean.shape):
                yield layer, branches[branch], head, name, float(mean[layer, branch, head])
