"""A small tree that stands for the model, and how faithfully it does on rows it has not seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from deepseek_report.artifacts.array_types import Floats
from deepseek_report.artifacts.disclosure import TableRelease
from deepseek_report.artifacts.message import message
from deepseek_report.artifacts.predictions import Predictions
from deepseek_report.artifacts.protocols.metrics import MeasureContext
from deepseek_report.artifacts.schema import Feature, Schema
from deepseek_report.artifacts.score import Measurement, Score
from deepseek_report.artifacts.table import TableType, columns_of
from deepseek_report.errors import NotApplicableError
from deepseek_report.metrics.explanations.feature_effects import sampled
from deepseek_report.metrics.plugin import ModelMetric, Resamples
from deepseek_report.statistics.intervals import SHARE
from deepseek_report.statistics.resampling import Resampling, bootstrap, bootstrapped
from deepseek_report.statistics.small_trees import SmallTree, SplitColumn, TreeNode, split_columns
from deepseek_report.tasks import task_of

#: Share of the sampled rows that a leaf holds at least, and rows.
_LEAST_SHARE, _FEWEST = 0.01, 10
_REFERENCE = "Craven & Shavlik 1995; Bastani et al. 2017, arXiv:1705.08504"


@dataclass(frozen=True)
class SurrogateTree(ModelMetric):
    """A small regression tree fitted to the model's output, and its fidelity on the test part.

    Fidelity is R² of the output, 1 where the tree gives what the model gives, and with two classes
    the share of decisions that are the same at the model's threshold. The tree is a summary of the
    model, not the model, and no better than its fidelity.

    depth, leaves : of the tree, at most. rows : of the training part that the model is asked about.
    n_resamples : draws for bootstrap intervals.

    Reference: Craven & Shavlik 1995 (trees extracted from networks).
    """

    counts_entities = True
    reveals = "aggregate"
    modalities = frozenset({"table"})
    tables = {
        "rules": TableType(
            (
                *columns_of("rule n:count share:share"),
                *columns_of("value_share:share value:number model_share:share", optional=True),
                *columns_of("model:number", optional=True),
            ),
            section="explanations",
            folded=True,
            release=TableRelease(counts=("n",), lines=((),)),
        ),
        "nodes": TableType(
            (
                *columns_of("node:count parent:number goes_left:yes_no depth:count label split"),
                *columns_of("is_category:yes_no value:number share:share n:count"),
            ),
            release=TableRelease(counts=("n",), lines=(("depth",),)),
        ),
    }
    bounds = {"surrogate_fidelity": (None, 1.0), "surrogate_agreement": SHARE}
    category = "explanation"
    reads = frozenset({"classifier", "dataset", "predictions", "seed"})

    depth: Annotated[int, Field(ge=1, le=4)] = 4
    leaves: Annotated[int, Field(ge=2, le=10)] = 8
    rows: Annotated[int, Field(ge=100, le=1_000_000)] = 2000
    n_resamples: Resamples = 500

    def measure(self, context: MeasureContext) -> Measurement:
        data, p = context.dataset, context.predictions
        schema, target = data.schema, data.schema.target
        sample = sampled(data.train, self.rows, context.seed)
        outputs = context.classifier.probabilities(sample)[:, target.explained]
        of_test = p.scores if task_of(target).decides else p.values
        if not (np.ptp(outputs) > 0 and np.ptp(of_test) > 0):
            raise NotApplicableError(message("refusals.constant_output"))
        fewest = max(_FEWEST, math.ceil(_LEAST_SHARE * len(sample)))
        size = {"depth": self.depth, "leaves": self.leaves, "fewest": fewest}
        tree = SmallTree.fit(sample, outputs, _columns(schema), **size)
        fitted = tree.predict(data.test.inputs)
        passes = tree.passes(data.test.inputs)
        scores = [self._fidelity(of_test, fitted, context.seed, Resampling.of(p))]
        if p.threshold is not None and len(target.classes) == 2:
            scores.append(_agreement(p, fitted))
        return Measurement(
            scores=tuple(scores),
            tables={
                "rules": _rules(tree, schema, passes, of_test),
                "nodes": _node_table(tree, schema, passes),
            },
            notes=(message("notes.surrogate_tree.method", rows=len(sample), n=len(p)),),
        )

    def _fidelity(self, outputs: Floats, fitted: Floats, seed: int, drawn: Resampling) -> Score:
        """R² of the tree's output against the model's, over the test part."""
        squares, errors = outputs**2, (outputs - fitted) ** 2

        def statistic(weights: Floats) -> Floats:
            total = weights.sum(axis=1)
            spread = (weights @ squares) / total - ((weights @ outputs) / total) ** 2
            return np.asarray(1 - (weights @ errors) / total / np.maximum(spread, 1e-300))

        replicates = bootstrap(statistic, drawn, self.n_resamples, seed)
        explained = bootstrapped(replicates, len(outputs), seed, (-math.inf, 1.0))
        return self.score("surrogate_fidelity", explained, "higher", reference=_REFERENCE)


def _agreement(p: Predictions, fitted: Floats) -> Score:
    """The share of decisions that are the same, beside that of the best constant decision."""
    decided = p.decisions == p.explained
    same = (fitted >= (p.threshold or 0.0)) == decided
    constant = max(float(decided.mean()), float((~decided).mean()))
    return SurrogateTree.score(
        "surrogate_agreement",
        Resampling.of(p).rate(same),
        "higher",
        unit="share",
        note=message("notes.surrogate_tree.constant", constant=constant),
    )


def _columns(schema: Schema) -> list[SplitColumn]:
    return split_columns(
        [len(f.categories) if f.kind == "categorical" else 0 for f in schema.features]
    )


def _node_table(tree: SmallTree, schema: Schema, passes: Any) -> pd.DataFrame:
    rows = []
    for place, node in enumerate(tree.nodes):
        feature, inside = _feature(node, schema), passes[:, place]
        rows.append(
            {
                "node": place,
                "parent": float(node.parent),
                "goes_left": node.goes_left,
                "depth": node.depth,
                "label": feature.label if feature else "",
                "split": _split(node, feature) if feature else "",
                "is_category": bool(node.column and node.column.category is not None),
                "value": node.value,
                "share": float(inside.mean()),
                "n": int(inside.sum()),
            }
        )
    return pd.DataFrame(rows)


def _feature(node: TreeNode, schema: Schema) -> Feature | None:
    return schema.features[node.column.feature] if node.column else None


def _split(node: TreeNode, feature: Feature) -> str:
    """The value that a node is divided at: a number, the last category on the left, or the one."""
    category = node.column.category if node.column else None
    if category is not None:
        return feature.display(category)
    return feature.display(node.split if feature.is_numeric else math.floor(node.split))


def _rules(tree: SmallTree, schema: Schema, passes: Any, outputs: Floats) -> pd.DataFrame:
    """Each leaf by the conditions on the way to it, the lowest value first."""
    is_number = not task_of(schema.target).decides
    value, model = ("value", "model") if is_number else ("value_share", "model_share")
    rows = []
    for place in tree.leaves:
        inside = passes[:, place]
        rows.append(
            {
                "rule": " and ".join(_conditions(tree.nodes, int(place), schema)),
                "n": int(inside.sum()),
                "share": float(inside.mean()),
                value: tree.nodes[place].value,
                model: float(outputs[inside].mean()) if inside.any() else math.nan,
            }
        )
    return pd.DataFrame(rows).sort_values(value, kind="stable", ignore_index=True)


def _conditions(nodes: Sequence[TreeNode], place: int, schema: Schema) -> list[str]:
    """What holds on the way to a node from the root, one condition a feature of numbers."""
    spans: dict[int, tuple[float | None, float | None]] = {}
    categories: dict[tuple[int, int], bool] = {}
    for node, goes_left in _way(nodes, place):
        if node.column is None:
            continue
        feature, category = node.column.feature, node.column.category
        if category is not None:
            categories[feature, category] = not goes_left
            continue
        low, high = spans.get(feature, (None, None))
        spans[feature] = (low, node.split) if goes_left else (node.split, high)
    return [
        *(_span(schema.features[feature], *span) for feature, span in spans.items()),
        *(
            _is(schema.features[feature], category, holds)
            for (feature, category), holds in categories.items()
        ),
    ]


def _way(nodes: Sequence[TreeNode], place: int) -> list[tuple[TreeNode, bool]]:
    """The nodes above a node, the root first, and whether the way goes left there."""
    way = []
    while (parent := nodes[place].parent) >= 0:
        way.append((nodes[parent], nodes[place].goes_left))
        place = parent
    return way[::-1]


def _is(feature: Feature, category: int, holds: bool) -> str:
    name = feature.display(category)
    return f"{feature.label} is “{name}”" if holds else f"{feature.label} is not “{name}”"


def _span(feature: Feature, low: float | None, high: float | None) -> str:
    def show(value: float) -> str:
        return feature.display(value if feature.is_numeric else math.floor(value))

    parts = [*([f"over {show(low)}"] if low is not None else [])]
    parts += [f"up to {show(high)}"] if high is not None else []
    return f"{feature.label} is {', '.join(parts)}"
