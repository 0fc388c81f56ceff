"""Where attention heads look, and where they would look without any preference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deepseek_report.artifacts.array_types import Floats, Ints
from deepseek_report.artifacts.disclosure import WHOLE
from deepseek_report.artifacts.estimate import Estimate
from deepseek_report.artifacts.measurement import Measurement
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Schema
from deepseek_report.artifacts.table import Column, TableType, columns_of
from deepseek_report.data_kinds import DataKind, kind_of
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.internals.tracing import array, normalised_entropy, traces
from deepseek_report.metrics.plugin import ModelMetric, Rows
from deepseek_report.statistics.intervals import SHARE, mean_interval
from deepseek_report.statistics.resampling import Resampling

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
    return " × ".join(_span(word, axis) for word, axis in zip(kind.axes, places, strict=False))


def _span(word: str, places: Ints) -> str:
    """`step 3`, `steps 3–7`; people count from 1."""
    first, last = int(places.min()) + 1, int(places.max()) + 1
    return f"{word} {first}" if first == last else f"{word}s {first}–{last}"


#: A row of attention sums to 1, or to 0 where the token is not there.
_THERE = 0.5


@dataclass(frozen=True)
class AttentionToken:
    """What a token is called, in the order of the maps: a row of `attention.tokens`."""

    label: str


@dataclass(frozen=True)
class AttentionBranch:
    """A branch of attention, in the order of the maps: a row of `attention.branches`."""

    branch: str


@dataclass(frozen=True)
class Attention(ModelMetric):
    """Mean attention between features in every head, over the explained cases."""

    counts_entities = True
    reveals = "aggregate"
    tables = {
        "tokens": TableType(
            columns_of("token:place feature label"), release=WHOLE, row=AttentionToken
        ),
        "branches": TableType((Column("branch"),), release=WHOLE, row=AttentionBranch),
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
        drawn = Resampling.of(context.dataset.test).take(rows)
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
    for _, layers in traces(context, inputs):
        maps = [layer.attention for layer in layers if layer.attention is not None]
        if not maps:
            raise NotApplicableError(
                message("refusals.no_layers.attention", model=context.classifier.name)
            )
        branches = list(maps[0])
        parts = [[_summed(array(layer[branch])) for branch in branches] for layer in maps]
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
    entropy = normalised_entropy(attention) * math.log(max(attention.shape[-1], 2))
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
